//! The status of VMRuntime: the fields that a release has.

use serde_json::{Map, Value, json};

use super::check;
use crate::simulator::{
    cluster_state::{ClusterState, Object, Read as _},
    gdc::Release,
    kind::Kind,
    step::{Action, Step},
};

/// The storage class of the sandbox.
const STORAGE_CLASS: &str = "standard";

pub fn report(
    cluster: &ClusterState,
    release: &Release,
    runtime: &Object,
    ready: bool,
) -> Option<Step> {
    let mut status = json!({"ready": ready});
    if release.summary {
        let latest = check::latest(cluster);
        status["preflightCheckSummary"] =
            latest.map_or(Value::Null, |latest| summary(release, latest));
    }
    if release.observations {
        let class = runtime.text("/spec/storage/defaultStorageClass");
        status["storage"] = json!({"defaultStorageClass": class.unwrap_or(STORAGE_CLASS)});
        status["anthosBareMetalVersion"] = format!("{}.0", release.name).into();
        status["observedGeneration"] = json!(runtime.metadata.generation);
    }
    Action::status(Kind::Runtime, runtime, &status).map(Action::now)
}

/// It names a check as soon as it is there, and says whether it passed once it has finished. Null is what goes.
fn summary(release: &Release, check: &Object) -> Value {
    let pass = check.value("/status/pass").cloned().unwrap_or(Value::Null);
    let features: Value = if pass.is_null() {
        Value::Null
    } else {
        release
            .features
            .iter()
            .map(|feature| ((*feature).to_owned(), feature_status(check, feature)))
            .collect::<Map<String, Value>>()
            .into()
    };
    json!({
        "preflightCheckName": check.name(),
        "preflightCheckPassed": pass,
        "featureStatuses": features,
    })
}

fn feature_status(check: &Object, feature: &str) -> Value {
    let nodes = check.value("/status/checks").and_then(Value::as_object);
    let failed = nodes
        .into_iter()
        .flat_map(Map::values)
        .filter(|node| {
            let results = node["results"].as_array();
            results
                .into_iter()
                .flatten()
                .any(|result| result["checkName"] == feature && result["passed"] == false)
        })
        .count();
    let number = if failed == 0 {
        Value::Null
    } else {
        json!(failed)
    };
    json!({"passed": failed == 0, "failedNodeNum": number})
}
