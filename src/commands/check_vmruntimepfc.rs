//! `bmctl check vmruntimepfc`: the arguments and the report of `operation::check`.

mod conclusion;

use clap::ValueEnum;

use super::{
    Context,
    context::InterruptNote,
    nodes,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    api::name::{PREFLIGHT_CHECK_PREFIX, SYSTEM_NAMESPACE},
    cli::{DryRunArgs, NodeArgs, ReportFormat, WaitArgs},
    cluster::{Mode, Retry, preflight_check::Naming},
    exit::Exit,
    failure::{Failure, Hint, Kind, kubectl, shell_word},
    operation::check::{Check, CheckProgress, Ending, Which},
    render::check::CheckReport,
    runtime::fail_policy::{FailOn, Ignore},
};

/// Check whether the nodes can run VMs, and show every check of every node.
///
/// It creates a VMRuntimePreflightCheck and waits for its result; VM Runtime may be enabled or not. Nodes with the label
/// kubevm.io/VM-SkipSchedule are left out. The exit code is 3 where a check failed, and 5 where nothing failed but a
/// node could not be verified.
///
/// The cluster always checks all of its nodes. With --node or --selector only those are judged and shown, and it is said
/// how many were not; a selected node that the check does not name is unknown.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct CheckVmruntimepfcArgs {
    /// Name of the check. Default: vmruntime-preflight-check- and a UUID.
    #[arg(long, value_name = "NAME", value_parser = crate::cli::name, conflicts_with_all = ["latest", "attach"])]
    pub name: Option<String>,
    /// Follow the newest check that runs. Where none does, one is created. It may have started before
    /// something was fixed.
    #[arg(long, conflicts_with = "latest")]
    pub attach: bool,
    /// Judge the newest check that there is. Nothing is created.
    #[arg(long)]
    pub latest: bool,
    /// Take failures of a check for warnings. Repeat it for several. The cluster goes on blocking VM creation.
    #[arg(long, value_name = "CHECK[=NODE]")]
    pub ignore: Vec<Ignore>,
    /// What to fail on: fail, warn or never. With fail a failed check; with warn also warnings (exit code 4);
    /// with never nothing that was found. What could not be determined always does (exit code 5).
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value = "fail",
        hide_possible_values = true
    )]
    pub fail_on: FailOn,
    /// Delete all finished checks but the newest N. The one that VM Runtime stands on stays too.
    #[arg(long, value_name = "N", conflicts_with = "latest")]
    pub keep: Option<usize>,
    #[command(flatten)]
    pub nodes: NodeArgs,
    /// Show only the nodes that did not pass. These failed, or could not be verified. All are judged, and documents have all.
    #[arg(long)]
    pub failed: bool,
    #[command(flatten)]
    pub waiting: WaitArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

const EXAMPLES: &str = "\
Examples:
  bmctl check vmruntimepfc
  bmctl check vmruntimepfc --latest --fail-on warn   judge what was found last
  bmctl check vmruntimepfc --ignore KVM=worker-3     one node may fail this one
  bmctl check vmruntimepfc -l rack=a                 judge only the nodes of one rack
  bmctl check vmruntimepfc -c my-cluster -o json";

impl ValueEnum for FailOn {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Fail, Self::Warn, Self::Never]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Never => "never",
        }))
    }
}

pub async fn run(context: &Context, args: &CheckVmruntimepfcArgs) -> Exit {
    let mut session = Session::new(context, CheckReport::default()).within(args.waiting.timeout);
    let progress = CheckProgress::default();
    let ended = context
        .unless_interrupted(Box::pin(check(&mut session, args, &progress)), || {
            left(progress.followed.borrow().as_deref())
        })
        .await;
    session
        .report
        .created
        .clone_from(&progress.created.borrow());
    session.end(ended)
}

async fn check(
    session: &mut Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    progress: &CheckProgress,
) -> Result<Exit, Failure> {
    let context = session.context;
    let mode = args.dry_run.choice().into();
    let changes = !args.latest && mode == Mode::Change;
    let intent = if changes {
        Intent::Change
    } else {
        Intent::Read
    };
    let cluster = session.connect(intent).await?;
    let reporter = ProgressReporter::new(context, "Waiting for the preflight check");
    let retry = Retry::new(session.deadline(), &reporter);
    let selected = nodes::selected(&cluster.client, &retry, &args.nodes, &[]).await?;
    let reports = &context.global.output.reports;
    let operation = Check {
        client: &cluster.client,
        retry: &retry,
        which: which(args),
        naming: match &args.name {
            Some(name) => Naming::Given(name.clone()),
            None => Naming::Unique(format!("{PREFLIGHT_CHECK_PREFIX}{}", uuid::Uuid::new_v4())),
        },
        mode,
        wait: args.waiting.wait,
        fail_fast: args.waiting.fail_fast,
        selected: selected.as_deref(),
        keep: args.keep,
        with_history: reports
            .iter()
            .any(|report| report.format == ReportFormat::Html),
        progress,
    };
    let ended = operation.run().await;
    drop(reporter);
    match ended {
        Ok(Ending::Previewed) => {
            session.report.dry_run = true;
            Ok(Exit::Ok)
        }
        Ok(Ending::Unattended) => {
            session
                .report
                .following
                .clone_from(&progress.followed.borrow());
            Ok(Exit::Ok)
        }
        Ok(Ending::Finished(finished)) => {
            conclusion::conclude(session, args, *finished, selected.as_deref())
        }
        Err(failure) => Err(match progress.followed.borrow().as_deref() {
            Some(name) if failure.kind == Kind::TimedOut => failure.hint(look_at(name)),
            Some(_) | None => failure,
        }),
    }
}

const fn which(args: &CheckVmruntimepfcArgs) -> Which {
    if args.attach {
        Which::Running
    } else if args.latest {
        Which::Latest
    } else {
        Which::New
    }
}

fn look_at(name: &str) -> Hint {
    let name = shell_word(name);
    let words = format!("get vmruntimepfc {name} -n {SYSTEM_NAMESPACE} -o yaml");
    Hint::run("", kubectl(words))
}

fn left(followed: Option<&str>) -> InterruptNote {
    match followed {
        None => InterruptNote::nothing(),
        Some(name) => InterruptNote {
            sentence: format!("the cluster goes on with preflight check {name}"),
            hints: vec![look_at(name)],
        },
    }
}
