//! A folder that is held open: everything inside is reached through it, component by component, so that nobody who
//! puts a symbolic link there leads a write anywhere else.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

/// An open folder, and what to call it.
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// What stands in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub folder: bool,
}

/// Extension of a file that is being written.
pub const UNFINISHED: &str = "part";

const PRIVATE_FOLDER: Mode = Mode::RWXU;

fn private_file() -> Mode {
    Mode::RUSR | Mode::WUSR
}

impl Folder {
    /// Opens a folder that a person named; it may be reached through symbolic links.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            handle: rustix::fs::open(path, flags, Mode::empty())?,
            path: path.to_owned(),
        })
    }

    /// Makes it, and those above it, for the user alone; what is there stays as it is.
    pub fn create(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let missing = path.ancestors().take_while(|above| !above.exists()).count();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
        // That they are there must survive as well: each is a name in the one above it.
        for above in path.ancestors().skip(1).take(missing.max(1)) {
            let here = above.as_os_str().is_empty();
            Self::open(if here { Path::new(".") } else { above })?.sync()?;
        }
        Self::open(path)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of that name in it, made where it is missing.
    pub fn make(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.handle, name, PRIVATE_FOLDER) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        self.inner(name)
    }

    /// The folder of that name in it.
    pub fn inner(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            handle: rustix::fs::openat(&self.handle, name, flags, Mode::empty())?,
            path: self.path.join(name),
        })
    }

    /// Writes a whole file and its content to the disk, under another name first: under its own it is always whole.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let unfinished = format!(".{name}.{UNFINISHED}");
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&self.handle, &unfinished, flags, private_file());
        let handle = match open() {
            Err(rustix::io::Errno::EXIST) => {
                // Left behind by a program that died over it.
                rustix::fs::unlinkat(&self.handle, &unfinished, AtFlags::empty())?;
                open()?
            }
            other => other?,
        };
        let mut file = File::from(handle);
        file.write_all(content)?;
        file.sync_all()?;
        rustix::fs::renameat(&self.handle, &unfinished, &self.handle, name)?;
        Ok(())
    }

    /// Opens a file to read it and to write at its end; makes it where it is missing.
    pub fn append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::APPEND
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(
            &self.handle,
            name,
            flags,
            private_file(),
        )?);
        regular(file)
    }

    /// Opens a file to read it.
    pub fn file(&self, name: &str) -> io::Result<File> {
        // Without NONBLOCK a pipe of that name would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        regular(File::from(rustix::fs::openat(
            &self.handle,
            name,
            flags,
            Mode::empty(),
        )?))
    }

    /// The content of a file below it, which may not be absurdly long. The path is one that the index names.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        /// No object of an API server is larger.
        const LONGEST: u64 = 16 * 1024 * 1024;
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let harmless = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains('\0');
        if !path.split('/').all(|part| harmless(&part)) {
            return Err(bad("not a path inside the folder"));
        }
        let mut folder: Option<Self> = None;
        for part in folders.split('/').filter(harmless) {
            folder = Some(folder.as_ref().unwrap_or(self).inner(part)?);
        }
        let file = folder.as_ref().unwrap_or(self).file(name)?;
        let mut content = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut content)?;
        if content.len() as u64 > LONGEST {
            return Err(bad("too long for a manifest"));
        }
        Ok(content)
    }

    /// What stands in it, in the order of the names.
    pub fn list(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if matches!(name.as_str(), "." | "..") {
                continue;
            }
            let folder = match entry.file_type() {
                FileType::Directory => true,
                // Some file systems do not say.
                FileType::Unknown => self.inner(&name).is_ok(),
                _ => false,
            };
            found.push(Found { name, folder });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Writes to the disk which names stand in it.
    pub fn sync(&self) -> io::Result<()> {
        rustix::fs::fsync(&self.handle)?;
        Ok(())
    }
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "is no regular file",
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_written_is_private_and_replaces_only_itself() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::create(&place.path().join("a/b")).unwrap();
        folder.write("x.yaml", b"one").unwrap();
        folder.write("x.yaml", b"two").unwrap();
        assert_eq!(folder.read("x.yaml").unwrap(), b"two");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("x.yaml")), 0o600);
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(
            folder.list().unwrap().len(),
            1,
            "nothing unfinished is left"
        );
    }

    #[test]
    fn links_inside_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        symlink(outside.path(), place.path().join("namespaces")).unwrap();
        assert!(folder.make("namespaces").is_err());
        let victim = outside.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        for name in ["INDEX", ".x.yaml.part", "x.yaml"] {
            symlink(&victim, place.path().join(name)).unwrap();
        }
        assert!(folder.append("INDEX").is_err());
        assert!(folder.read("x.yaml").is_err());
        folder.write("x.yaml", b"new").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
        assert_eq!(folder.read("x.yaml").unwrap(), b"new");
        for path in ["../victim", "/etc/passwd", "a//b", "./x.yaml", ""] {
            assert!(folder.read(path).is_err(), "{path:?}");
        }
    }
}
