//! The probe pod: how it is made, and how it is read. It passes Pod security level `restricted`, and what it says is
//! untrusted.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerStatus, Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    api::{NodeResult, name},
    probe::{Depth, ProbeReport, Virtualization, command::ProbeCommand, node_result},
};

/// On a probe pod, which try on its node it is.
const ATTEMPT: &str = "vm.cluster.gke.io/preflight-attempt";
const CONTAINER: &str = "probe";
/// Where the host's /dev is mounted for a deep probe.
const HOST_DEVICES: &str = "/mnt/dev";
/// An unprivileged user; the image has no users of its own.
const NOBODY: i64 = 65532;

/// What a probe pod is made from.
pub(super) struct Probe {
    pub owner: OwnerReference,
    pub node: String,
    pub attempt: u8,
    pub image: String,
    pub deep: bool,
    pub virtualization: Virtualization,
    pub deadline: Duration,
}

impl Probe {
    /// The pod. Bound to its node by name, so that no scheduler, cordon or taint keeps it from there.
    pub(super) fn pod(&self) -> Pod {
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
        serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod_name(&self.owner.uid, &self.node, self.attempt),
                "namespace": name::SYSTEM_NAMESPACE,
                "labels": {
                    name::PREFLIGHT_CHECK_LABEL: self.owner.uid,
                    name::MANAGED_BY: name::MANAGER,
                },
                "annotations": {ATTEMPT: self.attempt.to_string()},
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
        .expect("a literal of the pod's own fields")
    }
}

/// Follows from check, node and attempt, so that the same pod is never made twice.
pub(super) fn pod_name(check: &str, node: &str, attempt: u8) -> String {
    const DIGITS: usize = 8;
    let mut digest = Sha256::new();
    digest.update(check);
    digest.update([0]);
    digest.update(node);
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
        let attempt = metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(ATTEMPT))
            .and_then(|text| text.parse().ok())?;
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone())?;
        let name = metadata.name.clone()?;
        if !owned
            || metadata.deletion_timestamp.is_some()
            || name != pod_name(check, &node, attempt)
        {
            return None;
        }
        Some(Self {
            name,
            uid: metadata.uid.clone()?,
            node,
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
mod tests {
    use super::*;

    fn probe(deep: bool) -> Pod {
        Probe {
            owner: OwnerReference {
                uid: "check-uid".to_owned(),
                name: "check".to_owned(),
                ..OwnerReference::default()
            },
            node: "n1".to_owned(),
            attempt: 2,
            image: "bmctl:1".to_owned(),
            deep,
            virtualization: Virtualization::Emulation,
            deadline: Duration::from_secs(120),
        }
        .pod()
    }

    fn ended(mut pod: Pod, message: &str) -> Pod {
        pod.metadata.uid = Some("pod-uid".to_owned());
        pod.status = serde_json::from_value(json!({
            "phase": "Failed",
            "containerStatuses": [{
                "name": CONTAINER, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 3, "reason": "Error", "message": message}},
            }],
        }))
        .unwrap();
        pod
    }

    #[test]
    fn a_pod_is_restricted_and_says_what_it_is() {
        let pod = probe(false);
        assert_eq!(
            pod.metadata.labels.clone().unwrap()[name::PREFLIGHT_CHECK_LABEL],
            "check-uid"
        );
        let spec = pod.spec.unwrap();
        assert_eq!(spec.node_name.as_deref(), Some("n1"));
        assert_eq!(spec.automount_service_account_token, Some(false));
        assert!(spec.volumes.unwrap_or_default().is_empty());
        let context = spec.containers[0].security_context.clone().unwrap();
        assert_eq!(context.allow_privilege_escalation, Some(false));
        assert_eq!(
            ProbeCommand::parse(spec.containers[0].args.as_ref().unwrap()),
            Some(ProbeCommand {
                virtualization: Virtualization::Emulation,
                depth: Depth::Pod
            })
        );
        assert!(!probe(true).spec.unwrap().volumes.unwrap().is_empty());
    }

    #[test]
    fn what_is_not_a_report_is_a_failure_and_never_a_pass() {
        for message in ["", "{}", "OK", "{\"passed\": true}"] {
            let facts = PodFacts::read(&ended(probe(false), message), "check-uid").unwrap();
            assert!(matches!(facts.state, PodState::Failed(_)), "{message}");
            assert_eq!(facts.attempt, 2);
        }
    }

    #[test]
    fn what_keeps_a_probe_from_running_is_told_apart_from_the_node() {
        for (reason, final_, expected) in [
            (
                "ErrImagePull",
                false,
                "the image of the probe could not be pulled",
            ),
            (
                "ImagePullBackOff",
                false,
                "the image of the probe could not be pulled",
            ),
            (
                "InvalidImageName",
                true,
                "the image of the probe could not be pulled",
            ),
            (
                "CreateContainerConfigError",
                true,
                "the probe could not be started",
            ),
            ("RunContainerError", false, "the probe could not be started"),
            ("ContainerCreating", false, "ContainerCreating"),
        ] {
            let mut pod = ended(probe(false), "");
            pod.status = serde_json::from_value(json!({
                "phase": "Pending",
                "containerStatuses": [{
                    "name": CONTAINER, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"waiting": {"reason": reason, "message": "no such host"}},
                }],
            }))
            .unwrap();
            let state = PodFacts::read(&pod, "check-uid").unwrap().state;
            let said = match &state {
                PodState::Failed(said) if final_ => said,
                PodState::Waiting(Some(said)) if !final_ => said,
                PodState::Pulling(pull) if !final_ && !pull.refused => &pull.why,
                other => panic!("{reason}: {other:?}"),
            };
            assert!(
                said.starts_with(expected) && said.contains("no such host"),
                "{said}"
            );
        }
        let mut evicted = ended(probe(false), "");
        evicted.status =
            serde_json::from_value(json!({"phase": "Failed", "reason": "OutOfpods"})).unwrap();
        let state = PodFacts::read(&evicted, "check-uid").unwrap().state;
        assert_eq!(
            state,
            PodState::Failed("the node did not run the probe: OutOfpods".to_owned())
        );
    }

    #[test]
    fn a_registry_that_has_answered_is_told_from_one_that_has_not() {
        for (said, refused) in [
            (
                "ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image",
                true,
            ),
            (
                "ImagePullBackOff: registry.example/bmctl:1: not found",
                true,
            ),
            ("ErrImagePull: manifest unknown", true),
            (
                "ErrImagePull: pull access denied, repository does not exist",
                true,
            ),
            ("ErrImagePull: 401 Unauthorized", true),
            (
                "ErrImagePull: dial tcp: lookup registry.example: no such host",
                false,
            ),
            ("ErrImagePull: dial tcp 10.0.0.1:443: i/o timeout", false),
            (
                "ImagePullBackOff: Back-off pulling image \"registry.example/bmctl:1\"",
                false,
            ),
        ] {
            assert_eq!(is_refused(said), refused, "{said}");
        }
    }

    #[test]
    fn a_refused_pod_says_who_refused_it() {
        for (said, expected) in [
            (
                "pods \"p\" is forbidden: exceeded quota: few, requested: pods=1",
                "a quota of",
            ),
            (
                "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\"",
                "the Pod security",
            ),
            (
                "admission webhook \"w\" denied the request",
                "the API server did not accept",
            ),
        ] {
            assert!(refusal(said).starts_with(expected), "{said}");
        }
    }

    #[test]
    fn a_pod_that_only_looks_like_ours_is_not_read() {
        let pod = ended(probe(false), "");
        assert!(PodFacts::read(&pod, "another-check").is_none());
        let mut renamed = pod.clone();
        renamed.metadata.name = Some("mine".to_owned());
        assert!(PodFacts::read(&renamed, "check-uid").is_none());
        let mut disowned = pod;
        disowned.metadata.owner_references = None;
        assert!(PodFacts::read(&disowned, "check-uid").is_none());
    }
}
