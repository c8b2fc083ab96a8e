//! A preflight check: every node × every check, always all of them; then what failed, why, and what to do.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    age,
    clean::clean,
    page::Page,
    style::{Mark, Tone},
    table::Table,
};
use crate::{
    api::{NodeResult, VMRuntimePreflightCheck},
    runtime::verdict::{self, NodeVerdict, Verdict},
};

/// One run of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreflightReport {
    /// Name of the VMRuntimePreflightCheck.
    pub name: String,
    pub result: Verdict,
    /// What the cluster itself says.
    pub pass: Option<bool>,
    /// Why the check could not be carried out at all, where that is so.
    pub message: Option<String>,
    #[serde(rename = "durationSeconds", serialize_with = "seconds")]
    pub duration: Option<Duration>,
    pub nodes: Vec<NodeReport>,
    /// One for each check that failed somewhere and that we know.
    pub explanations: Vec<Explanation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    pub name: String,
    pub result: NodeVerdict,
    /// Why it is unknown.
    pub message: Option<String>,
    pub checks: Vec<CheckReport>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    pub name: String,
    pub passed: bool,
    /// Do VMs depend on it?
    pub blocking: bool,
    pub message: Option<String>,
}

/// What a failed check means, from our own table of checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub check: String,
    pub cause: String,
    pub fix: String,
}

/// What is known about the checks beside their results: `commands` takes it from the probe's table.
pub struct Knowledge<'a> {
    pub blocks: &'a dyn Fn(&str) -> bool,
    pub explain: &'a dyn Fn(&str) -> Option<Explanation>,
}

impl PreflightReport {
    #[must_use]
    pub fn new(check: &VMRuntimePreflightCheck, knowledge: &Knowledge<'_>) -> Self {
        let status = check.status.clone().unwrap_or_default();
        let nodes: Vec<NodeReport> = verdict::nodes(&status)
            .into_iter()
            .map(|(name, result)| node(name, result, knowledge))
            .collect();
        let mut failed: Vec<&str> = Vec::new();
        for check in nodes.iter().flat_map(|node| &node.checks) {
            if !check.passed && !failed.contains(&check.name.as_str()) {
                failed.push(&check.name);
            }
        }
        let explanations = failed
            .into_iter()
            .filter_map(|check| (knowledge.explain)(check))
            .collect();
        let started = status
            .start_time
            .as_ref()
            .or(check.metadata.creation_timestamp.as_ref());
        let duration = started
            .zip(status.completion_time.as_ref())
            .and_then(|(started, completed)| completed.0.duration_since(started.0).try_into().ok());
        Self {
            name: check.metadata.name.clone().unwrap_or_default(),
            result: verdict::of_check(check.status.as_ref(), knowledge.blocks),
            pass: status.pass,
            message: status.message.clone(),
            duration,
            nodes,
            explanations,
        }
    }

    /// The nodes with this verdict.
    pub fn nodes_that(&self, verdict: NodeVerdict) -> impl Iterator<Item = &NodeReport> {
        self.nodes.iter().filter(move |node| node.result == verdict)
    }

    /// The checks that failed on nodes that nevertheless can run VMs.
    pub fn advisory_failures(&self) -> Vec<String> {
        self.failures()
            .into_iter()
            .filter(|(check, _)| !self.blocks(check))
            .map(|(check, nodes)| format!("{check} failed on {}", names(&nodes)))
            .collect()
    }

    fn blocks(&self, check: &str) -> bool {
        self.nodes
            .iter()
            .flat_map(|node| &node.checks)
            .any(|found| found.name == check && found.blocking)
    }

    /// Check → the nodes that it failed on, in the order of the table.
    fn failures(&self) -> Vec<(&str, Vec<&NodeReport>)> {
        self.columns()
            .into_iter()
            .map(|check| {
                let nodes = self
                    .nodes
                    .iter()
                    .filter(|node| {
                        node.checks
                            .iter()
                            .any(|result| result.name == check && !result.passed)
                    })
                    .collect::<Vec<_>>();
                (check, nodes)
            })
            .filter(|(_, nodes)| !nodes.is_empty())
            .collect()
    }

    /// Every check that any node has, what VMs depend on first, in the order in which the nodes tell them.
    fn columns(&self) -> Vec<&str> {
        let mut columns: Vec<&CheckReport> = Vec::new();
        for check in self.nodes.iter().flat_map(|node| &node.checks) {
            if !columns.iter().any(|known| known.name == check.name) {
                columns.push(check);
            }
        }
        columns.sort_by_key(|check| !check.blocking);
        columns
            .into_iter()
            .map(|check| check.name.as_str())
            .collect()
    }

    /// Everything about the check.
    pub fn text(&self, page: &mut Page) {
        self.headline(page);
        self.matrix(page);
        for (check, nodes) in self.failures() {
            self.failed_check(page, check, &nodes);
        }
        self.unknown_nodes(page);
    }

    fn headline(&self, page: &mut Page) {
        let (word, tone) = match self.result {
            Verdict::Passed => ("passed", Tone::Good),
            Verdict::Failed => ("failed", Tone::Bad),
            Verdict::Incomplete => ("incomplete", Tone::Warning),
            Verdict::Inconsistent => ("inconsistent", Tone::Bad),
            Verdict::Unfinished => ("not finished", Tone::Warning),
        };
        let took = self
            .duration
            .map(|duration| format!(" after {}", age::span(duration)))
            .unwrap_or_default();
        page.gap();
        page.line(format!(
            "Preflight check {}: {}{took}",
            clean(&self.name),
            tone.of(word)
        ));
        if let Some(message) = &self.message {
            page.quote(2, message);
        }
        page.gap();
    }

    fn matrix(&self, page: &mut Page) {
        if self.nodes.is_empty() {
            page.line("No node has a result.");
            return;
        }
        let columns = self.columns();
        let header = ["NODE".to_owned(), "RESULT".to_owned()]
            .into_iter()
            .chain(columns.iter().map(|check| clean(check)));
        let mut table = Table::new(header);
        for node in &self.nodes {
            let cells = [
                clean(&node.name),
                page.style.verdict(mark_of_node(node.result)),
            ]
            .into_iter()
            .chain(
                columns
                    .iter()
                    .map(|check| page.style.mark(node.mark(check))),
            );
            table.row(cells);
        }
        match page.style.width {
            Some(width) if width < table.natural_width() => self.list(page, &columns),
            _ => page.table(&table),
        }
    }

    /// The same as the matrix, for terminals that are too narrow for it.
    fn list(&self, page: &mut Page, columns: &[&str]) {
        for node in &self.nodes {
            page.line(format!(
                "{}  {}",
                clean(&node.name),
                page.style.verdict(mark_of_node(node.result))
            ));
            let checks: Vec<String> = columns
                .iter()
                .map(|check| format!("{} {}", page.style.mark(node.mark(check)), clean(check)))
                .collect();
            page.items("  ", &checks);
        }
    }

    fn failed_check(&self, page: &mut Page, check: &str, nodes: &[&NodeReport]) {
        page.gap();
        let mark = if self.blocks(check) {
            Mark::Failed
        } else {
            Mark::Warning
        };
        let aside = if self.blocks(check) {
            ""
        } else {
            " (VMs run without it)"
        };
        page.line(format!(
            "{} {} failed on {}{aside}",
            page.style.mark(mark),
            Tone::Strong.of(&clean(check)),
            names(nodes)
        ));
        for (message, said_by) in messages(nodes, check) {
            if said_by.len() < nodes.len() {
                page.line(format!("    {}:", names(&said_by)));
            }
            page.quote(4, message);
        }
        if let Some(explanation) = self
            .explanations
            .iter()
            .find(|explanation| explanation.check == check)
        {
            page.paragraph("  cause: ", &explanation.cause);
            page.paragraph("  fix:   ", &explanation.fix);
        }
    }

    fn unknown_nodes(&self, page: &mut Page) {
        for node in self.nodes_that(NodeVerdict::Unknown) {
            page.gap();
            page.line(format!(
                "{} {} could not be verified",
                page.style.mark(Mark::Unknown),
                Tone::Strong.of(&clean(&node.name))
            ));
            page.quote(4, node.message.as_deref().unwrap_or("no reason was given"));
        }
    }
}

impl NodeReport {
    fn mark(&self, check: &str) -> Mark {
        match self.checks.iter().find(|result| result.name == check) {
            None if self.result == NodeVerdict::Unknown => Mark::Unknown,
            None => Mark::Absent,
            Some(result) if result.passed => Mark::Passed,
            Some(result) if result.blocking => Mark::Failed,
            Some(_) => Mark::Warning,
        }
    }
}

fn node(name: &str, result: &NodeResult, knowledge: &Knowledge<'_>) -> NodeReport {
    let result_of_node = verdict::of_node(result, knowledge.blocks);
    NodeReport {
        name: name.to_owned(),
        result: result_of_node,
        message: result.message.clone(),
        checks: result
            .results
            .iter()
            .map(|check| CheckReport {
                name: check.check_name.clone(),
                passed: check.passed,
                // A check that we do not know, on a node that failed: then it may be the reason.
                blocking: (knowledge.blocks)(&check.check_name)
                    || (!check.passed
                        && result_of_node == NodeVerdict::Failed
                        && (knowledge.explain)(&check.check_name).is_none()),
                message: check.message.clone(),
            })
            .collect(),
    }
}

const fn mark_of_node(verdict: NodeVerdict) -> Mark {
    match verdict {
        NodeVerdict::Passed => Mark::Passed,
        NodeVerdict::Failed => Mark::Failed,
        NodeVerdict::Unknown => Mark::Unknown,
    }
}

/// What was said about a check, and by whom: a thousand nodes that say the same say it once.
fn messages<'a>(nodes: &[&'a NodeReport], check: &str) -> Vec<(&'a str, Vec<&'a NodeReport>)> {
    let mut said: BTreeMap<&str, Vec<&NodeReport>> = BTreeMap::new();
    for node in nodes {
        let message = node
            .checks
            .iter()
            .find(|result| result.name == check && !result.passed)
            .and_then(|result| result.message.as_deref());
        if let Some(message) = message {
            said.entry(message).or_default().push(node);
        }
    }
    let mut said: Vec<_> = said.into_iter().collect();
    said.sort_by_key(|(_, nodes)| std::cmp::Reverse(nodes.len()));
    said
}

/// The first few names and the number of the others.
fn names(nodes: &[&NodeReport]) -> String {
    const NAMED: usize = 5;
    let first: Vec<String> = nodes
        .iter()
        .take(NAMED)
        .map(|node| clean(&node.name))
        .collect();
    match nodes.len().checked_sub(NAMED) {
        None | Some(0) => first.join(", "),
        Some(more) => format!("{} and {more} more nodes", first.join(", ")),
    }
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs())
        .serialize(serializer)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        api::{
            CheckResult, VMRuntimePreflightCheckStatus,
            preflight_check::VMRuntimePreflightCheckSpec,
        },
        render::{Style, paint},
    };

    fn result(name: &str, passed: bool, message: &str) -> CheckResult {
        CheckResult {
            check_name: name.to_owned(),
            passed,
            message: (!message.is_empty()).then(|| message.to_owned()),
        }
    }

    /// A check with a good node, one without KVM, one without vsock and one that nobody could ask.
    pub fn mixed() -> PreflightReport {
        let node = |passed, results| NodeResult {
            passed,
            results,
            ..NodeResult::default()
        };
        let mut check =
            VMRuntimePreflightCheck::new("manual", VMRuntimePreflightCheckSpec::default());
        check.status = Some(VMRuntimePreflightCheckStatus {
            pass: Some(false),
            unknown_node_num: Some(1),
            checks: BTreeMap::from([
                (
                    "worker-0".to_owned(),
                    node(
                        true,
                        vec![
                            result("VSOCK", true, ""),
                            result("CPU", true, ""),
                            result("KVM", true, ""),
                        ],
                    ),
                ),
                (
                    "worker-1".to_owned(),
                    node(
                        false,
                        vec![
                            result("VSOCK", true, ""),
                            result("CPU", true, ""),
                            result(
                                "KVM",
                                false,
                                "command terminated with exit code 1\nls: /mnt/dev/kvm: \x1b[31mNo such file",
                            ),
                        ],
                    ),
                ),
                (
                    "worker-2".to_owned(),
                    node(
                        true,
                        vec![
                            result("VSOCK", false, "no /dev/vhost-vsock"),
                            result("CPU", true, ""),
                            result("KVM", true, ""),
                        ],
                    ),
                ),
                (
                    "worker-3".to_owned(),
                    NodeResult {
                        unknown: Some(true),
                        message: Some("node is not ready".to_owned()),
                        ..NodeResult::default()
                    },
                ),
            ]),
            ..VMRuntimePreflightCheckStatus::default()
        });
        PreflightReport::new(
            &check,
            &Knowledge {
                blocks: &|check| check != "VSOCK",
                explain: &|check| {
                    Some(Explanation {
                        check: check.to_owned(),
                        cause: format!("{check} is missing on the node."),
                        fix: "Load the kernel module that offers it, and check again.".to_owned(),
                    })
                },
            },
        )
    }

    fn text(width: Option<usize>, unicode: bool) -> String {
        let mut page = Page::new(Style { width, unicode });
        mixed().text(&mut page);
        paint(&page.finish(), false)
    }

    const DETAILS: &str = "
✗ KVM failed on worker-1
    command terminated with exit code 1
    ls: /mnt/dev/kvm: No such file
  cause: KVM is missing on the node.
  fix:   Load the kernel module that offers it, and check again.

! VSOCK failed on worker-2 (VMs run without it)
    no /dev/vhost-vsock
  cause: VSOCK is missing on the node.
  fix:   Load the kernel module that offers it, and check again.

? worker-3 could not be verified
    node is not ready
";

    const MATRIX: &str = "\
Preflight check manual: failed

NODE       RESULT      CPU   KVM   VSOCK
worker-0   ✓ passed    ✓     ✓     ✓
worker-1   ✗ failed    ✓     ✗     ✓
worker-2   ✓ passed    ✓     ✓     !
worker-3   ? unknown   ?     ?     ?
";

    #[test]
    fn every_node_and_every_check_is_shown() {
        for width in [None, Some(80), Some(200)] {
            assert_eq!(text(width, true), format!("{MATRIX}{DETAILS}"), "{width:?}");
        }
        assert!(text(Some(40), true).starts_with(MATRIX));
    }

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        let expected = "\
Preflight check manual: failed

worker-0  ✓ passed
  ✓ CPU  ✓ KVM  ✓ VSOCK
worker-1  ✗ failed
  ✓ CPU  ✗ KVM  ✓ VSOCK
worker-2  ✓ passed
  ✓ CPU  ✓ KVM  ! VSOCK
worker-3  ? unknown
  ? CPU  ? KVM  ? VSOCK

✗ KVM failed on worker-1
    command terminated with exit code 1
    ls: /mnt/dev/kvm: No such file
  cause: KVM is missing on the node.
  fix:   Load the kernel module that
         offers it, and check again.
";
        let narrow = text(Some(36), true);
        assert!(narrow.starts_with(expected), "{narrow}");
    }

    #[test]
    fn without_unicode_the_words_carry_the_meaning() {
        let ascii = text(Some(80), false);
        assert!(ascii.is_ascii(), "{ascii}");
        assert!(
            ascii.contains("worker-1   failed    ok    FAIL   ok\n"),
            "{ascii}"
        );
    }

    #[test]
    fn the_document_has_everything() {
        let value = serde_json::to_value(mixed()).unwrap();
        assert_eq!(value["result"], "failed");
        assert_eq!(value["nodes"][1]["checks"][2]["blocking"], true);
        assert_eq!(value["nodes"][3]["result"], "unknown");
        assert_eq!(value["durationSeconds"], serde_json::Value::Null);
    }

    #[test]
    fn many_nodes_that_say_the_same_say_it_once() {
        let mut report = mixed();
        let failed = report.nodes[1].clone();
        report.nodes = (0..1000)
            .map(|at| NodeReport {
                name: format!("worker-{at}"),
                ..failed.clone()
            })
            .collect();
        let mut page = Page::new(Style {
            width: None,
            unicode: false,
        });
        report.text(&mut page);
        let text = page.finish();
        assert_eq!(text.matches("No such file").count(), 1);
        assert!(text.contains("worker-4 and 995 more nodes"), "{text}");
    }
}
