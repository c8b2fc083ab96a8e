//! KubeVirt and CDI in `vm-system`: installed while VM Runtime is enabled, gone while it is not.

use std::sync::OnceLock;

use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::is_emulated;
use crate::{
    api::{
        engine::{CDI_NAME, KUBEVIRT_NAME, PHASE_DEPLOYED},
        name::{SKIP_SCHEDULE, SYSTEM_NAMESPACE},
    },
    simulator::{
        OPERATOR_MANIFESTS,
        builder::known,
        cluster_state::{ClusterState, Key, Object, Read as _},
        kind::Kind,
        step::{Action, Step, Target},
    },
};

const EMULATION: &str = "/spec/configuration/developerConfiguration/useEmulation";

/// What the operators are made of, in the order in which it is created.
fn manifests() -> &'static [(Kind, DynamicObject)] {
    static OBJECTS: OnceLock<Vec<(Kind, DynamicObject)>> = OnceLock::new();
    OBJECTS.get_or_init(|| {
        let documents = OPERATOR_MANIFESTS.iter().flat_map(|(_, text)| {
            serde_saphyr::from_multiple::<Value>(text).expect("our own YAML is well formed")
        });
        documents
            .filter_map(|document| {
                let kind = Kind::ALL
                    .into_iter()
                    .find(|kind| document["kind"] == kind.name())?;
                Some((kind, known(document)))
            })
            .collect()
    })
}

fn there<'a>(cluster: &'a ClusterState, kind: Kind, object: &DynamicObject) -> Option<&'a Object> {
    cluster.get(&Key::of(kind, object))
}

fn kubevirt(cluster: &ClusterState) -> Option<&Object> {
    cluster.find(Kind::KubeVirt, SYSTEM_NAMESPACE, KUBEVIRT_NAME)
}

fn cdi(cluster: &ClusterState) -> Option<&Object> {
    cluster.find(Kind::Cdi, "", CDI_NAME)
}

/// Can machines run?
pub fn is_up(cluster: &ClusterState) -> bool {
    let deployed = |object: Option<&Object>| {
        object.is_some_and(|object| {
            !object.deleting()
                && object.text("/status/phase") == Some(PHASE_DEPLOYED)
                && object.condition("Available") == Some("True")
        })
    };
    deployed(kubevirt(cluster)) && deployed(cdi(cluster))
}

pub fn install(cluster: &ClusterState, runtime: &Object) -> Vec<Step> {
    let mut steps: Vec<Step> = manifests()
        .iter()
        .filter(|(kind, object)| there(cluster, *kind, object).is_none())
        .map(|(kind, object)| Action::create(*kind, object.clone()).later("installed"))
        .collect();
    match kubevirt(cluster) {
        None if cluster.serves(Kind::KubeVirt) => {
            let order = Action::create(Kind::KubeVirt, order_kubevirt(is_emulated(cluster)));
            steps.push(order.later("ordered"));
        }
        Some(kubevirt) if !kubevirt.deleting() => {
            let wanted = Value::Bool(is_emulated(cluster));
            if kubevirt.value(EMULATION).unwrap_or(&Value::Bool(false)) != &wanted {
                let settings = json!({"developerConfiguration": {"useEmulation": wanted}});
                let change = Action::Patch {
                    of: Target::of(Kind::KubeVirt, kubevirt),
                    patch: json!({"spec": {"configuration": settings}}),
                };
                steps.push(change.now());
            }
        }
        None | Some(_) => {}
    }
    if cdi(cluster).is_none() && cluster.serves(Kind::Cdi) {
        steps.push(Action::create(Kind::Cdi, order_cdi(runtime)).later("ordered"));
    }
    steps
}

/// First what the operators have made, by them; then the operators.
pub fn uninstall(cluster: &ClusterState) -> Vec<Step> {
    let orders = [
        (Kind::KubeVirt, kubevirt(cluster)),
        (Kind::Cdi, cdi(cluster)),
    ];
    let ordered: Vec<(Kind, &Object)> = orders
        .into_iter()
        .filter_map(|(kind, object)| Some((kind, object?)))
        .collect();
    let going: Vec<(Kind, &Object)> = if ordered.is_empty() {
        let left = manifests().iter();
        left.filter_map(|(kind, object)| Some((*kind, there(cluster, *kind, object)?)))
            .collect()
    } else {
        ordered
    };
    going
        .into_iter()
        .filter(|(_, object)| !object.deleting())
        .map(|(kind, object)| Action::delete(kind, object).later("removed"))
        .collect()
}

/// The control plane of a user cluster may run elsewhere, so KubeVirt's components take any node. Nodes with the label
/// run no machines.
fn order_kubevirt(emulation: bool) -> DynamicObject {
    let not_left_out = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [
            {"key": SKIP_SCHEDULE, "operator": "DoesNotExist"},
        ]}],
    }}});
    known(json!({
        "apiVersion": Kind::KubeVirt.api_version(), "kind": Kind::KubeVirt.name(),
        "metadata": {"name": KUBEVIRT_NAME, "namespace": SYSTEM_NAMESPACE},
        "spec": {
            "configuration": {"developerConfiguration": {"useEmulation": emulation}},
            "infra": {"nodePlacement": {}},
            "workloads": {"nodePlacement": {"affinity": not_left_out}},
        },
    }))
}

fn order_cdi(runtime: &Object) -> DynamicObject {
    let class = runtime.text("/spec/storage/defaultStorageClass");
    let config = class.map(|class| json!({"scratchSpaceStorageClass": class}));
    known(json!({
        "apiVersion": Kind::Cdi.api_version(), "kind": Kind::Cdi.name(),
        "metadata": {"name": CDI_NAME},
        "spec": {"config": config.unwrap_or_else(|| json!({}))},
    }))
}
