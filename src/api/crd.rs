//! The CustomResourceDefinitions, generated from the types and finished by hand where the derive has no word for it.
//!
//! `docs/crds/` holds their YAML; a test compares the two.

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceDefinition, JSONSchemaProps, ValidationRule,
    },
    serde_json::{Value, json},
};
use kube::CustomResourceExt;

use super::{
    name,
    preflight_check::VMRuntimePreflightCheck,
    virtual_machine::{VirtualMachine, VirtualMachineDisk},
    vmruntime::VMRuntime,
};

/// What the controller needs on any cluster.
#[must_use]
pub fn runtime_definitions() -> Vec<CustomResourceDefinition> {
    vec![vmruntime(), preflight_check()]
}

/// What Google Distributed Cloud brings of its own, and the sandbox brings in its place.
#[must_use]
pub fn machine_definitions() -> Vec<CustomResourceDefinition> {
    let mut machine = VirtualMachine::crd();
    keep_unknown_fields(property(root(&mut machine), "spec"));
    keep_unknown_fields(property(root(&mut machine), "status"));
    let mut disk = VirtualMachineDisk::crd();
    keep_unknown_fields(property(root(&mut disk), "spec"));
    keep_unknown_fields(property(root(&mut disk), "status"));
    vec![finish(machine), finish(disk)]
}

fn vmruntime() -> CustomResourceDefinition {
    let mut definition = VMRuntime::crd();
    let root = root(&mut definition);
    root.x_kubernetes_validations = Some(vec![ValidationRule {
        rule: format!("self.metadata.name == '{}'", name::VMRUNTIME),
        message: Some(format!(
            "there is one VMRuntime, and its name is {}",
            name::VMRUNTIME
        )),
        ..ValidationRule::default()
    }]);
    let spec = property(root, "spec");
    keep_unknown_fields(spec);
    spec.default = Some(from_value(json!({})));
    let status = property(root, "status");
    keep_unknown_fields(status);
    let conditions = property(status, "conditions");
    conditions.x_kubernetes_list_type = Some("map".into());
    conditions.x_kubernetes_list_map_keys = Some(vec!["type".into()]);
    atomic(property(
        property(status, "preflightCheckSummary"),
        "featureStatuses",
    ));
    finish(definition)
}

fn preflight_check() -> CustomResourceDefinition {
    let mut definition = VMRuntimePreflightCheck::crd();
    let root = root(&mut definition);
    property(root, "spec").default = Some(from_value(json!({})));
    let status = property(root, "status");
    atomic(property(status, "checks"));
    atomic(property(status, "failures"));
    finish(definition)
}

/// Takes out what the derive says of the object as a whole and the API server has no use for.
fn finish(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let schema = root(&mut definition);
    schema.title = None;
    // An object without a spec is one with the spec's defaults.
    if let Some(required) = &mut schema.required {
        required.retain(|field| field != "spec");
    }
    schema.required = schema
        .required
        .take()
        .filter(|required| !required.is_empty());
    definition
}

fn root(definition: &mut CustomResourceDefinition) -> &mut JSONSchemaProps {
    definition
        .spec
        .versions
        .first_mut()
        .and_then(|version| version.schema.as_mut())
        .and_then(|schema| schema.open_api_v3_schema.as_mut())
        .expect("the derive writes one version with a schema")
}

fn property<'a>(schema: &'a mut JSONSchemaProps, field: &str) -> &'a mut JSONSchemaProps {
    schema
        .properties
        .as_mut()
        .and_then(|properties| properties.get_mut(field))
        .unwrap_or_else(|| panic!("the schema has no property {field}"))
}

fn keep_unknown_fields(schema: &mut JSONSchemaProps) {
    schema.x_kubernetes_preserve_unknown_fields = Some(true);
}

/// One owner replaces the whole map: the results of thousands of nodes must not become thousands of managed fields.
fn atomic(schema: &mut JSONSchemaProps) {
    schema.x_kubernetes_map_type = Some("atomic".into());
}

fn from_value(
    value: Value,
) -> k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSON {
    k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSON(value)
}

/// Schema of a Kubernetes time: RFC 3339 text. Spares k8s-openapi's own schemas, which double its build.
pub(super) fn date_time(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "format": "date-time", "nullable": true})
}
