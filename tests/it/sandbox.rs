//! `bmctl sandbox start|run` as somebody at a shell meets them: the real binary, its files, its signals.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use bmctl::command_id::{CommandId, Effect};
use libtest_mimic::{Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::Bench;

type Outcome = Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    tests![
        "sandbox":
        run_suggests_nothing_for_a_cluster_that_is_gone,
        the_first_command_of_the_readme,
        a_folder_without_kvm_fails_the_check,
        a_word_or_a_file_describes_the_nodes,
        run_passes_on_how_the_command_ended,
        run_points_any_program_to_the_cluster,
        run_hands_termination_on,
        start_is_found_by_name_and_leaves_nothing,
        no_proxy_stands_between_a_command_and_its_cluster,
        nodes_must_make_sense,
        a_command_gets_through_faults,
        a_component_can_be_slow,
    ]
}

fn the_first_command_of_the_readme() -> Outcome {
    let ended = Bench::new()
        .bmctl("sandbox run -- enable vmruntime --use-emulation")
        .code(0)?;
    assert!(ended.stdout.contains("CPU   KVM   VSOCK"), "{ended:?}");
    assert!(
        ended.stdout.contains("VM Runtime is enabled and ready"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.starts_with("sandbox: https://127.0.0.1:"),
        "{ended:?}"
    );
    Ok(())
}

/// Pasted later, a command would meet another cluster: whichever is current then.
fn run_suggests_nothing_for_a_cluster_that_is_gone() -> Outcome {
    let commands: Vec<String> = CommandId::ALL
        .iter()
        .filter(|command| command.effect() != Effect::Offline)
        .map(|command| format!("bmctl {command}"))
        .collect();
    let bench = Bench::new();
    let nodes = "--nodes 0 --node good --node bad=no-kvm";
    for (words, code) in [
        ("enable vmruntime --use-emulation", 0),
        ("enable vmruntime --use-emulation --wait=false", 0),
        ("enable vmruntime", 3),
        ("enable vmruntime --timeout 0", 124),
        ("update vmruntime --use-emulation", 0),
        ("skip node bad", 0),
        ("check vmruntimepfc", 3),
        ("check vmruntimepfc --latest", 8),
        ("wait vmruntime --for ready", 12),
        ("disable vmruntime", 7),
        ("get vmruntimepfc nothing", 8),
    ] {
        for format in ["text", "json"] {
            let ended = bench
                .bmctl(&format!("sandbox run {nodes} -- {words} -o {format}"))
                .code(code)?;
            let said = format!("{}{}", ended.stdout, ended.stderr);
            let suggested = commands.iter().find(|command| said.contains(*command));
            assert_eq!(suggested, None, "{words}: {ended:?}");
            assert!(!said.contains("kubectl "), "{words}: {ended:?}");
            assert!(!said.contains("To undo"), "{words}: {ended:?}");
            let keep = "to keep one: bmctl sandbox start";
            assert!(ended.stderr.contains(keep), "{words}: {ended:?}");
        }
    }
    Ok(())
}

fn a_folder_without_kvm_fails_the_check() -> Outcome {
    let bench = Bench::new();
    fs::create_dir(bench.folder().join("empty"))?;
    let command = "sandbox run --nodes 0 --node-facts bare-0=empty -- check vmruntimepfc";
    let ended = bench.bmctl(command).code(3)?;
    assert!(ended.stdout.contains("bare-0"), "{ended:?}");
    Ok(())
}

fn a_word_or_a_file_describes_the_nodes() -> Outcome {
    let world = "pace: instant\nnodes:\n- name: good\n- name: bad-{n}\n  count: 2\n  kvm: false\n";
    let bench = Bench::new().file("world.yaml", world);
    for (arguments, failed) in [
        ("--nodes 0 --node good --node bad-1=no-kvm", vec!["bad-1"]),
        ("--world world.yaml", vec!["bad-1", "bad-2"]),
    ] {
        let command = format!("sandbox run {arguments} -- check vmruntimepfc -o json");
        let ended = bench.bmctl(&command).code(3)?;
        let document: serde_json::Value = serde_json::from_str(&ended.stdout)?;
        let nodes = document["preflightCheck"]["nodes"].as_array();
        let nodes = nodes.unwrap_or_else(|| panic!("{ended:?}"));
        let found: Vec<&str> = nodes
            .iter()
            .filter(|node| node["result"] == "failed")
            .filter_map(|node| node["name"].as_str())
            .collect();
        assert_eq!(found, failed, "{ended:?}");
    }
    Ok(())
}

fn run_passes_on_how_the_command_ended() -> Outcome {
    let bench = Bench::new();
    bench.bmctl("sandbox run --bare -- true").code(0)?;
    bench
        .bmctl_words(&["sandbox", "run", "--bare", "--", "sh", "-c", "exit 42"])
        .code(42)?;
    bench
        .bmctl_words(&["sandbox", "run", "--bare", "--", "sh", "-c", "kill -9 $$"])
        .code(137)?;
    bench
        .bmctl("sandbox run --bare -- version")
        .code(0)?
        .stdout("bmctl version: 0.1.0\n")?;
    bench.bmctl("sandbox run --bare -- bmctl version").code(0)?;
    // No definition there: not installed.
    bench
        .bmctl("sandbox run --bare -- enable vmruntime")
        .code(8)?;
    let missing = bench
        .bmctl("sandbox run --bare -- no-such-program")
        .code(2)?;
    assert!(
        missing.stderr.contains("could not run no-such-program"),
        "{missing:?}"
    );
    Ok(())
}

fn run_points_any_program_to_the_cluster() -> Outcome {
    let script = r#"stat -c %a "$KUBECONFIG" && cat "$KUBECONFIG" && echo "$KUBECONFIG" >&2"#;
    let bench = Bench::new();
    let ended = bench
        .bmctl_words(&[
            "sandbox", "run", "-q", "--bare", "--name", "mine", "--", "sh", "-c", script,
        ])
        .code(0)?;
    assert!(ended.stdout.starts_with("600\n"), "{ended:?}");
    assert!(ended.stdout.contains("current-context: mine"), "{ended:?}");
    let kubeconfig = ended.stderr.trim();
    assert!(!fs::exists(kubeconfig)?, "{kubeconfig} is left");
    Ok(())
}

fn run_hands_termination_on() -> Outcome {
    let script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";
    let bench = Bench::new();
    let mut running = Running::start(&bench, &["run", "-q", "--bare", "--", "sh", "-c", script]);
    running.until("up");
    let code = running.end(Signal::TERM)?;
    assert_eq!(code, Some(7));
    Ok(())
}

fn start_is_found_by_name_and_leaves_nothing() -> Outcome {
    let bench = Bench::new();
    let mut running = Running::start(&bench, &["start", "--nodes", "2"]);
    running.until("Ctrl-C");
    let kubeconfig = bench
        .folder()
        .join("bmctl-workspace/sandbox/sandbox-kubeconfig");
    assert_eq!(
        fs::metadata(&kubeconfig)?.permissions().mode() & 0o777,
        0o600
    );

    let second = bench.bmctl("sandbox start").code(11)?;
    assert!(second.stderr.contains("is already running"), "{second:?}");
    let checked = bench.bmctl("check vmruntimepfc --cluster sandbox");
    assert!(checked.stdout.contains("node-2"), "{checked:?}");

    assert_eq!(running.end(Signal::INT)?, Some(0));
    assert!(!kubeconfig.exists());
    bench
        .bmctl("check vmruntimepfc --cluster sandbox")
        .code(2)?;
    Ok(())
}

fn no_proxy_stands_between_a_command_and_its_cluster() -> Outcome {
    Bench::new()
        .environment("HTTPS_PROXY", "http://127.0.0.1:1")
        .bmctl("sandbox run --bare -- enable vmruntime")
        .code(8)?;
    Ok(())
}

fn nodes_must_make_sense() -> Outcome {
    let odd = "nodes:\n- name: a\n  kmv: false\n";
    let bench = Bench::new().file("odd.yaml", odd);
    fs::create_dir(bench.folder().join("facts"))?;
    for (arguments, expected) in [
        ("--nodes 0", "a cluster needs a node"),
        ("--node-facts a=nowhere", "is not a folder"),
        (
            "--nodes 2 --node-facts node-2=facts",
            "two nodes of the same name",
        ),
        ("--node-facts A=facts", "is no name of a node"),
        ("--node worker-0=kvm", "is none of healthy, no-kvm"),
        ("--node a --node a", "two nodes of the same name: a"),
        (
            "--world nowhere.yaml",
            "cannot use the world file nowhere.yaml",
        ),
        ("--world odd.yaml", "kmv"),
        ("--name ../up", "expected lower case letters"),
        ("--pace slow", "expected normal, instant or a duration"),
    ] {
        let ended = bench
            .bmctl(&format!("sandbox run {arguments} -- true"))
            .code(2)?;
        assert!(ended.stderr.contains(expected), "{arguments}: {ended:?}");
    }
    Ok(())
}

/// A sandbox that runs beside the test; killed if the test fails.
pub struct Running {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    pub fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_bmctl"))
            .arg("sandbox")
            .args(arguments)
            .current_dir(bench.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Reads stdout up to a line that begins so.
    pub fn until(&mut self, beginning: &str) {
        let found = self
            .lines
            .by_ref()
            .map(Result::unwrap)
            .any(|line| line.starts_with(beginning));
        assert!(found, "it ended without saying {beginning:?}");
    }

    /// Sends a signal and returns the exit code.
    pub fn end(mut self, signal: Signal) -> Result<Option<i32>, Failed> {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal)?;
        Ok(self.process.wait()?.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.process.kill();
    }
}

/// A world file makes the API server unwell from the start, and the command gets there all the same.
fn a_command_gets_through_faults() -> Outcome {
    let world = "pace: instant\nnodes: [{name: worker-0}]\nfaults:\n\
                 - {verbs: [get], times: 2, do: {answer: {code: 503}}}\n\
                 - {verbs: [watch], times: 2, do: {error: {}}}\n\
                 - {verbs: [watch], skip: 2, times: 1, do: {cut: {}}}\n";
    let bench = Bench::new().file("world.yaml", world);
    bench
        .bmctl("sandbox run --world world.yaml -- enable vmruntime")
        .code(0)?;
    Ok(())
}

/// As where the images of KubeVirt take long: who waits is told for what.
fn a_component_can_be_slow() -> Outcome {
    let world = "pace: instant\nnodes: [{name: worker-0}]\ndelays: {virt-operator: 1h}\n";
    let bench = Bench::new().file("world.yaml", world);
    let ended = bench
        .bmctl("sandbox run --world world.yaml -- enable vmruntime --timeout 8s")
        .code(124)?;
    assert!(ended.stderr.contains("KubeVirt is"), "{ended:?}");
    Ok(())
}
