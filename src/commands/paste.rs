//! Commands that a person may paste: under the name by which this program was started, and with the flags by which this
//! run found its cluster. A command without them might talk to another cluster.

use crate::{
    cli::{ConnectionArgs, GlobalArgs},
    cluster,
    failure::{Failure, shell_word},
};

use super::{context::WORKSPACE, permission};

/// A command of ours.
pub fn own(global: &GlobalArgs, command: &str) -> String {
    let connection = &global.connection;
    let path = connection
        .kubeconfig
        .as_ref()
        .map(|path| path.display().to_string());
    let flags = worded(&[
        ("--kubeconfig", path.as_deref()),
        ("--context", connection.context.as_deref()),
        ("--cluster", connection.cluster()),
    ]) + &identity(connection);
    format!("{} {command} {flags}", global.program.name())
        .trim_end()
        .to_owned()
}

/// As whom; kubectl has the same flags.
fn identity(connection: &ConnectionArgs) -> String {
    let mut flags = vec![("--as", connection.as_user.as_deref())];
    let groups = connection.as_group.iter();
    flags.extend(groups.map(|group| ("--as-group", Some(group.as_str()))));
    flags.push(("--as-uid", connection.as_uid.as_deref()));
    worded(&flags)
}

/// The flags that were given, each with a space behind it.
fn worded(flags: &[(&str, Option<&str>)]) -> String {
    flags
        .iter()
        .filter_map(|(flag, value)| Some(format!("{flag} {} ", shell_word((*value)?))))
        .collect()
}

/// A failure of this command, its hints ready to be pasted.
pub fn ready(global: &GlobalArgs, command: &str, failure: Failure) -> Failure {
    let mut failure = permission::with_role(global, command, failure);
    let flags = kubectl_flags(&global.connection);
    for hint in &mut failure.hints {
        *hint = hinted(global, &flags, hint);
    }
    failure
}

/// A text by the convention of hints, the commands in it ready to be pasted.
pub fn kubectl(global: &GlobalArgs, text: &str) -> String {
    hinted(global, &kubectl_flags(&global.connection), text)
}

/// A hint, the commands in it ready to be pasted.
fn hinted(global: &GlobalArgs, kubectl_flags: &str, hint: &str) -> String {
    const KUBECTL: &str = "kubectl ";
    let hint = global.program.says(hint);
    let mut ready = String::with_capacity(hint.len() + kubectl_flags.len());
    let mut rest = &*hint;
    while let Some(at) = rest.find(KUBECTL) {
        let (before, after) = rest.split_at(at + KUBECTL.len());
        ready.push_str(before);
        let said = ready.strip_suffix(KUBECTL).unwrap_or_default();
        // A plugin is no command of kubectl's own: ours has its flags already.
        if begins_command(said) && !after.starts_with("vmruntime ") {
            ready.push_str(kubectl_flags);
        }
        rest = after;
    }
    ready.push_str(rest);
    ready
}

/// Would what follows these words be a command? By convention a hint is words, a colon, and a command line.
fn begins_command(said: &str) -> bool {
    said.is_empty() || [": ", "&& ", "| "].iter().any(|end| said.ends_with(end))
}

/// The same cluster for kubectl, which knows nothing of our workspace. Where nothing was named we may have found the only
/// cluster in it.
fn kubectl_flags(connection: &ConnectionArgs) -> String {
    let path = match (&connection.kubeconfig, connection.cluster()) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(cluster)) => Some(cluster::kubeconfig_of(WORKSPACE.as_ref(), cluster)),
        (None, None) => cluster::implied(WORKSPACE.as_ref()),
    };
    let path = path.map(|path| path.display().to_string());
    worded(&[
        ("--kubeconfig", path.as_deref()),
        ("--context", connection.context.as_deref()),
    ]) + &identity(connection)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Program};

    fn global(flags: &str) -> GlobalArgs {
        let words = format!("bmctl version {flags}");
        Cli::try_parse_from(words.split_whitespace())
            .unwrap()
            .global
    }

    #[test]
    fn a_command_of_ours_keeps_name_and_flags() {
        let mut with = global("--kubeconfig admin.conf --context one");
        assert_eq!(
            own(&with, "status vmruntime"),
            "bmctl status vmruntime --kubeconfig admin.conf --context one"
        );
        with.program = Program::KubectlPlugin;
        assert_eq!(
            own(&with, "status vmruntime"),
            "kubectl vmruntime status vmruntime --kubeconfig admin.conf --context one"
        );
    }

    #[test]
    fn kubectl_is_led_to_the_same_cluster() {
        for (flags, hint, expected) in [
            (
                "--context one",
                "kubectl get nodes",
                "kubectl --context one get nodes",
            ),
            (
                "--context one",
                "look: kubectl get nodes",
                "look: kubectl --context one get nodes",
            ),
            (
                "--cluster c",
                "do: kubectl create a && kubectl create b",
                "do: kubectl --kubeconfig bmctl-workspace/c/c-kubeconfig create a && kubectl --kubeconfig bmctl-workspace/c/c-kubeconfig create b",
            ),
            (
                "--kubeconfig f",
                "install: bmctl controller manifests | kubectl apply -f -",
                "install: bmctl controller manifests | kubectl --kubeconfig f apply -f -",
            ),
            (
                "--context one",
                "is kubectl installed?",
                "is kubectl installed?",
            ),
        ] {
            let global = global(flags);
            let flags = kubectl_flags(&global.connection);
            assert_eq!(hinted(&global, &flags, hint), expected);
        }
    }

    #[test]
    fn a_plugin_names_itself_and_gets_no_flags_twice() {
        let mut global = global("--context one");
        global.program = Program::KubectlPlugin;
        assert_eq!(
            hinted(
                &global,
                "--context one ",
                "again: bmctl check vmruntimepfc --context one"
            ),
            "again: kubectl vmruntime check vmruntimepfc --context one"
        );
    }
}
