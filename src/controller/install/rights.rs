//! What the controller may do, and nothing more: a test runs everything that it does and compares.
//!
//! Where a name is known beforehand the right ends at that name. The API server checks the creation that a server-side
//! apply amounts to with the object's name, so such rights can be named too; a plain creation has no name yet.

use std::fmt;

use serde_json::{Value, json};

use super::{InstallOptions, Profile};
use crate::{
    api::{WorkloadKind, WorkloadRole, engine, name, workload::removal_order},
    controller::{admission, observed::Policy, role::UserRole},
};

/// Name of the second set of rights, which only the engine-manifests profile has.
pub const ENGINE_MANIFESTS_ROLE: &str = "vmruntime-controller-manager-engine-manifests";
/// Name of the set of rights that the controller only hands on.
pub const HANDED_ON_ROLE: &str = "vmruntime-controller-manager-user-roles";
/// Where Events about cluster-scoped objects are kept.
const EVENTS_NAMESPACE: &str = "default";

/// Where a right holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Cluster,
    Namespace(String),
}

/// One rule of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Name of the role that it stands in.
    pub role: &'static str,
    pub reach: Reach,
    pub group: &'static str,
    pub resources: Vec<&'static str>,
    /// Empty: objects of any name.
    pub names: Vec<&'static str>,
    pub verbs: &'static [&'static str],
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rule())
    }
}

impl Grant {
    fn named(mut self, names: &[&'static str]) -> Self {
        self.names = names.to_vec();
        self
    }

    fn rule(&self) -> Value {
        let mut rule = json!({
            "apiGroups": [self.group],
            "resources": self.resources,
            "verbs": self.verbs,
        });
        if !self.names.is_empty() {
            rule["resourceNames"] = json!(self.names);
        }
        rule
    }
}

/// Everything that the controller is granted.
#[must_use]
pub fn grants(options: &InstallOptions) -> Vec<Grant> {
    let mut grants = own_resources();
    grants.extend(cluster());
    grants.extend(removal_order().map(workload));
    grants.extend(engine(options));
    grants.push(handed_on());
    grants.extend(namespaced(options));
    match options.profile {
        Profile::Standard => {}
        Profile::EngineManifests => grants.extend(engine_manifests()),
    }
    grants
}

fn grant(
    reach: Reach,
    group: &'static str,
    resources: &[&'static str],
    verbs: &'static [&'static str],
) -> Grant {
    Grant {
        role: name::CONTROLLER_DEPLOYMENT,
        reach,
        group,
        resources: resources.to_vec(),
        names: Vec::new(),
        verbs,
    }
}

/// VMRuntime, and the checks in the system namespace. Admission policies with VMRuntime as their parameter may be made
/// only by who may read every VMRuntime.
fn own_resources() -> Vec<Grant> {
    let system = || Reach::Namespace(name::SYSTEM_NAMESPACE.to_owned());
    let group = name::GROUP;
    vec![
        grant(
            Reach::Cluster,
            group,
            &["vmruntimes"],
            &["get", "list", "watch", "create"],
        ),
        grant(Reach::Cluster, group, &["vmruntimes/status"], &["patch"]).named(&[name::VMRUNTIME]),
        grant(
            system(),
            group,
            &["vmruntimepreflightchecks"],
            &["list", "watch", "create", "patch", "delete"],
        ),
        grant(
            system(),
            group,
            &["vmruntimepreflightchecks/status"],
            &["patch"],
        ),
        grant(
            system(),
            "",
            &["pods"],
            &["list", "watch", "create", "delete"],
        ),
    ]
}

fn cluster() -> Vec<Grant> {
    const READ: &[&str] = &["list", "watch"];
    let policies: Vec<&str> = Policy::ALL.map(Policy::object_name).to_vec();
    // The gate stays as long as the controller does.
    let passing = [Policy::SafeDisable, Policy::EngineProtection].map(Policy::object_name);
    let kinds = [
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ];
    let group = "admissionregistration.k8s.io";
    vec![
        // What the engine leaves on nodes is taken away after it.
        grant(Reach::Cluster, "", &["nodes"], &["list", "watch", "patch"]),
        grant(
            Reach::Cluster,
            "rbac.authorization.k8s.io",
            &["clusterroles"],
            &["get", "create", "patch", "delete"],
        )
        .named(&UserRole::ALL.map(UserRole::name)),
        grant(Reach::Cluster, "", &["namespaces"], &["get"]).named(&[name::SYSTEM_NAMESPACE]),
        grant(Reach::Cluster, "", &["persistentvolumeclaims"], &["list"]),
        grant(
            Reach::Cluster,
            "apiextensions.k8s.io",
            &["customresourcedefinitions"],
            READ,
        ),
        grant(Reach::Cluster, group, &kinds, READ),
        grant(Reach::Cluster, group, &kinds, &["create", "patch"]).named(&policies),
        grant(Reach::Cluster, group, &kinds, &["delete"]).named(&passing),
    ]
}

/// VMs are created as a dry run only: the proof that creation is closed. Of disks only the product's own are deleted.
fn workload(kind: &WorkloadKind) -> Grant {
    let verbs: &[&str] = match kind.role {
        WorkloadRole::Machine if admission::is_tried(kind) => {
            &["list", "watch", "create", "delete"]
        }
        WorkloadRole::Machine => &["list", "watch", "delete"],
        WorkloadRole::Disk if kind.group == name::GROUP => &["list", "watch", "delete"],
        WorkloadRole::Disk => &["list", "watch"],
        WorkloadRole::Migration | WorkloadRole::Launcher => &["list"],
    };
    grant(Reach::Cluster, kind.group, &[kind.plural], verbs)
}

/// The operators, and the objects that they act on. KubeVirt's is in their namespace, CDI's is in none.
fn engine(options: &InstallOptions) -> Vec<Grant> {
    let place = match (options.profile, &options.kubevirt_namespace) {
        (Profile::Standard, Some(namespace)) => Reach::Namespace(namespace.clone()),
        // A namespace that the engine's own files bring is not there yet, and no Role can be made in it.
        (Profile::EngineManifests, Some(_)) | (_, None) => Reach::Cluster,
    };
    vec![
        // They are listed everywhere, as pods of guests are.
        grant(place.clone(), "", &["pods"], &["watch"]),
        grant(place.clone(), "apps", &["deployments"], &["list", "watch"]),
        grant(
            place,
            engine::KUBEVIRT_GROUP,
            &["kubevirts"],
            &["list", "watch", "create", "patch", "delete"],
        ),
        grant(
            Reach::Cluster,
            engine::CDI_GROUP,
            &["cdis"],
            &["list", "watch", "create", "patch", "delete"],
        ),
    ]
}

/// Never used by the controller itself: nobody may write a role that holds more than he does. The administrator's role
/// holds what the others hold.
fn handed_on() -> Grant {
    let role = UserRole::Admin;
    Grant {
        role: HANDED_ON_ROLE,
        ..grant(Reach::Cluster, name::GROUP, &role.resources(), role.verbs())
    }
}

fn namespaced(options: &InstallOptions) -> Vec<Grant> {
    let own = Reach::Namespace(options.namespace.clone());
    let group = "coordination.k8s.io";
    vec![
        grant(
            Reach::Namespace(EVENTS_NAMESPACE.to_owned()),
            "events.k8s.io",
            &["events"],
            &["create", "patch"],
        ),
        grant(own.clone(), group, &["leases"], &["create"]),
        grant(own, group, &["leases"], &["get", "patch"]).named(&[name::CONTROLLER_DEPLOYMENT]),
    ]
}

/// The kinds that the operators' release files hold. Granting what an operator may do takes `escalate` and `bind`.
fn engine_manifests() -> Vec<Grant> {
    const WRITE: &[&str] = &["get", "create", "patch", "delete"];
    const ALSO_LIST: &[&str] = &["get", "list", "create", "patch", "delete"];
    let second = |group, resources: &[&'static str], verbs| Grant {
        role: ENGINE_MANIFESTS_ROLE,
        ..grant(Reach::Cluster, group, resources, verbs)
    };
    vec![
        second("", &["namespaces", "serviceaccounts"], ALSO_LIST),
        second(
            "apiextensions.k8s.io",
            &["customresourcedefinitions"],
            WRITE,
        ),
        second("apps", &["deployments"], WRITE),
        second("scheduling.k8s.io", &["priorityclasses"], ALSO_LIST),
        second(
            "rbac.authorization.k8s.io",
            &["clusterrolebindings", "rolebindings"],
            ALSO_LIST,
        ),
        second(
            "rbac.authorization.k8s.io",
            &["clusterroles", "roles"],
            &[
                "get", "list", "create", "patch", "delete", "escalate", "bind",
            ],
        ),
    ]
}

/// Roles and their bindings, grouped by where they hold.
pub(super) fn objects(options: &InstallOptions) -> Vec<Value> {
    let grants = grants(options);
    let mut places: Vec<(&str, &Reach)> = grants
        .iter()
        .map(|grant| (grant.role, &grant.reach))
        .collect();
    places.sort_by_key(|(role, reach)| (*role, *reach));
    places.dedup();
    places
        .into_iter()
        .flat_map(|(role, reach)| {
            let rules: Vec<Value> = grants
                .iter()
                .filter(|grant| grant.role == role && grant.reach == *reach)
                .map(Grant::rule)
                .collect();
            [
                role_object(role, reach, &rules),
                binding(role, reach, &options.namespace),
            ]
        })
        .collect()
}

fn role_object(role: &str, reach: &Reach, rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind(reach),
        "metadata": metadata(role, reach),
        "rules": rules,
    })
}

fn binding(role: &str, reach: &Reach, namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": format!("{}Binding", kind(reach)),
        "metadata": metadata(role, reach),
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": kind(reach),
            "name": role,
        },
        "subjects": [{
            "kind": "ServiceAccount",
            "name": name::CONTROLLER_DEPLOYMENT,
            "namespace": namespace,
        }],
    })
}

fn kind(reach: &Reach) -> &'static str {
    match reach {
        Reach::Cluster => "ClusterRole",
        Reach::Namespace(_) => "Role",
    }
}

fn metadata(role: &str, reach: &Reach) -> Value {
    let mut metadata = json!({"name": role, "labels": super::labels()});
    match reach {
        Reach::Cluster => {}
        Reach::Namespace(namespace) => metadata["namespace"] = json!(namespace),
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_profile_can_not_give_itself_more() {
        for grant in grants(&InstallOptions::new("bmctl:1")) {
            let text = grant.to_string();
            for forbidden in ["\"*\"", "escalate", "\"bind\"", "secrets", "impersonate"] {
                assert!(!text.contains(forbidden), "{text}");
            }
        }
    }

    #[test]
    fn the_engine_manifests_profile_only_adds_a_role() {
        let standard = InstallOptions::new("bmctl:1");
        let more = InstallOptions {
            profile: Profile::EngineManifests,
            ..standard.clone()
        };
        let more = grants(&more);
        let (added, same): (Vec<Grant>, Vec<Grant>) = more
            .into_iter()
            .partition(|grant| grant.role == ENGINE_MANIFESTS_ROLE);
        assert_eq!(same, grants(&standard));
        assert!(added.iter().any(|grant| grant.verbs.contains(&"escalate")));
    }

    #[test]
    fn an_engine_that_is_in_one_namespace_is_touched_nowhere_else() {
        let options = InstallOptions {
            kubevirt_namespace: Some("kubevirt".to_owned()),
            ..InstallOptions::new("bmctl:1")
        };
        let place = Reach::Namespace("kubevirt".to_owned());
        for grant in grants(&options) {
            if ["deployments", "kubevirts"]
                .iter()
                .any(|kind| grant.resources.contains(kind))
            {
                assert_eq!(grant.reach, place, "{grant}");
            }
        }
    }
}
