//! Which check's turn it is: each one waits for itself after a failure, so that one that cannot be carried out keeps no
//! other from being, and what keeps one from being carried out is told to the loop that publishes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::probe_plan::Run;
use crate::{
    controller::{
        failure_policy::{self, Part, ReportedFailure},
        options::Pace,
    },
    failure::Failure,
};

/// Checks that run at once; more wait for their turn, oldest first. They share the pods in flight.
const RUNS: usize = 4;

/// What keeps checks from being carried out, for whoever publishes it.
#[derive(Debug, Default)]
pub(in crate::controller) struct CheckFailures(Mutex<Option<ReportedFailure>>);

impl CheckFailures {
    pub(in crate::controller) fn read(&self) -> Option<ReportedFailure> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Is that new?
    pub(super) fn say(&self, reported: Option<ReportedFailure>) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *said != reported;
        *said = reported;
        is_new
    }
}

/// The unfinished checks, by UID.
#[derive(Default)]
pub(super) struct Queue(BTreeMap<String, Work>);

/// A check that is under way, or is to be.
#[derive(Default)]
pub(super) struct Work {
    pub run: Option<Run>,
    failures: u32,
    /// Not before that again.
    resting: Option<Instant>,
    reported: Option<ReportedFailure>,
}

impl Queue {
    /// The checks whose turn it is, of these, oldest first.
    pub(super) fn due<'a>(&mut self, unfinished: &[&'a str], now: Instant) -> Vec<&'a str> {
        let alive: BTreeSet<&str> = unfinished.iter().copied().collect();
        self.0.retain(|uid, _| alive.contains(uid.as_str()));
        let rests = |uid: &str| {
            self.0
                .get(uid)
                .is_some_and(|work| work.rests(now).is_some())
        };
        let due = unfinished.iter().copied().filter(|uid| !rests(uid));
        due.take(RUNS).collect()
    }

    /// Takes one out to work on it.
    pub(super) fn take(&mut self, uid: &str) -> Work {
        self.0.remove(uid).unwrap_or_default()
    }

    pub(super) fn put_back(&mut self, uid: &str, work: Work) {
        self.0.insert(uid.to_owned(), work);
    }

    /// Pods that are under way.
    pub(super) fn in_flight(&self) -> usize {
        let runs = self.0.values().filter_map(|work| work.run.as_ref());
        runs.map(Run::in_flight).sum()
    }

    /// When the first one that rests is to be tried again.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        self.0.values().filter_map(|work| work.rests(now)).min()
    }

    /// What is to be said of them all.
    pub(super) fn reported(&self) -> Option<ReportedFailure> {
        self.0.values().find_map(|work| work.reported.clone())
    }
}

impl Work {
    fn rests(&self, now: Instant) -> Option<Duration> {
        self.resting
            .and_then(|until| until.checked_duration_since(now))
            .filter(|rest| !rest.is_zero())
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.resting = None;
        self.reported = None;
    }

    pub(super) fn failed(&mut self, failure: &Failure, now: Instant, pace: &Pace) {
        self.failures += 1;
        let consequence = failure_policy::consequence(failure, Part::Acting, self.failures, pace);
        self.resting = Some(now + consequence.wait);
        self.reported = consequence.said.or(self.reported.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Kind, Reason};

    #[test]
    fn a_check_that_fails_keeps_no_other_from_its_turn() {
        let pace = Pace::default();
        let now = Instant::now();
        let denied = Failure::new(Kind::Denied, Reason::Forbidden, "no");
        let names = ["a", "b", "c", "d", "e"];
        let mut queue = Queue::default();
        assert_eq!(queue.due(&names, now), ["a", "b", "c", "d"]);
        for _ in 0..3 {
            let mut work = queue.take("a");
            work.failed(&denied, now, &pace);
            queue.put_back("a", work);
        }
        assert_eq!(queue.due(&names, now), ["b", "c", "d", "e"]);
        assert_eq!(queue.rest(now), Some(pace.retry_most));
        assert_eq!(queue.reported().unwrap().message, "no");
        let later = now + pace.retry_most;
        assert_eq!(queue.due(&names, later)[0], "a");
        let mut work = queue.take("a");
        work.succeeded();
        queue.put_back("a", work);
        assert_eq!((queue.reported(), queue.rest(later)), (None, None));
        // What is finished is forgotten, and its failure with it.
        let mut work = queue.take("b");
        (0..3).for_each(|_| work.failed(&denied, now, &pace));
        queue.put_back("b", work);
        assert!(queue.reported().is_some());
        queue.due(&["c"], now);
        assert!(queue.reported().is_none());
    }

    #[test]
    fn only_what_changes_is_new() {
        let check_failures = CheckFailures::default();
        let reported = Some(ReportedFailure {
            reason: "Forbidden",
            message: "no".to_owned(),
        });
        assert!(!check_failures.say(None));
        assert!(check_failures.say(reported.clone()));
        assert!(!check_failures.say(reported.clone()));
        assert_eq!(check_failures.read(), reported);
        assert!(check_failures.say(None));
    }
}
