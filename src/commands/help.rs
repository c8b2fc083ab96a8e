//! `bmctl help`: the help of commands (clap's), and topics that belong to no command.

mod topic;

pub use topic::{Topic, variables};

use super::{Context, context::Ending, usage::of_styled};
use crate::{
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, shown},
    render::verbatim::VerbatimReport,
};

/// Explain a command or a topic.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct HelpArgs {
    /// A command, or a topic. Topics are options, exit-codes, environment and output.
    #[arg(value_name = "COMMAND|TOPIC")]
    pub subject: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  bmctl help enable vmruntime
  bmctl help options
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
                format!("{known} has no command or topic '{}'", shown(word)),
            )
            .hint(Hint::run("", CommandId::Help))
        })?;
    }
    let help = found.render_long_help();
    Ok(context.end(Ending::well(of_styled(subject, &help, &context.ui))))
}
