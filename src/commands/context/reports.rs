//! `--report FORMAT=PATH`: the result once more, in files.
//!
//! The files are claimed before the command does anything, and written on every ending, the early ones too.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::result::{TextStyle, rendered};
use crate::{
    cli::{ReportFormat, ReportTarget},
    failure::{Failure, Kind, Reason, shown_path},
    render::{Document, Style, html::html, markdown::markdown},
    ui::ReportFile,
};

/// A file is read by programs and later: as if on a terminal without colour and without an edge.
const PAPER: TextStyle = TextStyle {
    style: Style {
        width: None,
        unicode: true,
    },
    color: false,
};

/// Files that wait for the result.
#[derive(Default)]
pub struct Reports(Mutex<Vec<Claimed>>);

struct Claimed {
    target: ReportTarget,
    file: ReportFile,
}

impl Reports {
    /// Claims all of them.
    ///
    /// # Errors
    /// One cannot be written, or two are the same.
    pub fn claim(targets: &[ReportTarget]) -> Result<Self, Failure> {
        let (reports, failures) = Self::claim_all(targets);
        failures.into_iter().next().map_or(Ok(reports), Err)
    }

    /// Claims those that can be, for a run that fails anyway.
    pub fn claim_what_can_be(targets: &[ReportTarget]) -> Self {
        Self::claim_all(targets).0
    }

    fn claim_all(targets: &[ReportTarget]) -> (Self, Vec<Failure>) {
        let mut claimed: Vec<Claimed> = Vec::new();
        let mut failures = Vec::new();
        for target in targets {
            if claimed.iter().any(|other| other.target.path == target.path) {
                failures.push(failure(target, "another report goes to the same file"));
                continue;
            }
            match ReportFile::claim(&target.path) {
                Ok(file) => claimed.push(Claimed {
                    target: target.clone(),
                    file,
                }),
                Err(error) => failures.push(failure(target, &error.to_string())),
            }
        }
        (Self(Mutex::new(claimed)), failures)
    }

    /// Writes the document to all of them, once.
    ///
    /// # Errors
    /// The first that could not be written; the others are written all the same.
    pub fn write(&self, document: &Document) -> Result<(), Failure> {
        let mut written = Ok(());
        for Claimed { target, file } in self.take() {
            let written_to = match target.format {
                ReportFormat::Result(format) => file.write(&rendered(document, format, PAPER)),
                ReportFormat::Html => file.write(&html(document, Timestamp::now())),
                // The steps of a CI job share one summary.
                ReportFormat::Markdown => file.append(&markdown(document)),
            };
            if let Err(error) = written_to {
                let failed = Failure {
                    kind: Kind::Other,
                    ..failure(&target, &error.to_string())
                };
                written = written.and(Err(failed));
            }
        }
        written
    }

    /// Leaves the files to somebody else.
    pub fn leave(&self) {
        self.take();
    }

    fn take(&self) -> Vec<Claimed> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn failure(target: &ReportTarget, why: &str) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::ReportNotWritten,
        format!("could not write the report to {}", shown_path(&target.path)),
    )
    .caused_by(why)
}
