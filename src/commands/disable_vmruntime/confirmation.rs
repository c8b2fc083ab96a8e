//! The question before all VMs are deleted on the word of the annotation alone.

use super::{DisableVmruntimeArgs, vms_exist, work::Consent};
use crate::{
    cluster::Cluster,
    commands::session::Session,
    failure::{Failure, Kind, Reason, shown},
    render::{self, Page, clean, disable::DisableReport},
    ui::Answer,
};

/// What is typed to confirm, and whether `--confirm` has typed it already.
pub struct Confirmation {
    /// The context's name; in a pod, where there is none, the cluster's.
    word: String,
    given: bool,
}

impl Confirmation {
    /// A `--confirm` that names another context is a mistake that is found before anything is done.
    pub fn new(cluster: &Cluster, args: &DisableVmruntimeArgs) -> Result<Self, Failure> {
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
        if context.ui.interactive {
            let mut page = Page::new(context.note_style());
            session.report.machine_table(&mut page);
            page.gap();
            if let Some(plan) = &session.report.plan {
                plan.text(&mut page);
            }
            session.report.machines_shown = true;
            context
                .ui
                .note(&render::paint(&page.finish(), context.ui.stderr.color));
        }
        let question = format!("Type the name of the context to delete them ({word})");
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
            .hint(format!(
                "to confirm it beforehand: {}",
                context.paste(&format!(
                    "disable vmruntime --confirm {}",
                    crate::failure::shell_word(&word)
                ))
            ))
            .hint(format!(
                "or: {}",
                context.paste("disable vmruntime --force=true")
            ))),
        }
    }
}
