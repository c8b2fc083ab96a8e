//! `anyOf`, `oneOf`, `allOf` and `not`.

use serde_json::Value;

use super::{Node, Outcome, check, composite};
use crate::object::go_format;

pub(super) fn check_alternatives(
    node: &Node,
    value: &Value,
    old: Option<&Value>,
    path: &str,
) -> Outcome {
    let mut outcome = Outcome::default();
    let quoted = go_format::quote(path);
    let try_each = |nodes: &[Node]| -> Vec<Outcome> {
        nodes
            .iter()
            .map(|node| check(node, value, old, path))
            .collect()
    };
    let (valid, best) = best_explanation(try_each(&node.any_of), true);
    if !node.any_of.is_empty() && valid == 0 {
        outcome.add(composite(&format!(
            "{quoted} must validate at least one schema (anyOf)"
        )));
    }
    outcome.merge(best);
    let (valid, best) = best_explanation(try_each(&node.one_of), false);
    if !node.one_of.is_empty() && valid != 1 {
        let found = match valid {
            0 => "Found none valid".to_owned(),
            many => format!("Found {many} valid alternatives"),
        };
        outcome.add(composite(&format!(
            "{quoted} must validate one and only one schema (oneOf). {found}"
        )));
    }
    outcome.merge(best);
    let all = try_each(&node.all_of);
    let valid = all.iter().filter(|outcome| outcome.is_valid()).count();
    let expected = all.len();
    for part in all {
        outcome.merge(part);
    }
    if valid != expected {
        let addition = if valid == 0 { ". None validated" } else { "" };
        outcome.add(composite(&format!(
            "{quoted} must validate all the schemas (allOf){addition}"
        )));
    }
    if let Some(not) = &node.not
        && check(not, value, old, path).is_valid()
    {
        outcome.add(composite(&format!(
            "{quoted} must not validate the schema (not)"
        )));
    }
    outcome.matches += 1;
    outcome
}

/// How many alternatives hold, and what explains the outcome: the first that holds, else the one that came furthest.
fn best_explanation(outcomes: Vec<Outcome>, stop_at_first: bool) -> (usize, Outcome) {
    let mut valid = 0;
    let mut first_valid = None;
    let mut best: Option<Outcome> = None;
    for outcome in outcomes {
        if outcome.is_valid() {
            valid += 1;
            first_valid.get_or_insert(outcome);
            if stop_at_first {
                break;
            }
        } else if valid == 0
            && best
                .as_ref()
                .is_none_or(|best| outcome.matches > best.matches)
        {
            best = Some(outcome);
        }
    }
    match (valid, first_valid) {
        (0, _) => (0, best.unwrap_or_default()),
        (_, Some(first)) if stop_at_first || valid == 1 => (valid, first),
        (_, _) => (valid, Outcome::default()),
    }
}
