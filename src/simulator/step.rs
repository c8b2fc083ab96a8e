//! What a rule wants done: plain data, so that rules can be read and tested without an API server.

use kube::core::DynamicObject;
use serde_json::Value;

use super::{
    cluster_state::{Key, Object, Read as _},
    kind::Kind,
};

/// One thing to do to the cluster.
#[derive(Clone, Debug)]
pub enum Action {
    Create {
        kind: Kind,
        object: Box<DynamicObject>,
        /// `namespace/name` of the service account that must be seen as the author; admission policies tell it apart.
        author: Option<ServiceAccount>,
    },
    /// Merge patch of the status subresource.
    Status {
        of: Target,
        patch: Value,
    },
    /// Merge patch of the object itself.
    Patch {
        of: Target,
        patch: Value,
    },
    /// A patch that makes an object the owner of another one, if the owner is still there to stay.
    Adopt {
        owner: Target,
        of: Target,
        patch: Value,
    },
    Delete {
        of: Target,
        grace: Option<u32>,
    },
    /// Give a pod its node.
    Bind {
        pod: Target,
        node: String,
    },
    /// Ask the node's runner what becomes of a pod.
    Ask {
        pod: Object,
    },
    /// Tell people what happened, once for each reason.
    Tell {
        about: Object,
        reason: &'static str,
        message: String,
    },
}

/// Who a component is, for admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    pub namespace: String,
    pub name: &'static str,
}

/// The very object that is meant: a namesake that came later has another uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub key: Key,
    pub uid: String,
}

impl Target {
    pub fn of(kind: Kind, object: &Object) -> Self {
        Self {
            key: Key::of(kind, object),
            uid: object.uid().to_owned(),
        }
    }
}

/// An [`Action`] and when it is due.
#[derive(Clone, Debug)]
pub struct Step {
    pub when: When,
    pub action: Action,
}

/// When a step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Now,
    /// A transition of the pace after the rule wanted it first; the word tells the wishes of one object apart.
    Later(&'static str),
}

impl Action {
    pub fn now(self) -> Step {
        Step {
            when: When::Now,
            action: self,
        }
    }

    pub fn later(self, wish: &'static str) -> Step {
        Step {
            when: When::Later(wish),
            action: self,
        }
    }

    /// Creation by the component itself.
    pub fn create(kind: Kind, object: DynamicObject) -> Self {
        Self::Create {
            kind,
            object: Box::new(object),
            author: None,
        }
    }

    /// A write of the status, if it would change anything.
    pub fn status(kind: Kind, object: &Object, wanted: &Value) -> Option<Self> {
        let mut status = object.data.get("status").cloned().unwrap_or(Value::Null);
        let before = status.clone();
        json_patch::merge(&mut status, wanted);
        (status != before).then(|| Self::Status {
            of: Target::of(kind, object),
            patch: serde_json::json!({"metadata": {"uid": object.uid()}, "status": wanted}),
        })
    }

    /// The status at once, where that changes anything: all that many rules have left to do.
    pub fn report(kind: Kind, object: &Object, wanted: &Value) -> Vec<Step> {
        Self::status(kind, object, wanted)
            .map(Self::now)
            .into_iter()
            .collect()
    }

    pub fn delete(kind: Kind, object: &Object) -> Self {
        Self::Delete {
            of: Target::of(kind, object),
            grace: None,
        }
    }
}
