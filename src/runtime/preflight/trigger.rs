//! When a check is due: told from what stands on the checks and the nodes, never from memory.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CheckFacts, NodeFacts, gate, kubelets};
use crate::runtime::verdict::{self, NodeVerdict};

/// Why the controller makes a check.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// VM Runtime was enabled: VM creation stays closed until this check has passed.
    #[default]
    Enabled,
    /// useEmulation, or anything else in the spec, was changed while enabled.
    SettingsChanged,
    /// A node joined, or its skip label was removed.
    NodeAdded,
    /// A node is ready again, or was replaced by another of the same name.
    NodeBack,
    /// More nodes than before run some version of the kubelet.
    Upgraded,
    /// Somebody changed useEmulation on a KubeVirt object that is not ours.
    EngineChanged,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a check was made for, kept in an annotation of the check.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    pub trigger: Trigger,
    /// UID of the VMRuntime: another object of the same name starts anew.
    pub runtime: String,
    /// Generation of the VMRuntime.
    pub generation: i64,
    /// Generation in which the enabling was noticed that this check belongs to. Checks of another one open no gate.
    pub enabling: i64,
    /// How many eligible nodes ran which kubelet.
    pub kubelets: BTreeMap<String, usize>,
}

/// What VMRuntime was like when the controller took a check up, kept in an annotation of the check. Whoever made the
/// check: this tells which enabling its result counts for, and keeps one check from judging nodes in two ways.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Occasion {
    /// UID of the VMRuntime; empty if there was none.
    pub runtime: String,
    pub generation: i64,
    /// What new VMs get, whatever VMRuntime asks for: nodes are judged by it.
    pub use_emulation: bool,
    /// What VMRuntime asks for; only where somebody else decides on it, because KubeVirt is theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<bool>,
}

impl Occasion {
    /// That nodes were judged by another setting than the one that VMRuntime asks for.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        let (has, asked) = (self.use_emulation, self.asked?);
        let effect = if has {
            "new VMs are emulated in software, and whether nodes have KVM was not judged"
        } else {
            "new VMs need KVM, and nodes were checked for it"
        };
        (has != asked).then(|| {
            format!(
                "useEmulation is {has} on a KubeVirt object that is not VM Runtime's own, although VMRuntime asks for \
                 {asked}: {effect}; change it there, or set useEmulation of VMRuntime to {has}"
            )
        })
    }
}

/// The VMRuntime that checks are made for, and the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub uid: String,
    pub generation: i64,
    pub now: Timestamp,
    /// What new VMs get by now.
    pub use_emulation: bool,
    /// When these nodes were seen to have lost the skip label.
    pub unskipped: BTreeMap<String, Timestamp>,
}

/// Is a check due?
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    No,
    Now(Inputs),
    /// Nodes changed, but the last check is too recent.
    At(Timestamp),
}

/// Whether an enabled VM Runtime needs a new check.
///
/// Every change of the spec brings one about. Two changes since the last check may have been a disable and an enable
/// that nobody saw (one change cannot: VM Runtime was enabled then and is now), so they count as an enabling.
#[must_use]
pub fn due(subject: &Subject, nodes: &[NodeFacts], checks: &[CheckFacts], gap: Duration) -> Due {
    let now = |trigger, enabling| {
        Due::Now(Inputs {
            trigger,
            runtime: subject.uid.clone(),
            generation: subject.generation,
            enabling,
            kubelets: kubelets(nodes),
        })
    };
    let Some(last) = last_inputs(subject, checks) else {
        return now(Trigger::Enabled, subject.generation);
    };
    match subject.generation - last.generation {
        0 => {}
        1 => return now(Trigger::SettingsChanged, last.enabling),
        _ => return now(Trigger::Enabled, subject.generation),
    }
    let running = checks
        .iter()
        .any(|check| !check.finished() && !check.deleting);
    let Some(base) = gate::finished_in_epoch(subject, checks).filter(|_| !running) else {
        return Due::No;
    };
    let changed = engine_trigger(subject, base);
    let Some(trigger) = changed.or_else(|| node_trigger(subject, nodes, base, last)) else {
        return Due::No;
    };
    let completed = base.status.completion_time.as_ref();
    let earliest = completed
        .map_or(base.created, |time| time.0)
        .checked_add(gap);
    match earliest {
        Ok(earliest) if earliest > subject.now => Due::At(earliest),
        Ok(_) | Err(_) => now(trigger, last.enabling),
    }
}

/// What the newest check of the controller for this VMRuntime was made for.
pub(super) fn last_inputs<'a>(subject: &Subject, checks: &'a [CheckFacts]) -> Option<&'a Inputs> {
    checks
        .iter()
        .filter(|check| !check.deleting)
        .filter_map(|check| check.inputs.as_ref().map(|inputs| (check, inputs)))
        .filter(|(_, inputs)| inputs.runtime == subject.uid)
        .max_by_key(|(check, inputs)| (inputs.generation, inputs.enabling, check.created))
        .map(|(_, inputs)| inputs)
}

/// Were the nodes judged by another setting than the one that new VMs get?
fn engine_trigger(subject: &Subject, base: &CheckFacts) -> Option<Trigger> {
    let judged = base.occasion.as_ref()?.use_emulation;
    (judged != subject.use_emulation).then_some(Trigger::EngineChanged)
}

/// Did something happen to a node that the last finished check could not know?
fn node_trigger(
    subject: &Subject,
    nodes: &[NodeFacts],
    base: &CheckFacts,
    last: &Inputs,
) -> Option<Trigger> {
    let mut triggers = nodes
        .iter()
        .filter(|node| !node.skipped && node.ready)
        .filter_map(|node| changed_node(subject, node, base));
    if let Some(trigger) = triggers.next() {
        return Some(trigger);
    }
    let upgraded = kubelets(nodes)
        .into_iter()
        .any(|(version, nodes)| nodes > last.kubelets.get(&version).copied().unwrap_or(0));
    upgraded.then_some(Trigger::Upgraded)
}

/// A node that stays unknown although it is ready (its image cannot be pulled, say) is no reason for another check:
/// that would go on for ever. A time in the future, from a clock that is ahead, is not believed yet.
fn changed_node(subject: &Subject, node: &NodeFacts, base: &CheckFacts) -> Option<Trigger> {
    let now = subject.now;
    let Some(entry) = base.status.checks.get(&node.name) else {
        return Some(Trigger::NodeAdded);
    };
    // Whatever that check says of it: what happened to a node that was left out, nobody looked at.
    let unskipped = subject.unskipped.get(&node.name);
    if unskipped.is_some_and(|unskipped| *unskipped >= base.started()) {
        return Some(Trigger::NodeAdded);
    }
    // Times of the API are whole seconds. Within the second in which the check began, only a node that it could not
    // reach may have come back afterwards.
    let started = base.started().as_second();
    let first = if verdict::of_node(entry) == NodeVerdict::Unknown {
        started
    } else {
        started + 1
    };
    let after =
        |time: Option<Timestamp>| time.is_some_and(|time| time <= now && time.as_second() >= first);
    (after(node.ready_since) || after(node.created)).then_some(Trigger::NodeBack)
}

#[cfg(test)]
mod tests;
