//! The ClusterRoles for people who work with VMs. They exist only while VM Runtime is enabled. Their names and the roles
//! of Kubernetes that gather them are documented; which verbs they hold is not.

use serde_json::{Value, json};

use crate::{
    api::name::GROUP,
    simulator::{
        builder::known,
        cluster_state::{ClusterState, Object, Read as _},
        kind::Kind,
        step::{Action, Step},
    },
};

/// Name, the role of Kubernetes that gathers it, and its verbs.
type Role = (&'static str, Option<&'static str>, &'static [&'static str]);

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &[
    "get", "list", "watch", "create", "update", "patch", "delete",
];

const ROLES: [Role; 4] = [
    ("kubevm.admin", Some("admin"), WRITE),
    ("kubevm.edit", Some("edit"), WRITE),
    ("kubevm.view", Some("view"), READ),
    ("kubevm.cluster.view", None, READ),
];

pub fn create(cluster_state: &ClusterState) -> impl Iterator<Item = Step> {
    let missing = ROLES
        .iter()
        .filter(|(name, _, _)| cluster_state.find(Kind::ClusterRole, "", name).is_none());
    missing.map(|role| Action::create(Kind::ClusterRole, known(object(role))).later("installed"))
}

pub fn remove(cluster_state: &ClusterState) -> impl Iterator<Item = Step> {
    ROLES
        .iter()
        .filter_map(|(name, _, _)| cluster_state.find(Kind::ClusterRole, "", name))
        .filter(|role: &&Object| !role.deleting())
        .map(|role| Action::delete(Kind::ClusterRole, role).later("removed"))
}

fn object((name, gathered, verbs): &Role) -> Value {
    let label = |role| format!("rbac.authorization.k8s.io/aggregate-to-{role}");
    let labels: serde_json::Map<String, Value> = gathered
        .iter()
        .map(|role| (label(role), json!("true")))
        .collect();
    json!({
        "apiVersion": Kind::ClusterRole.api_version(), "kind": Kind::ClusterRole.name(),
        "metadata": {"name": name, "labels": labels},
        "rules": [{
            "apiGroups": [GROUP],
            "resources": ["virtualmachines", "virtualmachinedisks"],
            "verbs": verbs,
        }],
    })
}
