//! New files of a backup. None of them replaces anything.

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::cluster::backup::{
    INDEX, JOURNAL, Origin,
    folder::Folder,
    index::{self, Header},
    journal::{Event, Record},
    lines::{End, Mark, seal},
};

const README: &str = "README";
const README_TEXT: &str = "\
Manifests of VMs and disks, written by 'bmctl disable vmruntime' before it deleted them.

The contents of disks are NOT in here.

  bmctl restore DIR              puts them back in the right order; what exists already stays as it is
  kubectl apply -R -f DIR        does the same without checks

VM Runtime must be enabled first. INDEX names every file and its checksum, JOURNAL tells what was deleted
and when. What stands below generated/ is made again by controllers and is not put back.
";

/// A folder that is not there yet, named after the time.
pub fn unused(base: &Path, now: Timestamp) -> PathBuf {
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let first = base.join(&stamp);
    let further = (2..).map(|number| base.join(format!("{stamp}-{number}")));
    std::iter::once(first)
        .chain(further)
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| base.join(stamp))
}

/// Begins a backup in a folder in which nothing is. Whoever begins another one there at the same time is let have it.
pub fn begin(root: &Folder, origin: &Origin, now: Timestamp) -> io::Result<()> {
    root.make_private()?;
    let header = Header {
        schema: index::SCHEMA.to_owned(),
        created: now.to_string(),
        origin: origin.clone(),
    };
    let (line, _) = seal(Mark::default(), &header)?;
    unless_there(root.write_new(INDEX, &line))?;
    root.sync()
}

/// The journal of a backup of which there is only the header.
pub fn begin_journal(root: &Folder, index: Mark, now: Timestamp) -> io::Result<End> {
    let record = Record::of(Event::Begun, now, index);
    let (line, mark) = seal(Mark::default(), &record)?;
    root.write_new(JOURNAL, &line)?;
    unless_there(root.write_new(README, README_TEXT.as_bytes()))?;
    root.sync()?;
    Ok(End {
        mark,
        bytes: line.len() as u64,
        ..End::default()
    })
}

fn unless_there(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
