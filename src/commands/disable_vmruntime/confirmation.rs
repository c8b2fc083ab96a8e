//! What a person is shown before a disable changes anything, and the question before all VMs are deleted on the word of
//! the annotation alone.

use super::{
    DisableVmruntimeArgs, again,
    showing::{self, Extent},
    vms_exist,
};
use crate::{
    cluster::{Cluster, Mode, backup::Place},
    commands::{progress_reporter::ProgressReporter, session::Session},
    failure::{Failure, Hint, Kind, Reason, shell_word, shown},
    operation::disable::{Consent, Disable, Operator, Proposal},
    render::{self, Page, clean, disable::DisableReport},
    runtime::disable::Decision,
    ui::Answer,
};

/// Whoever gave the command: the proposal goes into the report, and the question to the terminal.
pub struct Terminal<'a, 'c> {
    session: &'a mut Session<'c, DisableReport>,
    reporter: &'a ProgressReporter<'c>,
    confirmation: &'a Confirmation<'a>,
    place: Option<Place>,
    dry_run: bool,
    /// Deletes, if it does, on the word of the annotation.
    pub permitted_by_annotation: bool,
}

impl<'a, 'c> Terminal<'a, 'c> {
    pub fn new(
        session: &'a mut Session<'c, DisableReport>,
        reporter: &'a ProgressReporter<'c>,
        confirmation: &'a Confirmation<'a>,
        operation: &Disable<'_>,
    ) -> Self {
        Self {
            session,
            reporter,
            confirmation,
            place: operation.place.clone(),
            dry_run: operation.mode != Mode::Change,
            permitted_by_annotation: false,
        }
    }
}

impl Operator for Terminal<'_, '_> {
    fn show(&mut self, proposal: &Proposal) {
        if proposal.is_being_turned_off() {
            self.reporter
                .happened("VM Runtime is being turned off already, and is not off yet");
        }
        self.permitted_by_annotation = proposal.permitted_by_annotation;
        let extent = Extent::wanted(&self.session.context.global.output);
        let report = &mut self.session.report;
        showing::plan(report, &proposal.plan, self.place.as_ref(), extent);
        report.dry_run = self.dry_run && proposal.decision != Decision::Refuse;
        report.deletes = report.dry_run && proposal.deletes();
        report.asks = report.dry_run && proposal.decision == Decision::AskThenDelete;
    }

    async fn confirm(&mut self) -> Result<Consent, Failure> {
        self.reporter.pause();
        self.confirmation.ask(self.session).await
    }
}

/// What cannot be undone, in one sentence.
fn what_is_deleted(machines: usize, disks: usize) -> String {
    let machines = if machines == 1 {
        "1 VM".to_owned()
    } else {
        format!("{machines} VMs")
    };
    match disks {
        0 => format!("This deletes {machines}."),
        1 => format!("This deletes {machines} and 1 disk. Its contents cannot be brought back."),
        disks => format!(
            "This deletes {machines} and {disks} disks. Their contents cannot be brought back."
        ),
    }
}

/// What is typed to confirm, and whether `--confirm` has typed it already.
pub struct Confirmation<'a> {
    args: &'a DisableVmruntimeArgs,
    /// The context's name; in a pod, where there is none, the cluster's.
    word: String,
    given: bool,
}

impl<'a> Confirmation<'a> {
    /// A `--confirm` that names another context is a mistake that is found before anything is done.
    pub fn new(cluster: &Cluster, args: &'a DisableVmruntimeArgs) -> Result<Self, Failure> {
        let word = if cluster.context.is_empty() {
            cluster.name.clone()
        } else {
            cluster.context.clone()
        };
        match &args.confirm {
            Some(typed) if *typed != word => Err(Failure::new(
                Kind::Refused,
                Reason::WrongConfirmation,
                format!(
                    "--confirm names {:?}, but this is context {word:?}",
                    shown(typed)
                ),
            )),
            given => Ok(Self {
                args,
                word,
                given: given.is_some(),
            }),
        }
    }

    /// Returns if the deletion is confirmed.
    pub async fn ask(&self, session: &mut Session<'_, DisableReport>) -> Result<Consent, Failure> {
        if self.given {
            return Ok(Consent::Everything);
        }
        let context = session.context;
        let word = clean(&self.word);
        let exist = vms_exist(session.report.machine_count.unwrap_or_default());
        let lost = session.report.plan.as_ref().map(|plan| plan.disks_lost);
        let what = what_is_deleted(
            session.report.machine_count.unwrap_or_default(),
            lost.unwrap_or_default(),
        );
        if context.ui.interactive {
            let mut page = Page::new(context.note_style());
            session.report.machine_table(&mut page);
            page.gap();
            if let Some(plan) = &session.report.plan {
                plan.text(&mut page);
            }
            page.gap();
            page.paragraph("", &what);
            session.report.machines_shown = true;
            context
                .ui
                .note(&render::paint(&page.finish(), context.ui.stderr.color));
        }
        let question = format!("Type the context name, {word}, to go on");
        match context.ui.ask_for_word(&question, &word).await {
            Answer::Confirmed => Ok(Consent::Shown),
            Answer::Interrupted => Err(Failure::new(
                Kind::Interrupted,
                Reason::Interrupted,
                "interrupted: nothing was changed",
            )),
            Answer::Declined => Err(Failure::new(
                Kind::Refused,
                Reason::NotConfirmed,
                format!("not confirmed; {exist}, and nothing was changed"),
            )),
            Answer::NobodyThere => Err(Failure::new(
                Kind::Refused,
                Reason::NotConfirmed,
                format!(
                    "{exist}; deleting must be confirmed, and there is no terminal to ask on; nothing was changed"
                ),
            )
            .hint(Hint::run(
                "to confirm it beforehand",
                again(self.args, &[&format!("--confirm {}", shell_word(&word))]),
            ))
            .hint(Hint::run(
                "or",
                again(self.args, &["--force=true"]),
            ))),
        }
    }
}
