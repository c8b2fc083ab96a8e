//! The API server without its sockets: from a request to an answer, and what follows from a write.
//!
//! `core` is the one function; `verb` has a file for each thing that can be asked for.

pub mod apply;
pub mod core;
pub mod garbage_collector;
pub mod pages;
pub mod patch;
pub mod quota;
pub mod strategy;
pub mod verb;
pub mod watch;
