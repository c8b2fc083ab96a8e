//! `bmctl wait vmruntime`: wait for what somebody else has started. It changes nothing.

use std::time::Duration;

use super::{
    Context,
    context::InterruptNote,
    preflight,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    api::name::SYSTEM_NAMESPACE,
    cluster::{
        self, Cluster, Retry, preflight_check, vmruntime,
        wait::{Baseline, Outcome, Reached, Target, Wait},
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason},
    render::wait::WaitReport,
};

/// Wait until VM Runtime is ready or disabled, or until its latest preflight check has finished.
///
/// It changes nothing. What holds already is not waited for. Where waiting cannot help (VM Runtime is not enabled, a
/// check failed), it ends at once; a failed check exits 3.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WaitVmruntimeArgs {
    /// What to wait for.
    #[arg(long = "for", value_enum, value_name = "STATE")]
    pub state: State,
    /// Give up waiting after this time. 10m, 1h30m and the like; 0 looks once. The cluster goes on regardless.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = crate::cli::go_duration)]
    pub timeout: Duration,
    /// End early where waiting cannot help. For example after a failed preflight check.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        hide_possible_values = true,
        value_parser = crate::cli::go_bool,
        action = clap::ArgAction::Set
    )]
    pub fail_fast: bool,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum State {
    /// VM Runtime is enabled, and VMs can be run.
    Ready,
    /// VM Runtime is disabled, and its engine is gone.
    Disabled,
    /// The latest preflight check has finished.
    Preflight,
}

impl State {
    const fn purpose(self) -> &'static str {
        match self {
            Self::Ready => "Waiting until VM Runtime is ready",
            Self::Disabled => "Waiting until VM Runtime is off",
            Self::Preflight => "Waiting for the preflight check",
        }
    }

    /// As it is typed.
    const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Disabled => "disabled",
            Self::Preflight => "preflight",
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  bmctl wait vmruntime --for ready
  bmctl wait vmruntime --for disabled --timeout 20m
  bmctl wait vmruntime --for preflight -o json";

pub async fn run(context: &Context, args: WaitVmruntimeArgs) -> Exit {
    let mut session =
        Session::new(context, WaitReport::new(args.state.word())).within(args.timeout);
    let ended = context
        .unless_interrupted(wait(&mut session, args), InterruptNote::nothing)
        .await;
    session.end(ended)
}

async fn wait(
    session: &mut Session<'_, WaitReport>,
    args: WaitVmruntimeArgs,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(Intent::Read).await?;
    let reporter = ProgressReporter::new(context, args.state.purpose());
    let retry = Retry::new(session.deadline(), &reporter);
    reporter.step("Reading VM Runtime");
    let wait = start(&cluster, &retry, args).await?;
    let outcome = cluster::wait::until(&cluster.client, &wait, &retry).await;
    drop(reporter);
    match outcome {
        Ok(Outcome::Reached(reached)) => conclude(session, &reached),
        Ok(Outcome::CheckFailed(reached)) => {
            session.report.reached = Some(false);
            take_over(session, &reached);
            Err(judge(session).unwrap_or_else(|| {
                Failure::new(
                    Kind::CheckFailed,
                    Reason::PreflightFailed,
                    "the preflight check failed",
                )
            }))
        }
        Err(failure) => {
            session.report.reached = Some(false);
            Err(failure)
        }
    }
}

/// From where it is waited; an error where waiting would be in vain.
async fn start(
    cluster: &Cluster,
    retry: &Retry<'_>,
    args: WaitVmruntimeArgs,
) -> Result<Wait, Failure> {
    let target = match args.state {
        State::Ready => Target::Ready,
        State::Disabled => Target::Disabled,
        State::Preflight => Target::Preflight {
            name: latest_check(cluster, retry).await?,
        },
    };
    let baseline = match target {
        Target::Preflight { .. } => None,
        Target::Ready | Target::Disabled => {
            let runtime = vmruntime::get(&cluster.client, retry).await?;
            let wanted = target == Target::Ready;
            if runtime.object.spec.enabled != wanted {
                return Err(in_vain(wanted));
            }
            Some(Baseline::unchanged(runtime))
        }
    };
    Ok(Wait {
        target,
        baseline,
        fail_fast: args.fail_fast,
    })
}

/// Nobody has asked for the state that is to be waited for.
fn in_vain(enabled: bool) -> Failure {
    let (message, command) = if enabled {
        (
            "VM Runtime is not enabled, so it will not become ready",
            CommandId::EnableVmruntime,
        )
    } else {
        (
            "VM Runtime is enabled, so it will not be turned off",
            CommandId::DisableVmruntime,
        )
    };
    Failure::new(Kind::OperationFailed, Reason::NotAskedFor, message)
        .hint(Hint::run("to ask for it, and wait", command))
}

async fn latest_check(cluster: &Cluster, retry: &Retry<'_>) -> Result<String, Failure> {
    let checks = preflight_check::list(&cluster.client, retry).await?;
    let name = checks.into_iter().find_map(|check| check.metadata.name);
    name.ok_or_else(|| {
        Failure::new(
            Kind::NotInstalled,
            Reason::NotFound,
            format!("there is no preflight check in namespace {SYSTEM_NAMESPACE} to wait for"),
        )
        .hint(Hint::run(
            "to start one, and wait",
            CommandId::CheckVmruntimepfc,
        ))
    })
}

fn conclude(session: &mut Session<'_, WaitReport>, reached: &Reached) -> Result<Exit, Failure> {
    let unproven = session.report.state == State::Ready.word() && !reached.unknown.is_empty();
    session.report.reached = (!unproven).then_some(true);
    take_over(session, reached);
    if let Some(failure) = judge(session) {
        return Err(failure);
    }
    let unverified = reached.unverified(if unproven {
        "VM Runtime reports ready, but that could not be verified"
    } else {
        "the state is reached, but not everything could be verified"
    });
    unverified.map_or(Ok(Exit::Ok), Err)
}

fn take_over(session: &mut Session<'_, WaitReport>, reached: &Reached) {
    for warning in &reached.warnings {
        session.context.warn(warning);
    }
    session.report.waited = reached.elapsed;
    session.report.preflight_check = reached.check.as_ref().map(preflight::report);
}

/// What the check that was waited for means. Whether VM Runtime is ready has been judged by the wait itself.
fn judge(session: &Session<'_, WaitReport>) -> Option<Failure> {
    let report = session.report.preflight_check.as_ref()?;
    let decides = session.report.state == State::Preflight.word();
    if !decides && session.report.reached == Some(true) {
        return None;
    }
    preflight::failure(report).map(|failure| {
        if failure.kind == Kind::CheckFailed {
            preflight::ways_on(failure, report)
        } else {
            failure
        }
    })
}
