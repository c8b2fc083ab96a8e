//! The Deployment of the controller and what belongs to it.

use serde_json::{Value, json};

use super::{InstallOptions, NOBODY, PORT, Profile, labels};
use crate::api::name;

/// Where the release files of the engine's operators are mounted.
const ENGINE_MANIFESTS: &str = "/etc/vmruntime/engine";
/// ConfigMaps with those files, in the order in which they are applied. A ConfigMap holds at most 1 MiB, so each
/// operator has its own.
const ENGINE_CONFIG_MAPS: [&str; 2] = ["vmruntime-engine-kubevirt", "vmruntime-engine-cdi"];
/// Environment variable with the image of the probe pods.
pub(super) const PROBE_IMAGE: &str = "PROBE_IMAGE";
/// Name of the port of metrics and health.
const HTTP: &str = "http";
/// Longer than the controller takes to finish what it is in the middle of.
const GRACE_SECONDS: u64 = 30;

pub(super) fn service_account(options: &InstallOptions) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(options),
    })
}

/// A drain of nodes takes the replicas one after the other.
pub(super) fn disruption_budget(options: &InstallOptions) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(options),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels()}},
    })
}

/// The Prometheus operator's own kind, by which its Prometheus finds `/metrics` of every replica.
pub(super) fn pod_monitor(options: &InstallOptions) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata(options),
        "spec": {
            "selector": {"matchLabels": labels()},
            "podMetricsEndpoints": [{"port": HTTP, "path": "/metrics"}],
        },
    })
}

/// Replicas that elect a leader: the others wait, and take over when its Lease runs out.
pub(super) fn deployment(options: &InstallOptions) -> Value {
    let spreading = json!([{
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels()},
    }]);
    let mut spec = json!({
        "serviceAccountName": name::CONTROLLER_DEPLOYMENT,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
        ],
        "topologySpreadConstraints": spreading,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(options)],
    });
    if !options.image_pull_secrets.is_empty() {
        let secrets = options.image_pull_secrets.iter();
        spec["imagePullSecrets"] = secrets.map(|name| json!({"name": name})).collect();
    }
    match options.profile {
        Profile::Standard => {}
        Profile::EngineManifests => spec["volumes"] = json!([engine_manifests()]),
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(options),
        "spec": {
            "replicas": options.replicas,
            // A new one has to be ready before an old one goes: there is always somebody to take over.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": labels()},
            "template": {"metadata": {"labels": labels()}, "spec": spec},
        },
    })
}

fn metadata(options: &InstallOptions) -> Value {
    json!({
        "name": name::CONTROLLER_DEPLOYMENT,
        "namespace": options.namespace,
        "labels": labels(),
    })
}

fn container(options: &InstallOptions) -> Value {
    let probe = |path: &str, period: u64, failures: u64| {
        json!({
            "httpGet": {"path": path, "port": HTTP},
            "periodSeconds": period,
            "timeoutSeconds": 5,
            "failureThreshold": failures,
        })
    };
    let mut container = json!({
        "name": "manager",
        "image": options.image,
        "args": arguments(options),
        "env": [{"name": PROBE_IMAGE, "value": options.image}],
        "ports": [{"name": HTTP, "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": probe("/livez", 20, 3),
        "readinessProbe": probe("/readyz", 5, 3),
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    match options.profile {
        Profile::Standard => {}
        Profile::EngineManifests => {
            container["volumeMounts"] = json!([
                {"name": "engine", "mountPath": ENGINE_MANIFESTS, "readOnly": true},
            ]);
        }
    }
    container
}

fn arguments(options: &InstallOptions) -> Vec<String> {
    let mut arguments: Vec<String> = ["controller", "run", "--log-format", "json"]
        .map(str::to_owned)
        .to_vec();
    let secrets = options.image_pull_secrets.iter();
    arguments.extend(secrets.map(|name| format!("--image-pull-secret={name}")));
    let mut say = |flag: &str, value: &str| {
        arguments.push(flag.to_owned());
        arguments.push(value.to_owned());
    };
    // By way of the environment, so that whoever sets the image can find the second place too.
    say("--image", &format!("$({PROBE_IMAGE})"));
    say("--namespace", &options.namespace);
    say("--listen", &format!("0.0.0.0:{PORT}"));
    if let Some(namespace) = &options.kubevirt_namespace {
        say("--kubevirt-namespace", namespace);
    }
    match options.profile {
        Profile::Standard => {}
        Profile::EngineManifests => say("--engine-manifests", ENGINE_MANIFESTS),
    }
    if options.deep_probe {
        arguments.push("--deep-probe".to_owned());
    }
    if options.safe_disable {
        arguments.push("--safe-disable".to_owned());
    }
    arguments
}

/// The files of both ConfigMaps in one folder.
fn engine_manifests() -> Value {
    let sources: Vec<Value> = ENGINE_CONFIG_MAPS
        .iter()
        .map(|name| json!({"configMap": {"name": name}}))
        .collect();
    json!({"name": "engine", "projected": {"sources": sources}})
}
