//! Owners and dependents, as Kubernetes' garbage collector treats them.

use std::sync::Arc;

use serde_json::Value;

use super::{WorkItem, call};
use crate::{
    access::identity::Identity,
    endpoint::{
        core::Core,
        strategy,
        verb::{self, Deletion, FOREGROUND, ORPHAN, Propagation},
    },
    object::metadata::{self, is_deleting, text},
    status_error::StatusError,
    store::{Index, ObjectId},
};

/// The service account of the collector.
fn identity() -> Identity {
    Identity::service_account("kube-system", "generic-garbage-collector")
}

/// Does the object name owners?
pub fn has_owners(object: &Value) -> bool {
    owner_references(object).next().is_some()
}

fn owner_references(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
}

/// An object is gone: its dependents have lost an owner, and an owner may have waited for it.
pub fn after_delete(core: &Core, gone: &Value) -> Vec<WorkItem> {
    let uid = text(&gone["metadata"], "uid");
    let dependents = core.store.index(|index| index.dependents(uid));
    let owners = core.store.index(|index| {
        owner_references(gone)
            .filter_map(|owner| index.place(text(owner, "uid")).cloned())
            .collect::<Vec<_>>()
    });
    let bereft = |id| WorkItem::Bereft(id, uid.to_owned());
    let dependents = dependents.into_iter().map(bereft);
    dependents
        .chain(owners.into_iter().map(WorkItem::Owner))
        .collect()
}

/// What one owner reference is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bond {
    Solid,
    /// The owner is gone.
    Dangling,
    /// The owner waits for its dependents to go.
    Waiting,
    /// The owner would be in a namespace, and the object is in none: nobody knows in which.
    Nowhere,
}

/// Of an owner that is known to be gone nothing is asked any more.
fn bond(
    core: &Core,
    dependent: &ObjectId,
    reference: &Value,
    gone: Option<&str>,
) -> Result<Bond, StatusError> {
    let uid = text(reference, "uid");
    if gone == Some(uid) {
        return Ok(Bond::Dangling);
    }
    let (api_version, kind) = (text(reference, "apiVersion"), text(reference, "kind"));
    let registry = core.registry();
    let Some(resource) = registry.find_kind(api_version, kind) else {
        let why = format!("no matches for kind {kind:?} in version {api_version:?}");
        return Err(StatusError::other(500, "", why));
    };
    if resource.namespaced && dependent.namespace().is_empty() {
        return Ok(Bond::Nowhere);
    }
    let place = |index: &Index| index.place(uid).cloned();
    let Some(owner) = core.store.index(place) else {
        return Ok(Bond::Dangling);
    };
    // An owner in another namespace is none.
    let reachable = owner.namespace().is_empty() || owner.namespace() == dependent.namespace();
    Ok(match core.store.get(&owner.collection, &owner.key) {
        Some(owner) if reachable && waits_for_dependents(&owner) => Bond::Waiting,
        Some(_) if reachable => Bond::Solid,
        Some(_) | None => Bond::Dangling,
    })
}

fn waits_for_dependents(object: &Value) -> bool {
    is_deleting(object) && has_finalizer(object, FOREGROUND)
}

fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    metadata::strings(&object["metadata"], "finalizers").any(|one| one == finalizer)
}

/// Deletes an object whose owners are all gone; drops the references to those that are, where others remain. As long as one
/// of its owners cannot be looked for, it stays as it is.
pub fn examine(core: &Core, id: &ObjectId, gone: Option<&str>) -> Result<(), StatusError> {
    let Some(object) = core.store.get(&id.collection, &id.key) else {
        return Ok(());
    };
    let bonds = owner_references(&object)
        .map(|reference| bond(core, id, reference, gone))
        .collect::<Result<Vec<Bond>, StatusError>>()?;
    if bonds.contains(&Bond::Nowhere) || bonds.iter().all(|bond| *bond == Bond::Solid) {
        return Ok(());
    }
    if bonds.contains(&Bond::Solid) {
        return edit(core, id, |object| {
            keep_references(object, |reference| {
                bond(core, id, reference, gone).is_ok_and(|bond| bond == Bond::Solid)
            });
        });
    }
    if is_deleting(&object) {
        return Ok(());
    }
    let uid = text(&object["metadata"], "uid");
    let has_dependents = core.store.index(|index| !index.dependents(uid).is_empty());
    let propagation = if has_finalizer(&object, ORPHAN) {
        Propagation::Orphan
    } else if (bonds.contains(&Bond::Waiting) && has_dependents)
        || has_finalizer(&object, FOREGROUND)
    {
        Propagation::Foreground
    } else {
        Propagation::Background
    };
    delete(core, id, &object, propagation)
}

fn delete(
    core: &Core,
    id: &ObjectId,
    object: &Value,
    propagation: Propagation,
) -> Result<(), StatusError> {
    let identity = identity();
    let Some(mut call) = call(core, &identity, id) else {
        return Ok(());
    };
    let deletion = Deletion {
        propagation: Some(propagation),
        uid: Some(text(&object["metadata"], "uid").to_owned()),
        ..Deletion::default()
    };
    let writer = core.store.write();
    ignore_gone(verb::delete_one(&mut call, &writer, &deletion).map(drop))
}

/// Lets go of an owner that is being deleted: in the foreground once nothing that blocks it is left, as an orphaning
/// owner once nobody names it any more. Returns how many dependents there are.
pub fn release(core: &Core, id: &ObjectId) -> Result<usize, StatusError> {
    let Some(owner) = core.store.get(&id.collection, &id.key) else {
        return Ok(0);
    };
    if !is_deleting(&owner) {
        return Ok(0);
    }
    let uid = text(&owner["metadata"], "uid");
    let dependents = core.store.index(|index| index.dependents(uid));
    let count = dependents.len();
    if has_finalizer(&owner, ORPHAN) {
        for dependent in &dependents {
            edit(core, dependent, |object| {
                keep_references(object, |reference| text(reference, "uid") != uid);
            })?;
        }
        return edit(core, id, |object| {
            verb::remove_finalizer(object, ORPHAN);
        })
        .map(|()| count);
    }
    if !has_finalizer(&owner, FOREGROUND) {
        return Ok(0);
    }
    let blocking: Vec<&ObjectId> = dependents
        .iter()
        .filter(|dependent| blocks(core, dependent, uid))
        .collect();
    if blocking.is_empty() {
        return edit(core, id, |object| {
            verb::remove_finalizer(object, FOREGROUND);
        })
        .map(|()| count);
    }
    blocking
        .into_iter()
        .try_for_each(|dependent| examine(core, dependent, None))
        .map(|()| count)
}

fn blocks(core: &Core, dependent: &ObjectId, owner: &str) -> bool {
    let object: Option<Arc<Value>> = core.store.get(&dependent.collection, &dependent.key);
    object.is_some_and(|object| {
        owner_references(&object).any(|reference| {
            text(reference, "uid") == owner && reference["blockOwnerDeletion"] == true
        })
    })
}

fn keep_references(object: &mut Value, keep: impl Fn(&Value) -> bool) {
    let kept: Vec<Value> = owner_references(object)
        .filter(|reference| keep(reference))
        .cloned()
        .collect();
    let kept = (!kept.is_empty()).then_some(Value::Array(kept));
    strategy::set_or_remove(&mut object["metadata"], "ownerReferences", kept);
}

/// Changes an object as the collector.
fn edit(core: &Core, id: &ObjectId, change: impl FnOnce(&mut Value)) -> Result<(), StatusError> {
    let identity = identity();
    let Some(mut call) = call(core, &identity, id) else {
        return Ok(());
    };
    ignore_gone(verb::edit(&mut call, change))
}

/// That an object is gone already, or is another one by now, is what was wanted.
fn ignore_gone(result: Result<(), StatusError>) -> Result<(), StatusError> {
    match result {
        Err(error) if matches!(error.code, 404 | 409) => Ok(()),
        other => other,
    }
}
