//! `bmctl check host`: the node checks on the machine that this runs on, without any cluster.

use std::path::Path;

use super::{Context, context::Ending, controller::host};
use crate::{
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Own, Reason},
    probe::{self, Depth, Outcome, ProbeReport, Virtualization},
    render::machine::{Advice, MachineReport},
};

/// Check whether this machine can run VMs. No cluster is needed.
///
/// The same checks as on the nodes of a cluster, and one more step: as root, KVM itself is asked to make a virtual
/// machine, which is thrown away at once. Nothing on the machine is changed.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckHostArgs {
    /// Judge for VMs that are emulated in software: hardware virtualization is not required.
    #[arg(long)]
    pub use_emulation: bool,
}

const EXAMPLES: &str = "\
Examples:
  sudo bmctl check host
  bmctl check host --use-emulation -o json

Exit codes: 0 it can, 3 it cannot, 5 that could not be determined.";

pub fn run(context: &Context, args: &CheckHostArgs) -> Exit {
    let virtualization = if args.use_emulation {
        Virtualization::Emulation
    } else {
        Virtualization::Hardware
    };
    let probed = probe::judge(&probe::gather(Path::new("/"), Depth::Host), virtualization);
    let advice = probed
        .verdicts
        .iter()
        .filter(|verdict| matches!(verdict.outcome, Outcome::Failed | Outcome::Unknown))
        .map(|verdict| Advice {
            check: verdict.check.to_string(),
            fix: verdict.check.info().fix.to_owned(),
        });
    let report = MachineReport {
        use_emulation: args.use_emulation,
        advice: advice.collect(),
        host: host(&probed, String::new()),
    };
    let failure = failure(&probed);
    context.end(Ending {
        exit: failure.as_ref().map_or(Exit::Ok, Failure::exit),
        failure,
        ..Ending::well(report)
    })
}

/// The same exit code whatever the format.
fn failure(probed: &ProbeReport) -> Option<Failure> {
    if probed.passed() {
        return None;
    }
    if let Some(why) = probed.unknown() {
        return Some(
            Failure::new(
                Kind::Incomplete,
                Reason::NodesUnknown,
                "whether this machine can run VMs could not be determined",
            )
            .caused_by(why)
            .hint(Hint::run(
                "as root more can be seen",
                Own {
                    as_root: true,
                    ..CommandId::CheckHost.into()
                },
            )),
        );
    }
    let failed: Vec<String> = probed
        .verdicts
        .iter()
        .filter(|verdict| verdict.check.info().blocking && verdict.outcome == Outcome::Failed)
        .map(|verdict| verdict.check.to_string())
        .collect();
    let failure = Failure::new(
        Kind::CheckFailed,
        Reason::PreflightFailed,
        format!("this machine cannot run VMs: {} failed", failed.join(", ")),
    );
    Some(failed.iter().fold(failure, |failure, check| {
        failure.hint(Hint::run(
            "what it means and what to do",
            CommandId::Explain.with(check),
        ))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{CHECKS, CheckId, Verdict};

    fn probed(kvm: Outcome) -> ProbeReport {
        let verdicts = CHECKS.iter().map(|check| Verdict {
            check: check.id,
            outcome: if check.id == CheckId::KVM {
                kvm
            } else {
                Outcome::Passed
            },
            message: None,
        });
        ProbeReport {
            architecture: "amd64".to_owned(),
            verdicts: verdicts.collect(),
        }
    }

    #[test]
    fn unknown_is_never_a_pass() {
        for (kvm, exit) in [
            (Outcome::Passed, Exit::Ok),
            (Outcome::Failed, Exit::CheckFailed),
            (Outcome::Unknown, Exit::Incomplete),
        ] {
            let failure = failure(&probed(kvm));
            assert_eq!(failure.map_or(Exit::Ok, |failure| failure.exit()), exit);
        }
    }
}
