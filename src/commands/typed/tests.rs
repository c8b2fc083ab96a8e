//! Tables of what is typed and what is made of it.

use super::*;
use crate::commands::Cli;
use clap::CommandFactory as _;

fn words(typed: &[&str]) -> Vec<OsString> {
    typed.iter().map(OsString::from).collect()
}

/// Words are separated by spaces here; `_` in a word stands for a space in it.
fn read_line(typed: &str, variables: &[(&str, &str)]) -> Typed {
    let typed: Vec<String> = typed
        .split(' ')
        .map(|word| word.replace('_', " "))
        .collect();
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    read(Program::Bmctl, &Cli::command(), &words(&typed), |name| {
        let set = variables.iter().find(|(known, _)| *known == name);
        set.map(|(_, value)| value.into())
    })
}

fn meant(typed: &str) -> Result<String, Failure> {
    let read = read_line(typed, &[]);
    match read.objection {
        None => Ok(quoted::line(read.arguments)),
        Some(objection) => Err(objection),
    }
}

fn takes(table: &[(&str, &str)]) {
    for (typed, expected) in table {
        let meant = meant(typed).unwrap_or_else(|failure| panic!("{typed}: {failure:?}"));
        assert_eq!(meant, *expected, "{typed}");
    }
}

/// The message has this in it, and the command to paste is that.
fn refuses(table: &[(&str, &str, &str)]) {
    for (typed, message, command) in table {
        let Err(failure) = meant(typed) else {
            panic!("{typed} was taken");
        };
        assert_eq!(failure.kind, Kind::Usage, "{typed}");
        assert!(failure.message.contains(message), "{typed}: {failure:?}");
        let hints: Vec<String> = failure.hints.iter().map(ToString::to_string).collect();
        let ends = hints
            .iter()
            .any(|hint| hint.ends_with(&format!(": {command}")));
        assert!(ends, "{typed}: {hints:?}");
    }
}

fn is_left_alone(lines: &[&str]) {
    for typed in lines {
        let read = read_line(typed, &[]);
        assert!(read.objection.is_none(), "{typed}: {read:?}");
        let typed: Vec<String> = typed
            .split(' ')
            .map(|word| word.replace('_', " "))
            .collect();
        assert_eq!(
            read.arguments,
            words(&typed.iter().map(String::as_str).collect::<Vec<_>>())
        );
    }
}

#[test]
fn a_value_stands_behind_its_flag() {
    takes(&[
        (
            "bmctl disable vmruntime --force true",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl disable vmruntime --force = true",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl disable vmruntime --force =true",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl disable vmruntime --force= true",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl disable vmruntime --force false",
            "bmctl disable vmruntime --force=false",
        ),
        (
            "bmctl disable vmruntime --force TRUE --ensure",
            "bmctl disable vmruntime --force=TRUE --ensure",
        ),
        (
            "bmctl disable --force true",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl enable vmruntime --wait false --fail-fast false",
            "bmctl enable vmruntime --wait=false --fail-fast=false",
        ),
        (
            "bmctl enable vmruntime --dry-run server",
            "bmctl enable vmruntime --dry-run=server",
        ),
        (
            "bmctl enable vmruntime --timeout = 10m",
            "bmctl enable vmruntime --timeout=10m",
        ),
        (
            "bmctl enable vmruntime --kubeconfig =k",
            "bmctl enable vmruntime --kubeconfig=k",
        ),
        (
            "bmctl enable vmruntime --ensure=true",
            "bmctl enable vmruntime --ensure",
        ),
        (
            "bmctl enable vmruntime --ensure false",
            "bmctl enable vmruntime",
        ),
        // The last word counts.
        (
            "bmctl disable vmruntime --no-backup --no-backup=false",
            "bmctl disable vmruntime",
        ),
        (
            "bmctl disable vmruntime --no-backup=false --no-backup",
            "bmctl disable vmruntime --no-backup",
        ),
    ]);
}

#[test]
fn what_may_be_something_else_stays() {
    is_left_alone(&[
        "bmctl",
        "bmctl disable vmruntime --force",
        "bmctl disable vmruntime --force maybe",
        "bmctl disable vmruntime --force --ensure",
        // A variable that is not set swallows nothing.
        "bmctl --context= status vmruntime",
        "bmctl restore dir --dry-run server",
        "bmctl restore --dry-run client",
        "bmctl restore true",
        "bmctl skip node true",
        "bmctl --context true status vmruntime",
        "bmctl --context –prod status vmruntime",
        "bmctl --context a_b status vmruntime",
        "bmctl sandbox run -- vmruntime enable --force = true",
        "bmctl sandbox run -- kubectl get vmruntime -n vm-system",
        "bmctl help enable",
        "bmctl explain KVM",
        "bmctl restore node/x",
        "bmctl frobnicate",
        "bmctl check",
        "bmctl get pods",
        "bmctl skip nod worker-0",
        "bmctl skip node node-1",
        "bmctl enable -h",
        "bmctl -Vq",
        "bmctl controller manifests --namespace vm-system",
        "bmctl enable  vmruntime",
    ]);
}

#[test]
fn characters_of_a_document_are_replaced() {
    takes(&[
        (
            "bmctl enable vmruntime –ensure",
            "bmctl enable vmruntime --ensure",
        ),
        (
            "bmctl enable vmruntime —timeout=5m",
            "bmctl enable vmruntime --timeout=5m",
        ),
        (
            "bmctl enable vmruntime −-wait false",
            "bmctl enable vmruntime --wait=false",
        ),
        (
            "bmctl status vmruntime –o json",
            "bmctl status vmruntime -o json",
        ),
        (
            "bmctl status vmruntime --context “prod”",
            "bmctl status vmruntime --context prod",
        ),
        (
            "bmctl status vmruntime --context=‘prod’",
            "bmctl status vmruntime --context=prod",
        ),
        ("bmctl enable\u{a0}vmruntime", "bmctl enable vmruntime"),
        ("bmctl enable vmruntime\u{200b}", "bmctl enable vmruntime"),
        (
            "bmctl enable vmruntime \\ --ensure",
            "bmctl enable vmruntime --ensure",
        ),
        ("bmctl enable vmruntime\r", "bmctl enable vmruntime"),
        (
            "bmctl enable vmruntime _ _--ensure",
            "bmctl enable vmruntime --ensure",
        ),
    ]);
}

#[test]
fn nothing_that_deletes_is_guessed_from_them() {
    refuses(&[
        (
            "bmctl disable vmruntime —force=true",
            "word processor",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl disable –force true -c prod",
            "word processor",
            "bmctl disable vmruntime --force=true -c prod",
        ),
        (
            "bmctl disable vmruntime --confirm “prod”",
            "word processor",
            "bmctl disable vmruntime --confirm prod",
        ),
        (
            "bmctl controller uninstall –yes",
            "word processor",
            "bmctl controller uninstall --yes",
        ),
    ]);
}

#[test]
fn words_of_kubectl_are_understood() {
    takes(&[
        ("bmctl get vmruntime", "bmctl status vmruntime"),
        (
            "bmctl get vmruntimes -o json",
            "bmctl status vmruntimes -o json",
        ),
        ("bmctl get VMRuntime vmruntime", "bmctl status vmruntime"),
        ("bmctl describe vmruntime", "bmctl status vmruntime"),
        (
            "bmctl describe vmruntime/vmruntime",
            "bmctl status vmruntime",
        ),
        (
            "bmctl describe vmruntimepfc one",
            "bmctl get vmruntimepfc one",
        ),
        ("bmctl list vmruntimepfc", "bmctl get vmruntimepfc"),
        ("bmctl get vmruntimepfc/one", "bmctl get vmruntimepfc one"),
        ("bmctl Enable VMRuntime", "bmctl enable vmruntime"),
        ("bmctl skip node/worker-0", "bmctl skip node worker-0"),
        ("bmctl skip node node/a node/b", "bmctl skip node a b"),
    ]);
    refuses(&[
        (
            "bmctl get vmruntimepfc -n vm-system",
            "no -n",
            "bmctl get vmruntimepfc",
        ),
        (
            "bmctl status vmruntime -A",
            "no -A",
            "bmctl status vmruntime",
        ),
        (
            "bmctl status vmruntime --all-namespaces -o json",
            "no --all-namespaces",
            "bmctl status vmruntime -o json",
        ),
        (
            "bmctl status --namespace=vm-system",
            "no --namespace",
            "bmctl status vmruntime",
        ),
        (
            "bmctl delete vmruntime --context prod",
            "no command 'delete'",
            "bmctl disable vmruntime --context prod",
        ),
        (
            "bmctl create vmruntime",
            "no command 'create'",
            "bmctl enable vmruntime",
        ),
        (
            "bmctl patch vmruntime",
            "no command 'patch'",
            "bmctl update vmruntime",
        ),
        (
            "bmctl status vmruntime --kube-context a",
            "no --kube-context",
            "bmctl status vmruntime --context a",
        ),
        (
            "bmctl disable vmruntime -force=true",
            "one hyphen",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl status vmruntime -context prod",
            "one hyphen",
            "bmctl status vmruntime --context prod",
        ),
    ]);
}

#[test]
fn the_only_noun_may_be_left_out() {
    takes(&[
        ("bmctl status", "bmctl status vmruntime"),
        ("bmctl status -o json", "bmctl status vmruntime -o json"),
        (
            "bmctl --context prod enable --ensure",
            "bmctl --context prod enable vmruntime --ensure",
        ),
        ("bmctl -o json get", "bmctl -o json get vmruntimepfc"),
        ("bmctl get latest", "bmctl get vmruntimepfc latest"),
        (
            "bmctl skip worker-0 node-1",
            "bmctl skip node worker-0 node-1",
        ),
        (
            "bmctl auth enable vmruntime",
            "bmctl auth check enable vmruntime",
        ),
        ("bmctl wait --for ready", "bmctl wait vmruntime --for ready"),
    ]);
}

#[test]
fn another_order_is_said() {
    refuses(&[
        (
            "bmctl vmruntime enable --wait false",
            "verb comes first",
            "bmctl enable vmruntime --wait=false",
        ),
        (
            "bmctl VMRuntime Disable --force=true",
            "verb comes first",
            "bmctl disable vmruntime --force=true",
        ),
        (
            "bmctl vmruntimepfc check -o json",
            "verb comes first",
            "bmctl check vmruntimepfc -o json",
        ),
        (
            "bmctl vmruntime get",
            "verb comes first",
            "bmctl status vmruntime",
        ),
        (
            "bmctl vmruntime delete",
            "no command 'delete'",
            "bmctl disable vmruntime",
        ),
        (
            "bmctl vmruntime",
            "what is to be done with vmruntime?",
            "bmctl --help",
        ),
    ]);
}

#[test]
fn commands_of_googles_program_are_named_as_such() {
    for typed in [
        "create cluster -c prod",
        "create config -c prod",
        "check cluster",
        "check nodes",
        "check preflight",
        "upgrade cluster",
        "reset",
        "install",
        "push images",
        "move",
        "backup cluster",
        "restore cluster --backup-file x",
        "update cluster",
        "update credentials",
        "register bootstrap",
        "configure projects",
        "get config",
    ] {
        let failure = meant(&format!("bmctl {typed}")).unwrap_err();
        assert!(
            failure.message.contains("Google's bmctl"),
            "{typed}: {failure:?}"
        );
        assert_eq!(failure.hints.len(), 2);
    }
}

#[test]
fn nothing_that_is_typed_is_quoted_where_it_is_a_secret() {
    let failure = meant("bmctl vmruntime enable --as=sha256~canary").unwrap_err();
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[test]
fn a_variable_is_the_default_of_its_flag() {
    let all = [
        ("BMCTL_KUBECONFIG", "k"),
        ("BMCTL_CONTEXT", "c"),
        ("BMCTL_CLUSTER", ""),
        ("BMCTL_OUTPUT", "json"),
        ("BMCTL_TIMEOUT", "5m"),
    ];
    for (typed, expected) in [
        (
            "bmctl status vmruntime",
            "bmctl --output=json --context=c --kubeconfig=k status vmruntime",
        ),
        (
            "bmctl status",
            "bmctl --output=json --context=c --kubeconfig=k status vmruntime",
        ),
        (
            "bmctl status --context a -oyaml",
            "bmctl --kubeconfig=k status vmruntime --context a -oyaml",
        ),
        // Whoever names a cluster gets that one.
        (
            "bmctl status --kubeconfig a -qo yaml",
            "bmctl status vmruntime --kubeconfig a -qo yaml",
        ),
        (
            "bmctl status -c a -o text",
            "bmctl status vmruntime -c a -o text",
        ),
        (
            "bmctl status -qca -o text",
            "bmctl status vmruntime -qca -o text",
        ),
        (
            "bmctl status --all-contexts -o text",
            "bmctl --kubeconfig=k status vmruntime --all-contexts -o text",
        ),
        (
            "bmctl enable -o text -c a",
            "bmctl enable vmruntime -o text -c a --timeout=5m",
        ),
        (
            "bmctl enable -o text -c a --timeout 1m",
            "bmctl enable vmruntime -o text -c a --timeout 1m",
        ),
        (
            "bmctl sandbox run -c a -o text -- enable",
            "bmctl sandbox run -c a -o text -- enable",
        ),
        ("bmctl help environment", "bmctl help environment"),
        ("bmctl enable -h", "bmctl enable -h"),
        ("bmctl", "bmctl"),
    ] {
        let read = read_line(typed, &all);
        assert!(read.objection.is_none(), "{typed}: {read:?}");
        assert_eq!(quoted::line(read.arguments), expected, "{typed}");
    }
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    for (variable, value, cause) in [
        (
            "BMCTL_OUTPUT",
            "xml",
            "expected one of text, wide, json, yaml, name, junit",
        ),
        (
            "BMCTL_TIMEOUT",
            "ten",
            "expected a duration such as 90s, 10m or 1h30m",
        ),
        (
            "BMCTL_KUBECONFIG",
            "apiVersion: v1\nusers: canary",
            "not a path",
        ),
        ("BMCTL_CONTEXT", "a\nb", "not a name"),
    ] {
        let read = read_line("bmctl enable", &[(variable, value)]);
        let failure = read.objection.unwrap();
        assert_eq!(failure.kind, Kind::Usage);
        assert!(failure.message.starts_with(variable), "{failure:?}");
        assert!(
            failure.causes.iter().any(|it| it.contains(cause)),
            "{failure:?}"
        );
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    }
    let ignored = read_line("bmctl status", &[("BMCTL_TIMEOUT", "ten")]);
    assert!(ignored.objection.is_none());
}

#[test]
fn every_default_is_of_a_flag_and_consents_to_nothing() {
    let definition = Cli::command();
    let line = Line::of(&definition, &words(&["enable", "vmruntime"]));
    for default in DEFAULTS {
        let argument = line.argument(line.command(), &format!("--{}", default.flag));
        let argument = argument.unwrap_or_else(|| panic!("{}", default.flag));
        assert_eq!(argument.get_short(), default.short(), "{}", default.flag);
        let consents = [
            "force",
            "confirm",
            "yes",
            "backup",
            "no-backup",
            "keep-disks",
        ];
        assert!(!consents.contains(&default.flag));
        let name = default.flag.replace('-', "_").to_uppercase();
        assert_eq!(default.variable, format!("BMCTL_{name}"));
    }
}
