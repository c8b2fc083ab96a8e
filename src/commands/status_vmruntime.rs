//! `bmctl status vmruntime`: everything about VM Runtime on one screen. It only reads.

use super::{
    Context,
    context::InterruptNote,
    get_vmruntimepfc::entry,
    progress_reporter::{ProgressReporter, stuck_report},
    session::{Intent, Session},
    watching,
};
use crate::{
    api::{
        Condition, VMRuntimePreflightCheck,
        condition::{ConditionStatus, find, kind},
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
        text::shortened,
    },
    cluster::{
        Cluster, Observer, Retry, Silent, controller_deployment, inventory, preflight_check,
        stuck::{self, Survey},
        vmruntime::{self, RuntimeObject},
    },
    exit::Exit,
    failure::{Denial, Failure, Hint, Kind, Reason, Suggested, installing},
    render::{
        clean,
        status::{
            Annotation, ControllerReport, LATEST_CHECK, Settings, StatusReport, Undetermined,
        },
    },
    runtime::{
        blockers,
        force::ForceAnnotation,
        observed::{self, is_current},
        verdict,
    },
};

/// Show how VM Runtime is: settings, readiness, latest check, VMs, controller, and what blocks.
///
/// It changes nothing. The exit code is 0 where everything could be determined, and 5 where something could not; what
/// could not is said, and never counted as none. It is 8 where VM Runtime or its controller is not installed.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatusVmruntimeArgs {
    /// Show it again after every change, until Ctrl-C. With -o json and yaml each change is a document.
    #[arg(short, long)]
    pub watch: bool,
}

const EXAMPLES: &str = "\
Examples:
  bmctl status vmruntime
  bmctl status vmruntime --watch
  bmctl status vmruntime -c my-cluster -o json";

pub async fn run(context: &Context, args: StatusVmruntimeArgs) -> Exit {
    let mut session = Session::new(context, StatusReport::default());
    if args.watch {
        let looking = async |session: &mut Session<'_, _>, cluster: &Cluster| {
            look(session, cluster, &Silent).await
        };
        return Box::pin(watching::run(context, session, looking)).await;
    }
    let ended = context
        .unless_interrupted(look_once(&mut session), InterruptNote::nothing)
        .await;
    session.end(ended)
}

async fn look_once(session: &mut Session<'_, StatusReport>) -> Result<Exit, Failure> {
    let cluster = session.connect(Intent::Read).await?;
    let reporter = ProgressReporter::new(session.context, "Looking at VM Runtime");
    reporter.step("Looking at VM Runtime");
    look(session, &cluster, &reporter).await
}

async fn look(
    session: &mut Session<'_, StatusReport>,
    cluster: &Cluster,
    observer: &dyn Observer,
) -> Result<Exit, Failure> {
    session.report = StatusReport {
        now: jiff::Timestamp::now(),
        ..StatusReport::default()
    };
    let retry = Retry::new(session.deadline(), observer);
    let runtime = vmruntime::get(&cluster.client, &retry).await?;
    let (checks, machines, controller) = futures::join!(
        preflight_check::list(&cluster.client, &retry),
        inventory::take(&cluster.client, &retry),
        controller_deployment::read(&cluster.client, &retry),
    );
    let survey = if is_settled(&runtime) {
        Survey::default()
    } else {
        stuck::survey(&cluster.client, retry.now(), retry.pace().explain).await
    };
    let mut unknown = Unknown::default();
    let mut report = of_runtime(&runtime, session.report.now, &mut unknown);
    report.annotation = annotation(session.context, &runtime);
    if let Some(checks) = unknown.unless(LATEST_CHECK, checks) {
        report.latest_check = checks.first().map(entry);
        if let Some(why) = contradiction(&runtime, &checks) {
            unknown.add("whether the preflight check passed", &why);
        }
    }
    let machines = unknown.unless("how many VMs exist", machines);
    report.machine_count = machines.map(|machines| machines.count());
    let mut absent = None;
    if let Some(pods) = unknown.unless("whether the controller runs", controller) {
        report.controller = Some(ControllerReport {
            present: pods.is_some(),
            wanted: pods.map(|pods| pods.wanted),
            available: pods.map(|pods| pods.available),
        });
        match pods {
            None => {
                report
                    .blockers
                    .push("there is no controller in the cluster that could act".to_owned());
                if runtime.object.status.is_some() {
                    // One that cannot be seen from here may act; or what was written is all that is left of it.
                    unknown.add(
                        WHETHER_ANYBODY_ACTS,
                        &format!("{}, and the status may be old", no_deployment()),
                    );
                } else {
                    absent = Some(controller_missing());
                }
            }
            Some(pods) if pods.available == 0 => report
                .blockers
                .push("no pod of the controller is available".to_owned()),
            Some(_) => {
                let leaderless = survey.controller.map(|absent| absent.why);
                report.blockers.extend(leaderless);
            }
        }
    }
    let pasted = |command: &Suggested| session.context.pasted(command.clone());
    let stuck = survey.objects.into_iter();
    report.stuck = stuck.map(|stuck| stuck_report(stuck, &pasted)).collect();
    report.undetermined = unknown.things;
    session.report = report;
    if let Some(absent) = absent {
        return Err(absent);
    }
    conclude(&session.report.undetermined, unknown.hints, unknown.denial)
}

/// Nothing is on its way: nothing is looked for that could be in the way.
fn is_settled(runtime: &RuntimeObject) -> bool {
    let conditions = runtime.status().conditions;
    let progressing = find(&conditions, kind::PROGRESSING);
    is_current(&runtime.object)
        && progressing.is_some_and(|condition| condition.status == ConditionStatus::False)
}

const WHETHER_ANYBODY_ACTS: &str = "whether anybody acts on VM Runtime";

fn no_deployment() -> String {
    format!("deployment {CONTROLLER_DEPLOYMENT} is missing in namespace {SYSTEM_NAMESPACE}")
}

/// Nobody has ever acted on the object, and nobody is there who would.
fn controller_missing() -> Failure {
    Failure::new(
        Kind::NotInstalled,
        Reason::NotFound,
        "VM Runtime has no controller in this cluster",
    )
    .caused_by(format!(
        "{}, and nobody has written a status",
        no_deployment()
    ))
    .hint(Hint::run("to install it", installing()))
}

/// What could not be determined, and what to do about it.
#[derive(Default)]
struct Unknown {
    things: Vec<Undetermined>,
    hints: Vec<Hint>,
    denial: Option<Box<Denial>>,
}

impl Unknown {
    /// Takes a failure down.
    fn unless<T>(&mut self, what: &'static str, read: Result<T, Failure>) -> Option<T> {
        match read {
            Ok(known) => Some(known),
            Err(failure) => {
                self.add(what, failure.root_cause());
                self.denial = self.denial.take().or(failure.denial);
                for hint in failure.hints {
                    if !self.hints.contains(&hint) {
                        self.hints.push(hint);
                    }
                }
                None
            }
        }
    }

    fn add(&mut self, what: &'static str, why: &str) {
        self.things.push(Undetermined {
            what,
            why: why.to_owned(),
        });
    }
}

/// What the object itself says.
fn of_runtime(object: &RuntimeObject, now: jiff::Timestamp, unknown: &mut Unknown) -> StatusReport {
    let runtime = &object.object;
    let status = object.status();
    let ready = observed::ready(runtime);
    if runtime.spec.enabled && ready.is_none() {
        let why = find(&status.conditions, kind::READY)
            .map(|condition| condition.message.as_str())
            .filter(|message| !message.is_empty());
        let why = why.unwrap_or("status.ready is not reported");
        unknown.add("whether VMs can be run", why);
    }
    let creation = find(&status.conditions, kind::VM_CREATION_ALLOWED);
    let (conditions, more_conditions) = shown(blockers::noteworthy(runtime));
    StatusReport {
        settings: Some(Settings {
            enabled: runtime.spec.enabled,
            use_emulation: runtime.spec.use_emulation,
            vm_image_format: runtime.spec.vm_image_format.to_string(),
        }),
        ready,
        phase: status.phase.clone().map(shortened),
        generation: runtime.metadata.generation,
        observed_generation: observed::generation(&status),
        vm_creation_allowed: creation.and_then(|condition| condition.status.as_bool()),
        blockers: blockers::blockers(runtime)
            .into_iter()
            .map(shortened)
            .collect(),
        conditions,
        more_conditions,
        now,
        ..StatusReport::default()
    }
}

/// The VMRuntime says of a check what the check itself does not.
fn contradiction(object: &RuntimeObject, checks: &[VMRuntimePreflightCheck]) -> Option<String> {
    let summary = object.status().preflight_check_summary?;
    let (name, passed) = (
        summary.preflight_check_name?,
        summary.preflight_check_passed?,
    );
    let is_it =
        |check: &&VMRuntimePreflightCheck| check.metadata.name.as_deref() == Some(name.as_str());
    let Some(check) = checks.iter().find(is_it) else {
        let name = clean(&name);
        let why = format!("vmruntime reports that {name} passed, and there is no such check");
        return passed.then_some(why);
    };
    let judgement = verdict::judge(check.status.as_ref());
    (judgement.suffices() != passed).then(|| {
        format!(
            "vmruntime reports that {} {}, but that check is {}",
            clean(&name),
            if passed { "passed" } else { "did not pass" },
            judgement.verdict.word()
        )
    })
}

/// As many as anybody looks at, and how many more there are.
fn shown(mut conditions: Vec<Condition>) -> (Vec<Condition>, usize) {
    const SHOWN: usize = 50;
    let more = conditions.len().saturating_sub(SHOWN);
    conditions.truncate(SHOWN);
    for condition in &mut conditions {
        for text in [
            &mut condition.type_,
            &mut condition.reason,
            &mut condition.message,
        ] {
            *text = shortened(std::mem::take(text));
        }
    }
    (conditions, more)
}

/// The permission to delete all VMs.
fn annotation(context: &Context, object: &RuntimeObject) -> Annotation {
    let read = ForceAnnotation::read(object.object.metadata.annotations.as_ref());
    if let Some(warning) = &read.warning {
        context.warn(warning);
    }
    if read.permits {
        context.warn("the force annotation is set: a disable deletes all VMs (bmctl asks first)");
    }
    Annotation {
        permits: read.permits,
    }
}

fn conclude(
    undetermined: &[Undetermined],
    hints: Vec<Hint>,
    denial: Option<Box<Denial>>,
) -> Result<Exit, Failure> {
    if undetermined.is_empty() {
        return Ok(Exit::Ok);
    }
    let mut failure = Failure::new(
        Kind::Incomplete,
        Reason::StatusIncomplete,
        "not everything could be determined",
    );
    failure.causes = undetermined
        .iter()
        .map(|thing| format!("{}: {}", thing.what, thing.why))
        .collect();
    failure.hints = hints;
    failure.denial = denial;
    Err(failure)
}
