//! The scale subresource: a small view on an object's replicas.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Call, patch,
    update::{self, Recorded},
};
use crate::{
    endpoint::strategy::Part,
    kind::{definition, view},
    object::{
        field_error,
        metadata::{self, text},
    },
    presentation::answer::Answer,
    status_error::StatusError,
};

/// Where replicas and selector are in the object, as JSON pointers.
struct Paths {
    spec: String,
    status: String,
    selector: Option<String>,
}

impl Paths {
    fn of(call: &Call<'_>) -> Self {
        let pointer = |path: &Value| path.as_str().map(|path| path.replace('.', "/"));
        let definition = call.core.definition_of(&call.resource);
        let custom = definition.as_deref().and_then(|definition| {
            let paths = definition::scale_paths(definition, &call.resource.version)?;
            Some(Self {
                spec: pointer(&paths["specReplicasPath"])?,
                status: pointer(&paths["statusReplicasPath"])?,
                selector: pointer(&paths["labelSelectorPath"]),
            })
        });
        custom.unwrap_or_else(|| Self {
            spec: "/spec/replicas".to_owned(),
            status: "/status/replicas".to_owned(),
            selector: None,
        })
    }

    fn scale(&self, object: &Value) -> Value {
        let number = |path: &str| {
            object
                .pointer(path)
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        let metadata = &object["metadata"];
        let mut kept = json!({});
        for field in [
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "creationTimestamp",
        ] {
            if !metadata[field].is_null() {
                kept[field] = metadata[field].clone();
            }
        }
        let selector = match &self.selector {
            Some(path) => object
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            None => written_selector(&object["spec"]["selector"]),
        };
        let mut status = json!({"replicas": number(&self.status)});
        if !selector.is_empty() {
            status["selector"] = selector.into();
        }
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept,
            "spec": {"replicas": number(&self.spec)}, "status": status,
        })
    }
}

/// A label selector as text, by its keys.
fn written_selector(selector: &Value) -> String {
    // A ReplicationController's is labels alone.
    let labels = selector
        .as_object()
        .filter(|all| all.values().all(Value::is_string));
    let labels = labels.or_else(|| selector["matchLabels"].as_object());
    let labels = labels.into_iter().flatten().map(|(key, value)| {
        let value = value.as_str().unwrap_or_default();
        (key.as_str(), format!("{key}={value}"))
    });
    let expressions = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    let expressions = expressions.map(|expression| {
        let key = text(expression, "key");
        let mut values: Vec<&str> = metadata::strings(expression, "values").collect();
        values.sort_unstable();
        let values = values.join(",");
        let written = match text(expression, "operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        };
        (key, written)
    });
    let mut all: Vec<(&str, String)> = labels.chain(expressions).collect();
    all.sort_by_key(|(key, _)| *key);
    let written: Vec<String> = all.into_iter().map(|(_, written)| written).collect();
    written.join(",")
}

fn shown(scale: Value) -> Answer {
    Answer::Document {
        code: 200,
        document: scale,
    }
}

pub fn get(call: &Call<'_>) -> Result<Answer, StatusError> {
    let stored = call.existing()?;
    let object = view::of(&call.resource, &stored);
    let paths = Paths::of(call);
    if call.resource.custom && object.pointer(&paths.spec).is_none() {
        let field = paths.spec.replace('/', ".");
        let why =
            format!("Internal error occurred: the spec replicas field {field:?} does not exist");
        let causes = json!({"causes": [{"message": format!("the spec replicas field {field:?} does not exist")}]});
        return Err(StatusError::other(500, "InternalError", why).with_details(causes));
    }
    Ok(shown(paths.scale(&object)))
}

pub fn update(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let wanted = call.body.object(&call.resource)?;
    let kind = text(&wanted, "kind");
    if !matches!(kind, "" | "Scale") {
        let why = format!("{kind} in version \"v1\" cannot be handled as a Scale");
        return Err(StatusError::bad_request(why));
    }
    write(call, |_, _| Ok(wanted))
}

pub fn patch(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let patch = patch::read(call)?;
    write(call, |call, scale| patch::patched(call, scale, &patch))
}

/// Brings the replicas of the wanted scale into the object.
fn write(
    call: &mut Call<'_>,
    wanted: impl FnOnce(&Call<'_>, &Value) -> Result<Value, StatusError>,
) -> Result<Answer, StatusError> {
    let core = call.core;
    let writer = core.store.write();
    let stored = call.existing()?;
    let mut object = Value::clone(&view::of(&call.resource, &stored));
    let paths = Paths::of(call);
    let wanted = wanted(call, &paths.scale(&object))?;
    update::check_name(call, &wanted)?;
    let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or_default();
    check_replicas(call, &paths.spec, replicas)?;
    set_replicas(&mut object, &paths.spec, replicas)?;
    let version = text(&wanted["metadata"], "resourceVersion");
    if !version.is_empty() {
        object["metadata"]["resourceVersion"] = version.into();
    }
    let object: Arc<Value> =
        update::commit(call, &writer, Part::Main, &stored, object, Recorded::No)?;
    Ok(shown(paths.scale(&object)))
}

/// There is no scale below zero.
fn check_replicas(call: &Call<'_>, path: &str, replicas: i64) -> Result<(), StatusError> {
    if replicas >= 0 {
        return Ok(());
    }
    let resource = &call.resource;
    let (group, kind, field, why) = if resource.custom {
        let why = "should be a non-negative integer";
        (
            &*resource.group,
            &*resource.kind,
            path.replace('/', "."),
            why,
        )
    } else {
        let why = "must be greater than or equal to 0";
        ("autoscaling", "Scale", "spec.replicas".to_owned(), why)
    };
    let causes = [field_error::invalid(&field, &replicas.into(), why)];
    Err(StatusError::invalid(group, kind, call.id().name(), &causes))
}

/// Sets the replicas, and makes what is missing of the way there.
fn set_replicas(object: &mut Value, path: &str, replicas: i64) -> Result<(), StatusError> {
    let mut place = object;
    for step in path.split('/').skip(1) {
        if place.is_null() {
            *place = json!({});
        }
        let wrong = || StatusError::other(500, "InternalError", format!("{path} is in no object"));
        let parent = place.as_object_mut().ok_or_else(wrong)?;
        place = parent.entry(step).or_insert(Value::Null);
    }
    *place = replicas.into();
    Ok(())
}
