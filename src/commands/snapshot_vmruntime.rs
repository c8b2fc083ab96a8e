//! `bmctl snapshot vmruntime`: a bundle for whoever is to help, with nothing in it that is not on a list.

mod archive;

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use self::archive::Member;
use super::{
    Context,
    context::Left,
    narration::Narrator,
    session::{Intent, Session},
};
use crate::{
    cluster::{
        Cluster, Retry,
        bundle::{self, Outcome, Piece, SOURCES, redact},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason, shown_path},
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
            .unless_interrupted(take(&mut session, args), || Left {
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
    if let Some(path) = args.output_file.as_deref().filter(|path| path.exists()) {
        return Err(exists(path));
    }
    let cluster = session.connect(Intent::Read).await?;
    let narrator = Narrator::new(session.context, "Collecting");
    let retry = Retry::new(session.deadline(), &narrator);
    narrator.step("Collecting what the list names");
    let mut pieces = bundle::collect(&cluster.client, &retry).await;
    drop(narrator);
    if let Some(failure) = nothing_at_all(&pieces) {
        return Err(failure);
    }
    let now = Timestamp::now();
    let redacted = pieces.iter_mut().map(clean_piece).sum();
    session.report.files = pieces.iter().map(of_piece).collect();
    session.report.redacted = redacted;
    let members = members(&pieces, &manifest(&session.report, &cluster, now));
    let (path, bytes) = match &args.output_file {
        Some(path) => (path.clone(), store(path, &members, now)),
        None => stored_under_a_name_of_ours(&cluster, &members, now),
    };
    session.report.bytes = Some(bytes.map_err(|error| not_written(&path, &error))?);
    session.report.path = Some(shown_path(&path));
    conclude(&pieces)
}

/// Packs the members into this new file, and says how many bytes it has.
fn store(path: &Path, members: &[Member], now: Timestamp) -> io::Result<usize> {
    let folder = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let folder = folder.trim_end_matches(".zst").trim_end_matches(".tar");
    let packed = archive::pack(folder, members, now)?;
    archive::write(path, &packed)?;
    Ok(packed.len())
}

/// Several bundles of one second get names of their own.
fn stored_under_a_name_of_ours(
    cluster: &Cluster,
    members: &[Member],
    now: Timestamp,
) -> (PathBuf, io::Result<usize>) {
    let mut number = 1;
    loop {
        let path = default_path(cluster, now, number);
        match store(&path, members, now) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            stored => return (path, stored),
        }
    }
}

/// Where nothing could be read there is nothing to pack, and one reason why.
fn nothing_at_all(pieces: &[Piece]) -> Option<Failure> {
    let mut first = None;
    for piece in pieces {
        match &piece.outcome {
            Outcome::Collected { .. } | Outcome::Absent => return None,
            Outcome::Failed(failure) => first = first.or(Some(failure)),
        }
    }
    first.cloned()
}

fn clean_piece(piece: &mut Piece) -> usize {
    match &mut piece.outcome {
        Outcome::Collected { content, .. } => redact::value(content),
        Outcome::Absent | Outcome::Failed(_) => 0,
    }
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

fn members(pieces: &[Piece], manifest: &Value) -> Vec<Member> {
    let member = |name: &str, value: &Value| Member {
        name: name.to_owned(),
        content: format!("{value:#}\n").into_bytes(),
    };
    let mut members = vec![member("manifest.json", manifest)];
    for piece in pieces {
        match &piece.outcome {
            Outcome::Collected { content, .. } => members.push(member(piece.source.file, content)),
            Outcome::Absent | Outcome::Failed(_) => {}
        }
    }
    members
}

fn default_path(cluster: &Cluster, now: Timestamp, number: u32) -> PathBuf {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = cluster.name.chars().take(100).map(plain).collect();
    let time = now.strftime("%Y%m%d-%H%M%S");
    let number = match number {
        1 => String::new(),
        more => format!("-{more}"),
    };
    PathBuf::from(format!("bmctl-snapshot-{name}-{time}{number}.tar.zst"))
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
                failure = failure.caused_by(format!("{}: {}", piece.source.file, why.root_cause()));
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

fn exists(path: &Path) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::FileNotWritten,
        format!("{} exists, and is not overwritten", shown_path(path)),
    )
    .hint("name another file with --output-file, or move that one away")
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    Failure::new(
        Kind::Other,
        Reason::FileNotWritten,
        format!("could not write {}", shown_path(path)),
    )
    .caused_by(error.to_string())
}
