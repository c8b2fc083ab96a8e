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
    cluster::Cluster,
    process::{bmctl, kubectl},
    sheet::{Sheet, median, time},
};

const RUNS: usize = 21;
const OBJECT: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";

pub fn sheet() -> Sheet {
    let cluster = Cluster::without_controller(0);
    cluster.merge(OBJECT, &json!({"spec": {"enabled": true}}));
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
            let status = json!({"status": {"ready": false, "observedGeneration": 2}});
            cluster.merge(&format!("{OBJECT}/status"), &status);
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
            let status = json!({"status": {"ready": true, "observedGeneration": 2}});
            let begin = Instant::now();
            cluster.merge(&format!("{OBJECT}/status"), &status);
            let ended = child.wait().unwrap();
            let took = begin.elapsed();
            assert!(ended.success(), "{ended}");
            reader.join().unwrap();
            took
        })
        .collect();
    median(times)
}
