//! What runs on the nodes of the sandbox: the real probe, over the node's own files.

use std::path::Path;

use k8s_openapi::api::core::v1::Pod;

use crate::{
    probe::{self, CHECKS, CheckInfo, Depth, Outcome, ProbeReport, Verdict, command::ProbeCommand},
    sandbox::world::{NodeProfile, NodeRunner, PodExit},
};

/// Runs probe pods and nothing else: every other pod is one that keeps running.
pub struct ProbeRunner;

impl NodeRunner for ProbeRunner {
    fn run(&self, node: &NodeProfile, pod: &Pod) -> Option<PodExit> {
        let [container] = pod.spec.as_ref()?.containers.as_slice() else {
            return None;
        };
        let command = ProbeCommand::parse(container.args.as_deref()?)?;
        let report = match &node.host {
            Some(root) => {
                let facts = probe::gather(root, depth_on(root, command.depth));
                probe::judge(&facts, command.virtualization)
            }
            None => healthy(node),
        };
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

/// What a probe would find on a machine that has everything.
fn healthy(node: &NodeProfile) -> ProbeReport {
    let verdict = |check: &CheckInfo| Verdict {
        check: check.id,
        outcome: if check.published {
            Outcome::Passed
        } else {
            Outcome::Informational
        },
        message: None,
    };
    ProbeReport {
        architecture: node.architecture.clone(),
        verdicts: CHECKS.iter().map(verdict).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Virtualization;

    fn pod(arguments: &[String]) -> Pod {
        serde_json::from_value(serde_json::json!({
            "spec": {"containers": [{"name": "probe", "args": arguments}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_pretend_node_passes_and_an_ordinary_pod_keeps_running() {
        let node = NodeProfile::pretend("node-2");
        let command = ProbeCommand {
            virtualization: Virtualization::Hardware,
            depth: Depth::Pod,
        };
        let exit = ProbeRunner.run(&node, &pod(&command.arguments())).unwrap();
        let report = ProbeReport::parse_termination_message(&exit.message).unwrap();
        assert!(report.passed(), "{exit:?}");
        assert_eq!(ProbeRunner.run(&node, &pod(&["sleep".to_owned()])), None);
    }
}
