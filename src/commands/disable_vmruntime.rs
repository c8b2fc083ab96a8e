//! `bmctl disable vmruntime`: count the VMs, decide by the table of `runtime::disable`, remove what may be removed, turn
//! VM Runtime off, wait until it is off.

mod confirmation;
mod fence;
mod showing;
pub mod work;

use std::path::{Path, PathBuf};

use self::{
    confirmation::Confirmation,
    showing::Extent,
    work::{Account, ClusterNames, Consent, Looked, Proposal, Stage, Work},
};
use super::{
    Context,
    context::{Left, WORKSPACE},
    narration::Narrator,
    session::{Intent, Session},
    vmruntime_change::changes,
};
use crate::{
    api::{
        condition::{is_true, kind},
        name::{CREATION_FENCE_UNTIL, FORCE_DISABLE},
    },
    cli::{DryRunArgs, DryRunChoice, WaitArgs},
    cluster::{
        Cluster, Retry,
        backup::{self, Place},
        removal::{Disks, Plan},
        wait::{Outcome, Reached},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason, shown_path, shown_word},
    render::disable::{DisableReport, Machines},
    runtime::disable::{Decision, Force},
};

/// Turn VM Runtime off, and wait until it is off.
///
/// It refuses as long as virtual machines exist, running or not. To delete them all, together with their disks, and
/// turn VM Runtime off: --force=true. Where the VMRuntime carries the annotation
/// baremetal.cluster.gke.io/vmrumtime-force-disable: "true", it asks instead of refusing.
///
/// Before anything is deleted, the manifests of all VMs and disks are saved in a folder; `bmctl restore DIR` puts them
/// back. The contents of disks are not in it. A run that was interrupted, or killed, is simply run again.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
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
    /// Confirm the deletion of all VMs in the cluster of this context, where it would be asked. --yes does not.
    #[arg(long, value_name = "CONTEXT", value_parser = crate::cli::name)]
    pub confirm: Option<String>,
    /// Folder for the backup: new, empty, or a backup of this cluster that is added to. Default: a new one, named after
    /// the time, below bmctl-workspace/CLUSTER/backup.
    #[arg(long, value_name = "DIR", value_parser = crate::cli::path(), conflicts_with = "no_backup")]
    pub backup: Option<PathBuf>,
    /// Delete without saving anything before.
    #[arg(long)]
    pub no_backup: bool,
    /// Delete the VMs and keep their disks; CDI, which provides them, then stays installed.
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
  bmctl disable vmruntime --force=true --dry-run  shows what that would delete, and what stays
  bmctl disable vmruntime --force=true            saves the manifests, deletes all VMs and their disks
  bmctl disable vmruntime --force --keep-disks    deletes the VMs only
  bmctl disable vmruntime --confirm my-context    answers the question in a script
  bmctl disable vmruntime --ensure                safe to run again and again";

pub async fn run(context: &Context, args: &DisableVmruntimeArgs) -> Exit {
    let mut session = Session::new(
        context,
        DisableReport {
            undo: context.paste("enable vmruntime"),
            now: jiff::Timestamp::now(),
            ..DisableReport::default()
        },
    )
    .within(args.waiting.timeout);
    let account = Account::default();
    let ended = context
        .unless_interrupted(Box::pin(disable(&mut session, args, &account)), || {
            left(context, args, &account)
        })
        .await;
    settle(&mut session, &account);
    session.end(ended)
}

async fn disable(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
    account: &Account,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(Intent::Change).await?;
    let confirmation = Confirmation::new(&cluster, args)?;
    let narrator = Narrator::new(context, "Waiting until VM Runtime is off");
    let retry = Retry::new(session.deadline(), &narrator);
    let names = ClusterNames {
        cluster: cluster.name.clone(),
        context: cluster.context.clone(),
        server: cluster.server.clone(),
    };
    let work = Work {
        client: &cluster.client,
        retry: &retry,
        cluster: &names,
        place: place(&cluster, args),
        force: Force::from(args.force),
        disks: if args.keep_disks {
            Disks::Keep
        } else {
            Disks::Delete
        },
        wait: args.waiting.wait,
        fail_fast: args.waiting.fail_fast,
        account,
    };
    let proposal = match work.look().await? {
        Looked::AlreadyOff { disks_kept } => return already_off(session, args, disks_kept),
        Looked::Proposal(proposal) => *proposal,
    };
    if account.stage.get() == Stage::Disabled {
        narrator.happened("VM Runtime is being turned off already, and is not off yet");
    }
    let extent = Extent::wanted(&context.global.output);
    showing::plan(
        &mut session.report,
        &proposal.plan,
        work.place.as_ref(),
        extent,
    );
    if proposal.decision == Decision::Refuse {
        let off = account.stage.get() == Stage::Disabled;
        return Err(refusal(context, &proposal.plan, off));
    }
    if args.dry_run.choice() != DryRunChoice::None {
        return rehearse(session, &work, &proposal, args).await;
    }
    let mut consent = Consent::Everything;
    if proposal.decision == Decision::AskThenDelete {
        narrator.pause();
        consent = confirmation.ask(session).await?;
    }
    let left_behind = proposal.permitted_by_annotation;
    let outcome = work.carry_out(proposal, consent).await;
    drop(narrator);
    if outcome.is_ok() && left_behind {
        // Not set back here: a GitOps tool that keeps it would fight that.
        session.context.warn(&format!(
            "annotation {FORCE_DISABLE} is still \"true\": the next disable may delete all VMs; to set it back: kubectl \
             annotate vmruntime vmruntime --overwrite {FORCE_DISABLE}=false"
        ));
    }
    conclude(session, args, outcome)
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

async fn rehearse(
    session: &mut Session<'_, DisableReport>,
    work: &Work<'_>,
    proposal: &Proposal,
    args: &DisableVmruntimeArgs,
) -> Result<Exit, Failure> {
    if args.dry_run.choice() == DryRunChoice::Server {
        work.rehearse(proposal).await?;
    }
    session.report.dry_run = true;
    session.report.deletes = work::deletes(proposal.decision);
    session.report.asks = proposal.decision == Decision::AskThenDelete;
    Ok(Exit::Ok)
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
    .hint(format!(
        "to succeed in this case: {}",
        session.context.paste("disable vmruntime --ensure")
    )))
}

/// Row five of the table: both ways out.
fn refusal(context: &Context, plan: &Plan, off: bool) -> Failure {
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
    .hint(format!(
        "delete the VMs yourself, then disable again: kubectl get {} --all-namespaces",
        kinds.join(",")
    ))
    .hint(format!(
        "or delete all of them, with their disks: {}",
        context.paste("disable vmruntime --force=true")
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
fn settle(session: &mut Session<'_, DisableReport>, account: &Account) {
    let report = &mut session.report;
    if let Some(path) = account.backup.borrow().as_ref() {
        report.backup = Some(shown_path(path));
        let restore = format!("restore {}", shown_word(&path.to_string_lossy()));
        report.restore = Some(session.context.paste(&restore));
    }
    if account.stage.get() == Stage::Deleting {
        report.machines_were = Machines::Deleting;
    }
    if let Some(removed) = account.removed.borrow().as_ref() {
        report.machines_were = Machines::Deleted;
        report.deleted = removed
            .machines
            .iter()
            .chain(&removed.disks)
            .map(showing::gone)
            .collect();
    }
    if let Some((before, after)) = account.patched.borrow().as_ref() {
        report.changed = changes(before, after);
        // The fence is taken away again, or was said to end by itself.
        report
            .changed
            .retain(|change| !change.field.contains(CREATION_FENCE_UNTIL));
    }
}

fn conclude(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
    outcome: Result<Option<Outcome>, Failure>,
) -> Result<Exit, Failure> {
    let go_on = || session.context.paste(&continuing(args));
    match outcome {
        Ok(None) => {
            session.report.unattended = true;
            Ok(Exit::Ok)
        }
        Ok(Some(Outcome::Reached(reached) | Outcome::CheckFailed(reached))) => {
            let Reached {
                runtime,
                elapsed,
                warnings,
                unknown,
                ..
            } = reached;
            for warning in &warnings {
                session.context.warn(warning);
            }
            let status = runtime.and_then(|runtime| runtime.status);
            session.report.disks_kept =
                status.is_some_and(|status| is_true(&status.conditions, kind::DISKS_KEPT));
            session.report.only_controller_left = unknown.is_empty();
            session.report.disabled = Some(true);
            session.report.waited = elapsed;
            if unknown.is_empty() {
                return Ok(Exit::Ok);
            }
            let mut failure = Failure::new(
                Kind::Incomplete,
                Reason::NotVerified,
                "VM Runtime is disabled, but not everything could be verified",
            );
            failure.causes = unknown;
            Err(failure)
        }
        Err(failure) if failure.kind == Kind::TimedOut => {
            Err(failure.hint(format!("to go on: {}", go_on())))
        }
        Err(failure) if failure.reason == Reason::VMsAppeared => Err(failure
            .hint(format!(
                "to delete them as well: {}",
                session
                    .context
                    .paste("disable vmruntime --force=true --ensure")
            ))
            .hint(format!(
                "to let them run: {}",
                session.context.paste("enable vmruntime --ensure")
            ))),
        Err(failure) => Err(failure),
    }
}

/// The command that goes on where this one ended.
fn continuing(args: &DisableVmruntimeArgs) -> String {
    let mut command = "disable vmruntime".to_owned();
    if args.force {
        command.push_str(" --force=true");
    }
    if args.keep_disks {
        command.push_str(" --keep-disks");
    }
    if args.no_backup {
        command.push_str(" --no-backup");
    }
    if let Some(folder) = &args.backup {
        command.push_str(" --backup ");
        command.push_str(&shown_word(&folder.to_string_lossy()));
    }
    command + " --ensure"
}

fn left(context: &Context, args: &DisableVmruntimeArgs, account: &Account) -> Left {
    let to_continue = format!("to go on: {}", context.paste(&continuing(args)));
    let to_undo = format!("to undo: {}", context.paste("enable vmruntime"));
    match account.stage.get() {
        Stage::Untouched => Left {
            sentence: "nothing was changed".to_owned(),
            hints: Vec::new(),
        },
        Stage::Fenced => Left {
            sentence: format!(
                "nothing was deleted, and VM Runtime stays enabled; no new VM can be created for at most {}",
                crate::render::age::span(fence::LENGTH)
            ),
            hints: vec![to_continue],
        },
        Stage::Deleting => Left {
            sentence: format!(
                "VMs whose deletion has begun go on disappearing; VM Runtime was not told to turn off, and no new VM can \
                 be created for at most {}",
                crate::render::age::span(fence::LENGTH)
            ),
            hints: vec![to_continue],
        },
        Stage::Disabled => Left {
            sentence: "VM Runtime is disabled, and the cluster goes on removing its engine"
                .to_owned(),
            hints: vec![to_continue, to_undo],
        },
    }
}
