//! bmctl as it fails in the middle of a command. It is this very test binary: [`play`] plays it.

use anyhow::ensure;
use bmctl::{
    command_id::CommandId,
    commands::Cli,
    commands::{Context, fault::tell},
    ui::{LogFormat, fault::end_program},
};
use clap::Parser as _;

/// What the test binary is called with to play it.
pub const WORD: &str = "stand-in-fault";

/// Plays it, if this process was called as it.
pub fn play() -> Option<anyhow::Result<()>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [word, flags @ ..] = words.as_slice() else {
        return None;
    };
    (word == WORD).then(|| fault(flags))
}

/// As `main` starts it, with the output that these flags ask for.
fn fault(flags: &[String]) -> anyhow::Result<()> {
    end_program(tell);
    let words = ["bmctl", "status", "vmruntime"].map(str::to_owned);
    let cli = Cli::try_parse_from(words.iter().chain(flags))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let command = Context::new(cli.global, CommandId::StatusVmruntime, LogFormat::Text)
            .map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let failing = std::thread::spawn(|| panic!("on purpose"));
        ensure!(failing.join().is_ok(), "the program has outlived it");
        drop(command);
        Ok(())
    })
}
