//! Flags of other programs: kubectl's, Helm's, Google's own bmctl's, and ours with one hyphen. They are said, not taken.

use super::{
    Program, instead,
    line::{Line, Part},
    text,
};
use crate::{api::name::SYSTEM_NAMESPACE, failure::Failure};

/// Flags of other programs that have no counterpart, or another name.
pub(super) fn known(program: Program, line: &Line<'_>) -> Result<(), Failure> {
    const NAMESPACED: [&str; 4] = ["-n", "--namespace", "-A", "--all-namespaces"];
    const RENAMED: [(&str, &str); 3] = [
        ("--admin-kubeconfig", "--kubeconfig"),
        ("--kube-context", "--context"),
        ("--kubeconfig-path", "--kubeconfig"),
    ];
    let command = line.command();
    let parts = line.parts();
    for (at, word) in line.words.iter().enumerate() {
        let word = text(word);
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word, None),
        };
        if parts[at] != Part::Flag || line.argument(command, flag).is_some() {
            continue;
        }
        let mut right = line.clone();
        if NAMESPACED.contains(&flag) {
            let follows = value.is_none() && !is_switch(flag);
            let last = at + usize::from(follows && parts.get(at + 1) == Some(&Part::Bare));
            right.words.drain(at..=last);
            return Err(instead(
                program,
                &format!(
                    "there is no {flag}: VM Runtime is one for the whole cluster, and its checks are in namespace {SYSTEM_NAMESPACE}"
                ),
                "without it",
                &right,
            ));
        }
        if let Some((_, ours)) = RENAMED.iter().find(|(other, _)| *other == flag) {
            let value = value.map(|value| format!("={value}")).unwrap_or_default();
            right.words[at] = format!("{ours}{value}").into();
            return Err(instead(
                program,
                &format!("there is no {flag}"),
                "here it is",
                &right,
            ));
        }
        one_hyphen(program, line, at)?;
    }
    Ok(())
}

fn is_switch(flag: &str) -> bool {
    matches!(flag, "-A" | "--all-namespaces")
}

/// `-force=true`, as Go's own flags are written: a hyphen with the name of a flag, which letters would be read from.
fn one_hyphen(program: Program, line: &Line<'_>, at: usize) -> Result<(), Failure> {
    let word = text(&line.words[at]);
    let long = format!("-{word}");
    let name = word.split('=').next().unwrap_or_default();
    if word.starts_with("--") || name.len() < 4 || line.argument(line.command(), &long).is_none() {
        return Ok(());
    }
    let mut right = line.clone();
    right.words[at] = long.into();
    Err(instead(
        program,
        &format!("{name} has one hyphen, and would be read as letters"),
        "with two",
        &right,
    ))
}
