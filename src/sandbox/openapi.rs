//! OpenAPI v3: what `kubectl explain`, `apply`, `create` and `edit` ask before they do anything.
//!
//! One document a group and version, made from the schemas of its resources. The v2 document is empty: clients fall back
//! to it for kinds that they did not find, and must be told that they are not there either.

mod metadata;

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::resource::ResourceType;

const TITLE: &str = "Kubernetes";
const VERSION: &str = "unversioned";

/// `/openapi/v3`: where the documents are; their hashes let clients keep them.
#[must_use]
pub fn v3_index(resources: &[Arc<ResourceType>]) -> Value {
    let versions: BTreeSet<(&str, &str)> = resources
        .iter()
        .map(|resource| (resource.group.as_str(), resource.version.as_str()))
        .collect();
    let paths: Map<String, Value> = versions
        .into_iter()
        .filter_map(|(group, version)| {
            let document = v3_document(resources, group, version)?;
            let path = root(group, version);
            let url = format!("/openapi/v3/{path}?hash={}", hash(&document));
            Some((path, json!({ "serverRelativeURL": url })))
        })
        .collect();
    json!({ "paths": paths })
}

/// The document of a group and version, where there is one.
#[must_use]
pub fn v3_document(resources: &[Arc<ResourceType>], group: &str, version: &str) -> Option<Value> {
    let served: Vec<&ResourceType> = resources
        .iter()
        .map(Arc::as_ref)
        .filter(|resource| resource.group == group && resource.version == version)
        .collect();
    if served.is_empty() {
        return None;
    }
    let mut paths = Map::new();
    let mut schemas = metadata::schemas();
    for resource in served {
        paths.extend(resource_paths(resource));
        schemas.insert(
            model_name(resource, &resource.kind),
            object_schema(resource),
        );
        if resource.verbs.contains(&"list") {
            schemas.insert(
                model_name(resource, &resource.list_kind),
                list_schema(resource),
            );
        }
    }
    Some(
        json!({"openapi": "3.0.0", "info": {"title": TITLE, "version": VERSION},
        "paths": paths, "components": {"schemas": schemas}}),
    )
}

/// `/openapi/v2`.
#[must_use]
pub fn v2() -> Value {
    json!({"swagger": "2.0", "info": {"title": TITLE, "version": VERSION}, "paths": {}})
}

/// The media type of [`v2_protobuf`].
pub const V2_MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `/openapi/v2` as kubectl takes it (gnostic's `openapi.v2.Document`).
#[must_use]
pub fn v2_protobuf() -> Vec<u8> {
    // All lengths are below 128: one byte each.
    let field = |number: usize, bytes: &[u8]| {
        let head = [number << 3 | 2, bytes.len()].map(|byte| u8::try_from(byte).unwrap_or(u8::MAX));
        [&head, bytes].concat()
    };
    let info = [field(1, TITLE.as_bytes()), field(2, VERSION.as_bytes())].concat();
    [field(1, b"2.0"), field(2, &info), field(8, b"")].concat()
}

/// The same content has the same hash, in every process.
fn hash(document: &Value) -> String {
    let digest = Sha256::digest(document.to_string());
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

/// `api/v1` or `apis/GROUP/VERSION`.
fn root(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

fn group_version_kind(resource: &ResourceType, kind: &str) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": kind})
}

/// The name of a kind's schema: Go's package path for built-in kinds, the group turned round for custom ones.
fn model_name(resource: &ResourceType, kind: &str) -> String {
    let (group, version) = (resource.group.as_str(), resource.version.as_str());
    match group {
        _ if resource.custom => {
            let reversed: Vec<&str> = group.split('.').rev().collect();
            format!("{}.{version}.{kind}", reversed.join("."))
        }
        "" => format!("io.k8s.api.core.{version}.{kind}"),
        "apiextensions.k8s.io" => {
            format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}.{kind}")
        }
        group => format!(
            "io.k8s.api.{}.{version}.{kind}",
            group.split('.').next().unwrap_or(group)
        ),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of an object: its own, with the type and the metadata that every object has.
fn object_schema(resource: &ResourceType) -> Value {
    let mut schema = resource
        .raw_schema()
        .cloned()
        .unwrap_or_else(|| json!({"type": "object"}));
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]["apiVersion"] = metadata::api_version();
    schema["properties"]["kind"] = metadata::kind();
    schema["properties"]["metadata"] = json!({"description": metadata::OBJECT_METADATA_FIELD,
        "allOf": [reference(metadata::OBJECT_METADATA)], "default": {}});
    schema["x-kubernetes-group-version-kind"] =
        json!([group_version_kind(resource, &resource.kind)]);
    schema
}

fn list_schema(resource: &ResourceType) -> Value {
    json!({"type": "object", "required": ["items"],
        "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
        "properties": {
            "apiVersion": metadata::api_version(),
            "kind": metadata::kind(),
            "metadata": {"description": metadata::LIST_METADATA_FIELD, "allOf": [reference(metadata::LIST_METADATA)]},
            "items": {"type": "array", "description": format!("List of {}.", resource.plural),
                "items": reference(&model_name(resource, &resource.kind))},
        },
        "x-kubernetes-group-version-kind": [group_version_kind(resource, &resource.list_kind)]})
}

/// The paths of a resource: the collection, one object, and its subresources.
fn resource_paths(resource: &ResourceType) -> Vec<(String, Value)> {
    let prefix = format!("/{}", root(&resource.group, &resource.version));
    let collection = if resource.namespaced {
        format!("{prefix}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        format!("{prefix}/{}", resource.plural)
    };
    let item = format!("{collection}/{{name}}");
    let mut paths = vec![(
        collection.clone(),
        path_item(resource, &COLLECTION, false, ""),
    )];
    if resource.verbs.contains(&"get") {
        paths.push((item.clone(), path_item(resource, &ITEM, true, "")));
    }
    if resource.status_subresource {
        paths.push((
            format!("{item}/status"),
            path_item(resource, &SUBRESOURCE, true, "Status"),
        ));
    }
    if resource.namespaced && resource.verbs.contains(&"list") {
        let everywhere = path_item(resource, &COLLECTION[..1], false, "ForAllNamespaces");
        paths.push((
            format!("{prefix}/{}", resource.plural),
            without_namespace(everywhere),
        ));
    }
    paths
}

/// HTTP method, verb, Kubernetes' action, and the start of the operation's name.
type Operation = (&'static str, &'static str, &'static str, &'static str);

const COLLECTION: [Operation; 3] = [
    ("get", "list", "list", "list"),
    ("post", "create", "post", "create"),
    (
        "delete",
        "deletecollection",
        "deletecollection",
        "deleteCollection",
    ),
];
const ITEM: [Operation; 4] = [
    ("get", "get", "get", "read"),
    ("put", "update", "put", "replace"),
    ("patch", "patch", "patch", "patch"),
    ("delete", "delete", "delete", "delete"),
];
const SUBRESOURCE: [Operation; 3] = [ITEM[0], ITEM[1], ITEM[2]];

fn path_item(
    resource: &ResourceType,
    operations: &[Operation],
    named: bool,
    suffix: &str,
) -> Value {
    let mut item = Map::new();
    for operation in operations
        .iter()
        .filter(|(_, verb, ..)| resource.verbs.contains(verb))
    {
        item.insert(
            operation.0.to_owned(),
            operation_object(resource, operation, suffix),
        );
    }
    let path_parameter = |name: &str, description: &str| {
        json!({"name": name, "in": "path", "required": true, "description": description,
            "schema": {"type": "string", "uniqueItems": true}})
    };
    let mut parameters = Vec::new();
    if named {
        parameters.push(path_parameter(
            "name",
            &format!("name of the {}", resource.kind),
        ));
    }
    if resource.namespaced {
        let description = "object name and auth scope, such as for teams and projects";
        parameters.push(path_parameter("namespace", description));
    }
    item.insert("parameters".to_owned(), parameters.into());
    item.into()
}

fn without_namespace(mut item: Value) -> Value {
    item["parameters"] = json!([]);
    item
}

fn operation_object(
    resource: &ResourceType,
    (method, verb, action, start): &Operation,
    suffix: &str,
) -> Value {
    let scope = if resource.namespaced && suffix != "ForAllNamespaces" {
        "Namespaced"
    } else {
        ""
    };
    let answered = match *verb {
        "list" => reference(&model_name(resource, &resource.list_kind)),
        "delete" | "deletecollection" => reference(metadata::STATUS),
        _ => reference(&model_name(resource, &resource.kind)),
    };
    let mut operation = json!({
        "tags": [tag(resource)],
        "operationId": format!("{start}{}{scope}{}{suffix}", camel(&tag(resource)), resource.kind),
        "parameters": query_parameters(verb),
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": answered}}},
            "401": {"description": "Unauthorized"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": group_version_kind(resource, &resource.kind),
    });
    let sent = match *method {
        "post" | "put" => Some(vec!["*/*"]),
        "patch" => Some(vec![
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
        ]),
        _ => None,
    };
    if let Some(media_types) = sent {
        let schema = match *method {
            "patch" => reference(metadata::PATCH),
            _ => reference(&model_name(resource, &resource.kind)),
        };
        let content: Map<String, Value> = media_types
            .into_iter()
            .map(|media_type| (media_type.to_owned(), json!({ "schema": schema })))
            .collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

/// `apps_v1`, as clients group operations.
fn tag(resource: &ResourceType) -> String {
    let group = resource
        .group
        .strip_suffix(".k8s.io")
        .unwrap_or(&resource.group)
        .replace('.', "_");
    let group = if group.is_empty() { "core" } else { &group };
    format!("{group}_{}", resource.version)
}

/// `apps_v1` as `AppsV1`.
fn camel(tag: &str) -> String {
    tag.split(['_', '-'])
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        })
        .collect()
}

/// What a request may ask for. Clients look here for whether a dry run and strict validation are understood.
fn query_parameters(verb: &str) -> Vec<Value> {
    const DRY_RUN: (&str, &str, &str) = (
        "dryRun",
        "string",
        "When present, indicates that modifications should not be persisted. Valid values are: All.",
    );
    const MANAGER: (&str, &str, &str) = (
        "fieldManager",
        "string",
        "The name associated with the actor or entity that is making these changes.",
    );
    const VALIDATION: (&str, &str, &str) = (
        "fieldValidation",
        "string",
        "How unknown or duplicate fields are handled. Valid values are: Ignore, Warn, Strict.",
    );
    const FORCE: (&str, &str, &str) = (
        "force",
        "boolean",
        "Take over fields that other managers of an apply own, instead of a conflict.",
    );
    const SELECTION: [(&str, &str, &str); 7] = [
        (
            "labelSelector",
            "string",
            "Restrict the returned objects by their labels.",
        ),
        (
            "fieldSelector",
            "string",
            "Restrict the returned objects by their fields.",
        ),
        ("limit", "integer", "The most items of one page."),
        ("continue", "string", "Where the previous page ended."),
        (
            "resourceVersion",
            "string",
            "The version to read at, or to watch from.",
        ),
        ("timeoutSeconds", "integer", "How long a watch may last."),
        ("watch", "boolean", "Watch for changes instead of listing."),
    ];
    let named: Vec<(&str, &str, &str)> = match verb {
        "list" | "deletecollection" => SELECTION.to_vec(),
        "create" | "update" => vec![DRY_RUN, MANAGER, VALIDATION],
        "patch" => vec![DRY_RUN, MANAGER, VALIDATION, FORCE],
        "delete" => vec![
            DRY_RUN,
            (
                "gracePeriodSeconds",
                "integer",
                "How long the object may take to end.",
            ),
            (
                "propagationPolicy",
                "string",
                "What becomes of dependents: Orphan, Background or Foreground.",
            ),
        ],
        _ => Vec::new(),
    };
    let mut parameters: Vec<Value> = named
        .into_iter()
        .map(|(name, kind, description)| {
            json!({"name": name, "in": "query", "description": description,
                "schema": {"type": kind, "uniqueItems": true}})
        })
        .collect();
    parameters.push(json!({"name": "pretty", "in": "query", "description": "If 'true', then the output is pretty printed.",
        "schema": {"type": "string", "uniqueItems": true}}));
    parameters
}

#[cfg(test)]
mod tests;
