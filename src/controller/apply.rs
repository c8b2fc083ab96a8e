//! Performs the steps of a plan through the API. Each can be done twice without harm, and each that changes or deletes
//! something names the very object that was seen, so that a picture that has become stale does no damage.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::Patch,
    core::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    admission, engine,
    manifest::EngineManifests,
    observed::RuntimeFacts,
    ownership,
    placement::{self, PlacementChange},
    plan::{ObjectReference, Step, WorkloadReference},
    release::{self, Mended},
    request::{Doing, creating, exactly, patching},
    role, trace,
};
use crate::{
    api::{VMRuntime, VMRuntimePreflightCheck, VMRuntimeStatus, name},
    failure::Failure,
    runtime::preflight::{CheckFacts, Inputs, Trigger},
};

/// What the steps are performed with.
pub(super) struct Applier<'a> {
    pub client: &'a Client,
    pub manifests: Option<&'a EngineManifests>,
    /// What the plan was made from: a check's name depends on those that were there.
    pub checks: &'a [CheckFacts],
}

impl Applier<'_> {
    /// Performs one step. Returns what was found changed on the way.
    pub(super) async fn perform(&self, step: &Step) -> Result<Vec<Mended>, Failure> {
        let client = self.client;
        let performed = match step {
            Step::CreateRuntime => self.create_runtime().await,
            Step::CreateSystemNamespace => self.create_system_namespace().await,
            Step::StartCheck(inputs) => self.start_check(inputs).await,
            Step::DeleteCheck { name, uid } => self.delete_check(name, uid).await,
            Step::ApplyEngineManifests => return release::apply(client, self.manifests).await,
            Step::RemoveEngineManifests(disks) => {
                release::remove(client, self.manifests, *disks).await
            }
            Step::CreateKubeVirt {
                namespace,
                use_emulation,
                anywhere,
                exclude,
            } => {
                engine::create_kubevirt(client, namespace, *use_emulation, *anywhere, *exclude)
                    .await
            }
            Step::ConfigureKubeVirt {
                object,
                use_emulation,
                placement,
            } => {
                self.configure_kubevirt(object, *use_emulation, placement.as_ref())
                    .await
            }
            Step::DeleteKubeVirt(object) => self.delete(&engine::kubevirt(), object).await,
            Step::CreateCdi => engine::create_cdi(client).await,
            Step::ConfigureCdi(object) => self.configure_cdi(object).await,
            Step::DeleteCdi(object) => self.delete(&engine::cdi(), object).await,
            Step::ArmPolicy {
                policy,
                strict,
                engine_namespace,
                seen,
            } => admission::arm(client, *policy, *strict, engine_namespace, seen).await,
            Step::DisarmPolicy { policy, seen } => admission::disarm(client, *policy, seen).await,
            Step::ApplyRole {
                role,
                resource_version,
            } => role::apply(client, *role, resource_version.as_deref()).await,
            Step::DeleteRole { role, uid } => role::remove(client, *role, uid).await,
            Step::CleanNodes(nodes) => trace::remove(client, nodes).await,
            Step::DeleteWorkload(workload) => self.delete_workload(workload).await,
        };
        performed.map(|()| Vec::new())
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
        let created = api.create(&creating(), &runtime).await;
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
        let created = api.create(&creating(), &namespace).await;
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
        let created = api.create(&creating(), &check).await;
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
        placement: Option<&PlacementChange>,
    ) -> Result<(), Failure> {
        let mut patch = json!({"spec": engine::kubevirt_settings(use_emulation)});
        if let Some(change) = placement {
            patch["spec"]["workloads"] = json!({"nodePlacement": change.patch});
            let extended = change.extended.then_some("true");
            patch["metadata"] = json!({"annotations": {placement::EXTENDED: extended}});
        }
        self.configure(&engine::kubevirt(), object, patch).await
    }

    async fn configure_cdi(&self, object: &ObjectReference) -> Result<(), Failure> {
        let patch = json!({"spec": engine::cdi_settings()});
        self.configure(&engine::cdi(), object, patch).await
    }

    async fn configure(
        &self,
        resource: &ApiResource,
        object: &ObjectReference,
        mut patch: Value,
    ) -> Result<(), Failure> {
        let api = self.api(resource, object.namespace.as_deref());
        patch["metadata"]["uid"] = json!(object.uid);
        patch["metadata"]["resourceVersion"] = json!(object.resource_version);
        let patched = api
            .patch(&object.name, &patching(), &Patch::Merge(&patch))
            .await;
        patched
            .doing(&format!("change the {} object", resource.kind))
            .map(drop)
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

    /// Publishes a status, if it says anything new. Fields that we do not know are left alone.
    pub(super) async fn publish(
        &self,
        runtime: &RuntimeFacts,
        status: &VMRuntimeStatus,
    ) -> Result<(), Failure> {
        if runtime.status == *status {
            return Ok(());
        }
        let mut patch = ownership::merge_patch(&json!(runtime.status), &json!(status));
        if patch.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(());
        }
        patch = json!({
            "metadata": {"uid": runtime.uid, "resourceVersion": runtime.resource_version},
            "status": patch,
        });
        let api = self.api(&ApiResource::erase::<VMRuntime>(&()), None);
        let patched = api
            .patch_status(name::VMRUNTIME, &patching(), &Patch::Merge(&patch))
            .await;
        patched.doing("publish the status of vmruntime").map(drop)
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
        // Nodes change often within one generation; the checks that there are tell one time from the next. All of them:
        // of those of one second nothing says which is the last.
        Trigger::NodeAdded | Trigger::NodeBack | Trigger::Upgraded | Trigger::EngineChanged => {
            let mut uids: Vec<&str> = checks.iter().map(|check| check.uid.as_str()).collect();
            uids.sort_unstable();
            for uid in uids {
                digest.update(uid);
            }
        }
    }
    let bytes = digest.finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&bytes[..16]);
    let id = uuid::Builder::from_custom_bytes(id).into_uuid();
    format!("{}{id}", name::PREFLIGHT_CHECK_PREFIX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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

    /// Else it would have the name of one that there is, and never be made.
    #[test]
    fn every_check_of_one_second_brings_about_another_name() {
        let inputs = Inputs {
            trigger: Trigger::NodeAdded,
            ..Inputs::default()
        };
        let mut checks = Vec::new();
        let mut names = BTreeSet::new();
        for uid in ["c", "b", "a"] {
            checks.push(CheckFacts {
                uid: uid.to_owned(),
                ..CheckFacts::default()
            });
            names.insert(check_name(&inputs, &checks));
        }
        assert_eq!(names.len(), checks.len());
        let order = check_name(&inputs, &checks);
        checks.reverse();
        assert_eq!(order, check_name(&inputs, &checks));
    }
}
