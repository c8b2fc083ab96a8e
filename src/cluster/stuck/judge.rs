//! From facts to an explanation. Pure.

use super::{
    StuckObject,
    facts::{Facts, NodeState, Place, State},
    finalizer::Worker,
    next_step::next_steps,
};
use crate::api::{Condition, ConditionStatus, name};

/// Of a condition's message; a namespace may list every kind that is left in it.
const MESSAGE: usize = 300;

pub(super) fn judge(facts: &Facts) -> StuckObject {
    let holders: Vec<String> = facts
        .workers
        .iter()
        .map(|(worker, state)| holder(worker, state))
        .collect();
    let complaints = complaints(&facts.conditions);
    let waits_for = facts.definitions.iter().map(|(definition, conditions)| {
        let why = conditions
            .iter()
            .find(|condition| is(condition, "Terminating", ConditionStatus::True))
            .map(|condition| format!(": {}", shortened(&condition.message)));
        format!(
            "definition {definition} is still being deleted{}",
            why.unwrap_or_default()
        )
    });
    StuckObject {
        object: facts.object.clone(),
        deleting_since: facts.deleting_since,
        finalizers: facts.finalizers.clone(),
        holder: (!holders.is_empty()).then(|| holders.join("; ")),
        node: facts.place.as_ref().and_then(|place| node(facts, place)),
        conditions: complaints.iter().cloned().chain(waits_for).collect(),
        webhook: facts.webhook.clone(),
        next_steps: next_steps(facts),
        evident: facts.workers.iter().any(|(_, state)| is_away(state))
            || facts.place.as_ref().is_some_and(is_lost)
            || facts.webhook.is_some()
            || !complaints.is_empty(),
    }
}

/// Is nobody there who could act?
pub(super) const fn is_away(state: &State) -> bool {
    match state {
        State::Pods {
            wanted, available, ..
        } => *wanted == 0 || *available == 0,
        State::NotInstalled => true,
        State::NotLooked | State::Unreadable(_) => false,
    }
}

const fn is_lost(place: &Place) -> bool {
    match place.state {
        NodeState::NotReady { .. } | NodeState::Gone => true,
        NodeState::Ready | NodeState::Unreadable(_) => false,
    }
}

fn holder(worker: &Worker, state: &State) -> String {
    let name = match worker {
        Worker::Engine(component) => component.name,
        Worker::Controller => name::CONTROLLER_DEPLOYMENT,
        Worker::Bmctl => {
            return "a disable of bmctl has put the finalizer there, and has to come to its end"
                .to_owned();
        }
        Worker::Collector => {
            return "the garbage collector waits for what the object owns".to_owned();
        }
        Worker::Namespaces => {
            return "the namespace controller waits for what is in the namespace".to_owned();
        }
        Worker::Definitions => {
            return "the API server waits for the objects of that kind".to_owned();
        }
        Worker::Somebody(domain) => {
            return format!("whoever works for {domain} has to remove the finalizer");
        }
    };
    pods(name, "has to remove the finalizer", state)
}

/// A Deployment, what it is needed for, and how it is.
pub(super) fn pods(deployment: &str, needed: &str, state: &State) -> String {
    match state {
        State::NotLooked => format!("{deployment} {needed}"),
        State::NotInstalled => format!("{deployment} {needed}, and is not installed"),
        State::Unreadable(why) => {
            format!("{deployment} {needed}; how it is could not be read: {why}")
        }
        State::Pods {
            namespace,
            wanted: 0,
            ..
        } => format!("{deployment} in {namespace} {needed}, and is scaled to 0"),
        State::Pods {
            namespace,
            wanted,
            available,
            pod_failure,
            ..
        } => {
            let why = pod_failure.as_ref().map(|(pod, place)| {
                let state = place.as_ref().and_then(node_state);
                let state = state.map(|state| format!(" {state}"));
                format!(" ({}{})", shortened(pod), state.unwrap_or_default())
            });
            format!(
                "{deployment} in {namespace} {needed}, and {available} of {wanted} of its pods are available{}",
                why.unwrap_or_default()
            )
        }
    }
}

/// A node that is ready explains nothing but a pod that only its kubelet can end.
fn node(facts: &Facts, place: &Place) -> Option<String> {
    if place.state == NodeState::Ready && facts.kind == "Pod" && facts.finalizers.is_empty() {
        let node = &place.node;
        return Some(format!("the kubelet of node {node} has not ended it yet"));
    }
    node_state(place).map(|state| format!("it runs {state}"))
}

/// `None` for a node that is ready.
fn node_state(place: &Place) -> Option<String> {
    let node = &place.node;
    let state = match &place.state {
        NodeState::Ready => return None,
        NodeState::NotReady { since, why } => {
            let since = since.map(|since| format!(" since {since}"));
            let why = match why.as_str() {
                "" => String::new(),
                why => format!(" ({})", shortened(why)),
            };
            format!("not ready{}{why}", since.unwrap_or_default())
        }
        NodeState::Gone => "not there any more".to_owned(),
        NodeState::Unreadable(why) => {
            return Some(format!(
                "on node {node}; how that is could not be read: {why}"
            ));
        }
    };
    Some(format!("on node {node}, which is {state}"))
}

/// What goes wrong in the object's own words. An operator that has begun to remove something says so in every condition:
/// that is no complaint.
fn complaints(conditions: &[Condition]) -> Vec<String> {
    let wrong = conditions.iter().filter(|condition| {
        let by_type = match condition.status {
            ConditionStatus::True => {
                let wrong = ["Failure", "Remaining", "Degraded", "Blocked"];
                wrong.iter().any(|end| condition.type_.ends_with(end))
            }
            ConditionStatus::False => ["Available", "Synchronized"].contains(&&*condition.type_),
            ConditionStatus::Unknown => false,
        };
        by_type && condition.reason != "Deleting" && !condition.message.is_empty()
    });
    wrong
        .map(|condition| format!("{}: {}", condition.type_, shortened(&condition.message)))
        .collect()
}

fn is(condition: &Condition, type_: &str, status: ConditionStatus) -> bool {
    condition.type_ == type_ && condition.status == status
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
