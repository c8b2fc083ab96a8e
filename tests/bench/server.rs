//! The API server, measured itself.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::{AsyncBufReadExt as _, StreamExt as _};
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    process::bmctl,
    sheet::{Sheet, exponent, median, memory, time},
    test_server,
};

const STARTS: usize = 5;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("map-{number:06}"), "namespace": "default"},
        "data": {"number": number.to_string()},
    })
}

pub fn sheet() -> Sheet {
    let ready = median((0..STARTS).map(|_| Cluster::empty().ready).collect());
    let cluster = Cluster::empty();
    let writes = 10_000;
    let took = cluster.create(MAPS, 0..writes, map);
    let (watchers, changes) = (200, 500);
    let fanned = fan_out(&cluster, watchers, changes, writes);
    #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
    let rate = |count: usize, time: Duration| format!("{:.0}", count as f64 / time.as_secs_f64());
    let mut lines = vec![
        ("ready, from the start of the process", time(ready)),
        (
            "creations a second, one client, 16 at once",
            rate(writes, took),
        ),
        (
            "events a second to 200 watches of one resource",
            rate(watchers * changes, fanned),
        ),
    ];
    if test_server::assets().is_none() {
        let size = std::fs::metadata(bmctl()).unwrap().len() / 1024;
        lines.push(("size of the program that was measured", memory(size)));
    }
    Sheet {
        columns: vec!["API server", "value"],
        lines: lines
            .into_iter()
            .map(|(what, value)| vec![what.to_owned(), value])
            .collect(),
    }
}

/// How long until every watch has seen every change.
fn fan_out(cluster: &Cluster, watchers: usize, changes: usize, from: usize) -> Duration {
    let seen = AtomicUsize::new(0);
    let now = cluster.read(&format!("{MAPS}?limit=1"))["metadata"]["resourceVersion"].clone();
    let now = now.as_str().unwrap();
    cluster.wait_for(async {
        let mut watches = Vec::new();
        for _ in 0..watchers {
            let request = http::Request::get(format!("{MAPS}?watch=true&resourceVersion={now}"))
                .body(Vec::new())
                .unwrap();
            let lines = cluster
                .client()
                .request_stream(request)
                .await
                .unwrap()
                .lines();
            watches.push(lines);
        }
        let reading = watches.into_iter().map(|mut lines| {
            let seen = &seen;
            async move {
                let mut new = 0;
                while new < changes {
                    let line = lines.next().await.unwrap().unwrap();
                    if line.contains("\"fanned\"") {
                        new += 1;
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        let writing = async {
            let begin = Instant::now();
            for number in from..from + changes {
                let mut object = map(number);
                object["data"]["fanned"] = json!("yes");
                let request = http::Request::post(MAPS)
                    .header("Content-Type", "application/json")
                    .body(object.to_string().into_bytes())
                    .unwrap();
                cluster.client().request_text(request).await.unwrap();
            }
            begin
        };
        let (begin, _) = futures::join!(writing, futures::future::join_all(reading));
        assert_eq!(seen.load(Ordering::Relaxed), watchers * changes);
        begin.elapsed()
    })
}

/// What 1,000, 10,000 and 100,000 objects cost.
pub fn growth() -> Sheet {
    let cluster = Cluster::sandbox("");
    let empty = cluster.peak();
    let (mut lines, mut there) = (Vec::new(), 0);
    let (mut times, mut lists, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = Duration::ZERO;
    for size in [1_000, 10_000, 100_000] {
        all += cluster.create(MAPS, there..size, map);
        there = size;
        let peak = cluster.peak();
        let (count, listed) = cluster.list(MAPS);
        assert!(count >= size, "{count} of {size}");
        #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
        {
            times.push((size as f64, all.as_secs_f64()));
            lists.push((size as f64, listed.as_secs_f64()));
            peaks.push((size as f64, (peak - empty).max(1) as f64));
        }
        lines.push(vec![
            size.to_string(),
            time(all),
            time(listed),
            memory(peak),
        ]);
    }
    lines.push(vec![
        "grows as objects^".to_owned(),
        format!("{:.2}", exponent(&times)),
        format!("{:.2}", exponent(&lists)),
        format!("{:.2}", exponent(&peaks)),
    ]);
    Sheet {
        columns: vec![
            "objects",
            "created in",
            "listed in",
            "memory of the sandbox",
        ],
        lines,
    }
}
