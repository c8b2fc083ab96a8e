//! One turn of a running check, as a pure decision: which pods to make, which to read and throw away, what is known.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::pod::{PodFacts, PodState};
use crate::{
    api::NodeResult,
    controller::options::Pace,
    probe::Virtualization,
    runtime::preflight::{NodeFacts, unknown},
};

/// How often a node is tried.
const ATTEMPTS: u8 = 2;

/// A check that is being carried out. Lost with the process; what is lost is asked for again.
pub(super) struct Run {
    pub started: Timestamp,
    pub virtualization: Virtualization,
    /// Its results have been written.
    pub concluded: bool,
    done: BTreeMap<String, NodeResult>,
    flights: BTreeMap<String, Flight>,
    /// The attempt that a node gets next, where it is not the first.
    next_attempts: BTreeMap<String, u8>,
    /// When each node came into the cluster: what was found out about a machine says nothing about its successor.
    machines: BTreeMap<String, Option<Timestamp>>,
    refused: bool,
}

/// The nodes that are to be looked at, by name.
type Eligible<'a> = BTreeMap<&'a str, &'a NodeFacts>;

/// A pod that is under way.
struct Flight {
    attempt: u8,
    since: Timestamp,
    /// The watch has shown it.
    seen: bool,
}

/// A pod to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Launch {
    pub node: String,
    pub attempt: u8,
}

/// What is due.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub launch: Vec<Launch>,
    pub discard: Vec<PodFacts>,
    /// Every node is known: the check has finished.
    pub results: Option<BTreeMap<String, NodeResult>>,
    /// When to look again at the latest.
    pub wait: Duration,
}

impl Run {
    pub(super) fn new(started: Timestamp, virtualization: Virtualization) -> Self {
        Self {
            started,
            virtualization,
            concluded: false,
            done: BTreeMap::new(),
            flights: BTreeMap::new(),
            next_attempts: BTreeMap::new(),
            machines: BTreeMap::new(),
            refused: false,
        }
    }

    /// How many of its pods there are.
    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// A pod was made.
    pub(super) fn launched(&mut self, launch: &Launch, now: Timestamp) {
        self.flights.entry(launch.node.clone()).or_insert(Flight {
            attempt: launch.attempt,
            since: now,
            seen: false,
        });
    }

    /// The API server will not have the pod: that says nothing about the node.
    pub(super) fn refused(&mut self, launch: &Launch, why: String) {
        self.refused = true;
        self.done.insert(launch.node.clone(), unknown(why));
    }

    /// Was a pod refused since this was last asked? Then nothing else will ring.
    pub(super) fn refusals_are_news(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// Decides what is due.
    pub(super) fn turn(
        &mut self,
        now: Timestamp,
        nodes: &[NodeFacts],
        pods: &[PodFacts],
        pace: &Pace,
        room: usize,
    ) -> Turn {
        let mut turn = Turn::default();
        let eligible: Eligible<'_> = nodes
            .iter()
            .filter(|node| !node.skipped)
            .map(|node| (node.name.as_str(), node))
            .collect();
        self.flights
            .retain(|name, _| eligible.contains_key(name.as_str()));
        self.forget_predecessors(&eligible);
        for pod in pods {
            if self.read(pod, &eligible, now, pace) {
                turn.discard.push(pod.clone());
            }
        }
        self.miss(pods, now, pace);
        if passed(self.started, pace.check, now) {
            self.give_up(&eligible, pods, &mut turn);
        }
        for node in eligible.values() {
            if self.done.contains_key(&node.name) || self.flights.contains_key(&node.name) {
                continue;
            }
            if !node.ready {
                self.done
                    .insert(node.name.clone(), unknown("the node is not ready"));
            } else if self.flights.len() + turn.launch.len() < room {
                turn.launch.push(Launch {
                    node: node.name.clone(),
                    attempt: self.next_attempts.get(&node.name).copied().unwrap_or(1),
                });
            }
        }
        if eligible.keys().all(|name| self.done.contains_key(*name)) {
            turn.results = Some(
                eligible
                    .keys()
                    .map(|name| ((*name).to_owned(), self.done[*name].clone()))
                    .collect(),
            );
        }
        turn.wait = self.wait(now, pace);
        turn
    }

    /// A node that was replaced while the check runs is another machine: it is looked at anew.
    fn forget_predecessors(&mut self, eligible: &Eligible<'_>) {
        for (name, node) in eligible {
            let before = self.machines.insert((*name).to_owned(), node.created);
            if before.is_some_and(|before| before != node.created) {
                self.done.remove(*name);
                self.flights.remove(*name);
                self.next_attempts.remove(*name);
            }
        }
    }

    /// Takes in what a pod says. Is it of no more use?
    fn read(
        &mut self,
        pod: &PodFacts,
        eligible: &Eligible<'_>,
        now: Timestamp,
        pace: &Pace,
    ) -> bool {
        // It ran on this machine, not on one that had its name before.
        let is_its = eligible
            .get(pod.node.as_str())
            .is_some_and(|node| node.created.is_none_or(|created| created <= pod.created));
        let expected = self.next_attempts.get(&pod.node).copied().unwrap_or(1);
        if !is_its || self.done.contains_key(&pod.node) || pod.attempt < expected {
            return true;
        }
        let flight = self.flights.entry(pod.node.clone()).or_insert(Flight {
            attempt: pod.attempt,
            since: pod.created,
            seen: true,
        });
        flight.seen = true;
        flight.attempt = flight.attempt.max(pod.attempt);
        if pod.attempt < flight.attempt {
            return true;
        }
        let since = flight.since;
        match &pod.state {
            PodState::Judged(result) => {
                self.flights.remove(&pod.node);
                self.done.insert(pod.node.clone(), result.clone());
                true
            }
            PodState::Failed(why) => {
                self.fail(&pod.node, pod.attempt, why);
                true
            }
            PodState::Waiting(on) if passed(since, pace.node, now) => {
                let seconds = pace.node.as_secs();
                let why = match on {
                    Some(on) => format!("no result within {seconds} s ({on})"),
                    None => format!("no result within {seconds} s"),
                };
                self.fail(&pod.node, pod.attempt, &why);
                true
            }
            PodState::Waiting(_) => false,
        }
    }

    /// Pods that were there and are no more, and pods that never came.
    fn miss(&mut self, pods: &[PodFacts], now: Timestamp, pace: &Pace) {
        let missing: Vec<(String, u8, &str)> = self
            .flights
            .iter()
            .filter(|(node, _)| !pods.iter().any(|pod| pod.node == **node))
            .filter(|(_, flight)| flight.seen || passed(flight.since, pace.node, now))
            .map(|(node, flight)| {
                let why = if flight.seen {
                    "the probe pod was deleted before it was done"
                } else {
                    "the probe pod was made and never seen"
                };
                (node.clone(), flight.attempt, why)
            })
            .collect();
        for (node, attempt, why) in missing {
            self.fail(&node, attempt, why);
        }
    }

    fn fail(&mut self, node: &str, attempt: u8, why: &str) {
        self.flights.remove(node);
        if attempt < ATTEMPTS {
            self.next_attempts.insert(node.to_owned(), attempt + 1);
        } else {
            self.done.insert(node.to_owned(), unknown(why));
        }
    }

    fn give_up(&mut self, eligible: &Eligible<'_>, pods: &[PodFacts], turn: &mut Turn) {
        for name in eligible.keys() {
            self.done
                .entry((*name).to_owned())
                .or_insert_with(|| unknown("the check ran out of time before this node was done"));
        }
        self.flights.clear();
        turn.discard = pods.to_vec();
    }

    fn wait(&self, now: Timestamp, pace: &Pace) -> Duration {
        const SHORTEST: Duration = Duration::from_millis(10);
        let flights = self
            .flights
            .values()
            .map(|flight| (flight.since, pace.node));
        flights
            .chain([(self.started, pace.check)])
            .filter_map(|(since, wait)| since.checked_add(wait).ok())
            .map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default())
            .min()
            .unwrap_or(pace.resync)
            .max(SHORTEST)
    }
}

fn passed(since: Timestamp, wait: Duration, now: Timestamp) -> bool {
    since.checked_add(wait).is_ok_and(|end| end <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn nodes(names: &[&str]) -> Vec<NodeFacts> {
        names
            .iter()
            .map(|name| NodeFacts {
                name: (*name).to_owned(),
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

    struct Story {
        run: Run,
        nodes: Vec<NodeFacts>,
        pace: Pace,
        room: usize,
    }

    impl Story {
        fn new(names: &[&str]) -> Self {
            Self {
                run: Run::new(at(0), Virtualization::Hardware),
                nodes: nodes(names),
                pace: Pace::default(),
                room: 100,
            }
        }

        /// One turn at that second; what is to be made counts as made.
        fn turn(&mut self, second: i64, pods: &[PodFacts]) -> Turn {
            let turn = self
                .run
                .turn(at(second), &self.nodes, pods, &self.pace, self.room);
            for launch in &turn.launch {
                self.run.launched(launch, at(second));
            }
            turn
        }
    }

    fn launched(turn: &Turn) -> Vec<(&str, u8)> {
        turn.launch
            .iter()
            .map(|launch| (launch.node.as_str(), launch.attempt))
            .collect()
    }

    fn message(turn: &Turn, node: &str) -> Option<String> {
        turn.results.as_ref()?[node].message.clone()
    }

    #[test]
    fn every_node_gets_a_pod_and_the_last_result_ends_the_check() {
        let mut story = Story::new(&["a", "b"]);
        assert_eq!(launched(&story.turn(0, &[])), [("a", 1), ("b", 1)]);
        let turn = story.turn(
            1,
            &[pod("a", 1, good()), pod("b", 1, PodState::Waiting(None))],
        );
        assert_eq!(turn.discard.len(), 1);
        assert!(turn.results.is_none() && turn.launch.is_empty());
        let turn = story.turn(2, &[pod("b", 1, good())]);
        assert!(turn.results.unwrap().values().all(|node| node.passed));
    }

    #[test]
    fn no_more_pods_than_there_is_room_for() {
        let mut story = Story::new(&["a", "b", "c"]);
        story.room = 2;
        assert_eq!(launched(&story.turn(0, &[])), [("a", 1), ("b", 1)]);
        assert!(story.turn(1, &[]).launch.is_empty());
        assert_eq!(launched(&story.turn(2, &[pod("a", 1, good())])), [("c", 1)]);
    }

    #[test]
    fn a_node_is_tried_twice_and_then_unknown() {
        let mut story = Story::new(&["a"]);
        story.turn(0, &[]);
        let turn = story.turn(1, &[pod("a", 1, bad_end())]);
        assert_eq!(launched(&turn), [("a", 2)]);
        // The first pod is still shown for a moment.
        assert!(story.turn(2, &[pod("a", 1, bad_end())]).results.is_none());
        let turn = story.turn(3, &[pod("a", 2, bad_end())]);
        assert_eq!(
            message(&turn, "a").as_deref(),
            Some("the probe left no message")
        );
    }

    #[test]
    fn a_pod_that_hangs_is_replaced_and_says_why() {
        let mut story = Story::new(&["a"]);
        let hanging = || PodState::Waiting(Some("ImagePullBackOff".to_owned()));
        story.turn(0, &[]);
        let turn = story.turn(120, &[pod("a", 1, hanging())]);
        assert_eq!(launched(&turn), [("a", 2)]);
        let turn = story.turn(240, &[pod("a", 2, hanging())]);
        assert_eq!(
            message(&turn, "a").as_deref(),
            Some("no result within 120 s (ImagePullBackOff)")
        );
    }

    #[test]
    fn a_pod_that_somebody_deletes_is_made_again() {
        let mut story = Story::new(&["a"]);
        story.turn(0, &[]);
        assert!(story.turn(1, &[]).launch.is_empty(), "not seen yet");
        story.turn(2, &[pod("a", 1, PodState::Waiting(None))]);
        assert_eq!(launched(&story.turn(3, &[])), [("a", 2)]);
    }

    #[test]
    fn a_restarted_controller_takes_its_pods_up_again() {
        let mut story = Story::new(&["a", "b", "c"]);
        let pods = [pod("a", 1, good()), pod("b", 2, PodState::Waiting(None))];
        let turn = story.turn(30, &pods);
        assert_eq!(launched(&turn), [("c", 1)]);
        let turn = story.turn(31, &[pod("b", 2, good()), pod("c", 1, good())]);
        assert_eq!(turn.results.unwrap().len(), 3);
    }

    #[test]
    fn nodes_that_are_not_ready_skipped_or_gone_do_not_hold_a_check_up() {
        let mut story = Story::new(&["away", "skipped", "gone", "a"]);
        story.nodes[0].ready = false;
        story.nodes[1].skipped = true;
        assert_eq!(launched(&story.turn(0, &[])), [("a", 1), ("gone", 1)]);
        story.nodes.remove(2);
        let turn = story.turn(1, &[pod("a", 1, good())]);
        assert_eq!(
            message(&turn, "away").as_deref(),
            Some("the node is not ready")
        );
        let results = turn.results.unwrap();
        assert_eq!(results.keys().collect::<Vec<_>>(), ["a", "away"]);
    }

    #[test]
    fn the_whole_check_ends_in_time_and_leaves_no_pod() {
        let mut story = Story::new(&["a", "b"]);
        story.room = 1;
        story.turn(0, &[]);
        let turn = story.turn(480, &[pod("a", 2, PodState::Waiting(None))]);
        assert_eq!(turn.discard.len(), 1);
        let results = turn.results.unwrap();
        assert!(results.values().all(|node| node.unknown == Some(true)));
    }

    #[test]
    fn a_node_that_is_replaced_while_the_check_runs_is_looked_at_anew() {
        let mut story = Story::new(&["a", "b"]);
        story.nodes[0].created = Some(at(-100));
        story.turn(0, &[]);
        let waiting = || pod("b", 1, PodState::Waiting(None));
        story.turn(1, &[pod("a", 1, good()), waiting()]);
        // Another machine under the same name: what was said of the first one does not count.
        story.nodes[0].created = Some(at(50));
        let turn = story.turn(60, &[pod("a", 1, good()), waiting()]);
        assert_eq!(turn.discard.len(), 1, "a pod of the first machine");
        assert_eq!(launched(&turn), [("a", 1)]);
        let turn = story.turn(61, &[waiting()]);
        assert!(turn.results.is_none());
    }

    #[test]
    fn five_thousand_nodes_in_a_hundred_pods_at_a_time() {
        const NODES: usize = 5000;
        let names: Vec<String> = (0..NODES)
            .map(|number| format!("node-{number:04}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut story = Story::new(&names);
        let mut flying: Vec<PodFacts> = Vec::new();
        let mut second = 0;
        let results = loop {
            let turn = story.turn(second, &flying);
            flying = turn
                .launch
                .iter()
                .map(|launch| pod(&launch.node, launch.attempt, good()))
                .collect();
            assert!(flying.len() <= 100 && story.run.in_flight() <= 100);
            second += 5;
            if let Some(results) = turn.results {
                break results;
            }
        };
        assert_eq!(results.len(), NODES);
        assert!(results.values().all(|node| node.passed));
        assert!(second < 480, "within the time of a check: {second}");
    }

    #[test]
    fn a_cluster_without_nodes_is_done_at_once() {
        let mut story = Story::new(&[]);
        assert!(story.turn(0, &[]).results.unwrap().is_empty());
    }
}
