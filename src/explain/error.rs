//! The reasons of errors, by what the command was at.

mod answer;
mod backup;
mod connection;
mod program;
mod runtime;

use super::{Advice, Entry, Group};
use crate::failure::Reason;

/// A reason, and what to do about it.
type Row = (Reason, Advice);

pub(super) fn entries() -> Vec<Entry> {
    let mut rows: Vec<&Row> = [
        connection::ROWS,
        answer::ROWS,
        runtime::ROWS,
        backup::ROWS,
        program::ROWS,
    ]
    .into_iter()
    .flatten()
    .collect();
    rows.sort_by_key(|(reason, _)| *reason);
    rows.into_iter()
        .map(|(reason, advice)| advice.about(Group::Error, reason, reason.meaning()))
        .collect()
}
