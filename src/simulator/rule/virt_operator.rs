//! virt-operator: installs KubeVirt for a KubeVirt object in its own namespace, and removes it with the object.

use serde_json::{Value, json};

use super::component;
use crate::{
    api::engine::{PHASE_DEPLOYED, VIRT_HANDLER, VIRT_OPERATOR},
    simulator::{
        builder::{Wanted, add_finalizer, conditions, remove_finalizer},
        cluster_state::{ClusterState, Object, Read as _},
        engine::{
            VIRT_DEPLOYMENTS, VIRT_KINDS, VIRT_VALIDATION, definition, virt_deployment,
            virt_handler, virt_validator,
        },
        kind::{Kind, VIRT_VALIDATOR},
        step::{Action, Step, Target},
    },
};

const FINALIZER: &str = "kubevirt.io/foregroundDeleteKubeVirt";

pub fn plan(cluster: &ClusterState, kubevirt: &Object) -> Vec<Step> {
    let operator = component::kubevirt(cluster, VIRT_OPERATOR)
        .filter(|operator| operator.namespace() == kubevirt.namespace());
    let Some(operator) = operator else {
        return Vec::new();
    };
    if kubevirt.deleting() {
        return if kubevirt.has_finalizer(FINALIZER) {
            uninstall(cluster, kubevirt)
        } else {
            Vec::new()
        };
    }
    if !kubevirt.has_finalizer(FINALIZER) {
        return vec![add_finalizer(Kind::KubeVirt, kubevirt, FINALIZER)];
    }
    let version = component::version(operator);
    let mut steps = install(cluster, kubevirt, &version);
    steps.extend(report(cluster, kubevirt, &version));
    steps
}

fn install(cluster: &ClusterState, kubevirt: &Object, version: &str) -> Vec<Step> {
    let definitions = VIRT_KINDS
        .into_iter()
        .filter(|kind| defined(cluster, *kind).is_none())
        .map(|kind| Action::create(Kind::Definition, definition(kind, None)));
    let namespace = kubevirt.namespace();
    let deployments = VIRT_DEPLOYMENTS
        .into_iter()
        .filter(|name| cluster.find(Kind::Deployment, namespace, name).is_none())
        .map(|name| Action::create(Kind::Deployment, virt_deployment(name, kubevirt, version)));
    let validation = VIRT_VALIDATION
        .into_iter()
        .filter(|kind| cluster.find(*kind, "", VIRT_VALIDATOR).is_none())
        .map(|kind| Action::create(kind, virt_validator(kind, namespace)));
    let wanted = || virt_handler(kubevirt, version);
    let handler = match cluster.find(Kind::DaemonSet, namespace, VIRT_HANDLER) {
        None => Some(Action::create(Kind::DaemonSet, wanted())),
        Some(there) => replaced(there, &wanted().into()),
    };
    definitions
        .chain(deployments)
        .chain(validation)
        .chain(handler)
        .map(|action| action.later("installed"))
        .collect()
}

/// The placement of virt-handler follows that of the KubeVirt object.
fn replaced(there: &Object, wanted: &Object) -> Option<Action> {
    const PLACEMENT: [&str; 3] = ["nodeSelector", "affinity", "tolerations"];
    let of = |object: &Object, field: &str| {
        let path = format!("/spec/template/spec/{field}");
        object.value(&path).cloned().unwrap_or_default()
    };
    let changed: serde_json::Map<String, Value> = PLACEMENT
        .into_iter()
        .filter(|field| of(there, field) != of(wanted, field))
        .map(|field| (field.to_owned(), of(wanted, field)))
        .collect();
    (!changed.is_empty()).then(|| Action::Patch {
        of: Target::of(Kind::DaemonSet, there),
        patch: json!({"spec": {"template": {"spec": changed}}}),
    })
}

fn defined(cluster: &ClusterState, kind: Kind) -> Option<&Object> {
    cluster.find(Kind::Definition, "", &kind.definition()?)
}

/// How far the components are. One ready virt-handler is enough to be deployed; `Available` wants them all.
struct Components {
    /// All are there, up or not.
    created: bool,
    usable: bool,
    complete: bool,
    missing: String,
}

fn components(cluster: &ClusterState, namespace: &str) -> Components {
    let served = VIRT_KINDS.into_iter().all(|kind| cluster.serves(kind));
    let down: Vec<&str> = VIRT_DEPLOYMENTS
        .into_iter()
        .filter(|name| {
            !cluster
                .find(Kind::Deployment, namespace, name)
                .is_some_and(component::is_available)
        })
        .collect();
    let handler = cluster
        .find(Kind::DaemonSet, namespace, VIRT_HANDLER)
        .filter(|handler| component::is_observed(handler));
    let count = |field| handler.map_or(0, |handler| handler.number(field));
    let (ready, desired) = (
        count("/status/numberReady"),
        count("/status/desiredNumberScheduled"),
    );
    let there = |name: &&str| cluster.find(Kind::Deployment, namespace, name).is_some();
    Components {
        created: served && handler.is_some() && VIRT_DEPLOYMENTS.iter().all(there),
        usable: served && down.is_empty() && ready > 0,
        complete: served && down.is_empty() && ready > 0 && ready >= desired,
        missing: if down.is_empty() {
            format!("{VIRT_HANDLER} is ready on {ready} of {desired} nodes")
        } else {
            format!("waiting for {}", down.join(", "))
        },
    }
}

fn report(cluster: &ClusterState, kubevirt: &Object, version: &str) -> Option<Step> {
    let components = components(cluster, kubevirt.namespace());
    let was_deployed = kubevirt.text("/status/phase") == Some(PHASE_DEPLOYED);
    let deployed = was_deployed || components.usable;
    let available = deployed && components.complete;
    let degraded = was_deployed && !components.usable;
    let wanted = [
        Wanted {
            kind: "Available",
            status: available,
            reason: if available {
                "AllComponentsReady"
            } else {
                "DeploymentInProgress"
            },
            message: if available {
                "All components are ready."
            } else {
                &components.missing
            },
        },
        Wanted {
            kind: "Progressing",
            status: !deployed,
            reason: if deployed {
                "AllComponentsReady"
            } else {
                "DeploymentInProgress"
            },
            message: if deployed {
                "All components are ready."
            } else {
                &components.missing
            },
        },
        Wanted {
            kind: "Degraded",
            status: degraded,
            reason: if degraded {
                "ComponentsNotReady"
            } else if deployed {
                "AllComponentsReady"
            } else {
                "DeploymentInProgress"
            },
            message: if degraded { &components.missing } else { "" },
        },
        Wanted {
            kind: "Created",
            status: true,
            reason: "AllResourcesCreated",
            message: "All resources were created.",
        },
    ];
    let wanted = if components.created {
        &wanted[..]
    } else {
        &wanted[..3]
    };
    let mut status = json!({
        "phase": if deployed { PHASE_DEPLOYED } else { "Deploying" },
        "operatorVersion": version,
        "targetKubeVirtVersion": version,
        "conditions": conditions(kubevirt, cluster.now, wanted),
    });
    if deployed {
        status["observedKubeVirtVersion"] = version.into();
        status["observedGeneration"] = json!(kubevirt.metadata.generation);
    }
    let write = Action::status(Kind::KubeVirt, kubevirt, &status)?;
    let first_word = kubevirt.text("/status/phase").is_none();
    Some(if deployed && !was_deployed && !first_word {
        write.later("deployed")
    } else {
        write.now()
    })
}

/// First the kinds, so that virt-controller is still there for their finalizers; then the components; then our word.
fn uninstall(cluster: &ClusterState, kubevirt: &Object) -> Vec<Step> {
    if let Some(blocked) = blocked(cluster, kubevirt) {
        return blocked;
    }
    if !matches!(kubevirt.text("/status/phase"), Some("Deleting" | "Deleted")) {
        return Action::report(Kind::KubeVirt, kubevirt, &deleting(cluster, kubevirt));
    }
    let definitions: Vec<&Object> = VIRT_KINDS
        .into_iter()
        .filter_map(|kind| defined(cluster, kind))
        .collect();
    if !definitions.is_empty() {
        return remove(Kind::Definition, definitions, "undefined");
    }
    let namespace = kubevirt.namespace();
    let deployments: Vec<&Object> = VIRT_DEPLOYMENTS
        .into_iter()
        .filter_map(|name| cluster.find(Kind::Deployment, namespace, name))
        .collect();
    let handler = cluster.find(Kind::DaemonSet, namespace, VIRT_HANDLER);
    let validation: Vec<(Kind, &Object)> = VIRT_VALIDATION
        .into_iter()
        .filter_map(|kind| Some((kind, cluster.find(kind, "", VIRT_VALIDATOR)?)))
        .collect();
    if deployments.is_empty() && handler.is_none() && validation.is_empty() {
        if kubevirt.text("/status/phase") != Some("Deleted") {
            let status = json!({"phase": "Deleted"});
            return Action::report(Kind::KubeVirt, kubevirt, &status);
        }
        return vec![remove_finalizer(Kind::KubeVirt, kubevirt, FINALIZER).later("finalized")];
    }
    let mut steps = remove(Kind::Deployment, deployments, "removed");
    steps.extend(remove(
        Kind::DaemonSet,
        handler.into_iter().collect(),
        "removed",
    ));
    for (kind, object) in validation {
        steps.extend(remove(kind, vec![object], "removed"));
    }
    steps
}

/// The status while it is being removed.
fn deleting(cluster: &ClusterState, kubevirt: &Object) -> Value {
    let wanted = [
        ("Available", false),
        ("Progressing", false),
        ("Degraded", true),
    ]
    .map(|(kind, status)| Wanted {
        kind,
        status,
        reason: "DeletionInProgress",
        message: "Deletion was triggered",
    });
    json!({"phase": "Deleting", "conditions": conditions(kubevirt, cluster.now, &wanted)})
}

fn remove(kind: Kind, objects: Vec<&Object>, wish: &'static str) -> Vec<Step> {
    objects
        .into_iter()
        .filter(|object| !object.deleting())
        .map(|object| Action::delete(kind, object).later(wish))
        .collect()
}

/// The real operator refuses the deletion in its webhook; the world has none, so the object stays and says why. Like
/// the real check it looks only while KubeVirt is deployed.
fn blocked(cluster: &ClusterState, kubevirt: &Object) -> Option<Vec<Step>> {
    let strict = kubevirt.text("/spec/uninstallStrategy") == Some("BlockUninstallIfWorkloadsExist");
    let deployed = kubevirt.text("/status/phase") == Some(PHASE_DEPLOYED);
    let workloads: usize = VIRT_KINDS
        .into_iter()
        .filter(|kind| *kind != Kind::Migration)
        .map(|kind| cluster.count(kind))
        .sum();
    if !strict || !deployed || workloads == 0 {
        return None;
    }
    let message = format!("{workloads} workloads exist: uninstalling waits until they are deleted");
    let wanted = Wanted {
        kind: "UninstallBlocked",
        status: true,
        reason: "WorkloadsExist",
        message: &message,
    };
    let status: Value = json!({"conditions": conditions(kubevirt, cluster.now, &[wanted])});
    Some(Action::report(Kind::KubeVirt, kubevirt, &status))
}
