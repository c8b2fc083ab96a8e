//! One object of any kind, and how it is reached: what a backup saves and a removal changes, whichever kind it is of.

use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
};

use super::{
    event::ObjectName,
    inventory::{Dependent, Uid, Workload},
};

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub resource: ApiResource,
    pub name: ObjectName,
    pub uid: Uid,
}

impl Subject {
    #[must_use]
    pub fn api(&self, client: &Client) -> Api<DynamicObject> {
        api(client, &self.resource, &self.name)
    }

    /// Empty for an object of the whole cluster.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.name.namespace.as_deref().unwrap_or_default()
    }
}

/// Where an object of that name is, or would be.
#[must_use]
pub fn api(client: &Client, resource: &ApiResource, name: &ObjectName) -> Api<DynamicObject> {
    match &name.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

impl From<&Workload> for Subject {
    fn from(workload: &Workload) -> Self {
        Self {
            resource: workload.resource(),
            name: workload.object_name(),
            uid: workload.uid.clone(),
        }
    }
}

impl From<&Dependent> for Subject {
    fn from(dependent: &Dependent) -> Self {
        Self {
            resource: dependent.kind.resource(),
            name: dependent.object_name(),
            uid: dependent.uid.clone(),
        }
    }
}
