//! The report as a pod's termination message: written within the kubelet's limit, read as the untrusted text that it
//! is (whoever can make a pod can write one).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CHECKS, CheckId, Outcome, ProbeReport, Verdict};

/// The kubelet keeps this many bytes of a container's termination message
/// (`MaxContainerTerminationMessageLength` in kubernetes/pkg/kubelet/container).
pub const TERMINATION_MESSAGE_LIMIT: usize = 4096;
/// Longest message of one verdict, in bytes: what `status.checks` takes per node has to be bounded too.
const MESSAGE_LIMIT: usize = 512;
/// Longest name of an architecture; the longest that Linux has is `loongarch64`.
const ARCHITECTURE_LIMIT: usize = 32;
/// Stands where a message was cut.
const CUT: char = '…';

/// The version of the message's form: during an upgrade, a probe and a controller of different releases may meet.
const FORM: u32 = 1;

/// The report as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    form: u32,
    architecture: String,
    checks: Vec<Verdict>,
}

/// Why a termination message is not a report. Such a node is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeMessageError {
    #[error("the probe's report is empty")]
    Empty,
    #[error("the probe's report has {0} bytes, more than {TERMINATION_MESSAGE_LIMIT}")]
    TooLong(usize),
    #[error("the probe's report is not what a probe writes: {0}")]
    Malformed(String),
    #[error("the probe's report has the check {0} twice")]
    Twice(CheckId),
    #[error("the probe's report lacks the check {0}")]
    Lacks(CheckId),
    #[error("the probe's report says {outcome:?} of the check {check}, which cannot be")]
    Impossible { check: CheckId, outcome: Outcome },
}

impl ProbeReport {
    /// One line of JSON, of at most [`TERMINATION_MESSAGE_LIMIT`] bytes: where it would be longer, messages are cut.
    #[must_use]
    pub fn to_termination_message(&self) -> String {
        let mut limit = MESSAGE_LIMIT;
        loop {
            let report = self.cut(limit);
            let wire = Wire {
                form: FORM,
                architecture: report.architecture,
                checks: report.verdicts,
            };
            let text = serde_json::to_string(&wire)
                .expect("a report is strings and enums, which JSON can always hold");
            if text.len() <= TERMINATION_MESSAGE_LIMIT || limit == 0 {
                return text;
            }
            limit /= 2;
        }
    }

    /// Reads what [`ProbeReport::to_termination_message`] wrote, and nothing else.
    pub fn parse_termination_message(text: &str) -> Result<Self, ProbeMessageError> {
        if text.trim().is_empty() {
            return Err(ProbeMessageError::Empty);
        }
        if text.len() > TERMINATION_MESSAGE_LIMIT {
            return Err(ProbeMessageError::TooLong(text.len()));
        }
        let wire: Wire = serde_json::from_str(text).map_err(|error| {
            ProbeMessageError::Malformed(shorten(&clean(&error.to_string()), MESSAGE_LIMIT))
        })?;
        if wire.form != FORM {
            let reason = format!("form {} is not known here", wire.form);
            return Err(ProbeMessageError::Malformed(reason));
        }
        let report = Self {
            architecture: wire.architecture,
            verdicts: wire.checks,
        };
        report.demand_sense()?;
        Ok(report.cut(MESSAGE_LIMIT))
    }

    /// A report that [`super::judge`] could have made.
    fn demand_sense(&self) -> Result<(), ProbeMessageError> {
        let mut seen = BTreeSet::new();
        for verdict in &self.verdicts {
            let (check, outcome) = (verdict.check, verdict.outcome);
            if !seen.insert(check) {
                return Err(ProbeMessageError::Twice(check));
            }
            if !is_possible(check, outcome) {
                return Err(ProbeMessageError::Impossible { check, outcome });
            }
        }
        match CHECKS
            .iter()
            .find(|check| check.published && !seen.contains(&check.id))
        {
            Some(check) => Err(ProbeMessageError::Lacks(check.id)),
            None => Ok(()),
        }
    }

    /// Clean, with messages of at most `limit` bytes (0: none at all).
    fn cut(&self, limit: usize) -> Self {
        let mut report = self.clone();
        report.architecture = shorten(
            &clean(&self.architecture).replace('\n', " "),
            ARCHITECTURE_LIMIT,
        );
        for verdict in &mut report.verdicts {
            verdict.message = verdict
                .message
                .take()
                .map(|message| shorten(&clean(&message), limit))
                .filter(|message| !message.is_empty());
        }
        report
    }
}

/// Without this, a report could wave a node through by calling KVM informational.
fn is_possible(check: CheckId, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Passed | Outcome::Failed | Outcome::Unknown => true,
        Outcome::NotApplicable => check == CheckId::CPU,
        Outcome::Informational => !check.info().published,
    }
}

/// Without control characters (line breaks stay) and without the marks that turn the direction of text around.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| *c == '\n' || !c.is_control())
        .filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

/// The beginning of the text, of at most `limit` bytes, marked where it was cut.
fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(CUT.len_utf8()) else {
        return String::new();
    };
    let end = (0..=room).rev().find(|at| text.is_char_boundary(*at));
    format!("{}{CUT}", &text[..end.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{CHECKS, CheckId, Outcome, ProbeReport, Verdict},
        ProbeMessageError, TERMINATION_MESSAGE_LIMIT, is_possible, shorten,
    };

    fn verdict(id: &str, outcome: &str) -> String {
        format!(r#"{{"id":"{id}","outcome":"{outcome}"}}"#)
    }

    fn wire(checks: &[&str]) -> String {
        format!(
            r#"{{"form":1,"architecture":"amd64","checks":[{}]}}"#,
            checks.join(",")
        )
    }

    fn parse(text: &str) -> Result<ProbeReport, ProbeMessageError> {
        ProbeReport::parse_termination_message(text)
    }

    #[test]
    fn strips_control_characters_and_keeps_lines() {
        let raw = [
            (CheckId::CPU, "\u{1b}[31mred\u{7}\tand\u{202e}back"),
            (CheckId::KVM, "one\r\ntwo"),
            (CheckId::VSOCK, "\u{0}"),
        ];
        let report = ProbeReport {
            architecture: "amd64\n\u{1b}c".to_owned(),
            verdicts: raw
                .map(|(check, message)| Verdict {
                    check,
                    outcome: Outcome::Failed,
                    message: Some(message.to_owned()),
                })
                .into(),
        };
        let report = parse(&report.to_termination_message()).unwrap();
        let messages: Vec<_> = report
            .verdicts
            .iter()
            .map(|verdict| verdict.message.as_deref())
            .collect();
        assert_eq!(messages, [Some("[31mred andback"), Some("one\ntwo"), None]);
        assert_eq!(report.architecture, "amd64 c");
    }

    #[test]
    fn refuses_what_no_probe_writes() {
        use ProbeMessageError::{Empty, Impossible, Lacks, Malformed, TooLong, Twice};
        let (cpu, kvm) = (&*verdict("CPU", "passed"), &*verdict("KVM", "passed"));
        let vsock = &*verdict("VSOCK", "failed");
        let good = wire(&[cpu, kvm, vsock]);
        assert!(parse(&good).unwrap().passed());
        assert_eq!(parse(" \n"), Err(Empty));
        assert_eq!(parse(&"x".repeat(4097)), Err(TooLong(4097)));
        assert_eq!(parse(&wire(&[cpu, vsock])), Err(Lacks(CheckId::KVM)));
        assert_eq!(parse(&wire(&[cpu, kvm])), Err(Lacks(CheckId::VSOCK)));
        assert_eq!(parse(&wire(&[cpu, kvm, kvm])), Err(Twice(CheckId::KVM)));
        for impossible in [
            wire(&[cpu, &verdict("KVM", "informational"), vsock]),
            wire(&[cpu, &verdict("KVM", "notApplicable"), vsock]),
            wire(&[&verdict("CPU", "informational"), kvm, vsock]),
            wire(&[cpu, kvm, &verdict("VSOCK", "informational")]),
        ] {
            let refused = parse(&impossible);
            assert!(matches!(refused, Err(Impossible { .. })), "{impossible}");
        }
        for malformed in [
            "null".to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
            "passed".to_owned(),
            wire(&[cpu, kvm, vsock, &verdict("GPU", "passed")]),
            wire(&[cpu, kvm, &verdict("VSOCK", "fine")]),
            wire(&[cpu, kvm, &vsock.replace('}', r#","extra":1}"#)]),
            wire(&[cpu, kvm, &vsock.replace('}', r#","outcome":"passed"}"#)]),
            good.replace(r#""form":1"#, r#""form":2"#),
            good.replace(r#""form":1,"#, ""),
            good.replace(r#""form":1"#, r#""form":1,"extra":1"#),
            good[..good.len() - 1].to_owned(),
            format!("{good} {good}"),
        ] {
            let refused = parse(&malformed);
            assert!(matches!(refused, Err(Malformed(_))), "{malformed}");
        }
    }

    #[test]
    fn shortens_between_characters() {
        for (text, limit, expected) in [
            ("KVM", 3, "KVM"),
            ("KVMs", 3, "…"),
            ("nested", 5, "ne…"),
            ("ééééé", 6, "é…"),
            ("ab", 1, ""),
            ("", 0, ""),
        ] {
            assert_eq!(shorten(text, limit), expected);
        }
    }

    prop_compose! {
        /// Whatever facts may lead to, and much that they cannot.
        fn reports()(
            architecture in ".{0,60}",
            kept in proptest::collection::vec(any::<bool>(), CHECKS.len()),
            outcomes in proptest::collection::vec(0_usize..5, CHECKS.len()),
            messages in proptest::collection::vec(proptest::option::of("(?s).{0,2000}"), CHECKS.len()),
        ) -> ProbeReport {
            let all = [
                Outcome::Passed, Outcome::Failed, Outcome::Unknown,
                Outcome::NotApplicable, Outcome::Informational,
            ];
            let verdicts = CHECKS.iter().enumerate()
                .filter(|(at, check)| check.published || kept[*at])
                .map(|(at, check)| Verdict {
                    check: check.id,
                    outcome: Some(all[outcomes[at]])
                        .filter(|outcome| is_possible(check.id, *outcome))
                        .unwrap_or(Outcome::Unknown),
                    message: messages[at].clone(),
                })
                .collect();
            ProbeReport { architecture, verdicts }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn any_report_goes_through_a_termination_message(report in reports()) {
            let text = report.to_termination_message();
            prop_assert!(text.len() <= TERMINATION_MESSAGE_LIMIT);
            prop_assert!(!text.contains('\n'));
            let read = parse(&text).unwrap();
            prop_assert_eq!(read.passed(), report.passed());
            let outcomes = |report: &ProbeReport| -> Vec<_> {
                report.verdicts.iter().map(|verdict| (verdict.check, verdict.outcome)).collect()
            };
            prop_assert_eq!(outcomes(&read), outcomes(&report));
            // What was read is what is written again, to the byte.
            prop_assert_eq!(read.to_termination_message(), text);
        }

        #[test]
        fn random_text_is_refused_quietly(text in "(?s).{0,300}") {
            prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn a_damaged_report_never_panics(report in reports(), at in 0_usize..4096, byte in any::<u8>()) {
            let mut bytes = report.to_termination_message().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(read) = parse(&text) {
                prop_assert!(read.to_termination_message().len() <= TERMINATION_MESSAGE_LIMIT);
            }
        }
    }
}
