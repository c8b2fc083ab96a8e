//! The eviction subresource of pods: a delete that disruption budgets may refuse (k8s.io/kubernetes
//! `pkg/registry/core/pod/storage/eviction.go`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Call, Deletion, delete};
use crate::{
    endpoint::strategy,
    kind::resource::ResourceType,
    object::{
        metadata::{is_deleting, text},
        selector::LabelSelector,
    },
    presentation::answer::Answer,
    status_error::StatusError,
    store::{GroupResource, ObjectId, Writer, key},
};

/// Has the resource this subresource?
pub fn is_evicted(resource: &ResourceType) -> bool {
    resource.storage_key() == ("", "pods")
}

pub fn create(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let eviction = call.body.object(&call.resource)?;
    let given = text(&eviction["metadata"], "name");
    let name = call.path.name.clone().unwrap_or_default();
    if given != name {
        return Err(StatusError::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let deletion = Deletion::of(call, &eviction["deleteOptions"])?;
    let core = call.core;
    let writer = core.store.write();
    let pod = call.existing()?;
    // A pod that has ended, or never began, disrupts nothing.
    let phase = text(&pod["status"], "phase");
    let counts = !matches!(phase, "Succeeded" | "Failed" | "Pending") && !is_deleting(&pod);
    if counts {
        disrupt(call, &writer, &pod)?;
    }
    // The delete is one of the pod, not of its subresource.
    call.path.subresource = None;
    delete::delete_one(call, &writer, &deletion)?;
    Ok(Answer::Document {
        code: 201,
        document: json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        }),
    })
}

/// Takes the disruption from the budget of the pod, where there is one.
fn disrupt(call: &Call<'_>, writer: &Writer<'_>, pod: &Value) -> Result<(), StatusError> {
    let budgets = budgets_of(call, pod);
    let budget = match budgets.as_slice() {
        [] => return Ok(()),
        [one] => one,
        _ => {
            let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(StatusError::other(500, "", why));
        }
    };
    if !is_ready(pod) && tolerates_unready(budget) {
        return Ok(());
    }
    let name = text(&budget["metadata"], "name");
    let status = &budget["status"];
    let number = |field: &str| status[field].as_i64().unwrap_or_default();
    let generation = budget["metadata"]["generation"]
        .as_i64()
        .unwrap_or_default();
    let is_new = number("observedGeneration") < generation;
    let cause = if is_new {
        format!("The disruption budget {name} is still being processed by the server.")
    } else if number("disruptionsAllowed") <= 0 {
        format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            number("desiredHealthy"),
            number("currentHealthy")
        )
    } else {
        if !call.query.dry_run {
            let mut spent = Value::clone(budget);
            spent["status"]["disruptionsAllowed"] = (number("disruptionsAllowed") - 1).into();
            // Until the budget's controller sees it go, it counts as gone.
            let evicted = call.path.name.as_deref().unwrap_or_default();
            spent["status"]["disruptedPods"][evicted] = strategy::seconds(call.now).into();
            let namespace = call.path.namespace.as_deref();
            let id = ObjectId {
                collection: GroupResource::new("policy", "poddisruptionbudgets"),
                key: key(namespace, name),
            };
            writer.put(&id, spent);
        }
        return Ok(());
    };
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]});
    if is_new {
        details["retryAfterSeconds"] = 10.into();
    }
    Err(StatusError::other(429, "TooManyRequests", message).with_details(details))
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// May a pod go that is not among the healthy ones?
fn tolerates_unready(budget: &Value) -> bool {
    let number = |field: &str| budget["status"][field].as_i64().unwrap_or_default();
    budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        || (number("desiredHealthy") > 0 && number("currentHealthy") >= number("desiredHealthy"))
}

fn budgets_of(call: &Call<'_>, pod: &Value) -> Vec<Arc<Value>> {
    let namespace = call.path.namespace.as_deref().unwrap_or_default();
    let collection = GroupResource::new("policy", "poddisruptionbudgets");
    let all = call
        .core
        .store
        .now(&collection, &format!("{namespace}/"))
        .objects;
    let budgets = all.into_iter().map(|(_, budget)| budget);
    budgets
        .filter(|budget| {
            let selector = &budget["spec"]["selector"];
            selector.is_object()
                && LabelSelector::from_object(selector).is_ok_and(|selector| selector.matches(pod))
        })
        .collect()
}
