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
    api::{ListParams, Patch, PostParams},
    core::{ApiResource, DynamicObject},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    observed::{Admission, Armed, Creation, ObjectVersion, Policy, PolicyFacts, Seen},
    ownership,
    request::{Doing, applying, creating, exactly, patching},
};
use crate::{
    api::{WorkloadKind, WorkloadRole, name, workload::WORKLOAD_KINDS},
    cluster::{
        discovery::{self, Sought},
        list,
        retry::Retry,
    },
    failure::Failure,
};

/// What the namespace of the engine is called in the texts.
const PLACEHOLDER: &str = "ENGINE_NAMESPACE";

const LISTING: &str = "list the admission policies";

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

/// What is in force now.
pub(super) async fn read(client: &Client, engine_namespace: &str) -> Result<Admission, Failure> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let (everything, once) = (ListParams::default(), Retry::once());
    let lists = try_join!(
        list::objects(&policies, &everything, &once, LISTING),
        list::objects(&bindings, &everything, &once, LISTING),
    );
    if let Err(kube::Error::Api(status)) = &lists
        && status.is_forbidden()
    {
        return Ok(Admission::Unavailable(status.message.clone()));
    }
    let Some((policies, bindings)) = discovery::if_served(lists).doing(LISTING)? else {
        return Ok(Admission::Unavailable(
            "the cluster has no ValidatingAdmissionPolicies (Kubernetes 1.30 or newer has)"
                .to_owned(),
        ));
    };
    let facts = Policy::ALL.map(|policy| {
        let name = policy.object_name();
        let found = policies
            .iter()
            .find(|found| found.metadata.name.as_deref() == Some(name));
        let binding = bindings
            .iter()
            .find(|found| found.metadata.name.as_deref() == Some(name));
        PolicyFacts {
            policy,
            armed: armed(&wanted(policy, engine_namespace), found, binding),
            seen: Seen {
                policy: found.map(|found| ownership::version(&found.metadata)),
                binding: binding.map(|found| ownership::version(&found.metadata)),
            },
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
    let is_ours = ownership::is_ours(policy.metadata.labels.as_ref())
        && ownership::is_ours(binding.metadata.labels.as_ref());
    if !is_ours
        || !ownership::is(&json!(policy.spec), &wanted_policy)
        || !ownership::is(&json!(binding.spec), &wanted.binding["spec"])
    {
        return Armed::Differs { strict };
    }
    if strict {
        return Armed::Strict;
    }
    let since = binding.metadata.creation_timestamp.as_ref();
    Armed::FailsOpen {
        since: since.map_or(jiff::Timestamp::UNIX_EPOCH, |time| time.0),
    }
}

/// Puts a policy and its binding into force: those very versions, as far as they were there.
pub(super) async fn arm(
    client: &Client,
    policy: Policy,
    strict: bool,
    engine_namespace: &str,
    seen: &Seen,
) -> Result<(), Failure> {
    let mut wanted = wanted(policy, engine_namespace);
    wanted.policy["spec"]["failurePolicy"] = json!(if strict { "Fail" } else { "Ignore" });
    let name = policy.object_name();
    let (policy, binding) = (seen.policy.as_ref(), seen.binding.as_ref());
    put::<ValidatingAdmissionPolicy>(client, name, &wanted.policy, policy).await?;
    put::<ValidatingAdmissionPolicyBinding>(client, name, &wanted.binding, binding).await
}

async fn put<K>(
    client: &Client,
    name: &str,
    object: &Value,
    seen: Option<&ObjectVersion>,
) -> Result<(), Failure>
where
    K: Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    let doing = format!("apply {} {name}", K::kind(&()));
    let Some(seen) = seen else {
        let applied = api.patch(name, &applying(), &Patch::Apply(object)).await;
        return applied.doing(&doing).map(drop);
    };
    // Applied, what somebody else has added would stay: the lists of a policy are sets, which an API server unites.
    let named = ListParams::default().fields(&format!("metadata.name={name}"));
    let there = list::objects(&api, &named, &Retry::once(), &doing).await;
    let there = there.doing(&doing)?;
    let there = there.first().map_or(Value::Null, |there| json!(there));
    let patch = json!({
        "metadata": {
            "uid": seen.uid,
            "resourceVersion": seen.resource_version,
            "labels": object["metadata"]["labels"],
        },
        "spec": ownership::merge_patch(&there["spec"], &object["spec"]),
    });
    let patched = api.patch(name, &patching(), &Patch::Merge(&patch)).await;
    patched.doing(&doing).map(drop)
}

/// Takes a policy out of force: the binding first, because a policy is only in force through it.
pub(super) async fn disarm(client: &Client, policy: Policy, seen: &Seen) -> Result<(), Failure> {
    let name = policy.object_name();
    delete::<ValidatingAdmissionPolicyBinding>(client, name, seen.binding.as_ref()).await?;
    delete::<ValidatingAdmissionPolicy>(client, name, seen.policy.as_ref()).await
}

async fn delete<K>(client: &Client, name: &str, seen: Option<&ObjectVersion>) -> Result<(), Failure>
where
    K: Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let Some(seen) = seen else {
        return Ok(());
    };
    let exactly = exactly(&seen.uid, Some(&seen.resource_version));
    let api: Api<K> = Api::all(client.clone());
    let deleted = api.delete(name, &exactly).await;
    deleted.or_gone(&format!("delete {} {name}", K::kind(&())))
}

/// Tries to create a VM, as a dry run: the only proof that creation is closed.
pub(super) async fn try_creation(client: &Client) -> Creation {
    let mut unproven = None;
    for kind in kinds_to_try() {
        let sought = Sought::Kind(kind.kind);
        let found = discovery::find(client, &Retry::once(), kind.group, sought).await;
        let served = match found.doing("find a kind to try") {
            Ok(Some(served)) => served,
            Ok(None) => continue,
            Err(failure) => {
                unproven = Some(failure.to_string());
                continue;
            }
        };
        return try_kind(client, &served.resource).await;
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
        ..creating()
    };
    match api.create(&dry_run, &object).await {
        Ok(_) => Creation::Open,
        Err(kube::Error::Api(status)) if is_our_refusal(&status.message) => Creation::Closed,
        // As good as not served: its definition is going, and with it everything of the kind.
        Err(kube::Error::Api(status)) if is_terminating(&status.message) => Creation::NotServed,
        Err(kube::Error::Api(status)) => Creation::Unproven(status.message),
        Err(error) => Creation::Unproven(error.to_string()),
    }
}

/// The API server's own words (apiextensions-apiserver, `customresource_handler.go`), which come with a 403.
fn is_terminating(message: &str) -> bool {
    message.contains("create not allowed while custom resource definition is terminating")
}

fn is_our_refusal(message: &str) -> bool {
    message.contains(Policy::CreationGate.object_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_are_yaml_and_name_the_engines_namespace() {
        for policy in Policy::ALL {
            let wanted = wanted(policy, "engine-room");
            assert_eq!(wanted.policy["metadata"]["name"], policy.object_name());
            assert_eq!(wanted.binding["spec"]["policyName"], policy.object_name());
            assert!(!wanted.policy.to_string().contains(PLACEHOLDER));
            let typed: ValidatingAdmissionPolicy =
                serde_json::from_value(wanted.policy.clone()).unwrap();
            assert!(
                ownership::is(&json!(typed.spec), &wanted.policy["spec"]),
                "{policy:?}"
            );
        }
        let gate = wanted(Policy::CreationGate, "engine-room")
            .policy
            .to_string();
        assert!(gate.contains("system:serviceaccount:engine-room:kubevirt-controller"));
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
            Armed::FailsOpen { since }
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
