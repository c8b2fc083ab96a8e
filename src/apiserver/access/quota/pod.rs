//! What a pod uses: itself, and what its containers ask for.

use serde_json::Value;

use super::{Usage, add};
use crate::{
    kind::validation::quota::COMPUTE,
    object::{
        metadata::{strings, text},
        quantity::Amount,
    },
};

const OF_PODS: [&str; 10] = [
    "pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];
/// Do pods use what this name limits?
pub fn counts(name: &str) -> bool {
    let asked = name.strip_prefix("requests.");
    OF_PODS.contains(&name)
        || asked.unwrap_or(name).starts_with("hugepages-")
        || asked.is_some_and(is_extended)
}

/// Is it a resource that Kubernetes does not know?
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

fn containers<'a>(pod: &'a Value, field: &str) -> &'a [Value] {
    let containers = pod["spec"][field].as_array();
    containers.map_or(&[], Vec::as_slice)
}

/// Does every container say what it has to?
pub fn check(names: &[&str], pod: &Value) -> Result<(), String> {
    if pod["spec"]["resources"].is_object() {
        return Ok(());
    }
    let all = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|field| containers(pod, field));
    let all: Vec<&Value> = all.collect();
    let mut missing = Vec::new();
    for name in COMPUTE.into_iter().filter(|name| names.contains(name)) {
        let (field, resource) = name.split_once('.').unwrap_or(("requests", name));
        let silent = |container: &&&Value| container["resources"][field][resource].is_null();
        let mut silent: Vec<&str> = all
            .iter()
            .filter(silent)
            .map(|container| text(container, "name"))
            .collect();
        if !silent.is_empty() {
            silent.sort_unstable();
            missing.push(format!("{name} for: {}", silent.join(",")));
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("must specify {}", missing.join("; ")))
    }
}

/// What a pod uses beside `count/pods`: nothing once it has ended.
pub fn usage(pod: &Value) -> Usage {
    let mut usage = Usage::new();
    if matches!(text(&pod["status"], "phase"), "Failed" | "Succeeded") {
        return usage;
    }
    usage.insert("pods".to_owned(), Amount::of_integer(1));
    for (name, amount) in total(pod, "requests") {
        if !is_extended(&name) {
            usage.insert(name.clone(), amount);
        }
        usage.insert(format!("requests.{name}"), amount);
    }
    for (name, amount) in total(pod, "limits") {
        usage.insert(format!("limits.{name}"), amount);
    }
    usage
}

/// `requests` or `limits` of the whole pod: of all containers together, or of the most that it takes to begin.
fn total(pod: &Value, field: &str) -> Usage {
    let own = |container: &Value| super::amounts(&container["resources"][field]);
    let mut sum = Usage::new();
    for container in containers(pod, "containers") {
        add(&mut sum, &own(container));
    }
    let (mut sidecars, mut beginning) = (Usage::new(), Usage::new());
    for container in containers(pod, "initContainers") {
        let mut while_it_runs = own(container);
        if container["restartPolicy"] == "Always" {
            add(&mut sum, &while_it_runs);
            add(&mut sidecars, &while_it_runs);
            while_it_runs.clone_from(&sidecars);
        } else {
            add(&mut while_it_runs, &sidecars);
        }
        raise(&mut beginning, while_it_runs);
    }
    raise(&mut sum, beginning);
    sum.extend(super::amounts(&pod["spec"]["resources"][field]));
    let mut overhead = super::amounts(&pod["spec"]["overhead"]);
    overhead.retain(|name, _| field == "requests" || sum.contains_key(name));
    add(&mut sum, &overhead);
    sum
}

fn raise(most: &mut Usage, other: Usage) {
    for (name, amount) in other {
        let entry = most.entry(name).or_insert(amount);
        if amount.quantity > entry.quantity {
            *entry = amount;
        }
    }
}

/// Does the pod end by itself?
pub fn is_terminating(pod: &Value) -> bool {
    let deadline = pod["spec"]["activeDeadlineSeconds"].as_i64();
    deadline.is_some_and(|seconds| seconds >= 0)
}

/// Is the pod in a scope?
pub fn is_in_scope(pod: &Value, scope: &str, operator: &str, selector: &Value) -> bool {
    let is_best_effort = pod["status"]["qosClass"] == "BestEffort";
    match scope {
        "Terminating" => is_terminating(pod),
        "NotTerminating" => !is_terminating(pod),
        "BestEffort" => is_best_effort,
        "NotBestEffort" => !is_best_effort,
        "PriorityClass" => {
            let class = text(&pod["spec"], "priorityClassName");
            let is_named = strings(selector, "values").any(|value| value == class);
            match operator {
                "In" => is_named,
                "NotIn" => !is_named,
                "DoesNotExist" => class.is_empty(),
                _ => !class.is_empty(),
            }
        }
        _ => false,
    }
}
