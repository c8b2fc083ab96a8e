//! A file that a result is written to beside stdout: `--report FORMAT=PATH`.
//!
//! It is claimed before anything is done, so that a path that cannot be written is found while nothing has changed yet,
//! and it is there whole or not at all: whoever watches for it never reads half of one.

use std::{
    fs::{self, File, Metadata, OpenOptions, Permissions},
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// Everybody may read a report: CI systems collect them as another user.
const MODE: u32 = 0o644;

/// A claimed path.
pub struct ReportFile {
    path: PathBuf,
    target: Target,
}

enum Target {
    /// A file, new or old: what is written becomes it in one step.
    File {
        draft: NamedTempFile,
        permissions: Permissions,
    },
    /// A device or a pipe, for example of `>(…)`: there is nothing to replace.
    Stream,
    /// Where our own stdout or stderr goes, as `/dev/stdout` does: it is written behind what these have written.
    Output(File),
}

impl ReportFile {
    /// Makes sure that the path can be written, and writes nothing yet.
    ///
    /// # Errors
    /// The folder is missing or not writable, the path is a folder, or a file that may not be changed.
    pub fn claim(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(target) = found.as_ref().and_then(Target::not_replaced) {
            // Where `/dev/stdout` leads may be no path.
            let path = path.to_owned();
            return Ok(Self { path, target });
        }
        let path = real(path)?;
        let target = match found {
            Some(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Some(found) => {
                // Asks the system, which knows more than the mode says.
                OpenOptions::new().append(true).open(&path)?;
                Target::file(&path, found.permissions())?
            }
            None => Target::file(&path, Permissions::from_mode(MODE))?,
        };
        Ok(Self { path, target })
    }

    /// Where it is, whatever it was called.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the text behind what the file has, in one go: others may write to the same file before and after.
    ///
    /// # Errors
    /// A full disk, for example.
    pub fn append(self, text: &str) -> io::Result<()> {
        match self.target {
            // Nothing is replaced.
            Target::File { draft, .. } => draft.close()?,
            Target::Stream => {}
            Target::Output(mut output) => return output.write_all(text.as_bytes()),
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(MODE)
            .open(&self.path)?;
        file.write_all(text.as_bytes())
    }

    /// Writes the whole text.
    ///
    /// # Errors
    /// A full disk, for example.
    pub fn write(self, text: &str) -> io::Result<()> {
        match self.target {
            Target::File {
                mut draft,
                permissions,
            } => {
                draft.write_all(text.as_bytes())?;
                draft.as_file().set_permissions(permissions)?;
                draft.as_file().sync_all()?;
                draft.persist(&self.path)?;
                Ok(())
            }
            Target::Stream => OpenOptions::new()
                .append(true)
                .open(&self.path)?
                .write_all(text.as_bytes()),
            Target::Output(mut output) => output.write_all(text.as_bytes()),
        }
    }
}

impl Target {
    /// What is written to as it is, if it is of that kind.
    fn not_replaced(found: &Metadata) -> Option<Self> {
        if let Some(output) = output(found) {
            return Some(Self::Output(output));
        }
        let kind = found.file_type();
        (kind.is_fifo() || kind.is_char_device()).then_some(Self::Stream)
    }

    fn file(path: &Path, permissions: Permissions) -> io::Result<Self> {
        let draft = tempfile::Builder::new()
            .prefix(".bmctl-report-")
            .tempfile_in(folder(path))?;
        Ok(Self::File { draft, permissions })
    }
}

/// Where a path leads. A link stays a link, also one that leads to nothing yet: what it points to is what counts.
///
/// # Errors
/// Links go round in circles, or a folder on the way cannot be entered. One that is missing is no error.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let Ok(next) = fs::read_link(&path) else {
            let name = path.file_name().unwrap_or_default();
            let folder = fs::canonicalize(folder(&path));
            return Ok(folder.map_or_else(|_| path.clone(), |folder| folder.join(name)));
        };
        path = folder(&path).join(next);
    }
    Err(io::Error::other("too many links lead on from it"))
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

/// Our own stdout or stderr, where they go to this file.
fn output(file: &Metadata) -> Option<File> {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    [stdout.as_fd(), stderr.as_fd()]
        .into_iter()
        // One that is closed goes nowhere.
        .filter_map(|output| output.try_clone_to_owned().ok())
        .map(File::from)
        .find(|output| {
            let its = output.metadata();
            its.is_ok_and(|its| (its.dev(), its.ino()) == (file.dev(), file.ino()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn it_appears_whole_and_keeps_the_mode_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        let claimed = ReportFile::claim(&path).unwrap();
        assert!(!path.exists());
        claimed.write("one").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("one", MODE)
        );

        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        ReportFile::claim(&link).unwrap().write("two").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("two", 0o600)
        );
        assert!(link.is_symlink());
        let ahead = folder.path().join("ahead");
        std::os::unix::fs::symlink("later", &ahead).unwrap();
        ReportFile::claim(&ahead).unwrap().write("three").unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("later")).unwrap(),
            "three"
        );
        assert!(ahead.is_symlink());

        drop(ReportFile::claim(&path).unwrap());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            4,
            "no draft is left behind"
        );
    }

    #[test]
    fn what_can_not_be_written_is_found_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().to_owned(),
            folder.path().join("missing/r.json"),
        ] {
            assert!(ReportFile::claim(&path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn one_place_has_one_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir(at("sub")).unwrap();
        for (link, target) in [("sub2", "sub"), ("link", "r"), ("round", "round")] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
        }
        for (one, other) in [
            ("r", "./r"),
            ("r", "link"),
            ("sub/r", "sub2/r"),
            ("sub/r", "sub/../sub/r"),
        ] {
            for exists in [false, true] {
                if exists {
                    fs::write(at(one), "").unwrap();
                }
                let (found, wanted) = (real(&at(other)).unwrap(), real(&at(one)).unwrap());
                assert_eq!(found, wanted, "{other}");
            }
            fs::remove_file(at(one)).unwrap();
        }
        assert!(real(&at("round")).is_err());
        assert_eq!(real(&at("missing/r")).unwrap(), at("missing/r"));
    }

    #[test]
    fn what_is_added_stands_behind_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        for text in ["one\n", "two\n"] {
            ReportFile::claim(&path).unwrap().append(text).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_device_is_written_and_not_replaced() {
        let null = Path::new("/dev/null");
        ReportFile::claim(null).unwrap().write("gone").unwrap();
        assert!(fs::metadata(null).unwrap().file_type().is_char_device());
    }
}
