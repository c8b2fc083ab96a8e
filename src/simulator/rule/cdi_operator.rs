//! cdi-operator: installs CDI for a CDI object. What it installs belongs to that object and goes with it, the kind of
//! the disks included, which is how the disks' contents are lost.

use serde_json::{Value, json};

use super::component;
use crate::{
    api::engine::PHASE_DEPLOYED,
    simulator::{
        builder::{Wanted, add_finalizer, conditions, controlled_by, remove_finalizer},
        cluster_state::{ClusterState, Object, Read as _},
        engine::{CDI_DEPLOYMENTS, CDI_OPERATOR, cdi_deployment, definition},
        kind::Kind,
        step::{Action, Step, Target},
    },
};

const FINALIZER: &str = "operator.cdi.kubevirt.io";

pub fn plan(cluster: &ClusterState, cdi: &Object) -> Vec<Step> {
    let Some(operator) = component::cdi(cluster, CDI_OPERATOR) else {
        return Vec::new();
    };
    if cdi.deleting() {
        return if cdi.has_finalizer(FINALIZER) {
            uninstall(cluster, cdi, operator.namespace())
        } else {
            Vec::new()
        };
    }
    if !cdi.has_finalizer(FINALIZER) {
        return vec![add_finalizer(Kind::Cdi, cdi, FINALIZER)];
    }
    let version = component::version(operator);
    let namespace = operator.namespace();
    let mut steps = Vec::new();
    if let Some(name) = Kind::DataVolume.definition()
        && cluster.find(Kind::Definition, "", &name).is_none()
    {
        let object = definition(Kind::DataVolume, Some(controlled_by(Kind::Cdi, cdi)));
        steps.push(Action::create(Kind::Definition, object).later("installed"));
    }
    for name in CDI_DEPLOYMENTS {
        if cluster.find(Kind::Deployment, namespace, name).is_none() {
            let owners = controlled_by(Kind::Cdi, cdi);
            let object = cdi_deployment(name, namespace, &version, owners);
            steps.push(Action::create(Kind::Deployment, object).later("installed"));
        }
    }
    steps.extend(modernized(cluster));
    steps.extend(report(cluster, cdi, namespace, &version));
    steps
}

/// The operator takes the versions that it no longer stores out of its own definition, which its release brought.
fn modernized(cluster: &ClusterState) -> Option<Step> {
    let there = cluster.find(Kind::Definition, "", &Kind::Cdi.definition()?)?;
    let versions = there.value("/spec/versions")?.as_array()?;
    let stored: Vec<&Value> = versions
        .iter()
        .filter(|version| version["storage"] == true)
        .collect();
    (stored.len() < versions.len()).then(|| {
        let of = Target::of(Kind::Definition, there);
        let patch = json!({"spec": {"versions": stored}});
        Action::Patch { of, patch }.later("modernized")
    })
}

fn report(cluster: &ClusterState, cdi: &Object, namespace: &str, version: &str) -> Option<Step> {
    let complete = cluster.serves(Kind::DataVolume)
        && CDI_DEPLOYMENTS.into_iter().all(|name| {
            cluster
                .find(Kind::Deployment, namespace, name)
                .is_some_and(component::is_available)
        });
    let was_deployed = cdi.text("/status/phase") == Some(PHASE_DEPLOYED);
    let deployed = was_deployed || complete;
    let wanted = [
        ("Available", complete),
        ("Progressing", !deployed),
        ("Degraded", was_deployed && !complete),
    ]
    .map(|(kind, status)| Wanted {
        kind,
        status,
        reason: if complete {
            "DeployCompleted"
        } else {
            "DeployStarted"
        },
        message: if complete {
            "Deployment Completed"
        } else {
            "Started Deployment"
        },
    });
    let mut status = json!({
        "phase": if deployed { PHASE_DEPLOYED } else { "Deploying" },
        "operatorVersion": version,
        "targetVersion": version,
        "conditions": conditions(cdi, cluster.now, &wanted),
    });
    if deployed {
        status["observedVersion"] = version.into();
    }
    Action::status(Kind::Cdi, cdi, &status).map(Action::now)
}

/// Removes the components; the kind of the disks goes with the object, by its owner reference.
fn uninstall(cluster: &ClusterState, cdi: &Object, namespace: &str) -> Vec<Step> {
    let strict = cdi.text("/spec/uninstallStrategy") == Some("BlockUninstallIfWorkloadsExist");
    let disks = cluster.count(Kind::DataVolume);
    if strict && disks > 0 {
        let message =
            format!("{disks} data volumes exist: uninstalling waits until they are deleted");
        let wanted = Wanted {
            kind: "UninstallBlocked",
            status: true,
            reason: "WorkloadsExist",
            message: &message,
        };
        let status = json!({"conditions": conditions(cdi, cluster.now, &[wanted])});
        return Action::report(Kind::Cdi, cdi, &status);
    }
    let components: Vec<&Object> = CDI_DEPLOYMENTS
        .into_iter()
        .filter_map(|name| cluster.find(Kind::Deployment, namespace, name))
        .collect();
    if components.is_empty() {
        return vec![remove_finalizer(Kind::Cdi, cdi, FINALIZER).later("finalized")];
    }
    let mut steps: Vec<Step> = Action::report(Kind::Cdi, cdi, &json!({"phase": "Deleting"}));
    steps.extend(
        components
            .into_iter()
            .filter(|component| !component.deleting())
            .map(|component| Action::delete(Kind::Deployment, component).later("removed")),
    );
    steps
}
