use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::*;
use crate::{
    cluster::script::{self, Answer, Call},
    failure::{self, Failure, Reason},
};

const THINGS: &str = "/apis/example.com/v1/things";

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn page(names: &[&str], token: &str) -> Answer {
    let items: Vec<_> = names
        .iter()
        .map(|name| json!({"metadata": {"name": name}}))
        .collect();
    Answer::json(&json!({"metadata": {"resourceVersion": "9", "continue": token}, "items": items}))
}

/// The names of a list that ends after so many objects at most, and how many requests it took.
async fn read(
    most: usize,
    answer: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> (Result<Vec<String>, Failure>, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let client = script::client(move |call| {
        counted.fetch_add(1, Ordering::SeqCst);
        answer(call)
    });
    let once = Retry::once();
    let pages = Pages::new(&client, &once, "list things", THINGS, Fields::All, uid);
    let all = pages.at_most(most).all().await;
    let names = |all: Vec<Value>| {
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        all.iter().map(name).collect()
    };
    let all = all
        .map(names)
        .map_err(|error| failure::from_kube(&error, "list things"));
    (all, calls.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let (all, calls) = read(10, |call| match call.query("continue").as_deref() {
        None => page(&["a"], "1&2"),
        Some("1&2") => page(&[], "3"),
        Some(_) => page(&["b"], ""),
    })
    .await;
    assert_eq!(
        (all.unwrap(), calls),
        (vec!["a".to_owned(), "b".to_owned()], 3)
    );
}

#[tokio::test]
async fn null_is_an_empty_list_and_nothing_is_none() {
    let empty =
        json!({"kind": "ThingList", "apiVersion": "example.com/v1", "metadata": {}, "items": null});
    let (all, _) = read(10, move |_| Answer::text(200, &empty.to_string())).await;
    assert_eq!(all.unwrap(), Vec::<String>::new());
    let none = json!({"kind": "ThingList", "apiVersion": "example.com/v1", "metadata": {}});
    let (all, _) = read(10, move |_| Answer::text(200, &none.to_string())).await;
    assert_eq!(all.unwrap_err().reason, Reason::UnexpectedAnswer);
}

#[tokio::test]
async fn pages_that_are_not_of_one_list_are_refused() {
    type Script = fn(&Call) -> Answer;
    let endless: Script = |call| {
        let at: u32 = call
            .query("continue")
            .map_or(0, |token| token.parse().unwrap());
        page(&[&format!("a{at}")], &(at + 1).to_string())
    };
    let cases: [(&str, usize, Script); 4] = [
        ("pages lead back to an earlier page", 3, |call| {
            match call.query("continue").as_deref() {
                None => page(&["a"], "1"),
                Some("1") => page(&["b"], "2"),
                Some(_) => page(&["c"], "1"),
            }
        }),
        ("pages lead back to an earlier page", 2, |_| {
            page(&[], "again")
        }),
        ("the uid \"uid-of-a\" comes twice", 2, |call| {
            match call.query("continue") {
                None => page(&["a"], "1"),
                Some(_) => page(&["a"], ""),
            }
        }),
        ("has not ended after 10 objects on 10 pages", 10, endless),
    ];
    for (found, requests, script) in cases {
        let (all, calls) = read(10, script).await;
        let failure = all.expect_err(found);
        assert_eq!(failure.reason, Reason::UnexpectedAnswer, "{found}");
        assert!(failure.root_cause().contains(found), "{failure:?}");
        assert_eq!(calls, requests, "{found}");
    }
}

#[tokio::test]
async fn a_list_can_be_begun_again() {
    let client = script::client(|call| match call.query("continue") {
        None => page(&["a"], "1"),
        Some(_) => Answer::status(410, "Expired", "too old"),
    });
    let once = Retry::once();
    let mut pages = Pages::new(&client, &once, "list things", THINGS, Fields::All, uid);
    for _ in 0..2 {
        assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
        assert!(pages.has_more());
        assert!(pages.next().await.is_err());
        pages.begin_again();
    }
    assert_eq!(pages.version(), "");
}

#[tokio::test]
async fn what_is_collected_of_a_list_that_expires_is_collected_anew() {
    for (expires, collected) in [(1, Some(2)), (2, None)] {
        let expired = AtomicUsize::new(0);
        let client = script::client(move |call| match call.query("continue") {
            None => page(&["a"], "1"),
            Some(_) if expired.fetch_add(1, Ordering::Relaxed) < expires => {
                Answer::status(410, "Expired", "too old")
            }
            Some(_) => page(&["b"], ""),
        });
        let once = Retry::once();
        let pages = Pages::new(&client, &once, "list things", THINGS, Fields::All, uid);
        let all = pages.collect(Some).await.ok();
        assert_eq!(all.map(|all| all.len()), collected, "{expires}");
    }
}
