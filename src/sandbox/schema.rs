//! Structural schemas (see apiextensions.k8s.io): defaulting, pruning and validation, with the API server's wording.

use serde_json::Value;

/// A compiled `openAPIV3Schema`.
#[derive(Clone, Debug)]
pub struct Schema {
    raw: Value,
}

impl Schema {
    /// The schema as it was given.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }
}
