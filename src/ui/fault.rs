//! A fault of the program itself: a panic, in whatever thread. `main` arms it once.
//!
//! The whole program ends then. A part that has died must not leave the others going on as if it were there: a
//! controller that no longer looks, a sandbox whose nodes stand still, would be a lie that nobody notices.

use std::{
    io::{self, Write},
    process,
};

use crate::{exit::Exit, render::clean};

/// Says what happened and where, and ends with exit code 1. Nothing is unwound: release builds could not.
#[allow(
    clippy::exit,
    reason = "main can not be returned to from a thread that has panicked"
)]
pub fn end_program() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let what = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no words");
        let place = info.location().map(ToString::to_string);
        // If even that fails there is nobody left to tell.
        let _ = io::stderr()
            .lock()
            .write_all(told(what, place.as_deref()).as_bytes());
        process::exit(i32::from(Exit::Error.code()));
    }));
}

fn told(what: &str, place: Option<&str>) -> String {
    let place = place.map_or_else(String::new, |place| format!(" ({place})"));
    format!(
        "\nerror: bmctl has made a mistake and has ended; how the cluster was left is not known\n\
         caused by: {}{place}\n\
         hint: run the same command again: it goes on where this one ended\n\
         hint: report it, with this text and the output of: bmctl version -o json\n",
        clean(what)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_happened_and_where() {
        let said = told("three \x1b[31mnodes", Some("src/x.rs:7:9"));
        assert!(
            said.contains("caused by: three nodes (src/x.rs:7:9)\n"),
            "{said}"
        );
    }
}
