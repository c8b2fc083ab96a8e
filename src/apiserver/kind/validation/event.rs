//! Events, which both groups show in their own words.

use serde_json::Value;

use super::go_struct;
use crate::{
    kind::resource::ResourceType,
    object::{
        field_error::{self, FieldError},
        metadata::text,
    },
};

/// The fields that an event of the new group keeps: as that group names them, and as messages do.
const KEPT: [(&str, &str); 13] = [
    ("regarding", "involvedObject"),
    ("reason", "reason"),
    ("note", "message"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reportingController", "reportingController"),
    ("reportingInstance", "reportingInstance"),
];
const REFERENCE: [(&str, &str, &str); 7] = [
    ("kind", "Kind", "\"\""),
    ("namespace", "Namespace", "\"\""),
    ("name", "Name", "\"\""),
    ("uid", "UID", "\"\""),
    ("apiVersion", "APIVersion", "\"\""),
    ("resourceVersion", "ResourceVersion", "\"\""),
    ("fieldPath", "FieldPath", "\"\""),
];
const SOURCE: [(&str, &str, &str); 2] =
    [("component", "Component", "\"\""), ("host", "Host", "\"\"")];

pub fn check(
    resource: &ResourceType,
    new: &Value,
    old: Option<&Value>,
    causes: &mut Vec<FieldError>,
) {
    place(new, causes);
    // Whoever uses the core group may still change everything.
    let Some(old) = old.filter(|_| !resource.group.is_empty()) else {
        return;
    };
    for (field, named) in KEPT {
        let value = &new[field];
        if *value == old[field] {
            continue;
        }
        let why = "field is immutable";
        causes.push(match named {
            "involvedObject" | "related" => {
                field_error::invalid_shown(named, &go_struct(value, &REFERENCE), why)
            }
            "source" => field_error::invalid_shown(named, &go_struct(value, &SOURCE), why),
            _ => field_error::invalid(named, value, why),
        });
    }
}

/// An event lies in the namespace of what it is about.
fn place(new: &Value, causes: &mut Vec<FieldError>) {
    let about = ["involvedObject", "regarding"]
        .into_iter()
        .find(|field| new[*field].is_object());
    let involved = about.map_or("", |field| text(&new[field], "namespace"));
    let own = text(&new["metadata"], "namespace");
    let fits = if involved.is_empty() {
        matches!(own, "default" | "kube-system")
    } else {
        involved == own
    };
    if !fits {
        let path = "involvedObject.namespace";
        causes.push(field_error::invalid(
            path,
            &involved.into(),
            "does not match event.namespace",
        ));
    }
}
