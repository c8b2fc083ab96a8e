//! What a support bundle holds: a bounded amount of each of these, and of each only the fields that are named here.
//!
//! Nothing is taken that is not on the list. Secrets, ConfigMaps, environment variables, arguments and the annotations of
//! other people's tools are not on it; what is left is searched for credentials all the same ([`redact`]). Called by
//! `bmctl snapshot`, which packs it.

mod keep;
pub mod redact;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::{
    discovery, inventory,
    list::{Fields, Pages},
    retry::{Repeat, Retry},
};
use crate::{
    api::engine::COMPONENTS,
    failure::{self, Failure, Reason},
};

/// At most so many objects of one kind.
const MOST: u32 = 500;
const PODS: &str = "/api/v1/pods";
/// How everything of theirs is called, by which their events are told from those of others in the namespace.
const ENGINE_NAMES: [&str; 3] = ["virt-", "cdi-", "kubevirt"];

/// One file of the bundle, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub file: &'static str,
    /// For people.
    pub what: &'static str,
    path: Path,
    keep: &'static [&'static str],
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Path {
    Object(&'static str),
    List(&'static str),
    /// Of a kind everywhere, what the engine's operators and components are made of.
    Engine(&'static str),
    /// Events about those, in the namespaces that they are in.
    EngineEvents,
    /// VMs of all kinds are counted, never listed: their names are their owners' business.
    Machines,
}

/// Everything that goes in.
pub const SOURCES: [Source; 17] = [
    Source {
        file: "cluster-version.json",
        what: "version of the API server",
        path: Path::Object("/version"),
        keep: &["gitVersion", "platform"],
    },
    Source {
        file: "vmruntime.json",
        what: "VMRuntime: settings, status and conditions",
        path: Path::Object("/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime"),
        keep: keep::RUNTIME,
    },
    Source {
        file: "preflight-checks.json",
        what: "preflight checks with all results",
        path: Path::List(
            "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks",
        ),
        keep: keep::CHECK,
    },
    Source {
        file: "nodes.json",
        what: "nodes: conditions, system, labels of Kubernetes, KubeVirt and VM Runtime",
        path: Path::List("/api/v1/nodes"),
        keep: keep::NODE,
    },
    Source {
        file: "machines.json",
        what: "how many VMs of each kind and state there are",
        path: Path::Machines,
        keep: &[],
    },
    Source {
        file: "deployments.json",
        what: "deployments in vm-system, without environment and arguments",
        path: Path::List("/apis/apps/v1/namespaces/vm-system/deployments"),
        keep: keep::DEPLOYMENT,
    },
    Source {
        file: "pods.json",
        what: "pods in vm-system and why they do not run",
        path: Path::List("/api/v1/namespaces/vm-system/pods"),
        keep: keep::POD,
    },
    Source {
        file: "events.json",
        what: "events in vm-system",
        path: Path::List("/api/v1/namespaces/vm-system/events"),
        keep: keep::EVENT,
    },
    Source {
        file: "engine-deployments.json",
        what: "deployments of KubeVirt and CDI, without environment and arguments",
        path: Path::Engine("/apis/apps/v1/deployments"),
        keep: keep::DEPLOYMENT,
    },
    Source {
        file: "engine-daemonsets.json",
        what: "daemonsets of KubeVirt, without environment and arguments",
        path: Path::Engine("/apis/apps/v1/daemonsets"),
        keep: keep::DAEMON_SET,
    },
    Source {
        file: "engine-pods.json",
        what: "pods of KubeVirt and CDI and why they do not run, without those of VMs",
        path: Path::Engine(PODS),
        keep: keep::POD,
    },
    Source {
        file: "engine-events.json",
        what: "events about these",
        path: Path::EngineEvents,
        keep: keep::EVENT,
    },
    Source {
        file: "kubevirts.json",
        what: "KubeVirt: version, phase and conditions",
        path: Path::List("/apis/kubevirt.io/v1/kubevirts"),
        keep: keep::ENGINE,
    },
    Source {
        file: "cdis.json",
        what: "CDI: version, phase and conditions",
        path: Path::List("/apis/cdi.kubevirt.io/v1beta1/cdis"),
        keep: keep::ENGINE,
    },
    Source {
        file: "definitions.json",
        what: "CustomResourceDefinition of VMRuntime: versions and conditions",
        path: Path::Object(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vmruntimes.vm.cluster.gke.io",
        ),
        keep: keep::DEFINITION,
    },
    Source {
        file: "admission-policies.json",
        what: "ValidatingAdmissionPolicies",
        path: Path::List("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"),
        keep: keep::POLICY,
    },
    Source {
        file: "admission-policy-bindings.json",
        what: "bindings of these policies",
        path: Path::List("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"),
        keep: keep::POLICY,
    },
];

/// What came of one source.
#[derive(Clone, Debug)]
pub struct Piece {
    pub source: Source,
    pub outcome: Outcome,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Collected {
        content: Value,
        /// Objects of a list.
        count: Option<usize>,
        /// There are more than go in.
        more: bool,
    },
    /// The cluster does not have it.
    Absent,
    /// It may not be read, or could not be.
    Failed(Failure),
}

/// Reads everything at once.
pub async fn collect(client: &kube::Client, retry: &Retry<'_>) -> Vec<Piece> {
    join_all(SOURCES.map(|source| async move {
        let outcome = match read(client, retry, &source).await {
            Ok(outcome) => outcome,
            Err(failure) if failure.reason == Reason::NotFound => Outcome::Absent,
            Err(failure) => Outcome::Failed(failure),
        };
        Piece { source, outcome }
    }))
    .await
}

async fn read(
    client: &kube::Client,
    retry: &Retry<'_>,
    source: &Source,
) -> Result<Outcome, Failure> {
    let doing = format!("read {}", source.what);
    let failed = |error: kube::Error| failure::from_kube(&error, &doing);
    match source.path {
        Path::Machines => machines(client, retry).await,
        Path::Engine(path) => {
            let found = engine(client, retry, &doing, path).await.map_err(failed)?;
            Ok(collected(&found, source.keep))
        }
        Path::EngineEvents => {
            let found = engine_events(client, retry, &doing).await;
            Ok(collected(&found.map_err(failed)?, source.keep))
        }
        Path::Object(path) => {
            let found: kube::Result<Value> = retry
                .request(&doing, Repeat::Safe, || async {
                    let request = http::Request::get(path)
                        .body(Vec::new())
                        .map_err(kube::Error::HttpError)?;
                    client.request(request).await
                })
                .await;
            let resource = discovery::resource_of(path);
            let found = discovery::confirmed(found, client, retry, &resource).await;
            let served = discovery::if_served(found).map_err(failed)?;
            Ok(served.map_or(Outcome::Absent, |object| Outcome::Collected {
                content: keep::only(&object, source.keep),
                count: None,
                more: false,
            }))
        }
        Path::List(path) => {
            let page = page(client, retry, &doing, path, &ListParams::default()).await;
            let served = discovery::if_served(page).map_err(failed)?;
            Ok(served.map_or(Outcome::Absent, |found| collected(&found, source.keep)))
        }
    }
}

/// The first objects of a list.
#[derive(Default)]
struct Found {
    items: Vec<Value>,
    more: bool,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.items.extend(other.items);
        self.more |= other.more;
    }
}

fn collected(found: &Found, keep: &[&str]) -> Outcome {
    let items = found.items.iter();
    Outcome::Collected {
        count: Some(found.items.len()),
        content: items.map(|item| keep::only(item, keep)).collect(),
        more: found.more,
    }
}

async fn page(
    client: &kube::Client,
    retry: &Retry<'_>,
    doing: &str,
    path: &str,
    selected: &ListParams,
) -> kube::Result<Found> {
    let selected = selected.clone().limit(MOST);
    let mut pages = Pages::new(client, retry, doing, path, Fields::All, uid).selected(&selected);
    let items = pages.next().await?.unwrap_or_default();
    Ok(Found {
        items,
        more: pages.has_more(),
    })
}

async fn engine(
    client: &kube::Client,
    retry: &Retry<'_>,
    doing: &str,
    path: &str,
) -> kube::Result<Found> {
    let mut all = Found::default();
    for labels in COMPONENTS {
        let selected = ListParams::default().labels(labels);
        all.add(page(client, retry, doing, path, &selected).await?);
    }
    Ok(all)
}

async fn engine_events(
    client: &kube::Client,
    retry: &Retry<'_>,
    doing: &str,
) -> kube::Result<Found> {
    let pods = engine(client, retry, doing, PODS).await?;
    let namespaces: BTreeSet<&str> = pods
        .items
        .iter()
        .filter_map(|pod| pod["metadata"]["namespace"].as_str())
        .collect();
    let mut all = Found::default();
    for namespace in namespaces {
        let path = format!("/api/v1/namespaces/{namespace}/events");
        all.add(page(client, retry, doing, &path, &ListParams::default()).await?);
    }
    all.items.retain(|event| {
        let about = event["involvedObject"]["name"].as_str().unwrap_or_default();
        ENGINE_NAMES.iter().any(|begin| about.starts_with(begin))
    });
    Ok(all)
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

async fn machines(client: &kube::Client, retry: &Retry<'_>) -> Result<Outcome, Failure> {
    let inventory = inventory::take(client, retry).await?;
    let mut kinds = BTreeMap::<String, BTreeMap<String, usize>>::new();
    for workload in inventory.machines.iter().chain(&inventory.disks) {
        let state = workload.state.as_deref().unwrap_or("unknown");
        let states = kinds.entry(workload.kind.qualified()).or_default();
        *states.entry(state.to_owned()).or_default() += 1;
    }
    Ok(Outcome::Collected {
        content: json!({"machines": inventory.count(), "objects": kinds}),
        count: None,
        more: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::script::{self, Answer},
        command_id::CommandId,
        failure::Kind,
        runtime::access::{Row, needed},
    };

    #[tokio::test]
    async fn what_is_refused_does_not_stop_the_rest() {
        let client = script::client(|call| match call.path.as_str() {
            "/version" => Answer::json(&json!({"gitVersion": "v1", "buildDate": "x"})),
            "/api/v1/nodes" => Answer::status(403, "Forbidden", "no"),
            "/api/v1/namespaces/vm-system/pods" => Answer::json(&json!({
                "metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a", "annotations": {"x": "y"}}}],
            })),
            "/api/v1/namespaces/vm-system/events" => Answer::json(&json!({})),
            PODS if call
                .query("labelSelector")
                .is_some_and(|labels| labels.starts_with("kubevirt.io")) =>
            {
                Answer::json(&json!({"metadata": {}, "items": [{"metadata": {
                    "name": "virt-api-1", "namespace": "kubevirt", "uid": "1", "labels": {"kubevirt.io": "virt-api"},
                }}]}))
            }
            PODS => Answer::json(&json!({"metadata": {}, "items": []})),
            "/api/v1/namespaces/kubevirt/events" => {
                Answer::json(&json!({"metadata": {}, "items": [
                    {"metadata": {"name": "a", "namespace": "kubevirt", "uid": "2"}, "reason": "Failed", "involvedObject": {"name": "virt-api-1"}},
                    {"metadata": {"name": "b", "namespace": "kubevirt", "uid": "3"}, "reason": "Failed", "involvedObject": {"name": "somebodys-pod"}},
                ]}))
            }
            _ => Answer::nothing_served(call),
        });
        let pieces = collect(&client, &Retry::once()).await;
        let of = |file| {
            &pieces
                .iter()
                .find(|piece| piece.source.file == file)
                .unwrap()
                .outcome
        };
        assert!(matches!(of("cluster-version.json"),
            Outcome::Collected { content, .. } if *content == json!({"gitVersion": "v1"})));
        assert!(
            matches!(of("nodes.json"), Outcome::Failed(failure) if failure.kind == Kind::Denied)
        );
        assert!(matches!(of("pods.json"),
            Outcome::Collected { content, count: Some(1), more: true } if *content == json!([{"metadata": {"name": "a", "namespace": "vm-system"}}])));
        assert!(
            matches!(of("events.json"), Outcome::Failed(failure) if failure.kind == Kind::Incomplete)
        );
        assert!(matches!(of("vmruntime.json"), Outcome::Absent));
        assert!(
            matches!(
                of("engine-pods.json"),
                Outcome::Collected {
                    count: Some(1),
                    more: false,
                    ..
                }
            ),
            "{:?}",
            of("engine-pods.json")
        );
        assert!(
            matches!(of("engine-events.json"), Outcome::Collected { content, .. }
            if *content == json!([{"metadata": {}, "reason": "Failed", "involvedObject": {"name": "virt-api-1"}}])),
            "what is others' stays out: {:?}",
            of("engine-events.json")
        );
        assert_eq!(pieces.len(), SOURCES.len());
    }

    #[test]
    fn every_source_is_something_that_a_role_gives() {
        let rights = needed(Row::Command(CommandId::SnapshotVmruntime));
        for source in SOURCES {
            let (path, verb) = match source.path {
                // Everybody may read the version; the kinds of machines are the table's own.
                Path::Object("/version") | Path::Machines => continue,
                Path::Object(path) => (path.rsplit_once('/').unwrap().0, "get"),
                Path::List(path) | Path::Engine(path) => (path, "list"),
                Path::EngineEvents => ("/events", "list"),
            };
            let given = rights
                .iter()
                .any(|right| right.verb == verb && path.ends_with(&format!("/{}", right.resource)));
            assert!(given, "{}", source.file);
        }
    }
}
