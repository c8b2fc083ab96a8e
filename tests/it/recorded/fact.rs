//! What a list of events says, as facts that can be compared: pure functions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Deserialize;

/// What happened to an object, cut to what is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// ADDED, MODIFIED or DELETED.
    #[serde(rename = "event")]
    pub change: String,
    pub resource: String,
    pub name: String,
    /// Of a pod: what it is a part of.
    #[serde(default)]
    pub component: String,
    #[serde(default)]
    pub phase: String,
    /// Type, status and reason.
    #[serde(default)]
    pub conditions: Vec<(String, String, String)>,
    #[serde(default)]
    pub labels: Vec<String>,
    /// Kind, and whether it controls.
    #[serde(default)]
    pub owners: Vec<(String, bool)>,
    #[serde(default)]
    pub finalizers: Vec<String>,
    #[serde(default)]
    pub deleting: bool,
}

impl Event {
    /// What is compared with what: pods by what they are a part of, machines all together.
    fn subject(&self) -> String {
        match self.resource.as_str() {
            "vms" | "vmis" | "kubevirts" => self.resource.clone(),
            "pods" => format!("pods/{}", self.component),
            // Its name is made up.
            "webhooks" if self.name.starts_with("virt-operator-tmp-webhook") => {
                "webhooks/virt-operator-tmp-webhook".to_owned()
            }
            resource => format!("{resource}/{}", self.name),
        }
    }

    /// The machine that it belongs to, where it belongs to one.
    fn machine(&self) -> Option<&str> {
        match self.resource.as_str() {
            "vms" | "vmis" => Some(&self.name),
            "pods" => {
                let (machine, _) = self.name.strip_prefix("virt-launcher-")?.rsplit_once('-')?;
                Some(machine)
            }
            _ => None,
        }
    }
}

/// Something that only one of the two says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub situation: String,
    pub subject: String,
    /// Begins with `-` where it was recorded, with `+` where it was simulated.
    pub fact: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {}", self.situation, self.subject, self.fact)
    }
}

type Facts = BTreeMap<String, BTreeSet<String>>;

pub fn differences(
    situation: &str,
    recorded: &[Event],
    simulated: &[Event],
) -> BTreeSet<Difference> {
    let (recorded, simulated) = (facts(recorded), facts(simulated));
    let subjects: BTreeSet<&String> = recorded.keys().chain(simulated.keys()).collect();
    let mut differences = BTreeSet::new();
    for subject in subjects {
        let mut differs = |fact: String| {
            differences.insert(Difference {
                situation: situation.to_owned(),
                subject: subject.clone(),
                fact,
            });
        };
        match (recorded.get(subject), simulated.get(subject)) {
            (Some(real), Some(played)) => {
                real.difference(played)
                    .for_each(|fact| differs(format!("-{fact}")));
                played
                    .difference(real)
                    .for_each(|fact| differs(format!("+{fact}")));
            }
            (Some(_), None) => differs("-it is there".to_owned()),
            (None, Some(_)) => differs("+it is there".to_owned()),
            (None, None) => {}
        }
    }
    differences
}

fn facts(events: &[Event]) -> Facts {
    let mut facts = Facts::new();
    let mut phases: BTreeMap<(String, String), String> = BTreeMap::new();
    for event in events {
        let subject = event.subject();
        let said = facts.entry(subject.clone()).or_default();
        let key = (subject, event.name.clone());
        let before = phases.get(&key).cloned();
        if event.change == "DELETED" {
            said.insert("gone".to_owned());
            if let Some(before) = before.filter(|before| !before.is_empty()) {
                said.insert(format!("phase {before} → gone"));
            }
            phases.remove(&key);
            continue;
        }
        let before = before.or_else(|| (event.change == "ADDED").then(String::new));
        if let Some(before) = before.filter(|before| *before != event.phase) {
            said.insert(format!("phase {before} → {}", event.phase));
        }
        phases.insert(key, event.phase.clone());
        said.extend(states(event));
    }
    for (subject, order) in order(events) {
        facts.entry(subject).or_default().insert(order);
    }
    facts
}

fn states(event: &Event) -> impl Iterator<Item = String> {
    let conditions = event.conditions.iter();
    let conditions = conditions.map(|(kind, status, reason)| {
        format!("condition {kind}={status} {reason}")
            .trim_end()
            .to_owned()
    });
    let labels = event.labels.iter().map(|label| format!("label {label}"));
    let finalizers = event.finalizers.iter();
    let finalizers = finalizers.map(|finalizer| format!("finalizer {finalizer}"));
    let owners = event.owners.iter().map(|(kind, controls)| {
        format!("owner {kind}{}", if *controls { ", controls" } else { "" })
    });
    conditions.chain(labels).chain(finalizers).chain(owners)
}

/// In which order a machine, its instance and its launcher come and go.
fn order(events: &[Event]) -> BTreeSet<(String, String)> {
    let mut order = BTreeSet::new();
    for (at, first) in events.iter().enumerate() {
        let Some(machine) = first.machine().filter(|_| first.change != "MODIFIED") else {
            continue;
        };
        let word = if first.change == "ADDED" {
            "comes"
        } else {
            "goes"
        };
        let later = events[at..].iter().filter(|later| {
            later.change == first.change
                && later.resource != first.resource
                && later.machine() == Some(machine)
        });
        order.extend(later.map(|later| {
            (
                first.subject(),
                format!("{word} before {}", later.subject()),
            )
        }));
    }
    order
}
