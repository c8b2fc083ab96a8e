//! Who may do what: RBAC, evaluated from the Role, ClusterRole and binding objects in the store
//! (k8s.io/kubernetes `plugin/pkg/auth/authorizer/rbac`).
//!
//! The core asks an [`Authority`] before every request, the reviews ask it in a client's name, and impersonation and
//! the guard against escalation ask it for the rights behind a right. Pure: it is compiled from objects, and compiled
//! anew after they have changed.

pub mod aggregate;
pub mod bootstrap;
pub mod escalation;
mod request;
mod rule;

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

pub use crate::kind::validation::rbac::GROUP;
use crate::{
    access::identity::Identity,
    object::{go_format, metadata::text},
    status_error::StatusError,
};
pub use request::of_request;
pub use rule::Rule;

/// Whoever is in here may do everything, whatever the roles say.
pub const MASTERS: &str = "system:masters";

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes<'a> {
    pub user: &'a Identity,
    pub verb: String,
    pub target: Target,
}

/// What it is to be done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Resource(ResourceTarget),
    /// Any other path, for example `/healthz`.
    Path(String),
}

/// A resource as requests name it; what does not apply is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceTarget {
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

impl ResourceTarget {
    /// `resource/subresource`, as rules and messages write it.
    fn combined(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// An answer, and what is to be said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Empty where there is nothing to say.
    pub reason: String,
}

/// A binding, compiled.
#[derive(Clone, Debug)]
struct Binding {
    name: String,
    /// Empty for a ClusterRoleBinding.
    namespace: String,
    role: RoleRef,
    subjects: Vec<Subject>,
}

/// The role that a binding grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRef {
    pub kind: String,
    pub name: String,
}

impl RoleRef {
    pub fn read(binding: &Value) -> Self {
        let reference = &binding["roleRef"];
        Self {
            kind: text(reference, "kind").to_owned(),
            name: text(reference, "name").to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
struct Subject {
    kind: String,
    namespace: String,
    name: String,
}

impl Subject {
    fn is(&self, user: &Identity) -> bool {
        match self.kind.as_str() {
            "User" => user.username == self.name,
            "Group" => user.groups.contains(&self.name),
            "ServiceAccount" if self.namespace.is_empty() => false,
            "ServiceAccount" => {
                user.username == format!("system:serviceaccount:{}:{}", self.namespace, self.name)
            }
            _ => false,
        }
    }

    fn described(&self) -> String {
        match self.kind.as_str() {
            "ServiceAccount" => format!(
                "{} {}",
                self.kind,
                go_format::quote(&format!("{}/{}", self.name, self.namespace))
            ),
            kind => format!("{kind} {}", go_format::quote(&self.name)),
        }
    }
}

/// The roles and bindings of a moment.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    /// By namespace and name; ClusterRoles are in the empty namespace.
    roles: HashMap<(String, String), Vec<Rule>>,
    cluster_bindings: Vec<Binding>,
    /// By namespace.
    bindings: HashMap<String, Vec<Binding>>,
}

impl Authority {
    /// Reads the roles (of both kinds) and the bindings (of both kinds).
    #[must_use]
    pub fn compile(roles: &[Arc<Value>], bindings: &[Arc<Value>]) -> Self {
        let mut authority = Self::default();
        for role in roles {
            let place = place_of(role);
            authority.roles.insert(place, Rule::all(&role["rules"]));
        }
        for binding in bindings {
            let (namespace, name) = place_of(binding);
            let subjects = binding["subjects"].as_array();
            let compiled = Binding {
                name,
                role: RoleRef::read(binding),
                subjects: subjects
                    .into_iter()
                    .flatten()
                    .map(|subject| Subject {
                        kind: text(subject, "kind").to_owned(),
                        // In a RoleBinding it defaults to the binding's own.
                        namespace: match text(subject, "namespace") {
                            "" => namespace.clone(),
                            given => given.to_owned(),
                        },
                        name: text(subject, "name").to_owned(),
                    })
                    .collect(),
                namespace: namespace.clone(),
            };
            if namespace.is_empty() {
                authority.cluster_bindings.push(compiled);
            } else {
                let here = authority.bindings.entry(namespace).or_default();
                here.push(compiled);
            }
        }
        authority
    }

    /// May they?
    #[must_use]
    pub fn decide(&self, attributes: &Attributes<'_>) -> Decision {
        if is_master(attributes.user) {
            return Decision {
                allowed: true,
                reason: String::new(),
            };
        }
        let namespace = match &attributes.target {
            Target::Resource(target) => target.namespace.as_str(),
            Target::Path(_) => "",
        };
        let mut faults = Vec::new();
        for (binding, subject) in self.bindings_of(attributes.user, namespace) {
            match self.rules(&binding.role, &binding.namespace) {
                Ok(rules) => {
                    if rules.iter().any(|rule| rule.allows(attributes)) {
                        return Decision {
                            allowed: true,
                            reason: binding.granting(subject),
                        };
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        Decision {
            allowed: false,
            reason: resolution(&faults)
                .map(|faults| format!("RBAC: {faults}"))
                .unwrap_or_default(),
        }
    }

    /// Everything that somebody may do in a namespace, or in the whole cluster where it is empty; and the bindings'
    /// roles that are not there.
    #[must_use]
    pub fn rules_of(&self, user: &Identity, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        for (binding, _) in self.bindings_of(user, namespace) {
            match self.rules(&binding.role, &binding.namespace) {
                Ok(rules) => all.extend_from_slice(rules),
                Err(fault) => faults.push(fault),
            }
        }
        (all, faults)
    }

    /// The bindings that apply to a user, with the subject that makes them do.
    fn bindings_of<'a>(
        &'a self,
        user: &'a Identity,
        namespace: &str,
    ) -> impl Iterator<Item = (&'a Binding, &'a Subject)> + use<'a> {
        let here = self.bindings.get(namespace).into_iter().flatten();
        self.cluster_bindings
            .iter()
            .chain(here)
            .filter_map(|binding| {
                let subject = binding.subjects.iter().find(|subject| subject.is(user))?;
                Some((binding, subject))
            })
    }

    /// The rules of a role that a binding in this namespace refers to.
    fn rules(&self, role: &RoleRef, namespace: &str) -> Result<&[Rule], String> {
        let (namespace, word) = match role.kind.as_str() {
            "Role" => (namespace, "role"),
            "ClusterRole" => ("", "clusterrole"),
            other => return Err(format!("unsupported role reference kind: {other:?}")),
        };
        let place = (namespace.to_owned(), role.name.clone());
        let rules = self.roles.get(&place).map(Vec::as_slice);
        rules.ok_or_else(|| format!("{word}.{GROUP} {} not found", go_format::quote(&role.name)))
    }
}

impl Binding {
    fn granting(&self, subject: &Subject) -> String {
        let (kind, name) = if self.namespace.is_empty() {
            ("ClusterRoleBinding", self.name.clone())
        } else {
            ("RoleBinding", format!("{}/{}", self.name, self.namespace))
        };
        format!(
            "RBAC: allowed by {kind} {} of {} {} to {}",
            go_format::quote(&name),
            self.role.kind,
            go_format::quote(&self.role.name),
            subject.described()
        )
    }
}

/// May this one do everything?
#[must_use]
pub fn is_master(user: &Identity) -> bool {
    user.groups.iter().any(|group| group == MASTERS)
}

fn place_of(object: &Value) -> (String, String) {
    let metadata = &object["metadata"];
    let (namespace, name) = (text(metadata, "namespace"), text(metadata, "name"));
    (namespace.to_owned(), name.to_owned())
}

/// Several faults as Go's aggregates write them.
fn resolution(faults: &[String]) -> Option<String> {
    match faults {
        [] => None,
        [one] => Some(one.clone()),
        many => {
            let mut said: Vec<&str> = Vec::new();
            for fault in many {
                if !said.contains(&fault.as_str()) {
                    said.push(fault);
                }
            }
            Some(match said.as_slice() {
                [one] => (*one).to_owned(),
                many => format!("[{}]", many.join(", ")),
            })
        }
    }
}

/// The refusal of a request that nobody has granted (apiserver `pkg/endpoints/handlers/responsewriters`).
#[must_use]
pub fn forbidden(attributes: &Attributes<'_>, reason: &str) -> StatusError {
    let user = go_format::quote(&attributes.user.username);
    let verb = &attributes.verb;
    let (resource, said) = match &attributes.target {
        Target::Path(path) => (
            ResourceTarget::default(),
            format!("User {user} cannot {verb} path {}", go_format::quote(path)),
        ),
        Target::Resource(target) => {
            let place = match target.namespace.as_str() {
                "" => "at the cluster scope".to_owned(),
                namespace => format!("in the namespace {}", go_format::quote(namespace)),
            };
            let said = format!(
                "User {user} cannot {verb} resource {} in API group {} {place}",
                go_format::quote(&target.combined()),
                go_format::quote(&target.group),
            );
            (target.clone(), said)
        }
    };
    // The API server takes no chances with what a browser may show.
    let said = said
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let why = match reason {
        "" => said,
        reason => format!("{said}: {reason}"),
    };
    StatusError::forbidden_resource(&resource.group, &resource.resource, &resource.name, &why)
}

#[cfg(test)]
mod tests;
