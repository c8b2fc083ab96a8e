//! A folder that is held open: everything inside is reached through it, component by component, so that nobody who
//! puts a symbolic link there leads a write anywhere else. Nothing that is there is ever replaced: a file is written
//! under a name that nobody uses, and then gets its own name, if nobody uses that either.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat},
    io::Errno,
};

/// An open folder, and what to call it.
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// What stands in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    /// A folder whose name can be spoken: one that is no UTF-8 counts as a file.
    pub folder: bool,
}

/// Extension of a file that is being written. A program that dies over it leaves it behind.
const UNFINISHED: &str = "part";

/// Is that a name under which files are written, or this file is?
pub fn is_unfinished(found: &str, name: Option<&str>) -> bool {
    let inner = found
        .strip_prefix('.')
        .and_then(|inner| inner.strip_suffix(UNFINISHED)?.strip_suffix('.'));
    let is_of = |inner: &str, name: &str| {
        let number = inner
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.'));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    inner.is_some_and(|inner| name.is_none_or(|name| is_of(inner, name)))
}

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

    /// Takes it away from everybody but the user, if it is not so already.
    pub fn make_private(&self) -> io::Result<()> {
        let mode = Mode::from_raw_mode(rustix::fs::fstat(&self.handle)?.st_mode);
        if mode.intersects(Mode::RWXG | Mode::RWXO) {
            rustix::fs::fchmod(&self.handle, PRIVATE_FOLDER)?;
        }
        Ok(())
    }

    /// Writes a new file and its content to the disk, under another name first: under its own it is always whole.
    /// [`io::ErrorKind::AlreadyExists`]: something of that name is there, and stays as it is.
    pub fn write_new(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let unfinished = self.draft(name, content)?;
        let published = self.publish(&unfinished, name);
        if published.is_err() {
            self.take_back(&unfinished);
        }
        published
    }

    /// Writes a file and its content to the disk under a name that nobody uses, and returns that.
    pub fn draft(&self, name: &str, content: &[u8]) -> io::Result<String> {
        let (unfinished, mut file) = self.begin(name)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        match written {
            Ok(()) => Ok(unfinished),
            Err(error) => {
                self.take_back(&unfinished);
                Err(error)
            }
        }
    }

    /// Removes what we have just made. What went wrong before is what is reported.
    fn take_back(&self, unfinished: &str) {
        let _ = rustix::fs::unlinkat(&self.handle, unfinished, AtFlags::empty());
    }

    /// An empty file under a name that nobody uses.
    fn begin(&self, name: &str) -> io::Result<(String, File)> {
        /// Each program that died over it has left one behind.
        const TRIES: u32 = 1000;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for number in 0..TRIES {
            let unfinished = format!(".{name}.{number}.{UNFINISHED}");
            match rustix::fs::openat(&self.handle, &unfinished, flags, private_file()) {
                Ok(handle) => return Ok((unfinished, File::from(handle))),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other(format!(
            "too many unfinished files .{name}.*.{UNFINISHED}"
        )))
    }

    /// Gives a file its own name, unless something of that name is there.
    pub fn publish(&self, unfinished: &str, name: &str) -> io::Result<()> {
        let here = &self.handle;
        match rustix::fs::renameat_with(here, unfinished, here, name, RenameFlags::NOREPLACE) {
            // File systems over a network have links instead.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(here, unfinished, here, name, AtFlags::empty())?;
                rustix::fs::unlinkat(here, unfinished, AtFlags::empty())?;
                Ok(())
            }
            renamed => Ok(renamed?),
        }
    }

    /// Does its path still lead to it, and do these names to these files?
    pub fn is_still<const N: usize>(&self, files: [(&str, &File); N]) -> io::Result<bool> {
        let same =
            |one: Stat, other: Stat| (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
        let here = Self::open(&self.path)?;
        let mut still = same(
            rustix::fs::fstat(&here.handle)?,
            rustix::fs::fstat(&self.handle)?,
        );
        for (name, file) in files {
            let found = rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?;
            still &= same(found, rustix::fs::fstat(file)?);
        }
        Ok(still)
    }

    /// Opens a file that is there, to read it and to write at its end.
    pub fn append(&self, name: &str) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        regular(File::from(rustix::fs::openat(
            &self.handle,
            name,
            flags,
            Mode::empty(),
        )?))
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

    /// A folder below it.
    pub fn below(&self, path: &str) -> io::Result<Self> {
        let mut folder = self.inner(".")?;
        for part in components(path)? {
            folder = folder.inner(part)?;
        }
        Ok(folder)
    }

    /// The content of a file below it, which may not be absurdly long.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        /// No object of an API server is larger.
        const LONGEST: u64 = 16 * 1024 * 1024;
        let mut parts = components(path)?;
        let name = parts.pop().unwrap_or_default();
        let mut folder: Option<Self> = None;
        for part in parts {
            folder = Some(folder.as_ref().unwrap_or(self).inner(part)?);
        }
        let file = folder.as_ref().unwrap_or(self).file(name)?;
        let mut content = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut content)?;
        if content.len() as u64 > LONGEST {
            return Err(invalid("too long for a manifest"));
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
            let spoken = entry.file_name().to_str().is_ok();
            let folder = match entry.file_type() {
                FileType::Directory => spoken,
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

/// Who may work with a backup, as long as the file is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// One who writes, alone.
    Write,
    /// Any number who read.
    Read,
}

/// Takes the lock. `false`: somebody else has it.
pub fn lock(file: &File, lock: Lock) -> io::Result<bool> {
    let operation = match lock {
        Lock::Write => FlockOperation::NonBlockingLockExclusive,
        Lock::Read => FlockOperation::NonBlockingLockShared,
    };
    match rustix::fs::flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The components of a path that leads nowhere but down.
fn components(path: &str) -> io::Result<Vec<&str>> {
    let harmless = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if path.split('/').all(harmless) {
        Ok(path.split('/').collect())
    } else {
        Err(invalid("not a path inside the folder"))
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
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
    fn what_is_written_is_private_and_replaces_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::create(&place.path().join("a/b")).unwrap();
        folder.write_new("x.yaml", b"one").unwrap();
        let again = folder.write_new("x.yaml", b"two").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(folder.read("x.yaml").unwrap(), b"one");
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
    fn what_a_dead_program_left_behind_is_in_nobodys_way() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        std::fs::write(place.path().join(".x.0.part"), "left behind").unwrap();
        folder.write_new("x", b"new").unwrap();
        assert_eq!(folder.read("x").unwrap(), b"new");
        assert_eq!(folder.read(".x.0.part").unwrap(), b"left behind");
        for (found, name, expected) in [
            (".x.0.part", Some("x"), true),
            (".x.0.part", Some("y"), false),
            (".a.yaml.17.part", None, true),
            (".a.yaml.17.part", Some("a.yaml"), true),
            (".x.part", Some("x"), false),
            ("x.0.part", Some("x"), false),
            (".x.y.part", Some("x"), false),
            ("x", None, false),
        ] {
            assert_eq!(is_unfinished(found, name), expected, "{found} {name:?}");
        }
    }

    #[test]
    fn links_inside_are_neither_followed_nor_replaced() {
        let place = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        symlink(outside.path(), place.path().join("namespaces")).unwrap();
        assert!(folder.make("namespaces").is_err());
        let victim = outside.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        for name in ["INDEX", ".x.yaml.0.part", "x.yaml"] {
            symlink(&victim, place.path().join(name)).unwrap();
        }
        assert!(folder.append("INDEX").is_err());
        assert!(folder.read("x.yaml").is_err());
        assert!(folder.write_new("x.yaml", b"new").is_err());
        folder.write_new("y.yaml", b"new").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
        assert_eq!(folder.read("y.yaml").unwrap(), b"new");
        for path in ["../victim", "/etc/passwd", "a//b", "./y.yaml", ""] {
            assert!(folder.read(path).is_err(), "{path:?}");
            assert!(folder.below(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_folder_of_the_users_own_becomes_private() {
        let place = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(place.path(), open).unwrap();
        let folder = Folder::create(place.path()).unwrap();
        folder.make_private().unwrap();
        let mode = place.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
