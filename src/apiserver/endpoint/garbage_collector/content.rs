//! What lies in a namespace or belongs to a definition goes before it.

use jiff::Timestamp;
use serde_json::Value;

use super::call;
use crate::{
    access::{authorization, identity::Identity},
    endpoint::{
        core::Core,
        strategy,
        verb::{self, Deletion, Propagation},
    },
    kind::definition::{self, set_condition},
    object::metadata::{self, is_deleting},
    status_error::StatusError,
    store::{GroupResource, ObjectId},
};

/// What a namespace waits for until it is empty.
const OURS: &str = "kubernetes";

/// Deletes what is in a deleted namespace, and the namespace when nothing is. Returns how much there was.
pub fn empty_namespace(core: &Core, name: &str) -> Result<usize, StatusError> {
    let deleting = |namespace: &Value| is_deleting(namespace);
    if !core.namespace(name).is_some_and(|found| deleting(&found)) {
        return Ok(0);
    }
    let identity = Identity::service_account("kube-system", "namespace-controller");
    let contents = core.store.contents_of(name);
    let count = contents.len();
    let emptied = delete_contents(core, &identity, name, contents).map(|()| count);
    let writer = core.store.write();
    let id = ObjectId {
        collection: GroupResource::new("", "namespaces"),
        key: name.to_owned(),
    };
    // Looked at again with the pen in hand: nobody creates anything in between.
    let Some(namespace) = core.namespace(name).filter(|found| deleting(found)) else {
        return emptied;
    };
    let left = core.store.contents_of(name);
    let held = metadata::strings(&namespace["metadata"], "finalizers")
        .next()
        .is_some();
    let mut marked = Value::clone(&namespace);
    if left.is_empty() {
        let finalizers = marked["spec"]["finalizers"].as_array_mut();
        let is_done = finalizers.is_none_or(|finalizers| {
            finalizers.retain(|finalizer| finalizer != OURS);
            finalizers.is_empty()
        });
        if is_done && !held {
            writer.remove(&id);
            return Ok(count);
        }
    }
    explain(core, &mut marked, &left, emptied.as_ref().err());
    if marked != *namespace {
        writer.put(&id, marked);
    }
    emptied
}

/// Pods go first: what they use stays until they are gone.
fn delete_contents(
    core: &Core,
    identity: &Identity,
    namespace: &str,
    contents: Vec<ObjectId>,
) -> Result<(), StatusError> {
    let pods = GroupResource::new("", "pods");
    let is_pod = |id: &ObjectId| id.collection == pods;
    let (first, others) = contents.into_iter().partition(is_pod);
    delete_all(core, identity, first)?;
    if core.store.contents_of(namespace).iter().any(is_pod) {
        return Ok(());
    }
    delete_all(core, identity, others)
}

/// Says in the namespace's conditions what it still waits for.
fn explain(core: &Core, namespace: &mut Value, left: &[ObjectId], refused: Option<&StatusError>) {
    let now = strategy::seconds(Timestamp::now());
    let objects = left
        .iter()
        .filter_map(|id| Some((id, core.store.get(&id.collection, &id.key)?)));
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    let mut finalizers = std::collections::BTreeMap::<String, usize>::new();
    for (id, object) in objects {
        let kind = [id.collection.plural.as_str(), id.collection.group.as_str()].join(".");
        *kinds.entry(kind).or_default() += 1;
        for finalizer in metadata::strings(&object["metadata"], "finalizers") {
            *finalizers.entry(finalizer.to_owned()).or_default() += 1;
        }
    }
    let listed = |counted: std::collections::BTreeMap<String, usize>, words: &str| {
        let each: Vec<String> = counted
            .into_iter()
            .map(|(name, count)| format!("{name} {words} {count} resource instances"))
            .collect();
        each.join(", ")
    };
    let remaining = |words: String, reason| (!words.is_empty()).then_some((reason, words));
    let kinds = remaining(listed(kinds, "has"), "SomeResourcesRemain")
        .map(|(reason, list)| (reason, format!("Some resources are remaining: {list}")));
    let finalizers =
        remaining(listed(finalizers, "in"), "SomeFinalizersRemain").map(|(reason, list)| {
            let words = "Some content in the namespace has finalizers remaining";
            (reason, format!("{words}: {list}"))
        });
    let refused = refused.map(|error| {
        let words = "Failed to delete all resource types, 1 remaining";
        (
            "ContentDeletionFailed",
            format!("{words}: {}", error.message),
        )
    });
    // In Kubernetes' own order and words (pkg/controller/namespace/deletion/status_condition_utils.go).
    for (kind, wrong, right, message) in [
        (
            "NamespaceDeletionDiscoveryFailure",
            None,
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            refused,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            kinds,
            "ContentRemoved",
            "All content successfully removed",
        ),
        (
            "NamespaceFinalizersRemaining",
            finalizers,
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    ] {
        let (value, reason, message) = match &wrong {
            Some((reason, message)) => ("True", *reason, message.as_str()),
            None => ("False", right, message),
        };
        let status = &mut namespace["status"];
        set_condition(status, kind, value, reason, message, &now);
    }
}

/// Deletes the objects of a deleted definition, and the definition when there are none. Returns how many there were.
pub fn empty_definition(core: &Core, name: &str) -> Result<usize, StatusError> {
    let id = ObjectId {
        collection: GroupResource::new(definition::GROUP, definition::PLURAL),
        key: name.to_owned(),
    };
    let find = || {
        core.store
            .get(&id.collection, &id.key)
            .filter(|definition| is_deleting(definition))
    };
    let Some(found) = find() else {
        return Ok(0);
    };
    let identity = Identity::new("system:apiserver", [authorization::MASTERS.to_owned()]);
    let collection = GroupResource::new(
        found["spec"]["group"].as_str().unwrap_or_default(),
        found["spec"]["names"]["plural"]
            .as_str()
            .unwrap_or_default(),
    );
    let objects = || core.store.now(&collection, "").objects;
    let ids = objects().into_iter().map(|(key, _)| ObjectId {
        collection: collection.clone(),
        key,
    });
    let ids: Vec<ObjectId> = ids.collect();
    let count = ids.len();
    let emptied = delete_all(core, &identity, ids).map(|()| count);
    let writer = core.store.write();
    if find().is_none() || !objects().is_empty() {
        return emptied;
    }
    let mut definition = Value::clone(&found);
    verb::remove_finalizer(&mut definition, definition::FINALIZER);
    let held = metadata::strings(&definition["metadata"], "finalizers")
        .next()
        .is_some();
    if held {
        writer.put(&id, definition);
    } else {
        writer.remove(&id);
        core.after_write(&writer, &id, None, Timestamp::now());
    }
    emptied
}

/// Deletes many objects; the first refusal is returned, the others are tried all the same.
fn delete_all(core: &Core, identity: &Identity, ids: Vec<ObjectId>) -> Result<(), StatusError> {
    let deletion = Deletion {
        propagation: Some(Propagation::Background),
        ..Deletion::default()
    };
    let mut first = Ok(());
    for id in ids {
        let Some(mut call) = call(core, identity, &id) else {
            continue;
        };
        let writer = core.store.write();
        match verb::delete_one(&mut call, &writer, &deletion) {
            Ok(_) => {}
            Err(error) if error.code == 404 => {}
            Err(error) => first = first.and(Err(error)),
        }
    }
    first
}
