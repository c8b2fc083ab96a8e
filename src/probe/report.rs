//! What the probe found out about one machine.

use serde::{Deserialize, Serialize};

use super::{CHECKS, CheckId};

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Passed,
    Failed,
    /// It could not be determined. Never a pass.
    Unknown,
    /// The check says nothing on this architecture; another one decides.
    NotApplicable,
    /// A value to know, without a judgement.
    Informational,
}

impl Outcome {
    /// May a VM be run as far as this check goes? A mere value is no pass.
    #[must_use]
    pub const fn is_pass(self) -> bool {
        match self {
            Self::Passed | Self::NotApplicable => true,
            Self::Failed | Self::Unknown | Self::Informational => false,
        }
    }
}

/// What one check says about the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    #[serde(rename = "id")]
    pub check: CheckId,
    pub outcome: Outcome,
    /// Why it did not pass, what is noteworthy about a pass, or the value of an informational check. May have
    /// several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What the probe says about one machine. [`super::judge`] and [`ProbeReport::parse_termination_message`] give each
/// check at most once, and always the published ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// Go's name of the processor's architecture, or `unknown`.
    pub architecture: String,
    /// In the order of [`CHECKS`].
    pub verdicts: Vec<Verdict>,
}

impl ProbeReport {
    /// Can VMs run here? Every blocking check has a verdict, and each is a pass.
    #[must_use]
    pub fn passed(&self) -> bool {
        CHECKS.iter().filter(|check| check.blocking).all(|check| {
            self.verdict(check.id)
                .is_some_and(|verdict| verdict.outcome.is_pass())
        })
    }

    #[must_use]
    pub fn verdict(&self, check: CheckId) -> Option<&Verdict> {
        self.verdicts.iter().find(|verdict| verdict.check == check)
    }

    /// Why it cannot be said whether VMs can run here: nothing that they need failed, and something is unknown.
    #[must_use]
    pub fn unknown(&self) -> Option<String> {
        let blocking = || CHECKS.iter().filter(|check| check.blocking);
        let failed = blocking().any(|check| {
            self.verdict(check.id)
                .is_some_and(|verdict| verdict.outcome == Outcome::Failed)
        });
        if failed || self.passed() {
            return None;
        }
        let reasons: Vec<String> = blocking()
            .filter_map(|check| match self.verdict(check.id) {
                None => Some(format!("{}: no result", check.id)),
                Some(verdict) if verdict.outcome.is_pass() => None,
                Some(verdict) => Some(match &verdict.message {
                    Some(message) => format!("{}: {message}", check.id),
                    None => format!("{}: unknown", check.id),
                }),
            })
            .collect();
        Some(reasons.join("; "))
    }
}

/// What the rule of one check came to.
pub(super) struct Finding {
    outcome: Outcome,
    /// What there is on the machine.
    seen: String,
    message: Option<String>,
}

impl Finding {
    /// Passed, with nothing to say about it.
    pub(super) fn passed(seen: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Passed,
            seen: seen.into(),
            message: None,
        }
    }

    pub(super) fn failed(seen: impl Into<String>) -> Self {
        Self::with_message(Outcome::Failed, seen.into())
    }

    pub(super) fn unknown(reason: &str) -> Self {
        Self::with_message(
            Outcome::Unknown,
            format!("could not be determined: {reason}"),
        )
    }

    pub(super) fn not_applicable(why: impl Into<String>) -> Self {
        Self::with_message(Outcome::NotApplicable, why.into())
    }

    pub(super) fn informational(value: impl Into<String>) -> Self {
        Self::with_message(Outcome::Informational, value.into())
    }

    /// The message, where it is not what was seen.
    pub(super) fn saying(mut self, message: String) -> Self {
        self.message = Some(message);
        self
    }

    /// VMs run in software: whatever was found is no obstacle, and is still reported.
    pub(super) fn not_required(self) -> Self {
        let message = format!("not required with useEmulation; found: {}", self.seen);
        Self {
            outcome: Outcome::Passed,
            seen: self.seen,
            message: Some(message),
        }
    }

    pub(super) fn of(self, check: CheckId) -> Verdict {
        Verdict {
            check,
            outcome: self.outcome,
            message: self.message.as_deref().map(super::message::clean),
        }
    }

    fn with_message(outcome: Outcome, seen: String) -> Self {
        Self {
            outcome,
            message: Some(seen.clone()),
            seen,
        }
    }
}
