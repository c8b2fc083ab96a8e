//! Structural schemas (see apiextensions.k8s.io): defaulting, pruning and validation, with the API server's wording.
//!
//! A CRD's `openAPIV3Schema` is compiled once into a tree of [`Node`]s; the verbs then run it over objects. The rules
//! are those of k8s.io/apiextensions-apiserver 1.36 and of k8s.io/kube-openapi's validator, including their order.

pub mod cel;
mod default;
mod format;
mod list;
mod node;
mod prune;
mod rule;
mod structural;
mod validate;

use serde_json::Value;

use crate::object::field_error::{self, FieldError};

pub(crate) use node::PatternBudget;
pub(super) use node::{Additional, ListType, MapType, Node};

/// A compiled `openAPIV3Schema`.
#[derive(Clone, Debug)]
pub struct Schema {
    raw: Value,
    root: Node,
    is_built_in: bool,
    has_defaults: bool,
    has_rules: bool,
}

impl Schema {
    /// Understands a schema, or says why the API server would not accept it. The fields of the causes start at
    /// `spec.validation.openAPIV3Schema`, as in the answers of a real one.
    pub fn compile(raw: &Value) -> Result<Self, Vec<FieldError>> {
        Self::compile_within(raw, &mut PatternBudget::default())
    }

    /// As [`compile`](Self::compile), for the schemas of one definition.
    pub(crate) fn compile_within(
        raw: &Value,
        budget: &mut PatternBudget,
    ) -> Result<Self, Vec<FieldError>> {
        const PATH: &str = "spec.validation.openAPIV3Schema";
        let mut root =
            Node::parse(raw).map_err(|why| vec![field_error::invalid(PATH, &Value::Null, why)])?;
        root.check_patterns(budget);
        let mut causes = structural::check(&root, PATH);
        if causes.is_empty() {
            causes.extend(rule::compile(&mut root, PATH));
        }
        if causes.is_empty() {
            causes.extend(validate::check_defaults(&root, PATH));
        }
        if causes.is_empty() {
            Ok(Self {
                raw: raw.clone(),
                has_defaults: root.any(&|node| node.default.is_some()),
                has_rules: root.any(&|node| !node.rules.is_empty()),
                root,
                is_built_in: false,
            })
        } else {
            Err(causes)
        }
    }

    /// The schema of a built-in kind, as its definition has it: for server-side apply. What is wrong with an object of
    /// such a kind is told by decoding and `validation`.
    pub(crate) fn built_in(root: Node) -> Self {
        Self {
            raw: Value::Null,
            root,
            is_built_in: true,
            has_defaults: false,
            has_rules: false,
        }
    }

    /// The schema as it was given; null for a built-in kind.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// Is it the schema of a built-in kind?
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// Does it have rules in CEL?
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.has_rules
    }

    /// Is a default missing in a stored object, as where the schema has got it later? (Of a built-in kind, never.)
    #[must_use]
    pub fn lacks_default(&self, object: &Value) -> bool {
        self.has_defaults && default::is_missing(object, &self.root)
    }

    /// Fills in defaults where their parent exists, and removes nulls that the schema does not allow.
    pub fn default(&self, object: &mut Value) {
        default::remove_forbidden_nulls(object, Some(&self.root));
        default::apply(object, &self.root);
    }

    /// Removes what the schema does not know, and returns the removed paths in order, for example `spec.nope`.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(object, &self.root)
    }

    /// All faults of an object; `old` is the stored one on an update. A fault in a part that the update leaves as it
    /// was is not reported (ratcheting), and transition rules compare with it.
    #[must_use]
    pub fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut causes = validate::validate(&self.root, new, old);
        let old_lists_are_sound = old.is_none_or(|old| list::check(&self.root, old, "").is_empty());
        if old_lists_are_sound {
            causes.extend(list::check(&self.root, new, ""));
        }
        causes.extend(rule::check(&self.root, new, old, &causes));
        causes
    }
}

/// The path of a member, for example `spec.replicas`.
fn child(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests;
