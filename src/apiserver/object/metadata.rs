//! `ObjectMeta`: what it may hold, how it is cleaned on the way in, and Kubernetes' rules for creating and changing it.

use serde_json::{Map, Value};

use crate::object::{
    field_error::{self, FieldError},
    name::{self, NameRule},
};

/// The JSON shape of a field of `ObjectMeta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
    /// A map of strings.
    Texts,
    /// A list of strings.
    List,
    /// A list of objects.
    Objects,
}

impl Shape {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_i64() || value.is_u64(),
            Self::Texts => value
                .as_object()
                .is_some_and(|map| map.values().all(|one| one.is_string() || one.is_null())),
            Self::List => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string)),
            Self::Objects => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_object)),
        }
    }

    /// What does not fit, and the type that it should have: of a map or a list the first member that is wrong.
    fn mismatch(self, value: &Value) -> (&Value, &'static str) {
        let member = match (self, value) {
            (Self::Texts, Value::Object(map)) => map.values().find(|one| !one.is_string()),
            (Self::List, Value::Array(list)) => list.iter().find(|one| !one.is_string()),
            _ => None,
        };
        member.map_or((value, self.go_type()), |member| (member, "string"))
    }

    const fn go_type(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "int64",
            Self::Texts => "map[string]string",
            Self::List => "[]string",
            Self::Objects => "[]object",
        }
    }
}

const FIELDS: [(&str, Shape); 15] = [
    ("annotations", Shape::Texts),
    ("creationTimestamp", Shape::Text),
    ("deletionGracePeriodSeconds", Shape::Number),
    ("deletionTimestamp", Shape::Text),
    ("finalizers", Shape::List),
    ("generateName", Shape::Text),
    ("generation", Shape::Number),
    ("labels", Shape::Texts),
    ("managedFields", Shape::Objects),
    ("name", Shape::Text),
    ("namespace", Shape::Text),
    ("ownerReferences", Shape::Objects),
    ("resourceVersion", Shape::Text),
    ("selfLink", Shape::Text),
    ("uid", Shape::Text),
];

/// Brings `metadata` into the shape that the API server stores: unknown fields, nulls and empty values are dropped.
/// Returns the paths of the unknown fields, or what can not be read.
pub fn normalise(object: &mut Value, is_custom: bool) -> Result<Vec<String>, String> {
    // The metadata of custom resources is read by itself.
    let above = if is_custom { "" } else { "metadata." };
    let Some(root) = object.as_object_mut() else {
        return Err("json: cannot unmarshal into an object".to_owned());
    };
    let metadata = root.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    let Some(metadata) = metadata.as_object_mut() else {
        return Err(format!(
            "json: cannot unmarshal {} into Go struct field .metadata of type v1.ObjectMeta",
            go_word(metadata)
        ));
    };
    let mut unknown = Vec::new();
    let mut wrong = None;
    metadata.retain(|field, value| {
        let Some((_, shape)) = FIELDS.iter().find(|(name, _)| name == field) else {
            unknown.push(format!("metadata.{field}"));
            return false;
        };
        if value.is_null() {
            return false;
        }
        if !shape.fits(value) {
            wrong.get_or_insert_with(|| {
                let (found, wanted) = shape.mismatch(value);
                format!(
                    "json: cannot unmarshal {} into Go struct field ObjectMeta.{above}{field} of type {wanted}",
                    go_word(found)
                )
            });
        }
        if let Some(texts) = value.as_object_mut().filter(|_| *shape == Shape::Texts) {
            for text in texts.values_mut().filter(|text| text.is_null()) {
                *text = "".into();
            }
        }
        !is_empty(value)
    });
    wrong.map_or(Ok(unknown), Err)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Go's word for the kind of a JSON value.
pub fn go_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn invalid(field: &str, value: &str, why: &str) -> FieldError {
    field_error::invalid(field, &value.into(), why)
}

/// What is wrong with an object's metadata by itself.
pub fn validate(object: &Value, rule: NameRule, namespaced: bool) -> Vec<FieldError> {
    let metadata = &object["metadata"];
    let mut causes = Vec::new();
    let base = metadata["generateName"].as_str().unwrap_or_default();
    if !base.is_empty() {
        // What is put behind it makes the end a valid one.
        let masked = match base.strip_suffix('-') {
            Some(rest) if !rest.is_empty() => format!("{rest}a"),
            Some(_) | None => base.to_owned(),
        };
        let faults = rule.faults(&masked).into_iter();
        causes.extend(faults.map(|why| invalid("metadata.generateName", base, &why)));
    }
    let name = metadata["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        causes.push(field_error::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else {
        let faults = rule.faults(name).into_iter();
        causes.extend(faults.map(|why| invalid("metadata.name", name, &why)));
    }
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    if namespaced {
        if namespace.is_empty() {
            causes.push(field_error::required("metadata.namespace", ""));
        } else {
            let faults = name::label(namespace).into_iter();
            causes.extend(faults.map(|why| invalid("metadata.namespace", namespace, &why)));
        }
    } else if !namespace.is_empty() {
        causes.push(field_error::forbidden(
            "metadata.namespace",
            "not allowed on this type",
        ));
    }
    causes.extend(validate_contents(metadata));
    causes.extend(validate_finalizers(metadata));
    causes
}

/// Labels, annotations and owners: checked on every write.
fn validate_contents(metadata: &Value) -> Vec<FieldError> {
    const ANNOTATIONS_LIMIT: u32 = 256 * 1024;
    let mut causes = Vec::new();
    for (key, value) in texts(metadata, "labels") {
        for why in name::qualified(key) {
            causes.push(invalid("metadata.labels", key, &why));
        }
        for why in name::label_value(value) {
            causes.push(invalid("metadata.labels", value, &why));
        }
    }
    let mut size: usize = 0;
    for (key, value) in texts(metadata, "annotations") {
        size += key.len() + value.len();
        for why in name::qualified(&key.to_lowercase()) {
            causes.push(invalid("metadata.annotations", key, &why));
        }
    }
    if size > ANNOTATIONS_LIMIT as usize {
        causes.push(field_error::too_long(
            "metadata.annotations",
            ANNOTATIONS_LIMIT.into(),
        ));
    }
    causes.extend(validate_owners(metadata));
    causes
}

fn validate_owners(metadata: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let owners = metadata["ownerReferences"].as_array();
    let mut controller: Option<&Value> = None;
    for owner in owners.into_iter().flatten() {
        for (field, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                causes.push(invalid(
                    &format!("metadata.ownerReferences.{field}"),
                    "",
                    why,
                ));
            }
        }
        if owner["controller"] == true {
            if let Some(first) = controller {
                causes.push(field_error::invalid_shown(
                    "metadata.ownerReferences",
                    &shown(owners.into_iter().flatten()),
                    &format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {}/{} and {}/{}",
                        text(first, "kind"), text(first, "name"), text(owner, "kind"), text(owner, "name"),
                    ),
                ));
            }
            controller = Some(owner);
        }
    }
    causes
}

/// Owners as Go writes them: the fields in their order.
fn shown<'a>(owners: impl Iterator<Item = &'a Value>) -> String {
    const FIELDS: [&str; 6] = [
        "apiVersion",
        "kind",
        "name",
        "uid",
        "controller",
        "blockOwnerDeletion",
    ];
    let owners = owners.map(|owner| {
        let fields = FIELDS.iter().filter(|field| !owner[**field].is_null());
        let fields = fields.map(|field| format!("{field:?}:{}", owner[*field]));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    });
    format!("[{}]", owners.collect::<Vec<_>>().join(","))
}

fn validate_finalizers(metadata: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    for finalizer in strings(metadata, "finalizers") {
        for why in name::qualified(finalizer) {
            causes.push(invalid("metadata.finalizers", finalizer, &why));
        }
    }
    let has = |wanted| strings(metadata, "finalizers").any(|one| one == wanted);
    if has("orphan") && has("foregroundDeletion") {
        causes.push(field_error::invalid(
            "metadata.finalizers",
            &metadata["finalizers"],
            "finalizer orphan and foregroundDeletion cannot be both set",
        ));
    }
    causes
}

/// Does a finalizer's name say whose it is, or is it one of Kubernetes' own?
pub fn says_whose(finalizer: &str) -> bool {
    finalizer.contains('/') || ["kubernetes", "orphan", "foregroundDeletion"].contains(&finalizer)
}

/// What built-in kinds do not take besides: finalizers that do not say whose they are.
pub fn validate_built_in(object: &Value) -> Vec<FieldError> {
    let finalizers = strings(&object["metadata"], "finalizers").enumerate();
    finalizers
        .filter(|(_, finalizer)| !says_whose(finalizer))
        .map(|(at, finalizer)| {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            invalid(&format!("metadata.finalizers[{at}]"), finalizer, why)
        })
        .collect()
}

/// What is wrong with a change of the metadata (apimachinery `ValidateObjectMetaUpdate`).
pub fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    let (new, old) = (&new["metadata"], &old["metadata"]);
    let mut causes = Vec::new();
    if !old["deletionTimestamp"].is_null() {
        let before: Vec<&str> = strings(old, "finalizers").collect();
        let added: Vec<String> = strings(new, "finalizers")
            .filter(|finalizer| !before.contains(finalizer))
            .map(|finalizer| format!("{finalizer:?}"))
            .collect();
        if !added.is_empty() {
            causes.push(field_error::forbidden(
                "metadata.finalizers",
                &format!(
                    "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                    added.join(", ")
                ),
            ));
        }
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        if new[field] != old[field] {
            let path = format!("metadata.{field}");
            causes.push(field_error::invalid(
                &path,
                &new[field],
                "field is immutable",
            ));
        }
    }
    causes.extend(validate_contents(new));
    causes
}

/// The pairs of a map of strings in `metadata`.
fn texts<'a>(
    metadata: &'a Value,
    field: &str,
) -> impl Iterator<Item = (&'a String, &'a str)> + use<'a> {
    metadata[field]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default()))
}

/// The strings of a list in `metadata`.
pub fn strings<'a>(metadata: &'a Value, field: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    metadata[field]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// A string field, empty where it is missing.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// Is the object on its way out?
pub fn is_deleting(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_empty_and_null_fields_are_dropped() {
        let mut object = json!({"metadata": {
            "name": "a", "creationTimestamp": null, "labels": {}, "nonsense": 1, "annotations": {"k": null},
        }});
        assert_eq!(normalise(&mut object, true).unwrap(), ["metadata.nonsense"]);
        assert_eq!(
            object,
            json!({"metadata": {"name": "a", "annotations": {"k": ""}}})
        );
    }

    #[test]
    fn a_wrong_type_can_not_be_read() {
        let mut object = json!({"metadata": {"labels": {"a": 1}}});
        let fault = normalise(&mut object, true).unwrap_err();
        assert_eq!(
            fault,
            "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string"
        );
    }

    #[test]
    fn a_deleting_object_takes_no_new_finalizers() {
        let old =
            json!({"metadata": {"name": "a", "deletionTimestamp": "t", "finalizers": ["x.y/a"]}});
        let new = json!({"metadata": {"name": "a", "deletionTimestamp": "t", "finalizers": ["x.y/a", "x.y/b"]}});
        let causes = validate_update(&new, &old);
        assert_eq!(causes.len(), 1);
        assert!(causes[0].message.ends_with("[]string{\"x.y/b\"}"));
        assert!(validate_update(&old, &new).is_empty());
    }

    #[test]
    fn a_cluster_scoped_object_has_no_namespace() {
        let object = json!({"metadata": {"name": "a", "namespace": "b"}});
        let causes = validate(&object, NameRule::Subdomain, false);
        assert_eq!(causes[0].field, "metadata.namespace");
    }
}
