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
        for (checks, nodes) in self.causes() {
            self.failed_checks(page, &checks, &nodes);
        }
        self.unknown_nodes(page);
    }

    /// The last line: how many nodes passed, and which did not, and why.
    pub fn summary(&self, page: &mut Page) {
        page.gap();
        if let Some(selection) = &self.selection {
            page.line(selection.sentence());
        }
        match self.result {
            Verdict::Passed => page.line(self.summarized()),
            Verdict::Failed | Verdict::Incomplete | Verdict::Inconsistent | Verdict::Unfinished => {
                page.paragraph(COUNTED, &self.counted());
            }
        }
    }

    /// The same on one line.
    pub(in crate::render) fn summarized(&self) -> String {
        let selected = match &self.selection {
            Some(_) => "selected ",
            None => "",
        };
        match (self.result, self.nodes.len()) {
            (Verdict::Passed, 1) => format!("The {selected}node can run VMs."),
            (Verdict::Passed, nodes) => format!("All {nodes} {selected}nodes can run VMs."),
            (
                Verdict::Failed | Verdict::Incomplete | Verdict::Inconsistent | Verdict::Unfinished,
                _,
            ) => format!("{COUNTED}{}", self.counted()),
        }
    }

    fn counted(&self) -> String {
        let [passed, failed, unknown] = [
            NodeVerdict::Passed,
            NodeVerdict::Failed,
            NodeVerdict::Unknown,
        ]
        .map(|verdict| self.count(verdict));
        let mut said = format!("{passed} passed, {failed} failed, {unknown} unknown");
        for (count, verdict, words) in [
            (failed, NodeVerdict::Failed, "failed on"),
            (unknown, NodeVerdict::Unknown, "unknown:"),
        ] {
            if count > 0 {
                said = format!("{said}; {words} {}", self.named(verdict));
            }
        }
        said + "."
    }

    fn headline(&self, page: &mut Page) {
        /// A check that takes no longer than this is not worth a word.
        const QUICK: Duration = Duration::from_secs(10);
        let word = tone_of(self.result).of(self.result.word());
        let took = self
            .duration
            .filter(|duration| *duration > QUICK)
            .map(|duration| format!(" after {}", age::between_times(duration)))
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
        let (rows, folded) = self.rows(page);
        let mut table = Table::new(header);
        for node in &rows {
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
            _ if rows.is_empty() => {}
            Some(width) if width < table.natural_width() => list(page, &rows, &columns),
            _ => page.table(&table),
        }
        self.folded(page, &folded);
    }

    /// The nodes that get a row of their own, those that did not pass first, and those that do not.
    fn rows(&self, page: &Page) -> (Vec<&NodeReport>, Vec<&NodeReport>) {
        let of = |verdict| self.nodes_that(verdict);
        let mut rows: Vec<&NodeReport> = of(NodeVerdict::Failed)
            .chain(of(NodeVerdict::Unknown))
            .collect();
        let passed: Vec<&NodeReport> = of(NodeVerdict::Passed).collect();
        let mut folded = rows.split_off(rows.len().min(page.shown(BAD_ROWS)));
        if self.failed_only || passed.len() > page.shown(GOOD_ROWS) {
            folded.extend(passed);
        } else {
            rows.extend(passed);
        }
        (rows, folded)
    }

    /// A line for each kind of nodes without a row.
    fn folded(&self, page: &mut Page, nodes: &[&NodeReport]) {
        let count = |verdict| nodes.iter().filter(|node| node.result == verdict).count();
        for (verdict, word) in [
            (NodeVerdict::Failed, "failed"),
            (NodeVerdict::Unknown, "could not be verified"),
        ] {
            let count = count(verdict);
            if count > 0 {
                let mark = page.style.mark(mark_of_node(verdict));
                page.line(format!("{mark} {count} more {word}, all in -o wide"));
            }
        }
        let passed = count(NodeVerdict::Passed);
        if passed == 0 {
            return;
        }
        let warned = nodes
            .iter()
            .filter(|node| node.result == NodeVerdict::Passed)
            .filter(|node| node.checks.iter().any(|check| !check.passed))
            .count();
        let aside = match warned {
            0 => String::new(),
            warned => format!(", {warned} of them with a warning"),
        };
        let where_ = if self.failed_only {
            ""
        } else {
            "; each of them: -o wide"
        };
        let what = if passed == 1 { "node" } else { "nodes" };
        let mark = page.style.mark(Mark::Passed);
        page.line(format!("{mark} {passed} {what} passed{aside}{where_}"));
    }

    fn failed_checks(&self, page: &mut Page, checks: &[&str], nodes: &[&NodeReport]) {
        // The first is the cause of the others.
        let Some(check) = checks.first().copied() else {
            return;
        };
        page.gap();
        let (mark, aside) = if self.blocks(check) {
            (Mark::Failed, "")
        } else {
            (Mark::Warning, " (VMs run without it)")
        };
        let together: Vec<String> = checks.iter().map(|check| clean(check)).collect();
        page.line(format!(
            "{} {} failed on {}{aside}",
            page.style.mark(mark),
            Tone::Strong.of(&together.join(", ")),
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
        let mut said: Vec<(&str, Vec<&NodeReport>)> = Vec::new();
        for node in self.nodes_that(NodeVerdict::Unknown) {
            let message = node.message.as_deref().unwrap_or("no reason was given");
            match said.iter_mut().find(|(known, _)| *known == message) {
                Some((_, nodes)) => nodes.push(node),
                None => said.push((message, vec![node])),
            }
        }
        for (message, nodes) in said.iter().take(shown) {
            page.gap();
            page.line(format!(
                "{} {} could not be verified",
                page.style.mark(Mark::Unknown),
                Tone::Strong.of(&names(nodes))
            ));
            page.quote(4, message);
        }
        more(page, "", said.len().saturating_sub(shown), "reasons");
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

/// So many nodes that passed get a row each; more are one line, so that those that did not are on the screen.
const GOOD_ROWS: usize = 20;
/// So many nodes that did not pass get a row.
const BAD_ROWS: usize = 50;
/// So many different messages of a check, and nodes that could not be verified, are shown.
pub(super) const SHOWN: usize = 20;
/// What the counts of nodes stand behind.
const COUNTED: &str = "Nodes: ";

/// The same as the matrix, for terminals that are too narrow for it.
fn list(page: &mut Page, nodes: &[&NodeReport], columns: &[&str]) {
    for node in nodes {
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
    pub(in crate::render) fn said(&self) -> String {
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

    pub(in crate::render) fn mark(&self, check: &str) -> Mark {
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
pub(super) fn messages<'a>(
    nodes: &[&'a NodeReport],
    check: &str,
) -> Vec<(&'a str, Vec<&'a NodeReport>)> {
    let mut said: BTreeMap<&str, Vec<&NodeReport>> = BTreeMap::new();
    for node in nodes {
        let message = node
            .failed(check)
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
