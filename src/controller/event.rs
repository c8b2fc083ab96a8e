//! Kubernetes Events on transitions, for people who `kubectl describe`. An Event that cannot be written is no failure.

use k8s_openapi::api::{
    admissionregistration::v1::ValidatingAdmissionPolicy, core::v1::ObjectReference,
    rbac::v1::ClusterRole,
};
use kube::{
    Client, Resource,
    core::ApiResource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use super::{engine, observed::RuntimeFacts, plan::upkeep::Kept};
use crate::{
    api::{
        Condition, ConditionStatus, VMRuntime, VMRuntimeStatus,
        condition::{self, kind},
        name,
    },
    runtime::{
        preflight::cut,
        readiness::{EngineFacts, EngineObject},
    },
};

/// The API server takes 1 kB.
const NOTE_LIMIT: usize = 1000;
/// Conditions whose turning is worth an Event; when True, these are no good news.
const TOLD: [(&str, EventType); 6] = [
    (kind::READY, EventType::Normal),
    (kind::DEGRADED, EventType::Warning),
    (kind::DISABLE_BLOCKED, EventType::Warning),
    (kind::VM_CREATION_ALLOWED, EventType::Normal),
    (kind::ENGINE_DEGRADED, EventType::Warning),
    (kind::CONTESTED, EventType::Warning),
];

/// Writes Events about VMRuntime.
pub(super) struct Announcer {
    recorder: Recorder,
}

impl Announcer {
    pub(super) fn new(client: Client) -> Self {
        Self {
            recorder: Recorder::new(client, Reporter::from(name::MANAGER.to_owned())),
        }
    }

    /// Tells what turned from the published status to this one.
    pub(super) async fn announce(&self, runtime: &RuntimeFacts, status: &VMRuntimeStatus) {
        for (condition, type_) in turned(&runtime.status.conditions, &status.conditions) {
            let event = Event {
                type_,
                reason: condition.reason.clone(),
                note: Some(cut(&condition.message, NOTE_LIMIT)),
                action: condition.type_.clone(),
                secondary: None,
            };
            self.publish(runtime, &event).await;
        }
    }

    /// Tells that somebody else's change of that object was undone. Each object has Events of its own: those that differ
    /// in their note only are one to the API's clients, with the note of the first.
    pub(super) async fn repaired(
        &self,
        runtime: &RuntimeFacts,
        what: &str,
        object: ObjectReference,
        by: Option<&str>,
    ) {
        let note = match by {
            Some(by) => format!("{what} was changed by {by}, and was put right"),
            None => format!("{what} was changed or removed, and was put right"),
        };
        let event = Event {
            type_: EventType::Warning,
            reason: "PutRight".to_owned(),
            note: Some(cut(&note, NOTE_LIMIT)),
            action: "PutRight".to_owned(),
            secondary: Some(object),
        };
        self.publish(runtime, &event).await;
    }

    async fn publish(&self, runtime: &RuntimeFacts, event: &Event) {
        let object = VMRuntime {
            metadata: kube::core::ObjectMeta {
                name: Some(name::VMRUNTIME.to_owned()),
                uid: Some(runtime.uid.clone()),
                ..kube::core::ObjectMeta::default()
            },
            ..VMRuntime::default()
        };
        let reference = object.object_ref(&());
        if let Err(error) = self.recorder.publish(event, &reference).await {
            tracing::debug!(%error, "could not write an Event");
        }
    }
}

/// What is kept, as an object of the cluster.
pub(super) fn reference(kept: Kept, engine: &EngineFacts) -> ObjectReference {
    let of_engine = |resource: &ApiResource, object: Option<&EngineObject>| ObjectReference {
        namespace: object.and_then(|object| object.namespace.clone()),
        ..refer(resource, object.map(|object| object.name.as_str()))
    };
    match kept {
        Kept::KubeVirt => of_engine(&engine::kubevirt(), engine.kubevirt.object()),
        Kept::Cdi => of_engine(&engine::cdi(), engine.cdi.object()),
        Kept::Policy(policy) => refer(
            &ApiResource::erase::<ValidatingAdmissionPolicy>(&()),
            Some(policy.object_name()),
        ),
        Kept::Role(role) => refer(&ApiResource::erase::<ClusterRole>(&()), Some(role.name())),
    }
}

/// An object of that kind.
pub(super) fn refer(resource: &ApiResource, name: Option<&str>) -> ObjectReference {
    ObjectReference {
        api_version: Some(resource.api_version.clone()),
        kind: Some(resource.kind.clone()),
        name: name.map(str::to_owned),
        ..ObjectReference::default()
    }
}

/// The conditions that turned: good news of the good ones, bad news of the bad ones, and a Ready that is lost.
fn turned<'a>(before: &[Condition], after: &'a [Condition]) -> Vec<(&'a Condition, EventType)> {
    TOLD.into_iter()
        .filter_map(|(type_, event)| {
            let now = condition::find(after, type_)?;
            let was = condition::find(before, type_).map(|condition| condition.status);
            let told = now.status == ConditionStatus::True
                || (type_ == kind::READY && was == Some(ConditionStatus::True));
            (was != Some(now.status) && told).then_some((now, event))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(type_: &str, status: ConditionStatus) -> Condition {
        Condition {
            type_: type_.to_owned(),
            status,
            ..Condition::default()
        }
    }

    #[test]
    fn only_what_turned_is_told() {
        use ConditionStatus::{False, True};
        let count = |before: &[Condition], after: &[Condition]| turned(before, after).len();
        let ready = [said(kind::READY, True)];
        let unready = [said(kind::READY, False)];
        assert_eq!(count(&unready, &ready), 1);
        assert_eq!(count(&ready, &unready), 1);
        assert_eq!(count(&ready, &ready), 0);
        assert_eq!(count(&[], &unready), 0, "never ready is no news");
        assert_eq!(count(&[], &[said(kind::DEGRADED, True)]), 1);
        assert_eq!(
            count(
                &[said(kind::DEGRADED, True)],
                &[said(kind::DEGRADED, False)]
            ),
            0
        );
    }
}
