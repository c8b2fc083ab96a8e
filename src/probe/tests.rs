//! Whole machines: a folder, and what the probe says about it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::{
    CHECKS, CheckId, CheckInfo, Depth, Fact, Facts, Outcome, ProbeReport, Virtualization,
    fixture::Machine, gather, judge, node_result,
};

const NO_KVM: &str =
    "command terminated with exit code 1\nls: /mnt/dev/kvm: No such file or directory";

fn probe(machine: &Machine, virtualization: Virtualization) -> ProbeReport {
    judge(&gather(machine.root(), Depth::Pod), virtualization)
}

fn outcome(report: &ProbeReport, check: CheckId) -> Outcome {
    report.verdict(check).unwrap().outcome
}

fn message(report: &ProbeReport, check: CheckId) -> &str {
    report
        .verdict(check)
        .unwrap()
        .message
        .as_deref()
        .unwrap_or_default()
}

#[test]
fn judges_machines_by_their_kind() {
    use Outcome::{Failed, NotApplicable, Passed, Unknown};
    let hypervisor =
        "this is a virtual machine, and nested virtualization is off in its hypervisor";
    let firmware = "virtualization is switched off in the firmware, or the processor has none";
    let cases = [
        ("intel", Machine::intel(), Passed, "", Passed, ""),
        (
            "amd",
            Machine::new().flags("fpu svm", 1).kvm("kvm_amd"),
            Passed,
            "",
            Passed,
            "",
        ),
        (
            "intel, module not loaded",
            Machine::new()
                .flags("fpu vmx", 1)
                .folder("sys/devices/virtual/misc"),
            Passed,
            "load the module kvm_intel",
            Failed,
            NO_KVM,
        ),
        (
            "VM without nested virtualization",
            Machine::new().flags("fpu hypervisor", 1),
            Failed,
            hypervisor,
            Failed,
            NO_KVM,
        ),
        (
            "bare metal, firmware",
            Machine::new().flags("fpu", 1),
            Failed,
            firmware,
            Failed,
            NO_KVM,
        ),
        (
            "another backend",
            Machine::new().flags("fpu hypervisor", 1).kvm("kvm_pvm"),
            Passed,
            "another backend (kvm_pvm)",
            Passed,
            "(kvm_pvm)",
        ),
        (
            "another backend, not visible",
            Machine::new()
                .flags("fpu", 1)
                .file("sys/devices/virtual/misc/kvm/dev", "10:232\n"),
            Passed,
            "another backend",
            Passed,
            "",
        ),
        (
            "registered below class only, by a link",
            Machine::new()
                .flags("vmx", 1)
                .file("sys/elsewhere/kvm/dev", "10:232\n")
                .link("sys/class/misc", "../elsewhere"),
            Passed,
            "",
            Passed,
            "",
        ),
        (
            "512 processors",
            Machine::new()
                .flags(&"flag ".repeat(400), 512)
                .kvm("kvm_pvm"),
            Passed,
            "another backend",
            Passed,
            "(kvm_pvm)",
        ),
        (
            "arm64",
            Machine::arm64().kvm("kvm_arm"),
            NotApplicable,
            "KVM decides",
            Passed,
            "(kvm_arm)",
        ),
        (
            "arm64 without",
            Machine::arm64(),
            NotApplicable,
            "KVM decides",
            Failed,
            NO_KVM,
        ),
        (
            "s390x",
            Machine::s390x("esan3 sie").file("sys/devices/virtual/misc/kvm/dev", "10:232"),
            Passed,
            "",
            Passed,
            "",
        ),
        (
            "s390x without",
            Machine::s390x("esan3"),
            Failed,
            "no sie",
            Failed,
            NO_KVM,
        ),
        (
            "riscv64",
            Machine::new()
                .file("proc/sys/kernel/arch", "riscv64\n")
                .file("proc/cpuinfo", "isa : rv64\n")
                .kvm("kvm_x"),
            NotApplicable,
            "not applicable on riscv64",
            Passed,
            "",
        ),
        (
            "empty",
            Machine::new(),
            Unknown,
            "architecture",
            Failed,
            NO_KVM,
        ),
        (
            "a registration that is none",
            Machine::new()
                .flags("vmx", 1)
                .file("sys/devices/virtual/misc/kvm/dev", "soon\n"),
            Passed,
            "",
            Unknown,
            "not a device number",
        ),
        (
            "a registration of another family",
            Machine::new()
                .flags("vmx", 1)
                .file("sys/devices/virtual/misc/kvm/dev", "1:3\n"),
            Passed,
            "",
            Failed,
            "command terminated with exit code 1\n/mnt/dev/kvm: registered as 1:3",
        ),
        (
            "cpuinfo is a folder",
            Machine::new()
                .folder("proc/cpuinfo")
                .file("proc/sys/kernel/arch", "x86_64")
                .kvm("kvm_intel"),
            Unknown,
            "not a regular file",
            Passed,
            "",
        ),
        (
            "links lead out of the folder",
            Machine::new()
                .file("proc/sys/kernel/arch", "x86_64")
                .link("proc/cpuinfo", "/proc/cpuinfo")
                .link("sys/devices/virtual/misc", "/sys/devices/virtual/misc"),
            Unknown,
            "leads out of the folder",
            Unknown,
            "leads out of the folder",
        ),
    ];
    for (name, machine, cpu, cpu_says, kvm, kvm_says) in cases {
        let report = probe(&machine, Virtualization::Hardware);
        assert_eq!(outcome(&report, CheckId::CPU), cpu, "{name}: {report:?}");
        assert_eq!(outcome(&report, CheckId::KVM), kvm, "{name}: {report:?}");
        for (check, says) in [(CheckId::CPU, cpu_says), (CheckId::KVM, kvm_says)] {
            let message = message(&report, check);
            assert!(message.contains(says), "{name}: {check}: {message:?}");
        }
        assert_eq!(report.passed(), cpu.is_pass() && kvm.is_pass(), "{name}");

        let emulated = probe(&machine, Virtualization::Emulation);
        assert!(emulated.passed(), "{name}");
        for check in [CheckId::CPU, CheckId::KVM] {
            assert_eq!(outcome(&emulated, check), Outcome::Passed, "{name}");
            assert!(
                message(&emulated, check).starts_with("not required with useEmulation; found: ")
            );
        }
    }
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let machine = Machine::intel();
    let cpuinfo = machine.root().join("proc/cpuinfo");
    fs::set_permissions(&cpuinfo, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads it all the same: then it is as if it were readable.
    let readable = fs::read(&cpuinfo).is_ok();
    let report = probe(&machine, Virtualization::Hardware);
    let expected = if readable {
        Outcome::Passed
    } else {
        Outcome::Unknown
    };
    assert_eq!(outcome(&report, CheckId::CPU), expected);

    let mut facts = Facts::pretend();
    facts.processor = Fact::Unreadable("/proc/cpuinfo: Permission denied (os error 13)".to_owned());
    let report = judge(&facts, Virtualization::Hardware);
    assert_eq!(outcome(&report, CheckId::CPU), Outcome::Unknown);
    assert!(!report.passed());
    let node = node_result(&report);
    assert_eq!(
        (node.passed, node.unknown, node.results.len()),
        (false, Some(true), 0)
    );
    assert_eq!(
        node.message.as_deref(),
        Some("CPU: could not be determined: /proc/cpuinfo: Permission denied (os error 13)")
    );

    // A root that is not there hides everything: nothing passes, nothing fails.
    let report = judge(
        &gather(Path::new("/nonexistent-root"), Depth::Pod),
        Virtualization::Hardware,
    );
    for verdict in &report.verdicts {
        assert_eq!(verdict.outcome, Outcome::Unknown, "{verdict:?}");
    }
}

#[test]
fn one_that_failed_is_failed_though_another_is_unknown() {
    let report = probe(&Machine::new(), Virtualization::Hardware);
    let node = node_result(&report);
    assert_eq!((node.passed, node.unknown), (false, None));
    let results: Vec<_> = node
        .results
        .iter()
        .map(|result| (result.check_name.as_str(), result.passed))
        .collect();
    assert_eq!(results, [("CPU", false), ("KVM", false), ("VSOCK", false)]);
    assert_eq!(node.results[1].message.as_deref(), Some(NO_KVM));
}

#[test]
fn a_healthy_node_has_little_to_say() {
    let node = node_result(&judge(&Facts::pretend(), Virtualization::Hardware));
    assert!(node.passed);
    assert_eq!(node.message, None);
    for result in &node.results {
        assert!(result.passed && result.message.is_none(), "{result:?}");
    }
    // Virtual sockets alone keep no VM from running.
    let mut facts = Facts::pretend();
    facts.vsock.registration = Fact::Absent;
    let node = node_result(&judge(&facts, Virtualization::Hardware));
    assert!(node.passed);
    assert!(!node.results[2].passed);
}

#[test]
fn tells_the_values_of_the_informational_checks() {
    let report = probe(&Machine::intel(), Virtualization::Hardware);
    for (check, says) in [
        (CheckId::TUN, "device 10:200"),
        (
            CheckId::VHOST_NET,
            "not there, or its module is not loaded yet",
        ),
        (CheckId::NESTED, "kvm_intel: Y"),
        (CheckId::CGROUP, "version 2"),
        (CheckId::IOMMU, "2 groups"),
        (CheckId::INOTIFY, "128 instances, 65536 watches"),
        (CheckId::KERNEL, "6.8.0-31-generic"),
    ] {
        assert_eq!(outcome(&report, check), Outcome::Informational);
        assert_eq!(message(&report, check), says, "{check}");
    }
}

#[test]
fn looks_at_device_nodes_where_there_are_some() {
    // An ordinary file in the node's place, below the folder's own dev and below a mounted one.
    let machine = Machine::intel().file("dev/kvm", "");
    let report = judge(
        &gather(machine.root(), Depth::Host),
        Virtualization::Hardware,
    );
    assert_eq!(
        message(&report, CheckId::KVM),
        "command terminated with exit code 1\n/dev/kvm: not a character device"
    );
    let report = judge(
        &gather(machine.root(), Depth::Deep),
        Virtualization::Hardware,
    );
    assert!(message(&report, CheckId::KVM).ends_with("/mnt/dev/kvm: not a character device"));
    let machine = machine.folder("mnt/dev");
    let report = judge(
        &gather(machine.root(), Depth::Deep),
        Virtualization::Hardware,
    );
    assert_eq!(message(&report, CheckId::KVM), NO_KVM);
    let report = judge(
        &gather(Machine::intel().root(), Depth::Host),
        Virtualization::Hardware,
    );
    assert!(message(&report, CheckId::KVM).ends_with("ls: /dev/kvm: No such file or directory"));
}

#[test]
fn a_fifo_is_not_waited_for() {
    let machine = Machine::new().folder("proc");
    let made = std::process::Command::new("mkfifo")
        .arg(machine.root().join("proc/cpuinfo"))
        .status()
        .unwrap();
    assert!(made.success());
    let facts = gather(machine.root(), Depth::Pod);
    assert!(matches!(facts.processor, Fact::Unreadable(_)));
}

#[test]
fn this_machine_is_judged_without_surprise() {
    for depth in [Depth::Pod, Depth::Deep, Depth::Host] {
        let facts = gather(Path::new("/"), depth);
        assert!(facts.architecture.known().is_some());
        let report = judge(&facts, Virtualization::Emulation);
        assert!(report.passed());
        let text = report.to_termination_message();
        assert_eq!(ProbeReport::parse_termination_message(&text), Ok(report));
    }
}

#[test]
fn every_id_has_one_row_and_one_section_in_the_docs() {
    let ids: Vec<String> = CHECKS.iter().map(|check| check.id.to_string()).collect();
    let docs = include_str!("../../docs/checks.md");
    let sections: Vec<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .filter(|heading| heading.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert_eq!(sections, ids);
    for check in CHECKS {
        assert_eq!(CheckId::from_name(&check.id.to_string()), Some(check.id));
        assert_eq!(
            serde_json::to_value(check.id).unwrap(),
            check.id.to_string()
        );
        assert_eq!(check.id.info().id, check.id);
        assert!(!check.blocking || check.published, "{}", check.id);
    }
    let published: Vec<String> = CHECKS
        .iter()
        .filter(|check| check.published)
        .map(|check| check.id.to_string())
        .collect();
    assert_eq!(published, crate::api::name::PUBLISHED_FEATURES);
    let (blocking, advisory): (Vec<_>, Vec<_>) = CHECKS.iter().partition(|check| check.blocking);
    let names = |checks: Vec<&CheckInfo>| -> Vec<String> {
        checks.iter().map(|check| check.id.to_string()).collect()
    };
    assert_eq!(names(blocking), crate::api::name::BLOCKING_CHECKS);
    assert_eq!(names(advisory), crate::api::name::ADVISORY_CHECKS);
}
