//! Nobody grants what he does not have: the guard in front of writes to roles and bindings
//! (k8s.io/kubernetes `pkg/registry/rbac`).

use std::fmt::Write as _;

use serde_json::Value;

use super::{Attributes, Authority, ResourceTarget, RoleRef, Rule, Target, is_master, rule};
use crate::{access::identity::Identity, kind::validation::rbac::GROUP, object::go_format};

/// A write to a role or a binding.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    pub user: &'a Identity,
    /// `roles`, `clusterroles`, `rolebindings` or `clusterrolebindings`.
    pub plural: &'a str,
    /// Of the request's path; empty for cluster-scoped resources.
    pub namespace: &'a str,
    /// Of the request's path; empty where an object is created.
    pub name: &'a str,
    pub new: &'a Value,
    pub old: Option<&'a Value>,
}

/// Why a grant is not for this user to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Forbidden, with this reason.
    Exceeds(String),
    /// The bound role is not there.
    NoRole(RoleRef),
}

impl Authority {
    /// May this user write this role or binding?
    pub fn check_grant(&self, grant: &Grant<'_>) -> Result<(), Fault> {
        let for_the_collector = |old| only_ownership_differs(grant.new, old);
        if is_master(grant.user) || grant.old.is_some_and(for_the_collector) {
            return Ok(());
        }
        match grant.plural {
            "roles" | "clusterroles" => self.check_role(grant),
            "rolebindings" | "clusterrolebindings" => self.check_binding(grant),
            _ => Ok(()),
        }
    }

    fn check_role(&self, grant: &Grant<'_>) -> Result<(), Fault> {
        if self.may(grant, "escalate", grant.plural, grant.name) {
            return Ok(());
        }
        self.check_held(grant, &Rule::all(&grant.new["rules"]))?;
        let gathers = |role: &Value| !role["aggregationRule"].is_null();
        if gathers(grant.new) || grant.old.is_some_and(gathers) {
            let everything = [
                Rule {
                    verbs: vec!["*".to_owned()],
                    api_groups: vec!["*".to_owned()],
                    resources: vec!["*".to_owned()],
                    ..Rule::default()
                },
                Rule {
                    verbs: vec!["*".to_owned()],
                    non_resource_urls: vec!["*".to_owned()],
                    ..Rule::default()
                },
            ];
            return self.check_held(grant, &everything).map_err(|_| {
                Fault::Exceeds(
                    "must have cluster-admin privileges to use the aggregationRule".to_owned(),
                )
            });
        }
        Ok(())
    }

    fn check_binding(&self, grant: &Grant<'_>) -> Result<(), Fault> {
        let role = RoleRef::read(grant.new);
        let plural = match role.kind.as_str() {
            "Role" => "roles",
            "ClusterRole" => "clusterroles",
            // Validation has something to say about it.
            _ => return Ok(()),
        };
        if self.may(grant, "bind", plural, &role.name) {
            return Ok(());
        }
        let rules = self.rules(&role, grant.namespace);
        let rules = rules.map_err(|_| Fault::NoRole(role.clone()))?.to_vec();
        self.check_held(grant, &rules)
    }

    fn may(&self, grant: &Grant<'_>, verb: &str, plural: &str, name: &str) -> bool {
        let target = ResourceTarget {
            group: GROUP.to_owned(),
            resource: plural.to_owned(),
            namespace: grant.namespace.to_owned(),
            name: name.to_owned(),
            ..ResourceTarget::default()
        };
        let attributes = Attributes {
            user: grant.user,
            verb: verb.to_owned(),
            target: Target::Resource(target),
        };
        self.decide(&attributes).allowed
    }

    fn check_held(&self, grant: &Grant<'_>, wanted: &[Rule]) -> Result<(), Fault> {
        let (held, faults) = self.rules_of(grant.user, grant.namespace);
        let missing = rule::compact(rule::missing(&held, wanted));
        if missing.is_empty() {
            return Ok(());
        }
        let mut lines: Vec<String> = missing.iter().map(Rule::described).collect();
        lines.sort();
        lines.dedup();
        let mut why = format!(
            "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            go_format::quote(&grant.user.username),
            go_format::list(&grant.user.groups),
            lines.join("\n")
        );
        if let Some(faults) = super::resolution(&faults) {
            let _ = write!(why, "; resolution errors: [{faults}]");
        }
        Err(Fault::Exceeds(why))
    }
}

/// Does the change leave everything but owners and finalizers as it was? The collector of garbage has to be able to.
fn only_ownership_differs(new: &Value, old: &Value) -> bool {
    let plain = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in ["ownerReferences", "finalizers", "managedFields"] {
                metadata.remove(field);
            }
        }
        object
    };
    plain(new) == plain(old)
}
