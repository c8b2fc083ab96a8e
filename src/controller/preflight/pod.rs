//! The probe pod: how it is made, and how it is read. It passes Pod security level `restricted`, and what it says is
//! untrusted.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::DynamicObject;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    api::{
        NodeResult,
        kubernetes::{ContainerStatus, Pod},
        name,
    },
    controller::failure_policy::CERTAINTY,
    failure::{Failure, Kind},
    probe::{Depth, ProbeReport, Virtualization, command::ProbeCommand, node_result},
};

/// On a probe pod, which try on its node it is.
const ATTEMPT: &str = "vm.cluster.gke.io/preflight-attempt";
/// On a probe pod, the UID of the node that it was made for.
const MACHINE: &str = "vm.cluster.gke.io/preflight-node-uid";
const CONTAINER: &str = "probe";
/// Where the host's /dev is mounted for a deep probe.
const HOST_DEVICES: &str = "/mnt/dev";
/// An unprivileged user; the image has no users of its own.
const NOBODY: i64 = 65532;

/// What a probe pod is made from.
pub(super) struct Probe {
    pub owner: OwnerReference,
    pub node: String,
    /// The node's UID.
    pub machine: String,
    pub attempt: u8,
    pub image: String,
    pub pull_secrets: Vec<String>,
    pub deep: bool,
    pub virtualization: Virtualization,
    pub deadline: Duration,
}

impl Probe {
    /// The pod. Bound to its node by name, so that no scheduler, cordon or taint keeps it from there.
    pub(super) fn pod(&self) -> DynamicObject {
        let depth = if self.deep { Depth::Deep } else { Depth::Pod };
        let command = ProbeCommand {
            virtualization: self.virtualization,
            depth,
        };
        let (volumes, mounts) = if self.deep {
            (
                json!([{"name": "dev", "hostPath": {"path": "/dev", "type": "Directory"}}]),
                json!([{"name": "dev", "mountPath": HOST_DEVICES, "readOnly": true}]),
            )
        } else {
            (json!([]), json!([]))
        };
        let pull_secrets: Vec<_> = self
            .pull_secrets
            .iter()
            .map(|name| json!({"name": name}))
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod_name(&self.owner.uid, &self.machine, self.attempt),
                "namespace": name::SYSTEM_NAMESPACE,
                "labels": {
                    name::PREFLIGHT_CHECK_LABEL: self.owner.uid,
                    name::MANAGED_BY: name::MANAGER,
                },
                "annotations": {ATTEMPT: self.attempt.to_string(), MACHINE: self.machine},
                "ownerReferences": [self.owner],
            },
            "spec": {
                "nodeName": self.node,
                "restartPolicy": "Never",
                "activeDeadlineSeconds": self.deadline.as_secs().max(1),
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                "tolerations": [{"operator": "Exists"}],
                "securityContext": {
                    "runAsNonRoot": true,
                    "runAsUser": NOBODY,
                    "runAsGroup": NOBODY,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "imagePullSecrets": pull_secrets,
                "volumes": volumes,
                "containers": [{
                    "name": CONTAINER,
                    "image": self.image,
                    "imagePullPolicy": "IfNotPresent",
                    "args": command.arguments(),
                    "volumeMounts": mounts,
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "16Mi"},
                        "limits": {"memory": "64Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }],
            },
        }))
        .expect("our own JSON has a well-formed metadata")
    }
}

/// Follows from the UIDs of check and node and from the attempt, so that the same pod is never made twice.
pub(super) fn pod_name(check: &str, machine: &str, attempt: u8) -> String {
    const DIGITS: usize = 8;
    let mut digest = Sha256::new();
    digest.update(check);
    digest.update([0]);
    digest.update(machine);
    let mut id = [0; DIGITS];
    id.copy_from_slice(&digest.finalize()[..DIGITS]);
    let id = u64::from_be_bytes(id);
    format!("vmruntime-preflight-{id:016x}-{attempt}")
}

/// A probe pod, as far as a run cares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PodFacts {
    pub name: String,
    pub uid: String,
    pub node: String,
    /// The UID of the node that it was made for.
    pub machine: String,
    pub attempt: u8,
    pub created: Timestamp,
    pub state: PodState,
}

/// How far a probe pod is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PodState {
    /// Not done, and what it waits for, if that is known.
    Waiting(Option<String>),
    /// Its image does not come. Another pod would ask the registry for the same.
    Pulling(Pull),
    /// Its report was read.
    Judged(NodeResult),
    /// It ended without a report.
    Failed(String),
}

/// Why an image does not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pull {
    pub why: String,
    /// The registry has answered, and asking again gets the same answer.
    pub refused: bool,
}

impl PodFacts {
    /// Reads a pod of that check; `None` if it is not one that we made.
    pub(super) fn read(pod: &Pod, check: &str) -> Option<Self> {
        let metadata = &pod.metadata;
        let owned = metadata
            .owner_references
            .iter()
            .flatten()
            .any(|owner| owner.uid == check);
        let annotations = metadata.annotations.as_ref()?;
        let attempt = annotations.get(ATTEMPT)?.parse().ok()?;
        let machine = annotations.get(MACHINE)?.clone();
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone())?;
        let name = metadata.name.clone()?;
        if !owned
            || metadata.deletion_timestamp.is_some()
            || name != pod_name(check, &machine, attempt)
        {
            return None;
        }
        Some(Self {
            name,
            uid: metadata.uid.clone()?,
            node,
            machine,
            attempt,
            created: metadata
                .creation_timestamp
                .as_ref()
                .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            state: state(pod),
        })
    }
}

fn state(pod: &Pod) -> PodState {
    let Some(status) = &pod.status else {
        return PodState::Waiting(None);
    };
    let container = status
        .container_statuses
        .iter()
        .flatten()
        .find(|container| container.name == CONTAINER);
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let terminated = container
        .and_then(|container| container.state.as_ref())
        .and_then(|state| state.terminated.as_ref());
    match terminated {
        Some(terminated) => {
            let message = terminated.message.as_deref().unwrap_or_default();
            match ProbeReport::parse_termination_message(message) {
                Ok(report) => PodState::Judged(node_result(&report)),
                Err(error) => PodState::Failed(format!(
                    "{error} (exit code {}{})",
                    terminated.exit_code,
                    terminated
                        .reason
                        .as_ref()
                        .map(|reason| format!(", {reason}"))
                        .unwrap_or_default()
                )),
            }
        }
        None if ended => PodState::Failed(format!(
            "the node did not run the probe: {}",
            words(
                status.reason.as_deref().unwrap_or("the pod ended"),
                status.message.as_deref(),
            )
        )),
        None => container
            .and_then(waiting)
            .unwrap_or(PodState::Waiting(None)),
    }
}

/// What a container waits for, in the kubelet's words (pkg/kubelet/images, pkg/kubelet/kuberuntime), and whether more
/// waiting could help. None of it says anything about the node.
fn waiting(container: &ContainerStatus) -> Option<PodState> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let said = words(reason, waiting.message.as_deref());
    let image = || format!("the image of the probe could not be pulled: {said}");
    let start = || format!("the probe could not be started: {said}");
    Some(match reason {
        "InvalidImageName" | "ErrImageNeverPull" => PodState::Failed(image()),
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => PodState::Pulling(Pull {
            refused: is_refused(&said),
            why: image(),
        }),
        "CreateContainerConfigError" => PodState::Failed(start()),
        "CreateContainerError"
        | "RunContainerError"
        | "PreStartHookError"
        | "PostStartHookError"
        | "CrashLoopBackOff" => PodState::Waiting(Some(start())),
        _ => PodState::Waiting(Some(said)),
    })
}

/// The registry's own word (containerd and CRI-O hand it on): there is no such image, or not for us.
fn is_refused(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    [
        "not found",
        "notfound",
        "manifest unknown",
        "unauthorized",
        "denied",
        "no match for platform",
    ]
    .iter()
    .any(|word| said.contains(word))
}

/// Why the API server would not have the pod, told apart from what is wrong with nodes.
pub(super) fn refusal(said: &str) -> String {
    let place = name::SYSTEM_NAMESPACE;
    if is_quota(said) {
        format!("a quota of namespace {place} leaves no room for the probe: {said}")
    } else if said.contains("violates PodSecurity") {
        format!("the Pod security level of namespace {place} does not allow the probe: {said}")
    } else {
        format!("the API server did not accept the probe: {said}")
    }
}

/// How many times in a row the API server must not accept the pod for one node before it is believed; `None` is never.
/// Admission gives the same answer again, and so it is with a pod that is invalid. An API server that has just started
/// denies what it permits, and something in front of it may have answered. Outages pass, and a namespace that is missing
/// is on its way.
pub(super) fn patience(failure: &Failure) -> Option<u32> {
    if failure.retryable || failure.kind == Kind::NotInstalled {
        return None;
    }
    let lasts = matches!(failure.kind, Kind::Refused | Kind::Usage);
    Some(if lasts { 1 } else { CERTAINTY })
}

/// The quota's own words (plugin/pkg/admission/resourcequota); when a pod goes there may be room again.
pub(super) fn is_quota(said: &str) -> bool {
    said.contains("exceeded quota") || said.contains("failed quota")
}

fn words(reason: &str, message: Option<&str>) -> String {
    match message {
        Some(message) if !message.is_empty() => format!("{reason}: {message}"),
        Some(_) | None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
