//! Turning VM Runtime on, as it is done with kubectl today and with bmctl.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    cluster::{Cluster, RUNTIME, RUNTIMES},
    process::{COLUMNS, bmctl, compare},
    sheet::{Sheet, median, time},
};

const RUNS: usize = 15;
const PATCH: &str = r#"patch vmruntime vmruntime --type=merge -p {"spec":{"enabled":true}}"#;
const WAIT: &str = "wait --for=jsonpath={.status.ready}=true vmruntime vmruntime --timeout=60s";

/// From the change to the status that tells of it, as a watch sees both: nobody who waits can be quicker.
fn cluster_alone(cluster: &Cluster, mut off: impl FnMut()) -> Duration {
    let times = (0..RUNS).map(|_| {
        off();
        let begin = Instant::now();
        cluster.merge(RUNTIME, &json!({"spec": {"enabled": true}}));
        cluster.watch(RUNTIMES, |object| {
            let (metadata, status) = (&object["metadata"], &object["status"]);
            status["ready"] == true && status["observedGeneration"] == metadata["generation"]
        });
        begin.elapsed()
    });
    median(times.collect())
}

pub fn sheet() -> Sheet {
    let cluster = Cluster::complete();
    let place = cluster.place();
    let program = bmctl();
    let off = || {
        place.run(&program, "disable vmruntime --ensure --quiet", &[0]);
    };
    let mut lines = vec![
        compare(
            &place,
            "enable, without waiting · `kubectl patch`",
            (&["enable vmruntime --wait=false"], &[0]),
            &[PATCH],
            RUNS,
            off,
        ),
        compare(
            &place,
            "enable until ready · `kubectl patch` and `wait`",
            (&["enable vmruntime"], &[0]),
            &[PATCH, WAIT],
            RUNS,
            off,
        ),
        compare(
            &place,
            "the same where it is ready already",
            (&["enable vmruntime --ensure"], &[0]),
            &[PATCH, WAIT],
            RUNS,
            || {},
        ),
        compare(
            &place,
            "status · `kubectl get`",
            (&["status vmruntime"], &[0]),
            &["get vmruntime vmruntime -o yaml"],
            RUNS,
            || {},
        ),
    ];
    let mut alone = vec!["what the cluster itself takes until it is ready".to_owned()];
    alone.push(time(cluster_alone(&cluster, off)));
    alone.resize(COLUMNS.len(), String::new());
    lines.insert(2, alone);
    Sheet {
        columns: COLUMNS.into(),
        lines,
    }
}
