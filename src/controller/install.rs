//! What to apply to install the controller: definitions, namespace, identity and rights, Deployment. Pure data; printed
//! by `bmctl controller manifests`, kept as a kustomize base under `docs/install`, and put into a fresh sandbox. The
//! VMRuntime object and the admission policies are made by the controller itself, because they need the definitions to
//! be established first.

pub mod kustomize;
pub mod rights;
mod workload;

use serde_json::{Value, json};

use crate::api::{crd, name};

/// The image that carries this program, as its build calls it.
pub const IMAGE: &str = concat!("bmctl:", env!("CARGO_PKG_VERSION"));
/// Port of the controller's metrics and health.
pub const PORT: u16 = 8080;
/// An unprivileged user; the image has no users of its own.
pub const NOBODY: i64 = 65532;

/// What the installation is to be like.
#[derive(Clone, Debug)]
pub struct InstallOptions {
    /// Image of the controller and of its probe pods.
    pub image: String,
    /// Namespace of the controller itself. Checks and their pods are always in the system namespace.
    pub namespace: String,
    /// The engine is nowhere else: the rights on it end at this namespace.
    pub kubevirt_namespace: Option<String>,
    pub profile: Profile,
    /// Probe pods mount the host's `/dev`.
    pub deep_probe: bool,
    pub replicas: u8,
}

impl InstallOptions {
    /// What `bmctl controller manifests` prints unless it is told otherwise.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            namespace: name::SYSTEM_NAMESPACE.to_owned(),
            kubevirt_namespace: None,
            profile: Profile::Standard,
            deep_probe: false,
            replicas: 2,
        }
    }
}

/// How much the controller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Use the operators that somebody else has installed.
    Standard,
    /// Install and remove the engine's operators too. Whoever may grant what operators need may do nearly everything.
    EngineManifests,
}

/// The objects, in the order in which they are to be applied.
#[must_use]
pub fn manifests(options: &InstallOptions) -> Vec<Value> {
    let mut objects = definitions();
    objects.extend(namespaces(options));
    objects.push(workload::service_account(options));
    objects.extend(rights::objects(options));
    objects.push(workload::disruption_budget(options));
    objects.push(workload::deployment(options));
    objects
}

/// The two definitions.
#[must_use]
pub fn definitions() -> Vec<Value> {
    crd::runtime_definitions()
        .iter()
        .map(|definition| serde_json::to_value(definition).expect("definitions are plain data"))
        .collect()
}

/// Everything in a namespace of ours passes the strictest Pod security level, unless probe pods mount the host's /dev.
fn namespaces(options: &InstallOptions) -> Vec<Value> {
    const RESTRICTED: &str = "restricted";
    let system = if options.deep_probe {
        "privileged"
    } else {
        RESTRICTED
    };
    let mut namespaces = vec![namespace(name::SYSTEM_NAMESPACE, Some(system))];
    if options.namespace != name::SYSTEM_NAMESPACE {
        namespaces.push(namespace(&options.namespace, Some(RESTRICTED)));
    }
    // A Role needs its namespace to be there. Which pods may run in it is for whoever installs the engine to say.
    if let Some(engine) = &options.kubevirt_namespace
        && namespaces
            .iter()
            .all(|namespace| namespace["metadata"]["name"] != **engine)
    {
        namespaces.push(namespace(engine, None));
    }
    namespaces
}

fn namespace(name: &str, level: Option<&str>) -> Value {
    let mut metadata = json!({"name": name});
    if let Some(level) = level {
        metadata["labels"] = ["enforce", "audit", "warn"]
            .iter()
            .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), json!(level)))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

/// On everything that is applied to install the controller.
fn labels() -> Value {
    json!({"app": name::CONTROLLER_DEPLOYMENT})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(objects: &[Value]) -> Vec<String> {
        objects
            .iter()
            .map(|object| {
                let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
                let metadata = &object["metadata"];
                format!(
                    "{} {}/{}",
                    text(&object["kind"]),
                    text(&metadata["namespace"]),
                    text(&metadata["name"])
                )
            })
            .collect()
    }

    #[test]
    fn everything_that_is_needed_and_no_kind_that_only_the_sandbox_brings() {
        let objects = manifests(&InstallOptions::new("bmctl:1"));
        assert_eq!(
            named(&objects),
            [
                "CustomResourceDefinition -/vmruntimes.vm.cluster.gke.io",
                "CustomResourceDefinition -/vmruntimepreflightchecks.vm.cluster.gke.io",
                "Namespace -/vm-system",
                "ServiceAccount vm-system/vmruntime-controller-manager",
                "ClusterRole -/vmruntime-controller-manager",
                "ClusterRoleBinding -/vmruntime-controller-manager",
                "Role default/vmruntime-controller-manager",
                "RoleBinding default/vmruntime-controller-manager",
                "Role vm-system/vmruntime-controller-manager",
                "RoleBinding vm-system/vmruntime-controller-manager",
                "ClusterRole -/vmruntime-controller-manager-user-roles",
                "ClusterRoleBinding -/vmruntime-controller-manager-user-roles",
                "PodDisruptionBudget vm-system/vmruntime-controller-manager",
                "Deployment vm-system/vmruntime-controller-manager",
            ]
        );
        for object in &objects {
            assert!(object["apiVersion"].is_string(), "{object}");
        }
    }

    #[test]
    fn each_namespace_is_there_before_what_is_in_it() {
        let objects = manifests(&InstallOptions {
            namespace: "controllers".to_owned(),
            kubevirt_namespace: Some("kubevirt".to_owned()),
            profile: Profile::EngineManifests,
            ..InstallOptions::new("bmctl:1")
        });
        let mut there = vec!["default"];
        for object in &objects {
            let metadata = &object["metadata"];
            if let Some(namespace) = metadata["namespace"].as_str() {
                assert!(there.contains(&namespace), "{object}");
            }
            if object["kind"] == "Namespace" {
                there.extend(metadata["name"].as_str());
            }
        }
        assert_eq!(there, ["default", "vm-system", "controllers", "kubevirt"]);
    }

    #[test]
    fn probe_pods_that_mount_the_hosts_devices_are_let_in() {
        let level = |deep_probe| {
            let objects = manifests(&InstallOptions {
                deep_probe,
                ..InstallOptions::new("bmctl:1")
            });
            let namespace = objects.iter().find(|object| object["kind"] == "Namespace");
            namespace.unwrap()["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].clone()
        };
        assert_eq!(level(false), "restricted");
        assert_eq!(level(true), "privileged");
    }
}
