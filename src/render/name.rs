//! Objects as kubectl names them: `resource.group/name`, which its own commands take back.

use std::fmt::{self, Write};

use serde_json::Value;

use super::{clean::clean, document::Document};
use crate::api::{
    name::{GROUP, VMRUNTIME},
    workload::WORKLOAD_KINDS,
};

/// One object, for `-o name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName {
    /// Singular resource and group, for example `vmruntime.vm.cluster.gke.io`.
    resource: String,
    name: String,
}

impl ResourceName {
    /// The one VMRuntime.
    #[must_use]
    pub fn vmruntime() -> Self {
        Self {
            resource: format!("vmruntime.{GROUP}"),
            name: VMRUNTIME.to_owned(),
        }
    }

    #[must_use]
    pub fn preflight_check(name: &str) -> Self {
        Self {
            resource: format!("vmruntimepreflightcheck.{GROUP}"),
            name: name.to_owned(),
        }
    }

    #[must_use]
    pub fn node(name: &str) -> Self {
        Self {
            resource: "node".to_owned(),
            name: name.to_owned(),
        }
    }

    /// An object as it is applied. Its kind stands for its resource, as in every kind that we apply.
    #[must_use]
    pub fn of_object(object: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = word(&object["kind"]).to_ascii_lowercase();
        let group = word(&object["apiVersion"]);
        Self {
            resource: match group.split_once('/') {
                Some((group, _)) => format!("{kind}.{group}"),
                None => kind,
            },
            name: word(&object["metadata"]["name"]),
        }
    }

    /// An object of a resource that is given as `plural.group`.
    #[must_use]
    pub fn of(plural: &str, name: &str) -> Self {
        let known = WORKLOAD_KINDS
            .iter()
            .find(|kind| kind.qualified() == plural);
        Self {
            resource: known.map_or_else(
                // kubectl takes the plural as well.
                || plural.to_owned(),
                |kind| format!("{}.{}", kind.kind.to_ascii_lowercase(), kind.group),
            ),
            name: name.to_owned(),
        }
    }
}

/// The names of a document, one a line.
#[must_use]
pub fn lines(document: &Document) -> String {
    let mut text = String::new();
    for name in document.report.all_names() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}");
    }
    text
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource, clean(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kubectls() {
        for (name, expected) in [
            (
                ResourceName::vmruntime(),
                "vmruntime.vm.cluster.gke.io/vmruntime",
            ),
            (
                ResourceName::preflight_check("manual\n\x1b[2J"),
                "vmruntimepreflightcheck.vm.cluster.gke.io/manual",
            ),
            (ResourceName::node("worker-0"), "node/worker-0"),
            (
                ResourceName::of("virtualmachines.kubevirt.io", "db"),
                "virtualmachine.kubevirt.io/db",
            ),
            (
                ResourceName::of("virtualmachines.vm.cluster.gke.io", "db"),
                "virtualmachine.vm.cluster.gke.io/db",
            ),
            (
                ResourceName::of("others.example.com", "x"),
                "others.example.com/x",
            ),
        ] {
            assert_eq!(name.to_string(), expected);
        }
    }
}
