//! Whole nodes, from their files to the published result.

use proptest::prelude::*;

use super::{fixture::Node, *};
use crate::api::name::PUBLISHED_FEATURES;

fn probe(node: &Node, virtualization: Virtualization) -> ProbeReport {
    judge(&gather(node.path(), Depth::Pod), virtualization)
}

fn verdict(report: &ProbeReport, id: CheckId) -> &Verdict {
    report
        .verdicts
        .iter()
        .find(|verdict| verdict.check == id)
        .unwrap()
}

fn outcomes(node: &Node) -> (String, Outcome, Outcome, bool) {
    let report = probe(node, Virtualization::Hardware);
    let outcome = |id| verdict(&report, id).outcome;
    (
        report.architecture.clone(),
        outcome(CheckId::CPU),
        outcome(CheckId::KVM),
        report.passed(),
    )
}

#[test]
fn every_kind_of_node_is_judged() {
    use Outcome::{Failed, NotApplicable, Passed, Unknown};
    let table = [
        (
            "intel",
            Node::amd64("vmx").with_kvm("kvm_intel"),
            "amd64",
            Passed,
            Passed,
            true,
        ),
        (
            "amd",
            Node::amd64("svm").with_kvm("kvm_amd"),
            "amd64",
            Passed,
            Passed,
            true,
        ),
        (
            "flag without kvm",
            Node::amd64("vmx"),
            "amd64",
            Passed,
            Failed,
            false,
        ),
        ("nothing", Node::amd64(""), "amd64", Failed, Failed, false),
        (
            "micro-VM",
            Node::amd64("hypervisor").with_kvm("kvm_pvm"),
            "amd64",
            Passed,
            Passed,
            true,
        ),
        (
            "arm64",
            Node::arm64().with("sys/class/misc/kvm/dev", "10:232"),
            "arm64",
            NotApplicable,
            Passed,
            true,
        ),
        (
            "arm64 without kvm",
            Node::arm64(),
            "arm64",
            NotApplicable,
            Failed,
            false,
        ),
        (
            "s390x",
            Node::s390x("sie").with("sys/class/misc/kvm/dev", "10:232"),
            "s390x",
            Passed,
            Passed,
            true,
        ),
        (
            "s390x without sie",
            Node::s390x(""),
            "s390x",
            Failed,
            Failed,
            false,
        ),
        (
            "kvm of a wrong kind",
            Node::amd64("vmx").with("sys/class/misc/kvm/dev", "9:1"),
            "amd64",
            Passed,
            Failed,
            false,
        ),
        (
            "garbled registration",
            Node::amd64("vmx").with("sys/class/misc/kvm/dev", "soon"),
            "amd64",
            Passed,
            Unknown,
            false,
        ),
        (
            "empty folder",
            Node::empty(),
            "unknown",
            Unknown,
            Failed,
            false,
        ),
    ];
    for (name, node, architecture, cpu, kvm, passed) in table {
        assert_eq!(
            outcomes(&node),
            (architecture.to_owned(), cpu, kvm, passed),
            "{name}"
        );
    }
}

#[test]
fn a_processor_without_the_flag_names_the_backend_that_proves_kvm() {
    let report = probe(
        &Node::amd64("hypervisor").with_kvm("kvm_pvm"),
        Virtualization::Hardware,
    );
    let message = verdict(&report, CheckId::CPU).message.clone().unwrap();
    assert_eq!(
        message,
        "no vmx or svm flag in /proc/cpuinfo; KVM runs through kvm_pvm"
    );
}

#[test]
fn advice_depends_on_whether_the_node_is_a_virtual_machine() {
    for (flags, advice) in [("hypervisor", "nested virtualization"), ("", "firmware")] {
        let report = probe(&Node::amd64(flags), Virtualization::Hardware);
        let message = verdict(&report, CheckId::CPU).message.clone().unwrap();
        assert!(message.contains(advice), "{message}");
    }
}

#[test]
fn a_missing_device_reads_as_in_the_product() {
    let report = probe(&Node::amd64("vmx"), Virtualization::Hardware);
    assert_eq!(
        verdict(&report, CheckId::KVM).message.as_deref(),
        Some("command terminated with exit code 1\nls: /mnt/dev/kvm: No such file or directory")
    );
}

#[test]
fn emulation_requires_nothing_and_still_says_what_was_found() {
    let report = probe(&Node::amd64("hypervisor"), Virtualization::Emulation);
    assert!(report.passed());
    let message = verdict(&report, CheckId::KVM).message.clone().unwrap();
    assert!(
        message.starts_with("not required with useEmulation; found: command terminated"),
        "{message}"
    );
    assert!(probe(&Node::empty(), Virtualization::Emulation).passed());
}

#[test]
fn a_deep_probe_wants_the_device_itself() {
    let node = Node::amd64("vmx").with_kvm("kvm_intel");
    let deep = |node: &Node| judge(&gather(node.path(), Depth::Deep), Virtualization::Hardware);
    assert_eq!(verdict(&deep(&node), CheckId::KVM).outcome, Outcome::Failed);
    let file = node.with("mnt/dev/kvm", "");
    let message = verdict(&deep(&file), CheckId::KVM).message.clone().unwrap();
    assert_eq!(message, "/mnt/dev/kvm is not a character device");
}

#[test]
fn links_do_not_lead_out_of_a_described_node() {
    let node = Node::empty().with("proc/version", "");
    std::os::unix::fs::symlink("/proc/cpuinfo", node.path().join("proc/cpuinfo")).unwrap();
    let report = probe(&node, Virtualization::Hardware);
    assert_eq!(verdict(&report, CheckId::CPU).outcome, Outcome::Unknown);
    assert!(
        verdict(&report, CheckId::CPU)
            .message
            .as_deref()
            .unwrap()
            .contains("leads out of the folder")
    );
}

#[test]
fn hundreds_of_processors_are_read_in_a_bounded_way() {
    let block = format!(
        "processor\t: 0\nflags\t\t: fpu vmx {}\n\n",
        "abcdefgh ".repeat(150)
    );
    let node = Node::empty()
        .with("proc/cpuinfo", &block.repeat(512))
        .with_kvm("kvm_intel");
    assert!(probe(&node, Virtualization::Hardware).passed());
}

#[test]
fn this_machine_can_be_looked_at() {
    let report = judge(
        &gather(std::path::Path::new("/"), Depth::Pod),
        Virtualization::Hardware,
    );
    assert_eq!(report.verdicts.len(), CHECKS.len());
}

#[test]
fn the_table_is_in_the_order_of_the_ids() {
    for (index, check) in CHECKS.iter().enumerate() {
        assert_eq!(check.id as usize, index);
        assert_eq!(check.id.info().id, check.id);
        assert_eq!(CheckId::from_name(&check.id.to_string()), Some(check.id));
        assert!(
            !check.blocking || check.published,
            "{}: what blocks must be seen",
            check.id
        );
    }
    let published: Vec<String> = CHECKS
        .iter()
        .filter(|check| check.published)
        .map(|check| check.id.to_string())
        .collect();
    assert_eq!(published, PUBLISHED_FEATURES);
}

#[test]
fn what_is_published_is_what_vms_depend_on() {
    let failed = node_result(&probe(&Node::amd64("vmx"), Virtualization::Hardware));
    assert!(!failed.passed && failed.unknown.is_none());
    let names: Vec<&str> = failed
        .results
        .iter()
        .map(|result| result.check_name.as_str())
        .collect();
    assert_eq!(names, PUBLISHED_FEATURES);
    assert_eq!(
        failed
            .results
            .iter()
            .map(|result| result.passed)
            .collect::<Vec<_>>(),
        [true, false, false]
    );

    // VSOCK is missing here too, and blocks nothing.
    assert!(
        node_result(&probe(
            &Node::amd64("vmx").with_kvm("kvm_intel"),
            Virtualization::Hardware
        ))
        .passed
    );

    let unknown = node_result(&probe(
        &Node::empty().with_kvm("kvm_intel"),
        Virtualization::Hardware,
    ));
    assert_eq!(
        (unknown.passed, unknown.unknown, unknown.results.len()),
        (false, Some(true), 0)
    );
    assert_eq!(
        unknown.message.as_deref(),
        Some("CPU: the architecture could not be told from /proc/cpuinfo")
    );
}

#[test]
fn the_command_line_is_read_back_as_it_was_written() {
    for virtualization in [Virtualization::Hardware, Virtualization::Emulation] {
        for depth in [Depth::Pod, Depth::Deep] {
            let written = command::ProbeCommand {
                virtualization,
                depth,
            };
            assert_eq!(
                command::ProbeCommand::parse(&written.arguments()),
                Some(written)
            );
        }
    }
    for other in [
        &["controller", "run"][..],
        &["controller", "probe", "--else"],
        &[],
    ] {
        assert_eq!(command::ProbeCommand::parse(other), None);
    }
}

#[test]
fn a_message_that_is_not_a_report_is_an_error() {
    let report = probe(
        &Node::amd64("vmx").with_kvm("kvm_intel"),
        Virtualization::Hardware,
    );
    let good = report.to_termination_message();
    assert_eq!(
        ProbeReport::parse_termination_message(&good).unwrap(),
        report
    );
    let twice = good.replace(r#""id":"TUN""#, r#""id":"KVM""#);
    assert_eq!(
        ProbeReport::parse_termination_message(&twice),
        Err(ProbeMessageError::Twice(CheckId::KVM))
    );
    let lacking = r#"{"form":1,"architecture":"amd64","checks":[{"id":"CPU","outcome":"passed"}]}"#;
    assert_eq!(
        ProbeReport::parse_termination_message(lacking),
        Err(ProbeMessageError::Lacks(CheckId::KVM))
    );
    assert_eq!(
        ProbeReport::parse_termination_message(" \n"),
        Err(ProbeMessageError::Empty)
    );
    assert_eq!(
        ProbeReport::parse_termination_message(&"x".repeat(5000)),
        Err(ProbeMessageError::TooLong(5000))
    );
    for bad in [
        good.replace(r#""form":1"#, r#""form":2"#),
        good.replace(r#""outcome":"passed""#, r#""outcome":"fine""#),
        good.replace(r#""architecture""#, r#""extra":1,"architecture""#),
        good[..good.len() - 1].to_owned(),
        "passed".to_owned(),
    ] {
        assert!(
            matches!(
                ProbeReport::parse_termination_message(&bad),
                Err(ProbeMessageError::Malformed(_))
            ),
            "{bad}"
        );
    }
}

proptest! {
    #[test]
    fn any_report_fits_into_a_termination_message(texts in prop::collection::vec(prop::option::of(any::<String>()), CHECKS.len()), stretch in 1_usize..200) {
        let verdicts = CHECKS.iter().zip(texts).map(|(check, text)| Verdict {
            check: check.id,
            outcome: Outcome::Failed,
            message: text.map(|text| text.repeat(stretch)),
        }).collect();
        let report = ProbeReport { architecture: "amd64".to_owned(), verdicts };
        let message = report.to_termination_message();
        prop_assert!(message.len() <= report::MESSAGE_LIMIT);
        let read = ProbeReport::parse_termination_message(&message).unwrap();
        prop_assert_eq!(read.verdicts.len(), report.verdicts.len());
        prop_assert!(!read.passed());
    }

    #[test]
    fn no_message_makes_the_parser_panic(text in any::<String>()) {
        let _: Result<_, _> = ProbeReport::parse_termination_message(&text);
    }
}
