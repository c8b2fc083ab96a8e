//! The exit codes.

use super::{Advice, Entry, Group, advice};
use crate::exit::Exit;

pub(super) fn entries() -> Vec<Entry> {
    Exit::ALL
        .iter()
        .filter_map(|exit| {
            let mut meaning = exit.meaning().to_owned() + ".";
            meaning[..1].make_ascii_uppercase();
            Some(of(*exit)?.about(Group::ExitCode, &exit.code(), meaning))
        })
        .collect()
}

/// None for a code that is not ours.
const fn of(exit: Exit) -> Option<Advice> {
    Some(match exit {
        Exit::Ok => advice(
            "What was asked for is so, and was seen to be so.",
            "Nothing to fix.",
            &[],
        ),
        Exit::Error => advice(
            "Something that no other code names: the `error:` line and error.reason say what.",
            "Look the reason up, and run the command again with -vv to see what the program does inside.",
            &["bmctl explain REASON"],
        ),
        Exit::Usage => advice(
            "A flag, a value or the kubeconfig is wrong. The cluster was not changed.",
            "Correct it: the `hint:` lines name the nearest that exists.",
            &["bmctl help", "kubectl config get-contexts"],
        ),
        Exit::CheckFailed => advice(
            "A node cannot run VMs. VM creation stays closed until a check passes; VM Runtime stays as it is.",
            "Fix the node, or leave it out, and check again. Or run all VMs in software.",
            &[
                "bmctl get vmruntimepfc",
                "bmctl explain KVM",
                "bmctl check vmruntimepfc --context CONTEXT",
                "bmctl skip node NODE --context CONTEXT",
            ],
        ),
        Exit::Warnings => advice(
            "Nothing failed, but there were warnings, and --fail-on warn asks for a code of its own for that.",
            "Read the warnings in the output, or drop --fail-on warn.",
            &["bmctl check vmruntimepfc -o json --context CONTEXT"],
        ),
        Exit::Incomplete => advice(
            "A node could not be checked, a list broke off, or an answer could not be read. It is neither a pass nor a \
             failure, and nothing was decided on a guess.",
            "The `caused by:` lines say what is unknown. Remove that cause and run the command again.",
            &["bmctl status vmruntime", "bmctl auth check"],
        ),
        Exit::Refused => advice(
            "VMs exist and nothing permits deleting them, a confirmation was not given, there is no terminal to ask on, \
             or an admission policy of the cluster said no. Nothing was deleted.",
            "Do what the message asks for: delete the VMs, confirm, or satisfy the policy.",
            &[
                "kubectl get virtualmachines.vm.cluster.gke.io,virtualmachines.kubevirt.io --all-namespaces",
                "bmctl disable vmruntime --force=true --context CONTEXT",
            ],
        ),
        Exit::Already => advice(
            "The state that was asked for is there already, and nothing is under way.",
            "Nothing to fix. With --ensure the same is a success.",
            &["bmctl enable vmruntime --ensure --context CONTEXT"],
        ),
        Exit::NotInstalled => advice(
            "The cluster does not know VMRuntime, the object vmruntime is missing, or nothing acts on it.",
            "On Google Distributed Cloud, look at the cluster's own controller. Elsewhere install ours.",
            &[
                "bmctl controller manifests --image IMAGE | kubectl --context CONTEXT apply -f -",
                "kubectl get deployment --namespace=vm-system vmruntime-controller-manager",
            ],
        ),
        Exit::Denied => advice(
            "The credential is missing or expired (401), the login plugin failed, or a right is missing (403).",
            "Log in again, or have an administrator grant the rights that the command needs.",
            &[
                "kubectl auth whoami",
                "bmctl auth check",
                "bmctl auth check enable vmruntime --role",
            ],
        ),
        Exit::Unreachable => advice(
            "The API server was not reached, or it did not answer, also after several tries: name, network, TLS, proxy, \
             or an overloaded server.",
            "Check the address in the kubeconfig, VPN, proxy and certificates; then run the command again.",
            &["kubectl cluster-info", "bmctl help environment"],
        ),
        Exit::Conflict => advice(
            "Somebody else changed the same thing at the same time, and it may not be what the decision was made on.",
            "Look at it as it is now, and run the command again.",
            &["bmctl status vmruntime"],
        ),
        Exit::OperationFailed => advice(
            "The controller says that it cannot get there, and waiting does not help.",
            "The condition Degraded says why.",
            &[
                "bmctl status vmruntime",
                "kubectl describe vmruntime vmruntime",
            ],
        ),
        Exit::TimedOut => advice(
            "--timeout passed first. The cluster goes on with what was asked of it.",
            "Look at what is still missing, or wait longer.",
            &[
                "bmctl status vmruntime",
                "bmctl wait vmruntime --for ready --timeout 30m",
            ],
        ),
        Exit::Interrupted => advice(
            "Ctrl-C. The message says what the cluster was left doing.",
            "Run the command again: it goes on where it was.",
            &["bmctl status vmruntime"],
        ),
        Exit::Terminated => advice(
            "The process got SIGTERM, for example because a CI job was cancelled, or SIGHUP, because its terminal is gone.",
            "Run the command again: it goes on where it was.",
            &["bmctl status vmruntime"],
        ),
        Exit::PassedOn(_) => return None,
    })
}
