//! What is served right now: the built-in resources and those that CustomResourceDefinitions add.
//!
//! A registry never changes; a new one replaces it when a definition comes, changes or goes.

use std::{collections::BTreeMap, sync::Arc};

use super::{builtin, resource::ResourceType};

/// All served resources.
#[derive(Clone, Debug)]
pub struct Registry {
    built_in: Vec<Arc<ResourceType>>,
    /// By name of the definition.
    defined: BTreeMap<String, Vec<Arc<ResourceType>>>,
    all: Vec<Arc<ResourceType>>,
}

impl Registry {
    /// The built-in resources alone.
    #[must_use]
    pub fn built_in() -> Self {
        let built_in = builtin::resources();
        Self {
            all: built_in.clone(),
            built_in,
            defined: BTreeMap::new(),
        }
    }

    /// The same with these resources for one definition; none: the definition is gone.
    #[must_use]
    pub fn with(&self, definition: &str, types: Vec<ResourceType>) -> Self {
        let mut defined = self.defined.clone();
        if types.is_empty() {
            defined.remove(definition);
        } else {
            defined.insert(
                definition.to_owned(),
                types.into_iter().map(Arc::new).collect(),
            );
        }
        let all = self
            .built_in
            .iter()
            .chain(defined.values().flatten())
            .cloned()
            .collect();
        Self {
            built_in: self.built_in.clone(),
            defined,
            all,
        }
    }

    /// Everything that is served, built-in resources first.
    #[must_use]
    pub fn all(&self) -> &[Arc<ResourceType>] {
        &self.all
    }

    #[must_use]
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<ResourceType>> {
        self.all
            .iter()
            .find(|one| one.plural == plural && one.version == version && one.group == group)
    }

    /// The resource that serves a kind.
    #[must_use]
    pub fn find_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<ResourceType>> {
        self.all
            .iter()
            .find(|one| one.kind == kind && one.api_version() == api_version)
    }

    /// Any version of a resource, the first that is served.
    #[must_use]
    pub fn find_stored(&self, group: &str, plural: &str) -> Option<&Arc<ResourceType>> {
        self.all
            .iter()
            .find(|one| one.plural == plural && one.group == group)
    }

    /// Is this group one that every API server has? Its unknown paths are answered with a `Status`.
    #[must_use]
    pub fn is_built_in(&self, group: &str) -> bool {
        self.built_in.iter().any(|one| one.group == group)
    }
}
