//! The dangerous command: what it would do, what it saves, what it deletes, and what can be put back.

mod chaos;
mod folder;
mod hanging;
mod herd;
mod killing;
mod laws;
mod memory;
mod restoring;
mod saved;
pub mod table;

use std::{fs, path::Path, time::Duration};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use self::herd::with_machines;
use crate::stage::{Ended, MACHINES, Stage};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = tests![
        "disable": a_dry_run_shows_all_and_changes_nothing, a_backup_that_fails_deletes_nothing, a_refused_folder_is_refused_before_anything, disks_can_be_kept, a_report_beside_the_text_has_everything, without_a_backup_nothing_is_written,
    ];
    trials.extend(chaos::trials());
    trials.extend(folder::trials());
    trials.extend(hanging::trials());
    trials.extend(killing::trials());
    trials.extend(laws::trials());
    trials.extend(memory::trials());
    trials.extend(restoring::trials());
    trials.extend(table::trials());
    trials
}

const DISKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/default/virtualmachinedisks";
const KUBEVIRT: &str = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines";
const VOLUMES: &str = "/apis/cdi.kubevirt.io/v1beta1/namespaces/default/datavolumes";
const FENCE: &str = "vm.cluster.gke.io/creation-fence-until";
const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";

fn equal(found: &Value, expected: &Value, what: &str) -> Result<(), Failed> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:#}, found {found:#}").into())
}

fn count(stage: &Stage, path: &str) -> Result<usize, Failed> {
    Ok(stage.read(path)?["items"].as_array().map_or(0, Vec::len))
}

fn document(ended: &Ended) -> Result<Value, Failed> {
    serde_json::from_str(&ended.stdout).map_err(|error| format!("{error}: {ended}").into())
}

/// Disables with a backup in this folder.
fn disable_into(stage: &Stage, folder: &str) -> Result<Ended, Failed> {
    stage
        .bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--backup",
            folder,
            "--timeout",
            "50s",
        ])
        .exits(0)
}

fn a_dry_run_shows_all_and_changes_nothing() -> Result<(), Failed> {
    let stage = with_machines()?;
    let before = stage.read(RUNTIME)?;
    for how in ["--dry-run", "--dry-run=server"] {
        let told = stage
            .bmctl(&["disable", "vmruntime", "--force=true", how, "-o", "json"])
            .exits(0)?;
        let told = document(&told)?;
        equal(&told["dryRun"], &json!(true), "dryRun")?;
        equal(&told["machinesWere"], &json!("kept"), "machines")?;
        let kinds: Vec<&str> = told["plan"]["stages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|stage| stage["resource"].as_str())
            .collect();
        let expected = [
            "virtualmachines.vm.cluster.gke.io",
            "virtualmachines.kubevirt.io",
            "virtualmachineinstances.kubevirt.io",
            "virtualmachinedisks.vm.cluster.gke.io",
            "datavolumes.cdi.kubevirt.io",
        ];
        equal(&json!(kinds), &json!(expected), "order")?;
        equal(&told["plan"]["disksLost"], &json!(2), "disks")?;
    }
    stage
        .bmctl(&["disable", "vmruntime", "--force=true", "--dry-run"])
        .prints("Nothing was changed")?;
    // Refused is refused, dry or not.
    stage
        .bmctl(&["disable", "vmruntime", "--dry-run"])
        .exits(6)?;
    equal(&json!(count(&stage, MACHINES)?), &json!(2), "machines")?;
    let after = stage.read(RUNTIME)?;
    equal(
        &after["metadata"]["annotations"],
        &before["metadata"]["annotations"],
        "annotations",
    )?;
    if stage.folder().join("bmctl-workspace").exists() {
        return Err("a dry run has written a backup".into());
    }
    Ok(())
}

/// People are shown the first; a document in a file beside it has all, whatever becomes of the command.
fn a_report_beside_the_text_has_everything() -> Result<(), Failed> {
    const MANY: usize = 23;
    let stage = Stage::enabled()?;
    for number in 0..MANY {
        // KubeVirt's, and stopped: nothing is generated from them.
        stage.create(
            KUBEVIRT,
            &json!({
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": format!("vm-{number:02}")},
                "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": {}}}},
            }),
        )?;
    }
    let volume = |number: usize| {
        json!({
            "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "metadata": {"name": format!("spare-{number:02}")},
            "spec": {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}},
        })
    };
    for number in 0..MANY {
        stage.create(VOLUMES, &volume(number))?;
    }
    let length = |list: &Value| list.as_array().map(Vec::len);
    for (flags, code, shown) in [
        (
            &[] as &[&str],
            6,
            "... and 3 more, all in -o wide and -o json",
        ),
        (
            &["--force=true", "--dry-run"],
            0,
            "... and 3 more, all in -o wide and -o json",
        ),
        (
            &["--force=true"],
            0,
            "... and 3 more, all in -o wide and -o json",
        ),
    ] {
        let mut arguments = vec![
            "disable",
            "vmruntime",
            "-o",
            "text",
            "--report",
            "json=r.json",
        ];
        arguments.extend(flags);
        let ended = stage.bmctl(&arguments).exits(code)?.prints_anyway(shown)?;
        if ended.stdout.contains("vm-22") {
            return Err(format!("people are shown all: {ended}").into());
        }
        let report: Value = serde_json::from_slice(&fs::read(stage.folder().join("r.json"))?)?;
        let what = format!("{flags:?}");
        equal(&json!(length(&report["machines"])), &json!(MANY), &what)?;
        equal(&report["machineCount"], &json!(MANY), &what)?;
        equal(
            &json!(length(&report["plan"]["delete"])),
            &json!(MANY),
            &what,
        )?;
        equal(&json!(length(&report["plan"]["keep"])), &json!(MANY), &what)?;
        let deleted = if code == 0 && flags.len() == 1 {
            MANY
        } else {
            0
        };
        equal(&json!(length(&report["deleted"])), &json!(deleted), &what)?;
    }
    Ok(())
}

fn a_backup_that_fails_deletes_nothing() -> Result<(), Failed> {
    let stage = with_machines()?;
    // A file where the folder should be.
    fs::write(stage.folder().join("file"), "")?;
    let another = (jiff::Timestamp::now() + Duration::from_secs(240)).to_string();
    // The door that was closed is open again, unless another bmctl keeps it closed.
    for fence in [Value::Null, json!(another)] {
        stage.patch(
            RUNTIME,
            &json!({"metadata": {"annotations": {FENCE: fence}}}),
        )?;
        let failed = stage.bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--backup",
            "file/inside",
        ]);
        failed.exits(12)?.says("nothing was deleted")?;
        equal(&json!(count(&stage, MACHINES)?), &json!(2), "machines")?;
        let runtime = stage.read(RUNTIME)?;
        equal(&runtime["spec"]["enabled"], &json!(true), "enabled")?;
        equal(&runtime["metadata"]["annotations"][FENCE], &fence, "fence")?;
    }
    Ok(())
}

fn a_refused_folder_is_refused_before_anything() -> Result<(), Failed> {
    let stage = with_machines()?;
    let folder = stage.folder().join("thesis");
    fs::create_dir(&folder)?;
    fs::write(folder.join("chapter.yaml"), "mine")?;
    stage
        .bmctl(&["disable", "vmruntime", "--force=true", "--backup", "thesis"])
        .exits(6)?
        .says("not a backup")?;
    equal(&json!(count(&stage, MACHINES)?), &json!(2), "machines")?;
    let left: Vec<_> = fs::read_dir(&folder)?.collect();
    equal(&json!(left.len()), &json!(1), "files")
}

fn disks_can_be_kept() -> Result<(), Failed> {
    let stage = with_machines()?;
    let before = uids(&stage)?;
    let ended = stage
        .bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--keep-disks",
            "--timeout",
            "50s",
        ])
        .exits(0)?
        .says("CDI stays")?;
    drop(ended);
    equal(&json!(uids(&stage)?), &json!(before), "the very same disks")?;
    equal(&json!(count(&stage, MACHINES)?), &json!(0), "machines")?;
    let conditions = stage.read(RUNTIME)?["status"]["conditions"].clone();
    let kept = conditions
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "DisksKept");
    equal(
        &json!(kept.map(|kept| &kept["status"])),
        &json!("True"),
        "DisksKept",
    )?;
    stage.bmctl(&["disable", "vmruntime"]).exits(7)?;
    // The machines come back on their disks.
    let folder = newest_backup(&stage.folder().join("bmctl-workspace/sandbox/backup"))?;
    stage.bmctl(&["enable", "vmruntime"]).exits(0)?;
    stage.bmctl(&["restore", &folder]).exits(0)?;
    equal(&json!(uids(&stage)?), &json!(before), "the very same disks")?;
    equal(&json!(count(&stage, MACHINES)?), &json!(2), "machines")
}

/// Of disks and data volumes.
fn uids(stage: &Stage) -> Result<Vec<Value>, Failed> {
    let mut uids = Vec::new();
    for path in [DISKS, VOLUMES] {
        let list = stage.read(path)?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        uids.extend(items.iter().map(|item| item["metadata"]["uid"].clone()));
    }
    Ok(uids)
}

fn newest_backup(base: &Path) -> Result<String, Failed> {
    let mut folders: Vec<_> = fs::read_dir(base)?.collect::<Result<_, _>>()?;
    folders.sort_by_key(fs::DirEntry::path);
    let newest = folders.pop().ok_or("no backup")?;
    Ok(newest.path().display().to_string())
}

fn without_a_backup_nothing_is_written() -> Result<(), Failed> {
    let stage = with_machines()?;
    stage
        .bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--no-backup",
            "--timeout",
            "50s",
        ])
        .exits(0)?;
    equal(&json!(count(&stage, MACHINES)?), &json!(0), "machines")?;
    equal(&json!(count(&stage, DISKS)?), &json!(0), "disks")?;
    if stage.folder().join("bmctl-workspace").exists() {
        return Err("a backup was written".into());
    }
    Ok(())
}
