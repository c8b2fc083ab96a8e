//! `bmctl check vmruntimepfc`: ask the cluster whether its nodes can run VMs, and show every answer.

mod aftermath;

use std::cell::RefCell;

use clap::ValueEnum;
use kube::ResourceExt as _;

use super::{
    Context,
    context::Left,
    narration::Narrator,
    nodes,
    session::{Intent, Session},
};
use crate::{
    api::{
        VMRuntimePreflightCheck,
        name::{PREFLIGHT_CHECK_PREFIX, SYSTEM_NAMESPACE},
    },
    cli::{DryRunArgs, DryRunChoice, NodeArgs, ReportFormat, WaitArgs},
    cluster::{
        self, Cluster, Retry,
        preflight_check::{self, Naming},
        vmruntime::DryRun,
        wait::{self, Outcome, Reached, Target, Wait, difference},
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, kubectl, shell_word},
    render::check::CheckReport,
    runtime::leniency::{FailOn, Ignore},
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
    let followed = RefCell::new(None);
    let ended = context
        .unless_interrupted(Box::pin(check(&mut session, args, &followed)), || {
            left(followed.borrow().as_deref())
        })
        .await;
    session.end(ended)
}

/// The check that is judged.
enum Subject {
    /// It has to finish yet.
    Running(String),
    /// As it was read.
    Read(Box<VMRuntimePreflightCheck>),
}

async fn check(
    session: &mut Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    followed: &RefCell<Option<String>>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let how = args.dry_run.choice();
    let changes = !args.latest && how == DryRunChoice::None;
    let intent = if changes {
        Intent::Change
    } else {
        Intent::Read
    };
    let cluster = session.connect(intent).await?;
    let narrator = Narrator::new(context, "Waiting for the preflight check");
    let retry = Retry::new(session.deadline(), &narrator);
    let selected = nodes::selected(&cluster.client, &retry, &args.nodes, &[]).await?;
    let subject = match existing(args, &cluster, &retry, &narrator).await? {
        Some(subject) => subject,
        None => create(session, args, &cluster, &retry, &narrator).await?,
    };
    if session.report.dry_run {
        return Ok(Exit::Ok);
    }
    let reached = match subject {
        Subject::Read(check) => {
            let mut reached = Reached {
                warnings: difference(&check).into_iter().collect(),
                check: Some(*check),
                ..Reached::default()
            };
            wait::nodes::compare(&cluster.client, &retry, &mut reached).await;
            reached
        }
        Subject::Running(name) => {
            *followed.borrow_mut() = Some(name.clone());
            if !args.waiting.wait {
                session.report.following = Some(name);
                return Ok(Exit::Ok);
            }
            until_finished(&cluster, args, &retry, name).await?
        }
    };
    let selected = selected.as_deref();
    let reports = &context.global.output.reports;
    let has_page = reports
        .iter()
        .any(|report| report.format == ReportFormat::Html);
    let aftermath = aftermath::look(args, &cluster, &retry, &reached, selected, has_page).await;
    drop(narrator);
    for warning in &reached.warnings {
        context.warn(warning);
    }
    aftermath::conclude(session, args, &reached, selected, aftermath)
}

/// The check that is there already, where one is asked for.
async fn existing(
    args: &CheckVmruntimepfcArgs,
    cluster: &Cluster,
    retry: &Retry<'_>,
    narrator: &Narrator<'_>,
) -> Result<Option<Subject>, Failure> {
    if !args.latest && !args.attach {
        return Ok(None);
    }
    narrator.step("Reading the preflight checks");
    let checks = preflight_check::list(&cluster.client, retry).await?;
    let finished = |check: &VMRuntimePreflightCheck| {
        check
            .status
            .as_ref()
            .is_some_and(|status| status.pass.is_some())
    };
    let mut living = checks
        .into_iter()
        .filter(|check| check.metadata.deletion_timestamp.is_none());
    if args.attach {
        let Some(check) = living.find(|check| !finished(check)) else {
            narrator.happened("no preflight check is running; starting one");
            return Ok(None);
        };
        narrator.happened(&format!("following {}", check.name_any()));
        return Ok(Some(Subject::Running(check.name_any())));
    }
    match living.next() {
        Some(check) if finished(&check) || !args.waiting.wait => {
            Ok(Some(Subject::Read(Box::new(check))))
        }
        Some(check) => Ok(Some(Subject::Running(check.name_any()))),
        None => Err(Failure::new(
            Kind::NotInstalled,
            Reason::NotFound,
            format!("there is no preflight check in namespace {SYSTEM_NAMESPACE} yet"),
        )
        .hint(Hint::run("to start one", CommandId::CheckVmruntimepfc))),
    }
}

async fn create(
    session: &mut Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    cluster: &Cluster,
    retry: &Retry<'_>,
    narrator: &Narrator<'_>,
) -> Result<Subject, Failure> {
    let naming = match &args.name {
        Some(name) => Naming::Given(name.clone()),
        None => Naming::Unique(format!("{PREFLIGHT_CHECK_PREFIX}{}", uuid::Uuid::new_v4())),
    };
    let name = naming.name().to_owned();
    let dry_run = match args.dry_run.choice() {
        DryRunChoice::None => DryRun::No,
        DryRunChoice::Client => {
            session.report.dry_run = true;
            return Ok(Subject::Running(name));
        }
        DryRunChoice::Server => DryRun::Server,
    };
    narrator.step("Starting a preflight check");
    preflight_check::create(&cluster.client, retry, &naming, dry_run).await?;
    if dry_run == DryRun::Server {
        session.report.dry_run = true;
    } else {
        session.report.created = Some(name.clone());
        narrator.happened(&format!("check created: {name}"));
    }
    Ok(Subject::Running(name))
}

async fn until_finished(
    cluster: &Cluster,
    args: &CheckVmruntimepfcArgs,
    retry: &Retry<'_>,
    name: String,
) -> Result<Reached, Failure> {
    let wait = Wait {
        target: Target::Preflight { name: name.clone() },
        baseline: None,
        fail_fast: args.waiting.fail_fast,
    };
    match cluster::wait::until(&cluster.client, &wait, retry).await {
        Ok(Outcome::Reached(reached) | Outcome::CheckFailed(reached)) => Ok(reached),
        Err(failure) if failure.kind == Kind::TimedOut => Err(failure.hint(look_at(&name))),
        Err(failure) => Err(failure),
    }
}

fn look_at(name: &str) -> Hint {
    let name = shell_word(name);
    let words = format!("get vmruntimepfc {name} -n {SYSTEM_NAMESPACE} -o yaml");
    Hint::run("", kubectl(words))
}

fn left(followed: Option<&str>) -> Left {
    match followed {
        None => Left::nothing(),
        Some(name) => Left {
            sentence: format!("the cluster goes on with preflight check {name}"),
            hints: vec![look_at(name)],
        },
    }
}
