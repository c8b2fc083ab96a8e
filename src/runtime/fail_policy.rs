//! What a check comes to for somebody who does not want to count everything: `--ignore` and `--fail-on` of
//! `bmctl check vmruntimepfc`. The cluster does not know of it: it goes on blocking.

use std::str::FromStr;

use super::verdict::{self, NodeVerdict, Verdict, is_advisory};
use crate::api::{VMRuntimePreflightCheckStatus, natural::Natural};

/// Failures of one check, on one node or on all, that do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    pub check: String,
    /// On all nodes, if `None`.
    pub node: Option<String>,
}

impl Ignore {
    fn covers(&self, check: &str, node: &str) -> bool {
        self.check.eq_ignore_ascii_case(check)
            && self.node.as_deref().is_none_or(|only| only == node)
    }
}

impl FromStr for Ignore {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (check, node) = match text.split_once('=') {
            None => (text, None),
            Some((check, node)) => (check, Some(node)),
        };
        if check.is_empty() || node == Some("") {
            return Err("expected CHECK or CHECK=NODE, for example KVM=worker-0");
        }
        Ok(Self {
            check: check.to_owned(),
            node: node.map(str::to_owned),
        })
    }
}

/// What makes a command fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// A failed check.
    Fail,
    /// Warnings as well.
    Warn,
    /// Nothing that was found.
    Never,
}

/// A check without what is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    /// Could a node not be verified?
    pub unknown: bool,
    /// Check and node of every failure that does not count.
    pub ignored: Vec<(String, String)>,
}

/// Does a node's failure not count? One of its failed checks has to be ignored, and every other one has to be ignored too, or
/// known not to matter.
#[must_use]
pub fn is_excused<'a>(
    mut failed: impl Iterator<Item = &'a str> + Clone,
    is_ignored: impl Fn(&str) -> bool,
) -> bool {
    failed.clone().any(&is_ignored) && failed.all(|check| is_ignored(check) || is_advisory(check))
}

/// Judges a check. What contradicts itself, and what is unknown, stays so: only failures can be ignored.
#[must_use]
pub fn judge(status: Option<&VMRuntimePreflightCheckStatus>, ignores: &[Ignore]) -> Judged {
    let strict = verdict::judge(status);
    let mut ignored = Vec::new();
    let mut failed = false;
    for (Natural(name), node) in &strict.nodes {
        let covered = |check: &str| ignores.iter().any(|ignore| ignore.covers(check, name));
        let misses = node.result.results.iter().filter(|result| !result.passed);
        let misses = misses.map(|result| result.check_name.as_str());
        let covered_misses = misses.clone().filter(|check| covered(check));
        ignored.extend(covered_misses.map(|check| (check.to_owned(), (*name).to_owned())));
        failed |= node.verdict == NodeVerdict::Failed && !is_excused(misses, covered);
    }
    let unknown = strict.count(NodeVerdict::Unknown) > 0;
    let verdict = match strict.verdict {
        Verdict::Failed if failed => Verdict::Failed,
        Verdict::Failed if unknown => Verdict::Incomplete,
        Verdict::Failed => Verdict::Passed,
        Verdict::Unfinished | Verdict::Passed | Verdict::Incomplete | Verdict::Inconsistent => {
            strict.verdict
        }
    };
    Judged {
        verdict,
        unknown,
        ignored,
    }
}

/// What a command makes of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    Passed,
    Warned,
    Failed,
    Undetermined,
}

/// `warned`: is there anything that people are warned of? Unknown is never a pass, whatever counts.
#[must_use]
pub const fn conclude(judged: &Judged, warned: bool, fail_on: FailOn) -> Conclusion {
    match (judged.verdict, fail_on) {
        (Verdict::Unfinished | Verdict::Incomplete | Verdict::Inconsistent, _) => {
            Conclusion::Undetermined
        }
        (Verdict::Failed, FailOn::Fail | FailOn::Warn) => Conclusion::Failed,
        (Verdict::Failed, FailOn::Never) if judged.unknown => Conclusion::Undetermined,
        (Verdict::Passed, FailOn::Warn) if warned => Conclusion::Warned,
        (Verdict::Failed, FailOn::Never) | (Verdict::Passed, _) => Conclusion::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{CheckResult, NodeResult},
        runtime::verdict::blocks,
    };

    /// A node with these results; without any it is unknown.
    fn node(results: &[(&str, bool)]) -> NodeResult {
        let result = |(name, passed): &(&str, bool)| CheckResult {
            check_name: (*name).to_owned(),
            passed: *passed,
            message: None,
        };
        NodeResult {
            passed: !results.is_empty()
                && results
                    .iter()
                    .all(|(name, passed)| *passed || !blocks(name)),
            unknown: results.is_empty().then_some(true),
            message: None,
            results: results.iter().map(result).collect(),
        }
    }

    fn judged(pass: bool, nodes: &[(&str, NodeResult)], ignores: &str) -> Judged {
        let status = VMRuntimePreflightCheckStatus {
            pass: Some(pass),
            checks: nodes
                .iter()
                .map(|(name, node)| ((*name).to_owned(), node.clone()))
                .collect(),
            ..VMRuntimePreflightCheckStatus::default()
        };
        let ignores: Vec<Ignore> = ignores
            .split_whitespace()
            .map(|text| text.parse().unwrap())
            .collect();
        judge(Some(&status), &ignores)
    }

    #[test]
    fn only_failures_can_be_ignored_and_only_those_that_are_named() {
        let good = || ("a", node(&[("CPU", true), ("KVM", true)]));
        let bad = || ("b", node(&[("CPU", true), ("KVM", false)]));
        let worse = || ("c", node(&[("CPU", false), ("KVM", false)]));
        let odd = || ("o", node(&[("CPU", true), ("VSOCK", false)]));
        let foreign = || ("f", node(&[("KVM", false), ("HUGEMEM", false)]));
        let unknown = || ("u", node(&[]));
        for (pass, nodes, ignores, verdict, ignored) in [
            (false, vec![good(), bad()], "", Verdict::Failed, 0),
            (false, vec![good(), bad()], "KVM", Verdict::Passed, 1),
            (false, vec![good(), bad()], "kvm=b", Verdict::Passed, 1),
            (false, vec![good(), bad()], "KVM=a", Verdict::Failed, 0),
            (false, vec![good(), bad()], "CPU", Verdict::Failed, 0),
            (
                false,
                vec![good(), bad(), worse()],
                "KVM",
                Verdict::Failed,
                2,
            ),
            (false, vec![bad(), worse()], "KVM CPU=c", Verdict::Passed, 3),
            (false, vec![bad(), unknown()], "KVM", Verdict::Incomplete, 1),
            (false, vec![bad(), unknown()], "", Verdict::Failed, 0),
            (true, vec![good(), unknown()], "KVM", Verdict::Incomplete, 0),
            // A contradiction is not to be ignored away.
            (true, vec![good(), bad()], "KVM", Verdict::Inconsistent, 1),
            (true, vec![odd()], "VSOCK", Verdict::Passed, 1),
            // What nobody knows here may be why the node failed.
            (false, vec![foreign()], "KVM", Verdict::Failed, 1),
            (false, vec![foreign()], "KVM HUGEMEM", Verdict::Passed, 2),
        ] {
            let found = judged(pass, &nodes, ignores);
            assert_eq!(
                (found.verdict, found.ignored.len()),
                (verdict, ignored),
                "{nodes:?} {ignores}"
            );
        }
        assert_eq!(judge(None, &[]).verdict, Verdict::Unfinished);
    }

    #[test]
    fn what_makes_a_command_fail() {
        use Conclusion::{Failed, Passed, Undetermined, Warned};
        use FailOn::{Fail, Never, Warn};
        let of = |verdict, unknown| Judged {
            verdict,
            unknown,
            ignored: Vec::new(),
        };
        for (verdict, unknown, warned, fail_on, expected) in [
            (Verdict::Passed, false, false, Fail, Passed),
            (Verdict::Passed, false, true, Fail, Passed),
            (Verdict::Passed, false, true, Warn, Warned),
            (Verdict::Passed, false, false, Warn, Passed),
            (Verdict::Failed, false, true, Warn, Failed),
            (Verdict::Failed, true, true, Fail, Failed),
            (Verdict::Failed, false, true, Never, Passed),
            (Verdict::Failed, true, true, Never, Undetermined),
            (Verdict::Incomplete, true, false, Never, Undetermined),
            (Verdict::Inconsistent, false, false, Never, Undetermined),
            (Verdict::Unfinished, false, false, Never, Undetermined),
        ] {
            let found = conclude(&of(verdict, unknown), warned, fail_on);
            assert_eq!(found, expected, "{verdict:?} {fail_on:?}");
        }
    }

    #[test]
    fn what_can_be_ignored() {
        let kvm = |node: Option<&str>| Ignore {
            check: "KVM".to_owned(),
            node: node.map(str::to_owned),
        };
        assert_eq!("KVM".parse(), Ok(kvm(None)));
        assert_eq!("KVM=worker-0".parse(), Ok(kvm(Some("worker-0"))));
        for wrong in ["", "=", "KVM=", "=worker-0"] {
            assert!(wrong.parse::<Ignore>().is_err(), "{wrong:?}");
        }
    }
}
