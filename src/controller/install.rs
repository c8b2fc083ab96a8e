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
    /// Secrets with which the image is pulled: in the controller's namespace, and for probe pods in the system namespace.
    pub image_pull_secrets: Vec<String>,
    /// Namespace of the controller itself. Checks and their pods are always in the system namespace.
    pub namespace: String,
    /// The engine is nowhere else: the rights on it end at this namespace.
    pub kubevirt_namespace: Option<String>,
    pub profile: Profile,
    /// Probe pods mount the host's `/dev`.
    pub deep_probe: bool,
    /// The API server itself refuses a disable while VMs exist.
    pub safe_disable: bool,
    /// The Prometheus operator is told where metrics are.
    pub pod_monitor: bool,
    pub replicas: u8,
}

impl InstallOptions {
    /// What `bmctl controller manifests` prints unless it is told otherwise.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            image_pull_secrets: Vec::new(),
            namespace: name::SYSTEM_NAMESPACE.to_owned(),
            kubevirt_namespace: None,
            profile: Profile::Standard,
            deep_probe: false,
            safe_disable: false,
            pod_monitor: false,
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
    // The last one: where its definition is not there, everything else is applied all the same.
    if options.pod_monitor {
        objects.push(workload::pod_monitor(options));
    }
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
/// KubeVirt's is not ours: applied, it would lose what its owner set on it, and deleted, everything in it.
fn namespaces(options: &InstallOptions) -> Vec<Value> {
    const RESTRICTED: &str = "restricted";
    let system = if options.deep_probe {
        "privileged"
    } else {
        RESTRICTED
    };
    let mut namespaces = vec![namespace(name::SYSTEM_NAMESPACE, system)];
    let own = &options.namespace;
    if own != name::SYSTEM_NAMESPACE && Some(own) != options.kubevirt_namespace.as_ref() {
        namespaces.push(namespace(own, RESTRICTED));
    }
    namespaces
}

fn namespace(name: &str, level: &str) -> Value {
    let labels: serde_json::Map<_, _> = ["enforce", "audit", "warn"]
        .iter()
        .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), json!(level)))
        .collect();
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
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
        // KubeVirt's is there with it.
        let mut there = vec!["default", "kubevirt"];
        for object in &objects {
            let metadata = &object["metadata"];
            if let Some(namespace) = metadata["namespace"].as_str() {
                assert!(there.contains(&namespace), "{object}");
            }
            if object["kind"] == "Namespace" {
                there.extend(metadata["name"].as_str());
            }
        }
        assert_eq!(there, ["default", "kubevirt", "vm-system", "controllers"]);
    }

    #[test]
    fn a_namespace_that_is_not_ours_is_left_alone() {
        for (profile, namespace) in [
            (Profile::Standard, "vm-system"),
            (Profile::Standard, "kubevirt"),
            (Profile::EngineManifests, "vm-system"),
        ] {
            let objects = manifests(&InstallOptions {
                namespace: namespace.to_owned(),
                kubevirt_namespace: Some("kubevirt".to_owned()),
                profile,
                ..InstallOptions::new("bmctl:1")
            });
            let theirs = objects.iter().find(|object| {
                object["kind"] == "Namespace" && object["metadata"]["name"] == "kubevirt"
            });
            assert_eq!(theirs, None, "{profile:?} {namespace}");
            // Where the engine's own files bring the namespace, it is not there before the controller is.
            let inside = objects.iter().any(|object| {
                object["metadata"]["namespace"] == "kubevirt" && object["kind"] == "Role"
            });
            assert_eq!(
                inside,
                profile == Profile::Standard,
                "{profile:?} {namespace}"
            );
        }
    }

    #[test]
    fn applying_again_keeps_the_safe_disable() {
        for safe_disable in [false, true] {
            let objects = manifests(&InstallOptions {
                safe_disable,
                ..InstallOptions::new("bmctl:1")
            });
            let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
            let arguments = deployment
                .and_then(|object| object.pointer("/spec/template/spec/containers/0/args"))
                .and_then(Value::as_array);
            let said = arguments.is_some_and(|all| all.contains(&json!("--safe-disable")));
            assert_eq!(said, safe_disable);
        }
    }

    #[test]
    fn both_images_are_pulled_with_the_secrets() {
        let objects = manifests(&InstallOptions {
            image_pull_secrets: vec!["one".to_owned(), "two".to_owned()],
            ..InstallOptions::new("bmctl:1")
        });
        let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
        let pod = &deployment.unwrap()["spec"]["template"]["spec"];
        assert_eq!(
            pod["imagePullSecrets"],
            json!([{"name": "one"}, {"name": "two"}])
        );
        let arguments = pod["containers"][0]["args"].as_array().unwrap();
        for secret in ["one", "two"] {
            let argument = json!(format!("--image-pull-secret={secret}"));
            assert!(arguments.contains(&argument), "{arguments:?}");
        }
    }

    #[test]
    fn a_monitor_finds_the_pods_by_label_and_port() {
        let objects = manifests(&InstallOptions {
            pod_monitor: true,
            ..InstallOptions::new("bmctl:1")
        });
        let monitor = objects.last().unwrap();
        let deployment = &objects[objects.len() - 2];
        assert_eq!(monitor["kind"], "PodMonitor");
        assert_eq!(
            monitor["spec"]["selector"]["matchLabels"],
            deployment["spec"]["template"]["metadata"]["labels"]
        );
        assert_eq!(
            monitor["spec"]["podMetricsEndpoints"][0]["port"],
            deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"]
        );
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
