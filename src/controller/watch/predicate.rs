//! What of an object's changes is worth looking at.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use kube::{
    Resource,
    core::{DynamicObject, PartialObjectMeta},
    runtime::watcher,
};

use crate::{
    api::kubernetes::{Node, Pod},
    controller::{engine, node},
    runtime::preflight::NodeFacts,
};

/// What is new about an object of which nothing else is kept.
pub(super) type Predicate = fn(&PartialObjectMeta<DynamicObject>) -> u64;

/// Every change counts.
pub(super) fn any_change(object: &PartialObjectMeta<DynamicObject>) -> u64 {
    hash(object.metadata.resource_version.as_ref())
}

/// That it has come, that it is going and that it is gone: VMs report about themselves all the time.
pub(super) fn workload_change(object: &PartialObjectMeta<DynamicObject>) -> u64 {
    u64::from(object.metadata.deletion_timestamp.is_some())
}

/// What is new about a node: its kubelet reports every few minutes, and mostly the same.
pub(super) fn node_change(found: &Node) -> Option<NodeFacts> {
    node::facts(found)
}

/// What is new about a virt-handler pod.
pub(super) fn handler_change(pod: &Pod) -> (bool, bool) {
    let going = pod.metadata.deletion_timestamp.is_some();
    (engine::is_ready(pod), going)
}

/// Every change counts.
pub(super) fn every_version<K: Resource>(object: &K) -> Option<String> {
    object.meta().resource_version.clone()
}

/// What was heard last of each object. There may be hundreds of thousands: a number stands for each.
pub(super) struct Known<N>(HashMap<u64, N>);

impl<N> Default for Known<N> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<N: PartialEq> Known<N> {
    /// Did one come, go, or change in what `predicate` looks at? A watch that broke is no change.
    pub(super) fn has_changed<K: Resource>(
        &mut self,
        event: &Result<watcher::Event<K>, watcher::Error>,
        predicate: impl Fn(&K) -> N,
    ) -> bool {
        let id = |object: &K| hash(object.meta().uid.as_ref());
        match event {
            Ok(watcher::Event::Apply(object)) => {
                let now = predicate(object);
                let changed = self.0.get(&id(object)) != Some(&now);
                self.0.insert(id(object), now);
                changed
            }
            Ok(watcher::Event::Delete(object)) => {
                self.0.remove(&id(object));
                true
            }
            Ok(watcher::Event::Init) => {
                self.0.clear();
                false
            }
            Ok(watcher::Event::InitApply(object)) => {
                self.0.insert(id(object), predicate(object));
                false
            }
            Ok(watcher::Event::InitDone) => true,
            Err(_) => false,
        }
    }
}

fn hash(text: Option<&String>) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn machine(uid: &str, version: &str, going: bool) -> PartialObjectMeta<DynamicObject> {
        let going = going.then_some("2026-11-23T08:00:00Z");
        serde_json::from_value(json!({"metadata": {
            "name": "vm", "uid": uid, "resourceVersion": version, "deletionTimestamp": going,
        }}))
        .unwrap()
    }

    #[test]
    fn what_a_machine_reports_of_itself_is_no_change() {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        let mut known = Known::default();
        for (event, expected) in [
            (Init, false),
            (InitApply(machine("a", "1", false)), false),
            (InitDone, true),
            (Apply(machine("a", "2", false)), false),
            (Apply(machine("b", "3", false)), true),
            (Apply(machine("a", "4", true)), true),
            (Apply(machine("a", "5", true)), false),
            (Delete(machine("a", "6", true)), true),
            (Apply(machine("a", "7", false)), true),
        ] {
            let heard = format!("{event:?}");
            assert_eq!(
                known.has_changed(&Ok(event), workload_change),
                expected,
                "{heard}"
            );
        }
        let engine = Ok(Apply(machine("k", "1", false)));
        assert!(known.has_changed(&engine, any_change));
        assert!(!known.has_changed(&engine, any_change));
        assert!(known.has_changed(&Ok(Apply(machine("k", "2", false))), any_change));
    }
}
