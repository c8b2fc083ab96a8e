//! What a person sees of a removal: counts by kind, the object that takes longest, and what is stuck.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{Removal, stuck};
use crate::{
    api::{WorkloadRole, workload::removal_order},
    cluster::event::{Event, RemovalProgress},
};

/// What was told when.
#[derive(Default)]
pub(super) struct Progress {
    last: Option<Instant>,
    /// Places of objects that were told to be stuck.
    stuck: BTreeSet<usize>,
}

impl Progress {
    /// How often counts are told.
    pub const EVERY: Duration = Duration::from_secs(1);
    /// So many stuck objects are looked into; of the others the count is told.
    const EXPLAINED: usize = 3;
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

    /// Explains what does not go, each object once.
    async fn tell_stuck(&mut self, roles: &[WorkloadRole]) {
        let patience = self.retry.pace().stuck;
        let now = self.retry.now();
        let late: Vec<usize> = self
            .left(roles)
            .filter(|at| !self.progress.stuck.contains(at))
            .filter(|at| {
                let since = self.plan.objects[*at].workload.deleting;
                let age = since.map(|since| now.duration_since(since.timestamp()));
                age.and_then(|age| Duration::try_from(age).ok())
                    .is_some_and(|age| age >= patience)
            })
            .collect();
        for at in late {
            self.progress.stuck.insert(at);
            let workload = &self.plan.objects[at].workload;
            let object = if self.progress.stuck.len() <= Progress::EXPLAINED {
                let end = self.retry.deadline().end();
                tokio::time::timeout_at(end, stuck::explain(self.client, workload))
                    .await
                    .unwrap_or_else(|_| stuck::name(workload))
            } else {
                stuck::name(workload)
            };
            self.retry.observer().event(&Event::Stuck(object));
        }
    }
}
