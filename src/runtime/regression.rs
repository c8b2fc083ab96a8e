//! Since when checks fail, and what was still good when they last passed.

use super::verdict::{self, Verdict};
use crate::api::{VMRuntimePreflightCheck, natural::Natural};

/// Since when, as far as the checks that are still there tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Since<'a> {
    /// The first check that failed after the last one that passed.
    pub first_failed: &'a VMRuntimePreflightCheck,
    pub last_passed: Option<&'a VMRuntimePreflightCheck>,
    /// Check and node of everything that passed then and fails now.
    pub regressions: Vec<(String, String)>,
}

/// Looks back from a failed check. `newest_first` are all checks; `None` where it is not one of them.
#[must_use]
pub fn since<'a>(newest_first: &'a [VMRuntimePreflightCheck], failed: &str) -> Option<Since<'a>> {
    let at = newest_first
        .iter()
        .position(|check| check.metadata.name.as_deref() == Some(failed))?;
    let (now, before) = (&newest_first[at], &newest_first[at + 1..]);
    let mut first_failed = now;
    let mut last_passed = None;
    for check in before {
        match verdict::judge(check.status.as_ref()).verdict {
            Verdict::Passed => {
                last_passed = Some(check);
                break;
            }
            Verdict::Failed => first_failed = check,
            // They say neither.
            Verdict::Unfinished | Verdict::Incomplete | Verdict::Inconsistent => {}
        }
    }
    Some(Since {
        first_failed,
        last_passed,
        regressions: last_passed.map_or_else(Vec::new, |passed| regressions(passed, now)),
    })
}

fn regressions(
    passed: &VMRuntimePreflightCheck,
    now: &VMRuntimePreflightCheck,
) -> Vec<(String, String)> {
    let results = |check: &VMRuntimePreflightCheck, good: bool| -> Vec<(String, String)> {
        let judgement = verdict::judge(check.status.as_ref());
        let nodes = judgement.nodes.into_iter();
        nodes
            .flat_map(|(Natural(node), judged)| {
                let results = judged.result.results.iter();
                let wanted = results.filter(move |result| result.passed == good);
                wanted.map(move |result| (result.check_name.clone(), node.to_owned()))
            })
            .collect()
    };
    let good = results(passed, true);
    results(now, false)
        .into_iter()
        .filter(|result| good.contains(result))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(name: &str, pass: Option<bool>, kvm: &[bool]) -> VMRuntimePreflightCheck {
        let nodes: serde_json::Map<String, serde_json::Value> = kvm
            .iter()
            .enumerate()
            .map(|(at, passed)| {
                let results = json!([{"checkName": "KVM", "passed": passed}]);
                (
                    format!("n{at}"),
                    json!({"passed": passed, "results": results}),
                )
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": name}, "spec": {}, "status": {"pass": pass, "checks": nodes},
        }))
        .unwrap()
    }

    #[test]
    fn it_fails_since_the_first_failure_after_the_last_pass() {
        let name = |check: &VMRuntimePreflightCheck| check.metadata.name.clone().unwrap();
        let history = [
            check("newer", None, &[]),
            check("now", Some(false), &[false, false]),
            check("running", None, &[]),
            check("first", Some(false), &[false, true]),
            check("good", Some(true), &[true, true]),
            check("long ago", Some(false), &[false, false]),
        ];
        let found = since(&history, "now").unwrap();
        assert_eq!(name(found.first_failed), "first");
        assert_eq!(found.last_passed.map(name).as_deref(), Some("good"));
        let kvm = |node: &str| ("KVM".to_owned(), node.to_owned());
        assert_eq!(found.regressions, [kvm("n0"), kvm("n1")]);
        // Nothing has ever passed.
        let found = since(&history, "long ago").unwrap();
        assert_eq!(
            (name(found.first_failed).as_str(), found.last_passed),
            ("long ago", None)
        );
        assert!(since(&history, "gone").is_none());
    }
}
