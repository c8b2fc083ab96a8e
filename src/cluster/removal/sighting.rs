//! What watches and lists say about the plan: what is gone, what has changed, what has come. A watch only saves waiting;
//! a list decides.

use std::sync::Arc;

use jiff::Timestamp;
use kube::{Resource as _, core::DynamicObject};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Fate, Plan, Planned, Removal,
    plan::{Places, fate_of_machine},
    progress::Progress,
};
use crate::{
    api::{WorkloadKind, WorkloadRole, workload::removal_order},
    cluster::{
        event::Event,
        inventory::{
            self, Second, Uid, Workload,
            list::{self, Detail, Sink},
        },
        watch::{Update, Watched, Watches},
    },
    failure::Failure,
};

impl Removal<'_, '_> {
    /// Waits until there is a reason to look again: all are gone, something can be deleted or let go of now that could not
    /// before, a watch has ended, or nothing has happened for long.
    pub(super) async fn watch_them_go(&mut self, roles: &[WorkloadRole]) {
        let mut watches = self.watches(roles);
        let pace = self.retry.pace();
        let deadline = self.retry.deadline();
        let began = Instant::now();
        loop {
            self.tell_progress(roles).await;
            let left = self.left(roles).next().is_some();
            let is_ours = self.holds_any() || self.left(roles).any(|at| self.is_due(at));
            if !left || is_ours || deadline.passed() {
                return;
            }
            let look = self.look_due().max(began + pace.stuck / 4);
            let look = look.min(deadline.end());
            let tick = (Instant::now() + Progress::EVERY).min(look);
            tokio::select! {
                first = watches.next() => {
                    // Where many go at once, the whole plan is not looked over for each of them.
                    let mut next = Some(first);
                    while let Some((_, update)) = next {
                        let Some(sight) = Sight::of(&update) else {
                            // It cannot be watched, or not any more: a list says more.
                            let pause = pace.delay(1).max(pace.settle / 4);
                            tokio::time::sleep_until((Instant::now() + pause).min(look)).await;
                            return;
                        };
                        self.notice(&sight);
                        next = watches.ready();
                    }
                }
                () = tokio::time::sleep_until(tick) => {
                    if Instant::now() >= look {
                        return;
                    }
                }
            }
        }
    }

    /// Watches of these kinds, from the last lists on.
    fn watches(&self, roles: &[WorkloadRole]) -> Watches<&'static str> {
        let mut watches = Watches::new(self.retry.pace());
        for (kind, listed) in &self.listed {
            if roles.contains(&kind.role) {
                let watched = Watched {
                    what: kind.qualified(),
                    path: DynamicObject::url_path(&kind.resource_in(&listed.version), None),
                    field_selector: None,
                    metadata_only: true,
                    keep: identity_and_deletion,
                };
                let from = listed.resource_version.clone();
                watches.start_once(kind.plural, self.client, watched, from);
            }
        }
        watches
    }

    /// When nothing will have changed for so long that something must be the matter.
    pub(super) fn look_due(&self) -> Instant {
        self.changed + self.retry.pace().stuck / 4
    }

    /// Takes a sighting into the plan.
    fn notice(&mut self, sight: &Sight) {
        let Some(at) = self.places.find(&sight.uid) else {
            return;
        };
        if sight.gone {
            self.has_gone(at);
            return;
        }
        let workload = &mut self.plan.objects[at].workload;
        if workload.deleting != sight.deleting || workload.finalizers != sight.finalizers {
            workload.deleting = sight.deleting;
            workload.finalizers = sight.finalizers.clone();
            self.changed = Instant::now();
        }
    }

    fn has_gone(&mut self, at: usize) {
        if std::mem::replace(&mut self.gone[at], true) {
            return;
        }
        self.changed = Instant::now();
        let planned = &self.plan.objects[at];
        let is_told = match planned.fate {
            Fate::Kept(_) => false,
            Fate::Deleted => true,
            // The pod of a guest is the guest itself.
            Fate::GoesAlong => !planned.workload.is(WorkloadRole::Launcher),
        };
        if self.talkative && is_told {
            let name = planned.workload.object_name();
            self.retry.observer().event(&Event::Removed(name));
        }
    }

    /// Lists everything: what is not there any more is gone, what is new is planned.
    pub(super) async fn look(&mut self) -> Result<(), Failure> {
        self.listed.clear();
        let mut failed = Vec::new();
        let mut newcomers = Vec::new();
        let mut seen = vec![false; self.plan.objects.len()];
        for kind in removal_order() {
            let mut view = View {
                kind,
                plan: &mut self.plan,
                places: &self.places,
                seen: &mut seen,
                newcomers: Vec::new(),
                news: false,
            };
            let listed =
                list::each(self.client, self.retry, kind, Detail::AsNeeded, &mut view).await;
            newcomers.append(&mut view.newcomers);
            if view.news {
                self.changed = Instant::now();
            }
            match listed {
                Ok(Some(listed)) => self.listed.push((kind, listed)),
                Ok(None) => {}
                Err(failure) => failed.push((kind, failure)),
            }
        }
        if !failed.is_empty() {
            return Err(inventory::undetermined(failed));
        }
        for (at, seen) in seen.into_iter().enumerate() {
            if seen {
                // Whatever a watch said: the list is what counts.
                self.gone[at] = false;
            } else {
                self.has_gone(at);
            }
        }
        self.amend(newcomers);
        Ok(())
    }

    /// Plans what has come since.
    fn amend(&mut self, newcomers: Vec<Workload>) {
        let mut more = 0;
        for workload in newcomers {
            self.dependents_seen = false;
            self.newcomers = true;
            self.changed = Instant::now();
            let owned = workload.owners.iter().any(|owner| {
                let at = self.places.find(owner);
                at.is_some_and(|at| !matches!(self.plan.objects[at].fate, Fate::Kept(_)))
            });
            let fate = match workload.kind.role {
                WorkloadRole::Migration => Fate::Deleted,
                WorkloadRole::Machine => {
                    more += usize::from(!owned);
                    fate_of_machine(!owned)
                }
                WorkloadRole::Launcher => fate_of_machine(!owned),
                WorkloadRole::Disk => self.plan.fate_of_new_disk(&workload, owned),
            };
            if !matches!(fate, Fate::Kept(_)) {
                self.plan.claim_disks_of(&workload);
            }
            self.places
                .insert(workload.uid.clone(), self.plan.objects.len());
            self.gone.push(false);
            self.plan.objects.push(Planned {
                made_again: self.plan.makes_again(&workload),
                workload,
                fate,
                counts: false,
            });
        }
        if more > 0 {
            self.retry
                .observer()
                .event(&Event::FoundMore { count: more });
        }
    }
}

/// What a watch says of one object.
struct Sight {
    uid: Uid,
    gone: bool,
    deleting: Option<Second>,
    finalizers: Arc<[String]>,
}

impl Sight {
    /// `None` where the watch has ended: only a list says how things are then.
    fn of(update: &Update) -> Option<Self> {
        let (object, gone) = match update {
            Update::Added(object) | Update::Changed(object) => (object, false),
            Update::Gone(object) => (object, true),
            Update::All(_) | Update::Lost(_) | Update::Refused(_) => return None,
        };
        let metadata = &object["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default();
        let deleting: Option<Timestamp> = text("deletionTimestamp").parse().ok();
        let finalizers = metadata["finalizers"].as_array();
        let finalizers = finalizers.into_iter().flatten().filter_map(Value::as_str);
        Some(Self {
            uid: Uid::from(text("uid")),
            gone,
            deleting: deleting.map(Second::from),
            finalizers: finalizers.map(str::to_owned).collect(),
        })
    }
}

/// All that a removal wants to know of an object; there may be a hundred thousand.
fn identity_and_deletion(mut object: Value) -> Value {
    let mut of = |field: &str| object["metadata"][field].take();
    json!({"metadata": {
        "uid": of("uid"),
        "deletionTimestamp": of("deletionTimestamp"),
        "finalizers": of("finalizers"),
    }})
}

/// What one list says about the plan.
struct View<'a> {
    kind: &'static WorkloadKind,
    plan: &'a mut Plan,
    places: &'a Places,
    seen: &'a mut Vec<bool>,
    newcomers: Vec<Workload>,
    /// Something that was known is not as it was.
    news: bool,
}

impl Sink for View<'_> {
    fn begin(&mut self) {
        self.newcomers.clear();
        for (at, planned) in self.plan.objects.iter().enumerate() {
            if planned.workload.kind == self.kind {
                self.seen[at] = false;
            }
        }
    }

    fn take(&mut self, workload: Workload) {
        match self.places.find(&workload.uid) {
            Some(at) => {
                self.seen[at] = true;
                let known = &mut self.plan.objects[at].workload;
                self.news |= known.deleting != workload.deleting
                    || known.finalizers != workload.finalizers
                    || known.owners != workload.owners;
                known.deleting = workload.deleting;
                known.finalizers = workload.finalizers;
                known.owners = workload.owners;
                known.uses = workload.uses;
            }
            None => self.newcomers.push(workload),
        }
    }
}
