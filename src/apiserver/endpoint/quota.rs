//! Keeps the usage of ResourceQuotas: charged with a write, and counted again when something came, went or changed.

use std::{cell::Cell, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    apply::{self, Write},
    core::Core,
};
use crate::{
    access::quota::{self, Charge, PLURAL, Usage},
    object::metadata::text,
    store::{Change, GroupResource, ObjectId, Writer, key},
};

/// Whose changes may change what is used. Of all others it matters only whether they are there.
const CHANGING: [&str; 4] = ["persistentvolumeclaims", "pods", PLURAL, "services"];

impl Core {
    /// The quotas of a namespace, by name.
    pub fn quotas(&self, namespace: &str) -> Vec<Arc<Value>> {
        let prefix = format!("{namespace}/");
        let snapshot = self.store.now(&GroupResource::new("", PLURAL), &prefix);
        let objects = snapshot.objects.into_iter();
        objects.map(|(_, quota)| quota).collect()
    }

    /// Notes what a write uses, before it is done.
    pub fn charge(&self, writer: &Writer<'_>, charges: Vec<Charge>, now: Timestamp) {
        for Charge { quota, used } in charges {
            let hard = quota["status"]["hard"].clone();
            self.set_usage(writer, &quota, hard, &used, ("kube-apiserver", now));
        }
    }

    /// The quotas that have to be counted again after a write.
    pub fn quotas_after(&self, change: &Change) -> Vec<ObjectId> {
        let collection = &change.id.collection;
        let changes = collection.group.is_empty() && CHANGING.contains(&collection.plural.as_str());
        let is_there = |object: &Option<Arc<Value>>| object.is_some();
        if change.id.namespace().is_empty()
            || !(changes || is_there(&change.old) != is_there(&change.new))
        {
            return Vec::new();
        }
        let quotas = self.quotas(change.id.namespace());
        quotas.iter().map(|quota| id_of(quota)).collect()
    }

    /// Counts what a quota limits. Returns how many objects were looked at.
    pub fn count_quota(&self, id: &ObjectId) -> usize {
        let writer = self.store.write();
        let Some(quota) = self.store.get(&id.collection, &id.key) else {
            return 0;
        };
        let registry = self.registry();
        let prefix = format!("{}/", id.namespace());
        let looked_at = Cell::new(0);
        let counted = quota::count(&quota, |(group, plural)| {
            registry.find_stored(group, plural)?;
            let objects = self.store.now(&GroupResource::new(group, plural), &prefix);
            looked_at.set(looked_at.get() + objects.objects.len());
            Some(objects.objects.into_iter().map(|(_, one)| one).collect())
        });
        let hard = &quota["spec"]["hard"];
        let mut used = quota::amounts(&quota["status"]["used"]);
        used.retain(|name, _| !hard[name].is_null());
        used.extend(counted);
        let about = ("kube-controller-manager", Timestamp::now());
        self.set_usage(&writer, &quota, hard.clone(), &used, about);
        looked_at.get()
    }

    /// Writes a quota's status, where it differs.
    fn set_usage(
        &self,
        writer: &Writer<'_>,
        quota: &Value,
        hard: Value,
        used: &Usage,
        (manager, time): (&str, Timestamp),
    ) {
        let used: Value = used
            .iter()
            .map(|(name, amount)| (name.clone(), Value::from(amount.to_string())))
            .collect();
        let mut counted = quota.clone();
        counted["status"] = json!({});
        for (field, amounts) in [("hard", hard), ("used", used)] {
            if amounts
                .as_object()
                .is_some_and(|amounts| !amounts.is_empty())
            {
                counted["status"][field] = amounts;
            }
        }
        if counted == *quota {
            return;
        }
        let registry = self.registry();
        let resource = registry.find_stored("", PLURAL);
        let write = Write {
            manager: manager.to_owned(),
            api_version: "v1".to_owned(),
            subresource: Some("status".to_owned()),
            status_subresource: true,
            time,
        };
        let schema = resource.and_then(|resource| resource.schema.as_deref());
        apply::record_update(Some(quota), &mut counted, &write, schema);
        writer.put(&id_of(quota), counted);
    }
}

fn id_of(quota: &Value) -> ObjectId {
    let metadata = &quota["metadata"];
    ObjectId {
        collection: GroupResource::new("", PLURAL),
        key: key(Some(text(metadata, "namespace")), text(metadata, "name")),
    }
}
