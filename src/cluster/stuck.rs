//! Why an object that is being deleted is still there: its finalizers, who has to remove them and whether that one runs,
//! the node that it runs on, what its own conditions say, and what a person can do about it.
//!
//! The removal of VMs, the waits, `status`, `controller uninstall` and the controller all ask [`Explainer::explain`]. It
//! reads the facts (`facts`) and judges them (`judge`, pure). It changes nothing: finalizers are never stripped. What
//! cannot be read is said to be unknown.

mod facts;
mod finalizer;
mod judge;
mod next_step;
mod pod;
mod survey;

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use jiff::Timestamp;
use kube::{
    Client,
    core::{ApiResource, ObjectMeta},
};

use super::{
    event::ObjectName,
    inventory::{Second, Workload},
};
use crate::{
    api::{kubernetes::Pod, name::qualified},
    failure::{Failure, Hint, Suggested},
};

pub use next_step::NextStep;
pub use pod::why_not_ready;
pub use survey::{AbsentController, Survey, survey};

/// An object whose end is waited for, as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    pub resource: ApiResource,
    pub object: ObjectName,
    pub uid: String,
    /// When its deletion was asked for; `None` if nothing has deleted it yet.
    pub deleting_since: Option<Timestamp>,
    pub finalizers: Vec<String>,
}

impl Leaving {
    #[must_use]
    pub fn new(resource: &ApiResource, metadata: &ObjectMeta) -> Self {
        Self {
            resource: resource.clone(),
            object: ObjectName {
                resource: qualified(&resource.plural, &resource.group),
                namespace: metadata.namespace.clone(),
                name: metadata.name.clone().unwrap_or_default(),
            },
            uid: metadata.uid.clone().unwrap_or_default(),
            deleting_since: deleting_since(metadata),
            finalizers: metadata.finalizers.clone().unwrap_or_default(),
        }
    }

    #[must_use]
    pub fn pod(metadata: &ObjectMeta) -> Self {
        Self::new(&ApiResource::erase::<Pod>(&()), metadata)
    }

    #[must_use]
    pub fn workload(workload: &Workload) -> Self {
        Self {
            resource: workload.resource(),
            object: workload.object_name(),
            uid: workload.uid.to_string(),
            deleting_since: workload.deleting.map(Second::timestamp),
            finalizers: workload.finalizers.to_vec(),
        }
    }

    /// Was its deletion asked for at least that long ago?
    #[must_use]
    pub fn lasts(&self, now: Timestamp, long: Duration) -> bool {
        let age = self.deleting_since.map(|since| now.duration_since(since));
        age.and_then(|age| Duration::try_from(age).ok())
            .is_some_and(|age| age >= long)
    }
}

/// When the deletion was asked for: the timestamp is when it is due, which for a pod is at the end of its grace period.
fn deleting_since(metadata: &ObjectMeta) -> Option<Timestamp> {
    let due = metadata.deletion_timestamp.as_ref()?.0;
    let grace = metadata.deletion_grace_period_seconds.unwrap_or(0);
    let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
    due.checked_sub(grace).ok()
}

/// An object that is being deleted and still there, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckObject {
    pub object: ObjectName,
    /// When its deletion was asked for; `None` if nothing has deleted it yet.
    pub deleting_since: Option<Timestamp>,
    /// What holds it: whoever put these must remove them.
    pub finalizers: Vec<String>,
    /// Who that is and how they are; `None` where it was not looked, or nobody is known.
    pub holder: Option<String>,
    /// Where it runs, if that may be why.
    pub node: Option<String>,
    /// What its own conditions complain of.
    pub conditions: Vec<String>,
    /// What the API server says about a webhook that keeps the object from being changed.
    pub webhook: Option<String>,
    /// What a person can do, best first. Never empty.
    pub next_steps: Vec<NextStep>,
    /// Something is found that explains it. Without that it may only be slow.
    pub evident: bool,
}

impl StuckObject {
    /// Why it is still there, in clauses: from since when on.
    #[must_use]
    pub fn reasons(&self) -> String {
        let since = self.deleting_since.map_or_else(
            || "not deleted yet".to_owned(),
            |since| format!("being deleted since {since}"),
        );
        let held = match self.finalizers.as_slice() {
            [] => since,
            finalizers => format!("{since}, held by {}", finalizers.join(", ")),
        };
        let more = [&self.holder, &self.node].into_iter().flatten();
        let more = more.chain(&self.conditions).chain(&self.webhook);
        more.fold(held, |text, clause| format!("{text}; {clause}"))
    }

    /// The command that tells more, or helps.
    #[must_use]
    pub fn command(&self) -> Option<&Suggested> {
        self.next_steps.first().map(|step| &step.command)
    }
}

impl std::fmt::Display for StuckObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.object, self.reasons())
    }
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Explainer<'a> {
    client: &'a Client,
    /// The only namespace in which the engine's pods and Deployments may be read; `None`: in all.
    place: Option<&'a str>,
    /// May it be tried (as a dry run) whether the object can be changed?
    tries: bool,
}

/// Explaining one object may take this long: nobody waits long for an extra.
const LIMIT: Duration = Duration::from_secs(3);

impl<'a> Explainer<'a> {
    /// For a command: it looks wherever the user may.
    #[must_use]
    pub fn of_command(client: &'a Client) -> Self {
        Self {
            client,
            place: None,
            tries: true,
        }
    }

    /// For the controller: it looks only where its roles let it.
    #[must_use]
    pub fn of_controller(client: &'a Client, place: Option<&'a str>) -> Self {
        Self {
            client,
            place,
            tries: false,
        }
    }

    /// Why they are still there. Those that are gone by now are left out.
    pub async fn explain(&self, objects: &[Leaving]) -> Vec<StuckObject> {
        let each = objects.iter().map(|leaving| self.explain_one(leaving));
        join_all(each).await.into_iter().flatten().collect()
    }

    async fn explain_one(&self, leaving: &Leaving) -> Option<StuckObject> {
        match tokio::time::timeout(LIMIT, facts::read(self, leaving)).await {
            Ok(facts) => facts.map(|facts| judge::judge(&facts)),
            Err(_) => Some(name(leaving)),
        }
    }
}

/// A failure with what a person can do, each command once.
#[must_use]
pub fn with_next_steps<'a>(
    mut failure: Failure,
    steps: impl Iterator<Item = &'a NextStep>,
) -> Failure {
    /// More of them help nobody.
    const SHOWN: usize = 5;
    let mut commands = BTreeSet::new();
    for step in steps
        .filter(|step| commands.insert(step.command.to_string()))
        .take(SHOWN)
    {
        failure = failure.hint(Hint::run(step.why.clone(), step.command.clone()));
    }
    failure
}

/// What is known without a look at its surroundings.
#[must_use]
pub fn name(leaving: &Leaving) -> StuckObject {
    judge::judge(&facts::Facts::of(leaving))
}
