//! What a person sees of a removal: counts by kind, the object that takes longest, what is stuck, and what was still there
//! when the time was over.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::Removal;
use crate::{
    api::{WorkloadRole, workload::removal_order},
    cluster::{
        event::{Event, RemovalProgress},
        stuck::{self, Explainer, Leaving},
    },
    failure::{Failure, Kind, Reason},
};

/// What was told when.
#[derive(Default)]
pub(super) struct Progress {
    last: Option<Instant>,
    /// When it was looked last why something does not go.
    examined: Option<Instant>,
    /// Places of objects that were told to be stuck.
    stuck: BTreeSet<usize>,
}

impl Progress {
    /// How often counts are told.
    pub const EVERY: Duration = Duration::from_secs(1);
    /// So many stuck objects are looked into; of the others the count is told.
    const EXPLAINED: usize = 3;
    /// More lines than this say no more.
    pub const NAMED: usize = 20;
}

impl Removal<'_, '_> {
    /// Tells how far it is, if it was not told just now.
    pub(super) async fn tell_progress(&mut self, roles: &[WorkloadRole]) {
        let now = Instant::now();
        let due = |last: Instant| now.duration_since(last) >= Progress::EVERY;
        if !self.progress.last.is_none_or(due) {
            return;
        }
        self.progress.last = Some(now);
        let so_far = self.so_far_in_numbers(roles);
        if !so_far.left.is_empty() {
            self.retry.observer().event(&Event::Removal(so_far));
        }
        self.tell_stuck(roles).await;
    }

    fn so_far_in_numbers(&self, roles: &[WorkloadRole]) -> RemovalProgress {
        let mut left = Vec::new();
        for kind in removal_order() {
            let count = self
                .left(roles)
                .filter(|at| self.plan.objects[*at].workload.kind == kind)
                .count();
            if count > 0 {
                left.push((kind.qualified(), count));
            }
        }
        let slowest = self
            .left(roles)
            .map(|at| &self.plan.objects[at].workload)
            .filter_map(|workload| workload.deleting.map(|since| (since, workload)))
            .min_by_key(|(since, _)| *since)
            .map(|(since, workload)| (workload.object_name(), since.timestamp()));
        RemovalProgress { left, slowest }
    }

    /// Explains what does not go, each object once: as soon as a cause is found, and otherwise when it takes too long.
    async fn tell_stuck(&mut self, roles: &[WorkloadRole]) {
        let pace = self.retry.pace();
        let now = self.retry.now();
        let late = |at: &usize, long| {
            let workload = &self.plan.objects[*at].workload;
            Leaving::workload(workload).lasts(now, long)
        };
        let untold = |at: &usize| !self.progress.stuck.contains(at);
        let overdue: BTreeSet<usize> = self
            .left(roles)
            .filter(untold)
            .filter(|at| late(at, pace.stuck))
            .collect();
        let again = |last: Instant| last.elapsed() >= pace.explain;
        if overdue.is_empty() && !self.progress.examined.is_none_or(again) {
            return;
        }
        let slow = self
            .left(roles)
            .filter(untold)
            .filter(|at| late(at, pace.explain));
        let slow = overdue
            .iter()
            .copied()
            .chain(slow.filter(|at| !overdue.contains(at)));
        let budget = Progress::EXPLAINED.saturating_sub(self.progress.stuck.len());
        let examined: Vec<usize> = slow.take(budget).collect();
        self.progress.examined = Some(Instant::now());
        for (at, object) in self.explained(&examined).await {
            if object.evident || overdue.contains(&at) {
                self.progress.stuck.insert(at);
                self.retry.observer().event(&Event::Stuck(object));
            }
        }
        for at in overdue.difference(&examined.into_iter().collect()) {
            self.progress.stuck.insert(*at);
            let leaving = Leaving::workload(&self.plan.objects[*at].workload);
            let object = stuck::name(&leaving);
            self.retry.observer().event(&Event::Stuck(object));
        }
    }

    /// Why they are still there, by place. Those that have gone meanwhile are left out.
    async fn explained(&self, places: &[usize]) -> Vec<(usize, stuck::StuckObject)> {
        let leaving: Vec<Leaving> = places
            .iter()
            .map(|at| Leaving::workload(&self.plan.objects[*at].workload))
            .collect();
        let end = self.retry.deadline().with_grace().end();
        let explainer = Explainer::of_command(self.client);
        let explained = tokio::time::timeout_at(end, explainer.explain(&leaving))
            .await
            .unwrap_or_else(|_| leaving.iter().map(stuck::name).collect());
        let place = |object: &stuck::StuckObject| {
            let at = leaving
                .iter()
                .position(|leaving| leaving.object == object.object)?;
            Some(places[at])
        };
        explained
            .into_iter()
            .filter_map(|object| Some((place(&object)?, object)))
            .collect()
    }

    /// Time is up, and these are still there.
    pub(super) async fn timed_out(&self, roles: &[WorkloadRole]) -> Failure {
        let left: Vec<usize> = self.left(roles).collect();
        let mut failure = Failure::new(
            Kind::TimedOut,
            Reason::TimedOut,
            format!("timed out while {} objects were being deleted", left.len()),
        );
        let (first, rest) = left.split_at(left.len().min(Progress::EXPLAINED));
        let explained = self.explained(first).await;
        let rest = rest.iter().take(Progress::NAMED - Progress::EXPLAINED);
        let named =
            rest.map(|at| stuck::name(&Leaving::workload(&self.plan.objects[*at].workload)));
        for object in explained
            .iter()
            .map(|(_, object)| object.clone())
            .chain(named)
        {
            failure = failure.caused_by(format!("still there: {object}"));
        }
        let steps = explained.iter().flat_map(|(_, object)| &object.next_steps);
        stuck::with_next_steps(failure, steps)
    }
}
