use std::collections::BTreeMap;

use super::*;
use crate::{
    api::{
        CheckResult, NodeResult, VMRuntimePreflightCheckStatus,
        preflight_check::VMRuntimePreflightCheckSpec,
    },
    render::{Page, Style, page::Detail, paint},
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
worker-1   ✗ failed    ✓     ✗     ✓
worker-3   ? unknown   ?     ?     ?
worker-0   ✓ passed    ✓     ✓     ✓
worker-2   ✓ passed    ✓     ✓     !
";

#[test]
fn every_node_and_every_check_is_shown() {
    for width in [None, Some(80), Some(200)] {
        assert_eq!(text(width, true), format!("{MATRIX}{DETAILS}"), "{width:?}");
    }
    assert!(text(Some(40), true).starts_with(MATRIX));
}

#[test]
fn a_node_whose_failure_does_not_count_fails_no_build() {
    use crate::render::junit::Outcome;
    let mut report = mixed();
    report.nodes.retain(|node| node.name == "worker-2");
    // It fails, and all that is wrong is what VMs do not need.
    report.nodes[0].result = NodeVerdict::Failed;
    let whole = |report: &PreflightReport, counts: &dyn Fn(&str, &str) -> bool| {
        let suite = report.suites(counts).remove(0);
        let case = suite
            .cases
            .into_iter()
            .find(|case| case.name == "preflight");
        case.map(|case| case.outcome)
    };
    let failed = |found: Option<Outcome>| matches!(found, Some(Outcome::Failed(_)));
    let skipped = |found: Option<Outcome>| matches!(found, Some(Outcome::Skipped(_)));
    assert!(failed(whole(&report, &|_, _| true)));
    assert!(skipped(whole(&report, &|check, _| check != "VSOCK")));
    assert!(skipped(whole(&report, &|_, _| false)));
    report.nodes[0].checks.clear();
    assert!(failed(whole(&report, &|check, _| check != "VSOCK")));
    assert!(skipped(whole(&report, &|_, _| false)));
}

#[test]
fn a_narrow_terminal_gets_a_list() {
    let expected = "\
Preflight check failed
manual

worker-1  ✗ failed
  ✓ CPU  ✗ KVM  ✓ VSOCK
worker-3  ? unknown
  ? CPU  ? KVM  ? VSOCK
worker-0  ✓ passed
  ✓ CPU  ✓ KVM  ✓ VSOCK
worker-2  ✓ passed
  ✓ CPU  ✓ KVM  ! VSOCK

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

/// A cluster with so many nodes that are like the first of [`mixed`], so many that lack virtualization, and one that is
/// silent.
fn cluster(good: usize, bare: usize) -> PreflightReport {
    let mut report = mixed();
    let [passed, failed, _, unknown] = <[NodeReport; 4]>::try_from(report.nodes).unwrap();
    let mut without = failed;
    for (check, message) in [
        ("CPU", "no vmx or svm"),
        ("KVM", "ls: /dev/kvm: No such file"),
    ] {
        let result = without
            .checks
            .iter_mut()
            .find(|result| result.name == check);
        let result = result.unwrap();
        result.passed = false;
        result.message = Some(message.to_owned());
    }
    let many = |count, prefix: &str, like: &NodeReport| -> Vec<NodeReport> {
        let named = |at| NodeReport {
            name: format!("{prefix}-{at}"),
            ..like.clone()
        };
        (1..=count).map(named).collect()
    };
    report.nodes = many(bare, "bare", &without);
    report.nodes.push(unknown);
    report.nodes.extend(many(good, "worker", &passed));
    report.explanations.clear();
    report
}

fn whole(report: &PreflightReport, detail: Detail) -> String {
    let style = Style {
        width: Some(80),
        unicode: true,
    };
    let mut page = match detail {
        Detail::Usual => Page::new(style),
        Detail::Wide => Page::wide(style),
    };
    report.text(&mut page);
    report.summary(&mut page);
    paint(&page.finish(), false)
}

#[test]
fn what_did_not_pass_is_on_top_and_many_good_nodes_are_one_line() {
    assert_eq!(
        whole(&cluster(80, 2), Detail::Usual),
        "\
Preflight check failed
manual

NODE       RESULT      CPU   KVM   VSOCK
bare-1     ✗ failed    ✗     ✗     ✓
bare-2     ✗ failed    ✗     ✗     ✓
worker-3   ? unknown   ?     ?     ?
✓ 80 nodes passed; each of them: -o wide

✗ CPU, KVM failed on bare-1, bare-2
    no vmx or svm

? worker-3 could not be verified
    node is not ready

Nodes: 80 passed, 2 failed, 1 unknown; failed on bare-1 (CPU, KVM), bare-2 (CPU,
       KVM); unknown: worker-3.
"
    );
    // Twenty have room.
    let few = whole(&cluster(20, 0), Detail::Usual);
    assert!(few.contains("\nworker-2    ✓ passed"), "{few}");
    assert!(!few.contains("-o wide"), "{few}");
    let wide = whole(&cluster(80, 2), Detail::Wide);
    assert_eq!(wide.matches("✓ passed").count(), 80, "{wide}");
}

#[test]
fn only_what_did_not_pass_is_shown_where_that_is_asked_for() {
    for detail in [Detail::Usual, Detail::Wide] {
        let report = PreflightReport {
            failed_only: true,
            ..cluster(2, 1)
        };
        let text = whole(&report, detail);
        assert!(text.contains("\n✓ 2 nodes passed\n"), "{text}");
        assert!(!text.contains("worker-1"), "{text}");
        assert!(text.contains("\nbare-1 "), "{text}");
    }
}

#[test]
fn thousands_of_bad_nodes_leave_the_end_on_the_screen() {
    let text = whole(&cluster(3000, 2000), Detail::Usual);
    assert!(
        text.contains("\n✗ 1950 more failed, all in -o wide\n? 1 more could not be verified, all in -o wide\n✓ 3000 nodes passed"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "Nodes: 3000 passed, 2000 failed, 1 unknown; failed on bare-1 (CPU, KVM), bare-2\n       (CPU, KVM), \
             bare-3 (CPU, KVM) and 1997 more; unknown: worker-3.\n"
        ),
        "{text}"
    );
    assert!(text.lines().count() < 80, "{text}");
}

#[test]
fn two_causes_are_two_entries() {
    let mut report = cluster(1, 2);
    let kvm = report.nodes[1]
        .checks
        .iter_mut()
        .find(|result| result.name == "KVM");
    kvm.unwrap().message = Some("/dev/kvm: Permission denied".to_owned());
    let text = whole(&report, Detail::Usual);
    for line in [
        "✗ CPU, KVM failed on bare-1\n    no vmx or svm\n",
        "✗ CPU failed on bare-2\n    no vmx or svm\n",
        "✗ KVM failed on bare-2\n    /dev/kvm: Permission denied\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // Documents keep every check of every node.
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(value["nodes"][0]["checks"].as_array().unwrap().len(), 3);
}

#[test]
fn unknown_nodes_that_say_the_same_say_it_once() {
    let mut report = cluster(1, 0);
    let unknown = report.nodes[0].clone();
    for at in 0..8 {
        report.nodes.push(NodeReport {
            name: format!("silent-{at}"),
            message: (at > 0).then(|| "node is not ready".to_owned()),
            ..unknown.clone()
        });
    }
    let text = whole(&report, Detail::Usual);
    assert!(
        text.contains(
            "\n? worker-3, silent-1, silent-2, silent-3, silent-4 and 3 more nodes could not be verified\n    node is not ready\n\n\
             ? silent-0 could not be verified\n    no reason was given\n"
        ),
        "{text}"
    );
}
