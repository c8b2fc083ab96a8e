//! A sandbox that has started.

use schemars::JsonSchema;
use serde::Serialize;

use super::{document::Report, name::ResourceName, page::Page};

/// Where the cluster is, and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SandboxReport {
    pub name: String,
    pub server: String,
    /// Path of the kubeconfig.
    pub kubeconfig: String,
    pub nodes: Vec<String>,
}

impl Report for SandboxReport {
    const KIND: &'static str = "SandboxResult";

    fn text(&self, page: &mut Page) {
        let (name, path) = (&self.name, &self.kubeconfig);
        page.verbatim(&format!(
            "\
Cluster {name} is running at {}{}.
Its kubeconfig is {path}

From another shell in this folder:
  bmctl enable vmruntime --cluster {name}
  bmctl check vmruntimepfc --cluster {name}
  kubectl --kubeconfig {path} get vmruntime

Ctrl-C stops it and removes the kubeconfig.
",
            self.server,
            with_nodes(&self.nodes)
        ));
    }

    fn names(&self) -> Vec<ResourceName> {
        self.nodes
            .iter()
            .map(|name| ResourceName::node(name))
            .collect()
    }
}

/// A program that was run in a sandbox and has ended. What it wrote to stdout is its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RanReport {
    pub program: String,
}

impl Report for RanReport {
    const KIND: &'static str = "SandboxRunResult";

    fn text(&self, _: &mut Page) {}

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}

/// The nodes in a few words; empty where there are none.
#[must_use]
pub fn with_nodes(nodes: &[String]) -> String {
    match nodes {
        [] => String::new(),
        [one] => format!(", with node {one}"),
        [first, second] => format!(", with nodes {first} and {second}"),
        [first, second, ..] => format!(", with {} nodes ({first}, {second}…)", nodes.len()),
    }
}
