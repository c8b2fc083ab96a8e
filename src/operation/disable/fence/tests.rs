use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::cluster::{
    Deadline,
    retry::Pace,
    script::{self, Answer, Call, Recorder},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn nobody_names_an_earlier_end_than_somebody_else() {
    let mut claim = Claim::default();
    assert_eq!(claim.renew(None, at(100)), at(100));
    assert_eq!(claim.renew(Some(at(100)), at(200)), at(200), "our own");
    assert_eq!(claim.renew(Some(at(250)), at(240)), at(250));
    assert_eq!(claim.renew(Some(at(250)), at(300)), at(300));
}

#[test]
fn whoever_ends_leaves_the_others_theirs() {
    /// What stands when it is put up and when it ends, and what then stands.
    type Row = (Option<i64>, Option<i64>, Option<i64>);
    let rows: [Row; 7] = [
        (None, Some(100), None),
        // Somebody has renewed theirs since.
        (None, Some(130), Some(130)),
        // It was there before ours.
        (Some(90), Some(100), Some(90)),
        (Some(90), Some(130), Some(130)),
        // Theirs has ended by now.
        (Some(40), Some(100), None),
        (None, Some(45), None),
        // Taken away by whoever has turned VM Runtime off.
        (None, None, None),
    ];
    for row in rows {
        let (before, stands, left) = row;
        let mut claim = Claim::default();
        claim.renew(before.map(at), at(100));
        assert_eq!(claim.end(stands.map(at), at(50)), left.map(at), "{row:?}");
    }
}

/// The one VMRuntime, which refuses what was decided on another version of it.
#[derive(Clone)]
struct Server {
    runtime: Arc<Mutex<Value>>,
    /// Somebody else is faster, so often.
    races: Arc<Mutex<u32>>,
}

impl Server {
    fn new(fence: Option<&str>) -> Self {
        let mut runtime = json!({
            "metadata": {"name": "vmruntime", "uid": "u", "resourceVersion": "1"}, "spec": {"enabled": true},
        });
        if let Some(fence) = fence {
            runtime["metadata"]["annotations"] = json!({CREATION_FENCE_UNTIL: fence});
        }
        Self {
            runtime: Arc::new(Mutex::new(runtime)),
            races: Arc::default(),
        }
    }

    fn client(&self) -> kube::Client {
        let server = self.clone();
        script::client(move |call| server.answer(call))
    }

    fn answer(&self, call: &Call) -> Answer {
        let mut runtime = self.runtime.lock().unwrap();
        let bump = |runtime: &mut Value| {
            let version = &mut runtime["metadata"]["resourceVersion"];
            *version = format!("{}1", version.as_str().unwrap()).into();
        };
        if call.method == "PATCH" {
            let mut races = self.races.lock().unwrap();
            if *races > 0 {
                *races -= 1;
                bump(&mut runtime);
            }
            if call.body["metadata"]["resourceVersion"] != runtime["metadata"]["resourceVersion"] {
                return Answer::status(409, "Conflict", "the object has been modified");
            }
            json_patch::merge(&mut runtime, &call.body);
            bump(&mut runtime);
        }
        Answer::json(&runtime)
    }

    fn fence(&self) -> Option<String> {
        let runtime = self.runtime.lock().unwrap();
        let fence = &runtime["metadata"]["annotations"][CREATION_FENCE_UNTIL];
        fence.as_str().map(str::to_owned)
    }
}

#[tokio::test]
async fn a_run_that_ends_does_not_open_what_another_one_keeps_closed() {
    let server = Server::new(None);
    *server.races.lock().unwrap() = 2;
    let (client, recorder) = (server.client(), Recorder::default());
    let retry =
        Retry::new(Deadline::after(Duration::from_secs(60)), &recorder).with_pace(Pace::QUICK);
    let (first, _) = Fence::put_up(&client, &retry).await.unwrap();
    let of_first = server.fence().unwrap();
    let (second, _) = Fence::put_up(&client, &retry).await.unwrap();
    assert!(server.fence().unwrap() >= of_first);
    second.lift().await;
    assert_eq!(server.fence(), Some(of_first));
    first.lift().await;
    assert_eq!(server.fence(), None);
    assert!(recorder.events().is_empty(), "{:?}", recorder.events());
}

#[tokio::test]
async fn it_is_opened_although_the_time_is_over() {
    let server = Server::new(None);
    let client = server.client();
    let retry = Retry::new(
        Deadline::after(Duration::from_millis(20)),
        &crate::cluster::Silent,
    )
    .with_pace(Pace::QUICK);
    let (fence, _) = Fence::put_up(&client, &retry).await.unwrap();
    while !retry.deadline().passed() {
        tokio::task::yield_now().await;
    }
    fence.lift().await;
    assert_eq!(server.fence(), None);
}

#[tokio::test]
async fn words_that_are_no_time_keep_nobody_out() {
    let server = Server::new(Some("tomorrow"));
    let client = server.client();
    clear(&client, &Retry::once()).await;
    assert_eq!(server.fence(), None);
}
