//! Commands that a person may paste: under the name by which this program was started, and on the cluster that this run
//! was about. A command that changes something always names that cluster, because the current context, KUBECONFIG and the
//! only cluster of a workspace may be others by the time it is pasted. One that reads repeats the flags that were given.

use std::path::PathBuf;

use super::{context::WORKSPACE, permission};
use crate::{
    cli::{ConnectionArgs, GlobalArgs},
    cluster::{self, Cluster},
    command_id::{CommandId, Effect},
    failure::{Failure, Hint, Own, Suggested, shown_word},
};

/// In the environment of what `sandbox run` runs: the kubeconfig of a cluster that ends with it.
pub const PASSING_KUBECONFIG: &str = "BMCTL_SANDBOX_RUN_KUBECONFIG";

/// The cluster that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The kubeconfigs that were read; none in a pod.
    files: Vec<PathBuf>,
    /// The context that was used; empty in a pod.
    context: String,
    /// It is gone when the program around this one ends.
    passing: bool,
}

impl Place {
    pub fn of(cluster: &Cluster) -> Self {
        let passing = std::env::var_os(PASSING_KUBECONFIG).map(PathBuf::from);
        Self {
            passing: passing.is_some() && cluster.files.first() == passing.as_ref(),
            files: cluster.files.clone(),
            context: cluster.context.clone(),
        }
    }

    /// The name of the cluster in our workspace whose kubeconfig it is.
    fn of_workspace(&self) -> Option<String> {
        let [file] = self.files.as_slice() else {
            return None;
        };
        let name = file.parent()?.file_name()?.to_str()?;
        let known = cluster::kubeconfig_of(WORKSPACE.as_ref(), name);
        (known == *file).then(|| name.to_owned())
    }

    /// Is there nothing to be done with it any more once this program has ended?
    pub const fn is_passing(&self) -> bool {
        self.passing
    }
}

/// A command as it is pasted; none for a cluster that will be gone. `place` is known once a cluster was found.
pub fn pasted(global: &GlobalArgs, place: Option<&Place>, suggested: &Suggested) -> Option<String> {
    let effect = suggested.effect();
    let names_itself = matches!(suggested, Suggested::Own(own) if own.cluster.is_some());
    if effect != Effect::Offline && !names_itself && place.is_some_and(Place::is_passing) {
        return None;
    }
    let program = global.program.name();
    Some(match suggested {
        Suggested::Own(own) => {
            let (before, flags) = own_flags(&global.connection, place, own);
            let root = if own.as_root { "sudo " } else { "" };
            format!("{before}{root}{program} {own}{flags}")
        }
        Suggested::Kubectl(kubectl) => {
            let connection = &global.connection;
            let (before, flags) = kubectl_flags(connection, place, effect);
            let acting = if kubectl.by_administrator {
                String::new()
            } else {
                identity(connection)
            };
            kubectl.line(program, &format!("{before}kubectl{flags}{acting}"))
        }
        Suggested::Ready(line) => line.clone(),
    })
}

/// A failure of this command, its hints ready to be pasted.
pub fn ready(
    global: &GlobalArgs,
    command: CommandId,
    place: Option<&Place>,
    failure: Failure,
) -> Failure {
    let failure = permission::with_role(command, failure);
    let all = failure.hints.len();
    let mut hints: Vec<Hint> = failure
        .hints
        .into_iter()
        .filter_map(|hint| finished(global, place, hint))
        .collect();
    if hints.len() < all {
        let keep = Suggested::from(CommandId::SandboxStart);
        let why = "this sandbox ends with 'sandbox run'; to keep one";
        hints.extend(finished(global, place, Hint::run(why, keep)));
    }
    Failure { hints, ..failure }
}

fn finished(global: &GlobalArgs, place: Option<&Place>, hint: Hint) -> Option<Hint> {
    let command = match &hint.command {
        None => None,
        Some(suggested) => Some(Suggested::Ready(pasted(global, place, suggested)?)),
    };
    Some(Hint { command, ..hint })
}

/// What stands before our program's name, and behind the command.
fn own_flags(connection: &ConnectionArgs, place: Option<&Place>, own: &Own) -> (String, String) {
    if let Some(cluster) = &own.cluster {
        return (String::new(), worded(&[("--cluster", Some(cluster))]));
    }
    let given = path(connection.kubeconfig.as_ref());
    let named = [
        ("--kubeconfig", given.as_deref()),
        ("--cluster", connection.cluster()),
    ];
    let context = connection.context.as_deref();
    let (before, flags) = match own.command.effect() {
        Effect::Offline => return (String::new(), String::new()),
        Effect::Reads => (
            String::new(),
            worded(&[named[0], ("--context", context), named[1]]),
        ),
        Effect::Changes if given.is_some() || connection.cluster().is_some() => (
            String::new(),
            worded(&[named[0], ("--context", used(context, place)), named[1]]),
        ),
        Effect::Changes => match place.and_then(Place::of_workspace) {
            Some(cluster) => (
                String::new(),
                worded(&[
                    ("--context", used(context, place)),
                    ("--cluster", Some(&cluster)),
                ]),
            ),
            None => found(context, place),
        },
    };
    (before, flags + &identity(connection))
}

/// The same cluster for kubectl, which knows nothing of our workspace: before its name, and behind it.
fn kubectl_flags(
    connection: &ConnectionArgs,
    place: Option<&Place>,
    effect: Effect,
) -> (String, String) {
    let kubeconfig = match (&connection.kubeconfig, connection.cluster()) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(cluster)) => Some(cluster::kubeconfig_of(WORKSPACE.as_ref(), cluster)),
        // Where nothing was named we may have found the only cluster in it.
        (None, None) => cluster::implied(WORKSPACE.as_ref()),
    };
    let context = connection.context.as_deref();
    let named = path(kubeconfig.as_ref());
    match (effect, &named) {
        (Effect::Changes, None) => found(context, place),
        (Effect::Changes, Some(_)) => (
            String::new(),
            worded(&[
                ("--kubeconfig", named.as_deref()),
                ("--context", used(context, place)),
            ]),
        ),
        (Effect::Reads | Effect::Offline, _) => (
            String::new(),
            worded(&[("--kubeconfig", named.as_deref()), ("--context", context)]),
        ),
    }
}

/// The context that was given, or else used.
fn used<'a>(given: Option<&'a str>, place: Option<&'a Place>) -> Option<&'a str> {
    let found = place.map(|place| place.context.as_str());
    given.or(found.filter(|context| !context.is_empty()))
}

/// The cluster that nobody named. Several kubeconfigs are merged, and no flag takes more than one.
fn found(given: Option<&str>, place: Option<&Place>) -> (String, String) {
    let context = ("--context", used(given, place));
    match place.map(|place| place.files.as_slice()) {
        None | Some([]) => (String::new(), worded(&[context])),
        Some([one]) => {
            let file = one.to_string_lossy();
            (
                String::new(),
                worded(&[("--kubeconfig", Some(&file)), context]),
            )
        }
        Some(several) => {
            let list = std::env::join_paths(several).unwrap_or_default();
            let list = shown_word(&list.to_string_lossy());
            (format!("KUBECONFIG={list} "), worded(&[context]))
        }
    }
}

/// As whom; kubectl has the same flags.
fn identity(connection: &ConnectionArgs) -> String {
    let mut flags = vec![("--as", connection.as_user.as_deref())];
    let groups = connection.as_group.iter();
    flags.extend(groups.map(|group| ("--as-group", Some(group.as_str()))));
    flags.push(("--as-uid", connection.as_uid.as_deref()));
    worded(&flags)
}

/// The flags that have a value, each with a space before it. A value must not look like a flag itself.
fn worded(flags: &[(&str, Option<&str>)]) -> String {
    flags
        .iter()
        .filter_map(|(flag, value)| {
            let value = (*value)?;
            let joint = if value.starts_with('-') { "=" } else { " " };
            Some(format!(" {flag}{joint}{}", shown_word(value)))
        })
        .collect()
}

fn path(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
