//! Is a check about nodes of this cluster? One that verified only nodes that are not there has verified nothing here.
//!
//! Asked once, at the end of a wait that would be a success. Our own controller takes the names from the cluster itself and
//! says on the check what it made it for, so for its checks the request is saved.

use kube::Client;

use super::Reached;
use crate::{
    cluster::{node, retry::Retry},
    runtime::{
        preflight::CheckFacts,
        verdict::{self, NodeVerdict},
    },
};

/// Adds to what was reached that the check is about other nodes, or that this could not be told.
pub async fn compare(client: &Client, retry: &Retry<'_>, reached: &mut Reached) {
    let Some(check) = reached.check.as_ref() else {
        return;
    };
    let facts = CheckFacts::read(check);
    if facts.inputs.is_some() || facts.occasion.is_some() {
        return;
    }
    match node::names(client, retry).await {
        Ok(names) => reached.unknown.extend(of_others(&facts, &names)),
        Err(failure) => reached.warnings.push(format!(
            "preflight check {} could not be compared with the nodes of the cluster: {}",
            facts.name,
            failure.root_cause()
        )),
    }
}

/// Why the check says nothing of these nodes.
fn of_others(check: &CheckFacts, names: &[String]) -> Option<String> {
    let judgement = verdict::judge(Some(&check.status));
    let is_here = |node: &str| names.iter().any(|name| name == node);
    let mut verified = judgement.that(NodeVerdict::Passed);
    if !judgement.suffices() || verified.any(is_here) {
        return None;
    }
    Some(format!(
        "preflight check {} verified only nodes that the cluster does not have: {}",
        check.name,
        verdict::listed(judgement.that(NodeVerdict::Passed))
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_check_of_other_nodes_says_nothing_of_these() {
        let good = json!({"passed": true});
        let check = |status| CheckFacts {
            name: "c".to_owned(),
            status: serde_json::from_value(status).unwrap(),
            ..CheckFacts::default()
        };
        let names = ["w1".to_owned(), "w2".to_owned()];
        for (status, expected) in [
            (json!({"pass": true, "checks": {"w1": good}}), None),
            (
                json!({"pass": true, "checks": {"w1": good, "gone": good}}),
                None,
            ),
            (
                json!({"pass": true, "checks": {"ghost": good, "w2": {"unknown": true}}}),
                Some("preflight check c verified only nodes that the cluster does not have: ghost"),
            ),
            // What does not suffice has been said already.
            (json!({"pass": true, "checks": {}}), None),
        ] {
            let found = of_others(&check(status.clone()), &names);
            assert_eq!(found.as_deref(), expected, "{status}");
        }
    }
}
