//! `bmctl restore DIR`: put back what a disable has saved and deleted.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Context,
    context::Left,
    narration::Narrator,
    session::{Intent, Session},
};
use crate::{
    cli::{DryRunArgs, DryRunChoice, go_duration},
    cluster::{
        Retry,
        backup::Archive,
        event::ObjectName,
        file,
        restoration::{self, Manner, Restored},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason, shown_path, shown_word},
    render::restore::{FailedObject, RestoreReport, RestoredObject},
};

/// Put back the VMs and disks that a disable has saved before it deleted them.
///
/// Disks come first, then VMs. What exists already stays as it is, and is reported. Every checksum is verified before
/// anything is created, and a manifest that the backup's index does not name is refused. The contents of disks are not
/// in a backup. VM Runtime must be enabled: as long as it is not, the cluster takes no VMs.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RestoreArgs {
    /// The folder of the backup.
    #[arg(value_name = "DIR", value_parser = crate::cli::path())]
    pub folder: PathBuf,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Give up after this time, as 10m or 1h30m.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = go_duration)]
    pub timeout: std::time::Duration,
}

const EXAMPLES: &str = "\
Examples:
  bmctl restore bmctl-workspace/my-cluster/backup/20261123-080000
  bmctl restore ./backup --dry-run               shows what would be created, and what exists
  kubectl apply -R -f ./backup                   does the same, without the checks";

pub async fn run(context: &Context, args: &RestoreArgs) -> Exit {
    let mut session = Session::new(context, RestoreReport::default()).within(args.timeout);
    let ended = context
        .unless_interrupted(restore(&mut session, args), || Left {
            sentence: "some objects of the backup may have been created".to_owned(),
            hints: vec![format!(
                "to create the others: {}",
                context.paste(&command(args))
            )],
        })
        .await;
    session.end(ended)
}

fn command(args: &RestoreArgs) -> String {
    let folder = shown_word(&args.folder.to_string_lossy());
    format!("restore {folder}")
}

async fn restore(
    session: &mut Session<'_, RestoreReport>,
    args: &RestoreArgs,
) -> Result<Exit, Failure> {
    let folder = args.folder.clone();
    let archive = file::apart(session.deadline(), move || Ok(Archive::open(&folder)))
        .await
        .map_err(|error| not_read(&args.folder, &error))??;
    session.report.backup = shown_path(&args.folder);
    session.report.created_at.clone_from(&archive.created);
    session.report.taken_of.clone_from(&archive.origin.context);
    let (intent, manner) = match args.dry_run.choice() {
        DryRunChoice::None => (Intent::Change, Manner::Create),
        DryRunChoice::Client => (Intent::Read, Manner::OnlyLook),
        DryRunChoice::Server => (Intent::Change, Manner::AskServer),
    };
    let cluster = session.connect(intent).await?;
    let narrator = Narrator::new(session.context, "Restoring");
    let retry = Retry::new(session.deadline(), &narrator);
    let restored = restoration::restore(&cluster.client, &archive, manner, &retry).await?;
    drop(narrator);
    session.report.dry_run = manner != Manner::Create;
    let failure = failure(session.context, &restored);
    fill(&mut session.report, restored);
    failure.map_or(Ok(Exit::Ok), Err)
}

fn not_read(folder: &Path, error: &io::Error) -> Failure {
    let message = format!("could not read a backup in {}", shown_path(folder));
    Failure::new(Kind::Usage, Reason::NoBackup, message).caused_by(error.to_string())
}

fn fill(report: &mut RestoreReport, restored: Restored) {
    let objects = |names: Vec<ObjectName>| names.into_iter().map(object).collect();
    report.created = objects(restored.created);
    report.existing = objects(restored.existing);
    report.generated = objects(restored.generated);
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

fn object(name: ObjectName) -> RestoredObject {
    RestoredObject {
        resource: name.resource,
        namespace: name.namespace.unwrap_or_default(),
        name: name.name,
    }
}

/// One failure for all that could not be created; the first one's kind decides.
fn failure(context: &Context, restored: &Restored) -> Option<Failure> {
    const NAMED: usize = 10;
    let (_, first) = restored.failed.first()?;
    let count = restored.failed.len();
    let objects = if count == 1 { "object" } else { "objects" };
    let mut failure = Failure::new(
        first.kind,
        Reason::NotAllRestored,
        format!("{count} {objects} of the backup could not be created"),
    );
    failure.retryable = first.retryable;
    for (name, one) in restored.failed.iter().take(NAMED) {
        failure = failure.caused_by(format!("{name}: {}", one.root_cause()));
    }
    if first.kind == Kind::Refused {
        failure = failure.hint(format!(
            "VMs can be created only while VM Runtime is enabled and ready: {}",
            context.paste("enable vmruntime --ensure")
        ));
    }
    Some(failure)
}
