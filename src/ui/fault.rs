//! A fault of the program itself: a panic, in whatever thread. `main` arms it once.
//!
//! The whole program ends then. A part that has died must not leave the others going on as if it were there: a
//! controller that no longer looks, a sandbox whose nodes stand still, would be a lie that nobody notices.

use std::{
    panic::PanicHookInfo,
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{exit::Exit, render::clean};

/// Lets somebody tell what happened and where, and ends with exit code 1. Nothing is unwound: release builds could not.
#[allow(
    clippy::exit,
    reason = "main cannot be returned to from a thread that has panicked"
)]
pub fn end_program(tell: fn(&str)) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    std::panic::set_hook(Box::new(move |info| {
        // The other threads go on until the process ends; one that panics as well has nothing to add.
        while TOLD.swap(true, Ordering::Relaxed) {
            thread::park();
        }
        tell(&description(info));
        process::exit(i32::from(Exit::Error.code()));
    }));
}

fn description(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no words");
    match info.location() {
        Some(place) => format!("{} ({place})", clean(what)),
        None => clean(what),
    }
}
