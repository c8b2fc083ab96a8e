//! `bmctl disable vmruntime`: the arguments, the question and the report of `operation::disable`.

mod confirmation;
mod interruption;
mod showing;

use std::path::{Path, PathBuf};

use self::{
    confirmation::{Confirmation, Terminal},
    interruption::left,
};
use super::{
    Context,
    context::WORKSPACE,
    progress_reporter::ProgressReporter,
    restore,
    session::{Intent, Session},
    vmruntime_change::changes,
};
use crate::{
    api::{
        condition::{is_true, kind},
        name::{CREATION_FENCE_UNTIL, FORCE_DISABLE},
    },
    cli::{DryRunArgs, WaitArgs},
    cluster::{
        Cluster, Retry,
        backup::{self, Place},
        removal::{Disks, Plan, Secrets},
        wait::Outcome,
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Own, Reason, kubectl, shown_path, shown_word},
    operation::disable::{ClusterNames, Disable, DisableProgress, Ending, Step, Switch},
    render::disable::{DisableReport, Machines},
    runtime::{difference, disable::Force},
};

/// Turn VM Runtime off, and wait until it is off.
///
/// It refuses as long as virtual machines exist, running or not. To delete them all, together with their disks, and
/// turn VM Runtime off: --force=true. Where the VMRuntime carries the annotation
/// baremetal.cluster.gke.io/vmrumtime-force-disable: "true", it asks instead of refusing.
///
/// Before anything is deleted, the manifests of all that goes are saved in a folder: VMs, disks, what they own (Secrets
/// too), and what people have made of KubeVirt's and CDI's other kinds and set on them. `bmctl restore DIR` puts them
/// back. The contents of disks are not in it. A run that was interrupted, or killed, is simply run again.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct DisableVmruntimeArgs {
    /// Delete all VMs and what belongs to them first. This is itself the confirmation: nothing is asked.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = crate::cli::go_bool,
        action = clap::ArgAction::Set
    )]
    pub force: bool,
    /// Confirm the deletion of all VMs in this context. It answers what would be asked; --yes does not.
    #[arg(long, value_name = "CONTEXT", value_parser = crate::cli::name)]
    pub confirm: Option<String>,
    /// Folder for the backup. It is new, empty, or a backup of this cluster that is added to. Default: a new one, named
    /// after the time, below bmctl-workspace/CLUSTER/backup.
    #[arg(long, value_name = "DIR", value_parser = crate::cli::path(), conflicts_with = "no_backup")]
    pub backup: Option<PathBuf>,
    /// Delete without saving anything before.
    #[arg(long)]
    pub no_backup: bool,
    /// Save Secrets that go with VMs as well. They are in clear text, in files that only you can read.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        hide_default_value = true,
        conflicts_with = "no_backup",
        value_parser = crate::cli::go_bool,
        action = clap::ArgAction::Set
    )]
    pub backup_secrets: bool,
    /// Delete the VMs and keep their disks. CDI, which provides them, then stays installed.
    #[arg(long)]
    pub keep_disks: bool,
    /// Succeed where VM Runtime is off already.
    #[arg(long)]
    pub ensure: bool,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    #[command(flatten)]
    pub waiting: WaitArgs,
}

const EXAMPLES: &str = "\
Examples:
  bmctl disable vmruntime
  bmctl disable vmruntime --force=true --dry-run   what it would delete, and keep
  bmctl disable vmruntime --force=true             saves manifests, deletes VMs
                                                   and their disks
  bmctl disable vmruntime --force --keep-disks     deletes the VMs only
  bmctl disable vmruntime --confirm my-context     answers in a script
  bmctl disable vmruntime --ensure                 safe to run again and again";

pub async fn run(context: &Context, args: &DisableVmruntimeArgs) -> Exit {
    let mut session = Session::new(
        context,
        DisableReport {
            now: jiff::Timestamp::now(),
            ..DisableReport::default()
        },
    )
    .within(args.waiting.timeout);
    let progress = DisableProgress::default();
    let ended = context
        .unless_interrupted(Box::pin(disable(&mut session, args, &progress)), || {
            left(args, &progress)
        })
        .await;
    fill_report(&mut session, &progress);
    session.end(ended)
}

async fn disable(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
    progress: &DisableProgress,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(Intent::Change).await?;
    let confirmation = Confirmation::new(&cluster, args)?;
    let reporter = ProgressReporter::new(context, "Waiting until VM Runtime is off");
    let retry = Retry::new(session.deadline(), &reporter);
    let names = ClusterNames {
        cluster: cluster.name.clone(),
        context: cluster.context.clone(),
        server: cluster.server.clone(),
    };
    let operation = Disable {
        client: &cluster.client,
        retry: &retry,
        cluster: &names,
        place: place(&cluster, args),
        secrets: if args.backup_secrets {
            Secrets::Saved
        } else {
            Secrets::LeftOut
        },
        force: Force::from(args.force),
        disks: if args.keep_disks {
            Disks::Keep
        } else {
            Disks::Delete
        },
        mode: args.dry_run.choice().into(),
        wait: args.waiting.wait,
        fail_fast: args.waiting.fail_fast,
        progress,
    };
    let mut terminal = Terminal::new(session, &reporter, &confirmation, &operation);
    let ended = operation.run(&mut terminal).await;
    let permitted_by_annotation = terminal.permitted_by_annotation;
    drop(reporter);
    if ended.as_ref().is_ok_and(has_changed) && permitted_by_annotation {
        // Not set back here: a GitOps tool that keeps it would fight that.
        let set_back = kubectl(format!(
            "annotate vmruntime vmruntime --overwrite {FORCE_DISABLE}=false"
        ));
        let set_back = session.context.pasted(set_back);
        let set_back = set_back.map(|command| format!("; to set it back: {command}"));
        session.context.warn(&format!(
            "annotation {FORCE_DISABLE} is still \"true\": the next disable may delete all VMs{}",
            set_back.unwrap_or_default()
        ));
    }
    conclude(session, args, progress, ended)
}

const fn has_changed(ending: &Ending) -> bool {
    match ending {
        Ending::ToldToTurnOff | Ending::Off(_) => true,
        Ending::AlreadyOff { .. } | Ending::Refused(_) | Ending::Previewed => false,
    }
}

/// Where the backup goes.
fn place(cluster: &Cluster, args: &DisableVmruntimeArgs) -> Option<Place> {
    match &args.backup {
        Some(path) => Some(Place::Exactly(path.clone())),
        None if args.no_backup => None,
        None => Some(Place::Below(
            Path::new(WORKSPACE)
                .join(backup::folder_name(&cluster.name))
                .join("backup"),
        )),
    }
}

fn already_off(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
    disks_kept: bool,
) -> Result<Exit, Failure> {
    if args.ensure {
        session.report.disabled = Some(true);
        session.report.disks_kept = disks_kept;
        session.report.only_controller_left = true;
        return Ok(Exit::Ok);
    }
    Err(Failure::new(
        Kind::Already,
        Reason::AlreadyDisabled,
        "VM Runtime is already disabled",
    )
    .hint(Hint::run(
        "to succeed in this case",
        again(args, &["--ensure"]),
    )))
}

/// Row five of the table: both ways out.
fn refusal(args: &DisableVmruntimeArgs, plan: &Plan, off: bool) -> Failure {
    let exist = vms_exist(plan.machines);
    let rest = if off {
        "although VM Runtime is disabled; nothing was deleted"
    } else {
        "; nothing was deleted, and VM Runtime was not disabled"
    };
    let space = if off { " " } else { "" };
    let mut kinds: Vec<String> = Vec::new();
    for machine in plan.roots() {
        let kind = machine.kind.qualified();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.sort();
    Failure::new(
        Kind::Refused,
        Reason::VMsExist,
        format!("{exist}{space}{rest}"),
    )
    .hint(Hint::run(
        "delete the VMs yourself, then disable again",
        kubectl(format!("get {} --all-namespaces", kinds.join(","))),
    ))
    .hint(Hint::run(
        if args.keep_disks {
            "or delete all of them, and keep their disks"
        } else {
            "or delete all of them, with their disks"
        },
        again(args, &["--force=true"]),
    ))
}

fn vms_exist(count: usize) -> String {
    if count == 1 {
        "1 VM exists".to_owned()
    } else {
        format!("{count} VMs exist")
    }
}

/// Puts what was done into the report, however it ended.
fn fill_report(session: &mut Session<'_, DisableReport>, progress: &DisableProgress) {
    let report = &mut session.report;
    if let Some(path) = progress.backup.borrow().as_ref() {
        report.backup = Some(shown_path(path));
        report.restore = session.context.pasted(restore::command(path));
    }
    if progress.step.get() == Step::Deleting {
        report.machines_were = Machines::Deleting;
    }
    if let Some(removed) = progress.removed.borrow().as_ref() {
        report.machines_were = Machines::Deleted;
        report.deleted = removed
            .machines
            .iter()
            .chain(&removed.disks)
            .map(showing::gone)
            .collect();
    }
    if let Some((before, after)) = progress.patched.borrow().as_ref() {
        report.changed = changes(&difference::of_object(&before.raw, &after.raw));
        report.engine_goes = true;
        report.undo = session.context.pasted(CommandId::EnableVmruntime);
        // The fence is taken away again, or was said to end by itself.
        report
            .changed
            .retain(|change| !change.field.contains(CREATION_FENCE_UNTIL));
    }
}

fn conclude(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
    progress: &DisableProgress,
    ended: Result<Ending, Failure>,
) -> Result<Exit, Failure> {
    match ended {
        Ok(Ending::AlreadyOff { disks_kept }) => already_off(session, args, disks_kept),
        Ok(Ending::Refused(plan)) => {
            let off = progress.switch.get() == Switch::Off;
            Err(refusal(args, &plan, off))
        }
        Ok(Ending::Previewed) => Ok(Exit::Ok),
        Ok(Ending::ToldToTurnOff) => {
            session.report.unattended = true;
            Ok(Exit::Ok)
        }
        Ok(Ending::Off(outcome)) => {
            let (Outcome::Reached(reached) | Outcome::CheckFailed(reached)) = *outcome;
            for warning in &reached.warnings {
                session.context.warn(warning);
            }
            let unverified =
                reached.unverified("VM Runtime is disabled, but not everything could be verified");
            let status = reached.runtime.and_then(|runtime| runtime.status);
            session.report.disks_kept =
                status.is_some_and(|status| is_true(&status.conditions, kind::DISKS_KEPT));
            session.report.only_controller_left = unverified.is_none();
            session.report.disabled = Some(true);
            session.report.waited = reached.elapsed;
            unverified.map_or(Ok(Exit::Ok), Err)
        }
        Err(failure) if failure.kind == Kind::TimedOut => {
            Err(failure.hint(Hint::run("to go on", continuing(args))))
        }
        Err(failure) if failure.reason == Reason::VMsAppeared => Err(failure
            .hint(Hint::run(
                "to delete them as well",
                again(args, &["--force=true", "--ensure"]),
            ))
            .hint(Hint::run(
                "to let them run",
                CommandId::EnableVmruntime.with("--ensure"),
            ))),
        Err(failure) => Err(failure),
    }
}

/// The command that goes on where this one ended.
fn continuing(args: &DisableVmruntimeArgs) -> Own {
    let force = args.force.then_some("--force=true");
    let flags: Vec<&str> = force.into_iter().chain(["--ensure"]).collect();
    again(args, &flags)
}

/// The command with these flags, and with those that said what is to stay and what is to be saved: whoever pastes a hint
/// loses nothing that was to be kept.
fn again(args: &DisableVmruntimeArgs, flags: &[&str]) -> Own {
    let backup = args.backup.as_ref();
    let kept = [
        args.keep_disks.then(|| "--keep-disks".to_owned()),
        args.no_backup.then(|| "--no-backup".to_owned()),
        (!args.backup_secrets).then(|| "--backup-secrets=false".to_owned()),
        backup.map(|folder| format!("--backup {}", shown_word(&folder.to_string_lossy()))),
    ];
    let flags = flags.iter().map(|flag| (*flag).to_owned());
    let flags: Vec<String> = flags.chain(kept.into_iter().flatten()).collect();
    CommandId::DisableVmruntime.with(flags.join(" "))
}
