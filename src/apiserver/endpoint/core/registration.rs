//! An APIService for every group and version that definitions bring, as long as they do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::Core;
use crate::{
    endpoint::{
        apply::{self, Write},
        strategy,
    },
    kind::{defaults, registration},
    object::metadata::text,
    store::{GroupResource, ObjectId, Writer},
};

impl Core {
    /// Registers what definitions bring now, and nothing that they have brought before.
    pub(super) fn register(&self, writer: &Writer<'_>, now: Timestamp) {
        let registry = self.registry();
        let Some(resource) = registry.find_stored(registration::GROUP, registration::PLURAL) else {
            return;
        };
        let defined = registry.all().iter().filter(|one| one.custom);
        let wanted: BTreeSet<(&str, &str)> = defined
            .map(|one| (one.group.as_str(), one.version.as_str()))
            .collect();
        let id_of = |name: &str| ObjectId {
            collection: GroupResource::of(resource),
            key: name.to_owned(),
        };
        let there = self.all(registration::GROUP, registration::PLURAL);
        for service in &there {
            let (metadata, spec) = (&service["metadata"], &service["spec"]);
            let is_wanted = wanted.contains(&(text(spec, "group"), text(spec, "version")));
            if metadata["labels"][registration::MANAGED] == "true" && !is_wanted {
                writer.remove(&id_of(text(metadata, "name")));
            }
        }
        for (group, version) in wanted {
            let name = registration::name(group, version);
            if there
                .iter()
                .any(|one| one["metadata"]["name"] == name.as_str())
            {
                continue;
            }
            let mut service: Value = registration::of_definitions(group, version);
            let uid = Uuid::new_v4().to_string();
            strategy::prepare_create(resource, &mut service, &uid, now);
            let write = Write {
                manager: "kube-apiserver".to_owned(),
                api_version: resource.api_version(),
                subresource: None,
                status_subresource: true,
                time: now,
            };
            apply::record_update(None, &mut service, &write, resource.schema.as_deref());
            defaults::complete_new(resource, &mut service);
            writer.put(&id_of(&name), service);
        }
    }
}
