//! Requests and policies, and what becomes of the ones under the others.
#![allow(clippy::needless_pass_by_value)] // so that tables can use json! in place

mod ours;
mod rules;

use super::*;
use crate::kind::resource::ALL_VERBS;

fn policies(texts: &[&str]) -> Policies {
    let documents: Vec<Arc<Value>> = texts
        .iter()
        .flat_map(|text| serde_saphyr::from_multiple::<Value>(text).unwrap())
        .map(Arc::new)
        .collect();
    of_objects(documents)
}

fn of_objects(objects: Vec<Arc<Value>>) -> Policies {
    let (policies, bindings): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| object["kind"] == "ValidatingAdmissionPolicy");
    for policy in &policies {
        assert_eq!(faults(policy), []);
    }
    Policies::compile(&policies, &bindings)
}

fn resource(group: &str, plural: &str, kind: &str, namespaced: bool) -> ResourceType {
    ResourceType {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: ALL_VERBS,
        status_subresource: true,
        scale_subresource: false,
        counts_generation: true,
        custom: true,
        schema: None,
        columns: Vec::new(),
        selectable_fields: Vec::new(),
    }
}

/// A cluster with at most one VMRuntime and one labelled namespace.
struct Fake {
    runtime: Option<Value>,
}

impl Cluster for Fake {
    fn resource_of(&self, api_version: &str, kind: &str) -> Option<Arc<ResourceType>> {
        match (api_version, kind) {
            ("vm.cluster.gke.io/v1", "VMRuntime") => Some(Arc::new(resource(
                "vm.cluster.gke.io",
                "vmruntimes",
                "VMRuntime",
                false,
            ))),
            ("v1", "Namespace") => Some(Arc::new(resource("", "namespaces", "Namespace", false))),
            _ => None,
        }
    }

    fn get(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        assert_eq!(namespace, None);
        match (resource.plural.as_str(), name) {
            ("vmruntimes", "vmruntime") => self.runtime.clone().map(Arc::new),
            ("namespaces", "default") => Some(Arc::new(
                json!({"metadata": {"name": name, "labels": {"env": "prod"}}}),
            )),
            _ => None,
        }
    }

    fn list(&self, _: &ResourceType, _: Option<&str>) -> Vec<Arc<Value>> {
        self.runtime.clone().map(Arc::new).into_iter().collect()
    }
}

fn someone(name: &str) -> Identity {
    Identity::new(name, ["system:authenticated".to_owned()])
}

struct Asked {
    operation: Operation,
    resource: ResourceType,
    namespace: Option<&'static str>,
    name: &'static str,
    object: Option<Value>,
    old: Option<Value>,
    user: Identity,
}

impl Asked {
    fn of(&self, policies: &Policies, runtime: Option<Value>) -> Result<Vec<String>, StatusError> {
        let request = AdmissionRequest {
            operation: self.operation,
            resource: &self.resource,
            subresource: None,
            name: self.name,
            namespace: self.namespace,
            object: self.object.as_ref(),
            old_object: self.old.as_ref(),
            identity: &self.user,
            dry_run: false,
        };
        policies.admit(&request, &Fake { runtime })
    }
}

fn create_vm() -> Asked {
    Asked {
        operation: Operation::Create,
        resource: resource(
            "vm.cluster.gke.io",
            "virtualmachines",
            "VirtualMachine",
            true,
        ),
        namespace: Some("default"),
        name: "x",
        object: Some(json!({"metadata": {"name": "x"}})),
        old: None,
        user: someone("kubernetes-admin"),
    }
}

fn runtime(enabled: bool, conditions: Value) -> Value {
    json!({"apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime", "metadata": {"name": "vmruntime"},
        "spec": {"enabled": enabled}, "status": {"conditions": conditions}})
}

fn gate(status: &str, message: Option<&str>) -> Value {
    match message {
        Some(message) => {
            json!([{"type": "VMCreationAllowed", "status": status, "message": message}])
        }
        None => json!([{"type": "VMCreationAllowed", "status": status}]),
    }
}
