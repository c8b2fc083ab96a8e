use super::*;
use crate::{kind::resource::ALL_VERBS, schema::Schema};

fn resource(group: &str, kind: &str, namespaced: bool, schema: Schema) -> Arc<ResourceType> {
    Arc::new(ResourceType {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: format!("{}s", kind.to_lowercase()),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: ALL_VERBS,
        status_subresource: true,
        scale_subresource: false,
        counts_generation: true,
        custom: !schema.is_built_in(),
        schema: Some(Arc::new(schema)),
        columns: Vec::new(),
        selectable_fields: Vec::new(),
    })
}

fn resources() -> Vec<Arc<ResourceType>> {
    let gadget = json!({"type": "object", "description": "A gadget.", "properties": {
        "spec": {"type": "object", "properties": {"enabled": {"type": "boolean", "description": "whether it is on"}}}}});
    let gadget = Schema::compile(&gadget).unwrap_or_else(|causes| panic!("{causes:?}"));
    let pod = model::schema(&model::name_of("", "v1", "Pod"));
    vec![
        resource("example.com", "Gadget", false, gadget),
        resource("", "Pod", true, pod),
    ]
}

#[test]
fn the_index_names_every_document_by_its_content() {
    let index = v3_index(&resources());
    let url = index["paths"]["apis/example.com/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap_or_default();
    assert!(
        url.starts_with("/openapi/v3/apis/example.com/v1?hash="),
        "{url}"
    );
    assert!(index["paths"]["api/v1"].is_object());
    assert_eq!(index, v3_index(&resources()));
    let other = v3_index(&resources()[..1]);
    assert_eq!(
        other["paths"]["apis/example.com/v1"],
        index["paths"]["apis/example.com/v1"]
    );
}

#[test]
fn a_document_has_what_kubectl_looks_for() {
    let document = v3_document(&resources(), "example.com", "v1").unwrap();
    let kind = json!({"group": "example.com", "version": "v1", "kind": "Gadget"});
    let schema = &document["components"]["schemas"]["com.example.v1.Gadget"];
    assert_eq!(schema["x-kubernetes-group-version-kind"], json!([kind]));
    assert_eq!(
        schema["properties"]["spec"]["properties"]["enabled"]["description"],
        "whether it is on"
    );
    let patch = &document["paths"]["/apis/example.com/v1/gadgets/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"], kind);
    assert_eq!(patch["x-kubernetes-action"], "patch");
    let names: Vec<&str> = patch["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    for wanted in ["dryRun", "fieldManager", "fieldValidation", "force"] {
        assert!(names.contains(&wanted), "{wanted}: {names:?}");
    }
    let metadata = schema["properties"]["metadata"]["allOf"][0]["$ref"]
        .as_str()
        .unwrap_or_default();
    let target = document.pointer(metadata.trim_start_matches('#')).unwrap();
    assert!(target["properties"]["labels"]["description"].is_string());
    assert_eq!(v3_document(&resources(), "example.com", "v2"), None);
}

#[test]
fn namespaced_resources_have_both_collections() {
    let document = v3_document(&resources(), "", "v1").unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/api/v1/pods",
        "/api/v1/namespaces/{namespace}/pods",
        "/api/v1/namespaces/{namespace}/pods/{name}",
        "/api/v1/namespaces/{namespace}/pods/{name}/status",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert!(document["components"]["schemas"]["io.k8s.api.core.v1.Pod"].is_object());
}

#[test]
fn every_reference_leads_somewhere() {
    for (group, version) in [("example.com", "v1"), ("", "v1")] {
        let document = v3_document(&resources(), group, version).unwrap();
        let mut waiting = vec![&document];
        while let Some(value) = waiting.pop() {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                assert!(
                    document.pointer(target.trim_start_matches('#')).is_some(),
                    "{target}"
                );
            }
            match value {
                Value::Array(elements) => waiting.extend(elements),
                Value::Object(members) => waiting.extend(members.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
}

#[test]
fn the_second_version_describes_the_same_kinds() {
    let document = v2(&resources());
    let definitions = &document["definitions"];
    let containers =
        &definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]["items"]["$ref"];
    assert_eq!(*containers, "#/definitions/io.k8s.api.core.v1.Container");
    assert!(definitions["com.example.v1.Gadget"]["properties"]["spec"].is_object());
    let kind = &definitions["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"][0];
    assert_eq!(*kind, json!({"group": "", "version": "v1", "kind": "Pod"}));
}

/// As a kube-apiserver 1.36 publishes these fields of a custom resource, in the second version and in the third.
#[test]
fn custom_schemas_are_published_as_by_a_real_server() {
    let kind_type = json!({"description": "kind is a string value representing the type of this object. In CamelCase. More \
        info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds", "type": "string"});
    let any_of = json!([{"type": "integer"}, {"type": "string"}]);
    let preserved = json!({"x-kubernetes-preserve-unknown-fields": true});
    for (raw, second, third) in [
        (
            json!({"type": "string", "minLength": 1, "default": "a", "nullable": false}),
            json!({"type": "string", "minLength": 1}),
            json!({"type": "string", "minLength": 1, "default": "a"}),
        ),
        (
            json!({"type": "object", "nullable": true, "properties": {"a": {"type": "string"}}}),
            json!({}),
            json!({"type": "object", "nullable": true, "properties": {"a": {"type": "string"}}}),
        ),
        (
            json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string", "nullable": true, "enum": ["A"]}, "b": {"type": "string"}}}),
            json!({"type": "object", "required": ["b"], "properties": {"a": {"enum": ["A"]}, "b": {"type": "string"}}}),
            json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string", "nullable": true, "enum": ["A"]}, "b": {"type": "string"}}}),
        ),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!({"x-kubernetes-int-or-string": true}),
            json!({"x-kubernetes-int-or-string": true, "anyOf": any_of}),
        ),
        (
            json!({"x-kubernetes-int-or-string": true, "anyOf": any_of}),
            json!({"x-kubernetes-int-or-string": true}),
            json!({"x-kubernetes-int-or-string": true, "anyOf": any_of}),
        ),
        (
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"minimum": 3}]}),
            json!({"x-kubernetes-int-or-string": true}),
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"minimum": 3}], "allOf": [{"anyOf": any_of}]}),
        ),
        (
            json!({"type": "object", "description": "o", "x-kubernetes-preserve-unknown-fields": true, "properties": {"q": {"type": "string"}}}),
            json!({"description": "o", "x-kubernetes-preserve-unknown-fields": true}),
            json!({"type": "object", "description": "o", "x-kubernetes-preserve-unknown-fields": true, "properties": {"q": {"type": "string"}}}),
        ),
        (
            json!({"type": "array", "items": preserved}),
            json!({"type": "array", "items": preserved}),
            json!({"type": "array", "items": preserved}),
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "string", "nullable": true}}),
            json!({"type": "object", "additionalProperties": {}}),
            json!({"type": "object", "additionalProperties": {"type": "string", "nullable": true}}),
        ),
        (
            json!({"type": "object", "additionalProperties": true, "oneOf": [{"required": ["a"]}]}),
            json!({"type": "object", "additionalProperties": true}),
            json!({"type": "object", "additionalProperties": true, "oneOf": [{"required": ["a"]}]}),
        ),
    ] {
        let schema = json!({"type": "object", "properties": {"x": raw}});
        let schema = Schema::compile(&schema).unwrap_or_else(|causes| panic!("{raw}: {causes:?}"));
        let published = resource("example.com", "Gadget", false, schema);
        let shown = |dialect| custom::schema(&published, dialect)["properties"]["x"].clone();
        assert_eq!(shown(Dialect::V2), second, "{raw}");
        assert_eq!(shown(Dialect::V3), third, "{raw}");
    }
    let embedded = json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true});
    let schema = json!({"type": "object", "properties": {"x": embedded}});
    let published = resource(
        "example.com",
        "Gadget",
        false,
        Schema::compile(&schema).unwrap(),
    );
    let shown = |dialect| custom::schema(&published, dialect)["properties"]["x"].clone();
    assert_eq!(shown(Dialect::V3)["properties"]["kind"], kind_type);
    assert_eq!(
        shown(Dialect::V3)["required"],
        json!(["kind", "apiVersion"])
    );
    assert!(shown(Dialect::V2).get("properties").is_none());
}

#[test]
fn a_kind_that_preserves_everything_has_no_fields_for_clients_of_the_second_version() {
    let raw = json!({"type": "object", "description": "d", "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"spec": {"type": "object"}}});
    let published = resource(
        "example.com",
        "Gadget",
        false,
        Schema::compile(&raw).unwrap(),
    );
    assert_eq!(
        custom::schema(&published, Dialect::V2),
        json!({"type": "object"})
    );
    let third = custom::schema(&published, Dialect::V3);
    assert_eq!(third["description"], "d");
    assert!(third["properties"]["metadata"]["allOf"].is_array());
}
