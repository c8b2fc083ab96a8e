//! Which kubeconfig, which context. Whatever is wrong is [`Kind::Usage`], names the file and the nearest that exists,
//! and never quotes a file's content: kubeconfigs hold credentials.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
};

use kube::config::{Kubeconfig, KubeconfigError, LoadDataError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::connect::{ConnectOptions, in_cluster::Pod};
use crate::{
    command_id::CommandId,
    failure::{Failure, Hint, Kind, Reason, nearest, shell_word},
};

/// What the process was started with, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// `KUBECONFIG`: a list of paths.
    pub kubeconfig: Option<OsString>,
    pub home: Option<PathBuf>,
    /// Where this runs in a pod with a service account.
    pub pod: Option<Pod>,
}

impl Environment {
    pub fn of_process() -> Self {
        Self {
            kubeconfig: env::var_os("KUBECONFIG").filter(|list| !list.is_empty()),
            home: env::home_dir(),
            pod: Pod::of_process(),
        }
    }
}

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// To be merged, the first wins.
    Files(Vec<PathBuf>),
    InCluster(Pod),
}

impl Found {
    /// The kubeconfigs; none in a pod.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Files(paths) => paths.clone(),
            Self::InCluster(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(paths) => {
                let paths: Vec<_> = paths
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                f.write_str(&paths.join(", "))
            }
            Self::InCluster(_) => f.write_str("in-cluster"),
        }
    }
}

/// In this order: `--kubeconfig`, `--cluster`, `KUBECONFIG`, `~/.kube/config`, the only one in the workspace, the pod's
/// own service account.
pub(super) fn find(options: &ConnectOptions, environment: &Environment) -> Result<Found, Failure> {
    if let Some(path) = &options.kubeconfig {
        return given(path, &options.workspace);
    }
    if let Some(name) = &options.cluster {
        return of_cluster(name, &options.workspace);
    }
    if let Some(list) = &environment.kubeconfig {
        return listed(list);
    }
    let usual = environment
        .home
        .as_ref()
        .map(|home| home.join(".kube/config"));
    if let Some(usual) = usual.filter(|path| path.exists()) {
        return Ok(Found::Files(vec![usual]));
    }
    match (
        in_workspace(&options.workspace).as_slice(),
        &environment.pod,
    ) {
        ([(_, only)], _) => Ok(Found::Files(vec![only.clone()])),
        ([], Some(pod)) => Ok(Found::InCluster(pod.clone())),
        ([], None) => Err(none_found(&options.workspace)),
        (several, _) => Err(which_one(several)),
    }
}

/// The kubeconfig that is used where none is named and that only we know of: the only one in the workspace.
#[must_use]
pub fn implied(workspace: &Path) -> Option<PathBuf> {
    let options = ConnectOptions {
        workspace: workspace.to_owned(),
        ..ConnectOptions::default()
    };
    match find(&options, &Environment::of_process()) {
        Ok(Found::Files(paths)) => paths.into_iter().find(|path| path.starts_with(workspace)),
        Ok(Found::InCluster(_)) | Err(_) => None,
    }
}

/// The names of all contexts, in the order of the kubeconfig. Nothing is sent to a cluster.
pub fn contexts(options: &ConnectOptions) -> Result<Vec<String>, Failure> {
    match find(options, &Environment::of_process())? {
        Found::InCluster(_) => Err(bad("in-cluster", "it has no contexts")),
        Found::Files(paths) => {
            let kubeconfig = read(&paths)?;
            let names = kubeconfig.contexts.into_iter().map(|named| named.name);
            Ok(names.collect())
        }
    }
}

fn given(path: &Path, workspace: &Path) -> Result<Found, Failure> {
    if path.exists() {
        return Ok(Found::Files(vec![path.to_owned()]));
    }
    let failure = Failure::new(
        Kind::Usage,
        Reason::KubeconfigNotFound,
        format!("there is no kubeconfig {}", path.display()),
    );
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let beside = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| path.with_file_name(entry.file_name()))
        .filter(|path| path.is_file());
    let known = in_workspace(workspace).into_iter().map(|(_, path)| path);
    let candidates: Vec<String> = beside
        .chain(known)
        .map(|path| path.display().to_string())
        .collect();
    Err(match nearest(&path.display().to_string(), &candidates) {
        Some(near) => failure.hint(format!("did you mean --kubeconfig {}?", shell_word(near))),
        None => failure,
    })
}

fn of_cluster(name: &str, workspace: &Path) -> Result<Found, Failure> {
    let path = kubeconfig_of(workspace, name);
    let plain = Path::new(name).file_name().is_some_and(|file| file == name);
    if plain && path.exists() {
        return Ok(Found::Files(vec![path]));
    }
    let known: Vec<String> = in_workspace(workspace)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let failure = Failure::new(
        Kind::Usage,
        Reason::ClusterNotFound,
        format!("there is no cluster {name:?} in {}", workspace.display()),
    )
    .caused_by(format!("no file {}", path.display()));
    Err(suggest(failure, "--cluster", name, &known))
}

/// As kubectl does: files of the list that do not exist are passed over, as long as one does.
fn listed(list: &OsString) -> Result<Found, Failure> {
    let named: Vec<PathBuf> = env::split_paths(list)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let there: Vec<PathBuf> = named.iter().filter(|path| path.exists()).cloned().collect();
    if there.is_empty() {
        let mut failure = Failure::new(
            Kind::Usage,
            Reason::KubeconfigNotFound,
            "no file that KUBECONFIG names exists",
        );
        failure.causes = named
            .iter()
            .map(|path| format!("no file {}", path.display()))
            .collect();
        return Err(failure.hint("unset KUBECONFIG, or give --kubeconfig FILE"));
    }
    Ok(Found::Files(there))
}

/// Name and kubeconfig of every cluster in bmctl's workspace, by name.
fn in_workspace(workspace: &Path) -> Vec<(String, PathBuf)> {
    let folders = fs::read_dir(workspace).into_iter().flatten().flatten();
    let names: BTreeSet<String> = folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names
        .into_iter()
        .map(|name| {
            let path = kubeconfig_of(workspace, &name);
            (name, path)
        })
        .filter(|(_, path)| path.is_file())
        .collect()
}

fn none_found(workspace: &Path) -> Failure {
    let failure = Failure::new(Kind::Usage, Reason::NoKubeconfig, "no kubeconfig found")
        .caused_by(format!(
            "looked at --kubeconfig, --cluster, KUBECONFIG, ~/.kube/config and {}",
            workspace.display()
        ))
        .hint("give --kubeconfig FILE");
    if cfg!(feature = "sandbox") {
        failure.hint(Hint::run(
            "without a cluster, try the built-in one",
            CommandId::SandboxStart,
        ))
    } else {
        failure
    }
}

fn which_one(several: &[(String, PathBuf)]) -> Failure {
    let names: Vec<String> = several.iter().map(|(name, _)| name.clone()).collect();
    let mut failure = Failure::new(
        Kind::Usage,
        Reason::SeveralClusters,
        format!("there are {} clusters, and none was named", several.len()),
    );
    failure.causes = several
        .iter()
        .map(|(_, path)| path.display().to_string())
        .collect();
    failure.hint(format!(
        "name one: --cluster {}",
        names.join(" | --cluster ")
    ))
}

/// Names of the clusters in bmctl's workspace.
#[must_use]
pub fn clusters(workspace: &Path) -> Vec<String> {
    in_workspace(workspace)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

/// Where the kubeconfig of a cluster in bmctl's workspace is.
#[must_use]
pub fn kubeconfig_of(workspace: &Path, cluster: &str) -> PathBuf {
    workspace
        .join(cluster)
        .join(format!("{cluster}-kubeconfig"))
}

/// Reads the files and merges them by kubectl's rules: whoever says something first is believed.
pub(super) fn read(paths: &[PathBuf]) -> Result<Kubeconfig, Failure> {
    let mut merged = Kubeconfig::default();
    for path in paths {
        let shown = path.display().to_string();
        let mut next = Kubeconfig::read_from(path).map_err(|error| unusable(&shown, &error))?;
        // `kubectl config unset current-context` leaves an empty one, which says nothing.
        next.current_context = next.current_context.filter(|context| !context.is_empty());
        for cluster in next
            .clusters
            .iter_mut()
            .filter_map(|named| named.cluster.as_mut())
        {
            *cluster = without_empty(cluster);
        }
        for user in next
            .auth_infos
            .iter_mut()
            .filter_map(|named| named.auth_info.as_mut())
        {
            *user = without_empty(user);
        }
        merged = merged
            .merge(next)
            .map_err(|error| unusable(&shown, &error))?;
    }
    Ok(merged)
}

/// Without the fields that are empty: to client-go they are absent, to kube they are values.
fn without_empty<T: Serialize + DeserializeOwned + Clone>(read: &T) -> T {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(read) else {
        return read.clone();
    };
    fields.retain(|_, value| value != "");
    serde_json::from_value(Value::Object(fields)).unwrap_or_else(|_| read.clone())
}

/// The chosen context and the name of its cluster.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub context: String,
    pub cluster: String,
}

/// Finds the context, and what it refers to.
pub(super) fn choose(
    kubeconfig: &Kubeconfig,
    wanted: Option<&str>,
    source: &str,
) -> Result<Chosen, Failure> {
    let names: Vec<String> = kubeconfig
        .contexts
        .iter()
        .map(|named| named.name.clone())
        .collect();
    if names.is_empty() {
        return Err(bad(source, "it has no contexts"));
    }
    let Some(name) = wanted.or(kubeconfig.current_context.as_deref()) else {
        return Err(suggest(
            bad(source, "it has no current context"),
            "--context",
            "",
            &names,
        ));
    };
    let context = kubeconfig
        .contexts
        .iter()
        .find(|named| named.name == name)
        .and_then(|named| named.context.as_ref());
    let Some(context) = context else {
        let failure = Failure::new(
            Kind::Usage,
            Reason::ContextNotFound,
            format!("there is no context {name:?} in kubeconfig {source}"),
        );
        return Err(suggest(failure, "--context", name, &names));
    };
    if !kubeconfig
        .clusters
        .iter()
        .any(|named| named.name == context.cluster)
    {
        return Err(bad(
            source,
            format!(
                "context {name:?} refers to cluster {:?}, which is not there",
                context.cluster
            ),
        ));
    }
    let user = context.user.as_deref().unwrap_or_default();
    if !user.is_empty() && !kubeconfig.auth_infos.iter().any(|named| named.name == user) {
        return Err(bad(
            source,
            format!("context {name:?} refers to user {user:?}, who is not there"),
        ));
    }
    Ok(Chosen {
        context: name.to_owned(),
        cluster: context.cluster.clone(),
    })
}

pub(super) fn bad(source: &str, why: impl Into<String>) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::BadKubeconfig,
        format!("could not use kubeconfig {source}"),
    )
    .caused_by(why)
}

/// Why a kubeconfig can not be used, without quoting it.
pub(super) fn unusable(source: &str, error: &KubeconfigError) -> Failure {
    let why = match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!(
                "it is not a kubeconfig: line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "it is not a kubeconfig".to_owned(),
        },
        KubeconfigError::MissingClusterUrl => "its cluster has no server".to_owned(),
        KubeconfigError::ParseClusterUrl(_) => "the server of its cluster is not a URL".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => {
            "its proxy-url, or HTTPS_PROXY, is not a URL".to_owned()
        }
        KubeconfigError::LoadCertificateAuthority(error) => {
            format!("certificate authority: {}", unloadable(error))
        }
        KubeconfigError::LoadClientCertificate(error) => {
            format!("client certificate: {}", unloadable(error))
        }
        KubeconfigError::LoadClientKey(error) => format!("client key: {}", unloadable(error)),
        KubeconfigError::ParseCertificates(_) => {
            "its certificate authority is not in PEM format".to_owned()
        }
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            "it is of another kind or version than the files before it".to_owned()
        }
        _ => "it refers to something that is not there".to_owned(),
    };
    bad(source, why)
}

fn unloadable(error: &LoadDataError) -> String {
    match error {
        LoadDataError::DecodeBase64(_) => "the data is not base64".to_owned(),
        LoadDataError::ReadFile(error, path) => format!("file {}: {error}", path.display()),
        LoadDataError::NoBase64DataOrFile => "neither data nor a file".to_owned(),
    }
}

/// At most this many names are listed.
const LISTED: usize = 20;

/// Adds the nearest name and the list of all.
fn suggest(mut failure: Failure, flag: &str, wanted: &str, known: &[String]) -> Failure {
    if let Some(near) = nearest(wanted, known) {
        failure = failure.hint(format!("did you mean {flag} {}?", shell_word(near)));
    }
    match known {
        [] => failure,
        known => {
            let list = known[..known.len().min(LISTED)].join(", ");
            let more = match known.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            failure.hint(format!("{flag} takes one of: {list}{more}"))
        }
    }
}

#[cfg(test)]
mod tests;
