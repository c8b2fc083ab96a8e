//! Where an object of a backup goes. What the files say becomes the path of a URL.

use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
};

use crate::{
    cluster::{backup::Entry, event::ObjectName, segment},
    failure::{Failure, Kind, Reason},
};

/// An object that is to be created, in a version of its kind.
pub struct Target {
    resource: ApiResource,
    pub name: ObjectName,
}

impl Target {
    pub fn new(resource: ApiResource, entry: &Entry) -> Self {
        let name = entry.object_name();
        Self { resource, name }
    }

    pub fn api(&self, client: &Client) -> Api<DynamicObject> {
        match &self.name.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

/// Can all parts of it be parts of a URL?
pub fn check(resource: &ApiResource, entry: &Entry) -> Result<(), Failure> {
    let namespace = (!entry.namespace.is_empty()).then_some(&*entry.namespace);
    let parts = [&*resource.version, &resource.plural, &entry.name];
    for part in parts.into_iter().chain(namespace) {
        if let Some(fault) = segment::fault(part) {
            let why = format!("{part:?} cannot be part of a URL: {fault}");
            return Err(damaged(entry, why));
        }
    }
    Ok(())
}

pub fn damaged(entry: &Entry, why: String) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::BackupDamaged,
        format!("could not use {} of the backup", entry.file),
    )
    .caused_by(why)
}
