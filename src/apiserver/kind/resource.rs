//! What the API server serves: one [`ResourceType`] a resource and version, built in or defined by a CRD.
//!
//! Routing, discovery, OpenAPI, tables, validation and storage all read this one description.

use std::sync::Arc;

use serde_json::Value;

use super::model::{self, Shape};
use crate::schema::Schema;

/// A column of `kubectl get`, as in `additionalPrinterColumns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    pub format: String,
    pub description: String,
    /// Above 0: shown by `-o wide` alone.
    pub priority: i64,
    /// Kubernetes' JSONPath without braces, for example `.spec.enabled`.
    pub json_path: String,
}

/// One served resource in one version.
#[derive(Clone, Debug)]
pub struct ResourceType {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub list_kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    pub verbs: &'static [&'static str],
    /// Is there `/status`, so that the main resource ignores the status and the other way round?
    pub status_subresource: bool,
    /// Is there `/scale`?
    pub scale_subresource: bool,
    /// Does the object count generations? (Custom resources and the workload kinds do; nodes do not.)
    pub counts_generation: bool,
    /// Defined by a CustomResourceDefinition: pruned, no strategic merge patch.
    pub custom: bool,
    /// The structural schema of a custom resource; of a built-in one how it is merged.
    pub schema: Option<Arc<Schema>>,
    pub columns: Vec<Column>,
    /// JSON paths that field selectors may name, besides `metadata.name` and `metadata.namespace`.
    pub selectable_fields: Vec<String>,
}

/// What every ordinary resource can do.
pub const ALL_VERBS: &[&str] = &[
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

impl ResourceType {
    /// `plural.group`, or `plural` alone in the core group: how error messages name a resource.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `group/version`, or the version alone in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The group and plural that objects are stored under: all versions of a resource share one store, and so do the
    /// two groups of events.
    #[must_use]
    pub fn storage_key(&self) -> (&str, &str) {
        match (self.group.as_str(), self.plural.as_str()) {
            ("events.k8s.io", "events") => ("", "events"),
            key => key,
        }
    }

    /// Does somebody have to approve its objects, through `/approval`?
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.storage_key() == ("certificates.k8s.io", "certificatesigningrequests")
    }

    /// What is known of the fields of a built-in kind.
    #[must_use]
    pub fn shape(&self) -> Shape {
        if self.custom {
            return Shape::UNKNOWN;
        }
        Shape::of(&model::name_of(&self.group, &self.version, &self.kind))
    }

    /// The raw OpenAPI v3 schema of a custom resource.
    #[must_use]
    pub fn raw_schema(&self) -> Option<&Value> {
        self.schema.as_ref().map(|schema| schema.raw())
    }
}
