//! How far a change is carried out: `operation` and `restoration` obey it.

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Change,
    /// Nothing is sent but reads.
    Preview,
    /// The API server is asked whether it would do all of it; it stores nothing.
    Rehearse,
}
