//! Asks the admission policies and the quotas, and shows them the cluster.

use std::sync::Arc;

use serde_json::Value;

use super::Call;
use crate::{
    access::{
        admission::{AdmissionRequest, Cluster, Operation},
        quota::{self, Charge},
    },
    endpoint::core::Core,
    kind::{resource::ResourceType, view},
    status_error::StatusError,
    store::{GroupResource, key},
};

impl Call<'_> {
    /// May this write happen? Also asked for a dry run. Warnings go to the client.
    pub(super) fn admit(
        &mut self,
        operation: Operation,
        name: &str,
        object: Option<&Value>,
        old: Option<&Value>,
    ) -> Result<(), StatusError> {
        let request = AdmissionRequest {
            operation,
            resource: &self.resource,
            subresource: self.path.subresource.as_deref(),
            name,
            namespace: self.path.namespace.as_deref(),
            object,
            old_object: old,
            identity: self.identity,
            dry_run: self.is_dry_run(),
        };
        let warnings = self.core.policies().admit(&request, self.core)?;
        self.warnings.extend(warnings);
        Ok(())
    }

    /// What the quotas of the namespace are charged with when this write has happened. (What changes through a
    /// subresource uses no more than before.)
    pub(super) fn charges(
        &self,
        operation: Operation,
        name: &str,
        new: &Value,
        old: Option<&Value>,
    ) -> Result<Vec<Charge>, StatusError> {
        let namespace = self.path.namespace.as_deref().unwrap_or_default();
        if namespace.is_empty() || !self.resource.namespaced || self.path.subresource.is_some() {
            return Ok(Vec::new());
        }
        let quotas = self.core.quotas(namespace);
        let request = quota::Request {
            resource: self.resource.storage_key(),
            operation,
            new,
            old,
        };
        quota::check(&quotas, &request)
            .map_err(|why| StatusError::forbidden(&self.resource, name, &why))
    }
}

impl Cluster for Core {
    fn resource_of(&self, api_version: &str, kind: &str) -> Option<Arc<ResourceType>> {
        self.registry().find_kind(api_version, kind).cloned()
    }

    fn get(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        let stored = self
            .store
            .get(&GroupResource::of(resource), &key(namespace, name))?;
        Some(view::of(resource, &stored))
    }

    fn list(&self, resource: &ResourceType, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let prefix = namespace.map(|namespace| format!("{namespace}/"));
        let prefix = prefix.unwrap_or_default();
        self.store
            .now(&GroupResource::of(resource), &prefix)
            .objects
            .iter()
            .map(|(_, stored)| view::of(resource, stored))
            .collect()
    }
}
