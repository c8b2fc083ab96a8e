//! What was typed, as it is meant: a function of the words to the words that the definition of the command line takes, or to
//! what is wrong with them. `commands::run` asks it before clap.
//!
//! It knows what people bring along: pages of a browser (`--force = true`, dashes and quotes of a word processor), kubectl's
//! words (`get vmruntime`), cobra's switches (`--ensure=true`), the commands of Google's own bmctl. It takes what has one
//! reading only, and never guesses where virtual machines may be deleted: then it says what to type. What stands behind
//! `--` is another program's.

mod default;
mod flag;
mod foreign;
mod line;
mod spelling;
mod value;

use std::ffi::{OsStr, OsString};

pub use default::{DEFAULTS, Default as VariableDefault};
pub use foreign::LATEST;
use line::Line;

use crate::{
    cli::{Program, quoted},
    failure::{Failure, Hint, Kind, Reason, Suggested},
};

/// The words, corrected, and why they cannot be taken all the same.
#[derive(Debug)]
pub struct Typed {
    /// With the program's own name, and with the defaults from variables.
    pub arguments: Vec<OsString>,
    pub objection: Option<Failure>,
}

/// Reads the words. `variable` is the environment.
pub fn read(
    program: Program,
    definition: &clap::Command,
    arguments: &[OsString],
    variable: impl Fn(&str) -> Option<OsString>,
) -> Typed {
    let Some((name, words)) = arguments.split_first() else {
        return Typed {
            arguments: Vec::new(),
            objection: None,
        };
    };
    let mut line = Line::of(definition, words);
    let objection = corrected(program, &mut line).err();
    let defaults = default::add(&mut line, variable);
    let mut arguments = vec![name.clone()];
    arguments.extend(line.into_words());
    Typed {
        arguments,
        objection: objection.or(defaults.err()),
    }
}

/// What has one reading only is corrected; anything else that is known is said.
fn corrected(program: Program, line: &mut Line<'_>) -> Result<(), Failure> {
    let pasted = spelling::corrected(line);
    spelling::small_letters(line);
    value::joined(line);
    foreign::translated(program, line)?;
    flag::known(program, line)?;
    if pasted && line.deletes() {
        return Err(instead(
            program,
            "there are characters in it that a word processor or a web page has put there, such as – or “",
            "what was probably meant",
            line,
        ));
    }
    Ok(())
}

/// Wrong usage, with the command line that is right.
fn instead(program: Program, message: &str, why: &str, right: &Line<'_>) -> Failure {
    Failure::new(Kind::Usage, Reason::InvalidUsage, message).hint(Hint::run(
        why,
        Suggested::Ready(pasted(program, right.clone().into_words())),
    ))
}

fn pasted(program: Program, words: Vec<OsString>) -> String {
    format!("{} {}", program.name(), quoted::line(words))
}

/// As text, where it is text.
fn text(word: &OsStr) -> &str {
    word.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
