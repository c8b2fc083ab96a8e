//! The ClusterRoles of people who work with VMs. They exist only while VM Runtime is enabled (the product's documentation,
//! which also says that Kubernetes' own roles `admin`, `edit` and `view` gather the first three).
//!
//! They hold the product's own kinds and no others: KubeVirt and CDI bring roles of theirs. The controller holds each
//! right that it hands on here, so that writing them takes no `escalate`.

use futures::future;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::{Api, Client, ResourceExt, api::Patch};
use serde_json::{Value, json};

use super::{
    observed::{RoleFacts, RoleState},
    ownership,
    request::{Doing, applying, exactly},
};
use crate::{
    api::{name, workload::WORKLOAD_KINDS},
    failure::Failure,
};

/// One of the roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserRole {
    Admin,
    Edit,
    View,
    /// What the others lack where they are bound in one namespace only.
    ClusterView,
}

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &[
    "get", "list", "watch", "create", "update", "patch", "delete",
];
const EVERYTHING: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];

impl UserRole {
    pub const ALL: [Self; 4] = [Self::Admin, Self::Edit, Self::View, Self::ClusterView];

    /// What the ClusterRole is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "kubevm.admin",
            Self::Edit => "kubevm.edit",
            Self::View => "kubevm.view",
            Self::ClusterView => "kubevm.cluster.view",
        }
    }

    /// The role of Kubernetes that gathers it.
    const fn gathered_by(self) -> Option<&'static str> {
        match self {
            Self::Admin => Some("admin"),
            Self::Edit => Some("edit"),
            Self::View => Some("view"),
            Self::ClusterView => None,
        }
    }

    /// The resources of the product's group that it is about.
    #[must_use]
    pub fn resources(self) -> Vec<&'static str> {
        match self {
            Self::Admin | Self::Edit | Self::View => WORKLOAD_KINDS
                .iter()
                .filter(|kind| kind.group == name::GROUP)
                .map(|kind| kind.plural)
                .chain(["vmruntimepreflightchecks"])
                .collect(),
            Self::ClusterView => vec!["vmruntimes"],
        }
    }

    /// What may be done with them.
    #[must_use]
    pub const fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Admin => EVERYTHING,
            Self::Edit => WRITE,
            Self::View | Self::ClusterView => READ,
        }
    }

    fn rules(self) -> Value {
        json!([{
            "apiGroups": [name::GROUP],
            "resources": self.resources(),
            "verbs": self.verbs(),
        }])
    }

    fn labels(self) -> Value {
        let mut labels = json!({name::MANAGED_BY: name::MANAGER});
        if let Some(gatherer) = self.gathered_by() {
            labels[format!("rbac.authorization.k8s.io/aggregate-to-{gatherer}")] = json!("true");
        }
        labels
    }
}

/// How far the roles are there.
pub(super) async fn read(client: &Client) -> Result<Vec<RoleFacts>, Failure> {
    let api: Api<ClusterRole> = Api::all(client.clone());
    let api = &api;
    future::try_join_all(UserRole::ALL.map(|role| async move {
        let found = api.get_opt(role.name()).await;
        let found = found.doing(&format!("read ClusterRole {}", role.name()))?;
        Ok(RoleFacts {
            role,
            state: found.map_or(RoleState::Absent, |found| state(role, &found)),
        })
    }))
    .await
}

fn state(role: UserRole, found: &ClusterRole) -> RoleState {
    if !ownership::is_ours(found.metadata.labels.as_ref()) {
        return RoleState::Foreign;
    }
    let right = json!(found.rules) == role.rules()
        && found.aggregation_rule.is_none()
        && ownership::holds(&json!(found.labels()), &role.labels());
    RoleState::Ours {
        version: ownership::version(&found.metadata),
        right,
    }
}

/// Makes it as it should be: that very version, if there was one.
pub(super) async fn apply(
    client: &Client,
    role: UserRole,
    resource_version: Option<&str>,
) -> Result<(), Failure> {
    let api: Api<ClusterRole> = Api::all(client.clone());
    let mut object = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": role.name(), "labels": role.labels()},
        "rules": role.rules(),
    });
    if let Some(version) = resource_version {
        object["metadata"]["resourceVersion"] = json!(version);
    }
    let parameters = applying();
    let applied = api
        .patch(role.name(), &parameters, &Patch::Apply(&object))
        .await;
    applied
        .doing(&format!("apply ClusterRole {}", role.name()))
        .map(drop)
}

/// Removes it.
pub(super) async fn remove(client: &Client, role: UserRole, uid: &str) -> Result<(), Failure> {
    let api: Api<ClusterRole> = Api::all(client.clone());
    let deleted = api.delete(role.name(), &exactly(uid, None)).await;
    deleted.or_gone(&format!("delete ClusterRole {}", role.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(role: UserRole) -> ClusterRole {
        serde_json::from_value(json!({
            "metadata": {"name": role.name(), "labels": role.labels(), "uid": "u", "resourceVersion": "7"},
            "rules": role.rules(),
        }))
        .unwrap()
    }

    #[test]
    fn a_role_is_right_changed_or_somebody_elses() {
        for role in UserRole::ALL {
            let ours = |found: &ClusterRole| match state(role, found) {
                RoleState::Ours { right, .. } => Some(right),
                RoleState::Absent | RoleState::Foreign => None,
            };
            assert_eq!(ours(&stored(role)), Some(true), "{role:?}");
            let mut changed = stored(role);
            changed.rules.as_mut().unwrap()[0].verbs = vec!["*".to_owned()];
            assert_eq!(ours(&changed), Some(false), "{role:?}");
            let mut foreign = stored(role);
            foreign.labels_mut().remove(name::MANAGED_BY);
            assert_eq!(state(role, &foreign), RoleState::Foreign, "{role:?}");
        }
    }

    #[test]
    fn nothing_in_them_is_a_wildcard_and_who_views_changes_nothing() {
        for role in UserRole::ALL {
            let text = role.rules().to_string();
            assert!(!text.contains('*') && !text.contains("status"), "{text}");
        }
        for role in [UserRole::View, UserRole::ClusterView] {
            assert_eq!(role.verbs(), READ);
        }
    }
}
