//! `bmctl check vmruntimepfc`: ask the cluster whether its nodes can run VMs, and show every answer.

use std::cell::RefCell;

use super::{
    Context,
    context::Left,
    narration::Narrator,
    preflight,
    session::{Intent, Session},
};
use crate::{
    api::name::{PREFLIGHT_CHECK_PREFIX, SYSTEM_NAMESPACE},
    cli::WaitArgs,
    cluster::{
        self, Retry, preflight_check,
        wait::{Outcome, Target, Wait},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::check::CheckReport,
    runtime::verdict::Verdict,
};

/// Check whether the nodes can run VMs, and show every check of every node.
///
/// It creates a VMRuntimePreflightCheck and waits for its result; VM Runtime may be enabled or not. Nodes with the label
/// kubevm.io/VM-SkipSchedule are left out. The exit code is 3 where a check failed, and 5 where nothing failed but a
/// node could not be verified.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckVmruntimepfcArgs {
    #[command(flatten)]
    pub waiting: WaitArgs,
}

const EXAMPLES: &str = "\
Examples:
  bmctl check vmruntimepfc
  bmctl check vmruntimepfc -c my-cluster -o json";

pub async fn run(context: &Context, args: &CheckVmruntimepfcArgs) -> Exit {
    let mut session = Session::new(context, CheckReport::default()).within(args.waiting.timeout);
    let created = RefCell::new(None);
    let ended = context
        .unless_interrupted(check(&mut session, args, &created), || {
            left(created.borrow().as_deref())
        })
        .await;
    session.end(ended)
}

async fn check(
    session: &mut Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    created: &RefCell<Option<String>>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(Intent::Change).await?;
    let narrator = Narrator::new(context, "Waiting for the preflight check");
    let retry = Retry::new(session.deadline(), &narrator);

    let name = format!("{PREFLIGHT_CHECK_PREFIX}{}", uuid::Uuid::new_v4());
    narrator.step("Starting a preflight check");
    preflight_check::create(&cluster.client, &retry, &name).await?;
    session.report.created = Some(name.clone());
    *created.borrow_mut() = Some(name.clone());
    narrator.happened(&format!("check created: {name}"));
    if !args.waiting.wait {
        return Ok(Exit::Ok);
    }
    let outcome = cluster::wait::until(
        &cluster.client,
        &Wait {
            target: Target::Preflight { name: name.clone() },
            baseline: None,
            fail_fast: args.waiting.fail_fast,
        },
        &retry,
    )
    .await;
    drop(narrator);
    let reached = match outcome {
        Ok(Outcome::Reached(reached) | Outcome::CheckFailed(reached)) => reached,
        Err(failure) if failure.kind == Kind::TimedOut => {
            return Err(failure.hint(look_at(&name)));
        }
        Err(failure) => return Err(failure),
    };
    for warning in &reached.warnings {
        context.warn(warning);
    }
    session.report.preflight_check = reached.check.as_ref().map(preflight::report);
    conclude(session)
}

/// The exit code follows from what the nodes say, not from `pass` alone.
fn conclude(session: &Session<'_, CheckReport>) -> Result<Exit, Failure> {
    let context = session.context;
    let Some(report) = &session.report.preflight_check else {
        return Err(Failure::new(
            Kind::Incomplete,
            Reason::NoResult,
            "the preflight check ended without a result",
        ));
    };
    for failure in report.advisory_failures() {
        context.remember(&failure);
    }
    match preflight::failure(report) {
        None => Ok(Exit::Ok),
        Some(failure) if report.result == Verdict::Failed => {
            Err(preflight::ways_on(context, failure, report))
        }
        Some(failure) => Err(failure.hint(look_at(&report.name))),
    }
}

fn look_at(name: &str) -> String {
    format!("kubectl get vmruntimepfc {name} -n {SYSTEM_NAMESPACE} -o yaml")
}

fn left(created: Option<&str>) -> Left {
    match created {
        None => Left {
            sentence: "nothing was changed".to_owned(),
            hints: Vec::new(),
        },
        Some(name) => Left {
            sentence: format!("the cluster goes on with preflight check {name}"),
            hints: vec![look_at(name)],
        },
    }
}
