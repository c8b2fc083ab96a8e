//! What is left to be told when the program itself has made a mistake: the error, and the result that `-o` and
//! `--report` promise on every ending.

use std::{env, ffi::OsString};

use super::{
    context::startup_failure::{Early, ErrorOutput},
    usage::{Asked, named},
};
use crate::{
    cli::Program,
    failure::{Failure, Hint, Kind, Reason, Suggested},
    render::Document,
};

/// Tells it. It is called once, by the panic hook, in whatever thread and state the program is: what was typed is read
/// anew.
pub fn tell(what: &str) {
    let arguments: Vec<OsString> = env::args_os().collect();
    let program = arguments
        .first()
        .map_or_else(Program::default, |name| Program::of(name));
    let asked = Asked::of(&arguments);
    let early = Early::owed(asked.progress).unwrap_or_else(|| Early::of(&asked));
    if early.ui().stderr.terminal {
        // Progress may stand in the line.
        early.ui().note("");
    }
    let failure = failure(program, what);
    let error_output = ErrorOutput::of(early.ui(), &failure);
    early.end(
        Document::of_failure(&named(&arguments), &failure),
        Some(error_output),
    );
}

fn failure(program: Program, what: &str) -> Failure {
    Failure::new(
        Kind::Other,
        Reason::InternalError,
        "bmctl has made a mistake and has ended; how the cluster was left is not known",
    )
    .caused_by(what)
    .hint("run the same command again: it goes on where this one ended")
    .hint(Hint::run(
        "report it, with this text and the output of",
        Suggested::Ready(format!("{} version -o json", program.name())),
    ))
}
