//! The binding subresource of pods: a scheduler gives a pod its node. It is the only way for a pod to get one later
//! than at its creation.

use serde_json::{Value, json};

use super::{
    Call,
    update::{self, Recorded},
};
use crate::{
    endpoint::strategy::{self, Part},
    kind::{resource::ResourceType, view},
    object::metadata::text,
    presentation::answer::Answer,
    status_error::StatusError,
};

/// Has the resource this subresource?
pub fn is_bound(resource: &ResourceType) -> bool {
    resource.storage_key() == ("", "pods")
}

pub fn create(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let binding = call.body.object(&call.resource)?;
    let core = call.core;
    let writer = core.store.write();
    let stored = call.existing()?;
    update::check_uid(call, &binding, &stored)?;
    let name = text(&stored["metadata"], "name").to_owned();
    let node = text(&binding["target"], "name");
    let bound = text(&stored["spec"], "nodeName");
    if !bound.is_empty() {
        let why = format!("pod {name} is already assigned to node {bound:?}");
        let binding = ResourceType {
            plural: "pods/binding".to_owned(),
            ..ResourceType::clone(&call.resource)
        };
        return Err(StatusError::conflict(&binding, &name, &why));
    }
    let mut pod = Value::clone(&view::of(&call.resource, &stored));
    pod["spec"]["nodeName"] = node.into();
    note_scheduled(&mut pod, &strategy::seconds(call.now));
    // Nobody manages what a binding sets.
    update::commit(call, &writer, Part::Binding, &stored, pod, Recorded::Yes)?;
    Ok(Answer::Document {
        code: 201,
        document: json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        }),
    })
}

fn note_scheduled(pod: &mut Value, now: &str) {
    let conditions = &mut pod["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.retain(|condition| condition["type"] != "PodScheduled");
        conditions.push(json!({
            "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now,
        }));
    }
}
