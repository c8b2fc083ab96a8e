//! The background work that a cluster's controllers do for every object: dependents follow their owners, a deleted
//! namespace takes its contents along, a deleted definition its objects, and quotas are counted.
//!
//! One task, driven by the store's changes: nothing is polled. What admission refuses is tried again, more and more
//! slowly, as the real controllers do. A work item that has to look at many objects rests after it, so that thousands of
//! objects which go one by one are not all looked at for each of them.

mod content;
mod dependents;

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
/// Rest of a work item for each object that it has looked at.
const REST: Duration = Duration::from_micros(50);

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WorkItem {
    /// Does this object still have an owner?
    Dependent(ObjectId),
    /// The same, now that its owner of this UID is gone.
    Bereft(ObjectId, String),
    /// This owner is being deleted and its dependents come first.
    Owner(ObjectId),
    /// This namespace is being deleted.
    Namespace(String),
    /// This definition is being deleted.
    Definition(String),
    /// What this quota limits may have changed.
    Quota(ObjectId),
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
        let mut items = BTreeSet::new();
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Some(change) => {
                    items.extend(work_after(&core, &change));
                    // What many changes give cause to is done once.
                    while let Ok(change) = changes.try_recv() {
                        items.extend(work_after(&core, &change));
                    }
                }
                None => return,
            },
            () = sleep_until(again), if !refused.is_empty() => items = std::mem::take(&mut refused),
            () = rests.over(), if !rests.is_empty() => items = rests.take(Instant::now()),
        }
        let before = refused.len();
        items.retain(|item| !rests.holds(item, Instant::now()));
        for (item, outcome) in perform_all(&core, items).await {
            match outcome {
                Ok(looks) => rests.begin(item, looks, Instant::now()),
                Err(error) => {
                    tracing::debug!(?item, message = error.message, "put off");
                    refused.insert(item);
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

/// Does the work on a thread that serves nobody: it waits for those who write.
async fn perform_all(
    core: &Arc<Core>,
    items: BTreeSet<WorkItem>,
) -> Vec<(WorkItem, Result<usize, StatusError>)> {
    let core = core.clone();
    let work = tokio::task::spawn_blocking(move || {
        let items = items.into_iter();
        let outcomes = items.map(|item| {
            let outcome = perform(&core, &item);
            (item, outcome)
        });
        outcomes.collect()
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "work was not done");
        Vec::new()
    })
}

/// The work items that rest, and whether there is cause to do them again after it.
#[derive(Debug, Default)]
struct Rests(BTreeMap<WorkItem, (Instant, bool)>);

impl Rests {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins the rest of a work item that has looked at so many objects.
    fn begin(&mut self, item: WorkItem, looks: usize, now: Instant) {
        let looks = u32::try_from(looks).unwrap_or(u32::MAX);
        if looks > FEW {
            let until = now + REST.saturating_mul(looks);
            self.0.insert(item, (until, false));
        }
    }

    /// Does the work item rest? Then it is remembered for afterwards.
    fn holds(&mut self, item: &WorkItem, now: Instant) -> bool {
        match self.0.get_mut(item) {
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

    /// The wanted work items whose rest is over.
    fn take(&mut self, now: Instant) -> BTreeSet<WorkItem> {
        let mut wanted = BTreeSet::new();
        self.0.retain(|item, (until, again)| {
            let over = *until <= now;
            if over && *again {
                wanted.insert(item.clone());
            }
            !over
        });
        wanted
    }
}

/// What a write gives cause to look at.
fn work_after(core: &Core, change: &Change) -> Vec<WorkItem> {
    let mut items = match (&change.new, &change.old) {
        (Some(object), _) => work_after_put(&change.id, object),
        (None, gone) => {
            let gone = gone.as_deref();
            work_after_remove(core, &change.id, gone.unwrap_or(&Value::Null))
        }
    };
    items.extend(core.quotas_after(change).into_iter().map(WorkItem::Quota));
    items
}

fn work_after_put(id: &ObjectId, object: &Value) -> Vec<WorkItem> {
    let mut items = Vec::new();
    if is_deleting(object) {
        if id.collection == GroupResource::new("", "namespaces") {
            items.push(WorkItem::Namespace(id.key.clone()));
        } else if id.collection == GroupResource::new(definition::GROUP, definition::PLURAL) {
            items.push(WorkItem::Definition(id.key.clone()));
        }
        let mut finalizers = metadata::strings(&object["metadata"], "finalizers");
        if finalizers.any(|one| one == FOREGROUND || one == ORPHAN) {
            items.push(WorkItem::Owner(id.clone()));
        }
    }
    if dependents::has_owners(object) {
        items.push(WorkItem::Dependent(id.clone()));
    }
    items
}

fn work_after_remove(core: &Core, id: &ObjectId, gone: &Value) -> Vec<WorkItem> {
    let mut items = dependents::after_delete(core, gone);
    if is_namespace_deleting(core, id.namespace()) {
        items.push(WorkItem::Namespace(id.namespace().to_owned()));
    }
    if !id.collection.group.is_empty() {
        let definition = format!("{}.{}", id.collection.plural, id.collection.group);
        items.push(WorkItem::Definition(definition));
    }
    items
}

fn is_namespace_deleting(core: &Core, name: &str) -> bool {
    core.namespace(name)
        .is_some_and(|namespace| is_deleting(&namespace))
}

/// Does it. Returns how many objects had to be looked at.
fn perform(core: &Core, item: &WorkItem) -> Result<usize, StatusError> {
    match item {
        WorkItem::Dependent(id) => dependents::examine(core, id, None).map(|()| 1),
        WorkItem::Bereft(id, owner) => dependents::examine(core, id, Some(owner)).map(|()| 1),
        WorkItem::Owner(id) => dependents::release(core, id),
        WorkItem::Namespace(name) => content::empty_namespace(core, name),
        WorkItem::Definition(name) => content::empty_definition(core, name),
        WorkItem::Quota(id) => Ok(core.count_quota(id)),
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
            WorkItem::Namespace("large".to_owned()),
            WorkItem::Namespace("small".to_owned()),
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
