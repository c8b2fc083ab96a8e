//! `bmctl snapshot vmruntime`: the arguments and the report of `operation::snapshot`, a bundle for whoever is to help.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Context,
    context::InterruptNote,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    cluster::{
        Cluster, Retry,
        bundle::{Outcome, Piece, SOURCES, redact},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason, shown_path},
    operation::snapshot,
    render::{
        clean,
        snapshot::{Ending, FileReport, SnapshotReport},
    },
};

/// Collect what helps to find out what is wrong into one file: a tar archive, compressed with zstd.
///
/// What goes in is an allow-list; --dry-run prints it. Secrets, ConfigMaps, environment variables and arguments are never
/// in it, VMs are counted and not named, and what looks like a credential is taken out. manifest.json in the archive says
/// what is inside and what was refused. What cannot be read is left out and said, and the exit code is 5 then. The file
/// is readable by its owner only, and an existing one is never overwritten.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct SnapshotVmruntimeArgs {
    /// The file to write. Default: bmctl-snapshot-CLUSTER-TIME.tar.zst in the present folder.
    #[arg(long, value_name = "FILE", value_parser = crate::cli::path())]
    pub output_file: Option<PathBuf>,
    /// List what would go in, and ask no cluster.
    #[arg(long)]
    pub dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  bmctl snapshot vmruntime --dry-run
  bmctl snapshot vmruntime -c my-cluster
  bmctl snapshot vmruntime --output-file case-4711.tar.zst";

pub async fn run(context: &Context, args: &SnapshotVmruntimeArgs) -> Exit {
    let mut session = Session::new(context, SnapshotReport::default());
    let ended = if args.dry_run {
        session.report.files = SOURCES
            .iter()
            .map(|source| FileReport::new(source.file, source.what, Ending::Listed))
            .collect();
        Ok(Exit::Ok)
    } else {
        context
            .unless_interrupted(take(&mut session, args), || InterruptNote {
                sentence: "no bundle was written, and nothing was changed".to_owned(),
                hints: Vec::new(),
            })
            .await
    };
    session.end(ended)
}

async fn take(
    session: &mut Session<'_, SnapshotReport>,
    args: &SnapshotVmruntimeArgs,
) -> Result<Exit, Failure> {
    let path = args.output_file.as_deref();
    snapshot::refuse_existing(path)?;
    let cluster = session.connect(Intent::Read).await?;
    let reporter = ProgressReporter::new(session.context, "Collecting");
    let retry = Retry::new(session.deadline(), &reporter);
    let collected = snapshot::collect(&cluster, &retry).await;
    drop(reporter);
    let collected = collected?;
    let report = &mut session.report;
    report.redacted = collected.redacted;
    report.files = collected.pieces.iter().map(of_piece).collect();
    let manifest = manifest(report, &cluster, collected.at);
    let bundle = snapshot::write(&collected, &manifest, path, &cluster)?;
    report.bytes = Some(bundle.bytes);
    report.path = Some(shown_path(&bundle.path));
    conclude(&collected.pieces)
}

fn of_piece(piece: &Piece) -> FileReport {
    let ending = match &piece.outcome {
        Outcome::Collected { .. } => Ending::Collected,
        Outcome::Absent => Ending::Absent,
        Outcome::Failed(failure) if failure.kind == Kind::Denied => Ending::Refused,
        Outcome::Failed(_) => Ending::Failed,
    };
    let mut report = FileReport::new(piece.source.file, piece.source.what, ending);
    match &piece.outcome {
        Outcome::Collected { count, more, .. } => {
            report.count = *count;
            report.more = *more;
        }
        Outcome::Absent => {}
        Outcome::Failed(failure) => {
            let why = clean(failure.root_cause());
            report.why = Some(redact::text(&why).unwrap_or(why));
        }
    }
    report
}

/// What is inside, for whoever opens it.
fn manifest(report: &SnapshotReport, cluster: &Cluster, now: Timestamp) -> Value {
    json!({
        "schema": "bmctl.snapshot/v1",
        "created": now.to_string(),
        "bmctl": {
            "version": env!("CARGO_PKG_VERSION"),
            "os": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
        },
        "cluster": {"name": cluster.name, "context": cluster.context, "server": cluster.server},
        "files": report.files,
        "redacted": report.redacted,
    })
}

fn conclude(pieces: &[Piece]) -> Result<Exit, Failure> {
    let mut failure = Failure::new(
        Kind::Incomplete,
        Reason::SnapshotIncomplete,
        "the bundle was written, but not everything could be read",
    );
    for piece in pieces {
        match &piece.outcome {
            Outcome::Failed(why) => {
                failure = failure.caused_by_failure(piece.source.file, why);
            }
            Outcome::Collected { .. } | Outcome::Absent => {}
        }
    }
    if failure.causes.is_empty() {
        Ok(Exit::Ok)
    } else {
        Err(failure)
    }
}
