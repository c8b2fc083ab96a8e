//! A preflight check for reports that are pages: what failed, for which cause, in whose words.

use super::{Explanation, PreflightReport, text};
use crate::render::clean::clean;

/// One thing that failed somewhere.
pub(in crate::render) struct ToldCause<'a> {
    /// For example `CPU, KVM failed on worker-2`.
    pub title: String,
    /// What the nodes said, each once: the first of many.
    pub messages: Vec<&'a str>,
    pub explanation: Option<&'a Explanation>,
}

impl PreflightReport {
    /// What failed, in the order of the table.
    pub(in crate::render) fn told_causes(&self) -> Vec<ToldCause<'_>> {
        self.causes()
            .into_iter()
            .filter_map(|(checks, nodes)| {
                // The first is the cause of the others.
                let first = *checks.first()?;
                let together: Vec<String> = checks.iter().map(|check| clean(check)).collect();
                let messages = text::messages(&nodes, first);
                Some(ToldCause {
                    title: format!(
                        "{} failed on {}{}",
                        together.join(", "),
                        text::names(&nodes),
                        if self.blocks(first) {
                            ""
                        } else {
                            " (VMs run without it)"
                        }
                    ),
                    messages: messages
                        .into_iter()
                        .take(text::SHOWN)
                        .map(|(message, _)| message)
                        .collect(),
                    explanation: self.explanations.iter().find(|known| known.check == first),
                })
            })
            .collect()
    }
}
