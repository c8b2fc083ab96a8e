//! What `bmctl skip node` and `bmctl unskip node` did.

use schemars::JsonSchema;
use serde::Serialize;

use super::{clean::clean, document::Report, name::ResourceName, page::Page};
use crate::api::name::SKIP_SCHEDULE;

/// The nodes that were asked for, as far as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkipReport {
    pub label: &'static str,
    /// Are the nodes to have the label?
    pub skipped: bool,
    pub nodes: Vec<NodeReport>,
    /// The command that takes back what was changed; null where nothing was.
    pub undo: Option<String>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NodeReport {
    pub name: String,
    /// False where it was as asked already.
    pub changed: bool,
}

impl SkipReport {
    #[must_use]
    pub fn new(skipped: bool) -> Self {
        Self {
            label: SKIP_SCHEDULE,
            skipped,
            nodes: Vec::new(),
            undo: None,
        }
    }
}

impl Report for SkipReport {
    const KIND: &'static str = "SkipResult";

    fn text(&self, page: &mut Page) {
        for node in &self.nodes {
            let what = match (self.skipped, node.changed) {
                (true, true) => "is left out now: it gets no check and no VMs",
                (true, false) => "was left out already; nothing was changed",
                (false, true) => "is taken in again: it is checked, and may run VMs",
                (false, false) => "was not left out; nothing was changed",
            };
            page.line(format!("{} {what}", clean(&node.name)));
        }
        let changed = self.nodes.iter().any(|node| node.changed);
        if changed {
            let done = if self.skipped { "set" } else { "removed" };
            page.line(format!("Label {done}: {}", self.label));
        }
        if let Some(undo) = &self.undo {
            page.line(format!("To undo: {undo}"));
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        self.nodes
            .iter()
            .map(|node| ResourceName::node(&node.name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint};

    #[test]
    fn it_says_what_it_changed() {
        let mut report = SkipReport::new(true);
        for (name, changed) in [("worker-0", false), ("worker-1", true)] {
            report.nodes.push(NodeReport {
                name: name.to_owned(),
                changed,
            });
        }
        report.undo = Some("bmctl unskip node worker-1".to_owned());
        let mut page = Page::new(Style {
            width: None,
            unicode: false,
        });
        report.text(&mut page);
        assert_eq!(
            paint(&page.finish(), false),
            "\
worker-0 was left out already; nothing was changed
worker-1 is left out now: it gets no check and no VMs
Label set: kubevm.io/VM-SkipSchedule
To undo: bmctl unskip node worker-1
"
        );
    }
}
