//! The backup of a disable: writing it, and putting it back.

use super::Row;
use crate::{explain::advice, failure::Reason};

const RESTORE: &str = "bmctl restore DIR --dry-run --context CONTEXT";
const ELSEWHERE: &str = "bmctl disable vmruntime --force=true --backup DIR --context CONTEXT";

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    (Reason::BackupDamaged, advice(
        "A file of the backup was edited, cut off, lost or exchanged after it was written: a manifest is not the one of INDEX, \
         or lines of INDEX and JOURNAL are missing or changed. Nothing is added to such a backup, nothing is deleted that \
         relies on it, and nothing of it is restored unasked.",
        "Take the file from another copy of the backup. Or restore what verifies, and create the rest by hand; to disable, \
         name another folder.",
        &[RESTORE, "bmctl restore DIR --skip-damaged --context CONTEXT", ELSEWHERE],
    )),
    (Reason::BackupFailed, advice(
        "The disk is full, the folder cannot be written, or a symbolic link stands where a folder should. What is not saved \
         is not deleted.",
        "Make room, or name another folder.",
        &[ELSEWHERE],
    )),
    (Reason::BackupFolderInUse, advice(
        "The folder is not empty and no backup, or a backup of another cluster, or of a format that this bmctl does not write.",
        "Name a folder that is new or empty, or the backup of this cluster.",
        &[ELSEWHERE],
    )),
    (Reason::BackupInUse, advice(
        "Two disables of one cluster, or a disable and a restore, work with the same folder at the same time.",
        "Let the first one come to its end.",
        &["bmctl status vmruntime"],
    )),
    (Reason::NoBackup, advice(
        "The folder has no INDEX of which a line verifies: it is another folder, or the disable ended before anything was \
         saved, and then nothing was deleted either.",
        "Name the folder that stands in the result of the disable.",
        &["ls bmctl-workspace/CLUSTER/backup"],
    )),
    (Reason::NotAllRestored, advice(
        "The API server refused some objects: VM Runtime is not enabled, a namespace is missing, or a right is; or \
         an object is still being deleted.",
        "The `caused by:` lines say why. What was created stays; restoring again creates the others.",
        &["bmctl enable vmruntime --ensure --context CONTEXT", RESTORE],
    )),
    (Reason::NamespaceMissing, advice(
        "The namespace was deleted after the backup was taken, or the backup goes to another cluster.",
        "Create it with the labels and quotas that it had, and restore again. --create-namespaces creates it without any.",
        &["kubectl --context CONTEXT create namespace NAME", "bmctl restore DIR --create-namespaces --context CONTEXT"],
    )),
    (Reason::NotStartable, advice(
        "A VM refers to an instance type, a claim, a Secret or a network that is not there: it was not in the backup, or is somebody else's.",
        "The `caused by:` lines name what is missing. Create it; the VM starts then.",
        &["kubectl get virtualmachines.kubevirt.io --all-namespaces"],
    )),
    (Reason::UnknownFiles, advice(
        "Somebody has put manifests into the folder of the backup, or INDEX and JOURNAL are an older copy than they are.",
        "Put the right INDEX and JOURNAL beside them. Or move them away, and apply them yourself if they are wanted.",
        &[RESTORE, "bmctl restore DIR --skip-damaged --context CONTEXT"],
    )),
    (Reason::VMsAppeared, advice(
        "Somebody, or an application, creates VMs while VM Runtime is being disabled. They were not deleted.",
        "Stop whoever creates them. Then delete them as well, or enable VM Runtime again.",
        &["bmctl disable vmruntime --force=true --ensure --context CONTEXT", "bmctl enable vmruntime --ensure --context CONTEXT"],
    )),
];
