//! What `bmctl enable vmruntime` did.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    age,
    clean::clean,
    document::{Beside, Report},
    name::ResourceName,
    page::Page,
    preflight::PreflightReport,
    style::{Mark, Style},
};

/// One field that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Path of the field, for example `spec.enabled`.
    pub field: String,
    pub old: String,
    pub new: String,
}

impl Change {
    /// Every change a line, for example `Changed spec.enabled: false → true`.
    pub fn list(changes: &[Self], page: &mut Page) {
        Self::lines("Changed", changes, page);
    }

    /// The same of a dry run.
    pub fn rehearsal(changes: &[Self], page: &mut Page) {
        Self::lines("Would change", changes, page);
        page.line(match changes {
            [] => "Dry run: nothing would be changed.",
            _ => "Dry run: nothing was changed.",
        });
    }

    fn lines(verb: &str, changes: &[Self], page: &mut Page) {
        for change in changes {
            page.line(format!(
                "{verb} {}: {} {} {}",
                clean(&change.field),
                clean(&change.old),
                page.style.arrow(),
                clean(&change.new)
            ));
        }
    }
}

/// The result of an enable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnableReport {
    /// What was changed, or would be in a dry run; empty where everything was already as asked.
    pub changed: Vec<Change>,
    /// Nothing was changed, because nothing was to be.
    pub dry_run: bool,
    /// Can VMs be run? Null where it was not waited for, or cannot be told.
    pub ready: Option<bool>,
    /// May VMs be created? Null where the cluster does not say.
    pub vm_creation_allowed: Option<bool>,
    /// The check that decided.
    pub preflight_check: Option<PreflightReport>,
    /// Nobody asked to wait.
    #[serde(skip)]
    pub unattended: bool,
    /// How long it was waited.
    #[serde(rename = "waitedSeconds", serialize_with = "whole_seconds")]
    #[schemars(with = "u64")]
    pub waited: Duration,
    /// The command that takes the change back; null where nothing was changed, and for a cluster that will be gone.
    pub undo: Option<String>,
}

impl Report for EnableReport {
    const KIND: &'static str = "EnableResult";

    fn text(&self, page: &mut Page) {
        if self.dry_run {
            Change::rehearsal(&self.changed, page);
            return;
        }
        Change::list(&self.changed, page);
        if let Some(check) = &self.preflight_check {
            check.text(page);
            if self.ready != Some(true) {
                check.summary(page);
            }
        }
        match self.ready {
            Some(true) => {
                page.gap();
                page.line(sentence(
                    page.style,
                    &format!(
                        "VM Runtime is enabled and ready ({}).",
                        age::span(self.waited)
                    ),
                ));
                if self.vm_creation_allowed == Some(true) {
                    page.line("VM creation is open.");
                }
                self.undoing(page);
            }
            None if self.unattended => {
                page.gap();
                page.line("VM Runtime is enabled; bmctl did not wait for it to be ready.");
                self.undoing(page);
            }
            None | Some(false) => {}
        }
    }

    fn beside(&self) -> Beside<'_> {
        Beside {
            check: self.preflight_check.as_ref(),
            ..Beside::default()
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        let touched = !self.changed.is_empty() || self.ready.is_some() || self.unattended;
        let runtime = touched.then(ResourceName::vmruntime);
        let check = self.preflight_check.iter().map(PreflightReport::resource);
        runtime.into_iter().chain(check).collect()
    }
}

impl EnableReport {
    /// How to take it back, where that can be done.
    pub fn undoing(&self, page: &mut Page) {
        if let Some(undo) = &self.undo {
            page.line(format!("To undo: {undo}"));
        }
    }
}

/// A good end, with its mark where one can be drawn.
pub(super) fn sentence(style: Style, text: &str) -> String {
    if style.unicode {
        format!("{} {text}", style.mark(Mark::Passed))
    } else {
        text.to_owned()
    }
}

pub(super) fn whole_seconds<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command_id::CommandId,
        exit::Exit,
        failure::{Failure, Hint, Kind, Reason},
        render::{ClusterReference, Document, document, paint, preflight},
    };

    fn report() -> EnableReport {
        EnableReport {
            changed: vec![Change {
                field: "spec.enabled".to_owned(),
                old: "false".to_owned(),
                new: "true".to_owned(),
            }],
            dry_run: false,
            ready: Some(true),
            vm_creation_allowed: Some(true),
            preflight_check: None,
            unattended: false,
            waited: Duration::from_secs(72),
            undo: Some("bmctl disable vmruntime --context prod".to_owned()),
        }
    }

    fn text(report: &EnableReport, unicode: bool) -> String {
        let mut page = Page::new(Style {
            width: Some(80),
            unicode,
        });
        report.text(&mut page);
        paint(&page.finish(), false)
    }

    #[test]
    fn it_says_that_it_is_ready_and_how_to_undo_it() {
        assert_eq!(
            text(&report(), true),
            "Changed spec.enabled: false → true\n\n✓ VM Runtime is enabled and ready (1m12s).\nVM creation is open.\nTo undo: bmctl disable vmruntime --context prod\n"
        );
        assert!(
            text(&report(), false)
                .starts_with("Changed spec.enabled: false -> true\n\nVM Runtime is")
        );
    }

    #[test]
    fn a_failed_check_is_shown_and_nothing_is_promised() {
        let failed = EnableReport {
            ready: Some(false),
            preflight_check: Some(preflight::tests::mixed()),
            ..report()
        };
        let text = text(&failed, true);
        assert!(text.contains("✗ KVM failed on worker-1"), "{text}");
        assert!(!text.contains("is enabled and ready"), "{text}");
    }

    #[test]
    fn the_document_of_a_refused_change() {
        let failure = Failure::new(
            Kind::Already,
            Reason::AlreadyEnabled,
            "VM Runtime is already enabled",
        )
        .hint(Hint::run("", CommandId::EnableVmruntime.with("--ensure")));
        let report = EnableReport {
            changed: vec![],
            ..EnableReport::default()
        };
        let cluster = ClusterReference {
            context: "prod".to_owned(),
            server: "https://10.0.0.1:6443".to_owned(),
        };
        let document = Document::new(
            "enable vmruntime",
            Some(cluster),
            Box::new(report),
            Vec::new(),
            Exit::Already,
            Some(&failure),
        );
        assert_eq!(
            document::yaml(&document),
            "\
schema: bmctl/v1
kind: EnableResult
command: enable vmruntime
cluster:
  context: prod
  server: https://10.0.0.1:6443
changed: []
dryRun: false
ready: null
vmCreationAllowed: null
preflightCheck: null
waitedSeconds: 0
undo: null
warnings: []
exitCode: 7
error:
  kind: Already
  reason: AlreadyEnabled
  exitCode: 7
  retryable: false
  message: VM Runtime is already enabled
  causes: []
  hints:
  - bmctl enable vmruntime --ensure
"
        );
    }
}
