//! The definitions of VMRuntime and VMRuntimePreflightCheck in a release: the fields that it has and no others, so that a
//! field of a later one is dropped as there.

use serde_json::{Map, Value, json};

use super::Release;
use crate::api::name::{GROUP, VERSION};

pub(super) fn vmruntime(release: &Release) -> Value {
    let mut columns = vec![
        column("Age", "date", ".metadata.creationTimestamp"),
        column("Enabled", "string", ".spec.enabled"),
        column("Ready", "string", ".status.ready"),
    ];
    if release.summary {
        columns.push(column(
            "PreflightCheck",
            "string",
            ".status.preflightCheckSummary.preflightCheckPassed",
        ));
    }
    definition(
        "VMRuntime",
        "vmruntimes",
        &json!({"scope": "Cluster"}),
        &columns,
        &json!({
            "type": "object",
            "required": ["spec"],
            "properties": {"spec": spec(), "status": status(release)},
        }),
    )
}

pub(super) fn preflight_check() -> Value {
    let results = json!({"type": "array", "items": {
        "type": "object",
        "required": ["checkName", "passed"],
        "properties": {"checkName": text(), "passed": boolean(), "message": text()},
    }});
    let by_node = |properties: Value, required: Value| {
        json!({"type": "object", "additionalProperties": {
            "type": "object", "properties": properties, "required": required,
        }})
    };
    let time = json!({"type": "string", "format": "date-time"});
    definition(
        "VMRuntimePreflightCheck",
        "vmruntimepreflightchecks",
        &json!({"scope": "Namespaced", "shortNames": ["vmruntimepfc"]}),
        &[
            column("Pass", "boolean", ".status.pass"),
            column("Age", "date", ".metadata.creationTimestamp"),
        ],
        &json!({"type": "object", "properties": {
            "spec": {"type": "object"},
            "status": {"type": "object", "properties": {
                "pass": boolean(),
                "checks": by_node(json!({"passed": boolean(), "results": results}), json!(["passed"])),
                "failures": by_node(json!({"results": results}), json!([])),
                "startTime": time, "completionTime": time,
            }},
        }}),
    )
}

/// The documented settings. What is a structure of its own is kept as it is given.
fn spec() -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"type": "object", "properties": {
        "enabled": boolean(),
        "useEmulation": boolean(),
        "vmImageFormat": {"type": "string", "enum": ["raw", "qcow2"]},
        "enableGPU": boolean(),
        "disableCDIUploadProxyVIP": boolean(),
        "storage": {"type": "object", "properties": {"defaultStorageClass": text()}},
        "evictionPolicy": {"type": "object", "properties": {
            "evictionStrategy": {"type": "string", "enum": ["LiveMigrate", "Restart"]},
            "maxMigrationAttemptsPerVM": {"type": "integer", "minimum": 1, "maximum": 5},
            "migrationTargetInitializationTimeout": text(),
        }},
        "featureGates": anything,
        "haPolicy": anything,
    }})
}

fn status(release: &Release) -> Value {
    let mut properties = Map::new();
    properties.insert(
        "ready".to_owned(),
        json!({"type": "boolean", "default": false}),
    );
    if release.summary {
        let feature = json!({
            "type": "object", "required": ["passed"],
            "properties": {"passed": boolean(), "failedNodeNum": {"type": "integer"}},
        });
        let summary = json!({"type": "object", "required": ["preflightCheckName"], "properties": {
            "preflightCheckName": text(),
            "preflightCheckPassed": boolean(),
            "featureStatuses": {"type": "object", "additionalProperties": feature},
        }});
        properties.insert("preflightCheckSummary".to_owned(), summary);
    }
    if release.observations {
        let storage = json!({"type": "object", "properties": {"defaultStorageClass": text()}});
        properties.insert("storage".to_owned(), storage);
        properties.insert("anthosBareMetalVersion".to_owned(), text());
        properties.insert("observedGeneration".to_owned(), json!({"type": "integer"}));
    }
    json!({"type": "object", "properties": properties})
}

fn definition(kind: &str, plural: &str, names: &Value, columns: &[Value], schema: &Value) -> Value {
    let mut definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": names["scope"],
            "names": {
                "kind": kind, "listKind": format!("{kind}List"),
                "plural": plural, "singular": kind.to_lowercase(),
            },
            "versions": [{
                "name": VERSION, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns,
            }],
        },
    });
    if let Some(short) = names.get("shortNames") {
        definition["spec"]["names"]["shortNames"] = short.clone();
    }
    definition
}

fn column(name: &str, kind: &str, path: &str) -> Value {
    json!({"name": name, "type": kind, "jsonPath": path})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn boolean() -> Value {
    json!({"type": "boolean"})
}
