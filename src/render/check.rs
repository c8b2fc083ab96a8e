//! What `bmctl check vmruntimepfc` found.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    clean::clean,
    document::{Beside, Report},
    history::HistoryEntry,
    junit::Suite,
    name::ResourceName,
    page::Page,
    preflight::{PreflightReport, Selection},
};
use crate::api::name::{SKIP_SCHEDULE, SYSTEM_NAMESPACE};

/// How many nodes are named where there are more.
const NAMED: usize = 10;

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Name of the check that was created.
    pub created: Option<String>,
    /// Nothing was created, because nothing was to be.
    pub dry_run: bool,
    /// What it found, once it has finished.
    pub preflight_check: Option<PreflightReport>,
    /// Which nodes were judged, where not all were.
    pub selection: Option<Selection>,
    /// Failures that do not count, as was asked.
    pub ignored: Vec<Finding>,
    /// No failure counts (`--fail-on never`).
    #[serde(skip)]
    pub nothing_counts: bool,
    /// Nodes that are left out of checks and VMs; null where that could not be read.
    pub skipped_nodes: Option<Vec<String>>,
    /// Since when it fails; null where it does not.
    pub failing_since: Option<FailingSince>,
    /// Old checks that were deleted.
    pub removed: Vec<String>,
    /// The checks that there were, as far as they were read.
    #[serde(skip)]
    pub history: Vec<HistoryEntry>,
    /// The check that nobody waited for.
    #[serde(skip)]
    pub following: Option<String>,
}

/// A check on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    pub check: String,
    pub node: String,
}

impl From<(String, String)> for Finding {
    fn from((check, node): (String, String)) -> Self {
        Self { check, node }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.check, self.node)
    }
}

/// Since when checks fail, as far as those that are still there tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailingSince {
    /// The first check that failed after the last one that passed.
    pub first_failed: Moment,
    /// Null where none has passed.
    pub last_passed: Option<Moment>,
    /// What passed then and fails now.
    pub regressions: Vec<Finding>,
}

/// A check, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Moment {
    pub name: String,
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.created {
            Some(created) => write!(f, "{created} ({})", clean(&self.name)),
            None => f.write_str(&clean(&self.name)),
        }
    }
}

impl Report for CheckReport {
    const KIND: &'static str = "CheckResult";

    fn text(&self, page: &mut Page) {
        if self.dry_run {
            page.line(format!(
                "A preflight check would be created in namespace {SYSTEM_NAMESPACE}."
            ));
            page.line("Dry run: nothing was changed.");
            return;
        }
        let Some(check) = &self.preflight_check else {
            self.nobody_waited(page);
            return;
        };
        check.text(page);
        page.gap();
        self.left_out(page);
        // Of the first check that there is nothing is to be said.
        let news = |since: &&FailingSince| {
            since.last_passed.is_some() || since.first_failed.name != check.name
        };
        if let Some(since) = self.failing_since.as_ref().filter(news) {
            since.text(page);
        }
        if !self.removed.is_empty() {
            page.line(format!(
                "Deleted {} old preflight checks.",
                self.removed.len()
            ));
        }
        check.summary(page);
    }

    fn beside(&self) -> Beside<'_> {
        Beside {
            check: self.preflight_check.as_ref(),
            history: &self.history,
            documents: &[],
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        let found = self.preflight_check.as_ref().map(|check| &check.name);
        let name = self.created.as_ref().or(self.following.as_ref()).or(found);
        name.map(|name| ResourceName::preflight_check(name))
            .into_iter()
            .collect()
    }

    fn suites(&self) -> Vec<Suite> {
        let counts = |check: &str, node: &str| {
            let mut ignored = self.ignored.iter();
            !self.nothing_counts
                && ignored.all(|finding| finding.check != check || finding.node != node)
        };
        self.preflight_check
            .as_ref()
            .map(|check| check.suites(&counts))
            .unwrap_or_default()
    }
}

impl CheckReport {
    fn nobody_waited(&self, page: &mut Page) {
        if let Some(name) = &self.created {
            page.line(format!(
                "Preflight check {name} was created; bmctl did not wait for the result."
            ));
        } else if let Some(name) = &self.following {
            page.line(format!(
                "Preflight check {} is running; bmctl did not wait for the result.",
                clean(name)
            ));
        }
    }

    fn left_out(&self, page: &mut Page) {
        let Some(nodes) = self
            .skipped_nodes
            .as_ref()
            .filter(|nodes| !nodes.is_empty())
        else {
            return;
        };
        let shown = page.shown(NAMED);
        let mut names: Vec<String> = nodes.iter().take(shown).map(|node| clean(node)).collect();
        if nodes.len() > shown {
            names.push(format!("and {} more, all in -o wide", nodes.len() - shown));
        }
        page.line(format!(
            "Left out (label {SKIP_SCHEDULE}): {}",
            names.join(", ")
        ));
    }
}

impl FailingSince {
    fn text(&self, page: &mut Page) {
        page.line(format!("Failing since {}", self.first_failed));
        match &self.last_passed {
            Some(passed) => page.line(format!("Last passed  {passed}")),
            None => page.line("None of the earlier checks that still exist passed."),
        }
        if !self.regressions.is_empty() {
            let shown = page.shown(NAMED);
            let mut new: Vec<String> = self
                .regressions
                .iter()
                .take(shown)
                .map(|new| clean(&new.to_string()))
                .collect();
            if self.regressions.len() > shown {
                new.push(format!(
                    "and {} more, all in -o wide",
                    self.regressions.len() - shown
                ));
            }
            page.line(format!("Passed then, fails now: {}", new.join(", ")));
        }
    }
}
