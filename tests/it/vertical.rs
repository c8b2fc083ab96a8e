//! The main jobs from end to end: the real binary, over real HTTPS, with the controller, the machinery and the real
//! probe behind it. Each test is one promise of the README.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::test_cluster::{
    Ended, Host, MACHINES, PATIENCE, Test, TestCluster, eventually, machine, runtime,
};

pub fn trials() -> Vec<Trial> {
    tests()
        .into_iter()
        .map(|(name, test)| Trial::test(format!("vertical::{name}"), test))
        .collect()
}

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        (
            "enable_reaches_ready_and_knows_it_the_second_time",
            enable_reaches_ready_and_knows_it_the_second_time,
        ),
        (
            "disable_with_machines_refuses_and_changes_nothing",
            disable_with_machines_refuses_and_changes_nothing,
        ),
        (
            "the_annotation_asks_and_without_a_terminal_refuses",
            the_annotation_asks_and_without_a_terminal_refuses,
        ),
        (
            "force_deletes_the_machines_and_ends_disabled",
            force_deletes_the_machines_and_ends_disabled,
        ),
        (
            "re_enabling_is_not_fooled_by_what_was_true_before",
            re_enabling_is_not_fooled_by_what_was_true_before,
        ),
        (
            "nothing_is_ready_while_no_vm_may_be_created",
            nothing_is_ready_while_no_vm_may_be_created,
        ),
        (
            "a_node_without_kvm_fails_the_check_until_it_is_skipped",
            a_node_without_kvm_fails_the_check_until_it_is_skipped,
        ),
        (
            "enable_on_a_node_without_kvm_says_why_and_how_on",
            enable_on_a_node_without_kvm_says_why_and_how_on,
        ),
        ("emulation_makes_any_node_do", emulation_makes_any_node_do),
        ("a_check_runs_while_disabled", a_check_runs_while_disabled),
        ("nothing_installed_is_said", nothing_installed_is_said),
        (
            "an_unknown_context_names_the_nearest",
            an_unknown_context_names_the_nearest,
        ),
        ("a_closed_port_is_unreachable", a_closed_port_is_unreachable),
        (
            "a_timeout_says_what_is_missing",
            a_timeout_says_what_is_missing,
        ),
        (
            "an_interrupt_says_what_the_cluster_was_left_doing",
            an_interrupt_says_what_the_cluster_was_left_doing,
        ),
        (
            "the_api_server_may_go_away_and_come_back",
            the_api_server_may_go_away_and_come_back,
        ),
    ]
}

/// The result document on stdout.
fn document(ended: &Ended) -> Result<Value, Failed> {
    serde_json::from_str(&ended.stdout)
        .map_err(|error| format!("stdout is not JSON ({error}): {ended}").into())
}

fn equal<T: PartialEq + std::fmt::Debug>(
    found: &T,
    expected: &T,
    what: &str,
) -> Result<(), Failed> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}").into())
    }
}

const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";

/// A cluster with VM Runtime ready and two running machines, `db` and `web`.
fn with_two_machines() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::enabled()?;
    for name in ["db", "web"] {
        test_cluster.run_machine(name)?;
    }
    Ok(test_cluster)
}

fn machines(test_cluster: &TestCluster) -> Result<usize, Failed> {
    Ok(test_cluster.read(MACHINES)?["items"]
        .as_array()
        .map_or(0, Vec::len))
}

fn enable_reaches_ready_and_knows_it_the_second_time() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let first = test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    for text in ["worker-0", "CPU", "KVM", "enabled and ready"] {
        if !first.stdout.contains(text) {
            return Err(format!("stdout lacks {text:?}: {first}").into());
        }
    }
    let found = test_cluster.read(RUNTIME)?;
    equal(&found["status"]["ready"], &json!(true), "ready")?;
    equal(
        &found["status"]["observedGeneration"],
        &found["metadata"]["generation"],
        "observed generation",
    )?;
    for feature in ["CPU", "KVM", "VSOCK"] {
        let published =
            &found["status"]["preflightCheckSummary"]["featureStatuses"][feature]["passed"];
        equal(published, &json!(true), feature)?;
    }
    test_cluster
        .bmctl(&["enable", "vmruntime"])
        .exits(7)?
        .says("already enabled")?
        .says("--ensure")?;
    let second = test_cluster
        .bmctl(&["enable", "vmruntime", "-o", "json"])
        .exits(7)?;
    equal(
        &document(&second)?["error"]["exitCode"],
        &json!(7),
        "exit code in the document",
    )?;
    test_cluster
        .bmctl(&["enable", "vmruntime", "--ensure"])
        .exits(0)?;
    equal(
        &test_cluster.read(RUNTIME)?["metadata"]["generation"],
        &found["metadata"]["generation"],
        "generation",
    )?;
    Ok(())
}

fn disable_with_machines_refuses_and_changes_nothing() -> Result<(), Failed> {
    let test_cluster = with_two_machines()?;
    let before = test_cluster.read(RUNTIME)?;
    let refused = test_cluster.bmctl(&["disable", "vmruntime"]).exits(6)?;
    for text in ["default/db", "default/web"] {
        if !refused.stderr.contains(text) && !refused.stdout.contains(text) {
            return Err(format!("the refusal does not name {text}: {refused}").into());
        }
    }
    refused.says("--force=true")?;
    // What is pasted keeps what was to be kept.
    test_cluster
        .bmctl(&["disable", "vmruntime", "--keep-disks", "--no-backup"])
        .exits(6)?
        .says("keep their disks: bmctl disable vmruntime --force=true --keep-disks --no-backup")?;
    let told = test_cluster
        .bmctl(&["disable", "vmruntime", "-o", "json"])
        .exits(6)?;
    equal(
        &document(&told)?["error"]["reason"].is_string(),
        &true,
        "a reason in the document",
    )?;
    let after = test_cluster.read(RUNTIME)?;
    equal(&after["spec"], &before["spec"], "spec")?;
    equal(
        &after["metadata"]["annotations"],
        &before["metadata"]["annotations"],
        "annotations",
    )?;
    equal(&machines(&test_cluster)?, &2, "machines")
}

fn the_annotation_asks_and_without_a_terminal_refuses() -> Result<(), Failed> {
    let test_cluster = with_two_machines()?;
    let annotation = json!({"metadata": {"annotations": {"baremetal.cluster.gke.io/vmrumtime-force-disable": "true"}}});
    test_cluster.patch(RUNTIME, &annotation)?;
    test_cluster
        .bmctl(&["disable", "vmruntime"])
        .exits(6)?
        .says("--confirm")?;
    // Plain consent is not consent to deleting machines.
    test_cluster
        .bmctl(&["disable", "vmruntime", "--yes"])
        .exits(6)?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--confirm", "another"])
        .exits(6)?;
    equal(&machines(&test_cluster)?, &2, "machines")?;
    equal(
        &test_cluster.read(RUNTIME)?["spec"]["enabled"],
        &json!(true),
        "enabled",
    )?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--confirm", "sandbox"])
        .exits(0)?;
    equal(&machines(&test_cluster)?, &0, "machines")
}

fn force_deletes_the_machines_and_ends_disabled() -> Result<(), Failed> {
    let test_cluster = with_two_machines()?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--force=true"])
        .exits(0)?;
    equal(&machines(&test_cluster)?, &0, "machines")?;
    let found = test_cluster.read(RUNTIME)?;
    equal(&found["spec"]["enabled"], &json!(false), "enabled")?;
    equal(&found["status"]["ready"], &json!(false), "ready")?;
    let pods = test_cluster.read("/api/v1/namespaces/vm-system/pods")?;
    let names: Vec<&str> = pods["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|pod| pod["metadata"]["name"].as_str())
        .collect();
    if names.is_empty()
        || !names
            .iter()
            .all(|name| name.starts_with("vmruntime-controller-manager-"))
    {
        return Err(format!(
            "only the controller's pods should be left in vm-system, but: {names:?}"
        )
        .into());
    }
    test_cluster.bmctl(&["disable", "vmruntime"]).exits(7)?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--ensure"])
        .exits(0)?;
    Ok(())
}

fn re_enabling_is_not_fooled_by_what_was_true_before() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let name = |test_cluster: &TestCluster| {
        Ok::<_, Failed>(
            test_cluster.read(RUNTIME)?["status"]["preflightCheckSummary"]["preflightCheckName"]
                .clone(),
        )
    };
    let first = name(&test_cluster)?;
    test_cluster.bmctl(&["disable", "vmruntime"]).exits(0)?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    let second = name(&test_cluster)?;
    if first == second {
        return Err(format!("the second enable believed the first one's check {first}").into());
    }
    equal(
        &test_cluster.read(RUNTIME)?["status"]["ready"],
        &json!(true),
        "ready",
    )
}

/// As a disable that was killed leaves it behind, for some minutes.
fn nothing_is_ready_while_no_vm_may_be_created() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let fence = |until: Option<&str>| {
        let until = json!({"vm.cluster.gke.io/creation-fence-until": until});
        test_cluster.patch(RUNTIME, &json!({"metadata": {"annotations": until}}))
    };
    let closed = |wanted: bool| {
        eventually("VM creation is closed, or open", || {
            let runtime = test_cluster.read(RUNTIME).map_err(|e| format!("{e:?}"))?;
            let conditions = runtime["status"]["conditions"].as_array().cloned();
            let creation = conditions.into_iter().flatten().find(|condition| {
                condition["type"] == "VMCreationAllowed"
                    && (condition["status"] == "False") == wanted
            });
            creation.map(drop).ok_or_else(|| runtime.to_string())
        })
    };
    fence(Some("2099-01-01T00:00:00Z"))?;
    closed(true)?;
    for words in [
        "wait vmruntime --for ready",
        "enable vmruntime",
        "enable vmruntime --ensure",
    ] {
        let words: Vec<&str> = words.split(' ').chain(["--timeout", "1s"]).collect();
        test_cluster
            .bmctl(&words)
            .exits(124)?
            .says("VM creation is closed until 2099-01-01T00:00:00Z: a disable is deleting VMs")?;
    }
    fence(None)?;
    closed(false)?;
    test_cluster
        .bmctl(&["wait", "vmruntime", "--for", "ready"])
        .exits(0)?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(7)?;
    Ok(())
}

fn a_node_without_kvm_fails_the_check_until_it_is_skipped() -> Result<(), Failed> {
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    let failed = test_cluster.bmctl(&["check", "vmruntimepfc"]).exits(3)?;
    for text in ["worker-0", "worker-1", "KVM"] {
        if !failed.stdout.contains(text) {
            return Err(format!("the table lacks {text:?}: {failed}").into());
        }
    }
    let told = document(
        &test_cluster
            .bmctl(&["check", "vmruntimepfc", "-o", "json"])
            .exits(3)?,
    )?;
    equal(&told["exitCode"], &json!(3), "exit code in the document")?;
    label(&test_cluster, "worker-1", &json!(""))?;
    test_cluster.bmctl(&["check", "vmruntimepfc"]).exits(0)?;

    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    label(&test_cluster, "worker-1", &Value::Null)?;
    eventually("a new check that fails", || {
        let found = test_cluster.read(RUNTIME).map_err(|e| format!("{e:?}"))?;
        let summary = &found["status"]["preflightCheckSummary"];
        if summary["preflightCheckPassed"] == json!(false) {
            Ok(())
        } else {
            Err(found["status"].to_string())
        }
    })?;
    // The gate is closed: the API server itself refuses, with the reason.
    match test_cluster.create(MACHINES, &machine("late")) {
        Ok(made) => Err(format!("a machine was let in: {made}").into()),
        Err(refused) => {
            let text = format!("{refused:?}");
            if text.contains("forbidden") && text.to_lowercase().contains("preflight") {
                Ok(())
            } else {
                Err(text.into())
            }
        }
    }
}

fn label(test_cluster: &TestCluster, node: &str, value: &Value) -> Result<Value, Failed> {
    test_cluster.patch(
        &format!("/api/v1/nodes/{node}"),
        &json!({"metadata": {"labels": {"kubevm.io/VM-SkipSchedule": value}}}),
    )
}

fn enable_on_a_node_without_kvm_says_why_and_how_on() -> Result<(), Failed> {
    let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
    let failed = test_cluster.bmctl(&["enable", "vmruntime"]).exits(3)?;
    let all = format!("{}{}", failed.stdout, failed.stderr);
    for text in [
        "No such file or directory",
        "nested virtualization",
        "--use-emulation",
        "disable vmruntime",
        "VM-SkipSchedule",
    ] {
        if !all.contains(text) {
            return Err(format!("a way on is not named, {text:?}: {failed}").into());
        }
    }
    equal(
        &test_cluster.read(RUNTIME)?["spec"]["enabled"],
        &json!(true),
        "enabled stays",
    )
}

fn emulation_makes_any_node_do() -> Result<(), Failed> {
    let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
    test_cluster
        .bmctl(&["enable", "vmruntime", "--use-emulation"])
        .exits(0)?;
    equal(
        &test_cluster.read(RUNTIME)?["spec"]["useEmulation"],
        &json!(true),
        "useEmulation",
    )?;
    test_cluster.create(MACHINES, &machine("web"))?;
    Ok(())
}

fn a_check_runs_while_disabled() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let passed = document(
        &test_cluster
            .bmctl(&["check", "vmruntimepfc", "-o", "json"])
            .exits(0)?,
    )?;
    equal(&passed["schema"], &json!("bmctl/v1"), "schema")?;
    let checks = test_cluster.read(CHECKS)?;
    equal(
        &checks["items"].as_array().map(Vec::len),
        &Some(1),
        "checks",
    )?;
    equal(
        &test_cluster.read(RUNTIME)?["spec"]["enabled"],
        &json!(false),
        "enabled",
    )
}

fn nothing_installed_is_said() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    for command in [
        ["enable", "vmruntime"],
        ["disable", "vmruntime"],
        ["check", "vmruntimepfc"],
    ] {
        let ended = test_cluster.bmctl(&command).exits(8)?.says("hint:")?;
        drop(ended);
        let arguments = [command[0], command[1], "-o", "json"];
        let told = document(&test_cluster.bmctl(&arguments).exits(8)?)?;
        equal(
            &told["error"]["exitCode"],
            &json!(8),
            "exit code in the document",
        )?;
    }
    Ok(())
}

fn an_unknown_context_names_the_nearest() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    test_cluster
        .bmctl(&["enable", "vmruntime", "--context", "sandbxo"])
        .exits(2)?
        .says("sandbox")?;
    Ok(())
}

fn a_closed_port_is_unreachable() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    runtime().block_on(test_cluster.sandbox().close_listener());
    test_cluster
        .bmctl(&["enable", "vmruntime"])
        .exits(10)?
        .says("refused")?;
    let told = document(
        &test_cluster
            .bmctl(&["check", "vmruntimepfc", "-o", "json"])
            .exits(10)?,
    )?;
    equal(&told["error"]["retryable"], &json!(true), "retryable")
}

fn a_timeout_says_what_is_missing() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    test_cluster.create("/apis/vm.cluster.gke.io/v1/vmruntimes",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime", "metadata": {"name": "vmruntime"},
        }),
    )?;
    let ended = test_cluster
        .bmctl(&["enable", "vmruntime", "--timeout", "1s"])
        .exits(124)?;
    ended.says("missing")?.says("bmctl enable vmruntime")?;
    Ok(())
}

/// Starts bmctl and gives back its stderr, line by line, as it comes.
fn start(mut command: Command) -> (std::process::Child, mpsc::Receiver<String>) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    (child, lines)
}

/// The lines up to the first that contains the text.
fn until(lines: &mpsc::Receiver<String>, text: &str) -> Result<Vec<String>, Failed> {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let found = line.contains(text);
                seen.push(line);
                if found {
                    return Ok(seen);
                }
            }
            Err(_) => return Err(format!("no line with {text:?}; there were: {seen:#?}").into()),
        }
    }
}

fn an_interrupt_says_what_the_cluster_was_left_doing() -> Result<(), Failed> {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let test_cluster = TestCluster::without_controller();
        test_cluster.create("/apis/vm.cluster.gke.io/v1/vmruntimes",
            &json!({
                "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime", "metadata": {"name": "vmruntime"},
            }),
        )?;
        let (mut child, lines) = start(test_cluster.bmctl_command(&["enable", "vmruntime"]));
        eventually("the patch", || {
            let found = test_cluster.read(RUNTIME).map_err(|e| format!("{e:?}"))?;
            if found["spec"]["enabled"] == json!(true) {
                Ok(())
            } else {
                Err(found["spec"].to_string())
            }
        })?;
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        equal(&sent.success(), &true, "kill")?;
        let seen = until(&lines, "error:")?;
        let rest: Vec<String> = lines.iter().collect();
        let status = child.wait().unwrap();
        equal(&status.code(), &Some(code), "exit code")?;
        let all = [seen, rest].concat().join("\n");
        if !all.contains("enabled") {
            return Err(format!("what the cluster was left doing is not said:\n{all}").into());
        }
    }
    Ok(())
}

fn the_api_server_may_go_away_and_come_back() -> Result<(), Failed> {
    // Slow enough that the API server goes away in the middle, however busy this machine is.
    let test_cluster = TestCluster::at_pace(Duration::from_millis(700));
    let (child, lines) =
        start(test_cluster.bmctl_command(&["enable", "vmruntime", "--progress", "plain"]));
    until(&lines, "Waiting until VM Runtime is ready")?;
    let sandbox = test_cluster.sandbox();
    runtime().block_on(sandbox.close_listener());
    until(&lines, "refused")?;
    runtime()
        .block_on(sandbox.open_listener())
        .map_err(|error| error.to_string())?;
    let ended = Ended::of(child, "bmctl enable vmruntime".to_owned());
    let rest: Vec<String> = lines.iter().collect();
    match ended.exits(0) {
        Ok(_) => equal(
            &test_cluster.read(RUNTIME)?["status"]["ready"],
            &json!(true),
            "ready",
        ),
        Err(failed) => Err(format!("{failed:?}\n{}", rest.join("\n")).into()),
    }
}
