//! Deleting VMs and what belongs to them, by a [`Plan`], in order, until they are really gone.
//!
//! Called by `bmctl disable`; whether anything may be deleted was decided before. Everything is deleted on the condition
//! of its UID, so that nothing is deleted that was not seen, and only after the backup holds it, where there is one: as it
//! is, by its resourceVersion. What was changed since is saved again first.
//! Nobody else's finalizers are ever stripped: what is stuck is explained.
//!
//! ```text
//! ┌▶ delete what is due ─▶ release what stays ─▶ watch it go ─▶ list everything again ─┐ ─▶ the same for disks
//! └───────── until two lists show no machine and no pod of a guest ◀───────────────────┘
//! ```
//!
//! The lists are what counts; the watches only save waiting. What a list shows that the plan does not name is added to
//! the plan and to the backup before it is deleted.

mod contents;
mod deletion;
mod dependents;
mod plan;
mod progress;
mod release;
mod saving;
mod sighting;

use futures::{StreamExt as _, stream};
use kube::Client;
use tokio::time::Instant;

use self::{plan::Places, progress::Progress};
use super::{
    backup::BackupWriter,
    event::{Event, ObjectName},
    inventory::{Second, Workload, list::Listed},
    retry::Retry,
};
use crate::{
    api::{WorkloadKind, WorkloadRole, workload::removal_order},
    failure::{Failure, Kind, Reason},
};

pub use contents::{At, release_contents, still_there};
pub use plan::{
    Disks, Fate, KindSummary, LeftOver, Plan, Planned, PlannedDependent, Secrets, Why, is_products,
};
pub use saving::save;

/// What is gone now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub machines: Vec<ObjectName>,
    pub disks: Vec<ObjectName>,
}

/// So many deletions are under way at once.
const IN_FLIGHT: usize = 50;
/// Where more objects than these are deleted, not each deletion is reported.
const TOLD: usize = 100;

/// Carries out a plan, and returns when everything in it is really gone and nothing new has come: when two lists in a
/// row are empty. What appears meanwhile is deleted too.
pub async fn remove(
    client: &Client,
    plan: Plan,
    backup: Option<&mut BackupWriter>,
    retry: &Retry<'_>,
) -> Result<Removed, Failure> {
    let retry = retry.patient();
    let mut removal = Removal::of(client, plan, backup, &retry);
    match removal.run().await {
        Ok(()) => Ok(removal.removed()),
        Err(failure) => {
            removal.let_the_living_go().await;
            Err(removal.so_far(failure))
        }
    }
}

/// Asks the API server whether it would delete everything that the plan names, without deleting anything. One refusal
/// is enough to delete nothing; all of them are named.
pub async fn rehearse(client: &Client, plan: &Plan, retry: &Retry<'_>) -> Result<(), Failure> {
    let due = plan
        .doomed_objects()
        .filter(|planned| planned.workload.deleting.is_none());
    let mut rehearsals = stream::iter(due)
        .map(|planned| async {
            let rehearsed = deletion::rehearse(client, retry, &planned.workload).await;
            (planned.workload.object_name(), rehearsed)
        })
        .buffer_unordered(IN_FLIGHT);
    let mut refused = Vec::new();
    while let Some((object, rehearsed)) = rehearsals.next().await {
        match rehearsed {
            Ok(()) => {}
            Err(failure) if failure.kind == Kind::Refused => refused.push((object, failure)),
            Err(failure) => return Err(failure),
        }
    }
    refused.sort_by(|one, other| one.0.cmp(&other.0));
    refusal(refused).map_or(Ok(()), Err)
}

/// One failure for all deletions that were refused.
fn refusal(refused: Vec<(ObjectName, Failure)>) -> Option<Failure> {
    const NAMED: usize = 20;
    let count = refused.len();
    let mut refused = refused.into_iter();
    let (first, failure) = refused.next()?;
    let hints = failure.hints.clone();
    let mut all = Failure::new(
        Kind::Refused,
        failure.reason,
        format!(
            "{count} deletion{} would be refused; nothing was deleted",
            if count == 1 { "" } else { "s" }
        ),
    )
    .caused_by_failure(first, &failure);
    for (object, failure) in refused.take(NAMED - 1) {
        all = all.caused_by_failure(object, &failure);
    }
    if count > NAMED {
        all = all.caused_by(format!("... and {} more", count - NAMED));
    }
    all.hints = hints;
    Some(all)
}

/// All that goes before any disk does.
const MACHINES: [WorkloadRole; 3] = [
    WorkloadRole::Migration,
    WorkloadRole::Machine,
    WorkloadRole::Launcher,
];

/// One removal under way.
struct Removal<'a, 'v> {
    client: &'a Client,
    retry: &'a Retry<'a>,
    plan: Plan,
    places: Places,
    /// For each object of the plan.
    gone: Vec<bool>,
    backup: Option<&'v mut BackupWriter>,
    /// Where to watch from, by kind.
    listed: Vec<(&'static WorkloadKind, Listed)>,
    progress: Progress,
    /// What machines and disks own was listed since the last machine came.
    dependents_seen: bool,
    /// Something has come that may not be saved yet.
    newcomers: bool,
    /// Is each deletion reported?
    talkative: bool,
    /// How many deletions the API server has accepted.
    deleted: usize,
    /// When anything of the plan was last seen to change.
    changed: Instant,
}

/// Releases what stays from what goes with the engine, where there is no VM to delete.
pub async fn release_from_engine(
    client: &Client,
    plan: Plan,
    retry: &Retry<'_>,
) -> Result<(), Failure> {
    let retry = retry.patient();
    let removal = Removal::of(client, plan, None, &retry);
    removal.release_from_others().await
}

impl<'a, 'v> Removal<'a, 'v> {
    fn of(
        client: &'a Client,
        plan: Plan,
        backup: Option<&'v mut BackupWriter>,
        retry: &'a Retry<'a>,
    ) -> Self {
        Self {
            client,
            retry,
            places: Places::of(&plan.objects),
            gone: vec![false; plan.objects.len()],
            talkative: plan.doomed().count() <= TOLD,
            progress: Progress::default(),
            dependents_seen: false,
            newcomers: false,
            listed: plan.listed.clone(),
            plan,
            backup,
            deleted: 0,
            changed: Instant::now(),
        }
    }
}

impl Removal<'_, '_> {
    async fn run(&mut self) -> Result<(), Failure> {
        if let Some(backup) = &mut self.backup {
            backup.deleting(self.retry.now())?;
        }
        // The rehearsal and the save may have taken minutes.
        self.look().await?;
        self.until_no_machine_is_left().await?;
        loop {
            let disks = self.round(&[WorkloadRole::Disk]).await?;
            // One that has come meanwhile goes before its disks.
            if self.left(&MACHINES).next().is_some() {
                self.until_no_machine_is_left().await?;
            } else if disks == 0 {
                break;
            }
        }
        self.wait_for_dependents().await?;
        if let Some(backup) = &mut self.backup {
            backup.finish(self.retry.now())?;
        }
        Ok(())
    }

    async fn until_no_machine_is_left(&mut self) -> Result<(), Failure> {
        let mut empty_lists = 0;
        while empty_lists < 2 {
            if empty_lists > 0 {
                self.retry.observer().step("Making sure that no VM is left");
                tokio::time::sleep(self.retry.pace().settle).await;
            }
            empty_lists = match self.round(&MACHINES).await? {
                0 => empty_lists + 1,
                _ => 0,
            };
        }
        Ok(())
    }

    /// Deletes what is due among these, waits, and looks. Returns how many of them are left.
    async fn round(&mut self, roles: &[WorkloadRole]) -> Result<usize, Failure> {
        self.hold_children().await?;
        self.delete_due(roles).await?;
        self.release().await?;
        self.watch_them_go(roles).await;
        let looked = self.look().await;
        if Instant::now() >= self.look_due() {
            self.give_up_on_owners();
        }
        let left = self.left(roles).count();
        // That the last look was not answered in time says less than what was there before it.
        if left > 0 && self.retry.deadline().passed() {
            return Err(self.timed_out(roles).await);
        }
        looked?;
        Ok(left)
    }

    /// What is to go and is still there.
    fn left<'b>(&'b self, roles: &'b [WorkloadRole]) -> impl Iterator<Item = usize> + 'b {
        let all = self.plan.objects.iter().enumerate();
        all.filter(|(at, planned)| {
            !self.gone[*at]
                && roles.contains(&planned.workload.kind.role)
                && !matches!(planned.fate, Fate::Kept(_))
        })
        .map(|(at, _)| at)
    }

    /// Is it ours to delete, and is nothing left that would make it anew or take it along?
    fn is_due(&self, at: usize) -> bool {
        let planned = &self.plan.objects[at];
        planned.fate == Fate::Deleted
            && planned.workload.deleting.is_none()
            && !self.gone[at]
            && !self.has_living_owner(&planned.workload)
    }

    fn has_living_owner(&self, workload: &Workload) -> bool {
        workload.owners.iter().any(|owner| {
            self.places.find(owner).is_some_and(|at| {
                let owner = &self.plan.objects[at];
                let lives = !self.gone[at];
                lives && owner.workload.uid != workload.uid && !matches!(owner.fate, Fate::Kept(_))
            })
        })
    }

    async fn delete_due(&mut self, roles: &[WorkloadRole]) -> Result<(), Failure> {
        // What goes with an object that is being deleted is due at no time.
        if std::mem::take(&mut self.newcomers) {
            self.saved(Vec::new()).await?;
        }
        for kind in removal_order().filter(|kind| roles.contains(&kind.role)) {
            let due: Vec<usize> = self
                .left(roles)
                .filter(|at| self.plan.objects[*at].workload.kind == kind)
                .filter(|at| self.is_due(*at) || self.is_in_a_circle(*at))
                .collect();
            if due.is_empty() {
                continue;
            }
            self.save_late_dependents().await?;
            self.hold_children().await?;
            self.release_from_others().await?;
            let due = self.saved(due).await?;
            self.retry.observer().event(&Event::Removing {
                resource: kind.qualified(),
                count: due.len(),
            });
            self.delete_all(due).await?;
        }
        Ok(())
    }

    /// Machines that own each other have no first one; the plan names one of them.
    fn is_in_a_circle(&self, at: usize) -> bool {
        let planned = &self.plan.objects[at];
        planned.counts
            && planned.fate == Fate::Deleted
            && planned.workload.deleting.is_none()
            && planned.workload.is(WorkloadRole::Machine)
    }

    /// Deletes them as they were saved.
    async fn delete_all(&mut self, mut due: Vec<usize>) -> Result<(), Failure> {
        /// What is changed more often than this between two requests will be the next time, too.
        const ROUNDS: u32 = 20;
        for _ in 0..ROUNDS {
            let changed = self.delete_unchanged(&due).await?;
            due = self.saved_anew(changed).await?;
            if due.is_empty() {
                return Ok(());
            }
        }
        let mut failure = Failure::new(
            Kind::Conflict,
            Reason::Conflict,
            "what was to be deleted could not be saved as it is",
        );
        for at in due.into_iter().take(Progress::NAMED) {
            let name = self.plan.objects[at].workload.object_name();
            failure = failure.caused_by(format!("somebody else changes {name} all the time"));
        }
        Err(failure)
    }

    /// Returns those that are not as they were saved any more, and were not deleted.
    async fn delete_unchanged(&mut self, due: &[usize]) -> Result<Vec<usize>, Failure> {
        let (client, retry) = (self.client, self.retry);
        let is_to_be_held = self.is_to_be_held();
        let objects = due.iter().map(|at| {
            let workload = self.plan.objects[*at].workload.clone();
            let backup = self.backup.as_deref();
            let version = backup.and_then(|backup| backup.version(&workload.uid));
            let held = is_to_be_held(&workload);
            (*at, workload, version.map(str::to_owned), held)
        });
        let objects: Vec<_> = objects.collect();
        let mut deletions = stream::iter(objects)
            .map(|(at, workload, version, held)| async move {
                let version = version.as_deref();
                let deleted = if held {
                    release::delete_held(client, retry, &workload, version).await
                } else {
                    deletion::delete(client, retry, &workload, version).await
                };
                (at, held, deleted)
            })
            .buffer_unordered(IN_FLIGHT);
        let mut changed = Vec::new();
        let mut failed = None;
        while let Some((at, held, deleted)) = deletions.next().await {
            match deleted {
                Ok(deletion::Deleted::Accepted) => {
                    self.deleted += 1;
                    let workload = &mut self.plan.objects[at].workload;
                    let now = Second::from(self.retry.now());
                    workload.deleting.get_or_insert(now);
                    if held {
                        release::note_hold(workload, true);
                    }
                    if let Some(backup) = &mut self.backup {
                        backup.deleted(self.retry.now(), &self.plan.objects[at].workload)?;
                    }
                }
                Ok(deletion::Deleted::WasGone) => {}
                Ok(deletion::Deleted::Changed) => changed.push(at),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Ok(changed), Err)
    }

    /// What should have gone with its owner and has not, although nothing has happened for long: we delete it.
    fn give_up_on_owners(&mut self) {
        for at in 0..self.plan.objects.len() {
            let planned = &self.plan.objects[at];
            if planned.fate == Fate::GoesAlong
                && !self.gone[at]
                && planned.workload.deleting.is_none()
                && !self.has_living_owner(&planned.workload)
            {
                self.plan.objects[at].fate = Fate::Deleted;
            }
        }
    }

    fn removed(&self) -> Removed {
        let of = |role: WorkloadRole| {
            let all = self.plan.objects.iter().zip(&self.gone);
            let mut names: Vec<ObjectName> = all
                .filter(|(planned, gone)| {
                    **gone && planned.workload.is(role) && !matches!(planned.fate, Fate::Kept(_))
                })
                .map(|(planned, _)| planned.workload.object_name())
                .collect();
            names.sort();
            names
        };
        Removed {
            machines: of(WorkloadRole::Machine),
            disks: of(WorkloadRole::Disk),
        }
    }

    /// A removal that fails may have changed something, and says how much.
    fn so_far(&self, failure: Failure) -> Failure {
        if self.deleted == 0 {
            return failure.caused_by("nothing was deleted");
        }
        let removed = self.removed();
        failure.caused_by(format!(
            "{} VM objects and {} disks were gone by then; running the command again goes on from here",
            removed.machines.len(),
            removed.disks.len()
        ))
    }
}

#[cfg(test)]
mod tests;
