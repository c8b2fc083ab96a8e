//! The background work that a cluster's controllers do for every object: dependents follow their owners, a deleted
//! namespace takes its contents along, a deleted definition its objects.
//!
//! One task, driven by the store's changes: nothing is polled. What admission refuses is tried again, more and more
//! slowly, as the real controllers do. A chore that has to look at many objects rests after it, so that thousands of
//! objects which go one by one are not all looked at for each of them.

mod content;
mod garbage;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    core::Core,
    verb::{Call, FOREGROUND, ORPHAN},
};
use crate::{
    access::identity::Identity,
    kind::{definition, resource::ResourceType},
    object::metadata::{self, is_deleting},
    request::route::ResourcePath,
    status_error::StatusError,
    store::{Change, GroupResource, ObjectId},
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So many objects may be looked at without a [`REST`].
const FEW: u32 = 64;
/// Rest of a chore for each object that it has looked at.
const REST: Duration = Duration::from_micros(50);

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chore {
    /// Does this object still have an owner?
    Dependent(ObjectId),
    /// This owner is being deleted and its dependents come first.
    Owner(ObjectId),
    /// This namespace is being deleted.
    Namespace(String),
    /// This definition is being deleted.
    Definition(String),
}

/// Works until told to stop.
pub async fn run(
    core: Arc<Core>,
    mut changes: mpsc::UnboundedReceiver<Arc<Change>>,
    stop: CancellationToken,
) {
    let mut refused = BTreeSet::new();
    let mut pause = FIRST_PAUSE;
    let mut again = Instant::now();
    let mut rests = Rests::default();
    loop {
        let mut chores = BTreeSet::new();
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Some(change) => {
                    chores.extend(chores_after(&core, &change));
                    // What many changes give cause to is done once.
                    while let Ok(change) = changes.try_recv() {
                        chores.extend(chores_after(&core, &change));
                    }
                }
                None => return,
            },
            () = sleep_until(again), if !refused.is_empty() => chores = std::mem::take(&mut refused),
            () = rests.over(), if !rests.is_empty() => chores = rests.take(Instant::now()),
        }
        let before = refused.len();
        for chore in chores {
            if rests.holds(&chore, Instant::now()) {
                continue;
            }
            match perform(&core, &chore) {
                Ok(looks) => rests.begin(chore, looks, Instant::now()),
                Err(error) => {
                    tracing::debug!(?chore, message = error.message, "put off");
                    refused.insert(chore);
                }
            }
        }
        if refused.is_empty() {
            pause = FIRST_PAUSE;
        } else if refused.len() != before {
            again = Instant::now() + pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// The chores that rest, and whether there is cause to do them again after it.
#[derive(Debug, Default)]
struct Rests(BTreeMap<Chore, (Instant, bool)>);

impl Rests {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins the rest of a chore that has looked at so many objects.
    fn begin(&mut self, chore: Chore, looks: usize, now: Instant) {
        let looks = u32::try_from(looks).unwrap_or(u32::MAX);
        if looks > FEW {
            let until = now + REST.saturating_mul(looks);
            self.0.insert(chore, (until, false));
        }
    }

    /// Does the chore rest? Then it is remembered for afterwards.
    fn holds(&mut self, chore: &Chore, now: Instant) -> bool {
        match self.0.get_mut(chore) {
            Some((until, wanted)) if *until > now => {
                *wanted = true;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Returns when the first rest is over.
    async fn over(&self) {
        match self.0.values().map(|(until, _)| *until).min() {
            Some(until) => sleep_until(until).await,
            None => std::future::pending().await,
        }
    }

    /// The wanted chores whose rest is over.
    fn take(&mut self, now: Instant) -> BTreeSet<Chore> {
        let mut wanted = BTreeSet::new();
        self.0.retain(|chore, (until, again)| {
            let over = *until <= now;
            if over && *again {
                wanted.insert(chore.clone());
            }
            !over
        });
        wanted
    }
}

/// What a write gives cause to look at.
fn chores_after(core: &Core, change: &Change) -> Vec<Chore> {
    match (&change.new, &change.old) {
        (Some(object), _) => chores_after_put(&change.id, object),
        (None, gone) => {
            let gone = gone.as_deref();
            chores_after_remove(core, &change.id, gone.unwrap_or(&Value::Null))
        }
    }
}

fn chores_after_put(id: &ObjectId, object: &Value) -> Vec<Chore> {
    let mut chores = Vec::new();
    if is_deleting(object) {
        if id.collection == GroupResource::new("", "namespaces") {
            chores.push(Chore::Namespace(id.key.clone()));
        } else if id.collection == GroupResource::new(definition::GROUP, definition::PLURAL) {
            chores.push(Chore::Definition(id.key.clone()));
        }
        let mut finalizers = metadata::strings(&object["metadata"], "finalizers");
        if finalizers.any(|one| one == FOREGROUND || one == ORPHAN) {
            chores.push(Chore::Owner(id.clone()));
        }
    }
    if garbage::has_owners(object) {
        chores.push(Chore::Dependent(id.clone()));
    }
    chores
}

fn chores_after_remove(core: &Core, id: &ObjectId, gone: &Value) -> Vec<Chore> {
    let mut chores = garbage::after_delete(core, gone);
    if is_namespace_deleting(core, id.namespace()) {
        chores.push(Chore::Namespace(id.namespace().to_owned()));
    }
    if !id.collection.group.is_empty() {
        let definition = format!("{}.{}", id.collection.plural, id.collection.group);
        chores.push(Chore::Definition(definition));
    }
    chores
}

fn is_namespace_deleting(core: &Core, name: &str) -> bool {
    core.namespace(name)
        .is_some_and(|namespace| is_deleting(&namespace))
}

/// Does it. Returns how many objects had to be looked at.
fn perform(core: &Core, chore: &Chore) -> Result<usize, StatusError> {
    match chore {
        Chore::Dependent(id) => garbage::examine(core, id).map(|()| 1),
        Chore::Owner(id) => garbage::release(core, id),
        Chore::Namespace(name) => content::empty_namespace(core, name),
        Chore::Definition(name) => content::empty_definition(core, name),
    }
}

/// A call by one of the controllers, about one object.
fn call<'a>(core: &'a Core, identity: &'a Identity, id: &ObjectId) -> Option<Call<'a>> {
    let registry = core.registry();
    let resource: &Arc<ResourceType> =
        registry.find_stored(&id.collection.group, &id.collection.plural)?;
    let namespace = Some(id.namespace().to_owned()).filter(|namespace| !namespace.is_empty());
    let path = ResourcePath {
        namespace,
        name: Some(id.name().to_owned()),
        ..ResourcePath::default()
    };
    Some(core.internal(identity, resource.clone(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chore_that_looked_at_many_rests_and_is_done_once_afterwards() {
        let mut rests = Rests::default();
        let now = Instant::now();
        let (large, small) = (
            Chore::Namespace("large".to_owned()),
            Chore::Namespace("small".to_owned()),
        );
        rests.begin(large.clone(), 1000, now);
        rests.begin(small.clone(), 3, now);
        assert!(!rests.holds(&small, now));
        for _ in 0..1000 {
            assert!(rests.holds(&large, now));
        }
        assert!(rests.take(now).is_empty());
        let later = now + REST * 1000;
        assert_eq!(rests.take(later), BTreeSet::from([large.clone()]));
        assert!(!rests.holds(&large, later));
    }
}
