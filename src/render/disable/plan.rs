//! The plan of a disable: what would be deleted, in which order, what stays, and what is saved before.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    super::{clean::clean, page::Page},
    DisableReport,
};

/// What would be deleted, in which order, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// In the order of removal.
    pub stages: Vec<StageReport>,
    /// How many disks lose their data.
    pub disks_lost: usize,
    /// All of them.
    pub delete: Vec<PlannedObject>,
    pub keep_count: usize,
    /// All of them.
    pub keep: Vec<KeptObject>,
    /// The folder for the manifests; null where none are saved.
    pub backup: Option<String>,
}

/// One kind of the plan, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageReport {
    pub resource: String,
    pub deleted: usize,
    pub going_along: usize,
}

/// An object that would be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlannedObject {
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub how: How,
}

/// By whom an object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum How {
    Deleted,
    WithItsOwner,
}

/// An object that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeptObject {
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub why: Reason,
}

/// Why an object stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    KeepDisks,
    MadeForItself,
    Unused,
    OfAnEarlierRun,
    OwnClaim,
}

impl Reason {
    const fn words(self) -> &'static str {
        match self {
            Self::KeepDisks => "--keep-disks",
            Self::MadeForItself => "a VM uses it, but it was made for itself",
            Self::Unused => "no VM uses it",
            Self::OfAnEarlierRun => "its VM was deleted by an earlier run",
            Self::OwnClaim => "a VM uses it; claims of your own are never deleted",
        }
    }
}

impl PlanReport {
    /// What would happen, in the order in which it would.
    pub fn text(&self, page: &mut Page) {
        if !self.stages.is_empty() {
            page.line("To be deleted, in this order:");
            for stage in &self.stages {
                let count = stage.deleted + stage.going_along;
                let along = match (stage.deleted, stage.going_along) {
                    (_, 0) => String::new(),
                    (0, _) => " (with what owns them)".to_owned(),
                    (_, along) => format!(" ({along} of them with what owns them)"),
                };
                page.line(format!("  {count} {}{along}", stage.resource));
            }
        }
        if !self.keep.is_empty() {
            page.line("To stay:");
            let shown = page.shown(DisableReport::SHOWN);
            for kept in self.keep.iter().take(shown) {
                page.line(format!(
                    "  {} {}/{}: {}",
                    kept.resource,
                    clean(&kept.namespace),
                    clean(&kept.name),
                    kept.why.words()
                ));
            }
            if self.keep_count > shown {
                let more = self.keep_count - shown;
                page.line(format!("  ... and {more} more, all in -o wide and -o json"));
            }
        }
        if self.stages.is_empty() {
            return;
        }
        page.gap();
        if self.disks_lost > 0 {
            let (disks, their) = match self.disks_lost {
                1 => ("1 disk is".to_owned(), "its"),
                count => (format!("{count} disks are"), "their"),
            };
            page.paragraph(
                "",
                &format!("{disks} deleted with all data: {their} contents are in no backup."),
            );
        }
        page.paragraph(
            "",
            &match &self.backup {
                Some(folder) => {
                    format!(
                        "The manifests of VMs and disks are saved before, in {}.",
                        clean(folder)
                    )
                }
                None => "There is no backup: not even the manifests are saved.".to_owned(),
            },
        );
    }
}
