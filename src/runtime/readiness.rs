//! Is the engine up? Judged from its custom resources and its components, over the nodes that are to run VMs.
//!
//! KubeVirt's own condition Available goes False with one node that is not ready, so it is no measure: VMs can run as
//! soon as the control plane is complete and one eligible node has a handler. What is missing beyond that is said.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::preflight::NodeFacts;
use crate::api::engine::PHASE_DEPLOYED;

/// A custom resource of which there is to be one.
#[expect(
    clippy::large_enum_variant,
    reason = "a round has two of them, and nearly all are there"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// The API server does not know the kind.
    #[default]
    NotServed,
    Absent,
    Present(EngineObject),
}

impl Presence {
    /// The object, if there is one.
    #[must_use]
    pub fn object(&self) -> Option<&EngineObject> {
        match self {
            Self::Present(object) => Some(object),
            Self::NotServed | Self::Absent => None,
        }
    }

    /// The object, if there is one that we made.
    #[must_use]
    pub fn ours(&self) -> Option<&EngineObject> {
        self.object().filter(|object| object.ours)
    }
}

/// A KubeVirt or a CDI object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineObject {
    pub name: String,
    /// `None` for CDI, which is cluster-scoped.
    pub namespace: Option<String>,
    pub uid: String,
    pub resource_version: String,
    /// Carries our label. What does not is used and never touched.
    pub ours: bool,
    pub deleting: bool,
    /// When its deletion was asked for.
    pub deleting_since: Option<Timestamp>,
    pub phase: Option<String>,
    /// The operator has not looked at the present spec yet, or is still going from one version to another.
    pub updating: bool,
    pub use_emulation: bool,
    /// Where it puts what runs VMs, as it stands in its spec.
    pub placement: Option<Value>,
    /// The controller has extended the placement.
    pub placement_extended: bool,
    /// Uninstalling is refused by the engine as long as workloads exist.
    pub protects_workloads: bool,
    /// The engine's own words for what is wrong with it.
    pub failure: Option<String>,
    /// Who wrote to its spec last, if it was not the controller.
    pub changed_by: Option<String>,
}

/// A Deployment of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    pub name: String,
    pub wanted: i32,
    pub ready: i32,
}

/// The Deployment of virt-operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    pub namespace: String,
    /// Carries our label: we installed it from manifests.
    pub ours: bool,
}

/// Everything that is known of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFacts {
    /// virt-operator, where it is installed.
    pub operator: Option<Operator>,
    pub kubevirt: Presence,
    pub cdi: Presence,
    /// virt-api and virt-controller, as far as they are there.
    pub components: Vec<Component>,
    /// Deployments of the engine that get no pods, and why.
    pub refused: Vec<String>,
    /// Nodes with a ready virt-handler.
    pub handlers: BTreeSet<String>,
}

impl EngineFacts {
    /// Does the engine emulate new VMs in software? What somebody else made keeps its own setting; one of ours has, or is
    /// about to get, the wanted one.
    #[must_use]
    pub fn emulates(&self, wanted: bool) -> bool {
        self.foreign()
            .map_or(wanted, |kubevirt| kubevirt.use_emulation)
    }

    /// The KubeVirt object, if somebody else made it.
    #[must_use]
    pub fn foreign(&self) -> Option<&EngineObject> {
        self.kubevirt.object().filter(|object| !object.ours)
    }
}

/// Deployments without which nothing runs.
pub const COMPONENTS: [&str; 2] = ["virt-api", "virt-controller"];

/// Whether VMs could run, as far as the engine goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineState {
    /// There is no KubeVirt object.
    Absent,
    /// It is going away.
    Deleting,
    /// Not yet; this is what is missing.
    Incomplete(Vec<String>),
    /// KubeVirt has been deployed, and this of it does not run.
    Down(Vec<String>),
    /// It runs, and there is no node for VMs.
    NoNode,
    /// It runs; what does not run everywhere.
    Up { partial: Vec<String> },
}

/// Judges the engine.
#[must_use]
pub fn engine(facts: &EngineFacts, nodes: &[NodeFacts]) -> EngineState {
    let Some(kubevirt) = facts.kubevirt.object() else {
        return EngineState::Absent;
    };
    if kubevirt.deleting {
        return EngineState::Deleting;
    }
    let mut missing = Vec::new();
    let mut down = Vec::new();
    let mut partial = Vec::new();
    if let Some(fault) = undeployed("KubeVirt", kubevirt) {
        // Its components follow from it: to list them too would only hide the cause.
        missing.push(fault);
    } else {
        components(facts, nodes, &mut down, &mut partial);
    }
    if let Some(cdi) = facts.cdi.object() {
        // Disks are not ours to judge on a CDI that somebody else runs.
        let fault = undeployed("CDI", cdi);
        if cdi.ours {
            missing.extend(fault);
        } else {
            partial.extend(fault);
        }
    }
    if !missing.is_empty() {
        missing.splice(0..0, down);
        EngineState::Incomplete(missing)
    } else if !down.is_empty() {
        EngineState::Down(down)
    } else if nodes.iter().all(|node| node.skipped) {
        EngineState::NoNode
    } else {
        EngineState::Up { partial }
    }
}

fn components(
    facts: &EngineFacts,
    nodes: &[NodeFacts],
    missing: &mut Vec<String>,
    partial: &mut Vec<String>,
) {
    for name in COMPONENTS {
        let found = facts.components.iter().find(|found| found.name == name);
        match found {
            Some(found) if found.ready >= found.wanted && found.ready > 0 => {}
            Some(found) if found.ready > 0 => partial.push(format!(
                "{name}: {} of {} replicas ready",
                found.ready, found.wanted
            )),
            Some(_) => missing.push(format!("{name} is not ready")),
            None => missing.push(format!("{name} is not there")),
        }
    }
    let eligible: Vec<&NodeFacts> = nodes.iter().filter(|node| !node.skipped).collect();
    let handled = eligible
        .iter()
        .filter(|node| facts.handlers.contains(&node.name))
        .count();
    match (handled, eligible.len()) {
        (_, 0) => {}
        (0, nodes) => missing.push(format!("virt-handler is ready on 0 of {nodes} nodes")),
        (handled, nodes) if handled < nodes => partial.push(format!(
            "virt-handler is ready on {handled} of {nodes} nodes"
        )),
        (_, _) => {}
    }
}

fn undeployed(kind: &str, object: &EngineObject) -> Option<String> {
    let phase = object
        .phase
        .as_deref()
        .unwrap_or("not picked up by its operator yet");
    let failure = object.failure.as_deref();
    if phase != PHASE_DEPLOYED {
        Some(match failure {
            Some(failure) => format!("{kind} is {phase}: {failure}"),
            None => format!("{kind} is {phase}"),
        })
    } else if object.updating {
        Some(format!("{kind} is updating"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up() -> EngineFacts {
        let deployed = EngineObject {
            ours: true,
            phase: Some(PHASE_DEPLOYED.to_owned()),
            ..EngineObject::default()
        };
        EngineFacts {
            operator: Some(Operator::default()),
            kubevirt: Presence::Present(deployed.clone()),
            cdi: Presence::Present(deployed),
            components: COMPONENTS
                .iter()
                .map(|name| Component {
                    name: (*name).to_owned(),
                    wanted: 2,
                    ready: 2,
                })
                .collect(),
            refused: Vec::new(),
            handlers: BTreeSet::from(["n1".to_owned(), "n2".to_owned()]),
        }
    }

    fn nodes() -> Vec<NodeFacts> {
        ["n1", "n2"]
            .map(|name| NodeFacts {
                name: name.to_owned(),
                ready: true,
                ..NodeFacts::default()
            })
            .to_vec()
    }

    fn changed(object: &Presence, change: impl Fn(&mut EngineObject)) -> Presence {
        let mut object = object.object().unwrap().clone();
        change(&mut object);
        Presence::Present(object)
    }

    type Change = fn(&mut EngineFacts);

    #[test]
    fn up_only_with_everything_that_vms_need() {
        let full = up();
        assert_eq!(engine(&full, &nodes()), EngineState::Up { partial: vec![] });

        let incomplete: [(&str, Change, &str); 7] = [
            (
                "not taken up",
                |facts| facts.kubevirt = changed(&facts.kubevirt, |object| object.phase = None),
                "KubeVirt is not picked up by its operator yet",
            ),
            (
                "deploying",
                |facts| {
                    facts.kubevirt = changed(&facts.kubevirt, |object| {
                        object.phase = Some("Deploying".to_owned());
                        object.failure = Some("no room".to_owned());
                    });
                },
                "KubeVirt is Deploying: no room",
            ),
            (
                "updating",
                |facts| facts.kubevirt = changed(&facts.kubevirt, |object| object.updating = true),
                "KubeVirt is updating",
            ),
            (
                "our CDI",
                |facts| facts.cdi = changed(&facts.cdi, |object| object.phase = None),
                "CDI is not picked up by its operator yet",
            ),
            (
                "component gone",
                |facts| facts.components.truncate(1),
                "virt-controller is not there",
            ),
            (
                "component down",
                |facts| facts.components[0].ready = 0,
                "virt-api is not ready",
            ),
            (
                "handlers",
                |facts| facts.handlers = BTreeSet::from(["elsewhere".to_owned()]),
                "virt-handler is ready on 0 of 2 nodes",
            ),
        ];
        for (case, change, missing) in incomplete {
            let mut facts = up();
            change(&mut facts);
            let missing = vec![missing.to_owned()];
            let expected = if ["component gone", "component down", "handlers"].contains(&case) {
                EngineState::Down(missing)
            } else {
                EngineState::Incomplete(missing)
            };
            assert_eq!(engine(&facts, &nodes()), expected, "{case}");
        }
        assert_eq!(engine(&full, &[]), EngineState::NoNode);
        let mut skipped = nodes();
        for node in &mut skipped {
            node.skipped = true;
        }
        assert_eq!(engine(&full, &skipped), EngineState::NoNode);
    }

    #[test]
    fn what_runs_partly_is_up_and_says_so() {
        let mut facts = up();
        facts.handlers.remove("n2");
        facts.components[0].ready = 1;
        facts.cdi = changed(&facts.cdi, |object| {
            object.ours = false;
            object.phase = None;
        });
        assert_eq!(
            engine(&facts, &nodes()),
            EngineState::Up {
                partial: vec![
                    "virt-api: 1 of 2 replicas ready".to_owned(),
                    "virt-handler is ready on 1 of 2 nodes".to_owned(),
                    "CDI is not picked up by its operator yet".to_owned(),
                ]
            }
        );
    }

    #[test]
    fn a_skipped_node_is_not_missed() {
        let mut facts = up();
        facts.handlers.remove("n2");
        let mut nodes = nodes();
        nodes[1].skipped = true;
        assert_eq!(engine(&facts, &nodes), EngineState::Up { partial: vec![] });
    }

    #[test]
    fn what_somebody_else_made_emulates_as_it_likes() {
        for (ours, engine, wanted, effective) in [
            (true, false, true, true),
            (true, true, false, false),
            (false, false, true, false),
            (false, true, false, true),
        ] {
            let mut facts = up();
            facts.kubevirt = changed(&facts.kubevirt, |object| {
                object.ours = ours;
                object.use_emulation = engine;
            });
            assert_eq!(facts.emulates(wanted), effective, "{ours} {engine}");
        }
        assert!(EngineFacts::default().emulates(true));
    }

    #[test]
    fn absent_or_going_away() {
        let mut facts = up();
        facts.kubevirt = changed(&facts.kubevirt, |object| object.deleting = true);
        assert_eq!(engine(&facts, &nodes()), EngineState::Deleting);
        facts.kubevirt = Presence::Absent;
        assert_eq!(engine(&facts, &nodes()), EngineState::Absent);
    }
}
