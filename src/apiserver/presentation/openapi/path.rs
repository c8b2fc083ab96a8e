//! The paths of a resource and what may be asked of them.

use serde_json::{Map, Value, json};

use super::{Dialect, PATCH, SCALE, group_version_kind, model_name, root};
use crate::kind::{model, resource::ResourceType};

/// The paths of a resource: the collection, one object, and its subresources.
pub(super) fn of(resource: &ResourceType) -> Vec<(String, Value)> {
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
    for (is_there, name, suffix) in [
        (resource.status_subresource, "status", "Status"),
        (resource.scale_subresource, "scale", "Scale"),
        (resource.is_approved(), "approval", "Approval"),
    ] {
        if is_there {
            let path = path_item(resource, &SUBRESOURCE, true, suffix);
            paths.push((format!("{item}/{name}"), path));
        }
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
    let own = match suffix {
        "Scale" => Dialect::V3.reference(SCALE),
        _ => Dialect::V3.reference(&model_name(resource, &resource.kind)),
    };
    let answered = match *verb {
        "list" => Dialect::V3.reference(&model_name(resource, &resource.list_kind)),
        "delete" | "deletecollection" => Dialect::V3.reference(model::STATUS),
        _ => own.clone(),
    };
    let kind = match suffix {
        "Scale" if !resource.custom => {
            json!({"group": "autoscaling", "version": "v1", "kind": "Scale"})
        }
        _ => group_version_kind(resource, &resource.kind),
    };
    let mut operation = json!({
        "tags": [tag(resource)],
        "operationId": format!("{start}{}{scope}{}{suffix}", camel(&tag(resource)), resource.kind),
        "parameters": query_parameters(verb),
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": answered}}},
            "401": {"description": "Unauthorized"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": kind,
    });
    let sent = match *method {
        "post" | "put" => Some(vec!["*/*"]),
        "patch" => {
            let mut media_types = vec![
                "application/apply-patch+yaml",
                "application/json-patch+json",
                "application/merge-patch+json",
            ];
            media_types
                .extend((!resource.custom).then_some("application/strategic-merge-patch+json"));
            Some(media_types)
        }
        _ => None,
    };
    if let Some(media_types) = sent {
        let schema = match *method {
            "patch" => Dialect::V3.reference(PATCH),
            _ => own,
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
