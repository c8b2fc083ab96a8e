//! `bmctl sandbox` in a build that has none (without the feature `sandbox`), as in the image of the controller: it is
//! hidden, and says so to whoever types it.

use std::ffi::OsString;

use super::Context;
use crate::{
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Kind, Reason},
};

/// Run a Kubernetes cluster inside bmctl: not in this build.
#[derive(clap::Args)]
pub struct SandboxArgs {
    /// Whatever would be run.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl SandboxArgs {
    #[must_use]
    #[allow(clippy::unused_self, reason = "the same as where there is one")]
    pub const fn id(&self) -> CommandId {
        CommandId::SandboxRun
    }
}

#[allow(
    clippy::unused_async,
    reason = "the same as where there is one, so that one line calls both"
)]
pub async fn run(_context: &Context, args: SandboxArgs) -> Result<Exit, Failure> {
    let words = args.words.iter().map(|word| word.to_string_lossy());
    let asked: Vec<_> = std::iter::once("sandbox".into()).chain(words).collect();
    Err(Failure::new(
        Kind::Usage,
        Reason::InvalidUsage,
        format!(
            "this build of bmctl has no sandbox: cannot run {}",
            asked.join(" ")
        ),
    )
    .hint("bmctl as it is released has one; this one was built with --no-default-features"))
}
