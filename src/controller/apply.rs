//! Performs the steps of a plan through the API. Each can be done twice without harm, and each that changes or deletes
//! something names the very object that was seen, so that a picture that has become stale does no damage.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    core::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    admission, engine,
    manifest::{Disks, EngineManifests},
    observe::{api_of, find_ours},
    observed::RuntimeFacts,
    plan::{ObjectReference, Step, WorkloadReference},
    request::Doing,
};
use crate::{
    api::{VMRuntime, VMRuntimePreflightCheck, VMRuntimeStatus, name},
    failure::{Failure, Kind, Reason},
    runtime::preflight::{CheckFacts, Inputs, Trigger},
};

/// What the steps are performed with.
pub(super) struct Hand<'a> {
    pub client: &'a Client,
    pub manifests: Option<&'a EngineManifests>,
    /// What the plan was made from: a check's name depends on those that were there.
    pub checks: &'a [CheckFacts],
}

impl Hand<'_> {
    /// Performs one step.
    pub(super) async fn perform(&self, step: &Step) -> Result<(), Failure> {
        let client = self.client;
        match step {
            Step::CreateRuntime => self.create_runtime().await,
            Step::CreateSystemNamespace => self.create_system_namespace().await,
            Step::StartCheck(inputs) => self.start_check(inputs).await,
            Step::DeleteCheck { name, uid } => self.delete_check(name, uid).await,
            Step::ApplyEngineManifests => self.apply_manifests().await,
            Step::RemoveEngineManifests(disks) => self.remove_manifests(*disks).await,
            Step::CreateKubeVirt {
                namespace,
                use_emulation,
                anywhere,
            } => engine::create_kubevirt(client, namespace, *use_emulation, *anywhere).await,
            Step::ConfigureKubeVirt {
                object,
                use_emulation,
            } => self.configure_kubevirt(object, *use_emulation).await,
            Step::DeleteKubeVirt(object) => self.delete(&engine::kubevirt(), object).await,
            Step::CreateCdi => engine::create_cdi(client).await,
            Step::DeleteCdi(object) => self.delete(&engine::cdi(), object).await,
            Step::ArmPolicy {
                policy,
                strict,
                engine_namespace,
            } => admission::arm(client, *policy, *strict, engine_namespace).await,
            Step::DisarmPolicy(policy) => admission::disarm(client, *policy).await,
            Step::DeleteWorkload(workload) => self.delete_workload(workload).await,
        }
    }

    async fn create_runtime(&self) -> Result<(), Failure> {
        let api: Api<VMRuntime> = Api::all(self.client.clone());
        let runtime = VMRuntime {
            metadata: ObjectMeta {
                name: Some(name::VMRUNTIME.to_owned()),
                annotations: Some(BTreeMap::from([(
                    name::FORCE_DISABLE.to_owned(),
                    "false".to_owned(),
                )])),
                ..ObjectMeta::default()
            },
            ..VMRuntime::default()
        };
        let created = api.create(&engine::writer(), &runtime).await;
        created.or_there("create vmruntime")
    }

    async fn create_system_namespace(&self) -> Result<(), Failure> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        // Without a Pod security level: an engine that lives here needs more than probe pods do.
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name::SYSTEM_NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let created = api.create(&engine::writer(), &namespace).await;
        created.or_there("create the system namespace")
    }

    async fn start_check(&self, inputs: &Inputs) -> Result<(), Failure> {
        let api: Api<VMRuntimePreflightCheck> =
            Api::namespaced(self.client.clone(), name::SYSTEM_NAMESPACE);
        let text = serde_json::to_string(inputs).expect("plain data is always valid JSON");
        let check = VMRuntimePreflightCheck {
            metadata: ObjectMeta {
                name: Some(check_name(inputs, self.checks)),
                annotations: Some(BTreeMap::from([
                    (
                        name::PREFLIGHT_TRIGGER.to_owned(),
                        inputs.trigger.to_string(),
                    ),
                    (name::PREFLIGHT_INPUTS.to_owned(), text),
                ])),
                ..ObjectMeta::default()
            },
            ..VMRuntimePreflightCheck::default()
        };
        let created = api.create(&engine::writer(), &check).await;
        created.or_there("create a preflight check")
    }

    async fn delete_check(&self, check: &str, uid: &str) -> Result<(), Failure> {
        let api: Api<VMRuntimePreflightCheck> =
            Api::namespaced(self.client.clone(), name::SYSTEM_NAMESPACE);
        let deleted = api.delete(check, &exactly(uid, None)).await;
        deleted.or_gone(&format!("delete preflight check {check}"))
    }

    async fn configure_kubevirt(
        &self,
        object: &ObjectReference,
        use_emulation: bool,
    ) -> Result<(), Failure> {
        let api = self.api(&engine::kubevirt(), object.namespace.as_deref());
        let patch = json!({
            "metadata": {"uid": object.uid, "resourceVersion": object.resource_version},
            "spec": engine::kubevirt_settings(use_emulation),
        });
        let patched = api
            .patch(&object.name, &writer(), &Patch::Merge(&patch))
            .await;
        patched.doing("change the KubeVirt object").map(drop)
    }

    async fn delete(
        &self,
        resource: &ApiResource,
        object: &ObjectReference,
    ) -> Result<(), Failure> {
        let api = self.api(resource, object.namespace.as_deref());
        let exactly = exactly(&object.uid, Some(&object.resource_version));
        let deleted = api.delete(&object.name, &exactly).await;
        deleted.or_gone(&format!("delete {} {}", resource.kind, object.name))
    }

    async fn delete_workload(&self, workload: &WorkloadReference) -> Result<(), Failure> {
        let kind =
            GroupVersionKind::gvk(workload.kind.group, &workload.version, workload.kind.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, workload.kind.plural);
        let api = self.api(&resource, Some(&workload.namespace));
        let deleted = api
            .delete(&workload.name, &exactly(&workload.uid, None))
            .await;
        deleted.or_gone(&format!(
            "delete {} {}/{}",
            workload.kind.qualified(),
            workload.namespace,
            workload.name
        ))
    }

    fn api(&self, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        }
    }

    async fn apply_manifests(&self) -> Result<(), Failure> {
        let objects = self
            .manifests
            .into_iter()
            .flat_map(EngineManifests::objects);
        for object in objects {
            let name = object.metadata.name.clone().unwrap_or_default();
            let doing = format!("apply {name} of the engine manifests");
            let Some(api) = api_of(self.client, object).await? else {
                return Err(Failure::new(
                    Kind::NotInstalled,
                    Reason::NotServed,
                    format!("could not {doing}"),
                )
                .caused_by("its kind is not served yet"));
            };
            let mut object = object.clone();
            // Somebody else's namespace, for example, is used, and not removed with the rest.
            let found = api.get_metadata_opt(&name).await.doing(&doing)?;
            if found.is_none_or(|found| engine::is_ours(found.metadata.labels.as_ref())) {
                object
                    .metadata
                    .labels
                    .get_or_insert_default()
                    .insert(name::MANAGED_BY.to_owned(), name::MANAGER.to_owned());
            }
            let parameters = PatchParams::apply(name::CONTROLLER_FIELD_MANAGER).force();
            let applied = api.patch(&name, &parameters, &Patch::Apply(&object)).await;
            applied.doing(&doing)?;
        }
        Ok(())
    }

    async fn remove_manifests(&self, disks: Disks) -> Result<(), Failure> {
        let objects = self
            .manifests
            .into_iter()
            .flat_map(|manifests| manifests.removal(disks));
        for object in objects {
            let Some(found) = find_ours(self.client, object).await? else {
                continue;
            };
            if !found.deleting {
                let deleted = found
                    .api
                    .delete(&found.name, &exactly(&found.uid, None))
                    .await;
                deleted.or_gone(&format!("delete {} {}", found.kind, found.name))?;
            }
        }
        Ok(())
    }

    /// Publishes a status, if it says anything new. Fields that we do not know are left alone.
    pub(super) async fn publish(
        &self,
        runtime: &RuntimeFacts,
        status: &VMRuntimeStatus,
    ) -> Result<(), Failure> {
        if runtime.status == *status {
            return Ok(());
        }
        let mut patch = merge_patch(&json!(runtime.status), &json!(status));
        if patch.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(());
        }
        patch = json!({
            "metadata": {"uid": runtime.uid, "resourceVersion": runtime.resource_version},
            "status": patch,
        });
        let api = self.api(&ApiResource::erase::<VMRuntime>(&()), None);
        let patched = api
            .patch_status(name::VMRUNTIME, &writer(), &Patch::Merge(&patch))
            .await;
        patched.doing("publish the status of vmruntime").map(drop)
    }
}

fn writer() -> PatchParams {
    PatchParams {
        field_manager: Some(name::CONTROLLER_FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// This object and no other of its name, optionally in this version only.
fn exactly(uid: &str, resource_version: Option<&str>) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: resource_version.map(str::to_owned),
        }),
        ..DeleteParams::default()
    }
}

/// The name follows from what the check is made for, so that two rounds (or two controllers) that come to the same
/// conclusion make one check. The form is the product's: a prefix and a UUID.
fn check_name(inputs: &Inputs, checks: &[CheckFacts]) -> String {
    let mut digest = Sha256::new();
    digest.update(&inputs.runtime);
    digest.update(inputs.generation.to_be_bytes());
    match inputs.trigger {
        Trigger::Enabled | Trigger::SettingsChanged => {}
        // Nodes change often within one generation; what was checked last tells one time from the next.
        Trigger::NodeAdded | Trigger::NodeBack | Trigger::Upgraded => {
            let newest = checks.iter().map(|check| (check.created, &check.uid)).max();
            digest.update(newest.map(|(_, uid)| uid.as_str()).unwrap_or_default());
        }
    }
    let bytes = digest.finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&bytes[..16]);
    let id = uuid::Builder::from_custom_bytes(id).into_uuid();
    format!("{}{id}", name::PREFLIGHT_CHECK_PREFIX)
}

/// The merge patch (RFC 7386) that turns one value into the other.
fn merge_patch(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return to.clone();
    };
    let mut patch = serde_json::Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, to) in to {
        match from.get(key) {
            Some(from) if from == to => {}
            Some(from) => {
                patch.insert(key.clone(), merge_patch(from, to));
            }
            None => {
                patch.insert(key.clone(), to.clone());
            }
        }
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_says_only_what_differs() {
        let from = json!({"same": 1, "gone": {"a": 1}, "map": {"a": 1, "b": 2}, "list": [1]});
        let to = json!({"same": 1, "map": {"b": 3}, "list": [2], "new": true});
        let patch = merge_patch(&from, &to);
        assert_eq!(
            patch,
            json!({"gone": null, "map": {"a": null, "b": 3}, "list": [2], "new": true})
        );
        let mut patched = from;
        json_patch::merge(&mut patched, &patch);
        assert_eq!(patched, to);
    }

    #[test]
    fn the_same_conclusion_makes_the_same_check() {
        let inputs = |generation, trigger| Inputs {
            trigger,
            runtime: "u".to_owned(),
            generation,
            ..Inputs::default()
        };
        let checks = [CheckFacts {
            uid: "a".to_owned(),
            ..CheckFacts::default()
        }];
        let enabled = check_name(&inputs(1, Trigger::Enabled), &[]);
        assert!(enabled.starts_with(name::PREFLIGHT_CHECK_PREFIX));
        assert_eq!(enabled, check_name(&inputs(1, Trigger::Enabled), &checks));
        assert_ne!(enabled, check_name(&inputs(2, Trigger::Enabled), &[]));
        assert_ne!(enabled, check_name(&inputs(1, Trigger::NodeAdded), &checks));
        assert_ne!(
            check_name(&inputs(1, Trigger::NodeAdded), &checks),
            check_name(&inputs(1, Trigger::NodeAdded), &[])
        );
    }
}
