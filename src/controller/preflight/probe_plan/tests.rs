//! Checks, step by step.

use super::*;
use crate::controller::preflight::pod::Pull;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The UID of the node of that name, before it is replaced.
fn machine(node: &str) -> String {
    format!("{node}-uid")
}

fn nodes(names: &[&str]) -> Vec<NodeFacts> {
    names
        .iter()
        .map(|name| NodeFacts {
            name: (*name).to_owned(),
            uid: machine(name),
            ready: true,
            ..NodeFacts::default()
        })
        .collect()
}

fn pod(node: &str, attempt: u8, state: PodState) -> PodFacts {
    PodFacts {
        name: format!("{node}-{attempt}"),
        uid: format!("{node}-{attempt}"),
        node: node.to_owned(),
        machine: machine(node),
        attempt,
        created: at(0),
        state,
    }
}

fn good() -> PodState {
    PodState::Judged(NodeResult {
        passed: true,
        ..NodeResult::default()
    })
}

fn bad_end() -> PodState {
    PodState::Failed("the probe left no message".to_owned())
}

struct CheckRun {
    run: Run,
    nodes: Vec<NodeFacts>,
    pace: Pace,
    room: usize,
}

impl CheckRun {
    fn new(names: &[&str]) -> Self {
        Self {
            run: Run::new(at(0), Virtualization::Hardware),
            nodes: nodes(names),
            pace: Pace::default(),
            room: 100,
        }
    }

    /// One step at that second; what is to be made counts as made.
    fn plan(&mut self, second: i64, pods: &[PodFacts]) -> ProbePlan {
        let plan = self
            .run
            .plan(at(second), &self.nodes, pods, &self.pace, self.room);
        for launch in &plan.launch {
            self.run.launched(launch, at(second));
        }
        plan
    }
}

fn launched(plan: &ProbePlan) -> Vec<(&str, u8)> {
    plan.launch
        .iter()
        .map(|launch| (launch.node.as_str(), launch.attempt))
        .collect()
}

fn message(plan: &ProbePlan, node: &str) -> Option<String> {
    plan.results.as_ref()?[node].message.clone()
}

#[test]
fn every_node_gets_a_pod_and_the_last_result_ends_the_check() {
    let mut check = CheckRun::new(&["a", "b"]);
    assert_eq!(launched(&check.plan(0, &[])), [("a", 1), ("b", 1)]);
    let plan = check.plan(
        1,
        &[pod("a", 1, good()), pod("b", 1, PodState::Waiting(None))],
    );
    assert_eq!(plan.discard.len(), 1);
    assert!(plan.results.is_none() && plan.launch.is_empty());
    let plan = check.plan(2, &[pod("b", 1, good())]);
    assert!(plan.results.unwrap().values().all(|node| node.passed));
}

#[test]
fn no_more_pods_than_there_is_room_for() {
    let mut check = CheckRun::new(&["a", "b", "c"]);
    check.room = 2;
    assert_eq!(launched(&check.plan(0, &[])), [("a", 1), ("b", 1)]);
    assert!(check.plan(1, &[]).launch.is_empty());
    assert_eq!(launched(&check.plan(2, &[pod("a", 1, good())])), [("c", 1)]);
}

#[test]
fn a_node_is_tried_twice_and_then_unknown() {
    let mut check = CheckRun::new(&["a"]);
    check.plan(0, &[]);
    let plan = check.plan(1, &[pod("a", 1, bad_end())]);
    assert_eq!(launched(&plan), [("a", 2)]);
    // The first pod is still shown for a moment.
    assert!(check.plan(2, &[pod("a", 1, bad_end())]).results.is_none());
    let plan = check.plan(3, &[pod("a", 2, bad_end())]);
    assert_eq!(
        message(&plan, "a").as_deref(),
        Some("the probe left no message")
    );
}

#[test]
fn a_pod_that_hangs_is_replaced_and_says_why() {
    let mut check = CheckRun::new(&["a"]);
    let hanging = || PodState::Waiting(Some("ImagePullBackOff".to_owned()));
    check.plan(0, &[]);
    let plan = check.plan(120, &[pod("a", 1, hanging())]);
    assert_eq!(launched(&plan), [("a", 2)]);
    let plan = check.plan(240, &[pod("a", 2, hanging())]);
    assert_eq!(
        message(&plan, "a").as_deref(),
        Some("no result within 120 s (ImagePullBackOff)")
    );
}

#[test]
fn an_image_that_does_not_come_is_not_asked_for_twice() {
    for (refused, over) in [(true, 20), (false, 120)] {
        let mut check = CheckRun::new(&["a"]);
        let pulling = || {
            PodState::Pulling(Pull {
                why: "ImagePullBackOff".to_owned(),
                refused,
            })
        };
        check.plan(0, &[]);
        let plan = check.plan(over - 1, &[pod("a", 1, pulling())]);
        assert!(plan.results.is_none() && plan.launch.is_empty());
        assert!(plan.wait <= Duration::from_secs(1), "{:?}", plan.wait);
        let plan = check.plan(over, &[pod("a", 1, pulling())]);
        let expected = format!("no result within {over} s (ImagePullBackOff)");
        assert_eq!(message(&plan, "a"), Some(expected));
    }
}

#[test]
fn a_pod_that_somebody_deletes_is_made_again() {
    let mut check = CheckRun::new(&["a"]);
    check.plan(0, &[]);
    assert!(check.plan(1, &[]).launch.is_empty(), "not seen yet");
    check.plan(2, &[pod("a", 1, PodState::Waiting(None))]);
    assert_eq!(launched(&check.plan(3, &[])), [("a", 2)]);
}

/// One step at that second, in which the API server does not accept the pod for the only node. Is that believed?
fn refused(check: &mut CheckRun, second: i64, pods: &[PodFacts], patience: u32) -> bool {
    let plan = check
        .run
        .plan(at(second), &check.nodes, pods, &check.pace, check.room);
    let why = "forbidden".to_owned();
    check
        .run
        .refused(&plan.launch[0], why, patience, at(second), &check.pace)
}

#[test]
fn a_node_whose_pod_is_denied_gets_another() {
    let mut check = CheckRun::new(&["a"]);
    assert!(!refused(&mut check, 0, &[], 3));
    assert!(!refused(&mut check, 1, &[], 3));
    assert!(!check.run.refusals_are_news());
    assert_eq!(launched(&check.plan(2, &[])), [("a", 1)]);
    // The second attempt is denied, too: what was said to the first one does not count.
    assert!(!refused(&mut check, 130, &[pod("a", 1, bad_end())], 3));
    assert!(!refused(&mut check, 131, &[], 3));
    assert!(refused(&mut check, 132, &[], 3));
    assert!(check.run.refusals_are_news());
    let plan = check.plan(133, &[]);
    assert_eq!(message(&plan, "a").as_deref(), Some("forbidden"));
}

#[test]
fn what_lasts_is_believed_at_once_and_the_rest_when_the_time_of_a_node_is_over() {
    assert!(refused(&mut CheckRun::new(&["a"]), 0, &[], 1));
    let mut check = CheckRun::new(&["a"]);
    assert!(!refused(&mut check, 0, &[], 3));
    assert!(refused(&mut check, 120, &[], 3));
}

#[test]
fn a_restarted_controller_takes_its_pods_up_again() {
    let mut check = CheckRun::new(&["a", "b", "c"]);
    let pods = [pod("a", 1, good()), pod("b", 2, PodState::Waiting(None))];
    let plan = check.plan(30, &pods);
    assert_eq!(launched(&plan), [("c", 1)]);
    let plan = check.plan(31, &[pod("b", 2, good()), pod("c", 1, good())]);
    assert_eq!(plan.results.unwrap().len(), 3);
}

#[test]
fn nodes_that_are_not_ready_skipped_or_gone_do_not_hold_a_check_up() {
    let mut check = CheckRun::new(&["away", "skipped", "gone", "a"]);
    check.nodes[0].ready = false;
    check.nodes[1].skipped = true;
    assert_eq!(launched(&check.plan(0, &[])), [("a", 1), ("gone", 1)]);
    check.nodes.remove(2);
    let plan = check.plan(1, &[pod("a", 1, good())]);
    assert_eq!(
        message(&plan, "away").as_deref(),
        Some("the node is not ready")
    );
    let results = plan.results.unwrap();
    assert_eq!(results.keys().collect::<Vec<_>>(), ["a", "away"]);
}

#[test]
fn the_whole_check_ends_in_time_and_leaves_no_pod() {
    let mut check = CheckRun::new(&["a", "b"]);
    check.room = 1;
    check.plan(0, &[]);
    let plan = check.plan(480, &[pod("a", 2, PodState::Waiting(None))]);
    assert_eq!(plan.discard.len(), 1);
    let results = plan.results.unwrap();
    assert!(results.values().all(|node| node.unknown == Some(true)));
}

#[test]
fn a_node_that_is_replaced_while_the_check_runs_is_looked_at_anew() {
    let mut check = CheckRun::new(&["a", "b"]);
    check.plan(0, &[]);
    let waiting = || pod("b", 1, PodState::Waiting(None));
    check.plan(1, &[pod("a", 1, good()), waiting()]);
    // Another machine under the same name, within the same second: what was said of the first one does not count.
    check.nodes[0].uid = "another".to_owned();
    let plan = check.plan(1, &[pod("a", 1, good()), waiting()]);
    assert_eq!(plan.discard.len(), 1, "a pod of the first machine");
    assert_eq!(launched(&plan), [("a", 1)]);
    let plan = check.plan(2, &[waiting()]);
    assert!(plan.results.is_none());
}

#[test]
fn five_thousand_nodes_in_a_hundred_pods_at_a_time() {
    const NODES: usize = 5000;
    let names: Vec<String> = (0..NODES)
        .map(|number| format!("node-{number:04}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut check = CheckRun::new(&names);
    let mut flying: Vec<PodFacts> = Vec::new();
    let mut second = 0;
    let results = loop {
        let plan = check.plan(second, &flying);
        flying = plan
            .launch
            .iter()
            .map(|launch| pod(&launch.node, launch.attempt, good()))
            .collect();
        assert!(flying.len() <= 100 && check.run.in_flight() <= 100);
        second += 5;
        if let Some(results) = plan.results {
            break results;
        }
    };
    assert_eq!(results.len(), NODES);
    assert!(results.values().all(|node| node.passed));
    assert!(second < 480, "within the time of a check: {second}");
}

#[test]
fn a_cluster_without_nodes_is_done_at_once() {
    let mut check = CheckRun::new(&[]);
    assert!(check.plan(0, &[]).results.unwrap().is_empty());
}
