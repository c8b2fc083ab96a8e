//! VMRuntimePreflightCheck: one run of the node checks over the cluster.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use super::tolerant;

/// Nothing can be asked of a check: creating one runs it.
#[derive(CustomResource, Serialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[kube(
    group = "vm.cluster.gke.io",
    version = "v1",
    kind = "VMRuntimePreflightCheck",
    plural = "vmruntimepreflightchecks",
    singular = "vmruntimepreflightcheck",
    shortname = "vmruntimepfc",
    namespaced,
    status = "VMRuntimePreflightCheckStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "VMRuntimePreflightCheck checks once whether the nodes of the cluster can run virtual machines. Creating one starts the check; it lives in namespace vm-system.",
    printcolumn = r#"{"name":"Pass","type":"boolean","jsonPath":".status.pass","description":"Whether every verified node passed; empty while the check runs"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default)]
pub struct VMRuntimePreflightCheckSpec {}

// Read as an `Option`, which serde also reads where a field is absent: Google's definition neither requires `spec` nor has
// a default for it, and one check without it must not make a whole list unreadable.
impl<'de> Deserialize<'de> for VMRuntimePreflightCheckSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::<BTreeMap<String, IgnoredAny>>::deserialize(from).map(|_| Self {})
    }
}

// What a part counts as that cannot be read: `tolerant`. What all of it means: `runtime::verdict`, and nobody else.
/// What the check found. `pass` and the results are written once, when the check has finished.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VMRuntimePreflightCheckStatus {
    /// Whether at least one node was verified and no verified node failed. Absent until the check has finished.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::verdict"
    )]
    pub pass: Option<bool>,
    /// The result of every node, by name.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "tolerant::nodes"
    )]
    pub checks: BTreeMap<String, NodeResult>,
    /// The nodes that failed, at most 10 of them.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "tolerant::nodes"
    )]
    pub failures: BTreeMap<String, NodeResult>,
    /// How many nodes could not be verified. They run no VMs until a later check verifies them.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::count"
    )]
    pub unknown_node_num: Option<i64>,
    /// Why the check could not be carried out at all, where that is so.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::option"
    )]
    pub message: Option<String>,
    /// When the controller took the check up.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::option"
    )]
    #[schemars(schema_with = "super::crd::date_time")]
    pub start_time: Option<Time>,
    /// When the check finished.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::option"
    )]
    #[schemars(schema_with = "super::crd::date_time")]
    pub completion_time: Option<Time>,
}

/// What the check found on one node.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeResult {
    /// Whether every check that VMs depend on passed on this node.
    pub passed: bool,
    /// True if the checks could not be carried out on this node; passed is false then, and results are empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<bool>,
    /// Why the node is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The single checks.
    #[serde(deserialize_with = "tolerant::list")]
    pub results: Vec<CheckResult>,
}

/// The outcome of one check on one node.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckResult {
    /// Id of the check, for example KVM.
    pub check_name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was found; raw text that may have several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_check_without_a_spec_is_read() {
        for mut check in [json!({}), json!({"spec": null}), json!({"spec": {}})] {
            check["metadata"] = json!({"name": "applied"});
            check["status"] = json!({"pass": true});
            let read: VMRuntimePreflightCheck = serde_json::from_value(check.clone()).unwrap();
            assert_eq!(read.metadata.name.as_deref(), Some("applied"), "{check}");
            assert_eq!(read.status.unwrap().pass, Some(true), "{check}");
        }
        for broken in [json!({}), json!({"metadata": {}, "spec": 7})] {
            let read = serde_json::from_value::<VMRuntimePreflightCheck>(broken.clone());
            assert!(read.is_err(), "{broken}");
        }
    }
}
