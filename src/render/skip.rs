//! What `bmctl skip node` and `bmctl unskip node` did.

use schemars::JsonSchema;
use serde::Serialize;

use super::{clean::clean, document::Report, name::ResourceName, page::Page};
use crate::{api::name::SKIP_SCHEDULE, runtime::verdict};

/// The nodes that were asked for, as far as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkipReport {
    pub label: &'static str,
    /// Are the nodes to have the label?
    pub skipped: bool,
    pub nodes: Vec<NodeReport>,
    /// Who keeps VMs away from these nodes.
    pub placement: Placement,
    /// Virtual machine instances that run on these nodes, and stay there: namespace/name. Null where that is not known.
    pub running: Option<Vec<String>>,
    /// Nothing was changed, because nothing was to be.
    pub dry_run: bool,
    /// The command that takes back what was changed; null where nothing was.
    pub undo: Option<String>,
    /// The command that checks the nodes that are left; null where nothing was changed.
    pub next: Option<String>,
}

/// Does anybody keep VMs away from nodes with the label? Kubernetes and KubeVirt do not know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Placement {
    /// The controller does, on its own KubeVirt.
    Excluded,
    /// KubeVirt is somebody else's: whoever owns it has to.
    NotExcluded,
    /// A controller that does not say.
    #[default]
    Unknown,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NodeReport {
    pub name: String,
    /// False where it was as asked already; of a dry run, whether it would be changed.
    pub changed: bool,
}

impl SkipReport {
    #[must_use]
    pub fn new(skipped: bool, dry_run: bool) -> Self {
        Self {
            label: SKIP_SCHEDULE,
            skipped,
            nodes: Vec::new(),
            placement: Placement::Unknown,
            running: None,
            dry_run,
            undo: None,
            next: None,
        }
    }
}

/// How many nodes get a line, where there are more.
const SHOWN: usize = 20;

impl Report for SkipReport {
    const KIND: &'static str = "SkipResult";

    fn text(&self, page: &mut Page) {
        let shown = page.shown(SHOWN);
        for node in self.nodes.iter().take(shown) {
            let what = match (self.skipped, node.changed) {
                (true, true) if self.dry_run => "would be left out",
                (false, true) if self.dry_run => "would no longer be left out",
                (true, true) => match self.placement {
                    Placement::Excluded => "is left out now: it gets no check and no VMs",
                    Placement::NotExcluded | Placement::Unknown => {
                        "is left out now: it gets no check"
                    }
                },
                (true, false) => "was already left out; nothing was changed",
                (false, true) => "is no longer left out: it is checked, and may run VMs",
                (false, false) => "was not left out; nothing was changed",
            };
            page.line(format!("{} {what}", clean(&node.name)));
        }
        if self.nodes.len() > shown {
            page.line(format!(
                "... and {} more, all in -o wide and -o json",
                self.nodes.len() - shown
            ));
        }
        let changed = self.nodes.iter().filter(|node| node.changed).count();
        if self.dry_run {
            page.line(if changed == 0 {
                "Dry run: nothing would be changed."
            } else {
                "Dry run: nothing was changed."
            });
            return;
        }
        if changed > 0 {
            let done = if self.skipped { "set" } else { "removed" };
            page.line(format!("Label {done}: {}", self.label));
        }
        if self.skipped && !self.nodes.is_empty() {
            self.caveats(page);
        }
        match &self.undo {
            Some(undo) if changed <= shown => page.line(format!("To undo: {undo}")),
            Some(_) => page.line("To undo: the command with all names is in -o json."),
            None => {}
        }
        if let Some(next) = &self.next {
            page.line(format!("Now check again: {next}"));
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        self.nodes
            .iter()
            .map(|node| ResourceName::node(&node.name))
            .collect()
    }
}

impl SkipReport {
    fn caveats(&self, page: &mut Page) {
        match self.placement {
            Placement::Excluded => {}
            Placement::NotExcluded => page.line(
                "VMs may still be placed there: KubeVirt is not VM Runtime's own and does not know the label. \
                 Whoever owns it excludes the node with spec.workloads.nodePlacement.",
            ),
            Placement::Unknown => page.line(
                "Whether VMs are placed there is up to the controller of this cluster, which does not say.",
            ),
        }
        let running = self.running.as_deref().unwrap_or_default();
        if !running.is_empty() {
            page.line(format!(
                "VMs that run there stay, until they are stopped or migrated: {}",
                clean(&verdict::listed(running.iter().map(String::as_str)))
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint};

    fn text(report: &SkipReport) -> String {
        let mut page = Page::new(Style {
            width: None,
            unicode: false,
        });
        report.text(&mut page);
        paint(&page.finish(), false)
    }

    #[test]
    fn it_says_what_it_changed() {
        let mut report = SkipReport::new(true, false);
        for (name, changed) in [("worker-0", false), ("worker-1", true)] {
            report.nodes.push(NodeReport {
                name: name.to_owned(),
                changed,
            });
        }
        report.placement = Placement::Excluded;
        report.running = Some(vec!["default/one".to_owned()]);
        report.undo = Some("bmctl unskip node worker-1".to_owned());
        report.next = Some("bmctl check vmruntimepfc".to_owned());
        assert_eq!(
            text(&report),
            "\
worker-0 was already left out; nothing was changed
worker-1 is left out now: it gets no check and no VMs
Label set: kubevm.io/VM-SkipSchedule
VMs that run there stay, until they are stopped or migrated: default/one
To undo: bmctl unskip node worker-1
Now check again: bmctl check vmruntimepfc
"
        );
        report.dry_run = true;
        assert_eq!(
            text(&report),
            "worker-0 was already left out; nothing was changed\nworker-1 would be left out\nDry run: nothing was changed.\n"
        );
    }

    #[test]
    fn many_nodes_are_counted() {
        let mut report = SkipReport::new(true, false);
        report.nodes = (0..5000)
            .map(|at| NodeReport {
                name: format!("w{at}"),
                changed: true,
            })
            .collect();
        report.undo = Some("bmctl unskip node w0 w1".to_owned());
        let text = text(&report);
        assert!(
            text.contains("\n... and 4980 more, all in -o wide and -o json\nLabel set"),
            "{text}"
        );
        assert!(
            text.ends_with("To undo: the command with all names is in -o json.\n"),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_promised_that_nobody_keeps() {
        let mut report = SkipReport::new(true, false);
        report.nodes.push(NodeReport {
            name: "w".to_owned(),
            changed: true,
        });
        for (placement, promised, said) in [
            (Placement::Excluded, true, "Label set"),
            (
                Placement::NotExcluded,
                false,
                "VMs may still be placed there",
            ),
            (Placement::Unknown, false, "up to the controller"),
        ] {
            report.placement = placement;
            let text = text(&report);
            assert_eq!(text.contains("no VMs"), promised, "{text}");
            assert!(text.contains(said), "{text}");
        }
    }
}
