//! What `bmctl check host` found out about this machine, for people who prepare a node.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    clean::clean,
    document::Report,
    host::{HostCheck, HostReport, HostVerdict},
    junit::Suite,
    name::ResourceName,
    page::Page,
    style::Tone,
    table::Table,
};

/// The checks, and what to do about those that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineReport {
    /// VMs are to be emulated in software.
    pub use_emulation: bool,
    #[serde(flatten)]
    pub host: HostReport,
    pub advice: Vec<Advice>,
}

/// What to do about one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Advice {
    pub check: String,
    pub fix: String,
}

impl Report for MachineReport {
    const KIND: &'static str = "HostCheckResult";

    fn text(&self, page: &mut Page) {
        let mut table = Table::new(["CHECK", "RESULT", "FOUND"]);
        for check in &self.host.checks {
            // What a failed command said stands on its last line.
            let found = check.message.as_deref().unwrap_or_default();
            let found = found.lines().last().unwrap_or_default();
            table.row([clean(&check.name), result(check), clean(found)]);
        }
        page.table(&table);
        page.gap();
        let architecture = clean(&self.host.architecture);
        page.line(match self.host.passed {
            Some(true) if self.use_emulation => {
                format!("This machine ({architecture}) can run VMs in software.")
            }
            Some(true) => format!("This machine ({architecture}) can run VMs."),
            Some(false) => format!("This machine ({architecture}) cannot run VMs."),
            None => format!("Whether this machine ({architecture}) can run VMs is unknown."),
        });
        for advice in &self.advice {
            page.gap();
            page.paragraph(&format!("{}: ", advice.check), &advice.fix);
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }

    fn suites(&self) -> Vec<Suite> {
        self.host.suites()
    }
}

fn result(check: &HostCheck) -> String {
    match (check.result, check.blocking) {
        (HostVerdict::Passed, _) => Tone::Good.of("passed"),
        (HostVerdict::Failed, true) => Tone::Bad.of("failed"),
        (HostVerdict::Failed, false) => Tone::Warning.of("failed, VMs run without it"),
        (HostVerdict::Unknown, true) => Tone::Warning.of("unknown"),
        (HostVerdict::Unknown, false) => Tone::Warning.of("unknown, VMs run without it"),
        (HostVerdict::NotApplicable, _) => "not applicable".to_owned(),
        (HostVerdict::Informational, _) => Tone::Faint.of("value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint};

    #[test]
    fn a_machine_that_lacks_something_says_what_to_do() {
        let check = |name: &str, blocking, result, message: Option<&str>| HostCheck {
            name: name.to_owned(),
            result,
            blocking,
            message: message.map(str::to_owned),
        };
        let missing =
            "command terminated with exit code 1\nls: /dev/kvm: No such file or directory";
        let report = MachineReport {
            use_emulation: false,
            host: HostReport {
                architecture: "amd64".to_owned(),
                passed: Some(false),
                checks: vec![
                    check("CPU", true, HostVerdict::Passed, None),
                    check("KVM", true, HostVerdict::Failed, Some(missing)),
                    check("KERNEL", false, HostVerdict::Informational, Some("6.8.0")),
                ],
                message: String::new(),
            },
            advice: vec![Advice {
                check: "KVM".to_owned(),
                fix: "Load the module.".to_owned(),
            }],
        };
        let mut page = Page::new(Style {
            width: None,
            unicode: false,
        });
        report.text(&mut page);
        assert_eq!(
            paint(&page.finish(), false),
            "\
CHECK    RESULT   FOUND
CPU      passed
KVM      failed   ls: /dev/kvm: No such file or directory
KERNEL   value    6.8.0

This machine (amd64) cannot run VMs.

KVM: Load the module.
"
        );
    }
}
