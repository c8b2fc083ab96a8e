//! The admission policies as API objects: what is in force, and putting into force.
//!
//! The texts stand in `policies/`; they were tried against a real API server. A policy is compared with what it should
//! be field by field, so that one that somebody changed is repaired.

use futures::try_join;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject},
    discovery,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    observed::{Admission, Armed, Creation, Policy, PolicyFacts},
    request::Doing,
};
use crate::{
    api::{WorkloadKind, WorkloadRole, name, workload::WORKLOAD_KINDS},
    failure::Failure,
};

/// What the namespace of the engine is called in the texts.
const PLACEHOLDER: &str = "ENGINE_NAMESPACE";

/// A policy and its binding, as they should be.
struct Wanted {
    policy: Value,
    binding: Value,
}

fn wanted(policy: Policy, engine_namespace: &str) -> Wanted {
    let text = match policy {
        Policy::CreationGate => include_str!("policies/creation-gate.yaml"),
        Policy::SafeDisable => include_str!("policies/safe-disable.yaml"),
        Policy::EngineProtection => include_str!("policies/engine-protection.yaml"),
    };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&text.replace(PLACEHOLDER, engine_namespace))
            .expect("the policies are part of the program, and a test reads them");
    let mut documents = documents.into_iter().map(|mut document| {
        document["metadata"]["labels"] = json!({name::MANAGED_BY: name::MANAGER});
        document
    });
    let mut next = || {
        documents
            .next()
            .expect("each file is a policy and its binding")
    };
    Wanted {
        policy: next(),
        binding: next(),
    }
}

/// What a policy and its binding are called.
pub(super) fn object_name(policy: Policy) -> &'static str {
    match policy {
        Policy::CreationGate => "vm-create.vmruntime.vm.cluster.gke.io",
        Policy::SafeDisable => "safe-disable.vmruntime.vm.cluster.gke.io",
        Policy::EngineProtection => "protect-engine.vmruntime.vm.cluster.gke.io",
    }
}

/// What is in force now.
pub(super) async fn read(client: &Client, engine_namespace: &str) -> Result<Admission, Failure> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let ours = ListParams::default().labels(&format!("{}={}", name::MANAGED_BY, name::MANAGER));
    let lists = try_join!(policies.list(&ours), bindings.list(&ours));
    let (policies, bindings) = match lists {
        Ok(lists) => lists,
        Err(kube::Error::Api(status)) if status.code == 404 => {
            return Ok(Admission::Unavailable(
                "the cluster has no ValidatingAdmissionPolicies (Kubernetes 1.30 or newer has)"
                    .to_owned(),
            ));
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            return Ok(Admission::Unavailable(status.message));
        }
        Err(error) => return Err(error).doing("list the admission policies"),
    };
    let facts = Policy::ALL.map(|policy| {
        let name = object_name(policy);
        let found = policies
            .iter()
            .find(|found| found.metadata.name.as_deref() == Some(name));
        let binding = bindings
            .iter()
            .find(|found| found.metadata.name.as_deref() == Some(name));
        PolicyFacts {
            policy,
            armed: armed(&wanted(policy, engine_namespace), found, binding),
        }
    });
    Ok(Admission::Available(facts.to_vec()))
}

fn armed(
    wanted: &Wanted,
    policy: Option<&ValidatingAdmissionPolicy>,
    binding: Option<&ValidatingAdmissionPolicyBinding>,
) -> Armed {
    let strictness = policy
        .and_then(|policy| policy.spec.as_ref())
        .and_then(|spec| spec.failure_policy.as_deref());
    let strict = strictness == Some("Fail");
    let (Some(policy), Some(binding)) = (policy, binding) else {
        return if policy.is_none() && binding.is_none() {
            Armed::Absent
        } else {
            // A policy without its binding does nothing: it may as well learn anew.
            Armed::Differs {
                strict: strict && binding.is_some(),
            }
        };
    };
    let mut wanted_policy = wanted.policy["spec"].clone();
    wanted_policy["failurePolicy"] = json!(strictness);
    if !holds(&json!(policy.spec), &wanted_policy)
        || !holds(&json!(binding.spec), &wanted.binding["spec"])
    {
        return Armed::Differs { strict };
    }
    if strict {
        return Armed::Strict;
    }
    let since = binding.metadata.creation_timestamp.as_ref();
    Armed::Lenient {
        since: since.map_or(jiff::Timestamp::UNIX_EPOCH, |time| time.0),
    }
}

/// Is everything that is wanted there? The API server adds defaults of its own.
fn holds(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| there.get(key).is_some_and(|there| holds(there, wanted))),
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len()
                && there
                    .iter()
                    .zip(wanted)
                    .all(|(there, wanted)| holds(there, wanted))
        }
        (there, wanted) => there == wanted,
    }
}

/// Puts a policy and its binding into force.
pub(super) async fn arm(
    client: &Client,
    policy: Policy,
    strict: bool,
    engine_namespace: &str,
) -> Result<(), Failure> {
    let mut wanted = wanted(policy, engine_namespace);
    wanted.policy["spec"]["failurePolicy"] = json!(if strict { "Fail" } else { "Ignore" });
    apply::<ValidatingAdmissionPolicy>(client, object_name(policy), &wanted.policy).await?;
    apply::<ValidatingAdmissionPolicyBinding>(client, object_name(policy), &wanted.binding).await
}

async fn apply<K>(client: &Client, name: &str, object: &Value) -> Result<(), Failure>
where
    K: Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    let parameters = PatchParams::apply(name::CONTROLLER_FIELD_MANAGER).force();
    let applied = api.patch(name, &parameters, &Patch::Apply(object)).await;
    applied
        .doing(&format!("apply {} {name}", K::kind(&())))
        .map(drop)
}

/// Takes a policy out of force: the binding first, because a policy is only in force through it.
pub(super) async fn disarm(client: &Client, policy: Policy) -> Result<(), Failure> {
    let name = object_name(policy);
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let parameters = DeleteParams::default();
    bindings
        .delete(name, &parameters)
        .await
        .or_gone(&format!("delete admission binding {name}"))?;
    policies
        .delete(name, &parameters)
        .await
        .or_gone(&format!("delete admission policy {name}"))
}

/// Tries to create a VM, as a dry run: the only proof that creation is closed.
pub(super) async fn try_creation(client: &Client) -> Creation {
    let mut unproven = None;
    for kind in kinds_to_try() {
        let resource = match served(client, &kind).await {
            Ok(Some(resource)) => resource,
            Ok(None) => continue,
            Err(why) => {
                unproven = Some(why);
                continue;
            }
        };
        return try_kind(client, &resource).await;
    }
    unproven.map_or(Creation::NotServed, Creation::Unproven)
}

/// The kinds that stand for all: KubeVirt's come together, and its webhooks stand in front of all but the replica set
/// and answer before our policy is asked. The product's own kind is asked where there is no KubeVirt.
fn kinds_to_try() -> Vec<WorkloadKind> {
    WORKLOAD_KINDS.into_iter().filter(is_tried).collect()
}

/// Is creation tried with this kind?
pub(super) fn is_tried(kind: &WorkloadKind) -> bool {
    kind.kind == "VirtualMachineInstanceReplicaSet"
        || (kind.group == name::GROUP && kind.role == WorkloadRole::Machine)
}

async fn served(client: &Client, kind: &WorkloadKind) -> Result<Option<ApiResource>, String> {
    match discovery::group(client, kind.group).await {
        Ok(group) => Ok(group
            .recommended_kind(kind.kind)
            .map(|(resource, _)| resource)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        // kube's own word for a group that is not there.
        Err(kube::Error::Discovery(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

async fn try_kind(client: &Client, resource: &ApiResource) -> Creation {
    let namespace = name::SYSTEM_NAMESPACE;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
    let labels = json!({"vm.cluster.gke.io/creation": "tried"});
    let machine = json!({"domain": {"devices": {}}});
    let mut object = DynamicObject::new("creation-is-tried", resource).data(json!({"spec": {
        "replicas": 0,
        "running": false,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": machine},
    }}));
    object.metadata.namespace = Some(namespace.to_owned());
    let dry_run = PostParams {
        dry_run: true,
        ..super::engine::writer()
    };
    match api.create(&dry_run, &object).await {
        Ok(_) => Creation::Open,
        Err(kube::Error::Api(status)) if is_our_refusal(&status.message) => Creation::Closed,
        Err(kube::Error::Api(status)) => Creation::Unproven(status.message),
        Err(error) => Creation::Unproven(error.to_string()),
    }
}

fn is_our_refusal(message: &str) -> bool {
    message.contains(object_name(Policy::CreationGate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_are_yaml_and_name_the_engines_namespace() {
        for policy in Policy::ALL {
            let wanted = wanted(policy, "engine-room");
            assert_eq!(wanted.policy["metadata"]["name"], object_name(policy));
            assert_eq!(wanted.binding["spec"]["policyName"], object_name(policy));
            assert!(!wanted.policy.to_string().contains(PLACEHOLDER));
            let typed: ValidatingAdmissionPolicy =
                serde_json::from_value(wanted.policy.clone()).unwrap();
            assert!(
                holds(&json!(typed.spec), &wanted.policy["spec"]),
                "{policy:?}"
            );
        }
        let gate = wanted(Policy::CreationGate, "engine-room")
            .policy
            .to_string();
        assert!(gate.contains("system:serviceaccount:engine-room:kubevirt-controller"));
    }

    #[test]
    fn defaults_are_no_difference_and_changes_are() {
        let there = json!({"a": [{"b": 1, "scope": "*"}], "matchPolicy": "Equivalent"});
        assert!(holds(&there, &json!({"a": [{"b": 1}]})));
        assert!(!holds(&there, &json!({"a": [{"b": 2}]})));
        assert!(!holds(&there, &json!({"a": []})));
        assert!(!holds(&there, &json!({"c": 1})));
    }

    #[test]
    fn how_far_a_policy_is_in_force() {
        let wanted = wanted(Policy::CreationGate, "kubevirt");
        let policy = |strictness: &str| -> ValidatingAdmissionPolicy {
            let mut policy = wanted.policy.clone();
            policy["spec"]["failurePolicy"] = json!(strictness);
            serde_json::from_value(policy).unwrap()
        };
        let binding: ValidatingAdmissionPolicyBinding =
            serde_json::from_value(wanted.binding.clone()).unwrap();
        let since = jiff::Timestamp::UNIX_EPOCH;
        assert_eq!(armed(&wanted, None, None), Armed::Absent);
        assert_eq!(
            armed(&wanted, Some(&policy("Ignore")), Some(&binding)),
            Armed::Lenient { since }
        );
        assert_eq!(
            armed(&wanted, Some(&policy("Fail")), Some(&binding)),
            Armed::Strict
        );
        assert_eq!(
            armed(&wanted, Some(&policy("Fail")), None),
            Armed::Differs { strict: false }
        );
        let mut changed = policy("Fail");
        changed.spec.as_mut().unwrap().validations = None;
        assert_eq!(
            armed(&wanted, Some(&changed), Some(&binding)),
            Armed::Differs { strict: true }
        );
    }
}
