//! What `-h` leaves out and `--help` has: the flags of every command, all but the first sentence of a flag's help, and
//! examples where there are many flags. It fits a terminal of 24 lines with 80 columns, which a test holds.

use clap::builder::StyledStr;

/// Where the flags of every command are listed.
const OPTIONS: &str = "Options of all commands: 'bmctl help options'.";
/// Where the rest of a text is.
const REST: &str = "In full: --help";

/// The definition with short texts beside the whole ones.
pub(super) fn briefly(command: clap::Command) -> clap::Command {
    let whole = command.get_after_help().map(ToString::to_string);
    let long = command.get_after_long_help().map(ToString::to_string);
    let long = long.or_else(|| whole.clone());
    let short = match whole {
        Some(text) => format!("{text}\n\n{OPTIONS} {REST}"),
        None => format!("{OPTIONS} {REST}"),
    };
    command
        .after_long_help(long.unwrap_or_else(|| OPTIONS.to_owned()))
        .after_help(short)
        .mut_args(|arg| {
            let global = arg.is_global_set();
            let arg = if global {
                arg.hide_short_help(true)
            } else {
                arg
            };
            let help = arg.get_help().map(StyledStr::to_string);
            let first = help.as_deref().and_then(first_sentence).map(str::to_owned);
            match (first, help) {
                (Some(first), Some(whole)) if arg.get_long_help().is_none() => {
                    arg.help(first).long_help(whole)
                }
                _ => arg,
            }
        })
        .mut_subcommands(briefly)
}

/// Where another follows.
fn first_sentence(text: &str) -> Option<&str> {
    text.split_once(". ").map(|(first, _)| first)
}

/// The options of every command, as one text.
pub(super) fn options(definition: &clap::Command) -> String {
    let options = definition
        .get_arguments()
        .filter(|argument| argument.is_global_set() || argument.get_id() == "version")
        .map(|argument| argument.clone().hide_short_help(false));
    clap::Command::new("options")
        .disable_help_flag(true)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .help_template("{all-args}")
        .term_width(80)
        .args(options)
        .render_help()
        .to_string()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::{cli::Program, commands::Cli};

    #[test]
    fn a_sentence_ends_where_another_begins() {
        for (text, expected) in [
            ("One. Two", Some("One")),
            ("As 1.5 or so. --yes does not", Some("As 1.5 or so")),
            ("One. two or three", Some("One")),
            ("One", None),
        ] {
            assert_eq!(first_sentence(text), expected, "{text}");
        }
    }

    /// Each of them, for both names of the program.
    #[test]
    fn every_short_help_fits_a_small_terminal() {
        fn too_large(command: &mut clap::Command, path: &str, found: &mut Vec<String>) {
            let help = command.clone().term_width(80).render_help().to_string();
            let lines = help.trim_end().lines().count();
            let columns = help.lines().map(|line| line.chars().count()).max();
            if lines > 24 || columns > Some(80) {
                found.push(format!(
                    "{path}: {lines} lines, {columns:?} columns\n{help}"
                ));
            }
            assert!(help.contains("help options"), "{path}: {help}");
            for below in command.get_subcommands_mut() {
                let path = format!("{path} {}", below.get_name());
                too_large(below, &path, found);
            }
        }
        let mut found = Vec::new();
        for program in [Program::Bmctl, Program::KubectlPlugin] {
            let mut command = program.command();
            command.build();
            too_large(&mut command, program.name(), &mut found);
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn nothing_is_lost() {
        let mut whole = Cli::command();
        whole.build();
        let options = options(&whole);
        for argument in whole
            .get_arguments()
            .filter(|argument| argument.is_global_set())
        {
            let long = argument.get_long().unwrap();
            assert!(options.contains(&format!("--{long}")), "{long}: {options}");
        }
        assert!(options.contains("-V, --version"), "{options}");
        let mut brief = Program::Bmctl.command();
        brief.build();
        for (mut whole, mut brief) in whole
            .get_subcommands()
            .cloned()
            .zip(brief.get_subcommands().cloned())
        {
            let text = |command: &mut clap::Command| {
                let text = command.render_long_help().to_string();
                let text = text.trim_end();
                text.strip_suffix(OPTIONS)
                    .unwrap_or(text)
                    .trim_end()
                    .to_owned()
            };
            assert_eq!(text(&mut whole), text(&mut brief));
        }
    }
}
