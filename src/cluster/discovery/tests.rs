use serde_json::{Value, json};

use super::*;
use crate::{
    cluster::{
        retry::Pace,
        script::{self, Answer, Call},
    },
    failure::{Failure, Kind, Reason},
};

const VERSION: &str = "/apis/kubevirt.io/v1";

fn group() -> Answer {
    Answer::json(&script::group("kubevirt.io", "v1"))
}

fn resources(names: &[&str]) -> Answer {
    let all: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "kind": "VirtualMachine", "namespaced": true, "singularName": "", "verbs": []}))
        .collect();
    Answer::json(
        &json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "kubevirt.io/v1", "resources": all}),
    )
}

fn status() -> Answer {
    Answer::json(
        &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "groups": [], "versions": [], "resources": []}),
    )
}

async fn found(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Result<bool, Failure> {
    let client = script::client(answer);
    let sought = Sought::Plural("virtualmachines");
    let once = Retry::once().with_pace(Pace::QUICK);
    let found = find(&client, &once, "kubevirt.io", sought).await;
    let found = found.map_err(|error| failure::from_kube(&error, "look"))?;
    Ok(found.is_some())
}

#[tokio::test]
async fn only_where_all_agree_is_a_kind_not_served() {
    type Script = fn(&str) -> Answer;
    let unknown = None;
    let cases: [(&str, Script, Option<bool>); 14] = [
        (
            "served",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                _ => resources(&["virtualmachines"]),
            },
            Some(true),
        ),
        (
            "no such group",
            |path| match path {
                "/apis" => Answer::groups(&["apps"]),
                _ => Answer::not_served(),
            },
            Some(false),
        ),
        (
            "no such kind in it",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                VERSION => resources(&["kubevirts"]),
                _ => group(),
            },
            Some(false),
        ),
        (
            "the group is hidden",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                _ => Answer::not_served(),
            },
            unknown,
        ),
        (
            "the group is not listed",
            |path| match path {
                "/apis" => Answer::groups(&["apps"]),
                VERSION => resources(&["virtualmachines"]),
                _ => group(),
            },
            unknown,
        ),
        (
            "a version is hidden",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                VERSION => Answer::not_served(),
                _ => group(),
            },
            unknown,
        ),
        (
            "the group is hidden, and the kind is not in its version",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                VERSION => resources(&["kubevirts"]),
                _ => Answer::not_served(),
            },
            unknown,
        ),
        (
            "the group has another version",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                VERSION => resources(&["kubevirts"]),
                "/apis/kubevirt.io" => Answer::json(&script::group("kubevirt.io", "v2")),
                _ => Answer::not_served(),
            },
            unknown,
        ),
        (
            "no groups are listed",
            |path| match path {
                "/apis" => Answer::groups(&[]),
                _ => Answer::not_served(),
            },
            unknown,
        ),
        ("nothing is there", |_| Answer::not_served(), unknown),
        (
            "the list of groups is a Status",
            |path| match path {
                "/apis" => status(),
                _ => Answer::not_served(),
            },
            unknown,
        ),
        (
            "the resources are a Status",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                VERSION => status(),
                _ => group(),
            },
            unknown,
        ),
        (
            "the resources are of another version",
            |path| match path {
                "/apis" => Answer::groups(&["kubevirt.io"]),
                VERSION => Answer::json(
                    &json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": []}),
                ),
                _ => group(),
            },
            unknown,
        ),
        (
            "the version is a path",
            |path| match path {
                "/apis" => Answer::json(
                    &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [script::group("kubevirt.io", "../v1")]}),
                ),
                _ => group(),
            },
            unknown,
        ),
    ];
    for (what, script, expected) in cases {
        let found = found(move |call| script(&call.path)).await;
        if let Err(failure) = &found {
            assert_eq!(
                (failure.kind, failure.reason),
                (Kind::Incomplete, Reason::UnexpectedAnswer),
                "{what}"
            );
        }
        assert_eq!(found.ok(), expected, "{what}");
    }
}
