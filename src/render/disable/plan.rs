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
    pub owned_count: usize,
    /// What goes because one of those owns it: objects of any other kind.
    pub owned: Vec<OwnedObject>,
    pub engine_count: usize,
    /// What goes with KubeVirt and CDI, whether VMs exist or not: what people have made of their other kinds, and set on
    /// them.
    pub engine: Vec<EngineObjectReport>,
    pub keep_count: usize,
    /// All of them.
    pub keep: Vec<KeptObject>,
    /// Secrets that go are not saved.
    pub secrets_left_out: bool,
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

/// An object that Kubernetes deletes with the VM or the disk that owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnedObject {
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// It holds the contents of a disk, which are deleted with it.
    pub contents_lost: bool,
    /// A controller makes it again with its owner: a restore does not need to.
    pub made_again: bool,
}

fn is_secret(resource: &String) -> bool {
    resource == "secrets"
}

/// An object that goes with the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EngineObjectReport {
    pub resource: String,
    pub namespace: Option<String>,
    pub name: String,
    pub comeback: Comeback,
}

/// What a restore does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Comeback {
    /// It creates it again.
    Created,
    /// It puts back what people have set on it.
    Settings,
    /// Nothing: it was an order to do something once, or the result of that. Its manifest is kept for the record.
    Never,
}

impl Comeback {
    const fn words(self) -> &'static str {
        match self {
            Self::Created => "",
            Self::Settings => ": what people have set on it",
            Self::Never => ": cannot be brought back",
        }
    }
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
    ReleasedClaim,
    OwnedElsewhere,
}

impl Reason {
    const fn words(self) -> &'static str {
        match self {
            Self::KeepDisks => "--keep-disks",
            Self::MadeForItself => "a VM uses it, but it was created on its own",
            Self::Unused => "no VM uses it",
            Self::OfAnEarlierRun => "its VM was deleted by an earlier run",
            Self::OwnClaim => "a VM uses it, but none owns it",
            Self::ReleasedClaim => "your own data, released from what owns it",
            Self::OwnedElsewhere => "something that stays owns it as well",
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
        self.owned_text("To go with them, because they own it:", page);
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
        self.engine_text(page);
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
                &format!(
                    "{disks} deleted with all data: {their} contents are in no backup and cannot be brought back."
                ),
            );
        }
        page.paragraph(
            "",
            &match &self.backup {
                Some(folder) => {
                    format!(
                        "The manifests of all that goes are saved before, in {}.",
                        clean(folder)
                    )
                }
                None => "There is no backup: not even the manifests are saved.".to_owned(),
            },
        );
        let mut going = self.owned.iter().map(|object| &object.resource);
        let mut with_engine = self.engine.iter().map(|object| &object.resource);
        if self.backup.is_some() && (going.any(is_secret) || with_engine.any(is_secret)) {
            page.paragraph(
                "",
                if self.secrets_left_out {
                    "Secrets are not saved (--backup-secrets=false): those that go are lost."
                } else {
                    "Secrets are saved with them, readable by your user alone; --backup-secrets=false leaves them out."
                },
            );
        }
    }

    /// What goes with the engine, by name.
    pub(super) fn engine_text(&self, page: &mut Page) {
        if self.engine.is_empty() {
            return;
        }
        // A controller leaves those alone that it has not installed, and CDI where disks are kept.
        page.line("Goes with KubeVirt and CDI, where these are removed:");
        let shown = page.shown(DisableReport::SHOWN);
        for object in self.engine.iter().take(shown) {
            let namespace = object.namespace.as_deref();
            let namespace = namespace.map(|namespace| format!("{}/", clean(namespace)));
            page.line(format!(
                "  {} {}{}{}",
                object.resource,
                namespace.unwrap_or_default(),
                clean(&object.name),
                object.comeback.words()
            ));
        }
        if self.engine_count > shown {
            let more = self.engine_count - shown;
            page.line(format!("  ... and {more} more, all in -o wide and -o json"));
        }
    }

    /// What goes with VMs and disks, by name.
    pub(super) fn owned_text(&self, headline: &str, page: &mut Page) {
        if self.owned.is_empty() {
            return;
        }
        page.line(headline);
        let shown = page.shown(DisableReport::SHOWN);
        for object in self.owned.iter().take(shown) {
            let contents = if object.contents_lost {
                ", with its contents"
            } else {
                ""
            };
            page.line(format!(
                "  {} {}/{}{contents}",
                object.resource,
                clean(&object.namespace),
                clean(&object.name)
            ));
        }
        if self.owned_count > shown {
            let more = self.owned_count - shown;
            page.line(format!("  ... and {more} more, all in -o wide and -o json"));
        }
    }
}
