//! What `bmctl disable vmruntime` did, or which VMs are in its way.

mod plan;

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    age,
    clean::clean,
    document::Report,
    enable::{Change, sentence, whole_seconds},
    name::ResourceName,
    page::Page,
    style::Tone,
    table::Table,
};

pub use self::plan::{
    Comeback, EngineObjectReport, How, KeptObject, OwnedObject, PlanReport, PlannedObject, Reason,
    StageReport,
};

/// A virtual machine, as people tell it from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineReport {
    /// `plural.group`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    /// What the object says of itself, for example `Running`.
    pub state: Option<String>,
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    /// Its deletion was accepted, and it is not gone yet.
    pub deleting: bool,
}

/// An object that was deleted and is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GoneObject {
    pub resource: String,
    pub namespace: Option<String>,
    pub name: String,
}

/// What became of the machines that were there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Machines {
    /// They are still there, and nothing was deleted.
    #[default]
    Kept,
    /// Their deletion was begun.
    Deleting,
    /// They are gone.
    Deleted,
}

/// The result of a disable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisableReport {
    pub changed: Vec<Change>,
    /// How many VMs were there; null where it was not looked.
    pub machine_count: Option<usize>,
    /// All of them.
    pub machines: Vec<MachineReport>,
    pub machines_were: Machines,
    /// What is deleted if they are, and what stays; null where it was not looked.
    pub plan: Option<PlanReport>,
    /// Nothing was changed, because nothing was to be.
    pub dry_run: bool,
    /// With a dry run: VMs and disks would be deleted.
    #[serde(skip)]
    pub deletes: bool,
    /// With a dry run: it would be asked first.
    #[serde(skip)]
    pub asks: bool,
    /// The folder with the manifests of what was deleted.
    pub backup: Option<String>,
    /// The command that puts them back; null for a cluster that will be gone.
    pub restore: Option<String>,
    /// What was deleted and is gone: VMs, what was generated from them, and their disks.
    pub deleted: Vec<GoneObject>,
    /// VM Runtime was told to turn off, and the engine goes with it.
    #[serde(skip)]
    pub engine_goes: bool,
    /// Is VM Runtime off? Null where it was not waited for.
    pub disabled: Option<bool>,
    /// CDI stays installed, because disks were kept.
    pub disks_kept: bool,
    /// It was seen that nothing but the controller runs in vm-system.
    #[serde(skip)]
    pub only_controller_left: bool,
    /// Nobody asked to wait.
    #[serde(skip)]
    pub unattended: bool,
    #[serde(rename = "waitedSeconds", serialize_with = "whole_seconds")]
    #[schemars(with = "u64")]
    pub waited: Duration,
    /// The command that turns it on again; null where it was not turned off, and for a cluster that will be gone.
    pub undo: Option<String>,
    /// They were shown already, when it was asked about them.
    #[serde(skip)]
    pub machines_shown: bool,
    /// When the ages are counted to.
    #[serde(skip)]
    pub now: Timestamp,
}

impl DisableReport {
    /// What was deleted does not come back by it, so that it undoes a disable only where nothing was.
    fn undoing(&self, page: &mut Page) {
        if let Some(undo) = &self.undo {
            let kept = self.machines_were == Machines::Kept
                && self.deleted.is_empty()
                && self.backup.is_none();
            let what = if kept { "undo" } else { "turn it on again" };
            page.line(format!("To {what}: {undo}"));
        }
    }

    /// How many objects people are shown; documents have them all.
    pub const SHOWN: usize = 20;

    /// The machines as a table, the first of them only.
    pub fn machine_table(&self, page: &mut Page) {
        let shown = page.shown(Self::SHOWN);
        let mut header = vec!["VM", "STATE", "AGE", "RESOURCE"];
        if page.is_wide() {
            header.push("CREATED");
        }
        let mut table = Table::new(header);
        for machine in self.machines.iter().take(shown) {
            let age = machine
                .created
                .and_then(|created| self.now.duration_since(created).try_into().ok())
                .map_or_else(|| "<unknown>".to_owned(), age::age);
            let state = if machine.deleting {
                Tone::Warning.of("Terminating")
            } else {
                machine
                    .state
                    .as_deref()
                    .map_or_else(|| "<unknown>".to_owned(), clean)
            };
            let mut row = vec![
                format!("{}/{}", clean(&machine.namespace), clean(&machine.name)),
                state,
                age,
                machine.resource.clone(),
            ];
            if page.is_wide() {
                let created = machine.created.map(|created| created.to_string());
                row.push(created.unwrap_or_else(|| "<unknown>".to_owned()));
            }
            table.row(row);
        }
        page.table(&table);
        let count = self.machine_count.unwrap_or(self.machines.len());
        if count > shown {
            page.line(format!(
                "... and {} more, all in -o wide and -o json",
                count - shown
            ));
        }
    }
}

impl DisableReport {
    fn rehearsal(&self, page: &mut Page) {
        if !self.machines.is_empty() {
            self.machine_table(page);
            page.gap();
        }
        if let Some(plan) = &self.plan {
            if self.deletes {
                plan.text(page);
            } else {
                plan.engine_text(page);
            }
        }
        if self.asks {
            page.line("bmctl would ask first.");
        }
        page.line(if self.deletes {
            "Then VM Runtime would be disabled."
        } else {
            "VM Runtime would be disabled."
        });
        page.gap();
        page.line("Nothing was changed: this was a dry run.");
    }
}

impl Report for DisableReport {
    const KIND: &'static str = "DisableResult";

    fn text(&self, page: &mut Page) {
        if self.dry_run {
            self.rehearsal(page);
            return;
        }
        match self.machines_were {
            Machines::Kept | Machines::Deleting
                if !self.machines.is_empty() && !self.machines_shown =>
            {
                self.machine_table(page);
            }
            Machines::Kept | Machines::Deleting => {}
            Machines::Deleted => {
                page.line(match self.deleted.len() {
                    1 => "Deleted, and gone:".to_owned(),
                    count => format!("Deleted, and gone: {count} objects"),
                });
                let shown = page.shown(Self::SHOWN);
                for object in self.deleted.iter().take(shown) {
                    page.line(format!(
                        "  {} {}{}",
                        object.resource,
                        object
                            .namespace
                            .as_deref()
                            .map(|namespace| format!("{}/", clean(namespace)))
                            .unwrap_or_default(),
                        clean(&object.name)
                    ));
                }
                if self.deleted.len() > shown {
                    page.line(format!(
                        "  ... and {} more, all in -o wide and -o json",
                        self.deleted.len() - shown
                    ));
                }
            }
        }
        if let Some(plan) = self
            .plan
            .as_ref()
            .filter(|_| self.machines_were == Machines::Deleted)
        {
            plan.owned_text("Gone with them, because they owned it:", page);
        }
        if let Some(plan) = self.plan.as_ref().filter(|_| self.engine_goes) {
            page.gap();
            plan.engine_text(page);
        }
        if let Some(folder) = &self.backup {
            page.gap();
            page.line(format!("Manifests saved in {}", clean(folder)));
        }
        if let Some(restore) = &self.restore {
            let what = match self.machines_were {
                Machines::Kept => "To put it back",
                Machines::Deleting | Machines::Deleted => {
                    "To put the VMs back (without the data of disks)"
                }
            };
            page.line(format!("{what}: {restore}"));
        }
        if !self.changed.is_empty() {
            page.gap();
            Change::list(&self.changed, page);
        }
        match self.disabled {
            Some(true) => {
                page.gap();
                page.line(sentence(
                    page.style,
                    &format!("VM Runtime is disabled ({}).", age::span(self.waited)),
                ));
                if self.disks_kept {
                    page.line("CDI stays installed, because disks were kept.");
                } else if self.only_controller_left {
                    page.line("Only its controller is left in vm-system.");
                }
                self.undoing(page);
            }
            None if self.unattended => {
                page.gap();
                page.line("VM Runtime is being disabled; bmctl did not wait for it to be off.");
                self.undoing(page);
            }
            None | Some(false) => {}
        }
    }

    /// The machines that are in the way, or what is gone; then VMRuntime, where it was turned off.
    fn names(&self) -> Vec<ResourceName> {
        let machines: Vec<ResourceName> = match self.machines_were {
            Machines::Kept | Machines::Deleting => self
                .machines
                .iter()
                .map(|machine| ResourceName::of(&machine.resource, &machine.name))
                .collect(),
            Machines::Deleted => self
                .deleted
                .iter()
                .map(|object| ResourceName::of(&object.resource, &object.name))
                .collect(),
        };
        let off = !self.changed.is_empty() || self.disabled.is_some() || self.unattended;
        let runtime = off.then(ResourceName::vmruntime);
        machines.into_iter().chain(runtime).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint};

    fn machine(name: &str) -> MachineReport {
        MachineReport {
            resource: "virtualmachines.vm.cluster.gke.io".to_owned(),
            namespace: "default".to_owned(),
            name: name.to_owned(),
            state: Some("Running".to_owned()),
            created: Some("2026-11-23T05:00:00Z".parse().unwrap()),
            deleting: false,
        }
    }

    fn report() -> DisableReport {
        DisableReport {
            machine_count: Some(2),
            machines: vec![
                machine("db"),
                MachineReport {
                    state: None,
                    created: None,
                    deleting: true,
                    ..machine("evil\x1b[2J")
                },
            ],
            now: "2026-11-23T05:05:09Z".parse().unwrap(),
            undo: Some("bmctl enable vmruntime --context prod".to_owned()),
            ..DisableReport::default()
        }
    }

    fn text(report: &DisableReport) -> String {
        let mut page = Page::new(Style {
            width: Some(80),
            unicode: true,
        });
        report.text(&mut page);
        paint(&page.finish(), false)
    }

    #[test]
    fn a_refusal_shows_the_machines_in_the_way() {
        assert_eq!(
            text(&report()),
            "\
VM             STATE         AGE         RESOURCE
default/db     Running       5m9s        virtualmachines.vm.cluster.gke.io
default/evil   Terminating   <unknown>   virtualmachines.vm.cluster.gke.io
"
        );
    }

    #[test]
    fn only_the_first_machines_are_shown_and_the_others_counted() {
        let many = DisableReport {
            machine_count: Some(25),
            machines: (0..25).map(|at| machine(&format!("vm-{at}"))).collect(),
            ..report()
        };
        let text = text(&many);
        assert_eq!(text.lines().count(), 1 + DisableReport::SHOWN + 1);
        assert!(
            text.ends_with("... and 5 more, all in -o wide and -o json\n"),
            "{text}"
        );
        let value = serde_json::to_value(many).unwrap();
        assert_eq!(value["machines"].as_array().unwrap().len(), 25);
    }

    #[test]
    fn a_dry_run_says_then_only_after_something() {
        let nothing_there = DisableReport {
            dry_run: true,
            machine_count: Some(0),
            machines: Vec::new(),
            ..report()
        };
        assert_eq!(
            text(&nothing_there),
            "VM Runtime would be disabled.\n\nNothing was changed: this was a dry run.\n"
        );
        let plan = PlanReport {
            stages: vec![StageReport {
                resource: "virtualmachines.kubevirt.io".to_owned(),
                deleted: 1,
                going_along: 0,
            }],
            ..PlanReport::default()
        };
        let deletes = DisableReport {
            deletes: true,
            asks: true,
            plan: Some(plan),
            ..nothing_there
        };
        assert_eq!(
            text(&deletes),
            "\
To be deleted, in this order:
  1 virtualmachines.kubevirt.io

There is no backup: not even the manifests are saved.
bmctl would ask first.
Then VM Runtime would be disabled.

Nothing was changed: this was a dry run.
"
        );
    }

    #[test]
    fn the_end_says_what_is_gone_and_how_to_turn_it_on_again() {
        let done = DisableReport {
            machines_were: Machines::Deleted,
            deleted: vec![GoneObject {
                resource: "virtualmachines.vm.cluster.gke.io".to_owned(),
                namespace: Some("default".to_owned()),
                name: "db".to_owned(),
            }],
            disabled: Some(true),
            only_controller_left: true,
            waited: Duration::from_secs(5),
            ..report()
        };
        let expected = "\
Deleted, and gone:
  virtualmachines.vm.cluster.gke.io default/db

✓ VM Runtime is disabled (5s).
Only its controller is left in vm-system.
To turn it on again: bmctl enable vmruntime --context prod
";
        assert_eq!(text(&done), expected);
        let alone = "Only its controller is left in vm-system.\n";
        let not_seen = DisableReport {
            only_controller_left: false,
            ..done.clone()
        };
        assert_eq!(text(&not_seen), expected.replace(alone, ""));
        let kept = DisableReport {
            disks_kept: true,
            ..done
        };
        let stays = "CDI stays installed, because disks were kept.\n";
        assert_eq!(text(&kept), expected.replace(alone, stays));
    }
}
