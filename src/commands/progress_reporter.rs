//! Puts into words what `cluster` and `operation` report on the way.

use super::Context;
use crate::{
    api::text::{cut, shortened},
    cluster::{Event, Observer, event::RemovalProgress, stuck::StuckObject},
    failure::Suggested,
    render::{
        age, clean, event as told,
        stuck::{NextStepReport, StuckReport},
    },
    runtime::verdict::Verdict,
    ui::{Progress, progress::State},
};

/// So much of what is missing is shown at a time.
const MISSING: usize = 20;

/// Watches one command's work on the cluster.
pub struct ProgressReporter<'a> {
    context: &'a Context,
    progress: Progress<'a>,
    /// What is being waited for, for example `Waiting until VM Runtime is ready`.
    purpose: &'static str,
}

impl<'a> ProgressReporter<'a> {
    pub fn new(context: &'a Context, purpose: &'static str) -> Self {
        Self {
            context,
            progress: context.ui.progress(),
            purpose,
        }
    }

    /// A short step begins.
    pub fn step(&self, headline: &str) {
        self.progress.step(headline);
    }

    /// Keeps the screen still, for a question.
    pub fn pause(&self) {
        self.progress.pause();
    }

    /// Something that the command itself did: it stays on the screen.
    pub fn happened(&self, text: &str) {
        let message = clean(text);
        self.progress
            .happened(&told::Event::Happened { message }, text);
    }
}

impl Observer for ProgressReporter<'_> {
    fn event(&self, event: &Event) {
        match event {
            Event::Warning(text) => self.context.warn(text),
            Event::Waiting { phase, missing } => self.progress.state(&State {
                headline: self.purpose.to_owned(),
                phase: phase.as_deref().map(clean),
                // A controller puts several things into one sentence of a condition.
                missing: missing
                    .iter()
                    .map(|text| cut(text))
                    .flat_map(|text| text.split("; ").map(clean).collect::<Vec<_>>())
                    .take(MISSING)
                    .collect(),
                brief: None,
            }),
            Event::Step(headline) => self.progress.step(headline),
            Event::Removal(removal) => self.progress.state(&State {
                headline: "Deleting VMs and what belongs to them".to_owned(),
                phase: None,
                missing: still_there(removal),
                brief: Some(in_brief(removal)),
            }),
            other => {
                let command = |command: &Suggested| self.context.pasted(command.clone());
                self.progress
                    .happened(&for_programs(other, &command), &words(other, &command));
            }
        }
    }
}

/// Makes a command ready to be pasted, where the cluster will still be there.
pub(super) type Pasted<'a> = &'a dyn Fn(&Suggested) -> Option<String>;

/// The same, for programs.
fn for_programs(event: &Event, pasted: Pasted<'_>) -> told::Event {
    match event.clone() {
        Event::Warning(message) => told::Event::Warning { message },
        Event::Waiting { phase, missing } => told::Event::Waiting {
            purpose: String::new(),
            phase: phase.map(shortened),
            missing: missing.into_iter().map(shortened).collect(),
        },
        Event::Retrying {
            doing,
            tried,
            after,
            why,
        } => told::Event::Retrying {
            doing,
            tried,
            after_milliseconds: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            why: shortened(why),
        },
        Event::WatchLost { watched, why } => told::Event::WatchLost {
            watched,
            why: shortened(why),
        },
        Event::CheckStarted { name } => told::Event::CheckStarted {
            name: shortened(name),
        },
        Event::CheckFinished { name, verdict } => told::Event::CheckFinished {
            name: shortened(name),
            passed: verdict == Verdict::Passed,
            result: verdict,
        },
        Event::Removing { resource, count } => told::Event::Removing { resource, count },
        Event::Removed(object) => told::Event::Removed {
            resource: object.resource,
            namespace: object.namespace,
            name: object.name,
        },
        Event::Stuck(stuck) => told::Event::Stuck {
            command: stuck.command().and_then(pasted),
            object: stuck_report(stuck, pasted).into(),
        },
        Event::Removal(removal) => told::Event::Waiting {
            purpose: String::new(),
            phase: None,
            missing: still_there(&removal),
        },
        Event::Step(message) => told::Event::Step { message },
        Event::Note(message) => told::Event::Happened { message },
        Event::FoundMore { count } => told::Event::FoundMore { count },
    }
}

/// What happened, on one line.
fn words(event: &Event, pasted: Pasted<'_>) -> String {
    let text = match event {
        Event::Retrying {
            doing,
            tried,
            after,
            why,
        } => format!(
            "could not {doing} (try {tried}): {why}; trying again in {}",
            age::span(*after)
        ),
        Event::WatchLost { watched, why } => {
            format!("lost sight of {watched}: {why}; reading it again")
        }
        Event::Waiting { phase, missing } => format!(
            "waiting ({}): {}",
            phase.as_deref().unwrap_or("no phase"),
            missing.join("; ")
        ),
        Event::CheckStarted { name } => format!("check started: {name}"),
        Event::CheckFinished { name, verdict } => format!("check {}: {name}", verdict.word()),
        Event::Warning(text) | Event::Step(text) | Event::Note(text) => text.clone(),
        Event::Removing { resource, count } => format!("deleting {count} {resource}"),
        Event::Removed(object) => format!("gone: {object}"),
        Event::Stuck(stuck) => {
            let command = stuck.command().and_then(pasted);
            let see = command.map(|command| format!("; see: {command}"));
            format!("still there: {stuck}{}", see.unwrap_or_default())
        }
        Event::Removal(removal) => still_there(removal).join("; "),
        Event::FoundMore { count } => {
            format!("{count} more appeared in the meantime; deleting them too")
        }
    };
    clean(&text)
}

/// What is left of a removal, counts first.
fn still_there(removal: &RemovalProgress) -> Vec<String> {
    let counts = removal
        .left
        .iter()
        .map(|(resource, count)| format!("{count} {resource} still there"));
    let slowest = removal
        .slowest
        .iter()
        .map(|(object, since)| clean(&format!("longest on its way: {object}, since {since}")));
    counts.chain(slowest).collect()
}

/// The same for a log: the kind that is waited for first, and how many others.
fn in_brief(removal: &RemovalProgress) -> Vec<String> {
    let mut left = removal.left.iter();
    let Some((resource, count)) = left.next() else {
        return Vec::new();
    };
    let others: usize = left.map(|(_, count)| count).sum();
    vec![match others {
        0 => format!("still there: {count} {resource}"),
        others => format!("still there: {count} {resource}, {others} others"),
    }]
}

/// For events and reports. A step whose command is of no use any more is left out.
pub(super) fn stuck_report(stuck: StuckObject, pasted: Pasted<'_>) -> StuckReport {
    let why = shortened(stuck.reasons());
    let steps = stuck.next_steps.into_iter();
    let all = |texts: Vec<String>| texts.into_iter().map(shortened).collect();
    StuckReport {
        why,
        resource: stuck.object.resource,
        namespace: stuck.object.namespace,
        name: stuck.object.name,
        deleting_since: stuck.deleting_since,
        finalizers: all(stuck.finalizers),
        holder: stuck.holder.map(shortened),
        node: stuck.node.map(shortened),
        conditions: all(stuck.conditions),
        webhook: stuck.webhook.map(shortened),
        next_steps: steps
            .filter_map(|step| {
                Some(NextStepReport {
                    command: pasted(&step.command)?,
                    why: step.why,
                })
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        cluster::{event::ObjectName, stuck::NextStep},
        failure::kubectl,
    };

    #[test]
    fn events_have_words_and_the_words_are_clean() {
        let object = ObjectName {
            resource: "virtualmachines.kubevirt.io".to_owned(),
            namespace: Some("default".to_owned()),
            name: "db".to_owned(),
        };
        for (event, expected) in [
            (
                Event::Retrying {
                    doing: "read vmruntime".to_owned(),
                    tried: 2,
                    after: Duration::from_millis(400),
                    why: "connection\nrefused\x1b[2J".to_owned(),
                },
                "could not read vmruntime (try 2): connection refused; trying again in 400ms",
            ),
            (
                Event::Removed(object.clone()),
                "gone: virtualmachines.kubevirt.io default/db",
            ),
            (
                Event::Stuck(StuckObject {
                    object,
                    deleting_since: None,
                    finalizers: vec!["a/b".to_owned(), "c".to_owned()],
                    holder: Some("whoever works for a".to_owned()),
                    node: Some("it runs on node n\n1".to_owned()),
                    conditions: Vec::new(),
                    webhook: None,
                    next_steps: vec![NextStep {
                        why: "see what holds it".to_owned(),
                        command: kubectl("describe").into(),
                    }],
                    evident: false,
                }),
                "still there: virtualmachines.kubevirt.io default/db, not deleted yet, held by a/b, c; whoever works for a; \
                 it runs on node n 1; see: kubectl describe",
            ),
            (
                Event::CheckFinished {
                    name: "manual".to_owned(),
                    verdict: Verdict::Failed,
                },
                "check failed: manual",
            ),
            (
                Event::CheckFinished {
                    name: "manual".to_owned(),
                    verdict: Verdict::Incomplete,
                },
                "check incomplete: manual",
            ),
        ] {
            let pasted = |command: &Suggested| Some(command.to_string());
            assert_eq!(words(&event, &pasted), expected);
        }
    }
}
