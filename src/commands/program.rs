//! The command line under the name by which the program was started.

use std::borrow::Cow;

use clap::{
    CommandFactory,
    builder::{Resettable, StyledStr},
};

use super::{brief::briefly, tree::Cli};
use crate::cli::{OWN_NAME, Program};

impl Program {
    /// A text with our own commands in it, under this name. Prose about bmctl stays as it is.
    #[must_use]
    pub fn says(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Bmctl => Cow::Borrowed(text),
            Self::KubectlPlugin => Cow::Owned(renamed(text, self.name())),
        }
    }

    /// The definition of the command line under this name.
    #[must_use]
    pub fn command(self) -> clap::Command {
        let command = briefly(Cli::command());
        match self {
            Self::Bmctl => self.with_short_usage(command),
            Self::KubectlPlugin => self
                .with_short_usage(self.spoken(command))
                .bin_name(self.name()),
        }
    }

    /// The one usage that clap writes wider than a small terminal.
    fn with_short_usage(self, command: clap::Command) -> clap::Command {
        let usage = format!(
            "{} update vmruntime --use-emulation|--vm-image-format ...",
            self.name()
        );
        // One after the other: `mut_subcommand` would put it last.
        command.mut_subcommands(|verb| {
            if verb.get_name() == "update" {
                verb.mut_subcommands(|noun| noun.override_usage(usage.clone()))
            } else {
                verb
            }
        })
    }

    /// Every text of a command and of those below it.
    fn spoken(self, command: clap::Command) -> clap::Command {
        let said = |text: Option<&StyledStr>| match text {
            Some(text) => Resettable::Value(self.says(&text.to_string()).into_owned().into()),
            None => Resettable::Reset,
        };
        let about = said(command.get_about());
        let long_about = said(command.get_long_about());
        let after_help = said(command.get_after_help());
        let after_long_help = said(command.get_after_long_help());
        command
            .about(about)
            .long_about(long_about)
            .after_help(after_help)
            .after_long_help(after_long_help)
            .mut_args(|arg| {
                let (help, long_help) = (said(arg.get_help()), said(arg.get_long_help()));
                arg.help(help).long_help(long_help)
            })
            .mut_subcommands(|below| self.spoken(below))
    }
}

/// Replaces our name where one of our verbs follows it.
fn renamed(text: &str, name: &str) -> String {
    let verbs = Cli::command();
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OWN_NAME) {
        let (before, found) = rest.split_at(at);
        let after = &found[OWN_NAME.len()..];
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || "-_./".contains(c));
        said.push_str(before);
        said.push_str(if begins && is_command(after, &verbs) {
            name
        } else {
            OWN_NAME
        });
        rest = after;
    }
    said.push_str(rest);
    said
}

/// Does a verb or a flag follow?
fn is_command(after: &str, verbs: &clap::Command) -> bool {
    let Some(words) = after.strip_prefix(' ') else {
        return false;
    };
    let verb = words
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .next()
        .unwrap_or_default();
    words.starts_with("--")
        || verbs
            .get_subcommands()
            .any(|known| known.get_name() == verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_are_renamed() {
        for (text, expected) in [
            (
                "to undo: bmctl disable vmruntime",
                "to undo: kubectl vmruntime disable vmruntime",
            ),
            (
                "'bmctl help exit-codes' lists",
                "'kubectl vmruntime help exit-codes' lists",
            ),
            (
                "source <(bmctl completion bash)",
                "source <(kubectl vmruntime completion bash)",
            ),
            (
                "bmctl works against any cluster",
                "bmctl works against any cluster",
            ),
            ("in bmctl-workspace/NAME", "in bmctl-workspace/NAME"),
            ("a/bmctl help", "a/bmctl help"),
            ("bmctl", "bmctl"),
        ] {
            assert_eq!(Program::KubectlPlugin.says(text), expected);
            assert_eq!(Program::Bmctl.says(text), text);
        }
    }

    #[test]
    fn the_help_of_a_plugin_speaks_of_itself_everywhere() {
        fn texts(command: &mut clap::Command, found: &mut String) {
            found.push_str(&command.render_long_help().to_string());
            for below in command.get_subcommands_mut() {
                texts(below, found);
            }
        }
        let mut command = Program::KubectlPlugin.command();
        command.build();
        let mut found = String::new();
        texts(&mut command, &mut found);
        assert!(
            found.contains("Usage: kubectl vmruntime enable vmruntime"),
            "{found}"
        );
        assert!(!found.contains("  bmctl "), "{found}");
        command.debug_assert();
    }
}
