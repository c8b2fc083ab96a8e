use std::collections::BTreeMap;

use super::*;
use crate::{
    api::{
        CheckResult, NodeResult, VMRuntimePreflightCheckStatus,
        preflight_check::VMRuntimePreflightCheckSpec,
    },
    render::{Page, Style, paint},
};

fn result(name: &str, passed: bool, message: &str) -> CheckResult {
    CheckResult {
        check_name: name.to_owned(),
        passed,
        message: (!message.is_empty()).then(|| message.to_owned()),
    }
}

/// A check with a good node, one without KVM, one without vsock and one that nobody could ask.
pub fn mixed() -> PreflightReport {
    let node = |passed, results| NodeResult {
        passed,
        results,
        ..NodeResult::default()
    };
    let mut check = VMRuntimePreflightCheck::new("manual", VMRuntimePreflightCheckSpec::default());
    check.status = Some(VMRuntimePreflightCheckStatus {
        pass: Some(false),
        unknown_node_num: Some(1),
        checks: BTreeMap::from([
            (
                "worker-0".to_owned(),
                node(
                    true,
                    vec![
                        result("VSOCK", true, ""),
                        result("CPU", true, ""),
                        result("KVM", true, ""),
                    ],
                ),
            ),
            (
                "worker-1".to_owned(),
                node(
                    false,
                    vec![
                        result("VSOCK", true, ""),
                        result("CPU", true, ""),
                        result(
                            "KVM",
                            false,
                            "command terminated with exit code 1\nls: /mnt/dev/kvm: \x1b[31mNo such file",
                        ),
                    ],
                ),
            ),
            (
                "worker-2".to_owned(),
                node(
                    true,
                    vec![
                        result("VSOCK", false, "no /dev/vhost-vsock"),
                        result("CPU", true, ""),
                        result("KVM", true, ""),
                    ],
                ),
            ),
            (
                "worker-3".to_owned(),
                NodeResult {
                    unknown: Some(true),
                    message: Some("node is not ready".to_owned()),
                    ..NodeResult::default()
                },
            ),
        ]),
        ..VMRuntimePreflightCheckStatus::default()
    });
    PreflightReport::new(&check, &|check| {
        Some(Explanation {
            check: check.to_owned(),
            cause: format!("{check} is missing on the node."),
            fix: "Load the kernel module that offers it, and check again.".to_owned(),
        })
    })
}

fn text(width: Option<usize>, unicode: bool) -> String {
    let mut page = Page::new(Style { width, unicode });
    mixed().text(&mut page);
    paint(&page.finish(), false)
}

const DETAILS: &str = "
✗ KVM failed on worker-1
    command terminated with exit code 1
    ls: /mnt/dev/kvm: No such file
  cause: KVM is missing on the node.
  fix:   Load the kernel module that offers it, and check again.

! VSOCK failed on worker-2 (VMs run without it)
    no /dev/vhost-vsock
  cause: VSOCK is missing on the node.
  fix:   Load the kernel module that offers it, and check again.

? worker-3 could not be verified
    node is not ready
";

const MATRIX: &str = "\
Preflight check failed
manual

NODE       RESULT      CPU   KVM   VSOCK
worker-0   ✓ passed    ✓     ✓     ✓
worker-1   ✗ failed    ✓     ✗     ✓
worker-2   ✓ passed    ✓     ✓     !
worker-3   ? unknown   ?     ?     ?
";

#[test]
fn every_node_and_every_check_is_shown() {
    for width in [None, Some(80), Some(200)] {
        assert_eq!(text(width, true), format!("{MATRIX}{DETAILS}"), "{width:?}");
    }
    assert!(text(Some(40), true).starts_with(MATRIX));
}

#[test]
fn a_narrow_terminal_gets_a_list() {
    let expected = "\
Preflight check failed
manual

worker-0  ✓ passed
  ✓ CPU  ✓ KVM  ✓ VSOCK
worker-1  ✗ failed
  ✓ CPU  ✗ KVM  ✓ VSOCK
worker-2  ✓ passed
  ✓ CPU  ✓ KVM  ! VSOCK
worker-3  ? unknown
  ? CPU  ? KVM  ? VSOCK

✗ KVM failed on worker-1
    command terminated with exit
    code 1
    ls: /mnt/dev/kvm: No such file
  cause: KVM is missing on the node.
  fix:   Load the kernel module that
         offers it, and check again.
";
    let narrow = text(Some(36), true);
    assert!(narrow.starts_with(expected), "{narrow}");
}

#[test]
fn without_unicode_the_words_carry_the_meaning() {
    let ascii = text(Some(80), false);
    assert!(ascii.is_ascii(), "{ascii}");
    assert!(
        ascii.contains("worker-1   failed    ok    FAIL   ok\n"),
        "{ascii}"
    );
}

#[test]
fn the_document_has_everything() {
    let value = serde_json::to_value(mixed()).unwrap();
    assert_eq!(value["result"], "failed");
    assert_eq!(value["nodes"][1]["checks"][2]["blocking"], true);
    assert_eq!(value["nodes"][3]["result"], "unknown");
    assert_eq!(value["durationSeconds"], serde_json::Value::Null);
}

#[test]
fn many_nodes_that_say_the_same_say_it_once() {
    let mut report = mixed();
    let failed = report.nodes[1].clone();
    report.nodes = (0..1000)
        .map(|at| NodeReport {
            name: format!("worker-{at}"),
            ..failed.clone()
        })
        .collect();
    let mut page = Page::new(Style {
        width: None,
        unicode: false,
    });
    report.text(&mut page);
    let text = page.finish();
    assert_eq!(text.matches("No such file").count(), 1);
    assert!(text.contains("worker-4 and 995 more nodes"), "{text}");
}
