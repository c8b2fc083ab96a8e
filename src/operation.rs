//! What a command does to a cluster, without a terminal: the order of its steps, by the rules of `runtime` and with the
//! input and output of `cluster`.
//!
//! `commands` calls it with validated options and makes a report of what it returns. It neither prints nor asks: what
//! people see on the way goes to the observer of the `Retry`, and a question to the caller.

pub mod change;
pub mod check;
pub mod disable;
pub mod restore;
pub mod snapshot;
