//! What `bmctl restore` has put back, what was there already, and what it could not create.

use schemars::JsonSchema;
use serde::Serialize;

use super::{clean::clean, document::Report, name::ResourceName, page::Page};

/// How many objects of a list people are shown; documents have them all.
const SHOWN: usize = 20;

/// One object of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RestoredObject {
    /// `plural.group`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
}

/// One that could not be created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailedObject {
    #[serde(flatten)]
    pub object: RestoredObject,
    pub reason: String,
    pub message: String,
}

/// A VM of the backup, and what it needs that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnstartableMachine {
    #[serde(flatten)]
    pub object: RestoredObject,
    pub missing: Vec<RestoredObject>,
}

/// The result of a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreReport {
    /// The folder.
    pub backup: String,
    /// When the backup was begun.
    pub created_at: String,
    /// The context that it was taken from.
    pub taken_of: String,
    /// Created, or what would be.
    pub created: Vec<RestoredObject>,
    /// Was there already, and was left as it is.
    pub existing: Vec<RestoredObject>,
    /// What people had set was put back on these, or would be.
    pub changed: Vec<RestoredObject>,
    /// Not put back: a controller makes it again from another object, or it was an order to do something once.
    pub generated: Vec<RestoredObject>,
    pub failed: Vec<FailedObject>,
    /// VMs of the backup that are there and cannot start.
    pub unstartable: Vec<UnstartableMachine>,
    /// What of the backup is damaged, missing or added; nothing of it is restored. Empty where everything verifies.
    pub damaged: Vec<String>,
    pub dry_run: bool,
    /// It came to its end, whatever was put back.
    #[serde(skip)]
    pub ended: bool,
}

impl Report for RestoreReport {
    const KIND: &'static str = "RestoreResult";

    fn text(&self, page: &mut Page) {
        if self.backup.is_empty() {
            return;
        }
        let created = if self.dry_run {
            "To be created"
        } else {
            "Created"
        };
        list(page, created, &self.created);
        list(page, "Settings put back", &self.changed);
        list(page, "Exists already, left as it is", &self.existing);
        list(page, "Not put back", &self.generated);
        let nothing = [&self.created, &self.existing, &self.changed];
        let nothing = nothing.iter().all(|list| list.is_empty()) && self.failed.is_empty();
        if self.ended && nothing && self.damaged.is_empty() {
            page.line("The backup holds nothing to put back.");
        }
        if self.dry_run {
            page.line("Nothing was changed: this was a dry run.");
        } else if !self.created.is_empty() {
            page.line("The contents of disks were not in the backup.");
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        self.created
            .iter()
            .chain(&self.existing)
            .map(|object| ResourceName::of(&object.resource, &object.name))
            .collect()
    }
}

fn list(page: &mut Page, title: &str, objects: &[RestoredObject]) {
    if objects.is_empty() {
        return;
    }
    page.line(format!("{title}: {}", objects.len()));
    let shown = page.shown(SHOWN);
    for object in objects.iter().take(shown) {
        page.line(format!(
            "  {} {}{}",
            clean(&object.resource),
            match &*object.namespace {
                "" => String::new(),
                namespace => format!("{}/", clean(namespace)),
            },
            clean(&object.name)
        ));
    }
    if objects.len() > shown {
        page.line(format!(
            "  ... and {} more, all in -o wide and -o json",
            objects.len() - shown
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint};

    #[test]
    fn only_a_restore_that_has_ended_says_that_there_was_nothing() {
        for ended in [false, true] {
            let report = RestoreReport {
                backup: "b".to_owned(),
                ended,
                ..RestoreReport::default()
            };
            let mut page = Page::new(Style {
                width: Some(80),
                unicode: true,
            });
            report.text(&mut page);
            let said = paint(&page.finish(), false).contains("nothing to put back");
            assert_eq!(said, ended);
        }
    }

    #[test]
    fn what_is_new_and_what_was_there() {
        let object = |name: &str| RestoredObject {
            resource: "virtualmachines.vm.cluster.gke.io".to_owned(),
            namespace: "default".to_owned(),
            name: name.to_owned(),
        };
        let report = RestoreReport {
            backup: "b".to_owned(),
            created: vec![object("db")],
            existing: vec![object("evil\x1b[2J")],
            ..RestoreReport::default()
        };
        let mut page = Page::new(Style {
            width: Some(80),
            unicode: true,
        });
        report.text(&mut page);
        assert_eq!(
            paint(&page.finish(), false),
            "\
Created: 1
  virtualmachines.vm.cluster.gke.io default/db
Exists already, left as it is: 1
  virtualmachines.vm.cluster.gke.io default/evil
The contents of disks were not in the backup.
"
        );
    }
}
