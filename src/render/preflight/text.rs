//! A preflight check for people: the table, then what failed, why, and what to do.

use std::{collections::BTreeMap, time::Duration};

use super::{NodeReport, PreflightReport};
use crate::{
    render::{
        age,
        clean::clean,
        page::Page,
        style::{Mark, Tone},
        table::Table,
    },
    runtime::verdict::{NodeVerdict, Verdict},
};

impl PreflightReport {
    /// Everything about the check.
    pub fn text(&self, page: &mut Page) {
        self.headline(page);
        self.matrix(page);
        for (check, nodes) in self.failures() {
            self.failed_check(page, check, &nodes);
        }
        self.unknown_nodes(page);
    }

    /// The last line: how many nodes passed.
    pub fn summary(&self, page: &mut Page) {
        let count = |verdict| self.nodes_that(verdict).count();
        page.gap();
        page.line(match self.result {
            Verdict::Passed => format!(
                "{} can run VMs.",
                if self.nodes.len() == 1 {
                    "The node".to_owned()
                } else {
                    format!("All {} nodes", self.nodes.len())
                }
            ),
            Verdict::Failed | Verdict::Incomplete | Verdict::Inconsistent | Verdict::Unfinished => {
                format!(
                    "Nodes: {} passed, {} failed, {} unknown.",
                    count(NodeVerdict::Passed),
                    count(NodeVerdict::Failed),
                    count(NodeVerdict::Unknown) + self.unnamed_unknown_nodes
                )
            }
        });
    }

    fn headline(&self, page: &mut Page) {
        /// A check that takes no longer than this is not worth a word.
        const QUICK: Duration = Duration::from_secs(10);
        let word = tone_of(self.result).of(self.result.word());
        let took = self
            .duration
            .filter(|duration| *duration > QUICK)
            .map(|duration| format!(" after {}", age::span(duration)))
            .unwrap_or_default();
        page.gap();
        page.line(format!("Preflight check {word}{took}"));
        page.line(Tone::Faint.of(&clean(&self.name)));
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
            .chain(columns.iter().map(|check| clean(check)))
            .chain(page.is_wide().then(|| "MESSAGE".to_owned()));
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
            )
            .chain(page.is_wide().then(|| node.said()));
            table.row(cells);
        }
        match page.table_width() {
            Some(width) if width < table.natural_width() => self.list(page, &columns),
            _ => page.table(&table),
        }
    }

    /// The same as the matrix, for terminals that are too narrow for it.
    fn list(&self, page: &mut Page, columns: &[&str]) {
        for node in &self.nodes {
            let name = clean(&node.name);
            let verdict = page.style.verdict(mark_of_node(node.result));
            let together = format!("{name}  {verdict}");
            let width = console::measure_text_width(&together);
            if page.style.width.is_none_or(|room| width <= room) {
                page.line(together);
            } else {
                page.line(name);
                page.line(format!("  {verdict}"));
            }
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
        let messages = messages(nodes, check);
        let shown = page.shown(SHOWN);
        for (message, said_by) in messages.iter().take(shown) {
            if said_by.len() < nodes.len() {
                page.line(format!("    {}:", names(said_by)));
                page.quote(6, message);
            } else {
                page.quote(4, message);
            }
        }
        more(
            page,
            "    ",
            messages.len().saturating_sub(shown),
            "messages",
        );
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
        let shown = page.shown(SHOWN);
        for node in self.nodes_that(NodeVerdict::Unknown).take(shown) {
            page.gap();
            page.line(format!(
                "{} {} could not be verified",
                page.style.mark(Mark::Unknown),
                Tone::Strong.of(&clean(&node.name))
            ));
            page.quote(4, node.message.as_deref().unwrap_or("no reason was given"));
        }
        let unknown = self.nodes_that(NodeVerdict::Unknown).count();
        more(page, "", unknown.saturating_sub(shown), "nodes");
        if self.unnamed_unknown_nodes > 0 {
            page.gap();
            page.line(format!(
                "{} {} more could not be verified, and the check does not name them",
                page.style.mark(Mark::Unknown),
                self.unnamed_unknown_nodes
            ));
        }
    }
}

/// So many different messages of a check, and nodes that could not be verified, are told.
const SHOWN: usize = 20;

/// How many were left out.
fn more(page: &mut Page, indent: &str, left_out: usize, what: &str) {
    if left_out > 0 {
        page.line(format!("{indent}({left_out} more {what}, all in -o wide)"));
    }
}

/// How a verdict is meant.
pub(in crate::render) const fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Passed => Tone::Good,
        Verdict::Failed | Verdict::Inconsistent => Tone::Bad,
        Verdict::Incomplete | Verdict::Unfinished => Tone::Warning,
    }
}

impl NodeReport {
    /// Everything that the node had to say, on one line.
    fn said(&self) -> String {
        let of_checks = self.checks.iter().filter_map(|check| {
            let message = check.message.as_deref()?;
            Some(format!("{}: {}", clean(&check.name), clean(message)))
        });
        let all: Vec<String> = self
            .message
            .as_deref()
            .map(clean)
            .into_iter()
            .chain(of_checks)
            .collect();
        all.join("; ")
    }

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
pub(super) fn names(nodes: &[&NodeReport]) -> String {
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
