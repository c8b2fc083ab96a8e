//! The dangerous command: what it would do, what it saves, what it deletes, and what can be put back.

mod chaos;
mod folder;
mod hanging;
mod herd;
mod invariants;
mod killing;
mod memory;
mod restoring;
mod saved;
pub mod table;

use std::{fs, path::Path, time::Duration};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use self::herd::with_machines;
use crate::test_cluster::{Ended, MACHINES, TestCluster};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = tests![
        "disable":
        a_dry_run_shows_all_and_changes_nothing,
        a_backup_that_fails_deletes_nothing,
        a_refused_folder_is_refused_before_anything,
        disks_can_be_kept,
        a_report_beside_the_text_has_everything,
        without_a_backup_nothing_is_written,
    ];
    trials.extend(chaos::trials());
    trials.extend(folder::trials());
    trials.extend(hanging::trials());
    trials.extend(killing::trials());
    trials.extend(invariants::trials());
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

fn count(test_cluster: &TestCluster, path: &str) -> Result<usize, Failed> {
    Ok(test_cluster.read(path)?["items"]
        .as_array()
        .map_or(0, Vec::len))
}

fn document(ended: &Ended) -> Result<Value, Failed> {
    serde_json::from_str(&ended.stdout).map_err(|error| format!("{error}: {ended}").into())
}

/// Disables with a backup in this folder.
fn disable_into(test_cluster: &TestCluster, folder: &str) -> Result<Ended, Failed> {
    test_cluster
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
    let test_cluster = with_machines()?;
    let before = test_cluster.read(RUNTIME)?;
    for how in ["--dry-run", "--dry-run=server"] {
        let told = test_cluster
            .bmctl(&["disable", "vmruntime", "--force=true", how, "-o", "json"])
            .exits(0)?;
        let told = document(&told)?;
        equal(&told["dryRun"], &json!(true), "dryRun")?;
        equal(&told["machinesWere"], &json!("kept"), "machines")?;
        let kinds: Vec<&str> = told["plan"]["stages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|test_cluster| test_cluster["resource"].as_str())
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
    test_cluster
        .bmctl(&["disable", "vmruntime", "--force=true", "--dry-run"])
        .prints("Nothing was changed")?;
    // Refused is refused, dry or not.
    test_cluster
        .bmctl(&["disable", "vmruntime", "--dry-run"])
        .exits(6)?;
    equal(
        &json!(count(&test_cluster, MACHINES)?),
        &json!(2),
        "machines",
    )?;
    let after = test_cluster.read(RUNTIME)?;
    equal(
        &after["metadata"]["annotations"],
        &before["metadata"]["annotations"],
        "annotations",
    )?;
    if test_cluster.folder().join("bmctl-workspace").exists() {
        return Err("a dry run has written a backup".into());
    }
    Ok(())
}

/// People are shown the first; a document in a file beside it has all, whatever becomes of the command.
fn a_report_beside_the_text_has_everything() -> Result<(), Failed> {
    const MANY: usize = 23;
    let test_cluster = TestCluster::enabled()?;
    for number in 0..MANY {
        // KubeVirt's, and stopped: nothing is generated from them.
        test_cluster.create(
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
        test_cluster.create(VOLUMES, &volume(number))?;
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
        let ended = test_cluster
            .bmctl(&arguments)
            .exits(code)?
            .prints_anyway(shown)?;
        if ended.stdout.contains("vm-22") {
            return Err(format!("people are shown all: {ended}").into());
        }
        let report: Value =
            serde_json::from_slice(&fs::read(test_cluster.folder().join("r.json"))?)?;
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
    let test_cluster = with_machines()?;
    // A file where the folder should be.
    fs::write(test_cluster.folder().join("file"), "")?;
    let another = (jiff::Timestamp::now() + Duration::from_secs(240)).to_string();
    // VM creation is open again, unless another bmctl keeps it closed.
    for fence in [Value::Null, json!(another)] {
        test_cluster.patch(
            RUNTIME,
            &json!({"metadata": {"annotations": {FENCE: fence}}}),
        )?;
        let failed = test_cluster.bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--backup",
            "file/inside",
        ]);
        failed.exits(12)?.says("nothing was deleted")?;
        equal(
            &json!(count(&test_cluster, MACHINES)?),
            &json!(2),
            "machines",
        )?;
        let runtime = test_cluster.read(RUNTIME)?;
        equal(&runtime["spec"]["enabled"], &json!(true), "enabled")?;
        equal(&runtime["metadata"]["annotations"][FENCE], &fence, "fence")?;
    }
    Ok(())
}

fn a_refused_folder_is_refused_before_anything() -> Result<(), Failed> {
    let test_cluster = with_machines()?;
    let folder = test_cluster.folder().join("thesis");
    fs::create_dir(&folder)?;
    fs::write(folder.join("chapter.yaml"), "mine")?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--force=true", "--backup", "thesis"])
        .exits(6)?
        .says("not a backup")?;
    equal(
        &json!(count(&test_cluster, MACHINES)?),
        &json!(2),
        "machines",
    )?;
    let left: Vec<_> = fs::read_dir(&folder)?.collect();
    equal(&json!(left.len()), &json!(1), "files")
}

fn disks_can_be_kept() -> Result<(), Failed> {
    let test_cluster = with_machines()?;
    let before = uids(&test_cluster)?;
    let ended = test_cluster
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
    equal(
        &json!(uids(&test_cluster)?),
        &json!(before),
        "the very same disks",
    )?;
    equal(
        &json!(count(&test_cluster, MACHINES)?),
        &json!(0),
        "machines",
    )?;
    let conditions = test_cluster.read(RUNTIME)?["status"]["conditions"].clone();
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
    test_cluster.bmctl(&["disable", "vmruntime"]).exits(7)?;
    // The machines come back on their disks.
    let folder = newest_backup(&test_cluster.folder().join("bmctl-workspace/sandbox/backup"))?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster.bmctl(&["restore", &folder]).exits(0)?;
    equal(
        &json!(uids(&test_cluster)?),
        &json!(before),
        "the very same disks",
    )?;
    equal(
        &json!(count(&test_cluster, MACHINES)?),
        &json!(2),
        "machines",
    )
}

/// Of disks and data volumes.
fn uids(test_cluster: &TestCluster) -> Result<Vec<Value>, Failed> {
    let mut uids = Vec::new();
    for path in [DISKS, VOLUMES] {
        let list = test_cluster.read(path)?;
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
    let test_cluster = with_machines()?;
    test_cluster
        .bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--no-backup",
            "--timeout",
            "50s",
        ])
        .exits(0)?;
    equal(
        &json!(count(&test_cluster, MACHINES)?),
        &json!(0),
        "machines",
    )?;
    equal(&json!(count(&test_cluster, DISKS)?), &json!(0), "disks")?;
    if test_cluster.folder().join("bmctl-workspace").exists() {
        return Err("a backup was written".into());
    }
    Ok(())
}
