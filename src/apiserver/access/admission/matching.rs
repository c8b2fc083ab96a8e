//! Which requests a policy is about: `matchConstraints` and `matchResources`.

use serde_json::Value;

use super::{AdmissionRequest, Cluster};
use crate::{kind::resource::ResourceType, object::selector::LabelSelector};

/// The resources, operations, namespaces and labels that a policy or a binding is limited to.
#[derive(Clone, Debug, Default)]
pub(super) struct Constraints {
    rules: Vec<Rule>,
    exclusions: Vec<Rule>,
    namespaces: LabelSelector,
    objects: LabelSelector,
    /// Only the versions that are named, not other versions of the same resource.
    exact: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    groups: Vec<String>,
    versions: Vec<String>,
    operations: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    scope: String,
}

impl Constraints {
    /// Reads them; selectors that can not be read select everything, so that a broken policy lets nothing pass.
    pub fn read(constraints: &Value) -> Self {
        let rules = |name: &str| {
            let rules = constraints[name].as_array().map_or(&[][..], Vec::as_slice);
            rules.iter().map(Rule::read).collect()
        };
        let selector =
            |name: &str| LabelSelector::from_object(&constraints[name]).unwrap_or_default();
        Self {
            rules: rules("resourceRules"),
            exclusions: rules("excludeResourceRules"),
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
            exact: constraints["matchPolicy"] == "Exact",
        }
    }

    /// Are they about this request? Without rules they are about every resource.
    pub fn match_request(&self, request: &AdmissionRequest, cluster: &dyn Cluster) -> bool {
        let any = |rules: &[Rule]| {
            rules
                .iter()
                .any(|rule| rule.matches(request, self.exact, cluster))
        };
        (self.rules.is_empty() || any(&self.rules))
            && !any(&self.exclusions)
            && self.matches_namespace(request, cluster)
            && self.matches_object(request)
    }

    fn matches_namespace(&self, request: &AdmissionRequest, cluster: &dyn Cluster) -> bool {
        if is_namespace(request.resource) {
            return request
                .object
                .or(request.old_object)
                .is_none_or(|namespace| self.namespaces.matches(namespace));
        }
        let Some(name) = request.namespace else {
            return true;
        };
        namespace(name, cluster).is_none_or(|namespace| self.namespaces.matches(&namespace))
    }

    fn matches_object(&self, request: &AdmissionRequest) -> bool {
        let matches =
            |object: Option<&Value>| object.is_some_and(|object| self.objects.matches(object));
        matches(request.object) || matches(request.old_object)
    }
}

/// A namespace as it is stored.
pub(super) fn namespace(name: &str, cluster: &dyn Cluster) -> Option<std::sync::Arc<Value>> {
    cluster.get(&*cluster.resource_of("v1", "Namespace")?, None, name)
}

pub(super) fn is_namespace(resource: &ResourceType) -> bool {
    resource.group.is_empty() && resource.plural == "namespaces"
}

/// Policies are not asked about themselves, nor about questions of who may do what.
pub(super) fn is_exempt(resource: &ResourceType) -> bool {
    let plural = resource.plural.as_str();
    match resource.group.as_str() {
        "admissionregistration.k8s.io" => plural.contains("admissionpolic"),
        "authentication.k8s.io" | "authorization.k8s.io" => plural.ends_with("reviews"),
        _ => false,
    }
}

impl Rule {
    fn read(rule: &Value) -> Self {
        let texts = |name: &str| {
            let texts = rule[name].as_array().map_or(&[][..], Vec::as_slice);
            texts
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        Self {
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            operations: texts("operations"),
            resources: texts("resources"),
            names: texts("resourceNames"),
            scope: rule["scope"].as_str().unwrap_or("*").to_owned(),
        }
    }

    fn matches(&self, request: &AdmissionRequest, exact: bool, cluster: &dyn Cluster) -> bool {
        let has = |list: &[String], value: &str| list.iter().any(|one| one == "*" || one == value);
        let resource = request.resource;
        // A namespace is an object of the cluster, even where it is named as its own namespace.
        let is_clusters = request.namespace.is_none() || is_namespace(resource);
        let in_scope = match self.scope.as_str() {
            "Cluster" => is_clusters,
            "Namespaced" => !is_clusters,
            _ => true,
        };
        let other_version = |version: &String| {
            let api_version = format!("{}/{version}", resource.group);
            !exact && cluster.resource_of(&api_version, &resource.kind).is_some()
        };
        in_scope
            && has(&self.operations, request.operation.name())
            && has(&self.groups, &resource.group)
            && (has(&self.versions, &resource.version) || self.versions.iter().any(other_version))
            && self
                .resources
                .iter()
                .any(|pattern| matches_resource(pattern, request))
            && (self.names.is_empty() || self.names.iter().any(|name| name == request.name))
    }
}

/// `pods`, `pods/status`, `*`, `*/*`, `*/status`, `pods/*`; without a slash, subresources are not meant.
fn matches_resource(pattern: &str, request: &AdmissionRequest) -> bool {
    let (resource, subresource) = pattern.split_once('/').unwrap_or((pattern, ""));
    let actual = request.subresource.unwrap_or_default();
    (resource == "*" || resource == request.resource.plural)
        && (subresource == "*" || subresource == actual)
}
