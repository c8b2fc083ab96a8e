use super::*;
use crate::kind::resource::ALL_VERBS;

fn resource(group: &str, plural: &str, kind: &str, columns: Vec<Column>) -> ResourceType {
    ResourceType {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        verbs: ALL_VERBS,
        status_subresource: true,
        scale_subresource: false,
        counts_generation: true,
        custom: !columns.is_empty(),
        schema: None,
        columns,
        selectable_fields: Vec::new(),
    }
}

fn column(name: &str, kind: &str, priority: i64, path: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
        description: String::new(),
        priority,
        json_path: path.to_owned(),
    }
}

fn now() -> Timestamp {
    "2024-01-01T00:05:09Z".parse().unwrap()
}

fn cells(resource: &ResourceType, object: Value) -> Value {
    let table = table(
        resource,
        &[Arc::new(object)],
        json!({}),
        IncludeObject::None,
        now(),
    );
    table["rows"][0]["cells"].clone()
}

#[test]
fn custom_resources_have_the_columns_of_their_definition() {
    let gadgets = resource(
        "example.com",
        "gadgets",
        "Gadget",
        vec![
            column("Enabled", "boolean", 0, ".spec.enabled"),
            column("Ready", "string", 0, ".status.ready"),
            column(
                "State",
                "string",
                0,
                r#".status.conditions[?(@.type=="Ready")].status"#,
            ),
            column("Format", "string", 1, ".spec.format"),
            column("Count", "integer", 0, ".spec.count"),
            column("Age", "date", 0, ".metadata.creationTimestamp"),
        ],
    );
    let object = Arc::new(json!({
        "metadata": {"name": "a", "resourceVersion": "7", "creationTimestamp": "2024-01-01T00:00:00Z"},
        "spec": {"enabled": true, "count": 2},
        "status": {"ready": true, "conditions": [{"type": "Ready", "status": "True"}]},
    }));
    let metadata = json!({"resourceVersion": "9", "continue": "", "remainingItemCount": null});
    let table = table(
        &gadgets,
        std::slice::from_ref(&object),
        metadata,
        IncludeObject::Metadata,
        now(),
    );
    assert_eq!(table["metadata"], json!({"resourceVersion": "9"}));
    assert_eq!(table["columnDefinitions"][0]["name"], "Name");
    assert_eq!(table["columnDefinitions"][0]["format"], "name");
    assert_eq!(table["columnDefinitions"][4]["priority"], 1);
    assert_eq!(
        table["rows"][0]["cells"],
        json!(["a", true, "true", "True", null, 2, "5m9s"])
    );
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[test]
fn a_column_that_takes_too_many_visits_is_empty() {
    let path = "..*".repeat(9);
    let gadgets = resource(
        "example.com",
        "gadgets",
        "Gadget",
        vec![
            column("Count", "integer", 0, ".count"),
            column("All", "string", 0, &path),
        ],
    );
    let mut deep = json!([1, 2, 3]);
    for _ in 0..30 {
        deep = json!({"a": deep});
    }
    let object = Arc::new(json!({"metadata": {"name": "a"}, "count": 2, "spec": deep}));
    let objects = [object.clone(), object];
    let table = table(&gadgets, &objects, json!({}), IncludeObject::None, now());
    for row in 0..2 {
        assert_eq!(table["rows"][row]["cells"], json!(["a", 2, null]));
    }
}

#[test]
fn a_node_reads_as_recorded() {
    let nodes = resource("", "nodes", "Node", Vec::new());
    let node = json!({
        "metadata": {"name": "worker-0", "creationTimestamp": "2024-01-01T00:05:00Z"},
        "spec": {"unschedulable": true},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"osImage": ""}},
    });
    assert_eq!(
        cells(&nodes, node),
        json!([
            "worker-0",
            "Ready,SchedulingDisabled",
            "<none>",
            "9s",
            "",
            "<none>",
            "<none>",
            "<unknown>",
            "<unknown>",
            "<unknown>"
        ])
    );
    let bare =
        json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": ""}}});
    assert_eq!(cells(&nodes, bare)[1], "Unknown");
}

#[test]
fn a_pod_is_summed_up_in_one_word() {
    let pods = resource("", "pods", "Pod", Vec::new());
    for (metadata, status, expected) in [
        (
            json!({}),
            json!({"phase": "Pending"}),
            json!(["0/1", "Pending", "0"]),
        ),
        (
            json!({}),
            json!({"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}, "restartCount": 0}]}),
            json!(["1/1", "Running", "0"]),
        ),
        (
            json!({}),
            json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
            json!(["0/1", "ImagePullBackOff", "0"]),
        ),
        (
            json!({}),
            json!({"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"reason": "Completed", "exitCode": 0}}}]}),
            json!(["0/1", "Completed", "0"]),
        ),
        (
            json!({}),
            json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}),
            json!(["0/1", "ExitCode:3", "0"]),
        ),
        (
            json!({}),
            json!({"phase": "Running", "containerStatuses": [{"ready": true, "restartCount": 2, "state": {"running": {}},
                "lastState": {"terminated": {"finishedAt": "2024-01-01T00:04:09Z"}}}]}),
            json!(["1/1", "Running", "2 (60s ago)"]),
        ),
        (
            json!({"deletionTimestamp": "2024-01-01T00:00:00Z"}),
            json!({"phase": "Running"}),
            json!(["0/1", "Terminating", "0"]),
        ),
        (
            json!({}),
            json!({"phase": "Pending", "initContainerStatuses": [{"state": {"running": {}}}]}),
            json!(["0/1", "Init:0/0", "0"]),
        ),
    ] {
        let pod = json!({"metadata": metadata, "spec": {"containers": [{"name": "c"}]}, "status": status});
        let row = cells(&pods, pod.clone());
        assert_eq!(json!([row[1], row[2], row[3]]), expected, "{pod}");
    }
}

#[test]
fn every_printer_fills_every_column() {
    for (group, plural) in [
        ("", "pods"),
        ("", "nodes"),
        ("", "namespaces"),
        ("", "services"),
        ("", "configmaps"),
        ("", "secrets"),
        ("", "serviceaccounts"),
        ("", "persistentvolumeclaims"),
        ("", "events"),
        ("apps", "deployments"),
        ("apps", "daemonsets"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("batch", "jobs"),
        ("coordination.k8s.io", "leases"),
        ("storage.k8s.io", "storageclasses"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
        (
            "admissionregistration.k8s.io",
            "validatingadmissionpolicies",
        ),
        (
            "admissionregistration.k8s.io",
            "validatingadmissionpolicybindings",
        ),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("flowcontrol.apiserver.k8s.io", "flowschemas"),
        (
            "flowcontrol.apiserver.k8s.io",
            "prioritylevelconfigurations",
        ),
    ] {
        let resource = resource(group, plural, "Kind", Vec::new());
        let table = table(
            &resource,
            &[Arc::new(json!({"metadata": {"name": "x"}}))],
            json!({}),
            IncludeObject::None,
            now(),
        );
        let cells = table["rows"][0]["cells"].as_array().map(Vec::len);
        assert_eq!(
            cells,
            table["columnDefinitions"].as_array().map(Vec::len),
            "{plural}"
        );
    }
}

#[test]
fn a_flow_schema_names_its_level() {
    let schemas = resource(
        "flowcontrol.apiserver.k8s.io",
        "flowschemas",
        "FlowSchema",
        Vec::new(),
    );
    let schema = json!({"metadata": {"name": "f", "creationTimestamp": "2024-01-01T00:00:00Z"},
        "spec": {"matchingPrecedence": 7, "priorityLevelConfiguration": {"name": "p"}},
        "status": {"conditions": [{"type": "Dangling", "status": "True"}]}});
    assert_eq!(
        cells(&schemas, schema),
        json!(["f", "p", 7, "<none>", "5m9s", "True"])
    );
}

#[test]
fn an_event_names_its_object() {
    let events = resource("", "events", "Event", Vec::new());
    let event = json!({"metadata": {"name": "e1"}, "type": "Normal", "reason": "Tested", "message": "hello ",
        "involvedObject": {"kind": "Pod", "name": "p"}, "lastTimestamp": "2024-01-01T00:00:00Z", "count": 3});
    assert_eq!(
        cells(&events, event),
        json!([
            "5m9s",
            "Normal",
            "Tested",
            "pod/p",
            "",
            "",
            "hello",
            "<unknown>",
            3,
            "e1"
        ])
    );
}
