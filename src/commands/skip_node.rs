//! `bmctl skip node` and `bmctl unskip node`: keep VMs away from a node, and let them come again.

mod failed;

use super::{
    Context,
    context::InterruptNote,
    nodes,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    cli::{DryRunArgs, DryRunChoice, NodeArgs},
    cluster::{
        Retry, node,
        placement::{self, Keeper},
        vmruntime::DryRun,
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, shell_word},
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
    // That no node is named must not come to mean all.
    /// Names of nodes.
    #[arg(
        value_name = "NODE",
        value_parser = crate::cli::name,
        conflicts_with = "selector",
        required_unless_present_any = ["node", "selector", "failed"]
    )]
    pub nodes: Vec<String>,
    #[command(flatten)]
    pub selection: NodeArgs,
    /// The nodes that failed the latest preflight check. They are shown, and it is asked first; --yes answers.
    #[arg(long, conflicts_with_all = ["nodes", "node", "selector"])]
    pub failed: bool,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

/// Take nodes in again: they are checked, and may run VMs.
///
/// It removes the label kubevm.io/VM-SkipSchedule. Nodes without it stay as they are.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = UNSKIP_EXAMPLES)]
pub struct UnskipNodeArgs {
    // That no node is named must not come to mean all.
    /// Names of nodes.
    #[arg(
        value_name = "NODE",
        value_parser = crate::cli::name,
        conflicts_with = "selector",
        required_unless_present_any = ["node", "selector"]
    )]
    pub nodes: Vec<String>,
    #[command(flatten)]
    pub selection: NodeArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

const SKIP_EXAMPLES: &str = "\
Examples:
  bmctl skip node worker-3
  bmctl skip node worker-3 worker-4 -o json
  bmctl skip node -l rack=a --dry-run
  bmctl skip node --failed                  those that failed the latest preflight check";

const UNSKIP_EXAMPLES: &str = "\
Examples:
  bmctl unskip node worker-3
  bmctl unskip node -l rack=a";

/// Which nodes, and what becomes of them.
#[derive(Clone, Copy)]
struct Order<'a> {
    named: &'a [String],
    selection: &'a NodeArgs,
    failed: bool,
    dry_run: DryRunChoice,
    skipped: bool,
}

pub async fn skip(context: &Context, args: &SkipNodeArgs) -> Exit {
    let order = Order {
        named: &args.nodes,
        selection: &args.selection,
        failed: args.failed,
        dry_run: args.dry_run.choice(),
        skipped: true,
    };
    run(context, order).await
}

pub async fn unskip(context: &Context, args: &UnskipNodeArgs) -> Exit {
    let order = Order {
        named: &args.nodes,
        selection: &args.selection,
        failed: false,
        dry_run: args.dry_run.choice(),
        skipped: false,
    };
    run(context, order).await
}

async fn run(context: &Context, order: Order<'_>) -> Exit {
    let dry_run = order.dry_run != DryRunChoice::None;
    let mut session = Session::new(context, SkipReport::new(order.skipped, dry_run));
    let ended = context
        .unless_interrupted(Box::pin(change(&mut session, order)), || {
            if dry_run {
                return InterruptNote::nothing();
            }
            InterruptNote {
                sentence: "some of the nodes may have been changed; running it again does the rest"
                    .to_owned(),
                hints: Vec::new(),
            }
        })
        .await;
    session.end(ended)
}

async fn change(session: &mut Session<'_, SkipReport>, order: Order<'_>) -> Result<Exit, Failure> {
    let intent = match order.dry_run {
        DryRunChoice::None => Intent::Change,
        DryRunChoice::Client | DryRunChoice::Server => Intent::Read,
    };
    let cluster = session.connect(intent).await?;
    let client = &cluster.client;
    let reporter = ProgressReporter::new(session.context, "Labelling nodes");
    let retry = Retry::new(session.deadline(), &reporter);
    reporter.step("Reading the nodes");
    let wanted = if order.failed {
        failed::nodes(session.context, &cluster, &retry, &reporter, order.dry_run).await?
    } else {
        nodes::selected(client, &retry, order.selection, order.named)
            .await?
            .unwrap_or_default()
    };
    if order.skipped && !wanted.is_empty() {
        session.report.placement = match placement::keeper(client, &retry).await {
            Some(Keeper::Controller) => Placement::Excluded,
            Some(Keeper::Owner) => Placement::NotExcluded,
            None => Placement::Unknown,
        };
        session.report.running = placement::running(client, &retry, &wanted).await;
    }
    let mut changed_nodes = Vec::new();
    let already = match order.dry_run {
        DryRunChoice::Client => node::skipped(client, &retry).await?,
        DryRunChoice::None | DryRunChoice::Server => Vec::new(),
    };
    for name in wanted {
        reporter.step(&format!("Labelling node {}", clean(&name)));
        let changed = match order.dry_run {
            DryRunChoice::Client => already.contains(&name) != order.skipped,
            DryRunChoice::None => {
                node::set_skipped(client, &retry, &name, order.skipped, DryRun::No).await?
            }
            DryRunChoice::Server => {
                node::set_skipped(client, &retry, &name, order.skipped, DryRun::Server).await?
            }
        };
        if changed {
            changed_nodes.push(shell_word(&name));
        }
        session.report.nodes.push(NodeReport { name, changed });
        // After each: what was done is said wherever it ends.
        if changed && order.dry_run == DryRunChoice::None {
            let back = if order.skipped {
                CommandId::UnskipNode
            } else {
                CommandId::SkipNode
            };
            let context = session.context;
            session.report.undo = context.pasted(back.with(changed_nodes.join(" ")));
            session.report.next = context.pasted(CommandId::CheckVmruntimepfc);
        }
    }
    Ok(Exit::Ok)
}
