//! From the bytes of a file to what a kubeconfig says.

use std::{
    collections::HashMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::bad;
use crate::{
    cluster::{Deadline, file},
    failure::{Failure, shown_path},
};

/// The kubeconfigs that were read in this run, each once: a pipe gives its text only once, and one command may work on
/// many contexts of a file. Cheap to clone.
#[derive(Clone, Default)]
pub struct Kubeconfigs(Arc<Mutex<HashMap<PathBuf, Slot>>>);

/// What became of one file.
type Slot = Arc<OnceCell<Result<Kubeconfig, Failure>>>;

/// They hold credentials.
impl fmt::Debug for Kubeconfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kubeconfigs")
    }
}

impl Kubeconfigs {
    /// Reads the files and merges them by kubectl's rules: whoever says something first is believed.
    pub(in crate::cluster) async fn read(
        &self,
        paths: &[PathBuf],
        deadline: Deadline,
    ) -> Result<Kubeconfig, Failure> {
        let mut merged = Kubeconfig::default();
        for path in paths {
            let next = self.one(path, deadline).await?;
            merged = merged
                .merge(next)
                .map_err(|error| not_usable(path, &error))?;
        }
        Ok(merged)
    }

    async fn one(&self, path: &Path, deadline: Deadline) -> Result<Kubeconfig, Failure> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(path.to_owned()).or_default())
        };
        let read = || async {
            let bytes = file::read(path, deadline).await;
            parse(path, bytes)
        };
        slot.get_or_init(read).await.clone()
    }
}

fn parse(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<Kubeconfig, Failure> {
    let text = bytes
        .and_then(file::text)
        .map_err(|error| bad(&shown_path(path), error.to_string()))?;
    let mut kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| not_usable(path, &error))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    // `kubectl config unset current-context` leaves an empty one, which says nothing.
    kubeconfig.current_context = kubeconfig.current_context.filter(|name| !name.is_empty());
    let clusters = kubeconfig.clusters.iter_mut();
    for cluster in clusters.filter_map(|named| named.cluster.as_mut()) {
        *cluster = without_empty(cluster);
        files_of_cluster(cluster).for_each(|file| resolve(folder, file));
    }
    let users = kubeconfig.auth_infos.iter_mut();
    for user in users.filter_map(|named| named.auth_info.as_mut()) {
        *user = without_empty(user);
        files_of_user(user).for_each(|file| resolve(folder, file));
    }
    Ok(kubeconfig)
}

fn files_of_cluster(cluster: &mut Cluster) -> impl Iterator<Item = &mut String> {
    cluster.certificate_authority.iter_mut()
}

/// A login plugin is a file where its command is a path; a bare word is looked up by the system.
fn files_of_user(user: &mut AuthInfo) -> impl Iterator<Item = &mut String> {
    let command = user.exec.as_mut().and_then(|exec| exec.command.as_mut());
    [
        user.client_certificate.as_mut(),
        user.client_key.as_mut(),
        user.token_file.as_mut(),
        command.filter(|command| command.contains('/')),
    ]
    .into_iter()
    .flatten()
}

/// A relative path starts at the file that it stands in.
fn resolve(folder: &Path, path: &mut String) {
    if let Some(resolved) = folder.join(&*path).to_str() {
        resolved.clone_into(path);
    }
}

/// Without the fields that are empty: to client-go they are absent, to kube they are values.
fn without_empty<T: Serialize + DeserializeOwned + Clone>(read: &T) -> T {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(read) else {
        return read.clone();
    };
    fields.retain(|_, value| value != "");
    serde_json::from_value(Value::Object(fields)).unwrap_or_else(|_| read.clone())
}

/// The parser's own error would quote the file.
fn not_usable(path: &Path, error: &KubeconfigError) -> Failure {
    let why = match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!(
                "it is not a kubeconfig: line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "it is not a kubeconfig".to_owned(),
        },
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            "it is of another kind or version than the files before it".to_owned()
        }
        _ => "it is not a kubeconfig".to_owned(),
    };
    bad(&shown_path(path), why)
}
