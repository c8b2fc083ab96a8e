//! VM Runtime itself: its state, its checks, its VMs, and waiting.

use super::Row;
use crate::{explain::advice, failure::Reason};

const STATUS: &str = "bmctl status vmruntime";
const CHECK: &str = "bmctl check vmruntimepfc --context CONTEXT";
const LATEST: &str = "bmctl get vmruntimepfc";
const DESCRIBE: &str = "kubectl describe vmruntime vmruntime";

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    (Reason::AlreadyDisabled, advice(
        "spec.enabled is false and everything is gone.",
        "Nothing to fix. With --ensure the same is a success.",
        &["bmctl disable vmruntime --ensure --context CONTEXT"],
    )),
    (Reason::AlreadyEnabled, advice(
        "spec.enabled is true and VM Runtime is ready.",
        "Nothing to fix. With --ensure the same is a success, and settings are applied.",
        &["bmctl enable vmruntime --ensure --context CONTEXT", "bmctl update vmruntime --use-emulation=false --context CONTEXT"],
    )),
    (Reason::Degraded, advice(
        "The condition Degraded of this generation has been True for 30 seconds: an operator is missing, the engine does not \
         come up, or a step is refused.",
        "Remove what the message names; the controller then goes on by itself.",
        &[STATUS, DESCRIBE],
    )),
    (Reason::Deleted, advice(
        "Somebody deleted the object vmruntime, or its CustomResourceDefinition.",
        "Find out who did; a running controller makes the object again.",
        &["kubectl get vmruntime", STATUS],
    )),
    (Reason::FlippedBack, advice(
        "A person or a GitOps tool keeps the field at the other value; the message names the field and the writer.",
        "Change it at its source.",
        &["kubectl get vmruntime vmruntime --output=yaml --show-managed-fields"],
    )),
    (Reason::NoBaseline, advice(
        "A defect of bmctl: a wait was begun without the state to compare with.",
        "Report it, with the log.",
        &[STATUS],
    )),
    (Reason::NoNodeVerified, advice(
        "Every node is left out, not ready, or could not be checked. Nothing is known, and that is no pass.",
        "Bring a node up, or take one in again.",
        &["kubectl get nodes --show-labels", "bmctl unskip node NODE --context CONTEXT", CHECK],
    )),
    (Reason::NoResult, advice(
        "The check was deleted before it had finished, or its controller published nothing.",
        "Start another one.",
        &[CHECK],
    )),
    (Reason::NodesUnknown, advice(
        "A node was not ready, its image could not be pulled, the pod was not admitted, or it did not answer in time. \
         No VM is scheduled on such a node.",
        "The node's message says why. Mend it or leave the node out, and check again.",
        &[LATEST, "kubectl get nodes", "bmctl skip node NODE --context CONTEXT", CHECK],
    )),
    (Reason::DisksGone, advice(
        "Somebody else deleted them meanwhile, with what they held.",
        "Look whether their claims are left; else restore what they held from a backup of their contents.",
        &["kubectl get persistentvolumeclaims --all-namespaces"],
    )),
    (Reason::NotAskedFor, advice(
        "Waiting for ready while VM Runtime is disabled, or for disabled while it is enabled, would not end.",
        "Ask for it first.",
        &["bmctl enable vmruntime --context CONTEXT", "bmctl disable vmruntime --context CONTEXT"],
    )),
    (Reason::NotConfirmed, advice(
        "Deleting VMs needs the name of the context typed on a terminal, or --confirm CONTEXT, or --force=true. --yes alone \
         never deletes a VM.",
        "Confirm it in one of these ways.",
        &["bmctl disable vmruntime --force=true --context CONTEXT"],
    )),
    (Reason::NotKept, advice(
        "The CustomResourceDefinition of this cluster does not have the field, so the API server drops it; or an admission \
         policy or a webhook sets it to another value. The message names the field.",
        "Look whether the definition has it, and at what changes objects when they are written.",
        &["kubectl explain vmruntime.spec"],
    )),
    (Reason::NotVerified, advice(
        "The state was reported as reached, but a list or an object that proves it could not be read.",
        "The `caused by:` lines say what could not be read and why; run the command again.",
        &[STATUS, "bmctl auth check"],
    )),
    (Reason::PreflightFailed, advice(
        "A node cannot run VMs, mostly because it has no KVM. VM creation stays closed; spec.enabled stays as it is.",
        "Fix the node, leave it out, or run all VMs in software; then check again.",
        &[LATEST, "bmctl explain KVM", CHECK, "bmctl skip node NODE --context CONTEXT", "bmctl update vmruntime --use-emulation --context CONTEXT"],
    )),
    (Reason::PreflightInconsistent, advice(
        "The check says pass: true beside a node that failed. Which of the two is right cannot be known from here.",
        "Check again. If it recurs, look at what publishes the result.",
        &[CHECK, "kubectl get vmruntimepfc --namespace=vm-system --output=yaml"],
    )),
    (Reason::PreflightUnfinished, advice(
        "The check is still running, or its controller stopped before its end.",
        "Wait for it.",
        &["bmctl wait vmruntime --for preflight", LATEST],
    )),
    (Reason::SnapshotIncomplete, advice(
        "A list was forbidden, timed out or broke off. manifest.json in the bundle says which and why.",
        "Send the bundle as it is, or get the rights and collect it again.",
        &["bmctl auth check snapshot vmruntime", "bmctl snapshot vmruntime"],
    )),
    (Reason::StatusIncomplete, advice(
        "A list was forbidden, timed out or broke off. What could not be read is not counted as none.",
        "The `caused by:` lines say what and why.",
        &["bmctl auth check status vmruntime", STATUS],
    )),
    (Reason::TimedOut, advice(
        "--timeout passed first. The message says what is still missing; the cluster goes on with it.",
        "Look at what is missing, or go on waiting.",
        &[STATUS, "bmctl wait vmruntime --for ready --timeout 30m", "bmctl wait vmruntime --for disabled --timeout 30m"],
    )),
    (Reason::UnknownNode, advice(
        "A typing error in a name or in labels, or the node has left the cluster. No node was changed.",
        "Use the name and the labels that the cluster has.",
        &["kubectl get nodes --show-labels"],
    )),
    (Reason::VMsExist, advice(
        "VMs exist, running or not, and neither --force=true nor the force annotation permits deleting them.",
        "Delete them yourself, or let disable delete them with everything that belongs to them.",
        &[
            "kubectl get virtualmachines.vm.cluster.gke.io,virtualmachines.kubevirt.io --all-namespaces",
            "bmctl disable vmruntime --force=true --context CONTEXT",
        ],
    )),
    (Reason::VMsUnknown, advice(
        "A list of VMs was forbidden, timed out or broke off. Unknown is never none, so nothing is disabled.",
        "Get the right, or bring the API server in order; then run the command again.",
        &["bmctl auth check disable vmruntime", "bmctl auth check disable vmruntime --role", ],
    )),
    (Reason::WrongConfirmation, advice(
        "The name of the context was mistyped, or another cluster is in force than was thought.",
        "Look at which context is in force, and type that.",
        &["kubectl config current-context"],
    )),
];
