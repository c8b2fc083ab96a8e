//! From the results of single nodes to the status of a check and the summary of VMRuntime.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::CheckFacts;
use crate::{
    api::{
        FeatureStatus, NodeResult, PreflightCheckSummary, VMRuntimePreflightCheckStatus,
        name::PUBLISHED_FEATURES, natural::Natural,
    },
    runtime::verdict::{self, Judgement, NodeVerdict, Verdict},
};

/// How many failed nodes `status.failures` lists (the product's limit).
pub const FAILURES_LISTED: usize = 10;
/// Bytes of one message.
pub const MESSAGE_LIMIT: usize = 512;
/// Bytes of all results. etcd refuses objects above 1.5 MiB, and managed fields and the failures come on top.
pub const STATUS_BUDGET: usize = 900 * 1024;

/// The entry of a node that could not be checked.
#[must_use]
pub fn unknown(why: impl Into<String>) -> NodeResult {
    NodeResult {
        passed: false,
        unknown: Some(true),
        message: Some(why.into()),
        results: Vec::new(),
    }
}

/// What the results of all nodes add up to. At least one node must have been verified, and no verified node may have
/// failed: a node that could not be checked is no pass, and it is no failure either, because it gets no VMs.
#[must_use]
pub fn conclude(
    mut checks: BTreeMap<String, NodeResult>,
    started: Timestamp,
    finished: Timestamp,
) -> VMRuntimePreflightCheckStatus {
    fit(&mut checks);
    let count = |wanted| that(&checks, wanted).count();
    let (passed, failed) = (count(NodeVerdict::Passed), count(NodeVerdict::Failed));
    let unknown = count(NodeVerdict::Unknown);
    let message = match (passed + failed, unknown) {
        (0, 0) => Some("no node is eligible for virtual machines".to_owned()),
        (0, _) => Some(match commonest(&checks) {
            Some(why) => format!("no node could be verified: {why}"),
            None => "no node could be verified".to_owned(),
        }),
        (_, _) => None,
    };
    VMRuntimePreflightCheckStatus {
        pass: Some(passed > 0 && failed == 0),
        failures: that(&checks, NodeVerdict::Failed)
            .take(FAILURES_LISTED)
            .map(|(name, node)| (name.clone(), node.clone()))
            .collect(),
        unknown_node_num: Some(as_number(unknown)),
        message,
        start_time: Some(Time(started)),
        completion_time: Some(Time(finished)),
        checks,
    }
}

/// The nodes of which that is said.
fn that(
    checks: &BTreeMap<String, NodeResult>,
    wanted: NodeVerdict,
) -> impl Iterator<Item = (&String, &NodeResult)> {
    checks
        .iter()
        .filter(move |(_, node)| verdict::of_node(node) == wanted)
}

/// Why most of the nodes are unknown: one image that cannot be pulled is not five thousand different faults.
fn commonest(checks: &BTreeMap<String, NodeResult>) -> Option<String> {
    const LONGEST: usize = 256;
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let unknown = that(checks, NodeVerdict::Unknown);
    for reason in unknown.filter_map(|(_, node)| node.message.as_deref()) {
        *reasons.entry(reason).or_default() += 1;
    }
    let (reason, _) = reasons.into_iter().max_by_key(|(_, nodes)| *nodes)?;
    Some(cut(reason, LONGEST))
}

/// Cuts messages, the least important ones first, until the results fit into one object.
fn fit(checks: &mut BTreeMap<String, NodeResult>) {
    shorten(checks, MESSAGE_LIMIT, MESSAGE_LIMIT);
    for (passed, failed) in [(0, MESSAGE_LIMIT), (0, 128), (0, 32), (0, 0)] {
        if size(checks) <= STATUS_BUDGET {
            return;
        }
        shorten(checks, passed, failed);
    }
}

/// Bytes of the results as they are sent.
fn size(checks: &BTreeMap<String, NodeResult>) -> usize {
    serde_json::to_vec(checks).map_or(usize::MAX, |bytes| bytes.len())
}

fn shorten(checks: &mut BTreeMap<String, NodeResult>, passed: usize, failed: usize) {
    for node in checks.values_mut() {
        shorten_message(&mut node.message, failed);
        for result in &mut node.results {
            let limit = if result.passed { passed } else { failed };
            shorten_message(&mut result.message, limit);
        }
    }
}

fn shorten_message(message: &mut Option<String>, limit: usize) {
    if limit == 0 {
        *message = None;
    } else if let Some(text) = message {
        *text = cut(text, limit);
    }
}

/// At most that many bytes of a text, ending in `…` where something was cut off.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    const MARK: char = '…';
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(MARK.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

/// What VMRuntime publishes of a check. All published features are always there, and none passes unless a finished
/// check saw it pass on every verified node.
#[must_use]
pub fn summary(check: Option<&CheckFacts>) -> PreflightCheckSummary {
    let finished = check.filter(|check| check.finished());
    let judgement = verdict::judge(finished.map(|check| &check.status));
    let feature_statuses = PUBLISHED_FEATURES
        .iter()
        .map(|feature| ((*feature).to_owned(), feature_status(feature, &judgement)))
        .collect();
    PreflightCheckSummary {
        preflight_check_name: check.map(|check| check.name.clone()),
        preflight_check_passed: finished.map(|_| judgement.suffices()),
        feature_statuses,
        unknown_node_num: finished.map(|_| as_number(judgement.count(NodeVerdict::Unknown))),
    }
}

fn feature_status(feature: &str, judgement: &Judgement<'_>) -> FeatureStatus {
    let verified = || {
        let nodes = judgement.nodes.values();
        nodes.filter(|node| node.verdict != NodeVerdict::Unknown)
    };
    let lacking = verified()
        .filter(|node| {
            let results = &node.result.results;
            !results
                .iter()
                .any(|result| result.check_name == feature && result.passed)
        })
        .count();
    FeatureStatus {
        passed: lacking == 0 && verified().next().is_some(),
        failed_node_num: (lacking > 0).then(|| as_number(lacking)),
    }
}

/// What a finished check comes to, for conditions and for the refusal of a VM: the first nodes by name.
#[must_use]
pub fn explain(check: &CheckFacts) -> String {
    format!(
        "preflight check {} {}",
        check.name,
        conclusion(&check.status)
    )
}

fn conclusion(status: &VMRuntimePreflightCheckStatus) -> String {
    const NAMED: usize = 3;
    let judgement = verdict::judge(Some(status));
    let failed: Vec<String> = judgement
        .that(NodeVerdict::Failed)
        .take(NAMED)
        .map(|name| {
            let result = judgement.nodes[&Natural(name)].result;
            format!("{name} ({})", failed_checks(result))
        })
        .collect();
    let more = match judgement.count(NodeVerdict::Failed) - failed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let pass = status.pass.unwrap_or_default();
    match judgement.verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed => format!("failed on {}{more}", failed.join(", ")),
        Verdict::Inconsistent if failed.is_empty() => {
            "contradicts itself: pass is false, and no node failed".to_owned()
        }
        Verdict::Inconsistent => format!(
            "contradicts itself: pass is {pass}, and it failed on {}{more}",
            failed.join(", ")
        ),
        Verdict::Incomplete if judgement.count(NodeVerdict::Passed) == 0 => {
            let why = status.message.as_deref();
            format!(
                "is incomplete: {}",
                why.unwrap_or("no node could be verified")
            )
        }
        Verdict::Incomplete => format!(
            "is incomplete: it could not verify {}",
            judgement.unverified()
        ),
        Verdict::Unfinished => "has not finished".to_owned(),
    }
}

/// Those that the node failed by; all that failed, where it is none of these.
fn failed_checks(node: &NodeResult) -> String {
    let failed = node.results.iter().filter(|result| !result.passed);
    let failed: Vec<&str> = failed.map(|result| result.check_name.as_str()).collect();
    let blocking: Vec<&str> = failed
        .iter()
        .copied()
        .filter(|check| verdict::blocks(check))
        .collect();
    if blocking.is_empty() {
        failed
    } else {
        blocking
    }
    .join(", ")
}

fn as_number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::at, *};
    use crate::api::CheckResult;

    fn node(outcomes: &[(&str, bool)], passed: bool) -> NodeResult {
        NodeResult {
            passed,
            results: outcomes
                .iter()
                .map(|(check, passed)| CheckResult {
                    check_name: (*check).to_owned(),
                    passed: *passed,
                    message: Some(format!("{check} was looked at")),
                })
                .collect(),
            ..NodeResult::default()
        }
    }

    fn good() -> NodeResult {
        node(&[("CPU", true), ("KVM", true), ("VSOCK", true)], true)
    }

    fn bad() -> NodeResult {
        node(&[("CPU", true), ("KVM", false), ("VSOCK", true)], false)
    }

    fn concluded(nodes: Vec<NodeResult>) -> VMRuntimePreflightCheckStatus {
        let nodes = nodes
            .into_iter()
            .enumerate()
            .map(|(number, node)| (format!("n{number:04}"), node))
            .collect();
        conclude(nodes, at(0), at(1))
    }

    #[test]
    fn passes_only_if_some_node_was_verified_and_none_failed() {
        let table = [
            (vec![], false),
            (vec![good()], true),
            (vec![good(), bad()], false),
            (vec![good(), unknown("not ready")], true),
            (vec![unknown("not ready")], false),
            (vec![bad(), unknown("not ready")], false),
        ];
        for (nodes, pass) in table {
            let unknown = nodes.iter().filter(|node| node.unknown.is_some()).count();
            let status = concluded(nodes.clone());
            assert_eq!(status.pass, Some(pass), "{nodes:?}");
            assert_eq!(
                status.unknown_node_num,
                Some(as_number(unknown)),
                "{nodes:?}"
            );
            // What we conclude is what everybody makes of it.
            let judgement = verdict::judge(Some(&status));
            assert_eq!(judgement.suffices(), pass, "{nodes:?}");
        }
    }

    #[test]
    fn at_most_ten_failures_are_listed_and_the_rest_is_counted() {
        let status = concluded(vec![bad(); 25]);
        assert_eq!(status.failures.len(), FAILURES_LISTED);
        assert_eq!(
            conclusion(&status),
            "failed on n0000 (KVM), n0001 (KVM), n0002 (KVM) and 22 more"
        );
    }

    #[test]
    fn five_thousand_chatty_nodes_fit_into_one_object() {
        let mut chatty = bad();
        for result in &mut chatty.results {
            result.message = Some("ü".repeat(4000));
        }
        let status = concluded(vec![chatty; 5000]);
        assert_eq!(status.checks.len(), 5000);
        assert!(size(&status.checks) <= STATUS_BUDGET);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdef", 5), "ab…");
        assert_eq!(cut("üüü", 5), "ü…");
        assert!(cut(&"ü".repeat(600), MESSAGE_LIMIT).len() <= MESSAGE_LIMIT);
    }

    #[test]
    fn the_summary_always_publishes_the_three_and_never_passes_on_nothing() {
        let none = summary(None);
        assert_eq!(none.preflight_check_passed, None);
        assert_eq!(
            none.feature_statuses.keys().collect::<Vec<_>>(),
            ["CPU", "KVM", "VSOCK"]
        );
        assert!(none.feature_statuses.values().all(|status| !status.passed));

        let finished = CheckFacts {
            name: "c".to_owned(),
            status: concluded(vec![good(), bad(), unknown("x")]),
            ..CheckFacts::default()
        };
        let summary = summary(Some(&finished));
        assert_eq!(summary.preflight_check_passed, Some(false));
        assert_eq!(summary.unknown_node_num, Some(1));
        assert!(summary.feature_statuses["CPU"].passed);
        assert_eq!(
            summary.feature_statuses["KVM"],
            FeatureStatus {
                passed: false,
                failed_node_num: Some(1)
            }
        );
    }
}
