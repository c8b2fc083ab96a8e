//! This program itself: the command line, its files and streams, the sandbox and the controller.

use super::Row;
use crate::{
    explain::advice,
    failure::{CONTROLLER_LOG, Reason},
};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    (Reason::BadElection, advice(
        "A leader has to have given up before others take over, and to have tried more than once before it gives up.",
        "Keep lease duration > renew deadline > 1.2 times the retry period, and the lease at least a second.",
        &["kubectl get lease --namespace=vm-system"],
    )),
    (Reason::BadManifests, advice(
        "A file of --engine-manifests cannot be read, is no YAML, or holds an object without apiVersion, kind or name.",
        "Correct the file that the message names.",
        &["kubectl --context CONTEXT apply --dry-run=client -f DIR"],
    )),
    (Reason::CommandNotRun, advice(
        "What follows `--` is neither a command of bmctl nor a program that can be started.",
        "Check its name and the PATH.",
        &["bmctl sandbox run -- status vmruntime"],
    )),
    (Reason::ControllerEnded, advice(
        "The API server was away for too long, or a right that the controller cannot do without is missing.",
        "Its log says why. In a cluster the Deployment starts it again.",
        &[CONTROLLER_LOG, "kubectl get pods --namespace=vm-system"],
    )),
    (Reason::ControllerRunning, advice(
        "What was removed came back: a controller runs elsewhere, for example by `bmctl controller run` on somebody's machine.",
        "Stop it, then go on. The Lease names its holder.",
        &["kubectl get lease --namespace=vm-system", "bmctl controller uninstall --context CONTEXT"],
    )),
    (Reason::StillEnabled, advice(
        "The controller can be removed only when there is nothing left for it to do.",
        "Disable VM Runtime and wait until that is done.",
        &["bmctl disable vmruntime --context CONTEXT", "bmctl controller uninstall --dry-run --context CONTEXT"],
    )),
    (Reason::FileNotWritten, advice(
        "The folder is missing, full or not yours, or a file of that name is there and is not overwritten.",
        "Give another place.",
        &["df -h .", "ls -ld ."],
    )),
    (Reason::ForeignKubeconfig, advice(
        "bmctl-workspace/NAME/NAME-kubeconfig is there, and no sandbox wrote it. It is not overwritten.",
        "Choose another name for the sandbox.",
        &["bmctl sandbox start --name other"],
    )),
    (Reason::InternalError, advice(
        "A defect of bmctl: something was taken for granted that was not so. How the cluster was left is not known.",
        "Run the command again: it goes on where this one ended. Report it with the error's text.",
        &["bmctl version -o json", "bmctl status vmruntime"],
    )),
    (Reason::Interrupted, advice(
        "Ctrl-C. The message says what the cluster was left doing.",
        "Run the command again: it goes on where it was.",
        &["bmctl status vmruntime"],
    )),
    (Reason::InvalidCluster, advice(
        "No node, two nodes of the same name, or a name that Kubernetes does not take.",
        "Correct the flags of the sandbox.",
        &["bmctl help sandbox start"],
    )),
    (Reason::InvalidUsage, advice(
        "An unknown command or flag, a missing argument, or a value that is not accepted.",
        "The message says what is expected.",
        &["bmctl help"],
    )),
    (Reason::KubeconfigNotWritten, advice(
        "The folder for temporary files is full or cannot be written.",
        "Make room, or set TMPDIR to another folder.",
        &["df -h ${TMPDIR:-/tmp}"],
    )),
    (Reason::LogNotWritable, advice(
        "The folder of --log-dir cannot be made or written.",
        "Give another folder, or leave the flag out.",
        &["bmctl status vmruntime --log-dir DIR"],
    )),
    (Reason::NoAnswer, advice(
        "The API server is overloaded or unreachable from the controller's pod.",
        "The controller tries again by itself.",
        &[CONTROLLER_LOG],
    )),
    (Reason::NoCommand, advice(
        "`sandbox run` needs a command after `--`.",
        "Name one.",
        &["bmctl sandbox run -- enable vmruntime"],
    )),
    (Reason::NoRuntime, advice(
        "The system refuses threads or file descriptors: a limit of this user or container is reached.",
        "Raise the limit.",
        &["ulimit -a"],
    )),
    (Reason::NoSignals, advice(
        "The system refuses to deliver signals to this process, as some sandboxes do.",
        "Run it outside of that sandbox.",
        &["ulimit -a"],
    )),
    (Reason::OutputFailed, advice(
        "The disk is full, or the other end of the output is broken. What was done to the cluster stays done.",
        "Make room, and ask again.",
        &["df -h .", "bmctl status vmruntime"],
    )),
    (Reason::ReportNotWritten, advice(
        "The folder of a --report is missing or not writable, its path is a folder, or the disk is full.",
        "Make the folder, or name another file.",
        &["bmctl check vmruntimepfc --report junit=/tmp/report.xml --context CONTEXT"],
    )),
    (Reason::SandboxBroken, advice(
        "A part of the embedded cluster ended by itself: a defect of bmctl.",
        "Start it again; if it recurs, report it with the output of -vv.",
        &["bmctl sandbox start -vv"],
    )),
    (Reason::SandboxNotStarted, advice(
        "The port is taken, or the system does not let it listen.",
        "Leave the port to the system, or choose another one.",
        &["bmctl help sandbox start"],
    )),
    (Reason::SandboxRunning, advice(
        "Another process of bmctl holds the folder of that sandbox.",
        "Use that one, or start one of another name.",
        &["bmctl status vmruntime --cluster NAME", "bmctl sandbox start --name other"],
    )),
    (Reason::StateNotUsable, advice(
        "The folder of --state was written by a later bmctl, others may write to it, or what is in it is damaged. The \
         message says which.",
        "Correct that, or give the sandbox another folder. A damaged state is left as it is.",
        &["chmod 700 DIR", "bmctl sandbox start --state OTHER"],
    )),
    (Reason::Terminated, advice(
        "SIGTERM, for example because a CI job was cancelled, or SIGHUP, because the terminal is gone. The message says what the cluster was left doing.",
        "Run the command again: it goes on where it was.",
        &["bmctl status vmruntime"],
    )),
    (Reason::UnknownTopic, advice(
        "A typing error, or a word of another version of bmctl.",
        "Choose one from the list.",
        &["bmctl explain", "bmctl help"],
    )),
    (Reason::Unreadable, advice(
        "An object of the cluster has a shape that the controller does not know, or a right to read it is missing.",
        "The message names the object.",
        &[CONTROLLER_LOG],
    )),
    (Reason::WatchStopped, advice(
        "A part of the controller ended by itself: a defect of bmctl.",
        "The Deployment starts it again; if it recurs, report it with the log.",
        &[CONTROLLER_LOG],
    )),
    (Reason::WorkspaceNotWritable, advice(
        "The present folder, or bmctl-workspace in it, cannot be written.",
        "Change to a folder of your own.",
        &["ls -ld . bmctl-workspace"],
    )),
];
