//! Whatever is asked, nothing breaks: every request has an answer, and every refusal is a Status.
//!
//! `PROPTEST_CASES=10000` tries more (docs/testing.md).

use libtest_mimic::Failed;
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};

use crate::fuzz::TestServer;

/// Something to send.
#[derive(Clone, Debug)]
struct Odd {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

pub fn nothing_breaks() -> Result<(), Failed> {
    let server = TestServer::start()?;
    let cases = std::env::var("PROPTEST_CASES").ok();
    let config = Config {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(400),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&odd(), |odd| {
            let headers: Vec<_> = odd
                .headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let outcome = server.send(odd.method, &odd.path, &headers, odd.body);
            outcome.map_err(|why| TestCaseError::fail(why.to_string()))
        })
        .map_err(|error| error.to_string().into())
}

fn odd() -> impl Strategy<Value = Odd> {
    let method = select(&["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"][..]);
    (
        method,
        path(),
        proptest::collection::vec(query(), 0..4),
        headers(),
        body(),
    )
        .prop_map(|(method, path, query, headers, body)| Odd {
            method,
            path: if query.is_empty() {
                path
            } else {
                format!("{path}?{}", query.join("&"))
            },
            headers,
            body,
        })
}

fn path() -> impl Strategy<Value = String> {
    let root = select(
        &[
            "/api/v1",
            "/apis/apps/v1",
            "/apis/example.com/v1",
            "/apis/rbac.authorization.k8s.io/v1",
            "/apis",
            "/openapi/v3/api/v1",
            "/apis/apiextensions.k8s.io/v1",
            "/version",
            "/apis/authorization.k8s.io/v1",
            "/apis/admissionregistration.k8s.io/v1",
        ][..],
    );
    let part = prop_oneof![
        8 => select(&[
            "namespaces", "default", "pods", "a", "configmaps", "status", "things", "scale", "nodes", "deployments",
            "binding", "eviction", "roles", "customresourcedefinitions", "things.example.com", "selfsubjectaccessreviews",
            "serviceaccounts", "token", "validatingadmissionpolicies",
        ][..]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9.%_~-]{0,8}",
    ];
    (root, proptest::collection::vec(part, 0..6)).prop_map(|(root, parts)| {
        let parts: Vec<String> = parts.iter().map(|part| format!("/{part}")).collect();
        format!("{root}{}", parts.concat())
    })
}

fn query() -> impl Strategy<Value = String> {
    let name = select(
        &[
            "labelSelector",
            "fieldSelector",
            "limit",
            "continue",
            "resourceVersion",
            "resourceVersionMatch",
            "watch",
            "timeoutSeconds",
            "dryRun",
            "fieldManager",
            "fieldValidation",
            "force",
            "propagationPolicy",
            "gracePeriodSeconds",
            "sendInitialEvents",
            "pretty",
            "includeObject",
            "allowWatchBookmarks",
        ][..],
    );
    let value = prop_oneof![
        select(
            &[
                "true",
                "1",
                "0",
                "-1",
                "All",
                "Strict",
                "Warn",
                "a%3Db",
                "a%20in%20(b,c)",
                "metadata.name%3Da",
                "Exact",
                "NotOlderThan",
                "Orphan",
                "Foreground",
                "x",
                "99999999999999999999",
                "eyJhdCI6MX0",
                "Object",
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-zA-Z0-9%!(),=.-]{0,10}",
    ];
    (name, value).prop_map(|(name, value)| format!("{name}={value}"))
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let media_type = select(
        &[
            "application/json",
            "application/yaml",
            "application/merge-patch+json",
            "application/json-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml",
            "application/vnd.kubernetes.protobuf",
            "text/plain",
            "",
        ][..],
    );
    let accept = select(
        &[
            "application/json",
            "application/yaml",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "*/*",
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            "application/vnd.kubernetes.protobuf",
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io, */*",
            "text/html",
            "",
        ][..],
    );
    (media_type, accept).prop_map(|(media_type, accept)| {
        vec![
            ("content-type", media_type.to_owned()),
            ("accept", accept.to_owned()),
        ]
    })
}

/// An object that is nearly right, a patch that is nearly one, or anything.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}, "data": {"k": "v"}}),
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"n": 3, "list": [{"k": "x"}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}}),
        json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "x"}}),
        json!([{"op": "replace", "path": "/spec/n", "value": 4}, {"op": "test", "path": "/metadata/name", "value": "a"}]),
        json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}),
        json!({"spec": {"group": "x.y", "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}]}}),
        json!({"spec": {"validations": [{"expression": "object.x == 1"}], "matchConstraints": {}}}),
    ]);
    let bent =
        (known, any::<proptest::sample::Index>(), leaf()).prop_map(|(mut object, place, leaf)| {
            let places = pointers(&object, "");
            let pointer = &places[place.index(places.len())];
            if let Some(spot) = object.pointer_mut(pointer) {
                *spot = leaf;
            }
            object.to_string().into_bytes()
        });
    prop_oneof![
        6 => bent,
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => "[{}\\[\\]\",:a-z0-9 \\n-]{0,40}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| [b"k8s\0".to_vec(), bytes].concat()),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 1, {"a": []}])),
        Just(json!({"a": {"b": null}, "$patch": "replace"})),
    ]
}

/// Every place in a value, the whole of it among them.
fn pointers(value: &Value, here: &str) -> Vec<String> {
    let mut places = vec![here.to_owned()];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                places.extend(pointers(member, &format!("{here}/{name}")));
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                places.extend(pointers(element, &format!("{here}/{index}")));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    places
}
