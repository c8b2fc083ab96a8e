//! The words of a command line, and what each of them is by the definition.

use std::ffi::OsString;

use clap::ArgAction;

use super::text;

/// Without the program's name.
#[derive(Clone)]
pub(super) struct Line<'a> {
    definition: &'a clap::Command,
    pub words: Vec<OsString>,
    /// `--` and what is another program's.
    tail: Vec<OsString>,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A verb, a noun, or the value of an argument without a name.
    Bare,
    Flag,
    /// It belongs to the flag before it.
    Value,
}

/// How a flag takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// None: it is there or not.
    Switch,
    /// Behind an equals sign, if at all.
    Optional,
    /// Behind an equals sign or as the next word.
    Valued,
    /// None, and it counts.
    Other,
}

impl<'a> Line<'a> {
    pub fn of(definition: &'a clap::Command, words: &[OsString]) -> Self {
        let end = words.iter().position(|word| word == "--");
        let (words, tail) = words.split_at(end.unwrap_or(words.len()));
        Self {
            definition,
            words: words.to_vec(),
            tail: tail.to_vec(),
        }
    }

    pub fn into_words(mut self) -> Vec<OsString> {
        self.words.append(&mut self.tail);
        self.words
    }

    pub fn definition(&self) -> &'a clap::Command {
        self.definition
    }

    /// What each word is.
    pub fn parts(&self) -> Vec<Part> {
        let mut command = self.definition;
        let mut expected = false;
        let mut parts = Vec::with_capacity(self.words.len());
        for word in &self.words {
            let word = text(word);
            parts.push(if std::mem::take(&mut expected) {
                Part::Value
            } else if word.len() > 1 && word.starts_with('-') {
                expected = self.takes_next_word(command, word);
                Part::Flag
            } else {
                command = command.find_subcommand(word).unwrap_or(command);
                Part::Bare
            });
        }
        parts
    }

    /// Where the verb, the noun and the like are.
    pub fn bare(&self) -> Vec<usize> {
        let parts = self.parts();
        let bare = parts.iter().enumerate();
        bare.filter(|(_, part)| **part == Part::Bare)
            .map(|(at, _)| at)
            .collect()
    }

    /// The bare word of that number, as text.
    pub fn bare_word(&self, number: usize) -> Option<&str> {
        let at = *self.bare().get(number)?;
        Some(text(&self.words[at]))
    }

    /// The command that the words lead to; where its only noun is left out, the one that is meant.
    pub fn command(&self) -> &'a clap::Command {
        let mut command = self.definition;
        for at in self.bare() {
            command = command.find_subcommand(&self.words[at]).unwrap_or(command);
        }
        only(command).unwrap_or(command)
    }

    /// The argument that this flag names.
    pub fn argument<'b>(&'b self, command: &'b clap::Command, flag: &str) -> Option<&'b clap::Arg> {
        let name = flag.strip_prefix("--")?.split('=').next()?;
        self.arguments(command)
            .find(|argument| argument.get_long() == Some(name))
    }

    /// The arguments of a command, of its only noun, and those of all commands.
    fn arguments<'b>(&'b self, command: &'b clap::Command) -> impl Iterator<Item = &'b clap::Arg> {
        let own = command.get_arguments();
        let only = only(command)
            .into_iter()
            .flat_map(clap::Command::get_arguments);
        own.chain(only).chain(self.definition.get_arguments())
    }

    fn takes_next_word(&self, command: &clap::Command, flag: &str) -> bool {
        if flag.starts_with("--") {
            let argument = self.argument(command, flag);
            return !flag.contains('=') && argument.map(shape) == Some(Shape::Valued);
        }
        let last = flag.chars().next_back();
        let read = self.letters(command, flag).count();
        last.is_some_and(|last| self.is_valued(command, last)) && read + 1 == flag.chars().count()
    }

    /// Is a flag of that name there, with or without a value?
    pub fn has(&self, long: &str, short: Option<char>) -> bool {
        let command = self.command();
        let named = |word: &str| match word.strip_prefix("--") {
            Some(name) => name.split('=').next() == Some(long),
            None => short.is_some_and(|short| self.letters(command, word).any(|it| it == short)),
        };
        let parts = self.parts();
        self.words
            .iter()
            .zip(parts)
            .any(|(word, part)| part == Part::Flag && named(text(word)))
    }

    /// The letters of `-qo json`: up to the one whose value the rest is.
    fn letters<'b>(
        &'b self,
        command: &'b clap::Command,
        word: &'b str,
    ) -> impl Iterator<Item = char> + 'b
    where
        'a: 'b,
    {
        let mut ended = false;
        word.chars().skip(1).take_while(move |letter| {
            let before = ended;
            ended |= self.is_valued(command, *letter);
            !before
        })
    }

    fn is_valued(&self, command: &clap::Command, letter: char) -> bool {
        let mut arguments = self.arguments(command);
        let argument = arguments.find(|argument| argument.get_short() == Some(letter));
        argument.map(shape) == Some(Shape::Valued)
    }

    /// May the command delete what cannot be brought back?
    pub fn deletes(&self) -> bool {
        matches!(
            (self.bare_word(0), self.bare_word(1)),
            (Some("disable"), _) | (Some("controller"), Some("uninstall"))
        )
    }
}

/// The one command below, where there is but one.
pub(super) fn only(command: &clap::Command) -> Option<&clap::Command> {
    let mut below = command.get_subcommands();
    let first = below.next()?;
    below.next().is_none().then_some(first)
}

pub(super) fn shape(argument: &clap::Arg) -> Shape {
    match argument.get_action() {
        ArgAction::SetTrue => Shape::Switch,
        action if action.takes_values() && argument.is_require_equals_set() => Shape::Optional,
        action if action.takes_values() => Shape::Valued,
        _ => Shape::Other,
    }
}
