//! `bmctl man`: manual pages, one a command, from the definition of the command line.

use std::{fmt::Write as _, fs, io, path::PathBuf};

use clap_mangen::Man;

use super::{Context, context::Ending};
use crate::{
    cli::Program,
    exit::Exit,
    failure::{Failure, Kind, Reason, shown_path},
    render::man::ManReport,
};

/// Write the manual pages of bmctl into a folder, one for each command.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// The folder; it is made where it does not exist, and pages that are there are replaced.
    #[arg(value_name = "DIR", value_parser = crate::cli::path())]
    pub folder: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  bmctl man /usr/local/share/man/man1
  bmctl man pages && man -l pages/bmctl-enable-vmruntime.1";

pub fn run(context: &Context, args: &ManArgs) -> Result<Exit, Failure> {
    let written = pages()
        .and_then(|pages| {
            fs::create_dir_all(&args.folder)?;
            for (name, text) in &pages {
                fs::write(args.folder.join(name), text)?;
            }
            Ok(pages.into_iter().map(|(name, _)| name).collect())
        })
        .map_err(|error| {
            Failure::new(
                Kind::Other,
                Reason::FileNotWritten,
                format!(
                    "could not write manual pages to {}",
                    shown_path(&args.folder)
                ),
            )
            .caused_by(error.to_string())
        })?;
    Ok(context.end(Ending::well(ManReport {
        folder: shown_path(&args.folder),
        pages: written,
    })))
}

/// File name and text of every page.
///
/// # Errors
/// A page could not be formatted.
pub fn pages() -> io::Result<Vec<(String, String)>> {
    let mut command = Program::Bmctl.command();
    command.build();
    let mut pages = Vec::new();
    describe(&command, &mut pages)?;
    pages.sort();
    Ok(pages)
}

fn describe(command: &clap::Command, pages: &mut Vec<(String, String)>) -> io::Result<()> {
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        describe(below, pages)?;
    }
    let page = Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    text.push_str(".SH \"EXIT STATUS\"\n");
    for exit in Exit::ALL {
        // Writing to a String cannot fail.
        let _ = write!(text, ".TP\n\\fB{}\\fR\n{}\n", exit.code(), exit.meaning());
    }
    pages.push((page.get_filename(), text));
    Ok(())
}
