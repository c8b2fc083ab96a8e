//! Not enabled, not ready, and nothing but the controller left in `vm-system`.

use std::time::Duration;

use serde_json::Value;

use super::{
    Baseline, Wait,
    judge::{Done, Verdict, Waiting, flipped, lag, says},
    snapshot::{PodOwner, Reading, Snapshot},
};
use crate::{
    api::{
        ConditionStatus,
        condition::{find, is_true, kind},
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
    },
    cluster::vmruntime::RuntimeObject,
};

pub(super) fn judge(
    snapshot: &Snapshot,
    _: &Wait,
    baseline: &Baseline,
    runtime: &RuntimeObject,
) -> Verdict {
    if runtime.object.spec.enabled {
        return Verdict::failed(flipped(runtime));
    }
    let mut missing = not_off(baseline, runtime);
    let mut done = Done::default();
    let engine = if is_true(&runtime.status().conditions, kind::DISKS_KEPT) {
        done.warnings.push(
            "CDI stays installed, and its pods go on running, because disks were kept".to_owned(),
        );
        Engine::Stays
    } else {
        Engine::Goes
    };
    let names = pods(snapshot, engine, &mut missing, &mut done.unknown);
    if missing.is_empty() {
        return Verdict::done(done);
    }
    // Whose a pod is may only be answered when it is asked again; no event will say so.
    let unresolved = match &snapshot.pods {
        Reading::Known(pods) => pods
            .values()
            .any(|pod| snapshot.owner(pod) == PodOwner::Unknown),
        Reading::Pending | Reading::Refused(_) => false,
    };
    Verdict::Waiting(Waiting {
        missing,
        names,
        look_again: unresolved.then_some(ASK_AGAIN),
    })
}

/// Whether pods of the engine may be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Goes,
    /// What provides the disks that were kept; on some clusters it lives in the same namespace.
    Stays,
}

/// How soon an unanswered question is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Why the VMRuntime itself is not off for this generation.
fn not_off(baseline: &Baseline, runtime: &RuntimeObject) -> Vec<String> {
    if let Some(lag) = lag(baseline, runtime) {
        return vec![lag];
    }
    let status = runtime.status();
    let mut missing = Vec::new();
    if status.ready == Some(true) {
        missing.push("status.ready is still true".to_owned());
    }
    if !matches!(runtime.raw["status"]["ready"], Value::Null | Value::Bool(_)) {
        missing.push("status.ready cannot be read".to_owned());
    }
    for type_ in [kind::DISABLE_BLOCKED, kind::PROGRESSING, kind::READY] {
        let condition = find(&status.conditions, type_);
        missing.extend(
            condition
                .filter(|condition| condition.status == ConditionStatus::True)
                .map(says),
        );
    }
    missing
}

/// How many pods are left that should not be, and of which we cannot tell. Returns their names: while they go, a log needs
/// no line for each.
fn pods(
    snapshot: &Snapshot,
    engine: Engine,
    missing: &mut Vec<String>,
    unknown: &mut Vec<String>,
) -> Vec<String> {
    /// More names than this say no more.
    const NAMED: usize = 5;
    let pods = match &snapshot.pods {
        Reading::Known(pods) => pods,
        Reading::Pending => {
            missing.push(format!(
                "the pods in {SYSTEM_NAMESPACE} have not been read yet"
            ));
            return Vec::new();
        }
        Reading::Refused(failure) => {
            unknown.push(format!(
                "whether only the controller is left in {SYSTEM_NAMESPACE}: {}",
                failure.root_cause()
            ));
            return Vec::new();
        }
    };
    let mut left = Vec::new();
    for (name, pod) in pods {
        match snapshot.owner(pod) {
            PodOwner::Controller => {}
            PodOwner::Other | PodOwner::Unknown if engine == Engine::Stays && !pod.probes => {}
            // By its name it may be the controller's, but that is no proof.
            PodOwner::Unknown if name.starts_with(&format!("{CONTROLLER_DEPLOYMENT}-")) => {
                unknown.push(format!("whether pod {name} in {SYSTEM_NAMESPACE} is the controller's: its ReplicaSet cannot be read"));
            }
            PodOwner::Other | PodOwner::Unknown => left.push(name.as_str()),
        }
    }
    let more = match left.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = left[..left.len().min(NAMED)].join(", ");
    if left.is_empty() {
        return Vec::new();
    }
    missing.push(format!("pods left in {SYSTEM_NAMESPACE}: {}", left.len()));
    vec![format!("{names}{more}")]
}
