//! What a person can do about an object that does not go, as commands. All of them are here.

use std::collections::BTreeSet;

use super::{
    facts::{Facts, NodeState, Place, State},
    finalizer::{By, Component, Worker},
};
use crate::{
    api::name,
    cluster::event::ObjectName,
    command_id::CommandId,
    failure::{Suggested, kubectl, shell_word},
};

/// A command, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    pub why: String,
    pub command: Suggested,
}

fn step(why: impl Into<String>, command: impl Into<String>) -> NextStep {
    NextStep {
        why: why.into(),
        command: kubectl(command).into(),
    }
}

fn logs(namespace: &str, selector: &str) -> String {
    format!(
        "logs --namespace={} --selector={} --prefix --tail=50",
        shell_word(namespace),
        shell_word(selector)
    )
}

/// Best first.
pub(super) fn next_steps(facts: &Facts) -> Vec<NextStep> {
    let mut steps: Vec<NextStep> = facts.place.iter().flat_map(of_place).collect();
    for (worker, state) in &facts.workers {
        steps.extend(of_lost_pod(state));
        steps.extend(of_worker(worker, state));
    }
    for (definition, _) in &facts.definitions {
        let definition = shell_word(definition);
        steps.push(step(
            "see what is left of a kind",
            format!("get {definition} --all-namespaces"),
        ));
    }
    steps.push(step("see what holds it", describe(&facts.object)));
    let mut commands = BTreeSet::new();
    steps.retain(|step| commands.insert(step.command.to_string()));
    steps
}

fn describe(object: &ObjectName) -> String {
    let namespace = object.namespace.as_deref().map(|namespace| {
        let namespace = shell_word(namespace);
        format!(" --namespace={namespace}")
    });
    format!(
        "describe {} {}{}",
        object.resource,
        shell_word(&object.name),
        namespace.unwrap_or_default()
    )
}

/// Nobody but a person can know whether a node that does not answer is off.
fn of_place(place: &Place) -> Vec<NextStep> {
    let node = shell_word(&place.node);
    match &place.state {
        NodeState::Ready | NodeState::Unreadable(_) => Vec::new(),
        NodeState::Gone => vec![step("see which nodes there are", "get nodes")],
        NodeState::NotReady { .. } => {
            let mut steps = vec![step(
                "look at the node, and bring it back",
                format!("get node {node} --output=wide"),
            )];
            steps.extend(place.pods.iter().map(|pod| {
                step(
                    "only if it is known that the node is off (else what runs there goes on running)",
                    format!(
                        "delete pod {} --namespace={} --force --grace-period=0",
                        shell_word(&pod.name),
                        shell_word(pod.namespace.as_deref().unwrap_or_default())
                    ),
                )
            }));
            steps
        }
    }
}

/// A pod of a worker that is on a node which does not answer.
fn of_lost_pod(state: &State) -> Vec<NextStep> {
    match state {
        State::Pods {
            pod_failure: Some((_, Some(place))),
            ..
        } => of_place(place),
        State::Pods { .. } | State::NotInstalled | State::NotLooked | State::Unreadable(_) => {
            Vec::new()
        }
    }
}

fn of_worker(worker: &Worker, state: &State) -> Option<NextStep> {
    let (name, find) = match worker {
        Worker::Engine(component) => (component.name, find(*component)),
        Worker::Controller => (name::CONTROLLER_DEPLOYMENT, find_controller()),
        Worker::Bmctl => return Some(run_again()),
        Worker::Collector | Worker::Namespaces | Worker::Definitions | Worker::Somebody(_) => {
            return None;
        }
    };
    match state {
        State::Pods { .. } => of_pods(name, state),
        State::NotInstalled => Some(step(
            format!("see whether {name} is there, and install it again"),
            find,
        )),
        State::NotLooked | State::Unreadable(_) => None,
    }
}

/// Which flags it had is not known: without --keep-disks the disks would go as well.
fn run_again() -> NextStep {
    NextStep {
        why: "let bmctl go on, with the flags of the run that did not come to its end".to_owned(),
        command: CommandId::DisableVmruntime.with("--ensure").into(),
    }
}

/// What helps a Deployment of that name.
pub(super) fn of_pods(deployment: &str, state: &State) -> Option<NextStep> {
    let State::Pods {
        namespace,
        wanted,
        available,
        selector,
        pod_failure: _,
    } = state
    else {
        return None;
    };
    let place = shell_word(namespace);
    Some(match (wanted, available) {
        (0, _) => step(
            "start it again",
            format!("scale deployment {deployment} --namespace={place} --replicas=1"),
        ),
        (_, 0) => step(
            "see why its pods are not available",
            format!(
                "describe pods --namespace={place} --selector={}",
                shell_word(selector)
            ),
        ),
        _ => step("see what it says", logs(namespace, selector)),
    })
}

pub(super) fn find_controller() -> String {
    format!(
        "get deployment {} --namespace={}",
        name::CONTROLLER_DEPLOYMENT,
        name::SYSTEM_NAMESPACE
    )
}

fn find(component: Component) -> String {
    match component.by {
        By::Label(label) => {
            format!("get deployments --all-namespaces --selector={label}")
        }
        By::Name => format!(
            "get deployments --all-namespaces --field-selector=metadata.name={}",
            component.name
        ),
    }
}
