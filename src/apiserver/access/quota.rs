//! ResourceQuotas: what of a namespace is used, and whether a write may use more (k8s.io/apiserver `pkg/quota`,
//! k8s.io/kubernetes `pkg/quota/v1/evaluator/core`).
//!
//! `endpoint::quota` asks before a write, and counts again whenever something has changed. Pure: quotas and objects in,
//! amounts out.

mod pod;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::admission::Operation;
use crate::object::{
    metadata::{strings, text},
    quantity::Amount,
};

/// Amounts by the name that a quota limits them under.
pub type Usage = BTreeMap<String, Amount>;

/// Group and plural of a resource.
type Key<'a> = (&'a str, &'a str);

pub const PLURAL: &str = "resourcequotas";
const PODS: Key = ("", "pods");
const SERVICES: Key = ("", "services");
const CLAIMS: Key = ("", "persistentvolumeclaims");

/// The resources that have names of their own in a quota, beside `count/…`, which any has.
const NAMED: [Key; 7] = [
    PODS,
    SERVICES,
    CLAIMS,
    ("", "configmaps"),
    ("", "replicationcontrollers"),
    ("", "resourcequotas"),
    ("", "secrets"),
];
const OF_SERVICES: [&str; 3] = ["services", "services.loadbalancers", "services.nodeports"];
const OF_CLAIMS: [&str; 2] = ["persistentvolumeclaims", "requests.storage"];
const OF_A_CLASS: &str = ".storageclass.storage.k8s.io/";

/// A write that may use more than before.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub resource: Key<'a>,
    pub operation: Operation,
    pub new: &'a Value,
    pub old: Option<&'a Value>,
}

/// What a quota's usage is when the write has happened.
#[derive(Debug)]
pub struct Charge {
    pub quota: Arc<Value>,
    pub used: Usage,
}

/// Does any quota look at a write like this?
fn is_counted(request: &Request) -> bool {
    match (request.operation, request.resource) {
        (Operation::Create, _) | (Operation::Update, SERVICES | CLAIMS) => true,
        (Operation::Update, PODS) => request
            .old
            .is_some_and(|old| pod::is_terminating(old) != pod::is_terminating(request.new)),
        (Operation::Update | Operation::Delete, _) => false,
    }
}

/// What the quotas of the namespace are charged with, or why the write may not happen.
pub fn check(quotas: &[Arc<Value>], request: &Request) -> Result<Vec<Charge>, String> {
    let mut charges = Vec::new();
    if !is_counted(request) {
        return Ok(charges);
    }
    for quota in quotas {
        let hard = amounts(&quota["status"]["hard"]);
        let names = hard.keys().filter(|name| counts(request.resource, name));
        let names: Vec<&str> = names.map(String::as_str).collect();
        if names.is_empty() || !is_in_scope(quota, request.resource, request.new) {
            continue;
        }
        let name = text(&quota["metadata"], "name");
        if request.resource == PODS {
            pod::check(&names, request.new)
                .map_err(|why| format!("failed quota: {name}: {why}"))?;
        }
        let mut used = amounts(&quota["status"]["used"]);
        if !names.iter().all(|name| used.contains_key(*name)) {
            let names = names.join(",");
            return Err(format!(
                "status unknown for quota: {name}, resources: {names}"
            ));
        }
        let requested = requested(quota, &hard, request);
        if requested.is_empty() {
            continue;
        }
        let before = used.clone();
        add(&mut used, &requested);
        let exceeded = |name: &&String| used[*name].quantity > hard[*name].quantity;
        let exceeded: Vec<&String> = requested.keys().filter(exceeded).collect();
        if !exceeded.is_empty() {
            let shown = |of: &Usage| {
                let each = exceeded.iter().map(|name| format!("{name}={}", of[*name]));
                each.collect::<Vec<_>>().join(",")
            };
            return Err(format!(
                "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
                shown(&requested),
                shown(&before),
                shown(&hard)
            ));
        }
        charges.push(Charge {
            quota: quota.clone(),
            used,
        });
    }
    Ok(charges)
}

/// How much more than before a write uses of what a quota limits.
fn requested(quota: &Value, hard: &Usage, request: &Request) -> Usage {
    let mut requested = usage(request.resource, request.new);
    requested.retain(|name, _| hard.contains_key(name));
    let old = request.old;
    if let Some(old) = old.filter(|old| is_in_scope(quota, request.resource, old)) {
        let before = usage(request.resource, old);
        for (name, amount) in &mut requested {
            if let Some(before) = before.get(name) {
                *amount = amount.less(*before);
            }
        }
    }
    requested.retain(|_, amount| !amount.quantity.is_zero());
    requested
}

/// What is used of that which a quota limits, as far as anybody can tell. `list` has the objects of a resource, or none
/// where there is no such resource.
pub fn count<'a>(quota: &'a Value, list: impl Fn(Key<'a>) -> Option<Vec<Arc<Value>>>) -> Usage {
    let hard = quota["spec"]["hard"].as_object();
    let names: Vec<&String> = hard.into_iter().flat_map(|hard| hard.keys()).collect();
    let by_name = names.iter().filter_map(|name| {
        let resource = name.strip_prefix("count/")?;
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        Some((group, plural))
    });
    let mut resources: Vec<Key<'a>> = NAMED.into_iter().chain(by_name).collect();
    resources.sort_unstable();
    resources.dedup();
    let mut used = Usage::new();
    for resource in resources {
        let own: Vec<&&String> = names.iter().filter(|name| counts(resource, name)).collect();
        let Some(objects) = (!own.is_empty()).then(|| list(resource)).flatten() else {
            continue;
        };
        used.extend(
            own.iter()
                .map(|name| ((**name).clone(), Amount::of_integer(0))),
        );
        for object in objects {
            if is_in_scope(quota, resource, &object) {
                let mut usage = usage(resource, &object);
                usage.retain(|name, _| own.iter().any(|own| **own == name));
                add(&mut used, &usage);
            }
        }
    }
    used
}

/// The amounts of a quota's `hard` and `used`.
pub fn amounts(list: &Value) -> Usage {
    let list = list.as_object().into_iter().flatten();
    list.filter_map(|(name, amount)| Some((name.clone(), Amount::parse(amount.as_str()?)?)))
        .collect()
}

fn add(sum: &mut Usage, more: &Usage) {
    for (name, amount) in more {
        let entry = sum.entry(name.clone());
        entry
            .and_modify(|sum| *sum = sum.plus(*amount))
            .or_insert(*amount);
    }
}

/// `count/deployments.apps`
fn object_count((group, plural): Key) -> String {
    if group.is_empty() {
        format!("count/{plural}")
    } else {
        format!("count/{plural}.{group}")
    }
}

/// Do the objects of a resource use what this name limits?
fn counts(resource: Key, name: &str) -> bool {
    let by_name = match resource {
        PODS => pod::counts(name),
        SERVICES => OF_SERVICES.contains(&name),
        CLAIMS => {
            let own = name.split_once(OF_A_CLASS).map_or(name, |(_, own)| own);
            OF_CLAIMS.contains(&own)
        }
        ("", plural) => NAMED.contains(&resource) && plural == name,
        _ => false,
    };
    by_name || name == object_count(resource)
}

/// What an object uses.
fn usage(resource: Key, object: &Value) -> Usage {
    let one = Amount::of_integer(1);
    let mut usage = Usage::from([(object_count(resource), one)]);
    let spec = &object["spec"];
    match resource {
        PODS => usage.extend(pod::usage(object)),
        SERVICES => {
            let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
            let has_node_port = |port: &&Value| port["nodePort"].as_i64().unwrap_or(0) != 0;
            let (balancers, node_ports) = match text(spec, "type") {
                "NodePort" => (0, ports.len()),
                "LoadBalancer" if spec["allocateLoadBalancerNodePorts"] == false => {
                    (1, ports.iter().filter(has_node_port).count())
                }
                "LoadBalancer" => (1, ports.len()),
                _ => (0, 0),
            };
            let node_ports = i64::try_from(node_ports).unwrap_or(i64::MAX);
            for (name, number) in OF_SERVICES.into_iter().zip([1, balancers, node_ports]) {
                usage.insert(name.to_owned(), Amount::of_integer(number));
            }
        }
        CLAIMS => {
            let storage = text(&spec["resources"]["requests"], "storage");
            let amounts = [Some(one), Amount::parse(storage)];
            let class = text(spec, "storageClassName");
            for (name, amount) in OF_CLAIMS.into_iter().zip(amounts) {
                let Some(amount) = amount else { continue };
                usage.insert(name.to_owned(), amount);
                if !class.is_empty() {
                    usage.insert(format!("{class}{OF_A_CLASS}{name}"), amount);
                }
            }
        }
        ("", plural) => {
            usage.insert(plural.to_owned(), one);
        }
        _ => {}
    }
    usage
}

/// Is an object one that a quota is about? Only pods have scopes that are looked at.
fn is_in_scope(quota: &Value, resource: Key, object: &Value) -> bool {
    let is_in = |scope: &str, operator: &str, selector: &Value| {
        resource == PODS && pod::is_in_scope(object, scope, operator, selector)
    };
    let selectors = &quota["spec"]["scopeSelector"]["matchExpressions"];
    strings(&quota["spec"], "scopes").all(|scope| is_in(scope, "Exists", &Value::Null))
        && selectors.as_array().into_iter().flatten().all(|selector| {
            let (scope, operator) = (text(selector, "scopeName"), text(selector, "operator"));
            is_in(scope, operator, selector)
        })
}

#[cfg(test)]
mod tests;
