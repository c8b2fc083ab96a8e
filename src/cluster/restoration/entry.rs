//! What the files of a backup say becomes the path of a URL.

use kube::core::ApiResource;

use crate::{
    cluster::{backup::Entry, segment},
    failure::{Failure, Kind, Reason},
};

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
