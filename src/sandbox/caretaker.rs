//! The background work that a cluster's controllers do for every object: dependents follow their owners, a deleted
//! namespace takes its contents along, a deleted definition its objects.
//!
//! One task, driven by the store's changes: nothing is polled. What admission refuses is tried again, more and more
//! slowly, as the real controllers do.

mod content;
mod garbage;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Identity,
    core::Core,
    definition,
    metadata::{self, is_deleting},
    refusal::Refusal,
    resource::ResourceType,
    route::ResourcePath,
    store::{Change, ObjectId, ShelfKey},
    verb::{Call, FOREGROUND, ORPHAN},
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
    loop {
        let mut chores = BTreeSet::new();
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Some(change) => chores.extend(chores_after(&core, &change)),
                None => return,
            },
            () = sleep_until(again), if !refused.is_empty() => chores = std::mem::take(&mut refused),
        }
        let before = refused.len();
        for chore in chores {
            if let Err(refusal) = perform(&core, &chore) {
                tracing::debug!(?chore, message = refusal.message, "put off");
                refused.insert(chore);
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
        if id.shelf == ShelfKey::new("", "namespaces") {
            chores.push(Chore::Namespace(id.key.clone()));
        } else if id.shelf == ShelfKey::new(definition::GROUP, definition::PLURAL) {
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
    if !id.shelf.group.is_empty() {
        let definition = format!("{}.{}", id.shelf.plural, id.shelf.group);
        chores.push(Chore::Definition(definition));
    }
    chores
}

fn is_namespace_deleting(core: &Core, name: &str) -> bool {
    core.namespace(name)
        .is_some_and(|namespace| is_deleting(&namespace))
}

fn perform(core: &Core, chore: &Chore) -> Result<(), Refusal> {
    match chore {
        Chore::Dependent(id) => garbage::examine(core, id),
        Chore::Owner(id) => garbage::release(core, id),
        Chore::Namespace(name) => content::empty_namespace(core, name),
        Chore::Definition(name) => content::empty_definition(core, name),
    }
}

/// A call by one of the controllers, about one object.
fn call<'a>(core: &'a Core, identity: &'a Identity, id: &ObjectId) -> Option<Call<'a>> {
    let registry = core.registry();
    let resource: &Arc<ResourceType> = registry.find_stored(&id.shelf.group, &id.shelf.plural)?;
    let namespace = Some(id.namespace().to_owned()).filter(|namespace| !namespace.is_empty());
    let path = ResourcePath {
        namespace,
        name: Some(id.name().to_owned()),
        ..ResourcePath::default()
    };
    Some(core.internal(identity, resource.clone(), path))
}
