//! Values of flags where people put them: `--force true`, `--force = true`, `--ensure=false`, `--timeout = 10m`.

use std::ffi::OsString;

use super::{
    line::{Line, Part, Shape, shape},
    text,
};
use crate::cli::go_bool;

/// Puts each value behind the equals sign of its flag. A word that may be the value of an argument without a name stays
/// where it is.
pub(super) fn joined(line: &mut Line<'_>) {
    let command = line.command();
    let named_only = !command
        .get_positionals()
        .any(|argument| !argument.is_last_set());
    let mut words: Vec<OsString> = Vec::new();
    let parts = line.parts();
    let mut at = 0;
    while let Some(word) = line.words.get(at) {
        let flag = text(word);
        let argument = line.argument(command, flag);
        let next = |number: usize| line.words.get(at + number).map(|word| text(word));
        let known = argument.filter(|_| parts[at] == Part::Flag);
        let Some(argument) = known.filter(|argument| shape(argument) != Shape::Other) else {
            words.push(word.clone());
            at += 1;
            continue;
        };
        let shape = shape(argument);
        let (name, own) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (flag, None),
        };
        let fits = |value: &str| match shape {
            Shape::Switch | Shape::Optional => accepts(argument, value),
            Shape::Valued => !value.is_empty(),
            Shape::Other => false,
        };
        let behind = next(1).and_then(|next| next.strip_prefix('='));
        let (value, used) = match (own, behind) {
            // `--force= true`; a name that is empty is a variable that is not set.
            (Some(""), _) if shape != Shape::Valued && next(1).is_some_and(fits) => (next(1), 2),
            (Some(value), _) => (Some(value), 1),
            (None, Some("")) if next(2).is_some_and(fits) => (next(2), 3),
            (None, Some(value)) if fits(value) => (Some(value), 2),
            (None, None) if shape != Shape::Valued && named_only && next(1).is_some_and(fits) => {
                (next(1), 2)
            }
            (None, _) => (None, 1),
        };
        at += used;
        let value = value.filter(|value| used > 1 || (shape == Shape::Switch && fits(value)));
        match value {
            None => words.push(word.clone()),
            Some(value) if shape == Shape::Switch => {
                if go_bool(value) == Ok(true) {
                    words.push(name.into());
                } else {
                    // The last word counts: it is not to be so.
                    words.retain(|earlier| earlier != name);
                }
            }
            Some(value) => words.push(format!("{name}={value}").into()),
        }
    }
    line.words = words;
}

/// Is this one of the values that the flag has?
fn accepts(argument: &clap::Arg, value: &str) -> bool {
    let possible = argument.get_possible_values();
    if possible.is_empty() || shape(argument) == Shape::Switch {
        go_bool(value).is_ok()
    } else {
        possible.iter().any(|known| known.matches(value, false))
    }
}
