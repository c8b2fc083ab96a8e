//! Faults on purpose: what goes wrong in real clusters, when a test asks for it.
//!
//! A [`Fault`] says which requests it is for, how often, and what happens to them. The server (and the in-process
//! clients of parts in this process, where a fault names them) asks `Faults` before each request; `effect` does
//! it. Faults come from whoever runs the server ([`Server::arm`](crate::Server::arm)) or from the owner, by
//! `/sandbox/faults` (see `admin`). Nothing here knows what a verb does.

pub(crate) mod admin;
pub(crate) mod effect;

use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::core::Duration;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::access::authorization::{Attributes, Target};

/// So many faults may be armed at a time.
const MOST: usize = 100;
/// What `verbs` may say.
const VERBS: [&str; 8] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];

/// Something that goes wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    /// To find it by; made up where it is missing.
    #[serde(default)]
    pub name: String,
    /// Whom it hits.
    #[serde(default)]
    pub target: Party,
    /// Empty: every verb.
    #[serde(default)]
    pub verbs: Vec<String>,
    /// Plurals, with or without their group: `pods`, `virtualmachines.kubevirt.io`. Empty: every request.
    #[serde(default)]
    pub resources: Vec<String>,
    /// User names. Empty: everybody.
    #[serde(default)]
    pub users: Vec<String>,
    /// So many requests that it is for pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// It hits so often and never again; without it, always.
    #[serde(default)]
    pub times: Option<u64>,
    /// How likely it is to hit, from 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// What the probability is drawn with: the same seed draws the same.
    #[serde(default)]
    pub seed: u64,
    /// What happens.
    #[serde(rename = "do")]
    pub effect: Effect,
}

const fn always() -> f64 {
    1.0
}

/// Who makes requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Party {
    /// Whoever comes over the network.
    #[default]
    Clients,
    /// A controller that runs in this process.
    Controller,
    /// What plays kubelets, operators and so on in this process.
    Machinery,
    Everyone,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Effect {
    /// It is answered so much later. Other faults may hit it too.
    Delay(Duration),
    /// It is answered with a failure, and nothing is done.
    Answer {
        code: u16,
        #[serde(default)]
        retry_after: Option<Duration>,
        /// In place of the API server's own words.
        #[serde(default)]
        message: Option<String>,
    },
    /// A watch tells a failure (410 unless it says otherwise) and ends.
    Error {
        #[serde(default = "gone")]
        code: u16,
        #[serde(default = "at_once")]
        after: Duration,
    },
    /// The answer ends in the middle, properly: what a watch does when its time is up.
    End {
        #[serde(default = "at_once")]
        after: Duration,
    },
    /// The connection is lost in the middle of the answer.
    Cut {
        #[serde(default = "at_once")]
        after: Duration,
    },
    /// The connection is reset before there is an answer.
    Reset,
    /// The API server goes away, with all of its connections, and comes back.
    Restart {
        #[serde(default = "a_second")]
        downtime: Duration,
    },
}

const fn gone() -> u16 {
    410
}

fn at_once() -> Duration {
    std::time::Duration::ZERO.into()
}

fn a_second() -> Duration {
    std::time::Duration::from_secs(1).into()
}

impl Fault {
    /// What makes no sense about it.
    #[must_use]
    pub fn objection(&self) -> Option<String> {
        let verb = self
            .verbs
            .iter()
            .find(|verb| !VERBS.contains(&verb.as_str()));
        if let Some(verb) = verb {
            return Some(format!("verbs: {verb:?} is none of {}", VERBS.join(", ")));
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return Some(format!(
                "probability: {} is not from 0 to 1",
                self.probability
            ));
        }
        let code = match self.effect {
            Effect::Answer { code, .. } | Effect::Error { code, .. } => Some(code),
            Effect::Delay(_)
            | Effect::End { .. }
            | Effect::Cut { .. }
            | Effect::Reset
            | Effect::Restart { .. } => None,
        };
        code.filter(|code| !(400..600).contains(code))
            .map(|code| format!("code: {code} is no failure"))
    }

    /// Is it for this request?
    fn concerns(&self, party: Party, request: &Attributes<'_>) -> bool {
        let (resource, qualified) = match &request.target {
            Target::Resource(target) if target.group.is_empty() => {
                (target.resource.as_str(), target.resource.clone())
            }
            Target::Resource(target) => {
                let qualified = format!("{}.{}", target.resource, target.group);
                (target.resource.as_str(), qualified)
            }
            Target::Path(_) => ("", String::new()),
        };
        let named = |list: &[String], words: &[&str]| {
            list.is_empty() || list.iter().any(|one| words.contains(&one.as_str()))
        };
        let in_stream = matches!(self.effect, Effect::Error { .. });
        (self.target == Party::Everyone || self.target == party)
            && named(&self.verbs, &[&request.verb])
            && named(&self.resources, &[resource, &qualified])
            && named(&self.users, &[&request.user.username])
            && (!in_stream || request.verb == "watch")
    }
}

/// A fault in place.
#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// How many requests it was for.
    seen: u64,
    /// How many it has hit.
    hits: u64,
    luck: StdRng,
}

impl Armed {
    fn new(fault: Fault) -> Self {
        Self {
            seen: 0,
            hits: 0,
            luck: StdRng::seed_from_u64(fault.seed),
            fault,
        }
    }

    /// Counts a request that the fault is for; does it hit?
    fn strikes(&mut self) -> bool {
        self.seen += 1;
        let spent = self.fault.times.is_some_and(|times| self.hits >= times);
        if spent || self.seen <= self.fault.skip {
            return false;
        }
        let hit = self.fault.probability >= 1.0 || self.luck.random_bool(self.fault.probability);
        self.hits += u64::from(hit);
        hit
    }
}

/// All faults that are armed.
#[derive(Debug)]
pub(crate) struct Faults {
    armed: Mutex<Vec<Armed>>,
    /// Restarts the server, away for so long.
    restarts: mpsc::UnboundedSender<std::time::Duration>,
}

impl Faults {
    pub fn new(restarts: mpsc::UnboundedSender<std::time::Duration>) -> Self {
        Self {
            armed: Mutex::default(),
            restarts,
        }
    }

    /// Arms a fault, in place of one of the same name. Returns its name.
    pub fn arm(&self, mut fault: Fault) -> Result<String, String> {
        if let Some(objection) = fault.objection() {
            return Err(objection);
        }
        let mut armed = self.lock();
        if fault.name.is_empty() {
            // There are at most so many, so that one of these is free.
            fault.name = (1..=MOST)
                .map(|number| format!("fault-{number}"))
                .find(|name| armed.iter().all(|one| one.fault.name != *name))
                .unwrap_or_default();
        }
        let name = fault.name.clone();
        armed.retain(|one| one.fault.name != name);
        if armed.len() == MOST {
            return Err(format!("{MOST} faults are armed already"));
        }
        armed.push(Armed::new(fault));
        Ok(name)
    }

    /// What happens to a request: first the delays, then at most one other thing.
    fn effects(&self, party: Party, request: &Attributes<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for armed in self.lock().iter_mut() {
            if !armed.fault.concerns(party, request) || !armed.strikes() {
                continue;
            }
            let effect = armed.fault.effect.clone();
            let goes_on = matches!(effect, Effect::Delay(_));
            effects.push(effect);
            if !goes_on {
                break;
            }
        }
        effects
    }

    fn are_none(&self) -> bool {
        self.lock().is_empty()
    }

    fn restart(&self, downtime: std::time::Duration) {
        // Nobody listens only when the server is going down.
        let _ = self.restarts.send(downtime);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
