//! What a probe found on one node, and the one line of JSON in which a pod hands it on.
//!
//! A pod's termination message is at most 4,096 bytes, and it is untrusted: whoever may write pods may write it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::check::CheckId;

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Passed,
    Failed,
    /// Could not be determined. On a blocking check the whole node is unknown.
    Unknown,
    /// Does not apply to this node; another check decides.
    NotApplicable,
    /// A value to know, nothing to judge.
    Informational,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    #[serde(rename = "id")]
    pub check: CheckId,
    pub outcome: Outcome,
    /// What was found; may have several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// All that a probe found on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// In Kubernetes' words, for example `amd64`.
    pub architecture: String,
    /// One for each check, in the order of the table.
    pub verdicts: Vec<Verdict>,
}

/// Why a termination message is not a report.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProbeMessageError {
    #[error("the probe left no message")]
    Empty,
    #[error("the probe's message has {0} bytes, more than a pod can leave")]
    TooLong(usize),
    #[error("the probe's message is not a report: {0}")]
    Malformed(String),
    #[error("the probe's message has check {0} twice")]
    Twice(CheckId),
    #[error("the probe's message lacks check {0}")]
    Lacks(CheckId),
}

/// What Kubernetes keeps of a termination message, in bytes.
pub const MESSAGE_LIMIT: usize = 4096;
/// The version of the message's form. A probe and a controller of different releases may meet during an upgrade.
const FORM: u32 = 1;
/// What is published of one message, in bytes.
const TEXT_LIMIT: usize = 512;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    form: u32,
    architecture: String,
    checks: Vec<Verdict>,
}

impl ProbeReport {
    /// Did every check that VMs depend on pass? Unknown is not a pass.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.blocking().all(|verdict| match verdict.outcome {
            Outcome::Passed | Outcome::NotApplicable => true,
            Outcome::Failed | Outcome::Unknown | Outcome::Informational => false,
        }) && self
            .blocking()
            .any(|verdict| verdict.outcome == Outcome::Passed)
    }

    /// Why the node can not be judged, if a blocking check could not be determined and none failed.
    #[must_use]
    pub fn unknown(&self) -> Option<String> {
        if self
            .blocking()
            .any(|verdict| verdict.outcome == Outcome::Failed)
        {
            return None;
        }
        let verdict = self
            .blocking()
            .find(|verdict| verdict.outcome == Outcome::Unknown)?;
        let why = verdict
            .message
            .as_deref()
            .unwrap_or("could not be determined");
        Some(format!("{}: {why}", verdict.check))
    }

    fn blocking(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts
            .iter()
            .filter(|verdict| verdict.check.info().blocking)
    }

    /// The report as a pod's termination message: JSON on one line, at most [`MESSAGE_LIMIT`] bytes. Long messages are
    /// cut before a verdict is left out.
    #[must_use]
    pub fn to_termination_message(&self) -> String {
        let render = |most: usize| {
            let checks = self
                .verdicts
                .iter()
                .map(|verdict| Verdict {
                    message: verdict
                        .message
                        .as_deref()
                        .map(|text| cut(&clean(text), most)),
                    ..verdict.clone()
                })
                .collect();
            let wire = Wire {
                form: FORM,
                architecture: cut(&clean(&self.architecture), 32),
                checks,
            };
            serde_json::to_string(&wire).expect("strings and enums are always valid JSON")
        };
        [TEXT_LIMIT, 256, 128, 64, 32]
            .into_iter()
            .map(render)
            .find(|text| text.len() <= MESSAGE_LIMIT)
            .unwrap_or_else(|| render(0))
    }

    /// Reads a termination message strictly: what is not exactly a report is an error, never a guess.
    pub fn parse_termination_message(text: &str) -> Result<Self, ProbeMessageError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ProbeMessageError::Empty);
        }
        if text.len() > MESSAGE_LIMIT {
            return Err(ProbeMessageError::TooLong(text.len()));
        }
        let wire: Wire = serde_json::from_str(text)
            .map_err(|error| ProbeMessageError::Malformed(cut(&clean(&error.to_string()), 128)))?;
        if wire.form != FORM {
            return Err(ProbeMessageError::Malformed(format!(
                "form {} is not known",
                wire.form
            )));
        }
        let mut seen = BTreeSet::new();
        for verdict in &wire.checks {
            if !seen.insert(verdict.check) {
                return Err(ProbeMessageError::Twice(verdict.check));
            }
        }
        let wanted = super::CHECKS
            .iter()
            .filter(|check| check.published)
            .map(|check| check.id);
        if let Some(lacking) = wanted.into_iter().find(|id| !seen.contains(id)) {
            return Err(ProbeMessageError::Lacks(lacking));
        }
        let verdicts = wire
            .checks
            .into_iter()
            .map(|verdict| Verdict {
                message: verdict.message.map(|text| cut(&clean(&text), TEXT_LIMIT)),
                ..verdict
            })
            .collect();
        Ok(Self {
            architecture: cut(&clean(&wire.architecture), 32),
            verdicts,
        })
    }
}

/// Takes out control characters, escape sequences' first byte among them; a line break is part of the product's texts.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect()
}

/// At most `most` bytes, cut between characters, with a mark where something is missing.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mark = '…';
    let room = most.saturating_sub(mark.len_utf8());
    let end = (0..=room)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    let mut short = text[..end].to_owned();
    if most >= mark.len_utf8() {
        short.push(mark);
    }
    short
}
