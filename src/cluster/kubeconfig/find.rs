//! Which kubeconfig: what was given, else what lies in the usual places. Only names are looked at here; nothing is read.

use std::{
    collections::BTreeSet,
    env,
    ffi::{OsStr, OsString},
    fmt, fs, io,
    path::{Path, PathBuf},
};

use super::suggest;
use crate::{
    cluster::connect::{ConnectOptions, in_cluster::Pod, proxy::Proxies},
    command_id::CommandId,
    failure::{Failure, Given, Hint, Kind, Reason, nearest, shell_word, shown, shown_path},
};

/// What the process was started with, as far as it matters here.
#[derive(Clone, Default)]
pub struct Environment {
    /// `KUBECONFIG`: a list of paths.
    pub(in crate::cluster) kubeconfig: Option<OsString>,
    pub(in crate::cluster) home: Option<PathBuf>,
    pub(in crate::cluster) proxies: Proxies,
    /// Where this runs in a pod with a service account.
    pub(in crate::cluster) pod: Option<Pod>,
}

/// The variables may hold credentials.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

impl Environment {
    /// Of a process without a home and outside of a pod.
    #[must_use]
    pub fn new(kubeconfig: Option<OsString>, proxies: Proxies) -> Self {
        Self {
            kubeconfig: kubeconfig.filter(|list| !list.is_empty()),
            proxies,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn of_process() -> Self {
        Self {
            kubeconfig: env::var_os("KUBECONFIG").filter(|list| !list.is_empty()),
            home: env::home_dir(),
            proxies: Proxies::of_process(),
            pod: Pod::of_process(),
        }
    }
}

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Found {
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
                let paths: Vec<_> = paths.iter().map(|path| shown_path(path)).collect();
                f.write_str(&paths.join(", "))
            }
            Self::InCluster(_) => f.write_str("in-cluster"),
        }
    }
}

/// In the home.
const USUAL: &str = ".kube/config";

/// In this order: `--kubeconfig`, `--cluster`, `KUBECONFIG`, `~/.kube/config`, the only one in the workspace, the pod's
/// own service account.
pub(in crate::cluster) fn find(
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<Found, Failure> {
    if let Some(path) = &options.kubeconfig {
        return given(path, &options.workspace);
    }
    if let Some(name) = &options.cluster {
        return of_cluster(name, &options.workspace);
    }
    if let Some(list) = &environment.kubeconfig {
        return listed(list);
    }
    // HOME=/dev/null says that there is none.
    let home = environment.home.as_ref().filter(|home| home.is_dir());
    let usual = home.map(|home| home.join(USUAL));
    if let Some(usual) = usual
        && is_there(&usual)?
    {
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

/// Every file that may be read as a kubeconfig, whether it is there or not: nothing may be written over it. `given` is the
/// one that was named.
#[must_use]
pub fn kubeconfigs(
    given: Option<&Path>,
    workspace: &Path,
    environment: &Environment,
) -> Vec<PathBuf> {
    let listed = environment.kubeconfig.iter().flat_map(env::split_paths);
    let usual = environment.home.iter().map(|home| home.join(USUAL));
    let ours = in_workspace(workspace).into_iter().map(|(_, path)| path);
    let given = given.map(Path::to_owned).into_iter();
    given.chain(listed).chain(usual).chain(ours).collect()
}

/// Only of one that is not there another one may be used in its place: one that cannot be reached is there.
fn is_there(path: &Path) -> Result<bool, Failure> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let message = format!("could not use kubeconfig {}", shown_path(path));
            Err(Failure::new(Kind::Usage, Reason::BadKubeconfig, message)
                .caused_by(error.to_string()))
        }
    }
}

fn given(path: &Path, workspace: &Path) -> Result<Found, Failure> {
    let there = is_there(path);
    if matches!(there, Ok(true)) {
        return Ok(Found::Files(vec![path.to_owned()]));
    }
    is_no_content("--kubeconfig", "path", &path.to_string_lossy())?;
    there?;
    let failure = Failure::new(
        Kind::Usage,
        Reason::KubeconfigNotFound,
        format!("there is no kubeconfig {}", shown_path(path)),
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
    let failure = match cause(&path.to_string_lossy()) {
        Some(why) => failure.hint(why),
        None => failure,
    };
    Err(match nearest(&path.to_string_lossy(), &candidates) {
        Some(near) => failure.hint(format!("did you mean --kubeconfig {}?", shell_word(near))),
        None => failure,
    })
}

fn of_cluster(name: &str, workspace: &Path) -> Result<Found, Failure> {
    let path = kubeconfig_of(workspace, name);
    let plain = Path::new(name).file_name().is_some_and(|file| file == name);
    if plain && is_there(&path)? {
        return Ok(Found::Files(vec![path]));
    }
    is_no_content("--cluster", "name", name)?;
    let known = clusters(workspace);
    let failure = Failure::new(
        Kind::Usage,
        Reason::ClusterNotFound,
        format!(
            "there is no cluster {:?} in {}",
            shown(name),
            workspace.display()
        ),
    )
    .caused_by(format!(
        "no file {}",
        kubeconfig_of(workspace, &shown(name)).display()
    ));
    Err(suggest(failure, "--cluster", name, &known))
}

/// Nothing of that name is there: is it the content of a file instead? Its pieces are not shown either, as a list is split
/// at every colon.
fn is_no_content(place: &str, wanted: &str, value: &str) -> Result<(), Failure> {
    let (what, hint) = match Given::of_list(value) {
        Given::Plausible => return Ok(()),
        Given::Kubeconfig => (
            "the text of a kubeconfig",
            "write the text to a file and give the path of that, or: --kubeconfig <(COMMAND)",
        ),
        Given::Text => ("a text", "give the path of a kubeconfig: --kubeconfig FILE"),
        Given::Credential => (
            "what looks like a credential",
            "a token belongs in a kubeconfig, as the token of a user",
        ),
    };
    let message = format!("{place} holds {what}, not a {wanted}");
    if let Some(line) = value
        .strip_suffix('\r')
        .filter(|line| Given::of_list(line) == Given::Plausible)
    {
        let message = format!("{place} ends with a carriage return: {:?}", shown(line));
        return Err(Failure::new(Kind::Usage, Reason::BadKubeconfig, message)
            .hint("the script that says so has the line ends of Windows: convert it, for example with dos2unix"));
    }
    Err(Failure::new(Kind::Usage, Reason::BadKubeconfig, message).hint(hint))
}

/// Why there is probably no such file: what a shell or another system would have done with the value.
fn cause(value: &str) -> Option<&'static str> {
    let begins_with = |start: &str| env::split_paths(value).any(|path| path.starts_with(start));
    let is_drive = |path: &str| {
        let mut letters = path.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.as_str().starts_with(":\\")
    };
    if value.starts_with(['"', '\'']) || value.ends_with(['"', '\'']) {
        Some("the quotes are a part of the value: give it without them")
    } else if begins_with("~") {
        Some("~ is expanded by the shell, and only outside of quotes: write $HOME")
    } else if value.contains(';') {
        Some("between paths is a colon here, not a semicolon")
    } else if is_drive(value) || value.contains('\\') {
        Some("it looks like a path of Windows: folders are separated by / here")
    } else if value.contains('$') {
        Some("$ is expanded by the shell, and not in single quotes")
    } else {
        None
    }
}

/// As kubectl does: files of the list that do not exist are passed over, as long as one does; one that is there and cannot
/// be reached is a failure.
fn listed(list: &OsStr) -> Result<Found, Failure> {
    let named: Vec<PathBuf> = env::split_paths(list)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let looked: Vec<Result<bool, Failure>> = named.iter().map(|path| is_there(path)).collect();
    if !looked.iter().any(|there| matches!(there, Ok(true))) {
        is_no_content("KUBECONFIG", "path", &list.to_string_lossy())?;
    }
    let mut there = Vec::new();
    for (path, looked) in named.iter().zip(looked) {
        if looked? {
            there.push(path.clone());
        }
    }
    if there.is_empty() {
        let mut failure = Failure::new(
            Kind::Usage,
            Reason::KubeconfigNotFound,
            "no file that KUBECONFIG names exists",
        );
        failure.causes = named
            .iter()
            .map(|path| format!("no file {}", shown_path(path)))
            .collect();
        let failure = match cause(&list.to_string_lossy()) {
            Some(why) => failure.hint(why),
            None => failure,
        };
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
