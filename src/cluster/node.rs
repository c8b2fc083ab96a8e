//! The nodes, and the label that keeps VMs away from one.
//!
//! A node's status is written every few seconds by its kubelet, so a conflict is nothing special here: the node is read
//! and decided on again.

use kube::{
    api::{Api, ListParams, ObjectMeta, Patch, PatchParams},
    core::PartialObjectMeta,
};
use serde_json::json;

use super::{
    list,
    retry::{Repeat, Retry},
    vmruntime::DryRun,
};
use crate::{
    api::{
        kubernetes::Node,
        name::{FIELD_MANAGER, SKIP_SCHEDULE},
        natural,
    },
    failure::{self, Failure, Kind, Reason},
};

/// The names of all nodes.
pub async fn names(client: &kube::Client, retry: &Retry<'_>) -> Result<Vec<String>, Failure> {
    named(client, retry, &ListParams::default(), "list the nodes").await
}

/// The names of the nodes that are left out.
pub async fn skipped(client: &kube::Client, retry: &Retry<'_>) -> Result<Vec<String>, Failure> {
    let labelled = ListParams::default().labels(SKIP_SCHEDULE);
    named(client, retry, &labelled, "list the nodes that are left out").await
}

/// The names of the nodes with these labels, in the form that kubectl's `--selector` has.
///
/// # Errors
/// That it cannot be read, in the API server's words: it alone knows the form.
pub async fn labelled(
    client: &kube::Client,
    retry: &Retry<'_>,
    selector: &str,
) -> Result<Vec<String>, Failure> {
    let labelled = ListParams::default().labels(selector);
    let api: Api<Node> = Api::all(client.clone());
    let doing = "list the nodes with these labels";
    match list::metadata(&api, &labelled, retry, doing).await {
        Ok(nodes) => Ok(in_order(nodes)),
        Err(kube::Error::Api(status)) if status.code == 400 => Err(Failure::new(
            Kind::Usage,
            Reason::InvalidUsage,
            "the labels cannot be read; nothing was changed",
        )
        .caused_by(status.message.clone())),
        Err(error) => Err(failure::from_kube(&error, doing)),
    }
}

async fn named(
    client: &kube::Client,
    retry: &Retry<'_>,
    parameters: &ListParams,
    doing: &str,
) -> Result<Vec<String>, Failure> {
    let api: Api<Node> = Api::all(client.clone());
    let nodes = list::metadata(&api, parameters, retry, doing)
        .await
        .map_err(|error| failure::from_kube(&error, doing))?;
    Ok(in_order(nodes))
}

fn in_order(nodes: Vec<ObjectMeta>) -> Vec<String> {
    let mut names: Vec<String> = nodes.into_iter().filter_map(|node| node.name).collect();
    natural::sort(&mut names);
    names
}

/// Sets or removes the label [`SKIP_SCHEDULE`], and says whether that changed anything. With any value it counts as set,
/// and a value that is there stays. With a dry run of the server nothing is stored.
pub async fn set_skipped(
    client: &kube::Client,
    retry: &Retry<'_>,
    name: &str,
    skipped: bool,
    dry_run: DryRun,
) -> Result<bool, Failure> {
    /// More conflicts than this mean that somebody rewrites the node all the time.
    const ROUNDS: u32 = 10;
    let api: Api<Node> = Api::all(client.clone());
    let doing = format!("label node {name}");
    for _ in 0..ROUNDS {
        let node: PartialObjectMeta<Node> = retry
            .request(&doing, Repeat::Safe, || api.get_metadata(name))
            .await
            .map_err(|error| failure::from_kube(&error, &doing))?;
        if is_skipped(&node.metadata) == skipped {
            return Ok(false);
        }
        let patch = Patch::Merge(json!({
            "metadata": {
                "uid": node.metadata.uid,
                "resourceVersion": node.metadata.resource_version,
                "labels": {SKIP_SCHEDULE: skipped.then_some("")},
            },
        }));
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            dry_run: dry_run == DryRun::Server,
            ..PatchParams::default()
        };
        let patched = retry
            .request(&doing, Repeat::Safe, || {
                api.patch_metadata(name, &parameters, &patch)
            })
            .await;
        match patched {
            Ok(_) => return Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(error) => return Err(failure::from_kube(&error, &doing)),
        }
    }
    Err(Failure::new(
        Kind::Conflict,
        Reason::Conflict,
        format!("could not {doing}"),
    )
    .caused_by(format!(
        "somebody else changed it at the same time, {ROUNDS} times in a row"
    )))
}

fn is_skipped(metadata: &ObjectMeta) -> bool {
    metadata
        .labels
        .as_ref()
        .is_some_and(|labels| labels.contains_key(SKIP_SCHEDULE))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;
    use crate::cluster::script::{self, Answer, Call};

    fn node(version: u32, label: Option<&str>) -> Value {
        let mut node = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "worker-0", "uid": "u1", "resourceVersion": version.to_string()},
        });
        if let Some(value) = label {
            node["metadata"]["labels"] = json!({SKIP_SCHEDULE: value});
        }
        node
    }

    /// Sets the label on a node that is in these states, one for each read; every patch but of the last one conflicts.
    async fn set(skipped: bool, states: &[Value]) -> (Result<bool, Failure>, Vec<Call>) {
        let calls = Arc::new(Mutex::new(Vec::<Call>::new()));
        let (seen, states) = (Arc::clone(&calls), states.to_vec());
        let client = script::client(move |call| {
            let mut calls = seen.lock().unwrap();
            let reads = calls.iter().filter(|call| call.method == "GET").count();
            calls.push(call.clone());
            if call.method == "GET" {
                Answer::json(&states[reads])
            } else if reads < states.len() {
                Answer::status(409, "Conflict", "the object has been modified")
            } else {
                Answer::json(&states[reads - 1])
            }
        });
        let result = set_skipped(&client, &Retry::once(), "worker-0", skipped, DryRun::No).await;
        let calls = calls.lock().unwrap().clone();
        (result, calls)
    }

    #[tokio::test]
    async fn the_label_is_patched_on_what_was_read() {
        let (result, calls) = set(true, &[node(5, None)]).await;
        assert!(result.unwrap());
        assert_eq!(
            calls[1].body["metadata"],
            json!({"uid": "u1", "resourceVersion": "5", "labels": {SKIP_SCHEDULE: ""}})
        );
        let (result, calls) = set(false, &[node(5, Some("x"))]).await;
        assert!(result.unwrap());
        assert_eq!(
            calls[1].body["metadata"]["labels"],
            json!({SKIP_SCHEDULE: null})
        );
    }

    #[tokio::test]
    async fn what_is_so_already_is_not_written() {
        for (skipped, label) in [(true, Some("")), (true, Some("reason")), (false, None)] {
            let (result, calls) = set(skipped, &[node(5, label)]).await;
            assert!(!result.unwrap());
            assert_eq!(calls.len(), 1, "{skipped} {label:?}");
        }
    }

    #[tokio::test]
    async fn a_conflict_is_decided_on_again() {
        let (result, calls) = set(true, &[node(5, None), node(6, None)]).await;
        assert!(result.unwrap());
        assert_eq!(calls[3].body["metadata"]["resourceVersion"], "6");
        // In the meantime somebody else has set it.
        let (result, calls) = set(true, &[node(5, None), node(6, Some(""))]).await;
        assert!(!result.unwrap());
        assert_eq!(calls.len(), 3);
    }
}
