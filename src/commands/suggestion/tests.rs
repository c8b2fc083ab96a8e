use clap::Parser as _;

use super::*;
use crate::{
    cli::Program,
    commands::Cli,
    failure::{Kind, Reason, kubectl},
};

fn global(flags: &str) -> GlobalArgs {
    let words = format!("bmctl version {flags}");
    Cli::try_parse_from(words.split_whitespace())
        .unwrap()
        .global
}

fn place(files: &[&str], context: &str) -> Place {
    Place {
        files: files.iter().map(PathBuf::from).collect(),
        context: context.to_owned(),
        passing: false,
    }
}

fn line(flags: &str, place: Option<&Place>, command: impl Into<Suggested>) -> String {
    pasted(&global(flags), place, &command.into()).unwrap()
}

#[test]
fn what_changes_names_the_cluster_that_was_found() {
    let one = place(&["/home/eve/.kube/config"], "prod");
    let listed = place(&["/a", "/b c"], "prod");
    let pod = place(&[], "");
    for (flags, place, own, other) in [
        (
            "",
            &one,
            "bmctl disable vmruntime --kubeconfig /home/eve/.kube/config --context prod",
            "kubectl --kubeconfig /home/eve/.kube/config --context prod delete namespace x",
        ),
        (
            "",
            &listed,
            "KUBECONFIG='/a:/b c' bmctl disable vmruntime --context prod",
            "KUBECONFIG='/a:/b c' kubectl --context prod delete namespace x",
        ),
        (
            "--context other",
            &listed,
            "KUBECONFIG='/a:/b c' bmctl disable vmruntime --context other",
            "KUBECONFIG='/a:/b c' kubectl --context other delete namespace x",
        ),
        (
            "--kubeconfig f",
            &place(&["f"], "prod"),
            "bmctl disable vmruntime --kubeconfig f --context prod",
            "kubectl --kubeconfig f --context prod delete namespace x",
        ),
        (
            "--cluster c --as eve",
            &place(&["bmctl-workspace/c/c-kubeconfig"], "prod"),
            "bmctl disable vmruntime --context prod --cluster c --as eve",
            "kubectl --kubeconfig bmctl-workspace/c/c-kubeconfig --context prod --as eve delete namespace x",
        ),
        (
            "",
            &place(&["bmctl-workspace/c/c-kubeconfig"], "prod"),
            "bmctl disable vmruntime --context prod --cluster c",
            "kubectl --kubeconfig bmctl-workspace/c/c-kubeconfig --context prod delete namespace x",
        ),
        // There is no other one there.
        (
            "",
            &pod,
            "bmctl disable vmruntime",
            "kubectl delete namespace x",
        ),
    ] {
        assert_eq!(
            line(flags, Some(place), CommandId::DisableVmruntime),
            own,
            "{flags}"
        );
        assert_eq!(
            line(flags, Some(place), kubectl("delete namespace x")),
            other,
            "{flags}"
        );
    }
}

/// Whoever lacks a right cannot give it to themselves.
#[test]
fn what_an_administrator_runs_acts_as_nobody() {
    let found = place(&["/k"], "prod");
    let permitting = kubectl("create role r").by_administrator();
    assert_eq!(
        line("--as eve --as-group g", Some(&found), permitting),
        "kubectl --kubeconfig /k --context prod create role r"
    );
}

/// Every command, whether a cluster was named or found.
#[test]
fn no_command_that_changes_something_leaves_its_cluster_out() {
    let found = place(&["/k"], "prod");
    for &command in CommandId::ALL {
        for flags in ["", "--context prod", "--kubeconfig f", "--cluster c"] {
            let said = line(flags, Some(&found), command);
            let named = ["--kubeconfig ", "--cluster "]
                .iter()
                .any(|flag| said.contains(flag));
            match command.effect() {
                Effect::Changes => assert!(named && said.contains("--context prod"), "{said}"),
                Effect::Reads => assert_eq!(said, format!("bmctl {command} {flags}").trim_end()),
                Effect::Offline => assert_eq!(said, format!("bmctl {command}")),
            }
        }
    }
}

#[test]
fn what_reads_repeats_what_was_given() {
    let found = place(&["/k"], "prod");
    for (flags, own, other) in [
        ("", "bmctl status vmruntime", "kubectl get nodes"),
        (
            "--kubeconfig admin.conf --context one",
            "bmctl status vmruntime --kubeconfig admin.conf --context one",
            "kubectl --kubeconfig admin.conf --context one get nodes",
        ),
        (
            "--cluster c",
            "bmctl status vmruntime --cluster c",
            "kubectl --kubeconfig bmctl-workspace/c/c-kubeconfig get nodes",
        ),
    ] {
        assert_eq!(line(flags, Some(&found), CommandId::StatusVmruntime), own);
        assert_eq!(line(flags, Some(&found), kubectl("get nodes")), other);
    }
    let installing = line(
        "--kubeconfig f",
        Some(&place(&["f"], "c")),
        crate::failure::installing(),
    );
    assert_eq!(
        installing,
        "bmctl controller manifests --image IMAGE | kubectl --kubeconfig f --context c apply -f -"
    );
}

#[test]
fn a_plugin_names_itself() {
    let mut global = global("--context one");
    global.program = Program::KubectlPlugin;
    let said = |command: Suggested| pasted(&global, None, &command).unwrap();
    assert_eq!(
        said(CommandId::CheckVmruntimepfc.into()),
        "kubectl vmruntime check vmruntimepfc --context one"
    );
    assert_eq!(
        said(crate::failure::installing().into()),
        "kubectl vmruntime controller manifests --image IMAGE | kubectl --context one apply -f -"
    );
}

#[test]
fn a_name_cannot_pass_for_a_flag_or_leave_its_word() {
    let odd = place(&["/k"], "--force=true; rm -rf ~");
    assert_eq!(
        line("", Some(&odd), CommandId::DisableVmruntime),
        "bmctl disable vmruntime --kubeconfig /k --context='--force=true; rm -rf ~'"
    );
}

#[test]
fn for_a_cluster_that_is_gone_nothing_is_suggested_but_how_to_keep_one() {
    let passing = Place {
        passing: true,
        ..place(&["/tmp/k"], "sandbox")
    };
    let failure = Failure::new(Kind::CheckFailed, Reason::PreflightFailed, "no")
        .hint(Hint::run("to undo", CommandId::DisableVmruntime))
        .hint(Hint::run("look", kubectl("get nodes")))
        .hint(Hint::run("what it means", CommandId::Explain.with("KVM")))
        .hint("words");
    let told = |place: Option<&Place>| {
        let ready = ready(
            &global(""),
            CommandId::EnableVmruntime,
            place,
            failure.clone(),
        );
        ready.hints.iter().map(Hint::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        told(Some(&passing)),
        [
            "what it means: bmctl explain KVM",
            "words",
            "this sandbox ends with 'sandbox run'; to keep one: bmctl sandbox start"
        ]
    );
    assert_eq!(told(None).len(), 4);
    // One that is named is another.
    let other = Own {
        cluster: Some("mine".to_owned()),
        ..CommandId::EnableVmruntime.into()
    };
    assert_eq!(
        line("", Some(&passing), other),
        "bmctl enable vmruntime --cluster mine"
    );
}
