#![allow(clippy::needless_pass_by_value)] // so that tables can use json! in place

use super::*;
use proptest::prelude::*;
use serde_json::Map;

fn gadget() -> Schema {
    Schema::compile(&json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "enabled": {"type": "boolean"},
            "format": {"type": "string"},
            "replicas": {"type": "integer"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "list": {"type": "array", "items": {"type": "string"}},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"],
                    "properties": {"name": {"type": "string"}, "port": {"type": "integer"}}}},
        }},
        "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
    }}))
    .unwrap_or_else(|causes| panic!("{causes:?}"))
}

fn write(manager: &str) -> Write {
    write_at(manager, "2024-01-01T00:00:00Z")
}

fn write_at(manager: &str, time: &str) -> Write {
    Write {
        manager: manager.to_owned(),
        api_version: "example.com/v1".to_owned(),
        subresource: None,
        status_subresource: true,
        time: time.parse().unwrap(),
    }
}

fn object(spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": spec})
}

/// `(manager, operation, fieldsV1)` of every entry.
fn managers(object: &Value) -> Value {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    entries
        .into_iter()
        .map(|entry| json!([entry["manager"], entry["operation"], entry["fieldsV1"]]))
        .collect()
}

#[test]
fn creating_and_updating_is_recorded_as_by_a_real_server() {
    let schema = gadget();
    let mut created = object(json!({"enabled": false, "format": "raw", "labels": {"a": "1"}}));
    created["metadata"]["uid"] = "u".into();
    record_update(None, &mut created, &write("test"), Some(&schema));
    let all = json!({"f:spec": {".": {}, "f:enabled": {}, "f:format": {}, "f:labels": {".": {}, "f:a": {}}}});
    assert_eq!(managers(&created), json!([["test", "Update", all]]));

    let mut patched = created.clone();
    patched["spec"]["enabled"] = true.into();
    record_update(
        Some(&created),
        &mut patched,
        &write_at("cli", "2024-01-01T00:01:00Z"),
        Some(&schema),
    );
    let left = json!({"f:spec": {".": {}, "f:format": {}, "f:labels": {".": {}, "f:a": {}}}});
    let own = json!({"f:spec": {"f:enabled": {}}});
    assert_eq!(
        managers(&patched),
        json!([["test", "Update", left], ["cli", "Update", own]])
    );

    let mut same = patched.clone();
    record_update(
        Some(&patched),
        &mut same,
        &write_at("cli", "2024-01-01T00:09:00Z"),
        Some(&schema),
    );
    assert_eq!(same, patched, "nothing changed, so no time changes");

    let mut removed = patched.clone();
    removed["spec"]
        .as_object_mut()
        .map(|spec| spec.remove("format"));
    record_update(Some(&patched), &mut removed, &write("cli"), Some(&schema));
    let left = json!({"f:spec": {".": {}, "f:labels": {".": {}, "f:a": {}}}});
    let entries = managers(&removed);
    assert!(
        entries
            .as_array()
            .is_some_and(|entries| entries.contains(&json!(["test", "Update", left]))),
        "{entries}"
    );
}

#[test]
fn metadata_lists_and_sets_are_recorded() {
    let schema = gadget();
    let mut object =
        object(json!({"set": ["b", "a"], "list": ["x"], "ports": [{"name": "http", "port": 80}]}));
    object["metadata"]["labels"] = json!({"x": "y"});
    object["metadata"]["finalizers"] = json!(["example.com/hold"]);
    object["metadata"]["generateName"] = "gen-".into();
    object["metadata"]["ownerReferences"] = json!([{"uid": "u1", "kind": "X"}]);
    record_update(None, &mut object, &write(""), Some(&schema));
    let fields = json!({
        "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:x": {}},
            "f:finalizers": {".": {}, "v:\"example.com/hold\"": {}},
            "f:ownerReferences": {".": {}, "k:{\"uid\":\"u1\"}": {}}},
        "f:spec": {".": {}, "f:set": {".": {}, "v:\"a\"": {}, "v:\"b\"": {}}, "f:list": {},
            "f:ports": {".": {}, "k:{\"name\":\"http\"}": {".": {}, "f:name": {}, "f:port": {}}}},
    });
    assert_eq!(managers(&object), json!([["unknown", "Update", fields]]));
}

#[test]
fn the_status_is_recorded_apart() {
    let schema = gadget();
    let mut live = object(json!({"enabled": true}));
    record_update(None, &mut live, &write("test"), Some(&schema));
    let mut updated = live.clone();
    updated["status"] = json!({"ready": true});
    updated["spec"]["enabled"] = false.into();
    let status = Write {
        subresource: Some("status".to_owned()),
        ..write_at("ctl", "2024-01-01T00:01:00Z")
    };
    record_update(Some(&live), &mut updated, &status, Some(&schema));
    assert_eq!(
        updated["metadata"]["managedFields"][1]["subresource"],
        "status"
    );
    assert_eq!(
        updated["metadata"]["managedFields"][1]["fieldsV1"],
        json!({"f:status": {".": {}, "f:ready": {}}})
    );
    assert_eq!(
        updated["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:spec": {".": {}, "f:enabled": {}}})
    );
}

#[test]
fn a_built_in_object_has_its_structs_already() {
    let mut node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": {"a": "b"}}, "spec": {"unschedulable": true}});
    let core = Write {
        api_version: "v1".to_owned(),
        ..write("test")
    };
    record_update(None, &mut node, &core, None);
    let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {"f:unschedulable": {}}});
    assert_eq!(managers(&node), json!([["test", "Update", fields]]));
}

#[test]
fn managed_fields_can_be_reset_and_rewritten() {
    let schema = gadget();
    let mut live = object(json!({"enabled": true}));
    live["metadata"]["uid"] = "u".into();
    record_update(None, &mut live, &write("test"), Some(&schema));
    let mut reset = live.clone();
    reset["metadata"]["managedFields"] = json!([{}]);
    record_update(Some(&live), &mut reset, &write("cli"), Some(&schema));
    assert_eq!(reset["metadata"].get("managedFields"), None);
    let mut forgotten = live.clone();
    forgotten["metadata"]
        .as_object_mut()
        .map(|metadata| metadata.remove("managedFields"));
    record_update(Some(&live), &mut forgotten, &write("cli"), Some(&schema));
    assert_eq!(
        forgotten["metadata"]["managedFields"],
        live["metadata"]["managedFields"]
    );
}

#[test]
fn many_updaters_are_merged() {
    let schema = gadget();
    let mut live = object(json!({"labels": {}}));
    record_update(None, &mut live, &write("test"), Some(&schema));
    for n in 0..20 {
        let mut next = live.clone();
        next["spec"]["labels"][format!("l{n}")] = "x".into();
        let writer = write_at(&format!("m{n:02}"), &format!("2024-01-01T01:{n:02}:00Z"));
        record_update(Some(&live), &mut next, &writer, Some(&schema));
        live = next;
    }
    let entries = managers(&live);
    assert_eq!(entries.as_array().map(Vec::len), Some(10));
    assert_eq!(entries[0][0], "ancient-changes");
}

fn applied(
    live: Option<&Value>,
    spec: Value,
    manager: &str,
    force: bool,
) -> Result<Value, StatusError> {
    apply(live, &object(spec), &write(manager), force, Some(&gadget()))
}

#[test]
fn intents_are_applied_as_by_a_real_server() {
    let one = applied(
        None,
        json!({"enabled": true, "format": "raw"}),
        "one",
        false,
    )
    .unwrap();
    assert_eq!(
        managers(&one),
        json!([["one", "Apply", {"f:spec": {"f:enabled": {}, "f:format": {}}}]])
    );
    let one = applied(Some(&one), json!({"enabled": false}), "one", false).unwrap();
    assert_eq!(
        one["spec"],
        json!({"enabled": false}),
        "what is no longer applied goes"
    );
    let two = applied(Some(&one), json!({"replicas": 2}), "two", false).unwrap();
    assert_eq!(two["spec"], json!({"enabled": false, "replicas": 2}));
    let error = applied(
        Some(&two),
        json!({"replicas": 2, "enabled": true}),
        "two",
        false,
    )
    .unwrap_err();
    assert_eq!(error.code, 409);
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"one\": .spec.enabled"
    );
    assert_eq!(
        error.details,
        Some(json!({"causes": [
            {"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".spec.enabled"}]}))
    );
    let forced = applied(
        Some(&two),
        json!({"replicas": 2, "enabled": true}),
        "two",
        true,
    )
    .unwrap();
    assert_eq!(
        managers(&forced),
        json!([["two", "Apply", {"f:spec": {"f:enabled": {}, "f:replicas": {}}}]])
    );
}

#[test]
fn conflicts_name_every_manager_and_field() {
    let schema = gadget();
    let mut live = object(json!({"enabled": true, "format": "raw"}));
    record_update(None, &mut live, &write("kubectl-edit"), Some(&schema));
    let error = applied(Some(&live), json!({"enabled": false}), "one", false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using example.com/v1: .spec.enabled"
    );
    let error = applied(
        Some(&live),
        json!({"enabled": false, "format": "qcow2"}),
        "one",
        false,
    )
    .unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 2 conflicts: conflicts with \"kubectl-edit\" using example.com/v1:\n- .spec.enabled\n- .spec.format"
    );
    let same = applied(Some(&live), json!({"enabled": true}), "one", false).unwrap();
    assert_eq!(same["spec"], live["spec"], "the same value is no conflict");
    assert_eq!(
        managers(&same).as_array().map(Vec::len),
        Some(2),
        "but is managed by both"
    );
}

#[test]
fn a_field_of_two_managers_stays_until_both_let_go() {
    let one = applied(None, json!({"enabled": true, "replicas": 1}), "one", false).unwrap();
    let two = applied(Some(&one), json!({"enabled": true}), "two", false).unwrap();
    let one_less = applied(Some(&two), json!({"replicas": 1}), "one", false).unwrap();
    assert_eq!(one_less["spec"], json!({"enabled": true, "replicas": 1}));
    let gone = apply(
        Some(&one_less),
        &json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "a"}}),
        &write("two"),
        false,
        Some(&gadget()),
    )
    .unwrap();
    assert_eq!(gone["spec"], json!({"replicas": 1}));
}

#[test]
fn lists_are_merged_by_key() {
    let one = applied(
        None,
        json!({"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}),
        "one",
        false,
    )
    .unwrap();
    let two = applied(
        Some(&one),
        json!({"ports": [{"name": "c", "port": 3}]}),
        "two",
        false,
    )
    .unwrap();
    let names = |object: &Value| -> Vec<Value> {
        object["spec"]["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|port| port["name"].clone())
            .collect()
    };
    assert_eq!(names(&two), ["a", "b", "c"]);
    let less = applied(
        Some(&two),
        json!({"ports": [{"name": "b", "port": 5}]}),
        "one",
        false,
    )
    .unwrap();
    assert_eq!(
        less["spec"]["ports"],
        json!([{"name": "b", "port": 5}, {"name": "c", "port": 3}])
    );
    let error = applied(
        None,
        json!({"ports": [{"name": "a"}, {"name": "a"}]}),
        "one",
        false,
    )
    .unwrap_err();
    assert!(
        error
            .message
            .ends_with(".spec.ports: duplicate entries for key [name=\"a\"]"),
        "{}",
        error.message
    );
    let sets = applied(
        Some(&less),
        json!({"set": ["x", "y"], "list": ["p"], "ports": [{"name": "b", "port": 5}]}),
        "one",
        false,
    )
    .unwrap();
    let sets = applied(
        Some(&sets),
        json!({"set": ["y", "z"], "list": ["q"], "ports": [{"name": "b", "port": 5}]}),
        "one",
        false,
    )
    .unwrap();
    assert_eq!(sets["spec"]["set"], json!(["y", "z"]));
    assert_eq!(sets["spec"]["list"], json!(["q"]));
}

#[test]
fn the_first_apply_leaves_the_fields_of_others_theirs() {
    let mut live = object(json!({"enabled": true, "format": "raw"}));
    live["metadata"]["uid"] = "u".into();
    let merged = applied(Some(&live), json!({"enabled": true}), "one", false).unwrap();
    assert_eq!(
        managers(&merged),
        json!([["one", "Apply", {"f:spec": {"f:enabled": {}}}],
            ["before-first-apply", "Update", {"f:spec": {".": {}, "f:enabled": {}, "f:format": {}}}]])
    );
}

#[test]
fn kubectl_takes_over_what_it_applied_on_the_client_side() {
    let schema = gadget();
    let mut live = object(json!({"enabled": true}));
    let intent = live.to_string();
    live["metadata"]["annotations"] = json!({ LAST_APPLIED: intent });
    record_update(
        None,
        &mut live,
        &write("kubectl-client-side-apply"),
        Some(&schema),
    );
    assert!(applied(Some(&live), json!({"enabled": false}), "other", false).is_err());
    let taken = applied(Some(&live), json!({"enabled": false}), "kubectl", false).unwrap();
    assert_eq!(taken["spec"]["enabled"], false);
    let noted = taken["metadata"]["annotations"][LAST_APPLIED]
        .as_str()
        .unwrap_or_default();
    assert!(noted.contains("\"enabled\":false"), "{noted}");
}

#[test]
fn intents_may_not_bring_managed_fields() {
    let mut intent = object(json!({}));
    intent["metadata"]["managedFields"] = json!([]);
    let error = apply(None, &intent, &write("one"), false, None).unwrap_err();
    assert_eq!(error.message, "metadata.managedFields must be nil");
}

/// Intents over a few fields, so that they meet.
fn specs() -> impl Strategy<Value = Value> {
    let port =
        |name: &'static str| (0..3_i64).prop_map(move |port| json!({"name": name, "port": port}));
    let maybe = |value: BoxedStrategy<Value>| prop::option::of(value);
    (
        maybe(any::<bool>().prop_map(Value::from).boxed()),
        maybe((0..3_i64).prop_map(Value::from).boxed()),
        maybe(
            prop::sample::subsequence(vec!["x", "y", "z"], 1..3)
                .prop_map(Value::from)
                .boxed(),
        ),
        maybe(
            prop::collection::btree_map("[ab]", "[01]", 1..3)
                .prop_map(|map| json!(map))
                .boxed(),
        ),
        prop::collection::vec(prop_oneof![port("a"), port("b")], 0..2),
    )
        .prop_map(|(enabled, replicas, set, labels, ports)| {
            let mut spec = Map::new();
            let fields = [
                ("enabled", enabled),
                ("replicas", replicas),
                ("set", set),
                ("labels", labels),
            ];
            spec.extend(
                fields
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?))),
            );
            if !ports.is_empty() {
                spec.insert("ports".to_owned(), ports.into());
            }
            spec.into()
        })
}

proptest! {
    #[test]
    fn applying_the_same_intent_twice_changes_nothing(first in specs(), other in specs()) {
        let live = applied(None, other, "other", false).unwrap();
        let once = applied(Some(&live), first.clone(), "one", true).unwrap();
        let twice = applied(Some(&once), first, "one", true).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn two_managers_on_different_fields_commute(enabled: bool, replicas in 0..3_i64, label in "[a-c]", port in 0..3_i64) {
        let mine = json!({"enabled": enabled, "labels": {(label.clone()): "1"}});
        let theirs = json!({"replicas": replicas, "labels": {(format!("z{label}")): "1"}, "ports": [{"name": "p", "port": port}]});
        let ab = applied(Some(&applied(None, mine.clone(), "a", false).unwrap()), theirs.clone(), "b", false).unwrap();
        let ba = applied(Some(&applied(None, theirs, "b", false).unwrap()), mine, "a", false).unwrap();
        prop_assert_eq!(ab, ba);
    }

    #[test]
    fn an_applied_intent_holds(first in specs(), second in specs()) {
        let schema = gadget();
        let live = applied(None, first, "one", false).unwrap();
        let after = applied(Some(&live), second.clone(), "two", true).unwrap();
        let merged = typed::merge(Type::root(Some(&schema)), &after, &object(second));
        prop_assert_eq!(&merged["spec"], &after["spec"]);
    }

    #[test]
    fn sets_survive_their_json(first in specs(), second in specs()) {
        let schema = gadget();
        let root = Type::root(Some(&schema));
        let set = typed::field_set(root, &object(first)).union(&typed::field_set(root, &object(second)));
        prop_assert_eq!(FieldSet::decode(&set.encode()), set);
    }
}
