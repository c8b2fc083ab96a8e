//! `restore`: put back what a disable has saved and deleted. What is damaged is known before the first object is created.

use std::{
    io,
    path::{Path, PathBuf},
};

use kube::Client;

use crate::{
    cluster::{
        Deadline, Retry,
        backup::BackupReader,
        file,
        restoration::{self, Restored, Wish},
        vmruntime,
    },
    failure::{Failure, Kind, Reason, shown_path},
};

/// Opens the backup, and verifies every file of it.
pub async fn open(folder: &Path, deadline: Deadline) -> Result<BackupReader, Failure> {
    let path: PathBuf = folder.to_owned();
    file::apart(deadline, move || Ok(BackupReader::open(&path)))
        .await
        .map_err(|error| not_read(folder, &error))?
}

/// Creates everything that verifies and is not there, and warns where the backup is another cluster's.
pub async fn restore(
    client: &Client,
    backup: &BackupReader,
    wish: Wish,
    retry: &Retry<'_>,
) -> Result<Restored, Failure> {
    if let Some(warning) = another_cluster(client, backup, retry).await {
        retry.observer().warn(&warning);
    }
    restoration::restore(client, backup, wish, retry).await
}

fn not_read(folder: &Path, error: &io::Error) -> Failure {
    let message = format!("could not read a backup in {}", shown_path(folder));
    Failure::new(Kind::Usage, Reason::NoBackup, message).caused_by(error.to_string())
}

/// What two clusters have at once gets into each other's way.
async fn another_cluster(
    client: &Client,
    backup: &BackupReader,
    retry: &Retry<'_>,
) -> Option<String> {
    let origin = backup.origin.as_ref()?;
    match vmruntime::get(client, retry).await {
        Ok(runtime) if runtime.uid() == origin.vmruntime => return None,
        Ok(_) => {}
        Err(failure) => {
            let why = failure.root_cause();
            return Some(format!(
                "could not tell whether this is a backup of this cluster: {why}"
            ));
        }
    }
    let identities = restoration::identities(backup);
    let twice = if identities.is_empty() {
        String::new()
    } else {
        let identities = identities.join(", ");
        format!("; where its VMs still run, these are there twice: {identities}")
    };
    let (context, server) = (&origin.context, &origin.server);
    Some(format!(
        "this is a backup of another cluster: context {context}, {server}{twice}"
    ))
}
