//! The folder of a backup, from end to end: what is not ours stays, what is damaged is said, and nothing is deleted that
//! relies on it. Every bit of it is in the tests beside the code.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::{
    DISKS, RUNTIME, count, disable_into, document, equal, herd::with_machines, saved::saved,
};
use crate::{
    faults::{Proxy, Script},
    test_cluster::{Ended, MACHINES, TestCluster, machine, runtime},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "disable":
        an_index_of_somebody_else_is_left_alone,
        a_damaged_backup_is_restored_as_far_as_it_goes,
        nothing_is_added_to_a_damaged_backup,
        a_line_that_was_torn_off_costs_nothing,
        a_full_disk_deletes_nothing,
        a_backup_in_the_first_format_is_restored,
        a_vm_that_comes_late_is_saved_with_the_others,
    ]
}

fn force(test_cluster: &TestCluster, folder: &str) -> Ended {
    test_cluster.bmctl(&[
        "disable",
        "vmruntime",
        "--force=true",
        "--backup",
        folder,
        "--timeout",
        "50s",
    ])
}

fn machines(test_cluster: &TestCluster, expected: usize) -> Result<(), Failed> {
    equal(
        &json!(count(test_cluster, MACHINES)?),
        &json!(expected),
        "machines",
    )
}

fn an_index_of_somebody_else_is_left_alone() -> Result<(), Failed> {
    let test_cluster = with_machines()?;
    let contents: [&[u8]; 4] = [
        b"the index of my own archive\n",
        b"{\"a\":1}\n{\"b\":2}\n",
        &[0, 159, 146, 150],
        b"",
    ];
    let folder = test_cluster.folder().join("mine");
    fs::create_dir(&folder)?;
    fs::write(folder.join("precious.dat"), "x")?;
    for content in contents {
        fs::write(folder.join("INDEX"), content)?;
        force(&test_cluster, "mine")
            .exits(6)?
            .says("nothing was deleted")?
            .says("--backup DIR")?;
        if fs::read(folder.join("INDEX"))? != content {
            return Err(format!("INDEX was {content:?}").into());
        }
        equal(&json!(fs::read_dir(&folder)?.count()), &json!(2), "files")?;
        machines(&test_cluster, 2)?;
    }
    Ok(())
}

/// Changes a file of a backup.
fn edit(file: &Path, change: impl FnOnce(String) -> String) -> Result<(), Failed> {
    let text = fs::read_to_string(file)?;
    Ok(fs::write(file, change(text))?)
}

fn a_damaged_backup_is_restored_as_far_as_it_goes() -> Result<(), Failed> {
    let test_cluster = with_machines()?;
    disable_into(&test_cluster, "saved")?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    let folder = test_cluster.folder().join("saved");
    let manifest = folder.join("namespaces/default/virtualmachines.vm.cluster.gke.io/web.yaml");
    edit(&manifest, |text| text + "\n")?;
    edit(&folder.join("INDEX"), |index| {
        index.replacen("\"name\":\"plain\"", "\"name\":\"pla1n\"", 1)
    })?;
    for how in ["restore saved", "restore saved --dry-run"] {
        let words: Vec<&str> = how.split(' ').collect();
        let refused = test_cluster
            .bmctl(&words)
            .exits(6)?
            .says("web.yaml: is not the file that was written")?
            .says("INDEX: line")?
            .says("plain.yaml: INDEX does not name this file")?
            .says("bmctl restore saved --skip-damaged")?;
        equal(&json!(refused.stdout), &json!(""), how)?;
        machines(&test_cluster, 0)?;
        equal(&json!(count(&test_cluster, DISKS)?), &json!(0), "disks")?;
    }
    let told = test_cluster
        .bmctl(&["restore", "saved", "--skip-damaged", "-o", "json"])
        .exits(5)?;
    let told = document(&told)?;
    let names = |field: &str| -> Vec<Value> {
        let objects = told[field].as_array().into_iter().flatten();
        objects.map(|object| object["name"].clone()).collect()
    };
    equal(
        &json!(names("created")),
        &json!(["db-boot", "db-data", "db"]),
        "created",
    )?;
    equal(
        &json!(told["damaged"].as_array().map(Vec::len)),
        &json!(3),
        "damaged",
    )?;
    machines(&test_cluster, 1)
}

/// Does something to a file.
type Harm<'a> = &'a dyn Fn(&Path) -> Result<(), Failed>;

fn nothing_is_added_to_a_damaged_backup() -> Result<(), Failed> {
    let test_cluster = with_machines()?;
    disable_into(&test_cluster, "saved")?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster.bmctl(&["restore", "saved"]).exits(0)?;
    machines(&test_cluster, 2)?;
    let folder = test_cluster.folder().join("saved");
    let manifest = "namespaces/default/virtualmachines.vm.cluster.gke.io/web.yaml";
    let damages: [(&str, Harm<'_>, &str); 4] = [
        (
            manifest,
            &|file| edit(file, |text| text.to_uppercase()),
            manifest,
        ),
        (manifest, &|file| Ok(fs::remove_file(file)?), manifest),
        (
            "INDEX",
            &|file| edit(file, |text| text.replacen("web", "wxb", 1)),
            "INDEX: line",
        ),
        ("JOURNAL", &|file| Ok(fs::remove_file(file)?), "JOURNAL"),
    ];
    for (file, damage, said) in damages {
        let file = folder.join(file);
        let whole = fs::read(&file)?;
        damage(&file)?;
        let index = fs::read(folder.join("INDEX"))?;
        force(&test_cluster, "saved")
            .exits(6)?
            .says("nothing was deleted")?
            .says(said)?
            .says("--backup DIR")?;
        machines(&test_cluster, 2)?;
        equal(
            &json!(fs::read(folder.join("INDEX"))? == index),
            &json!(true),
            "INDEX",
        )?;
        fs::write(&file, whole)?;
    }
    // Whole again, it is added to; another folder would have done as well.
    force(&test_cluster, "saved").exits(0)?;
    machines(&test_cluster, 0)
}

fn a_line_that_was_torn_off_costs_nothing() -> Result<(), Failed> {
    let test_cluster = with_machines()?;
    disable_into(&test_cluster, "saved")?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    let index = test_cluster.folder().join("saved/INDEX");
    edit(&index, |text| text + "{\"resource\":\"virtualmachi")?;
    test_cluster
        .bmctl(&["restore", "saved"])
        .exits(0)?
        .says("was writing to this backup when it ended")?;
    machines(&test_cluster, 2)?;
    force(&test_cluster, "saved").exits(0)?;
    let restored = test_cluster.bmctl(&["restore", "saved", "--dry-run"]);
    if restored.stderr.contains("when it ended") {
        return Err(format!("the torn line is still there: {restored}").into());
    }
    Ok(())
}

/// A file that may not grow stands for a disk that is full.
fn a_full_disk_deletes_nothing() -> Result<(), Failed> {
    let test_cluster = with_machines()?;
    let bmctl = env!("CARGO_BIN_EXE_bmctl");
    let full = |blocks: u32| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command
            .current_dir(test_cluster.folder())
            .env("KUBECONFIG", test_cluster.kubeconfig())
            .args(["-c", &script, bmctl])
            .args(["disable", "vmruntime", "--force=true", "--backup", "saved"])
            .args(["--timeout", "50s", "--progress", "none"]);
        command.output()
    };
    for blocks in 0..2 {
        let ended = full(blocks)?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        if ended.status.code() != Some(12) || !said.contains("nothing was deleted") {
            return Err(format!("{:?} with {blocks} KiB: {said}", ended.status).into());
        }
        machines(&test_cluster, 2)?;
    }
    force(&test_cluster, "saved").exits(0)?;
    machines(&test_cluster, 0)?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster.bmctl(&["restore", "saved"]).exits(0)?;
    machines(&test_cluster, 2)
}

fn a_backup_in_the_first_format_is_restored() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backup/v1");
    let kept = kept.to_str().ok_or("a path of words")?;
    test_cluster.bmctl(&["restore", kept]).exits(0)?;
    machines(&test_cluster, 1)?;
    Ok(())
}

/// On a cluster whose controller knows no fence a VM can be created until VM Runtime is off.
fn a_vm_that_comes_late_is_saved_with_the_others() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    test_cluster.create(
        "/apis/vm.cluster.gke.io/v1/vmruntimes",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {"enabled": true},
        }),
    )?;
    let first = test_cluster.create(MACHINES, &machine("first"))?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    let (owner, deleted, done) = (
        test_cluster.owner(),
        AtomicBool::new(false),
        AtomicBool::new(false),
    );
    proxy.when_seen(move |seen| {
        if seen.method == http::Method::DELETE {
            deleted.store(true, Ordering::Relaxed);
        }
        // After the deletion VM Runtime is told to turn off.
        let off = seen.method == http::Method::PATCH && seen.target.starts_with(RUNTIME);
        if off && deleted.load(Ordering::Relaxed) && !done.swap(true, Ordering::Relaxed) {
            let request = http::Request::post(MACHINES)
                .header("Content-Type", "application/json")
                .body(machine("late").to_string().into_bytes())
                .expect("a plain path");
            let owner = owner.clone();
            let created = std::thread::spawn(move || {
                runtime()
                    .block_on(owner.request::<Value>(request))
                    .map(drop)
            });
            created
                .join()
                .expect("no panic")
                .expect("nobody refuses it");
        }
    });
    proxy
        .bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--wait=false",
            "--timeout",
            "50s",
        ])
        .exits(0)?
        .prints("bmctl restore")?;
    machines(&test_cluster, 0)?;
    let base = test_cluster.folder().join("bmctl-workspace/sandbox/backup");
    let folders: Vec<_> = fs::read_dir(&base)?.collect::<Result<_, _>>()?;
    equal(&json!(folders.len()), &json!(1), "backups")?;
    let uid = first["metadata"]["uid"].as_str().unwrap_or_default();
    saved(&folders[0].path(), uid)?;
    let path = folders[0].path();
    let told = test_cluster.bmctl(&[
        "restore",
        &path.to_string_lossy(),
        "--dry-run",
        "-o",
        "json",
    ]);
    let told = document(&told.exits(0)?)?;
    equal(
        &json!(told["created"].as_array().map(Vec::len)),
        &json!(2),
        "to be created",
    )
}
