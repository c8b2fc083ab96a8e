//! Objects as rules read them.

use kube::core::DynamicObject;
use serde_json::Value;

/// Short words for what rules ask of an object.
pub trait Read {
    fn text(&self, pointer: &str) -> Option<&str>;
    /// 0 where there is none.
    fn number(&self, pointer: &str) -> i64;
    fn value(&self, pointer: &str) -> Option<&Value>;
    fn uid(&self) -> &str;
    fn name(&self) -> &str;
    fn namespace(&self) -> &str;
    fn deleting(&self) -> bool;
    fn label(&self, key: &str) -> Option<&str>;
    fn has_finalizer(&self, finalizer: &str) -> bool;
    /// Status of a condition.
    fn condition(&self, kind: &str) -> Option<&str>;
    fn controller(&self)
    -> Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference>;
}

impl Read for DynamicObject {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.data.pointer(pointer)?.as_str()
    }

    fn number(&self, pointer: &str) -> i64 {
        self.data
            .pointer(pointer)
            .and_then(Value::as_i64)
            .unwrap_or(0)
    }

    fn value(&self, pointer: &str) -> Option<&Value> {
        self.data.pointer(pointer)
    }

    fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    fn has_finalizer(&self, finalizer: &str) -> bool {
        self.metadata
            .finalizers
            .iter()
            .flatten()
            .any(|held| held == finalizer)
    }

    fn condition(&self, kind: &str) -> Option<&str> {
        self.data
            .pointer("/status/conditions")?
            .as_array()?
            .iter()
            .find(|condition| condition["type"] == kind)?["status"]
            .as_str()
    }

    fn controller(
        &self,
    ) -> Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference> {
        self.metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.controller == Some(true))
    }
}
