//! VMRuntimePreflightCheck objects: when one is made, and what it finds on the nodes.

use serde_json::{Map, Value, json};

use super::{acting, is_emulated};
use crate::{
    api::name::{PREFLIGHT_CHECK_PREFIX, SKIP_SCHEDULE, SYSTEM_NAMESPACE},
    simulator::{
        NodeProfile,
        builder::{known, uuid},
        cluster_state::{ClusterState, Object, Read as _},
        gdc::Release,
        kind::Kind,
        step::{Action, Step},
    },
};

/// So many failed nodes are repeated in `failures`.
const MOST_FAILURES: usize = 10;
/// What the shell says of a command that found nothing.
const NOTHING_FOUND: &str = "command terminated with exit code 1\n";
const NO_DEVICE: &str =
    "command terminated with exit code 1\nls: /mnt/dev/kvm: No such file or directory\n";

/// A check, made by whomever: taken up at once, finished a while later.
pub fn plan(cluster: &ClusterState, check: &Object) -> Vec<Step> {
    let Some(release) = acting(cluster) else {
        return Vec::new();
    };
    if check.deleting() || check.namespace() != SYSTEM_NAMESPACE || is_finished(check) {
        return Vec::new();
    }
    if check.value("/status/startTime").is_none() {
        return Action::report(
            Kind::PreflightCheck,
            check,
            &json!({"startTime": cluster.now}),
        );
    }
    Action::status(Kind::PreflightCheck, check, &found(cluster, release))
        .map(|finished| finished.later("finished"))
        .into_iter()
        .collect()
}

pub fn is_finished(check: &Object) -> bool {
    check.value("/status/pass").is_some()
}

/// The one that was created last. Of the same second the one that still runs, or was written last.
pub fn latest(cluster: &ClusterState) -> Option<&Object> {
    let checks = cluster.within(Kind::PreflightCheck, SYSTEM_NAMESPACE);
    checks
        .filter(|check| !check.deleting())
        .max_by_key(|check| {
            let created = check.metadata.creation_timestamp.as_ref();
            let version = check.metadata.resource_version.as_deref();
            (
                created.map(|time| time.0),
                !is_finished(check),
                version.and_then(|version| version.parse::<u64>().ok()),
            )
        })
}

/// The check that the present settings and nodes ask for, where there was none: after a change of the spec, and when a
/// node is to run machines that the latest check has left out.
pub fn start(cluster: &ClusterState, runtime: &Object) -> Option<Step> {
    let generation = runtime.metadata.generation.unwrap_or_default().to_string();
    let changed = name(&[runtime.uid(), &generation]);
    let wanted = if cluster.has_had_check(&changed) {
        let latest = latest(cluster).filter(|latest| is_finished(latest))?;
        let new: Vec<&str> = nodes(cluster)
            .map(|node| node.name())
            .filter(|node| {
                let checks = latest.value("/status/checks");
                checks.is_none_or(|checks| checks.get(node).is_none())
            })
            .collect();
        if new.is_empty() {
            return None;
        }
        name(&[latest.uid(), &new.join(",")])
    } else {
        changed
    };
    (!cluster.has_had_check(&wanted)).then(|| {
        let check = json!({
            "apiVersion": Kind::PreflightCheck.api_version(), "kind": Kind::PreflightCheck.name(),
            "metadata": {"name": wanted, "namespace": SYSTEM_NAMESPACE},
            "spec": {},
        });
        Action::create(Kind::PreflightCheck, known(check)).now()
    })
}

fn name(parts: &[&str]) -> String {
    format!("{PREFLIGHT_CHECK_PREFIX}{}", uuid(parts))
}

/// The nodes that are not left out.
fn nodes(cluster: &ClusterState) -> impl Iterator<Item = &Object> {
    cluster
        .all(Kind::Node)
        .filter(|node| node.label(SKIP_SCHEDULE).is_none())
}

fn found(cluster: &ClusterState, release: &Release) -> Value {
    let emulated = is_emulated(cluster);
    let mut checks = Map::new();
    let mut failures = Map::new();
    for node in nodes(cluster) {
        let results = results(cluster, node, release, emulated);
        let failed: Vec<&Value> = results
            .iter()
            .filter(|result| result["passed"] == false)
            .collect();
        // A node that runs no command has no results.
        let passed = failed.is_empty() && !results.is_empty();
        if !passed && failures.len() < MOST_FAILURES {
            failures.insert(
                node.name().to_owned(),
                with_results(json!({}), &json!(failed)),
            );
        }
        let entry = with_results(json!({"passed": passed}), &json!(results));
        checks.insert(node.name().to_owned(), entry);
    }
    let mut status = json!({"pass": failures.is_empty(), "completionTime": cluster.now});
    for (field, nodes) in [("checks", checks), ("failures", failures)] {
        if !nodes.is_empty() {
            status[field] = nodes.into();
        }
    }
    status
}

/// Lists that are empty are left out.
fn with_results(mut entry: Value, results: &Value) -> Value {
    if results
        .as_array()
        .is_some_and(|results| !results.is_empty())
    {
        entry["results"] = results.clone();
    }
    entry
}

/// What is found on a node; nothing where nothing can be run.
fn results(cluster: &ClusterState, node: &Object, release: &Release, emulated: bool) -> Vec<Value> {
    let profile = cluster.profile(node.name());
    let Some(profile) = profile.filter(|_| node.condition("Ready") == Some("True")) else {
        return Vec::new();
    };
    release
        .features
        .iter()
        .map(|feature| {
            let message = if emulated {
                None
            } else {
                objection(feature, profile)
            };
            match message {
                None => json!({"checkName": feature, "passed": true}),
                Some(message) => json!({"checkName": feature, "passed": false, "message": message}),
            }
        })
        .collect()
}

/// What the command says that looks for a feature, where it fails.
fn objection(feature: &str, profile: &NodeProfile) -> Option<&'static str> {
    match feature {
        "CPU" if !profile.has_virtualization() => Some(NOTHING_FOUND),
        "KVM" if !profile.has_kvm() => Some(NO_DEVICE),
        _ => None,
    }
}
