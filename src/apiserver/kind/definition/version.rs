//! What is wrong with the versions of a definition: their names and their printer columns
//! (k8s.io/apiextensions-apiserver `pkg/apis/apiextensions/validation`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::versions;
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
    name,
};

pub fn validate(definition: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let (mut seen, mut is_unique) = (BTreeSet::new(), true);
    for (at, version) in versions(definition).enumerate() {
        let path = format!("spec.versions[{at}]");
        let name = text(version, "name");
        unless_label(name, &format!("{path}.name"), "", &mut causes);
        is_unique &= seen.insert(name);
    }
    if !is_unique {
        let why = "must contain unique version names";
        causes.push(field_error::invalid(
            "spec.versions",
            &definition["spec"]["versions"],
            why,
        ));
    }
    let names = &definition["spec"]["names"];
    for field in ["plural", "singular"] {
        let path = format!("spec.names.{field}");
        unless_label(text(names, field), &path, "", &mut causes);
    }
    for field in ["kind", "listKind"] {
        const PREFIX: &str = "may have mixed case, but should otherwise match: ";
        let path = format!("spec.names.{field}");
        unless_label(text(names, field), &path, PREFIX, &mut causes);
    }
    for field in ["shortNames", "categories"] {
        let given = names[field].as_array().into_iter().flatten();
        for (at, name) in given.filter_map(Value::as_str).enumerate() {
            let path = format!("spec.names.{field}[{at}]");
            unless_label(name, &path, "", &mut causes);
        }
    }
    scale(definition, &mut causes);
    let columns = |version: &Value| version["additionalPrinterColumns"].clone();
    let all: Vec<Value> = versions(definition).map(columns).collect();
    // What all versions share is the definition's own.
    let is_shared = all.windows(2).all(|pair| pair[0] == pair[1]);
    for (at, list) in all.iter().enumerate() {
        let path = if is_shared {
            "spec.additionalPrinterColumns".to_owned()
        } else {
            format!("spec.versions[{at}].additionalPrinterColumns")
        };
        for (at, column) in list.as_array().into_iter().flatten().enumerate() {
            validate_column(column, &format!("{path}[{at}]"), &mut causes);
        }
        if is_shared {
            break;
        }
    }
    causes
}

/// Where the replicas of a scale are.
fn scale(definition: &Value, causes: &mut Vec<FieldError>) {
    let scales = || versions(definition).map(|version| &version["subresources"]["scale"]);
    // What all versions share is the definition's own.
    let is_shared = scales()
        .zip(scales().skip(1))
        .all(|(one, other)| one == other);
    for (at, scale) in scales().enumerate() {
        let place = if is_shared {
            "spec.subresources.scale".to_owned()
        } else {
            format!("spec.versions[{at}].subresources.scale")
        };
        if is_shared && at > 0 || !scale.is_object() {
            continue;
        }
        for (field, root) in [
            ("specReplicasPath", ".spec"),
            ("statusReplicasPath", ".status"),
        ] {
            let (path, given) = (format!("{place}.{field}"), text(scale, field));
            if given.is_empty() {
                causes.push(field_error::required(&path, ""));
            } else if !given.starts_with(&format!("{root}.")) {
                let why = format!("should be a json path under {root}");
                causes.push(field_error::invalid(&path, &given.into(), why));
            }
        }
    }
}

/// Notes a name that is no DNS-1035 label; what may have mixed case says so.
fn unless_label(given: &str, path: &str, prefix: &str, causes: &mut Vec<FieldError>) {
    let compared = if prefix.is_empty() {
        given.to_owned()
    } else {
        given.to_lowercase()
    };
    let faults = name::alphabetic_label(&compared);
    if !given.is_empty() && !faults.is_empty() {
        let why = format!("{prefix}{}", faults.join(","));
        causes.push(field_error::invalid(path, &Value::from(given), why));
    }
}

fn validate_column(column: &Value, path: &str, causes: &mut Vec<FieldError>) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    const FORMATS: [&str; 8] = [
        "byte",
        "date",
        "date-time",
        "double",
        "float",
        "int32",
        "int64",
        "password",
    ];
    let field = |name: &str| format!("{path}.{name}");
    if text(column, "name").is_empty() {
        causes.push(field_error::required(&field("name"), ""));
    }
    let kind = text(column, "type");
    if kind.is_empty() {
        let any = TYPES.join(",");
        causes.push(field_error::required(
            &field("type"),
            &format!("must be one of {any}"),
        ));
    } else if !TYPES.contains(&kind) {
        let any = TYPES.join(",");
        causes.push(field_error::invalid(
            &field("type"),
            &Value::from(kind),
            format!("must be one of {any}"),
        ));
    }
    let format = text(column, "format");
    if !format.is_empty() && !FORMATS.contains(&format) {
        let any = FORMATS.join(",");
        causes.push(field_error::invalid(
            &field("format"),
            &Value::from(format),
            format!("must be one of {any}"),
        ));
    }
    let place = text(column, "jsonPath");
    if place.is_empty() {
        causes.push(field_error::required(&field("JSONPath"), ""));
    } else if !place.starts_with('.') {
        let why = "must be a simple json path starting with .";
        causes.push(field_error::invalid(
            &field("JSONPath"),
            &Value::from(place),
            why,
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_columns_are_checked() {
        let said = |version: Value, kind: &str| -> Vec<String> {
            let names = json!({"plural": "as", "kind": kind});
            let causes = validate(&json!({"spec": {"names": names, "versions": [version]}}));
            causes
                .iter()
                .map(|cause| format!("{}: {}", cause.field, cause.message))
                .collect()
        };
        let column = |column: Value| json!({"name": "v1", "additionalPrinterColumns": [column]});
        assert!(
            said(
                column(json!({"name": "A", "type": "string", "jsonPath": ".spec.a"})),
                "A"
            )
            .is_empty()
        );
        for (version, kind, expected) in [
            (
                json!({"name": "V1"}),
                "A",
                "spec.versions[0].name: Invalid value: \"V1\": a DNS-1035 label must",
            ),
            (
                json!({"name": "v1"}),
                "1A",
                "spec.names.kind: Invalid value: \"1A\": may have mixed case, but should",
            ),
            (
                column(json!({"name": "A", "type": "text", "jsonPath": ".a"})),
                "A",
                "spec.additionalPrinterColumns[0].type: Invalid value: \"text\": must be one of boolean,date,integer,number,string",
            ),
            (
                column(json!({"name": "A", "type": "string", "jsonPath": "a"})),
                "A",
                "spec.additionalPrinterColumns[0].JSONPath: Invalid value: \"a\": must be a simple json path starting with .",
            ),
        ] {
            let said = said(version.clone(), kind);
            assert!(
                said.len() == 1 && said[0].starts_with(expected),
                "{version}: {said:?}"
            );
        }
    }
}
