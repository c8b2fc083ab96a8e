//! ValidatingAdmissionPolicies: may this write happen? (k8s.io/apiserver `pkg/admission/plugin/policy/validating`)
//!
//! The core compiles [`Policies`] from the stored policies and bindings whenever those change, and asks them before
//! every write. Pure: parameters and namespaces are looked up through [`Cluster`].

mod matching;
mod policy;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    access::identity::Identity,
    kind::resource::ResourceType,
    object::{
        field_error::{self, FieldError},
        selector::LabelSelector,
    },
    schema::cel::{Budget, Expression, Kind, Operand, Scalar},
    status_error::StatusError,
};
use matching::Constraints;
use policy::{Decision, Policy};

/// What a request does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

impl Operation {
    /// As rules and expressions call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A write that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionRequest<'a> {
    pub operation: Operation,
    pub resource: &'a ResourceType,
    pub subresource: Option<&'a str>,
    /// Empty where the server is going to generate one.
    pub name: &'a str,
    pub namespace: Option<&'a str>,
    /// As it is going to be stored; none when it is deleted.
    pub object: Option<&'a Value>,
    /// As it is stored; none when it is created.
    pub old_object: Option<&'a Value>,
    pub identity: &'a Identity,
    pub dry_run: bool,
}

/// What policies may look at beside the request.
pub trait Cluster {
    /// The resource that serves a kind.
    fn resource_of(&self, api_version: &str, kind: &str) -> Option<Arc<ResourceType>>;
    /// An object; without a namespace, one of a cluster-scoped resource.
    fn get(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>>;
    /// All objects of a resource, or of one namespace.
    fn list(&self, resource: &ResourceType, namespace: Option<&str>) -> Vec<Arc<Value>>;
}

/// All policies that are bound, compiled.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    bound: Vec<(Policy, Vec<Binding>)>,
}

#[derive(Clone, Debug)]
struct Binding {
    name: String,
    constraints: Constraints,
    /// `spec.paramRef`, null where there is none.
    param_ref: Value,
    actions: Vec<String>,
}

/// Why a request is denied: the policy's name, the binding's, and the rest.
type Denial = (String, Option<String>, Decision);

impl Policies {
    /// Compiles what is stored, in the order of the names.
    #[must_use]
    pub fn compile(policies: &[Arc<Value>], bindings: &[Arc<Value>]) -> Self {
        let mut by_policy: BTreeMap<&str, Vec<Binding>> = BTreeMap::new();
        for binding in bindings {
            let policy = binding["spec"]["policyName"].as_str().unwrap_or_default();
            by_policy
                .entry(policy)
                .or_default()
                .push(Binding::read(binding));
        }
        let bound = policies.iter().filter_map(|policy| {
            let policy = Policy::compile(policy);
            let bindings = by_policy.remove(policy.name.as_str())?;
            Some((policy, bindings))
        });
        Self {
            bound: bound.collect(),
        }
    }

    /// Is there any policy that is bound?
    #[must_use]
    pub fn are_there(&self) -> bool {
        !self.bound.is_empty()
    }

    /// Lets the request pass, with warnings, or denies it.
    pub fn admit(
        &self,
        request: &AdmissionRequest,
        cluster: &dyn Cluster,
    ) -> Result<Vec<String>, StatusError> {
        let mut warnings = Vec::new();
        if matching::is_exempt(request.resource) {
            return Ok(warnings);
        }
        let mut operands = None;
        let budget = Budget::default();
        for (policy, bindings) in &self.bound {
            if !policy.constraints.match_request(request, cluster) {
                continue;
            }
            let operands = operands.get_or_insert_with(|| policy::operands(request, cluster));
            for binding in bindings {
                if binding.constraints.match_request(request, cluster) {
                    let decisions = decide(policy, binding, request, operands, cluster, &budget);
                    let denial = binding.act(policy, decisions, &mut warnings);
                    if let Some(denial) = denial {
                        return Err(refuse(request, &denial));
                    }
                }
            }
        }
        Ok(warnings)
    }
}

impl Binding {
    fn read(binding: &Value) -> Self {
        let spec = &binding["spec"];
        let actions = spec["validationActions"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        Self {
            name: binding["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            constraints: Constraints::read(&spec["matchResources"]),
            param_ref: spec["paramRef"].clone(),
            actions: actions
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Warns of, and picks the first to deny, as the binding's actions say. (What is audited is not kept.)
    fn act(
        &self,
        policy: &Policy,
        decisions: Vec<Decision>,
        warnings: &mut Vec<String>,
    ) -> Option<Denial> {
        let mut first = None;
        for decision in decisions {
            if self.actions.iter().any(|action| action == "Warn") {
                warnings.push(format!(
                    "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                    policy.name, self.name, decision.message
                ));
            }
            // A policy that can not be set up denies whatever the actions are.
            if decision.is_misconfiguration || self.actions.iter().any(|action| action == "Deny") {
                let binding = Some(self.name.clone()).filter(|_| decision.names_binding);
                first.get_or_insert((policy.name.clone(), binding, decision));
            }
        }
        first
    }

    /// The parameters that the policy is run with, once for each.
    fn params(
        &self,
        policy: &Policy,
        request: &AdmissionRequest,
        cluster: &dyn Cluster,
    ) -> Result<Vec<Option<Arc<Value>>>, Decision> {
        let Some((api_version, kind)) = &policy.param_kind else {
            return Ok(vec![None]);
        };
        let Some(resource) = cluster.resource_of(api_version, kind) else {
            let why = format!(
                "failed to configure policy: failed to find resource referenced by paramKind: '{api_version}, Kind={kind}'"
            );
            return Err(Decision::misconfigured(why, false));
        };
        let misconfigured = |why: &str| {
            Decision::misconfigured(format!("failed to configure binding: {why}"), true)
        };
        let reference = &self.param_ref;
        if reference.is_null() {
            return Ok(vec![None]);
        }
        let given = reference["namespace"]
            .as_str()
            .filter(|namespace| !namespace.is_empty());
        let namespace = match (resource.namespaced, given.or(request.namespace)) {
            (false, _) if given.is_some() => {
                return Err(misconfigured(
                    "paramRef.namespace must not be provided for a cluster-scoped `paramKind`",
                ));
            }
            (false, _) => None,
            (true, None) => {
                let why = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources";
                return Err(misconfigured(why));
            }
            (true, namespace) => namespace,
        };
        let name = reference["name"].as_str().filter(|name| !name.is_empty());
        let found: Vec<Arc<Value>> = if let Some(name) = name {
            cluster
                .get(&resource, namespace, name)
                .into_iter()
                .collect()
        } else {
            let selector = LabelSelector::from_object(&reference["selector"]);
            let selector = selector.map_err(|why| misconfigured(&why))?;
            let mut all = cluster.list(&resource, namespace);
            all.retain(|object| selector.matches(object));
            all
        };
        if found.is_empty() && reference["parameterNotFoundAction"] == "Deny" {
            let why = "no params found for policy binding with `Deny` parameterNotFoundAction";
            return Err(misconfigured(why));
        }
        Ok(found.into_iter().map(Some).collect())
    }
}

/// Everything that speaks against the request.
fn decide(
    policy: &Policy,
    binding: &Binding,
    request: &AdmissionRequest,
    operands: &[(&str, Operand)],
    cluster: &dyn Cluster,
    budget: &Budget,
) -> Vec<Decision> {
    match binding.params(policy, request, cluster) {
        Err(_) if policy.ignores_failures => Vec::new(),
        Err(decision) => vec![decision],
        Ok(params) => params
            .iter()
            .flat_map(|params| policy.evaluate(operands, params.as_deref(), budget))
            .collect(),
    }
}

fn refuse(request: &AdmissionRequest, (policy, binding, decision): &Denial) -> StatusError {
    let by = match binding {
        Some(binding) => format!("ValidatingAdmissionPolicy '{policy}' with binding '{binding}'"),
        None => format!("ValidatingAdmissionPolicy '{policy}'"),
    };
    let message = format!("{by} denied request: {}", decision.message);
    let generated = || request.object?["metadata"]["generateName"].as_str();
    let name = match request.name {
        "" => generated().unwrap_or("Unknown"),
        name => name,
    };
    let mut error = StatusError::forbidden(request.resource, name, &message);
    (error.code, error.reason) = match decision.reason.as_str() {
        "Forbidden" => (403, "Forbidden"),
        "Unauthorized" => (401, "Unauthorized"),
        "RequestEntityTooLarge" => (413, "RequestEntityTooLarge"),
        _ => (422, "Invalid"),
    };
    if let Some(details) = &mut error.details {
        details["causes"] = json!([{"message": message}]);
    }
    error
}

/// The expressions of a policy that can not be compiled, for when one is stored.
#[must_use]
pub fn faults(policy: &Value) -> Vec<FieldError> {
    let mut names = vec![
        "object",
        "oldObject",
        "request",
        "namespaceObject",
        "variables",
    ];
    if policy["spec"]["paramKind"].is_object() {
        names.push("params");
    }
    let declared: Vec<(&str, Kind)> = names
        .into_iter()
        .map(|name| (name, Kind::Dynamic))
        .collect();
    policy::expressions(policy)
        .into_iter()
        .filter_map(|(field, source)| {
            let detail = match Expression::compile(&source)
                .and_then(|expression| expression.check(&declared))
            {
                Ok(result) => misfit(&field, result?)?,
                Err(why) => format!("compilation failed: {why}"),
            };
            Some(field_error::invalid(&field, &Value::from(source), detail))
        })
        .collect()
}

/// Why an expression with this result can not stand in this field.
fn misfit(field: &str, result: Scalar) -> Option<String> {
    let (wanted, named): (&[Scalar], &str) = if field.contains(".variables[") {
        return None;
    } else if field.ends_with("messageExpression") {
        (&[Scalar::String], "string")
    } else if field.ends_with("valueExpression") {
        (&[Scalar::String, Scalar::Null], "one of [string null_type]")
    } else {
        (&[Scalar::Bool], "bool")
    };
    (!wanted.contains(&result)).then(|| format!("must evaluate to {named}"))
}

#[cfg(test)]
mod tests;
