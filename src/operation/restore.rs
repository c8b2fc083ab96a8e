//! `restore`: put back what a disable has saved and deleted. What is damaged is known before the first object is created.

use std::{
    io,
    path::{Path, PathBuf},
};

use kube::Client;

use crate::{
    cluster::{
        Deadline, Mode, Retry,
        backup::{BackupReader, BackupWriter, Place},
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
    let another = another_cluster(client, backup, retry).await;
    if let Some(warning) = &another {
        retry.observer().warn(warning);
    }
    let mode = wish.mode;
    let restored = restoration::restore(client, backup, wish, retry).await?;
    if another.is_none() && mode == Mode::Change && restored.failed.is_empty() {
        close(backup, retry);
    }
    Ok(restored)
}

/// Whoever puts back what a disable has deleted does not want the rest of it deleted either, which the next disable would
/// do that goes on with this backup.
fn close(backup: &BackupReader, retry: &Retry<'_>) {
    let Some(origin) = backup.origin.as_ref().filter(|_| backup.unfinished) else {
        return;
    };
    let place = Place::Exactly(backup.path().to_owned());
    let closed = BackupWriter::open(&place, origin, retry.now())
        .and_then(|mut writer| writer.finish(retry.now()));
    if let Err(failure) = closed {
        let warning = format!(
            "the next disable goes on with the deletions of this backup: {}: {}",
            failure.message,
            failure.root_cause()
        );
        retry.observer().warn(&warning);
    }
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
        "this is a backup of another cluster, or of this one before its VMRuntime was made again: context {context}, \
         {server}{twice}"
    ))
}
