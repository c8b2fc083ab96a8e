//! CustomResourceDefinitions: what they must say, what they become when accepted, and the resources they add.

use std::sync::Arc;

mod version;

use serde_json::{Value, json};

use crate::{
    kind::{
        registry::Registry,
        resource::{ALL_VERBS, Column, ResourceType},
        validation,
    },
    object::{
        field_error::{self, FieldError},
        metadata::text,
        name,
    },
    schema::{PatternBudget, Schema},
};

/// Group and plural of the definitions themselves.
pub const GROUP: &str = "apiextensions.k8s.io";
pub const PLURAL: &str = "customresourcedefinitions";
/// Keeps a deleted definition until its objects are gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Is this the resource of the definitions?
pub fn is_definition(resource: &ResourceType) -> bool {
    resource.group == GROUP && resource.plural == PLURAL
}

/// Fills in what a definition may leave out.
pub fn default(definition: &mut Value) {
    let spec = &mut definition["spec"];
    if !spec.is_object() {
        return;
    }
    let kind = text(&spec["names"], "kind").to_owned();
    let names = &mut spec["names"];
    if names.is_object() && !kind.is_empty() {
        if text(names, "singular").is_empty() {
            names["singular"] = kind.to_lowercase().into();
        }
        if text(names, "listKind").is_empty() {
            names["listKind"] = format!("{kind}List").into();
        }
    }
    if spec["conversion"].is_null() {
        spec["conversion"] = json!({"strategy": "None"});
    }
    // The field of v1beta1; only `false` is allowed, and it is not kept.
    if spec["preserveUnknownFields"] == false {
        spec.as_object_mut()
            .map(|spec| spec.remove("preserveUnknownFields"));
    }
}

/// The status of a definition that nobody has looked at yet.
pub fn fresh_status(definition: &Value) -> Value {
    let stored: Vec<Value> = versions(definition)
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored})
}

/// What is wrong with a definition.
pub fn validate(definition: &Value) -> Vec<FieldError> {
    let spec = &definition["spec"];
    let mut causes = Vec::new();
    let mut fault = |reason, field: &str, message: String| {
        causes.push(FieldError {
            reason,
            message,
            field: field.to_owned(),
        });
    };
    let name = text(&definition["metadata"], "name");
    let expected = format!("{}.{}", text(&spec["names"], "plural"), text(spec, "group"));
    if name != expected {
        fault(
            "FieldValueInvalid",
            "metadata.name",
            format!("Invalid value: {name:?}: must be spec.names.plural+\".\"+spec.group"),
        );
    }
    for (field, value) in [
        ("spec.group", &spec["group"]),
        ("spec.scope", &spec["scope"]),
        ("spec.names.plural", &spec["names"]["plural"]),
        ("spec.names.kind", &spec["names"]["kind"]),
    ] {
        if value.as_str().unwrap_or_default().is_empty() {
            fault("FieldValueRequired", field, "Required value".to_owned());
        }
    }
    if !matches!(text(spec, "scope"), "" | "Cluster" | "Namespaced") {
        fault(
            "FieldValueNotSupported",
            "spec.scope",
            format!(
                "Unsupported value: {}: supported values: \"Cluster\", \"Namespaced\"",
                spec["scope"]
            ),
        );
    }
    let stored = versions(definition)
        .filter(|version| version["storage"] == true)
        .count();
    if stored != 1 {
        fault(
            "FieldValueInvalid",
            "spec.versions",
            format!(
                "Invalid value: {}: must have exactly one version marked as storage version",
                spec["versions"]
            ),
        );
    }
    // A new one stores the version that it marks.
    let has_stored = definition["status"]["storedVersions"]
        .as_array()
        .is_none_or(|stored| !stored.is_empty());
    if !has_stored {
        fault(
            "FieldValueInvalid",
            "status.storedVersions",
            "Invalid value: null: must have at least one stored version".to_owned(),
        );
    }
    match text(&spec["conversion"], "strategy") {
        "None" => {}
        // No webhook is ever called.
        "Webhook" => fault(
            "FieldValueNotSupported",
            "spec.conversion.strategy",
            "Unsupported value: \"Webhook\": supported values: \"None\"".to_owned(),
        ),
        other => fault(
            "FieldValueNotSupported",
            "spec.conversion.strategy",
            format!("Unsupported value: {other:?}: supported values: \"None\", \"Webhook\""),
        ),
    }
    if spec["preserveUnknownFields"] == true {
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        fault(
            "FieldValueInvalid",
            "spec.preserveUnknownFields",
            format!("Invalid value: true: {why}"),
        );
    }
    let group = &spec["group"];
    let faults = name::subdomain(group.as_str().filter(|it| !it.is_empty()).unwrap_or("none"));
    causes.extend(
        faults
            .iter()
            .map(|why| field_error::invalid("spec.group", group, why)),
    );
    causes.extend(version::validate(definition));
    causes.extend(validate_schemas(definition));
    causes
}

/// What a definition may not change any more (apiextensions `ValidateCustomResourceDefinitionUpdate`).
pub fn validate_update(new: &Value, old: &Value) -> Vec<FieldError> {
    const ALWAYS: [&str; 2] = ["spec.group", "spec.names.plural"];
    // Once it is served, these say where its objects are.
    const ESTABLISHED: [&str; 2] = ["spec.scope", "spec.names.kind"];
    let mut causes = Vec::new();
    if is_established(old) {
        for path in ESTABLISHED {
            validation::immutable(new, old, path, &mut causes);
        }
    }
    for path in ALWAYS {
        validation::immutable(new, old, path, &mut causes);
    }
    let stored = old["status"]["storedVersions"].as_array();
    for (at, stored) in stored.into_iter().flatten().enumerate() {
        if !versions(new).any(|version| version["name"] == *stored) {
            let name = stored.as_str().unwrap_or_default();
            causes.push(field_error::invalid(
                &format!("status.storedVersions[{at}]"),
                stored,
                format!(
                    "missing from spec.versions; {name} was previously a storage version, and must remain in \
                     spec.versions until a storage migration ensures no data remains persisted in {name} and removes \
                     {name} from status.storedVersions"
                ),
            ));
        }
    }
    causes
}

/// The faults of the schemas; one that all versions share is the definition's own.
fn validate_schemas(definition: &Value) -> Vec<FieldError> {
    const SHARED: &str = "spec.validation.openAPIV3Schema";
    let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
    let schemas: Vec<Value> = versions(definition).map(schema).collect();
    let mut causes = Vec::new();
    let mut budget = PatternBudget::default();
    for (at, raw) in schemas.iter().enumerate() {
        let field = format!("spec.versions[{at}].schema.openAPIV3Schema");
        if raw.is_null() {
            causes.push(FieldError {
                reason: "FieldValueRequired",
                message: "Required value".to_owned(),
                field,
            });
            continue;
        }
        let faults = Schema::compile_within(raw, &mut budget)
            .err()
            .unwrap_or_default();
        if schemas.iter().all(|other| other == raw) {
            return faults;
        }
        causes.extend(faults.into_iter().map(|fault| FieldError {
            field: fault.field.replacen(SHARED, &field, 1),
            ..fault
        }));
    }
    causes
}

fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
}

/// The name of the version that objects are stored in.
pub fn storage_version(definition: &Value) -> &str {
    versions(definition)
        .find(|version| version["storage"] == true)
        .map_or("", |version| text(version, "name"))
}

/// Accepts the names of a definition and marks it as served. `now` is an RFC 3339 time.
pub fn establish(definition: &mut Value, now: &str) {
    let accepted = definition["spec"]["names"].clone();
    let storage = storage_version(definition).to_owned();
    let status = &mut definition["status"];
    status["acceptedNames"] = accepted;
    set_condition(
        status,
        "NamesAccepted",
        "True",
        "NoConflicts",
        "no conflicts found",
        now,
    );
    set_condition(
        status,
        "Established",
        "True",
        "InitialNamesAccepted",
        "the initial names have been accepted",
        now,
    );
    let stored = &mut status["storedVersions"];
    let known = stored
        .as_array()
        .is_some_and(|stored| stored.iter().any(|one| *one == storage));
    match stored.as_array_mut() {
        Some(stored) if !known => stored.push(storage.into()),
        Some(_) => {}
        None => *stored = json!([storage]),
    }
}

/// A name that another resource of the same group has already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenName {
    /// For example `KindConflict`.
    reason: &'static str,
    name: String,
}

/// The last name of a definition that is taken, which is the one that is told.
pub fn conflict(definition: &Value, registry: &Registry) -> Option<TakenName> {
    let (spec, names) = (&definition["spec"], &definition["spec"]["names"]);
    let (group, plural) = (text(spec, "group"), text(names, "plural"));
    let others = || {
        let all = registry.all().iter();
        all.filter(|one| one.group == group && one.plural != plural)
    };
    let taken = |name: &str| {
        others().any(|one| {
            one.plural == name
                || one.singular == name
                || one.short_names.iter().any(|short| short == name)
        })
    };
    let kind_taken = |kind: &str| others().any(|one| one.kind == kind || one.list_kind == kind);
    let short = names["shortNames"].as_array().into_iter().flatten();
    let short = short.filter_map(|name| Some(("ShortNamesConflict", name.as_str()?, true)));
    let of_resource = [
        ("PluralConflict", plural, true),
        ("SingularConflict", text(names, "singular"), true),
    ];
    let of_kind = [
        ("KindConflict", text(names, "kind"), false),
        ("ListKindConflict", text(names, "listKind"), false),
    ];
    let all: Vec<_> = of_resource
        .into_iter()
        .chain(short)
        .chain(of_kind)
        .collect();
    all.into_iter()
        .rev()
        .find(|(_, name, is_resource)| {
            if *is_resource {
                taken(name)
            } else {
                kind_taken(name)
            }
        })
        .map(|(reason, name, _)| TakenName {
            reason,
            name: name.to_owned(),
        })
}

/// Refuses the names of a definition because another one in its group has them already.
pub fn refuse_names(definition: &mut Value, taken: &TakenName, now: &str) {
    let status = &mut definition["status"];
    let message = format!("{:?} is already in use", taken.name);
    set_condition(
        status,
        "NamesAccepted",
        "False",
        taken.reason,
        &message,
        now,
    );
    set_condition(
        status,
        "Established",
        "False",
        "NotAccepted",
        "not all names are accepted",
        now,
    );
}

/// Marks a definition whose objects have to go first.
pub fn terminate(definition: &mut Value, now: &str) {
    set_condition(
        &mut definition["status"],
        "Terminating",
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        now,
    );
}

/// Sets one condition; the time changes only where the status does.
pub fn set_condition(
    status: &mut Value,
    kind: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: &str,
) {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else {
        return;
    };
    let found = conditions.iter_mut().find(|one| one["type"] == kind);
    if let Some(condition) = found {
        if condition["status"] != value {
            condition["lastTransitionTime"] = now.into();
        }
        condition["status"] = value.into();
        condition["reason"] = reason.into();
        condition["message"] = message.into();
    } else {
        conditions.push(json!({
            "type": kind, "status": value, "lastTransitionTime": now, "reason": reason, "message": message,
        }));
    }
}

/// Has the definition been accepted?
pub fn is_established(definition: &Value) -> bool {
    has_condition(definition, "Established")
}

fn has_condition(definition: &Value, kind: &str) -> bool {
    definition["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// The resources of an established definition: one a served version.
pub fn resources(definition: &Value) -> Vec<ResourceType> {
    if !is_established(definition) {
        return Vec::new();
    }
    versions(definition)
        .filter(|version| version["served"] == true)
        .map(|version| resource(&definition["spec"], version))
        .collect()
}

fn resource(spec: &Value, version: &Value) -> ResourceType {
    let names = &spec["names"];
    let owned = |value: &Value, field: &str| text(value, field).to_owned();
    let list = |field: &str| -> Vec<String> {
        let items = names[field].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    ResourceType {
        group: owned(spec, "group"),
        version: owned(version, "name"),
        kind: owned(names, "kind"),
        list_kind: owned(names, "listKind"),
        plural: owned(names, "plural"),
        singular: owned(names, "singular"),
        short_names: list("shortNames"),
        categories: list("categories"),
        namespaced: spec["scope"] == "Namespaced",
        verbs: ALL_VERBS,
        status_subresource: version["subresources"]["status"].is_object(),
        scale_subresource: version["subresources"]["scale"].is_object(),
        counts_generation: true,
        custom: true,
        // Validated before it was stored, so it compiles.
        schema: Schema::compile(&version["schema"]["openAPIV3Schema"])
            .ok()
            .map(Arc::new),
        columns: columns(version),
        selectable_fields: version["selectableFields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|field| text(field, "jsonPath").trim_start_matches('.').to_owned())
            .collect(),
    }
}

fn columns(version: &Value) -> Vec<Column> {
    let given = version["additionalPrinterColumns"].as_array();
    let given = given.filter(|columns| !columns.is_empty());
    let Some(given) = given else {
        return vec![Column {
            name: "Age".to_owned(),
            kind: "date".to_owned(),
            format: String::new(),
            description: String::new(),
            priority: 0,
            json_path: ".metadata.creationTimestamp".to_owned(),
        }];
    };
    given
        .iter()
        .map(|column| Column {
            name: text(column, "name").to_owned(),
            kind: text(column, "type").to_owned(),
            format: text(column, "format").to_owned(),
            description: text(column, "description").to_owned(),
            priority: column["priority"].as_i64().unwrap_or_default(),
            json_path: text(column, "jsonPath").to_owned(),
        })
        .collect()
}

/// The scale paths of a custom resource's version, as the definition gives them.
pub fn scale_paths<'a>(definition: &'a Value, version: &str) -> Option<&'a Value> {
    versions(definition)
        .find(|one| text(one, "name") == version)
        .map(|version| &version["subresources"]["scale"])
        .filter(|scale| scale.is_object())
}
