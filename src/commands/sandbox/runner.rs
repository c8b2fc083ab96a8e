//! What runs on the nodes of the sandbox: the real probe, over the node's own files.

use std::path::Path;

use crate::{
    probe::{self, Architecture, Depth, Fact, Facts, command::ProbeCommand},
    simulator::{NodeProfile, NodeRunner, PodExit},
};

/// Runs probe pods and nothing else: every other pod is one that keeps running.
pub struct ProbeRunner;

impl NodeRunner for ProbeRunner {
    fn run(&self, node: &NodeProfile, arguments: &[String]) -> Option<PodExit> {
        let command = ProbeCommand::parse(arguments)?;
        let facts = match &node.host {
            Some(root) => probe::gather(root, depth_on(root, command.depth)),
            None => on_paper(node),
        };
        let report = probe::judge(&facts, command.virtualization);
        Some(PodExit {
            code: 0,
            message: report.to_termination_message(),
        })
    }
}

/// On the machine that this process runs on the probe is no pod: it sees the real `/dev`, and looks.
fn depth_on(root: &Path, asked: Depth) -> Depth {
    if root == Path::new("/") {
        Depth::Host
    } else {
        asked
    }
}

/// What a probe would find on a machine that exists on paper alone.
fn on_paper(node: &NodeProfile) -> Facts {
    let mut facts = Facts::pretend();
    facts.architecture = Fact::Known(Architecture::from_machine(&node.architecture));
    if node.kvm { facts } else { facts.without_kvm() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{ProbeReport, Virtualization};

    fn report(node: &NodeProfile) -> ProbeReport {
        let command = ProbeCommand {
            virtualization: Virtualization::Hardware,
            depth: Depth::Pod,
        };
        let exit = ProbeRunner.run(node, &command.arguments()).unwrap();
        ProbeReport::parse_termination_message(&exit.message).unwrap()
    }

    #[test]
    fn a_machine_on_paper_is_judged_by_its_profile() {
        let healthy = NodeProfile::pretend("node-2");
        assert!(report(&healthy).passed());
        for (kvm, architecture, passes) in [
            (true, "arm64", true),
            (false, "arm64", false),
            (false, "amd64", false),
        ] {
            let node = NodeProfile {
                kvm,
                architecture: architecture.to_owned(),
                ..healthy.clone()
            };
            let report = report(&node);
            assert_eq!(report.passed(), passes, "{report:?}");
            assert_eq!(report.architecture, architecture);
        }
    }

    #[test]
    fn an_ordinary_pod_keeps_running() {
        let node = NodeProfile::pretend("node-2");
        assert_eq!(ProbeRunner.run(&node, &["sleep".to_owned()]), None);
    }
}
