//! VM Runtime on one screen.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    clean::clean,
    document::Report,
    history::HistoryEntry,
    name::ResourceName,
    page::Page,
    stuck::StuckReport,
    style::{Mark, Tone},
    table::Table,
};
use crate::api::{
    Condition,
    condition::{self, kind},
    tolerant::UNREADABLE_COUNT,
};

/// The phase that belongs to a disable, wanted in the spec or fenced by a `bmctl` that is at work.
const FENCING: &str = "Fencing";

/// What `bmctl status vmruntime` found. Null is unknown, and then `undetermined` says why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// The spec; null where there is no VMRuntime to be seen.
    pub settings: Option<Settings>,
    /// Can VMs be run, by a status that speaks of this generation?
    pub ready: Option<bool>,
    pub phase: Option<String>,
    pub generation: Option<i64>,
    pub observed_generation: Option<i64>,
    pub vm_creation_allowed: Option<bool>,
    /// Null also where there was no check yet.
    pub latest_check: Option<HistoryEntry>,
    pub machine_count: Option<usize>,
    pub controller: Option<ControllerReport>,
    pub annotation: Annotation,
    /// What keeps VM Runtime from where its spec wants it.
    pub blockers: Vec<String>,
    /// What was deleted and is still there, and why, as far as it may be read.
    pub stuck: Vec<StuckReport>,
    /// Those that are out of the ordinary.
    pub conditions: Vec<Condition>,
    /// How many more of them there are.
    pub more_conditions: usize,
    pub undetermined: Vec<Undetermined>,
    #[serde(skip)]
    pub now: Timestamp,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub enabled: bool,
    pub use_emulation: bool,
    pub vm_image_format: String,
}

/// The controller's Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ControllerReport {
    pub present: bool,
    /// How many pods are wanted.
    pub wanted: Option<i32>,
    pub available: Option<i32>,
}

/// The force annotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Annotation {
    /// It permits a disable to delete all VMs, after asking.
    pub permits: bool,
}

/// What could not be determined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Undetermined {
    pub what: &'static str,
    pub why: String,
}

/// What `undetermined` calls the latest check.
pub const LATEST_CHECK: &str = "the latest preflight check";

const UNKNOWN: &str = "unknown";

impl Report for StatusReport {
    const KIND: &'static str = "StatusResult";

    fn text(&self, page: &mut Page) {
        let Some(settings) = &self.settings else {
            return;
        };
        self.headline(page, settings);
        page.gap();
        for (label, value) in self.facts(settings) {
            page.paragraph(&format!("{label:<18}"), &value);
        }
        if !self.blockers.is_empty() {
            page.gap();
            page.line("What blocks:");
            for blocker in &self.blockers {
                let mark = page.style.mark(Mark::Warning);
                page.paragraph(&format!("  {mark} "), blocker);
            }
        }
        if !self.stuck.is_empty() {
            page.gap();
            page.line("Deleted, and still there:");
            for stuck in &self.stuck {
                stuck.text(page);
            }
        }
        self.conditions(page);
    }

    fn names(&self) -> Vec<ResourceName> {
        let found = self.settings.is_some().then(ResourceName::vmruntime);
        found.into_iter().collect()
    }
}

impl StatusReport {
    fn headline(&self, page: &mut Page, settings: &Settings) {
        let fenced = self.phase.as_deref() == Some(FENCING);
        page.line(match (settings.enabled, self.ready) {
            (true, _) if fenced => {
                "VM Runtime is enabled, and a disable is deleting VMs: none can be created."
                    .to_owned()
            }
            (true, Some(true)) => format!("VM Runtime is enabled and {}.", Tone::Good.of("ready")),
            (true, Some(false)) => {
                format!("VM Runtime is enabled and {}.", Tone::Bad.of("not ready"))
            }
            (true, None) => format!(
                "VM Runtime is enabled; whether it is ready is {}.",
                Tone::Warning.of(UNKNOWN)
            ),
            (false, Some(true)) => "VM Runtime is disabled, and still ready.".to_owned(),
            (false, Some(false) | None) => self.disabled().to_owned(),
        });
    }

    /// Not wanted any more is not gone yet.
    fn disabled(&self) -> &'static str {
        match self.phase.as_deref() {
            Some("DisableBlocked") => {
                "VM Runtime is not off: VMs exist, and a disable waits for them to go."
            }
            Some(FENCING | "Draining" | "Uninstalling") => "VM Runtime is being disabled.",
            // Also what a controller of somebody else's calls otherwise.
            Some(_) | None => "VM Runtime is disabled.",
        }
    }

    /// Does the cluster say that nothing enforces whether VMs may be created?
    fn is_ungated(&self) -> bool {
        condition::is_true(&self.conditions, kind::ADMISSION_MISSING)
    }

    /// Label and value, one a line.
    fn facts(&self, settings: &Settings) -> Vec<(&'static str, String)> {
        let yes_or_no = |value: bool| if value { "yes" } else { "no" }.to_owned();
        vec![
            (
                "Phase",
                self.phase
                    .clone()
                    .unwrap_or_else(|| "not reported".to_owned()),
            ),
            ("Generation", self.generations()),
            ("Use emulation", yes_or_no(settings.use_emulation)),
            ("VM image format", settings.vm_image_format.clone()),
            (
                "VM creation",
                match self.vm_creation_allowed {
                    Some(true) => "open".to_owned(),
                    Some(false) if self.is_ungated() => {
                        "should be closed, but the API server does not enforce it".to_owned()
                    }
                    Some(false) => "closed".to_owned(),
                    None => "not reported".to_owned(),
                },
            ),
            ("Latest check", self.check()),
            (
                "VMs",
                self.machine_count
                    .map_or_else(|| UNKNOWN.to_owned(), |count| count.to_string()),
            ),
            ("Controller", self.controller()),
            (
                "Force annotation",
                if self.annotation.permits {
                    "set: a disable deletes all VMs (bmctl asks first)"
                } else {
                    "not set"
                }
                .to_owned(),
            ),
        ]
    }

    fn generations(&self) -> String {
        match (self.generation, self.observed_generation) {
            (Some(generation), Some(UNREADABLE_COUNT)) => {
                format!("{generation}; which one the status describes cannot be read")
            }
            (Some(generation), Some(observed)) if observed < generation => {
                format!("{generation}, but the status describes {observed}")
            }
            (Some(generation), Some(_)) => format!("{generation}, observed"),
            (Some(generation), None) => {
                format!("{generation}; the controller does not report which one it has seen")
            }
            (None, _) => "not counted".to_owned(),
        }
    }

    fn check(&self) -> String {
        let Some(check) = &self.latest_check else {
            let known = !self
                .undetermined
                .iter()
                .any(|thing| thing.what == LATEST_CHECK);
            return if known { "none yet" } else { UNKNOWN }.to_owned();
        };
        let mut text = format!("{}, {} ago", check.result.word(), check.age(self.now));
        let unknown = check.unknown_nodes.len() + check.unnamed_unknown_nodes;
        for (count, what) in [(check.failed_nodes.len(), "failed"), (unknown, UNKNOWN)] {
            let of = match check.node_count {
                1 => "1 node".to_owned(),
                nodes => format!("{nodes} nodes"),
            };
            if count > 0 {
                text = format!("{text}, {count} of {of} {what}");
            }
        }
        format!("{text} ({})", clean(&check.name))
    }

    fn controller(&self) -> String {
        match self.controller {
            None => UNKNOWN.to_owned(),
            Some(ControllerReport {
                wanted: Some(wanted),
                available: Some(available),
                ..
            }) => format!("{available} of {wanted} pods available"),
            Some(_) => "not there".to_owned(),
        }
    }

    fn conditions(&self, page: &mut Page) {
        if self.conditions.is_empty() {
            return;
        }
        page.gap();
        let mut header = vec!["CONDITION", "STATUS", "REASON", "MESSAGE"];
        if page.is_wide() {
            header.extend(["SINCE", "GENERATION"]);
        }
        let mut table = Table::new(header);
        for condition in &self.conditions {
            let mut row = vec![
                clean(&condition.type_),
                format!("{:?}", condition.status),
                clean(&condition.reason),
                clean(&condition.message),
            ];
            if page.is_wide() {
                let since = condition.last_transition_time.as_ref();
                let generation = condition.observed_generation;
                row.push(since.map(|since| since.0.to_string()).unwrap_or_default());
                row.push(generation.map(|at| at.to_string()).unwrap_or_default());
            }
            table.row(row);
        }
        page.table(&table);
        if self.more_conditions > 0 {
            page.line(format!("({} more conditions)", self.more_conditions));
        }
    }
}

#[cfg(test)]
mod tests;
