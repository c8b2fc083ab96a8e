//! `bmctl skip node` and `bmctl unskip node`: keep VMs away from a node, and let them come again.

use super::{
    Context,
    context::Left,
    narration::Narrator,
    session::{Intent, Session},
};
use crate::{
    cluster::{
        Retry, node,
        placement::{self, Keeper},
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, kubectl, nearest, shell_word, shown},
    render::{
        clean,
        skip::{NodeReport, Placement, SkipReport},
    },
};

/// Leave nodes out: preflight checks skip them, and they get no new VMs.
///
/// It sets the label kubevm.io/VM-SkipSchedule. Nodes that have it already stay as they are. VMs that run there are not
/// moved. KubeVirt does not know the label: where it is somebody else's, its owner has to keep VMs away, and it is said.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = SKIP_EXAMPLES)]
pub struct SkipNodeArgs {
    /// Names of nodes.
    #[arg(value_name = "NODE", required = true, value_parser = crate::cli::name)]
    pub nodes: Vec<String>,
}

/// Take nodes in again: they are checked, and may run VMs.
///
/// It removes the label kubevm.io/VM-SkipSchedule. Nodes without it stay as they are.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = UNSKIP_EXAMPLES)]
pub struct UnskipNodeArgs {
    /// Names of nodes.
    #[arg(value_name = "NODE", required = true, value_parser = crate::cli::name)]
    pub nodes: Vec<String>,
}

const SKIP_EXAMPLES: &str = "\
Examples:
  bmctl skip node worker-3
  bmctl skip node worker-3 worker-4 -o json";

const UNSKIP_EXAMPLES: &str = "\
Examples:
  bmctl unskip node worker-3
  bmctl unskip node worker-3 worker-4 -o json";

pub async fn skip(context: &Context, args: &SkipNodeArgs) -> Exit {
    run(context, &args.nodes, true).await
}

pub async fn unskip(context: &Context, args: &UnskipNodeArgs) -> Exit {
    run(context, &args.nodes, false).await
}

async fn run(context: &Context, nodes: &[String], skipped: bool) -> Exit {
    let mut session = Session::new(context, SkipReport::new(skipped));
    let ended = context
        .unless_interrupted(change(&mut session, nodes), || Left {
            sentence: "some of the nodes may have been changed; running it again does the rest"
                .to_owned(),
            hints: Vec::new(),
        })
        .await;
    session.end(ended)
}

async fn change(session: &mut Session<'_, SkipReport>, wanted: &[String]) -> Result<Exit, Failure> {
    let skipped = session.report.skipped;
    let cluster = session.connect(Intent::Change).await?;
    let narrator = Narrator::new(session.context, "Labelling nodes");
    let retry = Retry::new(session.deadline(), &narrator);
    narrator.step("Reading the nodes");
    // All names first, so that a typing error in one of them leaves the others alone.
    let known = node::names(&cluster.client, &retry).await?;
    for name in wanted {
        if !known.contains(name) {
            return Err(unknown(name, &known));
        }
    }
    if skipped {
        let client = &cluster.client;
        session.report.placement = match placement::keeper(client, &retry).await {
            Some(Keeper::Controller) => Placement::Excluded,
            Some(Keeper::Owner) => Placement::NotExcluded,
            None => Placement::Unknown,
        };
        session.report.running = placement::running(client, &retry, wanted).await;
    }
    let mut undo = Vec::new();
    for (at, name) in wanted.iter().enumerate() {
        if wanted[..at].contains(name) {
            continue;
        }
        narrator.step(&format!("Labelling node {}", clean(name)));
        let changed = node::set_skipped(&cluster.client, &retry, name, skipped).await?;
        session.report.nodes.push(NodeReport {
            name: name.clone(),
            changed,
        });
        if changed {
            undo.push(shell_word(name));
            let command = if skipped {
                CommandId::UnskipNode
            } else {
                CommandId::SkipNode
            };
            session.report.undo = session.context.pasted(command.with(undo.join(" ")));
        }
    }
    Ok(Exit::Ok)
}

fn unknown(name: &str, known: &[String]) -> Failure {
    let failure = Failure::new(
        Kind::Usage,
        Reason::UnknownNode,
        format!(
            "the cluster has no node {}; nothing was changed",
            clean(&shown(name))
        ),
    );
    match nearest(name, known) {
        Some(near) => failure.hint(format!("did you mean {}?", shell_word(near))),
        None => failure.hint(Hint::run("which nodes there are", kubectl("get nodes"))),
    }
}
