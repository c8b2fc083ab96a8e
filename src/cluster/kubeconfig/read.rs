//! The kubeconfigs of a run: read once, and looked into by kubectl's rules.

use std::{
    collections::HashMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use kube::config::{AuthInfo, Cluster};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{
    bad,
    document::{Document, Section, entry},
    shape::{CLUSTER, USER},
    unreadable,
};
use crate::{
    cluster::{Deadline, file},
    failure::{Failure, shown, shown_path},
};

/// The kubeconfigs that were read in this run, each once: a pipe gives its text only once, and one command may work on
/// many contexts of a file. Cheap to clone.
#[derive(Clone, Default)]
pub struct Kubeconfigs(Arc<Mutex<HashMap<PathBuf, Slot>>>);

/// What became of one file.
type Slot = Arc<OnceCell<Result<Arc<Document>, Failure>>>;

/// They hold credentials.
impl fmt::Debug for Kubeconfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kubeconfigs")
    }
}

impl Kubeconfigs {
    /// Reads the files.
    pub(in crate::cluster) async fn read(
        &self,
        paths: &[PathBuf],
        deadline: Deadline,
    ) -> Result<Kubeconfig, Failure> {
        let mut files = Vec::new();
        for path in paths {
            files.push(self.one(path, deadline).await?);
        }
        Ok(Kubeconfig(files))
    }

    async fn one(&self, path: &Path, deadline: Deadline) -> Result<Arc<Document>, Failure> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(path.to_owned()).or_default())
        };
        let read = || async {
            let bytes = file::read(path, deadline).await;
            parse(path, bytes).map(Arc::new)
        };
        slot.get_or_init(read).await.clone()
    }
}

pub(super) fn parse(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<Document, Failure> {
    if let Err(error) = &bytes
        && error.kind() == io::ErrorKind::TimedOut
    {
        let message = format!("could not use kubeconfig {}", shown_path(path));
        return Err(unreadable(&message, error));
    }
    let text = bytes
        .and_then(file::text)
        .map_err(|error| error.to_string());
    text.and_then(|text| Document::parse(path.to_owned(), &text))
        .map_err(|why| bad(&shown_path(path), why))
}

/// What several files say: for each name, whoever says something first is believed.
pub(in crate::cluster) struct Kubeconfig(pub(super) Vec<Arc<Document>>);

impl Kubeconfig {
    /// The names of all contexts, in the order of the files.
    pub fn contexts(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (at, file) in self.0.iter().enumerate() {
            let earlier = &self.0[..at];
            let is_new =
                |name: &&String| earlier.iter().all(|file| file.contexts.get(name).is_none());
            names.extend(file.contexts.names.iter().filter(is_new).cloned());
        }
        names
    }

    pub fn current(&self) -> Option<&str> {
        self.0.iter().find_map(|file| file.current.as_deref())
    }

    pub fn context(&self, name: &str) -> Option<&Value> {
        self.find(name, |file| &file.contexts)
            .map(|(_, value)| value)
    }

    /// `None`: there is none of that name.
    pub fn cluster(&self, name: &str) -> Option<Result<Cluster, String>> {
        let (folder, value) = self.find(name, |file| &file.clusters)?;
        let what = format!("cluster {:?}", shown(name));
        let cluster = entry(value, &CLUSTER, &what).and_then(|mut cluster: Cluster| {
            files_of_cluster(&mut cluster).try_for_each(|file| resolve(folder, file))?;
            Ok(cluster)
        });
        Some(cluster)
    }

    /// `None`: there is none of that name.
    pub fn user(&self, name: &str) -> Option<Result<AuthInfo, String>> {
        let (folder, value) = self.find(name, |file| &file.users)?;
        let what = format!("user {:?}", shown(name));
        let user = entry(value, &USER, &what).and_then(|mut user: AuthInfo| {
            files_of_user(&mut user).try_for_each(|file| resolve(folder, file))?;
            Ok(user)
        });
        Some(user)
    }

    /// Where it stands, and what it says.
    fn find(&self, name: &str, section: fn(&Document) -> &Section) -> Option<(&Path, &Value)> {
        self.0.iter().find_map(|file| {
            let folder = file.path.parent().unwrap_or(Path::new(""));
            Some((folder, section(file).get(name)?))
        })
    }
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

/// A relative path starts at the file that it stands in, and nowhere else: in another folder may be another file of the
/// name.
fn resolve(folder: &Path, path: &mut String) -> Result<(), String> {
    match folder.join(&*path).to_str() {
        Some(resolved) => resolved.clone_into(path),
        None => {
            return Err(format!(
                "it is in a folder whose name is no UTF-8, where the file {:?} cannot be named",
                shown(path)
            ));
        }
    }
    Ok(())
}
