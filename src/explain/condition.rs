//! The conditions of VMRuntime, and their reasons.

use super::{Advice, Entry, Group, advice};
use crate::{
    api::condition::{kind, reason},
    failure::CONTROLLER_LOG,
};

pub(super) fn types() -> Vec<Entry> {
    entries(Group::Condition, kind::ALL, &TYPES)
}

pub(super) fn reasons() -> Vec<Entry> {
    entries(Group::ConditionReason, reason::ALL, &REASONS)
}

fn entries(group: Group, words: &[(&str, &str)], rows: &[(&str, Advice)]) -> Vec<Entry> {
    rows.iter()
        .map(|(id, advice)| {
            let meaning = words.iter().find(|(word, _)| word == id);
            advice.about(group, id, meaning.map_or("", |(_, meaning)| meaning.trim()))
        })
        .collect()
}

const STATUS: &str = "bmctl status vmruntime";
const CHECK: &str = "bmctl check vmruntimepfc --context CONTEXT";
const LATEST: &str = "bmctl get vmruntimepfc";
const MACHINES: &str =
    "kubectl get virtualmachines.vm.cluster.gke.io,virtualmachines.kubevirt.io --all-namespaces";
const PODS: &str = "kubectl get pods --namespace=vm-system --output=wide";
const ENGINE: &str = "kubectl get kubevirts.kubevirt.io,cdis.cdi.kubevirt.io --all-namespaces";
const FORCED: &str = "bmctl disable vmruntime --force=true --context CONTEXT";

#[rustfmt::skip]
const TYPES: [(&str, Advice); 15] = [
    (kind::READY, advice(
        "False while VM Runtime is disabled, while the engine comes up, and while no check of the present settings has \
         passed. The reason says which.",
        "Look at the reason; wait for what only takes time.",
        &[STATUS, "bmctl wait vmruntime --for ready"],
    )),
    (kind::PROGRESSING, advice(
        "Something was asked for, and the controller is still at it.",
        "Wait. What it waits for stands in the message.",
        &["bmctl wait vmruntime --for ready", PODS],
    )),
    (kind::DEGRADED, advice(
        "A preflight check failed, the engine does not come up or does not go, an operator is missing, or a step fails again \
         and again.",
        "The reason says which of them; it heals by itself once the cause is gone.",
        &[STATUS, LATEST, "kubectl describe vmruntime vmruntime"],
    )),
    (kind::PREFLIGHT_PASSED, advice(
        "False where the latest finished check failed or none has finished.",
        "Fix the nodes that failed, or leave them out, and check again.",
        &[LATEST, CHECK, "bmctl skip node NODE --context CONTEXT"],
    )),
    (kind::VM_CREATION_ALLOWED, advice(
        "False while VM Runtime is disabled, until a check has passed, and while a disable keeps creation closed.",
        "Enable VM Runtime and get a check to pass.",
        &[STATUS, CHECK],
    )),
    (kind::DISABLE_BLOCKED, advice(
        "spec.enabled was set to false while VMs exist, and neither --force nor the force annotation permits deleting them. \
         The engine keeps running for them.",
        "Delete the VMs, or permit it, or enable VM Runtime again.",
        &[MACHINES, FORCED, "bmctl enable vmruntime --ensure --context CONTEXT"],
    )),
    (kind::ENGINE_DEGRADED, advice(
        "virt-handler is not ready on some eligible node: the node is down, or a pod cannot be scheduled there.",
        "Bring the node or the pod up, or leave the node out.",
        &["kubectl get pods --all-namespaces --selector=kubevirt.io=virt-handler --output=wide", "bmctl skip node NODE --context CONTEXT"],
    )),
    (kind::ENGINE_FOREIGN, advice(
        "KubeVirt was on this cluster before VM Runtime was enabled.",
        "Nothing has to be done. Whoever owns that object decides on its settings, useEmulation among them.",
        &[ENGINE],
    )),
    (kind::ENGINE_OWNED, advice(
        "VM Runtime was enabled on a cluster without KubeVirt. It stays True after a disable until nothing of the engine is \
         left on nodes.",
        "Nothing has to be done.",
        &[ENGINE],
    )),
    (kind::ENGINE_OPERATOR_MISSING, advice(
        "The cluster has no virt-operator, and the controller was not given KubeVirt's release files.",
        "Install KubeVirt's operator, or start the controller with --engine-manifests.",
        &["kubectl get deployments --all-namespaces --selector=kubevirt.io=virt-operator", "kubectl --context CONTEXT apply -f kubevirt-operator.yaml"],
    )),
    (kind::EMULATION_FORCED, advice(
        "spec.useEmulation is true.",
        "Set it to false if the nodes have KVM: software emulation is many times slower.",
        &["bmctl update vmruntime --use-emulation=false --context CONTEXT"],
    )),
    (kind::FORCE_ANNOTATION_LEFT, advice(
        "Somebody set the annotation for a disable that is over, or in advance.",
        "Set it to \"false\" where it is kept (a GitOps tool would set it again), so that no disable deletes VMs unasked.",
        &["kubectl --context CONTEXT annotate vmruntime vmruntime --overwrite baremetal.cluster.gke.io/vmrumtime-force-disable=false"],
    )),
    (kind::DISKS_KEPT, advice(
        "Disks or data volumes were left when VM Runtime was disabled.",
        "Delete them if nobody needs what is on them; CDI is then removed.",
        &["kubectl get virtualmachinedisks.vm.cluster.gke.io,datavolumes.cdi.kubevirt.io --all-namespaces"],
    )),
    (kind::CONTESTED, advice(
        "A GitOps tool, another controller or a person changes an object back that the controller manages: the message \
         names both.",
        "Take that object out of the tool that keeps it, or change the setting in VMRuntime.",
        &[STATUS, "kubectl get events --namespace=default --field-selector=involvedObject.kind=VMRuntime"],
    )),
    (kind::ADMISSION_MISSING, advice(
        "The API server is older than Kubernetes 1.30, or the controller may not write ValidatingAdmissionPolicies.",
        "Upgrade the cluster, or give the controller the rights of its manifests.",
        &["kubectl version", "bmctl controller manifests --image IMAGE | kubectl --context CONTEXT apply -f -"],
    )),
];

#[rustfmt::skip]
const REASONS: [(&str, Advice); 34] = [
    (reason::DISABLED, advice("spec.enabled is false.", "Enable it, if it is to run VMs.", &["bmctl enable vmruntime --context CONTEXT"])),
    (reason::ENABLED, advice("spec.enabled is true.", "Nothing to fix.", &[STATUS])),
    (reason::ENGINE_READY, advice("Everything that VMs need is there.", "Nothing to fix.", &[STATUS])),
    (reason::ENGINE_INSTALLING, advice(
        "KubeVirt's components are being installed or updated; images are being pulled.",
        "Wait some minutes. If it lasts, look at the pods that do not start.",
        &[ENGINE, "kubectl get pods --all-namespaces --selector=kubevirt.io", PODS],
    )),
    (reason::ENGINE_INSTALL_SLOW, advice(
        "Images that cannot be pulled, pods that cannot be scheduled, or a component that crashes.",
        "Look at the pods of the engine that are not ready, and at their events.",
        &["kubectl get pods --all-namespaces --selector=kubevirt.io", "kubectl get events --namespace=kubevirt --sort-by=.lastTimestamp", ENGINE],
    )),
    (reason::ENGINE_UNINSTALLING, advice(
        "VM Runtime was disabled, or was enabled again before the removal was over.",
        "Wait. Where an object stays, the message says what holds it, and who has to act.",
        &[ENGINE, "bmctl wait vmruntime --for disabled"],
    )),
    (reason::ENGINE_UNINSTALL_SLOW, advice(
        "An operator does not run, so that nobody removes its finalizer; something in its namespace is held; or a node does \
         not answer, so that its pods never end.",
        "The message says what is still there, since when, what holds it, and who has to act. Bring that one back.",
        &[STATUS, ENGINE, "kubectl get deployments --all-namespaces --selector=kubevirt.io=virt-operator"],
    )),
    (reason::ENGINE_PARTIAL, advice(
        "A node is not ready, or virt-handler does not run on it.",
        "Bring the node up, or leave it out.",
        &["kubectl get nodes", "bmctl skip node NODE --context CONTEXT"],
    )),
    (reason::PREFLIGHT_RUNNING, advice("A check was started and has not finished.", "Wait: at most 8 minutes.", &["bmctl wait vmruntime --for preflight"])),
    (reason::PREFLIGHT_PASSED, advice("At least one node was verified, and none failed.", "Nothing to fix.", &[LATEST])),
    (reason::PREFLIGHT_FAILED, advice(
        "A node cannot run VMs: mostly it has no KVM.",
        "Fix the node, or leave it out, or run all VMs in software; then check again.",
        &[LATEST, "bmctl explain KVM", "bmctl skip node NODE --context CONTEXT", CHECK],
    )),
    (reason::PREFLIGHT_PENDING, advice(
        "VM Runtime was enabled or its settings were changed a moment ago.",
        "Wait. If it lasts, look at whether the controller runs.",
        &["kubectl get deployment --namespace=vm-system vmruntime-controller-manager"],
    )),
    (reason::FENCED, advice(
        "A disable is at work: no new VM may come in while the old ones go.",
        "Wait. After an interrupted disable the fence opens by itself.",
        &[STATUS],
    )),
    (reason::WORKLOADS_EXIST, advice(
        "VMs exist, running or not, and nothing permits deleting them.",
        "Delete them, or permit it.",
        &[MACHINES, FORCED],
    )),
    (reason::WORKLOADS_UNKNOWN, advice(
        "A list of VMs was forbidden to the controller, timed out or broke off. Unknown is never none.",
        "The message says which list; give the controller its rights, or bring the API server in order.",
        &["bmctl controller manifests --image IMAGE | kubectl --context CONTEXT apply -f -", "kubectl get --raw /readyz?verbose"],
    )),
    (reason::DRAINING, advice(
        "VM Runtime was disabled with the permission to delete all VMs.",
        "Wait; enabling it again stops the deletion. Where a VM stays, the message says what holds it.",
        &[MACHINES],
    )),
    (reason::DRAIN_SLOW, advice(
        "Its node does not answer, virt-controller does not run, or somebody else's finalizer holds it.",
        "The message says what holds it. Bring that one back; only of a node that is known to be off may a pod be removed by force.",
        &[STATUS, MACHINES, "kubectl get nodes"],
    )),
    (reason::NO_WORKLOADS, advice("No VM exists, or nothing is being disabled.", "Nothing to fix.", &[STATUS])),
    (reason::SETTINGS_DIFFER, advice(
        "KubeVirt was there before, and whoever owns it decides on its settings. Nodes are checked for what new VMs really get.",
        "Change useEmulation on the KubeVirt object, or bring the VMRuntime in line with it.",
        &[ENGINE, "bmctl update vmruntime --use-emulation=false --context CONTEXT"],
    )),
    (reason::ADMISSION_NOT_ENFORCED, advice(
        "The API server was started with the admission plugin ValidatingAdmissionPolicy switched off.",
        "Switch the plugin on. Until then nothing keeps VMs from being created while VM Runtime is disabled or a check has failed.",
        &[STATUS, "kubectl get validatingadmissionpolicies"],
    )),
    (reason::ENGINE_DOWN, advice(
        "A component of KubeVirt that ran before has no ready pod: a node is down, it is being updated, or its image is gone.",
        "It comes back by itself where Kubernetes can start the pod again; the message says what keeps it.",
        &[STATUS, "kubectl get pods --all-namespaces --selector=kubevirt.io --output=wide"],
    )),
    (reason::NO_ELIGIBLE_NODE, advice(
        "Every node has the label kubevm.io/VM-SkipSchedule, or the cluster has no Linux machines.",
        "Take a node in again, or add one.",
        &["kubectl get nodes --show-labels", "bmctl unskip node NODE --context CONTEXT"],
    )),
    (reason::ADOPTED, advice("KubeVirt was there before.", "Nothing has to be done.", &[ENGINE])),
    (reason::ENGINE_MADE, advice("KubeVirt was not there before.", "Nothing has to be done.", &[ENGINE])),
    (reason::CHANGED_BY_OTHERS, advice(
        "Somebody else writes to what the controller manages.",
        "The message names the object and, where it is known, who writes to it.",
        &[STATUS],
    )),
    (reason::OPERATOR_NOT_FOUND, advice(
        "KubeVirt's operator is not installed.",
        "Install it, or start the controller with --engine-manifests.",
        &["kubectl --context CONTEXT apply -f kubevirt-operator.yaml"],
    )),
    (reason::USE_EMULATION, advice(
        "spec.useEmulation is true.",
        "Set it to false if the nodes have KVM.",
        &["bmctl update vmruntime --use-emulation=false --context CONTEXT"],
    )),
    (reason::ANNOTATION_TRUE, advice(
        "Somebody set the force annotation.",
        "Set it to \"false\" where it is kept.",
        &["kubectl --context CONTEXT annotate vmruntime vmruntime --overwrite baremetal.cluster.gke.io/vmrumtime-force-disable=false"],
    )),
    (reason::CONVERGED, advice("Everything is as the spec wants it.", "Nothing to fix.", &[STATUS])),
    (reason::DISKS_EXIST, advice(
        "Disks or data volumes are left.",
        "Delete them if nobody needs what is on them.",
        &["kubectl get virtualmachinedisks.vm.cluster.gke.io,datavolumes.cdi.kubevirt.io --all-namespaces"],
    )),
    (reason::ADMISSION_UNAVAILABLE, advice(
        "The cluster is too old for ValidatingAdmissionPolicies, or the controller may not write them.",
        "Upgrade the cluster, or give the controller the rights of its manifests.",
        &["kubectl version", "bmctl controller manifests --image IMAGE | kubectl --context CONTEXT apply -f -"],
    )),
    (reason::STEP_FAILED, advice(
        "The API server refuses something that the controller wants to do, again and again: a right, a quota, a policy.",
        "The message is the API server's own; the controller goes on by itself once it is permitted.",
        &["kubectl describe vmruntime vmruntime", CONTROLLER_LOG],
    )),
    (reason::FORBIDDEN, advice(
        "The roles of the controller are older than the controller, or somebody changed them.",
        "Apply the manifests of this release again; the controller looks every 30 seconds.",
        &["bmctl controller manifests --image IMAGE | kubectl --context CONTEXT apply -f -", "kubectl describe vmruntime vmruntime"],
    )),
    (reason::REFUSED, advice(
        "An admission policy or webhook, a quota, or the validation of the API server.",
        "The message is the API server's own. Permit it; the controller looks every 30 seconds.",
        &["kubectl describe vmruntime vmruntime", CONTROLLER_LOG],
    )),
];
