use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::cluster::script::{self, Answer, Call};

fn object(name: &str, version: u64) -> Value {
    json!({"metadata": {"name": name, "resourceVersion": version.to_string()}})
}

fn list(items: &[Value], version: u64) -> Answer {
    Answer::json(&json!({"metadata": {"resourceVersion": version.to_string()}, "items": items}))
}

/// What a watch reports, shortly, until it has reported `count` things.
async fn heard(
    from: Option<&str>,
    count: usize,
    answer: impl Fn(usize, &Call) -> Answer + Send + Sync + 'static,
) -> Vec<String> {
    let calls = AtomicUsize::new(0);
    let client = script::client(move |call| answer(calls.fetch_add(1, Ordering::SeqCst), call));
    let mut watches = Watches::new(Pace::QUICK);
    let subject = Watched {
        what: "things".into(),
        path: "/apis/example.com/v1/things".into(),
        field_selector: Some("status.phase=a".into()),
        metadata_only: false,
        keep: |object| object,
    };
    watches.start((), &client, subject, from.map(str::to_owned));
    let mut heard = Vec::new();
    while heard.len() < count {
        let ((), update) = tokio::time::timeout(Duration::from_secs(10), watches.next())
            .await
            .unwrap_or_else(|_| panic!("only heard {heard:?}"));
        let name = |object: Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        heard.push(match update {
            Update::Added(object) => format!("+{}", name(object)),
            Update::Changed(object) => format!("~{}", name(object)),
            Update::Gone(object) => format!("-{}", name(object)),
            Update::All(items) => format!("={}", items.into_iter().map(name).collect::<String>()),
            Update::Lost(Some(why)) => format!("lost: {why}"),
            Update::Lost(None) => "outdated".to_owned(),
            Update::Refused(failure) => format!("refused: {}", failure.reason),
        });
    }
    heard
}

#[tokio::test]
async fn it_watches_from_the_version_that_it_was_given() {
    let heard = heard(Some("7"), 3, |_, call| {
        assert!(call.watches());
        assert_eq!(call.query("resourceVersion").as_deref(), Some("7"));
        assert_eq!(
            call.query("fieldSelector").as_deref(),
            Some("status.phase=a")
        );
        Answer::watch(&[
            ("ADDED", object("a", 8)),
            ("BOOKMARK", json!({"metadata": {"resourceVersion": "9"}})),
            ("MODIFIED", object("a", 10)),
            ("DELETED", object("a", 11)),
        ])
    })
    .await;
    assert_eq!(heard, ["+a", "~a", "-a"]);
}

#[tokio::test]
async fn after_the_end_of_a_stream_it_reads_again_and_goes_on() {
    let heard = heard(Some("7"), 3, |call_number, call| match call_number {
        0 => Answer::cut_watch(&[("MODIFIED", object("a", 8))]),
        1 => list(&[object("a", 9)], 20),
        _ => {
            assert_eq!(call.query("resourceVersion").as_deref(), Some("20"));
            Answer::watch(&[("DELETED", object("a", 21))])
        }
    })
    .await;
    assert_eq!(heard, ["~a", "=a", "-a"]);
}

#[tokio::test]
async fn a_watch_that_has_said_as_much_as_is_kept_is_read_again() {
    let large = json!({"metadata": {"name": "a"}, "text": "x".repeat(ROOM / 2)});
    let heard = heard(Some("7"), 4, move |call_number, _| match call_number {
        0 => Answer::watch(&[
            ("ADDED", large.clone()),
            ("MODIFIED", large.clone()),
            ("MODIFIED", large.clone()),
        ]),
        1 => list(&[object("b", 9)], 20),
        _ => Answer::watch(&[("ADDED", object("c", 21))]),
    })
    .await;
    assert_eq!(heard, ["+a", "~a", "=b", "+c"]);
}

#[tokio::test]
async fn an_expired_version_or_an_error_in_the_stream_is_no_news() {
    let expired = json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old resource version"});
    let heard = heard(Some("1"), 5, move |call_number, _| match call_number {
        0 => Answer::status(410, "Expired", "too old resource version"),
        1 => list(&[object("a", 9)], 20),
        2 => Answer::cut_watch(&[("ERROR", expired.clone())]),
        3 => list(&[], 30),
        _ => Answer::watch(&[("ADDED", object("b", 31))]),
    })
    .await;
    assert_eq!(heard, ["outdated", "=a", "outdated", "=", "+b"]);
}

#[tokio::test]
async fn an_outage_lasts_as_long_as_it_lasts() {
    let heard = heard(None, 14, |call_number, _| match call_number {
        0..12 if call_number % 2 == 0 => Answer::Broken,
        0..12 => Answer::status(503, "ServiceUnavailable", "starting"),
        12 => list(&[object("a", 9)], 20),
        _ => Answer::watch(&[("MODIFIED", object("a", 21))]),
    })
    .await;
    assert!(
        heard[..12].iter().all(|heard| heard.starts_with("lost: ")),
        "{heard:?}"
    );
    assert_eq!(heard[12..], ["=a", "~a"]);
}

#[tokio::test]
async fn a_refusal_is_believed_only_when_it_is_repeated() {
    let heard = heard(None, 4, |call_number, _| match call_number {
        0..3 => Answer::status(403, "Forbidden", "no"),
        _ => list(&[object("a", 9)], 20),
    })
    .await;
    assert_eq!(heard, ["lost: no", "lost: no", "refused: Forbidden", "=a"]);
}

#[tokio::test]
async fn where_watching_is_denied_it_polls() {
    let heard = heard(None, 5, |_, call| {
        if call.watches() {
            Answer::status(403, "Forbidden", "no watch")
        } else {
            list(&[object("a", 9)], 20)
        }
    })
    .await;
    assert_eq!(
        heard,
        ["=a", "lost: no watch", "=a", "lost: no watch", "=a"]
    );
}

#[tokio::test]
async fn a_list_is_followed_to_its_last_page() {
    let heard = heard(None, 1, |_, call| {
        let next = call.query("continue").is_none();
        let (name, token) = if next { ("a", "more") } else { ("b", "") };
        Answer::json(&json!({"metadata": {"resourceVersion": "5", "continue": token}, "items": [object(name, 1)]}))
    })
    .await;
    assert_eq!(heard, ["=ab"]);
}

#[tokio::test]
async fn where_somebody_else_lists_its_end_is_all_that_follows() {
    for (ending, expected) in [
        (
            Answer::cut_watch(&[("DELETED", object("a", 8))]),
            vec!["gone", "ended"],
        ),
        (Answer::status(410, "Expired", "too old"), vec!["ended"]),
    ] {
        let client = script::client(move |call| {
            assert!(call.watches(), "nothing is listed: {call:?}");
            ending.clone()
        });
        let mut watches = Watches::new(Pace::QUICK);
        let watched = Watched {
            metadata_only: true,
            ..Watched::checks()
        };
        watches.start_once((), &client, watched, "7".to_owned());
        let mut heard = Vec::new();
        while heard.last() != Some(&"ended") {
            let ((), update) = watches.next().await;
            heard.push(match update {
                Update::Gone(_) => "gone",
                Update::Lost(_) => "ended",
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(heard, expected);
    }
}
