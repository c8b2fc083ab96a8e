//! From the change of a status to the end of the command that waits for it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    cluster::{CHECKS, Cluster, RUNTIME, RUNTIMES},
    process::{bmctl, kubectl},
    sheet::{Sheet, median, time},
};

const RUNS: usize = 21;
const CHECK: &str = "passed";

pub fn sheet() -> Sheet {
    let cluster = Cluster::without_controller(1);
    // Without a controller nobody makes it, and nobody else writes its status.
    cluster.create(RUNTIMES, 0..1, |_| {
        json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {},
        })
    });
    cluster.merge(RUNTIME, &json!({"spec": {"enabled": true}}));
    cluster.create(CHECKS, 0..1, |_| {
        json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": CHECK, "namespace": "vm-system"}, "spec": {},
        })
    });
    let passed = json!({"status": {
        "pass": true, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z",
        "checks": {"node-0": {"passed": true, "results": [{"checkName": "KVM", "passed": true}]}},
    }});
    cluster.merge(&format!("{CHECKS}/{CHECK}/status"), &passed);
    let ours = measure(
        &cluster,
        &bmctl(),
        "wait vmruntime --for ready --progress plain",
    );
    let theirs = kubectl().map(|kubectl| {
        measure(
            &cluster,
            kubectl,
            "wait --for=jsonpath={.status.ready}=true vmruntime/vmruntime --timeout=60s -v=6",
        )
    });
    Sheet {
        columns: vec!["job", "bmctl", "kubectl"],
        lines: vec![vec![
            "status written until `wait` has ended".to_owned(),
            time(ours),
            theirs.map_or_else(|| "–".to_owned(), time),
        ]],
    }
}

fn measure(cluster: &Cluster, program: &Path, words: &str) -> Duration {
    let place = cluster.place();
    let times = (0..RUNS)
        .map(|_| {
            let is_ready = |ready: bool| {
                let status = json!({"status": {
                    "ready": ready, "observedGeneration": 2,
                    "preflightCheckSummary": {"preflightCheckName": CHECK, "preflightCheckPassed": true},
                }});
                cluster.merge(&format!("{RUNTIME}/status"), &status);
            };
            is_ready(false);
            let mut child = place
                .command(program, words)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            // Both say something before they begin to watch; then they are given time to.
            let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
            assert!(said.next().is_some());
            let reader = thread::spawn(move || said.count());
            thread::sleep(Duration::from_millis(400));
            assert!(child.try_wait().unwrap().is_none(), "it did not wait");
            let begin = Instant::now();
            is_ready(true);
            let ended = child.wait().unwrap();
            let took = begin.elapsed();
            assert!(ended.success(), "{ended}");
            reader.join().unwrap();
            took
        })
        .collect();
    median(times)
}
