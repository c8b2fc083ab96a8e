//! A file that a result is written to beside stdout: `--report FORMAT=PATH`.
//!
//! It is claimed before anything is done, so that a path that cannot be written is found while nothing has changed yet,
//! and it is there whole or not at all: whoever watches for it never reads half of one.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt},
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
}

impl ReportFile {
    /// Makes sure that the path can be written, and writes nothing yet.
    ///
    /// # Errors
    /// The folder is missing or not writable, the path is a folder, or a file that may not be changed.
    pub fn claim(path: &Path) -> io::Result<Self> {
        // A link stays a link: what it points to is replaced.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let permissions = match fs::metadata(&real) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) => {
                let kind = found.file_type();
                if kind.is_fifo() || kind.is_char_device() {
                    let target = Target::Stream;
                    return Ok(Self { path: real, target });
                }
                // Asks the system, which knows more than the mode says.
                OpenOptions::new().append(true).open(&real)?;
                found.permissions()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Permissions::from_mode(MODE),
            Err(error) => return Err(error),
        };
        let folder = real.parent().filter(|folder| *folder != Path::new(""));
        let draft = tempfile::Builder::new()
            .prefix(".bmctl-report-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self {
            path: real,
            target: Target::File { draft, permissions },
        })
    }

    /// Writes the text behind what the file has, in one go: others may write to the same file before and after.
    ///
    /// # Errors
    /// A full disk, for example.
    pub fn append(self, text: &str) -> io::Result<()> {
        if let Target::File { draft, .. } = self.target {
            // Nothing is replaced.
            draft.close()?;
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
        }
    }
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

        drop(ReportFile::claim(&path).unwrap());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
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
