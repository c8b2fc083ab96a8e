//! Reading below a root folder, carefully: every read is bounded, only regular files are opened (a FIFO would wait
//! for ever), and in a folder that stands for a machine no link leads out of it.
//!
//! Used by the `gather` functions of this module alone.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::{
    device::{DeviceNumber, Node},
    facts::Fact,
};

/// Longest one-line file that is read. The kernel's own pages of sysfs are 4 KiB.
const LINE_LIMIT: u64 = 4096;
/// Most names that are read of one folder; `/sys/module` has a few hundred.
const NAMES_LIMIT: usize = 65_536;

/// The root folder of a machine.
pub(super) struct Root {
    /// Without links, or why it could not be resolved.
    folder: Result<PathBuf, String>,
}

impl Root {
    pub(super) fn open(folder: &Path) -> Self {
        Self {
            folder: folder
                .canonicalize()
                .map_err(|error| format!("{}: {error}", folder.display())),
        }
    }

    /// The machine that we run on, not a folder that stands for one. In such a folder, what is not there does not
    /// exist; on a running machine a missing `/sys/devices` only says that we do not see it.
    pub(super) fn is_running_machine(&self) -> bool {
        self.folder.as_deref() == Ok(Path::new("/"))
    }

    pub(super) fn is_there(&self, path: &str) -> bool {
        matches!(self.resolve(path), Fact::Known(_))
    }

    /// The file's first line, without surrounding space.
    pub(super) fn line(&self, path: &str) -> Fact<String> {
        self.text(path, LINE_LIMIT)
            .map(|text| text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// A number that stands alone in a file.
    pub(super) fn number(&self, path: &str) -> Fact<u64> {
        self.line(path).and_then(|line| match line.parse() {
            Ok(number) => Fact::Known(number),
            Err(_) => Fact::Unreadable(format!("/{path}: {line:?} is not a number")),
        })
    }

    /// At most `limit` bytes of a regular file. What is not UTF-8 is replaced.
    pub(super) fn text(&self, path: &str, limit: u64) -> Fact<String> {
        self.resolve(path).and_then(|file| {
            let metadata = match fs::metadata(&file) {
                Ok(metadata) => metadata,
                Err(error) => return refused(path, &error),
            };
            if !metadata.is_file() {
                return Fact::Unreadable(format!("/{path}: not a regular file"));
            }
            let mut bytes = Vec::new();
            match File::open(&file).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
                Ok(_) => Fact::Known(String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) => refused(path, &error),
            }
        })
    }

    /// The names in a folder, sorted.
    pub(super) fn names(&self, path: &str) -> Fact<Vec<String>> {
        self.resolve(path)
            .and_then(|folder| match fs::read_dir(folder) {
                Ok(entries) => {
                    let mut names: Vec<String> = entries
                        .take(NAMES_LIMIT)
                        .filter_map(Result::ok)
                        .map(|entry| entry.file_name().to_string_lossy().into_owned())
                        .collect();
                    names.sort_unstable();
                    Fact::Known(names)
                }
                Err(error) => refused(path, &error),
            })
    }

    /// What kind of thing stands at the path. It is not opened.
    pub(super) fn node(&self, path: &str) -> Fact<Node> {
        self.resolve(path)
            .and_then(|node| match fs::metadata(node) {
                Ok(metadata) if metadata.file_type().is_char_device() => {
                    Fact::Known(Node::Character(DeviceNumber::from_rdev(metadata.rdev())))
                }
                Ok(_) => Fact::Known(Node::Other),
                Err(error) => refused(path, &error),
            })
    }

    /// The path without links. A link that leads out of a folder that stands for a machine would show us the wrong
    /// machine: it is not followed.
    fn resolve(&self, path: &str) -> Fact<PathBuf> {
        let folder = match &self.folder {
            Ok(folder) => folder,
            Err(reason) => return Fact::Unreadable(reason.clone()),
        };
        match folder.join(path).canonicalize() {
            Ok(resolved) if resolved.starts_with(folder) => Fact::Known(resolved),
            Ok(_) => Fact::Unreadable(format!("/{path}: a link leads out of the folder")),
            Err(error) => refused(path, &error),
        }
    }
}

/// Not there, or there and not readable: two different answers.
fn refused<T>(path: &str, error: &std::io::Error) -> Fact<T> {
    match error.kind() {
        // A file where a folder should be: below it there is nothing.
        ErrorKind::NotFound | ErrorKind::NotADirectory => Fact::Absent,
        _ => Fact::Unreadable(format!("/{path}: {error}")),
    }
}
