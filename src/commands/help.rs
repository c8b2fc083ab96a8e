//! `bmctl help`: the help of commands (clap's), and topics that belong to no command.

mod topic;

use std::ffi::OsString;

use clap::{
    CommandFactory, ValueEnum,
    builder::StyledStr,
    error::{ContextKind, ContextValue, ErrorKind},
};

pub use topic::{Topic, VARIABLES};

use super::{
    Context,
    context::{Ending, deliver, document_only},
};
use crate::{
    cli::{Cli, OutputFormat, Program},
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::{Document, verbatim::VerbatimReport},
    ui::{Environment, Ui, UiOptions},
};

/// Explain a command or a topic.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct HelpArgs {
    /// A command, or one of the topics exit-codes, environment and output.
    #[arg(value_name = "COMMAND|TOPIC")]
    pub subject: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  bmctl help enable vmruntime
  bmctl help exit-codes
  bmctl help environment";

/// Prints the help of a command or a topic as the result.
pub fn run(context: &Context, args: &HelpArgs) -> Result<Exit, Failure> {
    let subject = args.subject.join(" ");
    if let Some(topic) = Topic::of(&subject) {
        return Ok(context.end(Ending::well(VerbatimReport {
            subject,
            text: context.global.program.says(&topic.text()).into_owned(),
            painted: None,
        })));
    }
    let mut command = context.global.program.command();
    command.build();
    let mut found = &mut command;
    for word in &args.subject {
        let known = found.get_name().to_owned();
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                Reason::UnknownTopic,
                format!("{known} has no command or topic '{word}'"),
            )
            .hint("bmctl help")
        })?;
    }
    let help = found.render_long_help();
    Ok(context.end(Ending::well(of_styled(subject, &help, &context.ui))))
}

/// Text of clap's, with its colours where the terminal has them.
fn of_styled(subject: String, text: &StyledStr, ui: &Ui) -> VerbatimReport {
    VerbatimReport {
        subject,
        text: text.to_string(),
        painted: ui.stdout.color.then(|| text.ansi().to_string()),
    }
}

/// Answers what clap did not accept, or was asked to print.
pub fn answer(mut error: clap::Error, program: Program, arguments: &[OsString]) -> Exit {
    suggest_names_only(&mut error);
    let ui = Ui::new(&UiOptions::default(), &Environment::read());
    let format = asked_format(arguments);
    let rendered = error.render();
    if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
        let report = of_styled(named(arguments), &rendered, &ui);
        let document = Document::new("help", None, Box::new(report), Vec::new(), Exit::Ok, None);
        return deliver(&ui, format, &document).unwrap_or(Exit::Ok);
    }
    let plain = rendered.to_string();
    let text = if ui.stderr.color {
        rendered.ansi().to_string()
    } else {
        plain.clone()
    };
    ui.note(&text);
    document_only(&ui, format, &named(arguments), &of_clap(program, &plain))
}

/// The command that was meant, as far as it can be told from arguments that clap did not accept; else the program.
fn named(arguments: &[OsString]) -> String {
    let mut command = &Cli::command();
    let mut path = Vec::new();
    for word in arguments.iter().skip(1).take_while(|word| *word != "--") {
        if let Some(found) = command.find_subcommand(word) {
            path.push(found.get_name().to_owned());
            command = found;
        }
    }
    if path.is_empty() {
        "bmctl".to_owned()
    } else {
        path.join(" ")
    }
}

/// What clap said, as a failure.
fn of_clap(program: Program, text: &str) -> Failure {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut failure = Failure::new(
        Kind::Usage,
        Reason::InvalidUsage,
        first.strip_prefix("error: ").unwrap_or(first),
    )
    .hint(program.says("bmctl help"));
    failure.causes = lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .map(str::to_owned)
        .collect();
    failure
}

/// Nouns have many spellings, and clap suggests them all; the one that help shows is enough.
fn suggest_names_only(error: &mut clap::Error) {
    let Some(ContextValue::Strings(similar)) = error.get(ContextKind::SuggestedSubcommand) else {
        return;
    };
    let names: Vec<String> = similar
        .iter()
        .filter(|name| names(&Cli::command(), name))
        .cloned()
        .collect();
    if !names.is_empty() {
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(names),
        );
    }
}

/// Does a command of that very name exist, at any depth?
fn names(command: &clap::Command, name: &str) -> bool {
    command
        .get_subcommands()
        .any(|known| known.get_name() == name || names(known, name))
}

/// The last `-o` before a `--`, for arguments that clap did not accept as a whole.
fn asked_format(arguments: &[OsString]) -> OutputFormat {
    let words: Vec<&str> = arguments
        .iter()
        .map(|word| word.to_str().unwrap_or_default())
        .take_while(|word| *word != "--")
        .collect();
    let mut asked = OutputFormat::Text;
    for (at, word) in words.iter().enumerate() {
        let value = match *word {
            "-o" | "--output" => words.get(at + 1).copied(),
            _ => word
                .strip_prefix("--output=")
                .or_else(|| word.strip_prefix("-o=")),
        }
        .or_else(|| word.strip_prefix("-o"));
        if let Some(format) = value.and_then(|value| OutputFormat::from_str(value, false).ok()) {
            asked = format;
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_found_in_arguments_that_are_wrong_otherwise() {
        for (typed, expected) in [
            ("bmctl enable --frobnicate -o json", OutputFormat::Json),
            ("bmctl -ojson enable", OutputFormat::Json),
            ("bmctl -o=yaml enable", OutputFormat::Yaml),
            ("bmctl --output=yaml enable", OutputFormat::Yaml),
            ("bmctl --output json enable", OutputFormat::Json),
            ("bmctl sandbox run -- enable -o json", OutputFormat::Text),
            ("bmctl -o", OutputFormat::Text),
            ("bmctl -o junit enable --nope", OutputFormat::Junit),
            ("bmctl -o xml", OutputFormat::Text),
            ("bmctl enable", OutputFormat::Text),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            assert_eq!(asked_format(&words), expected, "{typed}");
        }
    }
}
