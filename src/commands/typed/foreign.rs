//! Words of other programs: kubectl's, Google's own bmctl's; our own in another order, or without the noun.

use std::ffi::OsString;

use super::{
    Program, instead,
    line::{Line, only},
    text,
};
use crate::{
    command_id::CommandId,
    failure::{Failure, Hint, Kind, Reason, Suggested, nearest, shown},
};

/// Verbs of Google's bmctl that are none of ours.
const GOOGLES_VERBS: &[&str] = &[
    "backup",
    "configure",
    "create",
    "install",
    "move",
    "push",
    "register",
    "reset",
    "upgrade",
];

/// Verbs that both have, with nouns that only Google's has; and what ours does.
const GOOGLES_NOUNS: &[(&str, &[&str], CommandId, &str)] = &[
    (
        "check",
        &[
            "add-ons",
            "cluster",
            "config",
            "gcp",
            "images",
            "kubernetes",
            "networking",
            "node-problem-detector",
            "nodes",
            "preflight",
        ],
        CommandId::CheckVmruntimepfc,
        "ours checks whether nodes can run VMs",
    ),
    (
        "update",
        &["cluster", "credentials"],
        CommandId::UpdateVmruntime,
        "ours changes the settings of VM Runtime",
    ),
    (
        "get",
        &["config"],
        CommandId::GetVmruntimepfc,
        "ours shows preflight checks of VM Runtime",
    ),
    (
        "restore",
        &["cluster"],
        CommandId::Restore,
        "ours puts back what a disable has saved; a folder of that name is ./cluster",
    ),
];

/// Verbs of other tools, and ours for the same.
const OTHER_VERBS: &[(&[&str], CommandId)] = &[
    (
        &[
            "create", "apply", "start", "on", "activate", "install", "add",
        ],
        CommandId::EnableVmruntime,
    ),
    (
        &[
            "delete",
            "remove",
            "uninstall",
            "stop",
            "off",
            "deactivate",
            "rm",
        ],
        CommandId::DisableVmruntime,
    ),
    (
        &["edit", "patch", "set", "configure", "modify", "change"],
        CommandId::UpdateVmruntime,
    ),
    (
        &["describe", "info", "logs", "show", "top", "view"],
        CommandId::StatusVmruntime,
    ),
    (&["history", "list", "ls"], CommandId::GetVmruntimepfc),
    (&["cordon"], CommandId::SkipNode),
    (&["uncordon"], CommandId::UnskipNode),
];

/// The words of our own commands in the place of others.
pub(super) fn translated(program: Program, line: &mut Line<'_>) -> Result<(), Failure> {
    let Some(first) = line.bare_word(0).map(str::to_owned) else {
        return Ok(());
    };
    name_behind_slash(line);
    if line.definition().find_subcommand(&first).is_some() {
        looked_at(line);
        googles_noun(program, line)?;
        noun(line);
        return Ok(());
    }
    in_other_order(program, line)?;
    if described(line) {
        noun(line);
        return Ok(());
    }
    let second = line.bare_word(1).map(str::to_lowercase);
    let about_ours = second.as_deref().is_some_and(|noun| is_noun(line, noun));
    let first = first.to_lowercase();
    if !about_ours && GOOGLES_VERBS.contains(&first.as_str()) {
        let ours = "ours turns VM Runtime of a cluster on and off, and checks its nodes";
        return Err(googles(program, line, ours, CommandId::Help));
    }
    let other = OTHER_VERBS
        .iter()
        .find(|(verbs, _)| verbs.contains(&first.as_str()));
    match other {
        Some((_, ours)) if about_ours || second.is_none() => Err(instead(
            program,
            &format!("there is no command '{first}'"),
            "what does that here",
            &with_command(line, *ours),
        )),
        Some(_) | None => Ok(()),
    }
}

/// `get vmruntime`, as kubectl has it, is our status.
fn looked_at(line: &mut Line<'_>) {
    let (Some("get"), Some(noun)) = (line.bare_word(0), line.bare_word(1)) else {
        return;
    };
    let noun = noun.to_lowercase();
    if belongs_to("status", &noun, line) {
        let bare = line.bare();
        line.words[bare[0]] = "status".into();
        line.words[bare[1]] = noun.into();
    }
}

/// `describe vmruntime`, `list vmruntimepfc` and the like change nothing; says whether it was one of them.
fn described(line: &mut Line<'_>) -> bool {
    const VERBS: [&str; 5] = ["describe", "list", "ls", "show", "view"];
    let verb = line.bare_word(0).map(str::to_lowercase);
    if !verb.is_some_and(|verb| VERBS.contains(&verb.as_str())) {
        return false;
    }
    let Some(noun) = line.bare_word(1).map(str::to_lowercase) else {
        return false;
    };
    let verb = ["status", "get"]
        .into_iter()
        .find(|verb| belongs_to(verb, &noun, line));
    let Some(verb) = verb else { return false };
    let bare = line.bare();
    line.words[bare[0]] = verb.into();
    line.words[bare[1]] = noun.into();
    true
}

/// `KIND/NAME` as kubectl takes it, where the kind is one of ours.
fn name_behind_slash(line: &mut Line<'_>) {
    let verb = line
        .bare_word(0)
        .and_then(|verb| line.definition().find_subcommand(verb));
    if verb.is_some_and(|verb| !verb.has_subcommands()) {
        // A path may look like that.
        return;
    }
    for at in line.bare().into_iter().skip(1).rev() {
        let Some((kind, name)) = text(&line.words[at]).split_once('/') else {
            continue;
        };
        let kind = kind.to_lowercase();
        if name.is_empty() || name.contains('/') || !is_noun(line, &kind) {
            continue;
        }
        let name = name.to_owned();
        line.words.splice(at..=at, [kind.into(), name.into()]);
        let bare = line.bare();
        let number = bare.iter().position(|bare| *bare == at).unwrap_or_default();
        if number > 1 {
            // `skip node node/a node/b`: the noun is there already.
            line.words.remove(at);
        }
    }
}

/// The noun, where there is but one and it was left out; and without the name of the one VMRuntime.
fn noun(line: &mut Line<'_>) {
    let bare = line.bare();
    let Some(verb) = bare.first().map(|at| text(&line.words[*at]).to_owned()) else {
        return;
    };
    let Some(command) = line.definition().find_subcommand(&verb) else {
        return;
    };
    let Some(noun) = only(command) else {
        return;
    };
    let words: Vec<String> = bare[1..]
        .iter()
        .map(|at| text(&line.words[*at]).to_owned())
        .collect();
    let is_noun = |word: &str| command.find_subcommand(word).is_some();
    match words.as_slice() {
        [first, second, ..] if is_noun(first) && is_noun(second) && first.contains("vmruntime") => {
            if noun.get_positionals().next().is_none() {
                line.words.remove(bare[2]);
            }
        }
        [first, ..] if is_noun(first) => {}
        [first, ..] if !may_be_value(noun, first) => {}
        _ if line.has("help", Some('h')) => {}
        _ => line.words.insert(bare[0] + 1, noun.get_name().into()),
    }
}

/// Is the word the value of that command's, and not a noun that was mistyped?
fn may_be_value(noun: &clap::Command, word: &str) -> bool {
    let name = noun.get_name().to_owned();
    if name == "vmruntimepfc" {
        // A kind of kubectl's would be looked for as a name.
        return word == LATEST;
    }
    let mistyped = word.chars().all(char::is_alphabetic) && nearest(word, &[name]).is_some();
    noun.get_positionals().next().is_some() && !mistyped
}

/// The newest check, in the place of its name.
pub const LATEST: &str = "latest";

/// `vmruntime enable`.
fn in_other_order(program: Program, line: &Line<'_>) -> Result<(), Failure> {
    let bare = line.bare();
    let word = |number: usize| {
        bare.get(number)
            .map(|at| text(&line.words[*at]).to_lowercase())
    };
    let (Some(noun), verb) = (word(0), word(1)) else {
        return Ok(());
    };
    if !is_noun(line, &noun) {
        return Ok(());
    }
    let Some(verb) = verb else {
        return Err(Failure::new(
            Kind::Usage,
            Reason::InvalidUsage,
            format!("what is to be done with {}?", shown(&noun)),
        )
        .hint(Hint::run(
            "the commands",
            Suggested::Ready(program.name().to_owned() + " --help"),
        )));
    };
    let mut right = line.clone();
    right.words[bare[0]] = verb.clone().into();
    right.words[bare[1]] = noun.clone().into();
    if belongs_to(&verb, &noun, line) {
        return Err(instead(
            program,
            "the verb comes first",
            "in the right order",
            &right,
        ));
    }
    // `vmruntime get`, `vmruntime delete`: right in order, and still another program's.
    match translated(program, &mut right) {
        Ok(()) if right.words[bare[0]] != OsString::from(&verb) => Err(instead(
            program,
            "the verb comes first",
            "in the right order",
            &right,
        )),
        said => said,
    }
}

fn googles_noun(program: Program, line: &Line<'_>) -> Result<(), Failure> {
    let (Some(verb), Some(noun)) = (line.bare_word(0), line.bare_word(1)) else {
        return Ok(());
    };
    let noun = noun.to_lowercase();
    let known = GOOGLES_NOUNS
        .iter()
        .find(|(googles, nouns, _, _)| *googles == verb && nouns.contains(&noun.as_str()));
    match known {
        Some((_, _, ours, what)) => Err(googles(program, line, what, *ours)),
        None => Ok(()),
    }
}

/// A command of Google's program of the same name.
fn googles(program: Program, line: &Line<'_>, what: &str, ours: CommandId) -> Failure {
    let words: Vec<String> = [line.bare_word(0), line.bare_word(1)]
        .into_iter()
        .flatten()
        .map(|word| shown(word).into_owned())
        .collect();
    Failure::new(
        Kind::Usage,
        Reason::InvalidUsage,
        format!(
            "'{}' is a command of Google's bmctl; {what}",
            words.join(" ")
        ),
    )
    .hint("Google's program has the same name: run it by its path")
    .hint(Hint::run(
        "what ours does",
        Suggested::Ready(match ours {
            CommandId::Help => format!("{} --help", program.name()),
            ours => format!("{} help {ours}", program.name()),
        }),
    ))
}

/// The line with another verb and noun.
fn with_command<'a>(line: &Line<'a>, ours: CommandId) -> Line<'a> {
    let mut right = line.clone();
    let bare = right.bare();
    for at in bare.iter().take(2).rev() {
        right.words.remove(*at);
    }
    let at = bare.first().copied().unwrap_or_default();
    let words = ours.words().split(' ').map(OsString::from);
    right.words.splice(at..at, words);
    right
}

/// Does any of our verbs have this noun?
fn is_noun(line: &Line<'_>, noun: &str) -> bool {
    const VERBS: [&str; 3] = ["status", "get", "skip"];
    VERBS.iter().any(|verb| belongs_to(verb, noun, line))
}

fn belongs_to(verb: &str, noun: &str, line: &Line<'_>) -> bool {
    let verb = line.definition().find_subcommand(verb);
    verb.is_some_and(|verb| verb.find_subcommand(noun).is_some())
}
