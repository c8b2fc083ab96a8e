//! The preflight checks that there were: a line each, or one of them in full.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    age,
    clean::clean,
    document::{Beside, Report},
    name::ResourceName,
    page::Page,
    preflight::{PreflightReport, seconds, tone_of},
    table::Table,
};
use crate::{
    api::name::SYSTEM_NAMESPACE,
    runtime::verdict::{NodeVerdict, Verdict},
};

/// How many nodes are named where there are more.
const NAMED: usize = 5;

/// One check in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    pub name: String,
    pub result: Verdict,
    /// What the cluster itself says.
    pub pass: Option<bool>,
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    #[serde(rename = "durationSeconds", serialize_with = "seconds")]
    #[schemars(with = "Option<u64>")]
    pub duration: Option<Duration>,
    pub node_count: usize,
    pub failed_nodes: Vec<String>,
    /// Nodes that could not be verified.
    pub unknown_nodes: Vec<String>,
    /// How many more of them the check counts and does not name.
    pub unnamed_unknown_nodes: usize,
}

impl HistoryEntry {
    #[must_use]
    pub fn new(report: &PreflightReport, created: Option<Timestamp>) -> Self {
        let names = |verdict| {
            report
                .nodes_that(verdict)
                .map(|node| node.name.clone())
                .collect()
        };
        Self {
            name: report.name.clone(),
            result: report.result,
            pass: report.pass,
            created,
            duration: report.duration,
            node_count: report.nodes.len() + report.unnamed_unknown_nodes,
            failed_nodes: names(NodeVerdict::Failed),
            unknown_nodes: names(NodeVerdict::Unknown),
            unnamed_unknown_nodes: report.unnamed_unknown_nodes,
        }
    }

    /// How long ago it was created.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> String {
        let age = self
            .created
            .and_then(|created| Duration::try_from(now.duration_since(created)).ok());
        // A clock that is behind the cluster's makes a new object look as if it came from the future.
        self.created.map_or_else(
            || "<unknown>".to_owned(),
            |_| age::age(age.unwrap_or_default()),
        )
    }
}

impl HistoryEntry {
    /// What the row of a table says behind the name, where the terminal is too narrow for one.
    fn told(&self, now: Timestamp) -> String {
        let result = self.result.word();
        let when = match self.created {
            Some(_) => format!("{} ago", self.age(now)),
            None => "at an unknown time".to_owned(),
        };
        let after = self.duration.map(age::between_times);
        let after = after.map_or_else(String::new, |span| format!(", after {span}"));
        match nodes(self, NAMED) {
            none if none.is_empty() => format!("{result} {when}{after}"),
            nodes => format!("{result} {when}{after}: {nodes}"),
        }
    }
}

/// The result of `get vmruntimepfc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReport {
    /// All checks, newest first; empty where one was asked for by name.
    pub checks: Vec<HistoryEntry>,
    /// The one that was asked for.
    pub preflight_check: Option<PreflightReport>,
    /// All of them, where one was asked for: a page shows it among the others.
    #[serde(skip)]
    pub others: Vec<HistoryEntry>,
    #[serde(skip)]
    pub now: Timestamp,
    /// The checks were read, so an empty list means that there are none.
    #[serde(skip)]
    pub read: bool,
    /// The table begins with its first row.
    #[serde(skip)]
    pub no_headers: bool,
}

impl Report for HistoryReport {
    const KIND: &'static str = "PreflightHistoryResult";

    fn text(&self, page: &mut Page) {
        if let Some(check) = &self.preflight_check {
            check.text(page);
            check.summary(page);
            return;
        }
        if self.checks.is_empty() {
            if self.read {
                page.line(format!(
                    "There is no preflight check in namespace {SYSTEM_NAMESPACE}."
                ));
            }
            return;
        }
        let table = self.table(page);
        // A name that is broken over lines cannot be copied.
        let fits = |width| table.natural_width() <= width;
        if page.table_width().is_none_or(fits) {
            page.table(&table);
        } else {
            for check in &self.checks {
                page.line(clean(&check.name));
                page.paragraph("  ", &check.told(self.now));
            }
        }
    }

    fn beside(&self) -> Beside<'_> {
        Beside {
            check: self.preflight_check.as_ref(),
            history: if self.checks.is_empty() {
                &self.others
            } else {
                &self.checks
            },
            documents: &[],
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        let one = self.preflight_check.iter().map(PreflightReport::resource);
        let all = self.checks.iter();
        one.chain(all.map(|check| ResourceName::preflight_check(&check.name)))
            .collect()
    }
}

impl HistoryReport {
    fn table(&self, page: &Page) -> Table {
        let mut header = vec!["NAME", "PASS", "AGE", "DURATION", "FAILED-NODES"];
        if page.is_wide() {
            header.extend(["NODES", "CREATED"]);
        }
        let mut table = Table::new(header);
        if self.no_headers {
            table = table.without_header();
        }
        for check in &self.checks {
            let mut row = vec![
                clean(&check.name),
                tone_of(check.result).of(check.result.word()),
                check.age(self.now),
                check.duration.map(age::between_times).unwrap_or_default(),
                nodes(check, page.shown(NAMED)),
            ];
            if page.is_wide() {
                let created = check.created.map(|created| created.to_string());
                row.push(check.node_count.to_string());
                row.push(created.unwrap_or_else(|| "<unknown>".to_owned()));
            }
            table.row(row);
        }
        table
    }
}

/// The nodes that did not pass, and how: the first few, and the number of the others.
fn nodes(check: &HistoryEntry, named: usize) -> String {
    let failed = check.failed_nodes.iter().map(|name| clean(name));
    let unknown = check
        .unknown_nodes
        .iter()
        .map(|name| format!("{} (unknown)", clean(name)));
    let unnamed = match check.unnamed_unknown_nodes {
        0 => None,
        unnamed => Some(format!("{unnamed} not named (unknown)")),
    };
    let all: Vec<String> = failed.chain(unknown).chain(unnamed).collect();
    let first = all[..all.len().min(named)].join(", ");
    match all.len().saturating_sub(named) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint, preflight};

    fn text(report: &HistoryReport) -> String {
        let mut page = Page::new(Style {
            width: None,
            unicode: true,
        });
        report.text(&mut page);
        paint(&page.finish(), false)
    }

    #[test]
    fn a_line_for_each_check() {
        let created: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let now: Timestamp = "2026-01-01T00:05:30Z".parse().unwrap();
        let mut older = HistoryEntry::new(&preflight::tests::mixed(), Some(created));
        older.duration = Some(Duration::from_secs(12));
        let newer = HistoryEntry {
            name: "automatic\u{1b}[31m".to_owned(),
            result: Verdict::Unfinished,
            pass: None,
            created: None,
            duration: None,
            node_count: 0,
            failed_nodes: vec![],
            unknown_nodes: vec![],
            unnamed_unknown_nodes: 0,
        };
        let report = HistoryReport {
            checks: vec![newer, older],
            now,
            ..HistoryReport::default()
        };
        assert_eq!(
            text(&report),
            "\
NAME        PASS           AGE         DURATION   FAILED-NODES
automatic   not finished   <unknown>
manual      failed         5m30s       12s        worker-1, worker-3 (unknown)
"
        );
    }

    #[test]
    fn a_name_is_never_broken_and_the_header_may_be_left_out() {
        let mut entry = HistoryEntry::new(&preflight::tests::mixed(), None);
        entry.name = format!("vmruntime-preflight-check-{}", "0".repeat(36));
        entry.duration = Some(Duration::from_secs(4));
        let report = |no_headers| HistoryReport {
            checks: vec![entry.clone()],
            no_headers,
            ..HistoryReport::default()
        };
        let drawn = |no_headers, width| {
            let mut page = Page::new(Style {
                width,
                unicode: true,
            });
            report(no_headers).text(&mut page);
            paint(&page.finish(), false)
        };
        let wide = drawn(false, Some(160));
        assert!(wide.starts_with("NAME "), "{wide}");
        assert!(
            wide.contains(&format!("\n{}   failed   <unknown>", entry.name)),
            "{wide}"
        );
        assert_eq!(
            drawn(false, Some(80)),
            format!(
                "{}\n  failed at an unknown time, after 4s: worker-1, worker-3 (unknown)\n",
                entry.name
            )
        );
        assert!(drawn(true, None).starts_with(&entry.name));
        assert_eq!(drawn(true, None).lines().count(), 1);
    }

    #[test]
    fn none_is_said_only_where_it_is_known() {
        assert_eq!(text(&HistoryReport::default()), "");
        let read = HistoryReport {
            read: true,
            ..HistoryReport::default()
        };
        assert_eq!(
            text(&read),
            "There is no preflight check in namespace vm-system.\n"
        );
    }

    #[test]
    fn many_nodes_are_counted() {
        let mut check = HistoryEntry::new(&preflight::tests::mixed(), None);
        check.failed_nodes = (0..9).map(|at| format!("n{at}")).collect();
        check.unknown_nodes.clear();
        assert_eq!(nodes(&check, NAMED), "n0, n1, n2, n3, n4 and 4 more");
    }
}
