//! What stays is released from the machines that go, before the garbage collector can take it along.
//!
//! That is every claim that a machine owns and has not made, and with `--keep-disks` every disk. A controller may make a
//! machine the owner of its disks at any moment as long as the machine is not being deleted. So each machine gets a
//! finalizer of ours, then is deleted, and only when a list shows that it owns nothing any more that stays, the finalizer
//! is taken off again. Nothing is deleted with the propagation policy `Orphan`: the collector cannot
//! release a ControllerRevision (its data may not be changed, and a strategic merge reorders them), so that such a
//! machine would never go; and pods would be left running. A machine that an older bmctl has left in that state is freed
//! by the same means.
//!
//! ```text
//! hold ─▶ delete ─▶ list ─┬─▶ it owns what stays: take the owner off ─▶ list again
//!                         └─▶ it owns nothing that stays: let it go
//! ```

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt as _, stream};
use kube::{
    Client,
    api::{Patch, PatchParams},
    core::ObjectMeta,
};
use serde_json::{Value, json};

use super::{
    Disks, Fate, IN_FLIGHT, Removal,
    deletion::{self, Deleted},
};
use crate::{
    api::{
        WorkloadRole,
        name::{FIELD_MANAGER, RELEASE_FINALIZER},
    },
    cluster::{
        inventory::{Storage, Uid, Workload},
        retry::{Repeat, Retry},
        subject::Subject,
    },
    failure::{self, Failure, Kind, Reason},
};

/// The finalizer of Kubernetes' own orphaning.
const ORPHAN: &str = "orphan";

/// Deletes a machine that waits, once it is being deleted, until we have released what stays from it. It is deleted if it
/// is still at this version but for our finalizer, where one is named.
pub(super) async fn delete_held(
    client: &Client,
    retry: &Retry<'_>,
    machine: &Workload,
    version: Option<&str>,
) -> Result<Deleted, Failure> {
    let Some(held) = hold(client, retry, machine).await? else {
        return Ok(Deleted::WasGone);
    };
    if version.is_some() && version != held.before.as_deref() {
        return Ok(Deleted::Changed);
    }
    let version = version.and(held.after.as_deref());
    let deleted = deletion::delete(client, retry, machine, version).await;
    if deleted.is_err() {
        // Best effort: the failure that is reported is why it was not deleted.
        let _ = let_live(client, retry, machine).await;
    }
    deleted
}

/// Puts our finalizer on it, if it is not being deleted already: the API server takes no new finalizer then, and no
/// controller makes it an owner any more.
async fn hold(
    client: &Client,
    retry: &Retry<'_>,
    machine: &Workload,
) -> Result<Option<Versions>, Failure> {
    let doing = format!(
        "hold {} until its disks are released",
        machine.object_name()
    );
    change(client, retry, &Subject::from(machine), &doing, |metadata| {
        if metadata.deletion_timestamp.is_some() {
            return None;
        }
        let mut finalizers = metadata.finalizers.clone().unwrap_or_default();
        if finalizers
            .iter()
            .any(|finalizer| finalizer == RELEASE_FINALIZER)
        {
            return None;
        }
        finalizers.push(RELEASE_FINALIZER.to_owned());
        Some(json!({"finalizers": finalizers}))
    })
    .await
}

/// Takes our finalizer off. Nobody else's is ever touched.
async fn let_go(client: &Client, retry: &Retry<'_>, machine: &Workload) -> Result<(), Failure> {
    take_hold_off(client, retry, machine, |_| true).await
}

/// The same for a machine that is not deleted after all. One that is being deleted still waits for what stays.
async fn let_live(client: &Client, retry: &Retry<'_>, machine: &Workload) -> Result<(), Failure> {
    let lives = |metadata: &ObjectMeta| metadata.deletion_timestamp.is_none();
    take_hold_off(client, retry, machine, lives).await
}

async fn take_hold_off(
    client: &Client,
    retry: &Retry<'_>,
    machine: &Workload,
    may: impl Fn(&ObjectMeta) -> bool,
) -> Result<(), Failure> {
    let doing = format!("release {}", machine.object_name());
    change(client, retry, &Subject::from(machine), &doing, |metadata| {
        if !may(metadata) {
            return None;
        }
        let mut finalizers = metadata.finalizers.clone().unwrap_or_default();
        let before = finalizers.len();
        finalizers.retain(|finalizer| finalizer != RELEASE_FINALIZER);
        (finalizers.len() < before).then(|| json!({"finalizers": finalizers}))
    })
    .await
    .map(drop)
}

impl Removal<'_, '_> {
    /// Holds the machines that go with another one and own something that stays: the collector deletes them.
    pub(super) async fn hold_children(&self) -> Result<(), Failure> {
        let owners = self.owners_of_kept();
        let children = self
            .plan
            .objects
            .iter()
            .enumerate()
            .filter(|(at, planned)| {
                !self.gone[*at]
                    && planned.fate == Fate::GoesAlong
                    && planned.workload.deleting.is_none()
                    && owners.contains(&planned.workload.uid)
                    && planned.workload.is(WorkloadRole::Machine)
                    && !is_held(&planned.workload)
            });
        let mut holds = stream::iter(children)
            .map(|(_, planned)| hold(self.client, self.retry, &planned.workload))
            .buffer_unordered(IN_FLIGHT);
        while let Some(held) = holds.next().await {
            held?;
        }
        Ok(())
    }

    /// A removal that has failed holds no machine that nobody has deleted: whoever deletes it later would wait for us. Best
    /// effort: the failure that is reported is why the removal has ended.
    pub(super) async fn let_the_living_go(&self) {
        let is_to_be_held = self.is_to_be_held();
        let living = self.plan.objects.iter().enumerate();
        let living = living.filter(|(at, planned)| {
            let machine = &planned.workload;
            // What was held since the last list is not noted yet.
            !self.gone[*at]
                && machine.deleting.is_none()
                && machine.is(WorkloadRole::Machine)
                && (is_to_be_held(machine) || is_held(machine))
        });
        // Also where the command has run out of time.
        let retry = &self.retry.with_grace();
        let mut releases = stream::iter(living)
            .map(|(_, planned)| let_live(self.client, retry, &planned.workload))
            .buffer_unordered(IN_FLIGHT);
        let mut failed = None;
        while let Some(released) = releases.next().await {
            failed = failed.or(released.err());
        }
        if let Some(failure) = failed {
            let warning = format!("a VM keeps the finalizer {RELEASE_FINALIZER}: {failure}");
            self.retry.observer().warn(&warning);
        }
    }

    /// Releases what stays from machines that are being deleted, and lets go of those that own nothing more of it.
    pub(super) async fn release(&mut self) -> Result<(), Failure> {
        if self.plan.disks == Disks::Delete && self.waiting().next().is_none() {
            return Ok(());
        }
        for round in 0.. {
            // Only a list that begins after the deletion was accepted shows everything that a machine owns.
            self.look().await?;
            let waiting: Vec<usize> = self.waiting().collect();
            if waiting.is_empty() {
                break;
            }
            self.look_at_dependents().await?;
            // Before its parent is let go, which takes it along.
            self.hold_children().await?;
            let owners = self.owners_of_kept();
            self.release_kept(&self.orphaning(&waiting)).await?;
            let mut held = false;
            for at in waiting {
                let machine = &mut self.plan.objects[at].workload;
                if owners.contains(&machine.uid) {
                    held = true;
                } else if is_held(machine) {
                    let_go(self.client, self.retry, machine).await?;
                    note_hold(machine, false);
                }
            }
            if !held || self.retry.deadline().passed() {
                break;
            }
            if round > 0 {
                tokio::time::sleep(self.retry.pace().delay(round)).await;
            }
        }
        Ok(())
    }

    /// Releases what stays from all that goes and is no machine: nobody makes it theirs again, so nothing has to wait for
    /// that.
    pub(super) async fn release_from_others(&self) -> Result<(), Failure> {
        let is_machine = |owner: &Uid| {
            let owner = self.places.find(owner).map(|at| &self.plan.objects[at]);
            owner.is_some_and(|owner| !owner.workload.is(WorkloadRole::Disk))
        };
        let goes = self.goes();
        self.take_owners_off_where(|fate, owners| {
            let mut owners = owners.iter();
            fate.is_released() && owners.any(|owner| goes(owner) && !is_machine(owner))
        })
        .await
    }

    /// Does a machine that is being deleted wait for nobody but us, or would it take along what stays?
    pub(super) fn holds_any(&self) -> bool {
        let owners = self.owners_of_kept();
        self.waiting().any(|at| {
            let machine = &self.plan.objects[at].workload;
            is_held(machine) || owners.contains(&machine.uid)
        })
    }

    /// Those among them that an older bmctl has deleted with `Orphan`.
    fn orphaning(&self, waiting: &[usize]) -> BTreeSet<Uid> {
        waiting
            .iter()
            .map(|at| &self.plan.objects[*at].workload)
            .filter(|machine| is_orphaning(machine))
            .map(|machine| machine.uid.clone())
            .collect()
    }

    /// The machines that are being deleted and wait for us; and those that cannot wait, because somebody else has deleted
    /// them before they could be held, and own something that stays.
    fn waiting(&self) -> impl Iterator<Item = usize> {
        let owners = self.owners_of_kept();
        let all = self.plan.objects.iter().enumerate();
        all.filter(move |(at, planned)| {
            let machine = &planned.workload;
            !self.gone[*at]
                && machine.deleting.is_some()
                && (is_held(machine) || is_orphaning(machine) || owners.contains(&machine.uid))
        })
        .map(|(at, _)| at)
    }

    /// Is it to wait, once it is deleted, until what stays is released from it? What it names may be its own by then.
    pub(super) fn is_to_be_held(&self) -> impl Fn(&Workload) -> bool + use<> {
        let keeps = self.plan.disks == Disks::Keep;
        let owners = self.owners_of_kept();
        let kept: BTreeSet<(Arc<str>, Box<str>)> = self
            .plan
            .objects
            .iter()
            .filter(|planned| planned.fate.is_released())
            .map(|planned| {
                (
                    planned.workload.namespace.clone(),
                    planned.workload.name.clone(),
                )
            })
            .collect();
        move |workload| {
            let names_kept = || {
                let mut names = workload.uses.iter().map(Storage::name);
                names.any(|name| kept.contains(&(workload.namespace.clone(), name.into())))
            };
            workload.is(WorkloadRole::Machine)
                && (keeps || owners.contains(&workload.uid) || names_kept())
        }
    }

    /// The machines that own something that is to stay.
    pub(super) fn owners_of_kept(&self) -> BTreeSet<Uid> {
        let disks = self.plan.objects.iter().enumerate();
        let disks = disks
            .filter(|(at, planned)| !self.gone[*at] && planned.fate.is_released())
            .flat_map(|(_, planned)| planned.workload.owners.iter());
        let dependents = self.plan.dependents.iter();
        let dependents = dependents
            .filter(|planned| planned.fate.is_released())
            .flat_map(|planned| planned.object.owners.iter());
        let goes = self.goes();
        disks
            .chain(dependents)
            .filter(|owner| goes(owner))
            .cloned()
            .collect()
    }

    /// Takes the machines that go off the owners of what stays; and off everything that a machine owns which an older
    /// bmctl has deleted with `Orphan`, as the collector would have.
    async fn release_kept(&self, orphaning: &BTreeSet<Uid>) -> Result<(), Failure> {
        let goes = self.goes();
        self.take_owners_off_where(|fate, owners| {
            let mut owners = owners.iter();
            owners.any(|owner| orphaning.contains(owner) || fate.is_released() && goes(owner))
        })
        .await
    }

    async fn take_owners_off_where(
        &self,
        wanted: impl Fn(Fate, &[Uid]) -> bool,
    ) -> Result<(), Failure> {
        let disks = self.plan.objects.iter().enumerate();
        let disks = disks
            .filter(|(at, planned)| {
                !self.gone[*at] && wanted(planned.fate, &planned.workload.owners)
            })
            .map(|(_, planned)| Subject::from(&planned.workload));
        let dependents = self.plan.dependents.iter();
        let dependents = dependents
            .filter(|planned| wanted(planned.fate, &planned.object.owners))
            .map(|planned| Subject::from(&planned.object));
        let targets: Vec<Subject> = disks.chain(dependents).collect();
        let goes = &self.goes();
        let mut releases =
            stream::iter(targets)
                .map(|target| async move {
                    take_owners_off(self.client, self.retry, &target, goes).await
                })
                .buffer_unordered(IN_FLIGHT);
        while let Some(released) = releases.next().await {
            released?;
        }
        Ok(())
    }

    /// Of which owners the garbage collector will say that they are gone.
    fn goes(&self) -> impl Fn(&Uid) -> bool {
        let others = self.plan.others_that_go();
        move |uid| match self.places.find(uid) {
            Some(at) => !matches!(self.plan.objects[at].fate, Fate::Kept(_)),
            None => others.contains(uid),
        }
    }
}

/// Takes those owners off it of which that is said.
pub(super) async fn take_owners_off(
    client: &Client,
    retry: &Retry<'_>,
    target: &Subject,
    goes: &impl Fn(&Uid) -> bool,
) -> Result<(), Failure> {
    let doing = format!("release {} from its owner", target.name);
    change(client, retry, target, &doing, |metadata| {
        let owners = metadata.owner_references.clone().unwrap_or_default();
        let (goes, stays): (Vec<_>, Vec<_>) = owners
            .into_iter()
            .partition(|owner| goes(&Uid::from(owner.uid.as_str())));
        if goes.is_empty() {
            return None;
        }
        let owners = if stays.is_empty() {
            Value::Null
        } else {
            json!(stays)
        };
        Some(json!({"ownerReferences": owners}))
    })
    .await
    .map(drop)
}

/// Writes down that it is held, or not any more, before a list or a watch says so.
pub(super) fn note_hold(machine: &mut Workload, held: bool) {
    let finalizers = machine.finalizers.iter();
    let others = finalizers.filter(|finalizer| *finalizer != RELEASE_FINALIZER);
    let ours = held.then(|| RELEASE_FINALIZER.to_owned());
    machine.finalizers = others.cloned().chain(ours).collect();
}

fn is_held(machine: &Workload) -> bool {
    has_finalizer(machine, RELEASE_FINALIZER)
}

fn is_orphaning(machine: &Workload) -> bool {
    has_finalizer(machine, ORPHAN)
}

fn has_finalizer(machine: &Workload, wanted: &str) -> bool {
    machine
        .finalizers
        .iter()
        .any(|finalizer| finalizer == wanted)
}

/// The resourceVersions of an object around a change of ours: nobody else has changed it in between.
struct Versions {
    before: Option<String>,
    after: Option<String>,
}

/// Patches the metadata of an object as `decide` says of what they are, on the condition of the version that was
/// read. `None`: nothing is to be changed. An object that is gone, or another one by now, needs nothing, and has no
/// versions.
async fn change(
    client: &Client,
    retry: &Retry<'_>,
    target: &Subject,
    doing: &str,
    decide: impl Fn(&ObjectMeta) -> Option<Value>,
) -> Result<Option<Versions>, Failure> {
    /// More conflicts than this mean that somebody rewrites the object all the time.
    const ROUNDS: u32 = 10;
    let api = target.api(client);
    let name = &target.name.name;
    let broken = |error: &kube::Error| failure::from_kube(error, doing);
    for _ in 0..ROUNDS {
        let found = retry
            .request(doing, Repeat::Safe, || api.get_metadata_opt(name))
            .await
            .map_err(|error| broken(&error))?;
        let uid = target.uid.to_string();
        let Some(metadata) = found
            .map(|found| found.metadata)
            .filter(|metadata| metadata.uid.as_ref() == Some(&uid))
        else {
            return Ok(None);
        };
        let before = metadata.resource_version.clone();
        let Some(mut change) = decide(&metadata) else {
            let after = before.clone();
            return Ok(Some(Versions { before, after }));
        };
        change["uid"] = uid.into();
        change["resourceVersion"] = json!(metadata.resource_version);
        let patch = Patch::Merge(json!({"metadata": change}));
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = retry
            .request(doing, Repeat::Safe, || {
                api.patch_metadata(name, &parameters, &patch)
            })
            .await;
        match patched {
            Ok(patched) => {
                let after = patched.metadata.resource_version;
                return Ok(Some(Versions { before, after }));
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => return Err(broken(&error)),
        }
    }
    Err(Failure::new(
        Kind::Conflict,
        Reason::Conflict,
        format!("could not {doing}"),
    )
    .caused_by(format!(
        "somebody else changed it at the same time, {ROUNDS} times in a row"
    )))
}
