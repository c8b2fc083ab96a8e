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
    object::metadata::{is_deleting, text},
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
    if let Some(why) = refusal(&stored, &name) {
        let binding = ResourceType {
            plural: "pods/binding".to_owned(),
            ..ResourceType::clone(&call.resource)
        };
        return Err(StatusError::conflict(&binding, &name, &why));
    }
    let mut pod = Value::clone(&view::of(&call.resource, &stored));
    pod["spec"]["nodeName"] = node.into();
    for (key, value) in binding["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        pod["metadata"]["annotations"][key] = value.clone();
    }
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

/// Why the pod gets no node.
fn refusal(pod: &Value, name: &str) -> Option<String> {
    let bound = text(&pod["spec"], "nodeName");
    let gates = pod["spec"]["schedulingGates"].as_array();
    if is_deleting(pod) {
        Some(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ))
    } else if !bound.is_empty() {
        Some(format!("pod {name} is already assigned to node {bound:?}"))
    } else if gates.is_some_and(|gates| !gates.is_empty()) {
        Some(format!("pod {name} has non-empty .spec.schedulingGates"))
    } else {
        None
    }
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
