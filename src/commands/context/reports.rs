//! `--report FORMAT=PATH`: the result once more, in files.
//!
//! The files are claimed before the command does anything, and written on every ending, the early ones too.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{
    WORKSPACE,
    result::{TextStyle, rendered},
};
use crate::{
    cli::{ReportFormat, ReportTarget},
    cluster::{Environment, kubeconfigs},
    failure::{Failure, Kind, Reason, shown_path},
    render::{Document, Style, html::html, markdown::markdown},
    ui::{ReportFile, real},
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
    /// Claims all of them. `kubeconfig` is the one that was named.
    ///
    /// # Errors
    /// One cannot be written, two are the same, or it would be written over a kubeconfig.
    pub fn claim(targets: &[ReportTarget], kubeconfig: Option<&Path>) -> Result<Self, Failure> {
        let (reports, failures) = Self::claim_all(targets, kubeconfig);
        failures.into_iter().next().map_or(Ok(reports), Err)
    }

    /// Claims those that can be, for a run that fails anyway.
    pub fn claim_what_can_be(targets: &[ReportTarget], kubeconfig: Option<&Path>) -> Self {
        Self::claim_all(targets, kubeconfig).0
    }

    fn claim_all(targets: &[ReportTarget], kubeconfig: Option<&Path>) -> (Self, Vec<Failure>) {
        let mut claimed: Vec<Claimed> = Vec::new();
        let mut failures = Vec::new();
        for target in targets {
            let file = ReportFile::claim(&target.path)
                .map_err(|error| error.to_string())
                .and_then(|file| match collision(file.path(), &claimed, kubeconfig) {
                    Some(why) => Err(why.to_owned()),
                    None => Ok(file),
                });
            match file {
                Ok(file) => claimed.push(Claimed {
                    target: target.clone(),
                    file,
                }),
                Err(why) => failures.push(failure(target, &why)),
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

/// What else is at this place, and would be lost.
fn collision(path: &Path, claimed: &[Claimed], kubeconfig: Option<&Path>) -> Option<&'static str> {
    if claimed.iter().any(|other| other.file.path() == path) {
        return Some("another report goes to the same file");
    }
    let read = kubeconfigs(kubeconfig, WORKSPACE.as_ref(), &Environment::of_process());
    let is_read = read
        .iter()
        .any(|kubeconfig| real(kubeconfig).is_ok_and(|kubeconfig| kubeconfig == path));
    is_read.then_some("it is a kubeconfig")
}

fn failure(target: &ReportTarget, why: &str) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::ReportNotWritten,
        format!("could not write the report to {}", shown_path(&target.path)),
    )
    .caused_by(why)
}
