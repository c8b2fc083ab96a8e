//! The rules of preflight checks: when one is due, what its results add up to, which ones are kept.
//!
//! The controller decides with them; nothing here remembers anything. What a check was made for stands on the check
//! itself ([`Inputs`]), so that a controller that was restarted knows as much as one that was not.

mod conclusion;
mod gate;
mod trigger;

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;

pub use conclusion::{
    FAILURES_LISTED, MESSAGE_LIMIT, STATUS_BUDGET, conclude, cut, explain, summary, unknown,
};
pub use gate::{Gate, gate, latest_finished};
pub use trigger::{Due, Inputs, Occasion, Subject, Trigger, due};

use crate::api::{VMRuntimePreflightCheck, VMRuntimePreflightCheckStatus, name};

/// How many finished checks are kept for people to look at.
pub const CHECKS_KEPT: usize = 10;

/// A node, as far as checks and placement care. Only Linux nodes of real machines are ever described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    pub name: String,
    /// Another machine may take the name over, within the second even; never the UID.
    pub uid: String,
    /// Left out of checks, runs no VMs.
    pub skipped: bool,
    pub ready: bool,
    /// Since when it is (not) ready.
    pub ready_since: Option<Timestamp>,
    pub created: Option<Timestamp>,
    pub kubelet_version: String,
    pub control_plane: bool,
}

/// A check, as far as the rules care.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckFacts {
    pub name: String,
    pub uid: String,
    pub created: Timestamp,
    /// Of the last write; tells which of two checks of the same second ended later.
    pub resource_version: u64,
    /// Its deletion has been accepted: it is as good as gone.
    pub deleting: bool,
    /// What the controller made it for; `None` on somebody's own check.
    pub inputs: Option<Inputs>,
    /// What VMRuntime was like when the controller took it up; `None` if it has not.
    pub occasion: Option<Occasion>,
    pub status: VMRuntimePreflightCheckStatus,
}

impl CheckFacts {
    /// What the rules need of the object. An annotation that cannot be read makes it somebody's own check.
    #[must_use]
    pub fn read(check: &VMRuntimePreflightCheck) -> Self {
        let annotation = |key: &str| {
            let annotations = check.metadata.annotations.as_ref();
            annotations.and_then(|annotations| annotations.get(key))
        };
        let status = check.status.clone().unwrap_or_default();
        Self {
            name: check.metadata.name.clone().unwrap_or_default(),
            uid: check.metadata.uid.clone().unwrap_or_default(),
            created: check
                .metadata
                .creation_timestamp
                .as_ref()
                .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            resource_version: check
                .metadata
                .resource_version
                .as_ref()
                .and_then(|version| version.parse().ok())
                .unwrap_or_default(),
            deleting: check.metadata.deletion_timestamp.is_some(),
            inputs: annotation(name::PREFLIGHT_INPUTS)
                .and_then(|text| serde_json::from_str(text).ok()),
            // Whoever makes a check may write annotations; only the controller writes a start time.
            occasion: annotation(name::PREFLIGHT_OCCASION)
                .filter(|_| status.start_time.is_some())
                .and_then(|text| serde_json::from_str(text).ok()),
            status,
        }
    }

    /// `pass` is set only when a check has finished.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.status.pass.is_some()
    }

    /// When its pods began to look at nodes, as well as it is known.
    fn started(&self) -> Timestamp {
        self.status
            .start_time
            .as_ref()
            .map_or(self.created, |time| time.0)
    }

    /// Newest last; never by name, because people choose names.
    #[must_use]
    pub fn age_order(&self) -> (Timestamp, Option<Timestamp>, u64) {
        let completed = self.status.completion_time.as_ref().map(|time| time.0);
        (self.created, completed, self.resource_version)
    }
}

/// How many eligible nodes run which kubelet.
#[must_use]
pub fn kubelets(nodes: &[NodeFacts]) -> BTreeMap<String, usize> {
    let mut versions = BTreeMap::new();
    for node in nodes.iter().filter(|node| !node.skipped) {
        *versions.entry(node.kubelet_version.clone()).or_default() += 1;
    }
    versions
}

/// The finished checks that nobody needs any more: all but the newest `keep`, those in `needed`, and the newest that the
/// controller made (its [`Inputs`] say what has been looked at).
#[must_use]
pub fn superfluous<'a>(
    checks: &'a [CheckFacts],
    keep: usize,
    needed: &[&str],
) -> Vec<&'a CheckFacts> {
    let mut finished: Vec<&CheckFacts> = checks
        .iter()
        .filter(|check| check.finished() && !check.deleting)
        .collect();
    finished.sort_by_key(|check| Reverse(check.age_order()));
    let newest_own = finished
        .iter()
        .find(|check| check.inputs.is_some())
        .map(|check| check.name.clone());
    finished
        .into_iter()
        .skip(keep)
        .filter(|check| !needed.contains(&check.name.as_str()))
        .filter(|check| Some(&check.name) != newest_own.as_ref())
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::api::NodeResult;

    pub(crate) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A check that was created, started and (where `pass` says so) finished at that second.
    pub(crate) fn check(name: &str, second: i64, pass: Option<bool>) -> CheckFacts {
        CheckFacts {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            created: at(second),
            status: VMRuntimePreflightCheckStatus {
                pass,
                start_time: Some(Time(at(second))),
                completion_time: pass.map(|_| Time(at(second))),
                checks: BTreeMap::from([(
                    "n1".to_owned(),
                    NodeResult {
                        passed: pass == Some(true),
                        ..NodeResult::default()
                    },
                )]),
                ..VMRuntimePreflightCheckStatus::default()
            },
            ..CheckFacts::default()
        }
    }

    #[test]
    fn the_newest_ten_are_kept_and_those_that_are_needed() {
        let mut checks: Vec<CheckFacts> = (0..15)
            .map(|second| check(&format!("c{second}"), second, Some(true)))
            .collect();
        checks.push(check("running", 0, None));
        checks[1].inputs = Some(Inputs::default());
        let names: Vec<&str> = superfluous(&checks, CHECKS_KEPT, &["c3"])
            .iter()
            .map(|check| check.name.as_str())
            .collect();
        assert_eq!(names, ["c4", "c2", "c0"]);
    }

    #[test]
    fn an_annotation_that_can_not_be_read_makes_it_somebodys_own_check() {
        let mut object = VMRuntimePreflightCheck::default();
        object.metadata.annotations = Some(BTreeMap::from([(
            name::PREFLIGHT_INPUTS.to_owned(),
            "{\"generation\": \"many\"}".to_owned(),
        )]));
        assert_eq!(CheckFacts::read(&object).inputs, None);
    }
}
