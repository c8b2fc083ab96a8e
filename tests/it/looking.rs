//! The commands that look and wait, change settings and label nodes, by the real binary against a cluster.

use std::{
    io::BufReader,
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use libtest_mimic::{Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::test_cluster::{Ended, Host, Test, TestCluster, runtime};

pub fn trials() -> Vec<Trial> {
    tests()
        .into_iter()
        .map(|(name, test)| Trial::test(format!("looking::{name}"), test))
        .collect()
}

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        (
            "parts_of_the_document_by_a_template",
            parts_of_the_document_by_a_template,
        ),
        ("the_history_and_one_check", the_history_and_one_check),
        (
            "a_check_by_less_than_its_name",
            a_check_by_less_than_its_name,
        ),
        ("a_watch_shows_every_change", a_watch_shows_every_change),
        ("status_of_a_ready_cluster", status_of_a_ready_cluster),
        ("status_says_what_blocks", status_says_what_blocks),
        (
            "nodes_are_left_out_and_taken_in",
            nodes_are_left_out_and_taken_in,
        ),
        (
            "settings_are_changed_in_any_state",
            settings_are_changed_in_any_state,
        ),
        (
            "waiting_for_what_is_so_or_never_will_be",
            waiting_for_what_is_so_or_never_will_be,
        ),
        (
            "a_failed_check_of_before_ends_no_wait",
            a_failed_check_of_before_ends_no_wait,
        ),
        ("nothing_installed_exits_8", nothing_installed_exits_8),
    ]
}

fn document(ended: &Ended) -> Result<Value, Failed> {
    serde_json::from_str(&ended.stdout)
        .map_err(|error| format!("stdout is not JSON ({error}): {ended}").into())
}

/// Every field that is named here has that value; others may be there.
fn holds(found: &Value, expected: &Value) -> Result<(), Failed> {
    let mut merged = found.clone();
    json_patch::merge(&mut merged, expected);
    if &merged == found {
        Ok(())
    } else {
        Err(format!("expected {expected:#}\nfound {found:#}").into())
    }
}

fn with_a_bad_node() -> TestCluster {
    TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)])
}

fn the_history_and_one_check() -> Result<(), Failed> {
    let test_cluster = with_a_bad_node();
    test_cluster
        .bmctl(&["get", "vmruntimepfc"])
        .prints("There is no preflight check in namespace vm-system.\n")?;
    test_cluster.bmctl(&["check", "vmruntimepfc"]).exits(3)?;
    let history = test_cluster
        .bmctl(&["get", "vmruntimepfc", "-o", "json"])
        .exits(0)?;
    let history = document(&history)?;
    let [check] = history["checks"].as_array().unwrap().as_slice() else {
        return Err(format!("one check was expected: {history:#}").into());
    };
    holds(
        check,
        &json!({"result": "failed", "pass": false, "nodeCount": 2, "failedNodes": ["worker-1"], "unknownNodes": []}),
    )?;
    let name = check["name"].as_str().unwrap();
    test_cluster
        .bmctl(&["get", "vmruntimepfc"])
        .prints("NAME")?
        .prints(name)?;
    test_cluster
        .bmctl(&["get", "vmruntimepfc", name])
        .prints("CPU, KVM failed on worker-1")?
        .prints("Nodes: 1 passed, 1 failed, 0 unknown; failed on worker-1 (CPU, KVM).")?;
    test_cluster
        .bmctl(&["get", "vmruntimepfc", &format!("{name}0")])
        .exits(8)?
        .says(&format!("bmctl get vmruntimepfc {name}"))?;
    test_cluster
        .bmctl(&["get", "vmruntimepfc", "../pods"])
        .exits(8)?
        .says("there is no preflight check ../pods")?;
    Ok(())
}

fn status_of_a_ready_cluster() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let status = test_cluster
        .bmctl(&["status", "vmruntime", "-o", "json"])
        .exits(0)?;
    holds(
        &document(&status)?,
        &json!({
            "kind": "StatusResult",
            "settings": {"enabled": true, "useEmulation": false, "vmImageFormat": "raw"},
            "ready": true, "phase": "Ready", "vmCreationAllowed": true, "machineCount": 0,
            "latestCheck": {"result": "passed"},
            "controller": {"present": true},
            "annotation": {"permits": false},
            "blockers": [], "undetermined": [], "exitCode": 0,
        }),
    )?;
    test_cluster
        .bmctl(&["status", "vmruntime"])
        .prints("VM Runtime is enabled and ready.\n")?
        .prints("VMs               0\n")?;
    let annotation = json!({"baremetal.cluster.gke.io/vmrumtime-force-disable": "true"});
    let request = http::Request::patch("/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime")
        .header("Content-Type", "application/merge-patch+json")
        .body(
            json!({"metadata": {"annotations": annotation}})
                .to_string()
                .into_bytes(),
        )
        .unwrap();
    let owner = test_cluster.owner();
    runtime().block_on(owner.request::<Value>(request))?;
    test_cluster
        .bmctl(&["status", "vmruntime"])
        .prints("Force annotation  set")?
        .says("warning: the force annotation is set")?;
    Ok(())
}

fn status_says_what_blocks() -> Result<(), Failed> {
    let test_cluster = with_a_bad_node();
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(3)?;
    test_cluster
        .bmctl(&["status", "vmruntime"])
        .prints("VM Runtime is enabled and not ready.\n")?
        .prints("What blocks:\n")?
        .prints("1 of 2 nodes failed")?;
    Ok(())
}

fn nodes_are_left_out_and_taken_in() -> Result<(), Failed> {
    let test_cluster = with_a_bad_node();
    // No node that is named does not mean all.
    for words in [
        &["skip", "node"][..],
        &["unskip", "node"],
        &["skip", "node", "-l", ""],
        &["skip", "node", "worker-1", "-l", "rack=a"],
        &["skip", "node", "worker-1", "--failed"],
        &["unskip", "node", "--failed"],
        &[
            "check",
            "vmruntimepfc",
            "--node",
            "worker-1",
            "-l",
            "rack=a",
        ],
        &["check", "vmruntimepfc", "-l", " "],
        &["get", "vmruntimepfc", "--failed"],
    ] {
        test_cluster.bmctl(words).exits(2)?;
    }
    test_cluster
        .bmctl(&["skip", "node", "worker-1", "worker-9"])
        .exits(2)?
        .says("the cluster has no node worker-9; nothing was changed")?
        .says("hint: did you mean worker-")?;
    test_cluster
        .bmctl(&["skip", "node", "worker-1", "worker-1"])
        .prints(
            "worker-1 is left out now: it gets no check and no VMs\n\
             Label set: kubevm.io/VM-SkipSchedule\n\
             To undo: bmctl unskip node worker-1 --kubeconfig ",
        )?;
    test_cluster.bmctl(&["check", "vmruntimepfc"]).exits(0)?;
    let again = test_cluster
        .bmctl(&["skip", "nodes", "worker-1", "-o", "json"])
        .exits(0)?;
    holds(
        &document(&again)?,
        &json!({"command": "skip node", "skipped": true, "nodes": [{"name": "worker-1", "changed": false}]}),
    )?;
    test_cluster
        .bmctl(&["unskip", "node", "worker-1"])
        .prints("worker-1 is no longer left out")?;
    test_cluster
        .bmctl(&["unskip", "node", "worker-1"])
        .prints("worker-1 was not left out; nothing was changed\n")?;
    test_cluster.bmctl(&["check", "vmruntimepfc"]).exits(3)?;
    Ok(())
}

fn settings_are_changed_in_any_state() -> Result<(), Failed> {
    let test_cluster = with_a_bad_node();
    test_cluster.bmctl(&["update", "vmruntime"]).exits(2)?;
    test_cluster
        .bmctl(&["update", "vmruntime", "--use-emulation=false"])
        .prints("The settings are already as asked; nothing was changed.\n")?;
    test_cluster
        .bmctl(&["update", "vmruntime", "--vm-image-format", "qcow2"])
        .prints("they count as soon as VM Runtime is enabled.\nTo undo: bmctl update vmruntime --vm-image-format raw --kubeconfig ")?
        .prints("Changed spec.vmImageFormat: raw → qcow2\n")?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(3)?;
    // The failed check is older than the change: only a new one counts.
    let updated = test_cluster
        .bmctl(&["update", "vmruntime", "--use-emulation", "-o", "json"])
        .exits(0)?;
    holds(
        &document(&updated)?,
        &json!({
            "kind": "UpdateResult", "enabled": true, "ready": true,
            "changed": [{"field": "spec.useEmulation", "old": "false", "new": "true"}],
            "preflightCheck": {"result": "passed"},
            "undo": format!(
                "bmctl update vmruntime --use-emulation=false --kubeconfig {} --context sandbox",
                test_cluster.kubeconfig().display()
            ),
        }),
    )?;
    // A setting that brings no check about is ready by the one that there is.
    test_cluster
        .bmctl(&["update", "vmruntime", "--vm-image-format", "raw"])
        .exits(0)?
        .prints("Changed spec.vmImageFormat: qcow2 → raw\n")?;
    test_cluster
        .bmctl(&["update", "vmruntime", "--use-emulation=false"])
        .exits(3)?
        .says("the preflight check failed on worker-1 (CPU, KVM)")?;
    // The same line again changes nothing, and is no success for that.
    test_cluster
        .bmctl(&["update", "vmruntime", "--use-emulation=false"])
        .exits(3)?
        .says("The settings are already as asked; nothing is changed")?
        .says("the preflight check failed on worker-1 (CPU, KVM)")?;
    Ok(())
}

fn waiting_for_what_is_so_or_never_will_be() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let wait = |state| ["wait", "vmruntime", "--for", state];
    test_cluster.bmctl(&wait("preflight")).exits(8)?;
    test_cluster
        .bmctl(&wait("ready"))
        .exits(12)?
        .says("VM Runtime is not enabled, so it will not become ready")?;
    test_cluster
        .bmctl(&["enable", "vmruntime", "--wait=false"])
        .exits(0)?;
    test_cluster
        .bmctl(&wait("ready"))
        .prints("VM Runtime is ready (")?;
    test_cluster
        .bmctl(&wait("preflight"))
        .prints("The node can run VMs.\n")?;
    test_cluster.bmctl(&wait("disabled")).exits(12)?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--wait=false"])
        .exits(0)?;
    let off = test_cluster
        .bmctl(&["wait", "vmruntime", "--for", "disabled", "-o", "json"])
        .exits(0)?;
    holds(
        &document(&off)?,
        &json!({"kind": "WaitResult", "for": "disabled", "reached": true}),
    )?;
    Ok(())
}

fn a_failed_check_of_before_ends_no_wait() -> Result<(), Failed> {
    let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
    test_cluster.bmctl(&["check", "vmruntimepfc"]).exits(3)?;
    test_cluster
        .bmctl(&["enable", "vmruntime", "--use-emulation", "--wait=false"])
        .exits(0)?;
    test_cluster
        .bmctl(&["wait", "vmruntime", "--for", "ready"])
        .prints("VM Runtime is ready (")
        .map(drop)
}

fn nothing_installed_exits_8() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    for command in [
        "get vmruntimepfc",
        "status vmruntime",
        "update vmruntime --use-emulation",
        "wait vmruntime --for ready",
        "wait vmruntime --for disabled",
        "wait vmruntime --for preflight",
    ] {
        for format in ["text", "json", "yaml"] {
            let words: Vec<&str> = command.split(' ').chain(["-o", format]).collect();
            test_cluster.bmctl(&words).exits(8)?;
        }
    }
    Ok(())
}

fn a_check_by_less_than_its_name() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    test_cluster
        .bmctl(&["get", "vmruntimepfc", "latest"])
        .exits(8)?
        .says("error: there is no preflight check in namespace vm-system")?;
    for name in ["one-a", "one-b", "two"] {
        test_cluster
            .bmctl(&["check", "vmruntimepfc", "--name", name])
            .exits(0)?;
    }
    test_cluster
        .bmctl(&["get", "latest"])
        .exits(0)?
        .prints("two")?;
    test_cluster
        .bmctl(&["get", "vmruntimepfc", "t"])
        .exits(0)?
        .prints("two")?;
    test_cluster
        .bmctl(&["get", "vmruntimepfc", "one"])
        .exits(2)?
        .says("error: 2 preflight checks have a name that begins with one")?
        .says("caused by: one-b")?
        .says("bmctl get vmruntimepfc latest")?;
    let all = test_cluster
        .bmctl(&["get", "vmruntimepfc", "--no-headers"])
        .exits(0)?;
    let first: Vec<&str> = all
        .stdout
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    if first == ["two", "one-b", "one-a"] {
        Ok(())
    } else {
        Err(format!("{first:?}: {all}").into())
    }
}

fn parts_of_the_document_by_a_template() -> Result<(), Failed> {
    let test_cluster = with_a_bad_node();
    let nodes = r#"{range .preflightCheck.nodes[*]}{.name}{"\t"}{.result}{"\n"}{end}"#;
    for (words, exit, template, expected) in [
        (
            &["check", "vmruntimepfc"][..],
            3,
            nodes,
            "worker-0\tpassed\nworker-1\tfailed\n",
        ),
        (
            &["check", "vmruntimepfc"],
            3,
            "{.exitCode} {.error.reason}",
            "3 PreflightFailed",
        ),
        (&["status"], 0, ".settings.enabled", "false"),
        (&["status", "--nope"], 2, "{.error.kind}", "Usage"),
        (&["status"], 2, "{.error", ""),
    ] {
        let format = format!("jsonpath={template}");
        let words = [words, &["-o", &format]].concat();
        let ended = test_cluster.bmctl(&words).exits(exit)?;
        if ended.stdout != expected {
            return Err(format!("{template}: {ended}").into());
        }
    }
    test_cluster
        .bmctl(&["status", "-o", "jsonpath={.error"])
        .exits(2)?
        .says("a { without its }")?;
    test_cluster
        .bmctl(&["status", "-o", "jsonpth"])
        .exits(2)?
        .says("jsonpath=")
        .map(drop)
}

/// The documents of a command that goes on, as it writes them.
struct Watching {
    child: Child,
    documents: Receiver<Value>,
}

impl Watching {
    fn start(test_cluster: &TestCluster, words: &[&str]) -> Result<Self, Failed> {
        let mut child = test_cluster
            .bmctl_command(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let (sender, documents) = mpsc::channel();
        std::thread::spawn(move || {
            let read = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>();
            for document in read.map_while(Result::ok) {
                if sender.send(document).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, documents })
    }

    /// The first document from here on that fits.
    fn sees(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value, Failed> {
        let mut last = Value::Null;
        loop {
            match self.documents.recv_timeout(Duration::from_secs(120)) {
                Ok(document) if fits(&document) => return Ok(document),
                Ok(document) => last = document,
                Err(error) => return Err(format!("{what}: {error}; last: {last:#}").into()),
            }
        }
    }

    /// The exit code after Ctrl-C.
    fn interrupt(&mut self) -> Result<Option<i32>, Failed> {
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        let _ended = self.child.kill();
    }
}

fn a_watch_shows_every_change() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let mut status = Watching::start(&test_cluster, &["status", "-w", "-o", "json"])?;
    let mut history = Watching::start(
        &test_cluster,
        &["get", "vmruntimepfc", "--watch", "-o", "json"],
    )?;
    status.sees("off", |document| document["settings"]["enabled"] == false)?;
    history.sees("no check", |document| document["checks"] == json!([]))?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    status.sees("ready", |document| document["ready"] == true)?;
    history.sees("a check", |document| document["checks"][0]["pass"] == true)?;
    for watching in [&mut status, &mut history] {
        let code = watching.interrupt()?;
        let last = watching.sees("the end", |document| !document["error"].is_null())?;
        holds(
            &last,
            &json!({"exitCode": 130, "error": {"reason": "Interrupted"}}),
        )?;
        if code != Some(130) {
            return Err(format!("ended with {code:?}: {last:#}").into());
        }
    }
    // Several clusters have no common end.
    test_cluster
        .bmctl(&["status", "-w", "--all-contexts"])
        .exits(2)
        .map(drop)
}
