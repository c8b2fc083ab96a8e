//! The next step of a running check, as a pure decision: which pods to make, which to read and throw away, what is known.

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
    /// The newest version of the check that this process has written.
    pub version: u64,
    /// Its results have been written.
    pub concluded: bool,
    done: BTreeMap<String, NodeResult>,
    flights: BTreeMap<String, Flight>,
    /// The attempt that a node gets next, where it is not the first.
    next_attempts: BTreeMap<String, u8>,
    /// The UID of each node: what was found out about a machine says nothing about its successor.
    machines: BTreeMap<String, String>,
    /// The nodes whose last pod the API server did not accept, and that may yet get one.
    refusals: BTreeMap<String, Refusals>,
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

/// What the API server said in a row to the pods for one node.
struct Refusals {
    number: u32,
    since: Timestamp,
}

/// A pod to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Launch {
    pub node: String,
    /// The node's UID.
    pub machine: String,
    pub attempt: u8,
}

/// What is due.
#[derive(Debug, Default)]
pub(super) struct ProbePlan {
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
            version: 0,
            concluded: false,
            done: BTreeMap::new(),
            flights: BTreeMap::new(),
            next_attempts: BTreeMap::new(),
            machines: BTreeMap::new(),
            refusals: BTreeMap::new(),
            refused: false,
        }
    }

    /// How many of its pods there are.
    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// A pod was made.
    pub(super) fn launched(&mut self, launch: &Launch, now: Timestamp) {
        self.refusals.remove(&launch.node);
        self.flights.entry(launch.node.clone()).or_insert(Flight {
            attempt: launch.attempt,
            since: now,
            seen: false,
        });
    }

    /// The API server did not accept the pod, which says nothing about the node. Is that believed by now? So many times
    /// in a row is enough, and so is the time that a node may take.
    pub(super) fn refused(
        &mut self,
        launch: &Launch,
        why: String,
        patience: u32,
        now: Timestamp,
        pace: &Pace,
    ) -> bool {
        let refusals = self
            .refusals
            .entry(launch.node.clone())
            .or_insert(Refusals {
                number: 0,
                since: now,
            });
        refusals.number += 1;
        let believed = refusals.number >= patience || passed(refusals.since, pace.node, now);
        if believed {
            self.refused = true;
            self.done.insert(launch.node.clone(), unknown(why));
        }
        believed
    }

    /// Was a pod refused since this was last asked? Then nothing else will wake it.
    pub(super) fn refusals_are_news(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// Decides what is due.
    pub(super) fn plan(
        &mut self,
        now: Timestamp,
        nodes: &[NodeFacts],
        pods: &[PodFacts],
        pace: &Pace,
        room: usize,
    ) -> ProbePlan {
        let mut plan = ProbePlan::default();
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
                plan.discard.push(pod.clone());
            }
        }
        self.miss(pods, now, pace);
        if passed(self.started, pace.check, now) {
            self.give_up(&eligible, pods, &mut plan);
        }
        for node in eligible.values() {
            if self.done.contains_key(&node.name) || self.flights.contains_key(&node.name) {
                continue;
            }
            if !node.ready {
                self.done
                    .insert(node.name.clone(), unknown("the node is not ready"));
            } else if self.flights.len() + plan.launch.len() < room {
                plan.launch.push(Launch {
                    node: node.name.clone(),
                    machine: node.uid.clone(),
                    attempt: self.next_attempts.get(&node.name).copied().unwrap_or(1),
                });
            }
        }
        if eligible.keys().all(|name| self.done.contains_key(*name)) {
            plan.results = Some(
                eligible
                    .keys()
                    .map(|name| ((*name).to_owned(), self.done[*name].clone()))
                    .collect(),
            );
        }
        plan.wait = self.wait(now, pace);
        plan
    }

    /// A node that was replaced while the check runs is another machine: it is looked at anew.
    fn forget_predecessors(&mut self, eligible: &Eligible<'_>) {
        for (name, node) in eligible {
            let before = self.machines.insert((*name).to_owned(), node.uid.clone());
            if before.is_some_and(|before| before != node.uid) {
                self.done.remove(*name);
                self.flights.remove(*name);
                self.next_attempts.remove(*name);
                self.refusals.remove(*name);
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
        // It was made for this machine, not for one that had its name before.
        let is_its = eligible
            .get(pod.node.as_str())
            .is_some_and(|node| node.uid == pod.machine);
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
            PodState::Pulling(pull) => {
                let limit = if pull.refused {
                    pace.image.min(pace.node)
                } else {
                    pace.node
                };
                let over = passed(since, limit, now);
                if over {
                    self.flights.remove(&pod.node);
                    let seconds = limit.as_secs();
                    let why = format!("no result within {seconds} s ({})", pull.why);
                    self.done.insert(pod.node.clone(), unknown(why));
                }
                over
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

    fn give_up(&mut self, eligible: &Eligible<'_>, pods: &[PodFacts], plan: &mut ProbePlan) {
        for name in eligible.keys() {
            self.done
                .entry((*name).to_owned())
                .or_insert_with(|| unknown("the check ran out of time before this node was done"));
        }
        self.flights.clear();
        plan.discard = pods.to_vec();
    }

    fn wait(&self, now: Timestamp, pace: &Pace) -> Duration {
        const SHORTEST: Duration = Duration::from_millis(10);
        // A pod that is younger may have been refused its image.
        let limit = |flight: &Flight| {
            if passed(flight.since, pace.image, now) {
                pace.node
            } else {
                pace.image.min(pace.node)
            }
        };
        let flights = self
            .flights
            .values()
            .map(|flight| (flight.since, limit(flight)));
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
mod tests;
