//! `bmctl restore DIR`: the arguments and the report of `operation::restore`.

use std::path::{Path, PathBuf};

use super::{
    Context,
    context::InterruptNote,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    cli::{DryRunArgs, go_duration},
    cluster::{
        Mode, Retry,
        backup::BackupReader,
        event::ObjectName,
        restoration::{Restored, Unstartable, Wish},
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Own, Reason, shown_path, shown_word},
    operation,
    render::restore::{FailedObject, RestoreReport, RestoredObject, UnstartableMachine},
};

/// Put back what a disable has saved before it was deleted: VMs, disks, what they owned, and what people had made of
/// KubeVirt's and CDI's other kinds and set on them.
///
/// What others refer to comes first, VMs last; a VM that cannot start, because something that it refers to is not there,
/// is reported. What exists already stays as it is, and is reported. Every checksum is verified before
/// anything is created, and a backup of which anything is damaged, missing or added is refused, with what it is; see
/// --skip-damaged. The contents of disks are not in a backup. VM Runtime must be enabled: as long as it is not, the
/// cluster takes no VMs.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RestoreArgs {
    /// The folder of the backup.
    #[arg(value_name = "DIR", value_parser = crate::cli::path())]
    pub folder: PathBuf,
    /// Restore what verifies of a backup that is damaged. Ends with exit code 5, as the rest is missing.
    #[arg(long)]
    pub skip_damaged: bool,
    /// Bring VMs back stopped. The contents of their disks can then be put back before they start.
    #[arg(long)]
    pub halted: bool,
    /// Create namespaces that do not exist any more. The labels and quotas that they had are not put back.
    #[arg(long)]
    pub create_namespaces: bool,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Give up after this time. 10m, 1h30m and the like.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = go_duration)]
    pub timeout: std::time::Duration,
}

/// More ways out than these are none.
const HINTS: usize = 4;

const EXAMPLES: &str = "\
Examples:
  bmctl restore bmctl-workspace/my-cluster/backup/20261123-080000
  bmctl restore ./backup --dry-run   shows what would be created
  bmctl restore ./backup --halted    VMs stay off until somebody starts them
  kubectl apply -R -f ./backup       does the same, without the checks";

pub async fn run(context: &Context, args: &RestoreArgs) -> Exit {
    let mut session = Session::new(context, RestoreReport::default()).within(args.timeout);
    let ended = context
        .unless_interrupted(restore(&mut session, args), || InterruptNote {
            sentence: "some objects of the backup may have been created".to_owned(),
            hints: vec![Hint::run(
                "to create the others",
                command_of(args, args.skip_damaged),
            )],
        })
        .await;
    session.end(ended)
}

/// The command that puts a backup back.
pub(super) fn command(folder: &Path) -> Own {
    CommandId::Restore.with(shown_word(&folder.to_string_lossy()))
}

fn command_of(args: &RestoreArgs, skip_damaged: bool) -> Own {
    let folder = shown_word(&args.folder.to_string_lossy());
    let flags = [
        (skip_damaged, " --skip-damaged"),
        (args.halted, " --halted"),
        (args.create_namespaces, " --create-namespaces"),
    ];
    let flags = flags.iter().filter(|(given, _)| *given);
    let flags: String = flags.map(|(_, flag)| *flag).collect();
    CommandId::Restore.with(format!("{folder}{flags}"))
}

async fn restore(
    session: &mut Session<'_, RestoreReport>,
    args: &RestoreArgs,
) -> Result<Exit, Failure> {
    let backup = operation::restore::open(&args.folder, session.deadline()).await?;
    introduce(session, args, &backup);
    if !backup.damage.is_empty() && !args.skip_damaged {
        return Err(refusal(args, &backup));
    }
    let mode = args.dry_run.choice().into();
    let cluster = session
        .connect(match mode {
            Mode::Change | Mode::Rehearse => Intent::Change,
            Mode::Preview => Intent::Read,
        })
        .await?;
    let reporter = ProgressReporter::new(session.context, "Restoring");
    let retry = Retry::new(session.deadline(), &reporter);
    let wish = Wish {
        mode,
        halted: args.halted,
        create_namespaces: args.create_namespaces,
    };
    let restored = operation::restore::restore(&cluster.client, &backup, wish, &retry).await?;
    drop(reporter);
    session.report.dry_run = mode != Mode::Change;
    let failure = failure(&restored);
    fill(&mut session.report, restored);
    session.report.ended = true;
    match failure {
        Some(failure) => Err(backup.also_damaged(failure)),
        None if backup.damage.is_empty() => Ok(Exit::Ok),
        None => Err(backup.incomplete()),
    }
}

/// Says what the backup is, and how it is.
fn introduce(session: &mut Session<'_, RestoreReport>, args: &RestoreArgs, backup: &BackupReader) {
    let report = &mut session.report;
    report.backup = shown_path(&args.folder);
    report.created_at = backup.created.clone().unwrap_or_default();
    let origin = backup.origin.as_ref();
    report.taken_of = origin.map_or_else(String::new, |origin| origin.context.clone());
    report.damaged = backup.damage.iter().map(ToString::to_string).collect();
    if backup.torn {
        session.context.warn(
            "bmctl was writing to this backup when it ended; what it was writing is not in the backup, and nothing was \
             deleted on its account",
        );
    }
}

/// A backup that is damaged is restored only as far as it goes if somebody wants that.
fn refusal(args: &RestoreArgs, backup: &BackupReader) -> Failure {
    let whole = backup.entries.len();
    let objects = if whole == 1 { "object" } else { "objects" };
    backup
        .refusal()
        .hint("take what is damaged from another copy of the folder, and restore again")
        .hint(Hint::run(
            format!("or restore only the {whole} {objects} that verify"),
            command_of(args, true),
        ))
}

fn fill(report: &mut RestoreReport, restored: Restored) {
    let objects = |names: Vec<ObjectName>| names.into_iter().map(object).collect();
    report.created = objects(restored.created);
    report.existing = objects(restored.existing);
    report.changed = objects(restored.changed);
    report.generated = objects(restored.generated);
    report.unstartable = restored.unstartable.into_iter().map(unstartable).collect();
    report.failed = restored
        .failed
        .into_iter()
        .map(|(name, failure)| FailedObject {
            object: object(name),
            reason: failure.reason.to_string(),
            message: failure.root_cause().to_owned(),
        })
        .collect();
}

fn unstartable(found: Unstartable) -> UnstartableMachine {
    UnstartableMachine {
        object: object(found.machine),
        missing: found.missing.into_iter().map(object).collect(),
    }
}

fn object(name: ObjectName) -> RestoredObject {
    RestoredObject {
        resource: name.resource,
        namespace: name.namespace.unwrap_or_default(),
        name: name.name,
    }
}

/// One failure for all that could not be created; the first one's kind decides.
fn failure(restored: &Restored) -> Option<Failure> {
    const NAMED: usize = 10;
    let Some((_, first)) = restored.failed.first() else {
        return not_startable(restored);
    };
    let count = restored.failed.len();
    let objects = if count == 1 { "object" } else { "objects" };
    let mut failure = Failure::new(
        first.kind,
        Reason::NotAllRestored,
        format!("{count} {objects} of the backup could not be created"),
    );
    failure.retryable = first.retryable;
    for (name, one) in restored.failed.iter().take(NAMED) {
        failure = failure.caused_by_failure(name, one);
    }
    // Whatever refused: each has its own way out.
    for (_, one) in &restored.failed {
        for hint in way_out(one) {
            if !failure.hints.contains(&hint) {
                failure = failure.hint(hint);
            }
        }
    }
    failure.hints.truncate(HINTS);
    Some(failure)
}

fn way_out(failed: &Failure) -> Vec<Hint> {
    let cause = failed.root_cause();
    let is_gate = failed.reason == Reason::AdmissionDenied && cause.contains("VM Runtime");
    // Kinds of KubeVirt's and CDI's are served while VM Runtime is on.
    if is_gate || failed.reason == Reason::NotServed {
        return vec![Hint::run(
            "VMs can be created only while VM Runtime is enabled and ready",
            CommandId::EnableVmruntime.with("--ensure"),
        )];
    }
    failed.hints.clone()
}

/// Everything is there, and yet not everything is as it was.
fn not_startable(restored: &Restored) -> Option<Failure> {
    const NAMED: usize = 10;
    let count = restored.unstartable.len();
    let which = match count {
        0 => return None,
        1 => "1 VM of the backup".to_owned(),
        count => format!("{count} VMs of the backup"),
    };
    let mut failure = Failure::new(
        Kind::Incomplete,
        Reason::NotStartable,
        format!("{which} cannot start: something that it needs is not there"),
    );
    for Unstartable { machine, missing } in restored.unstartable.iter().take(NAMED) {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        failure = failure.caused_by(format!("{machine} needs {}", missing.join(", ")));
    }
    Some(failure)
}
