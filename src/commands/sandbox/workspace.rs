//! The folder of a cluster that runs in the foreground: its kubeconfig, and the lock that keeps a second one away.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{
    cluster::{Deadline, file},
    command_id::CommandId,
    failure::{Failure, Hint, Kind, Own, Reason},
};

/// `WORKSPACE/NAME/`, ours as long as this value lives. Dropping it removes the kubeconfig, and the folders that were
/// made for it and hold nothing else.
pub struct Claim {
    kubeconfig: PathBuf,
    /// Innermost first.
    made: Vec<PathBuf>,
    /// On the folder itself. The system gives it back however this process ends.
    _lock: File,
}

impl Claim {
    /// As [`Claim::take`], but away from the thread that obeys signals: what lies there may be a pipe.
    pub async fn take_apart(workspace: PathBuf, name: String) -> Result<Self, Failure> {
        let folder = workspace.join(&name);
        file::apart(Deadline::never(), move || Ok(Self::take(&workspace, &name)))
            .await
            .map_err(|error| not_writable(&folder, &error))?
    }

    /// Makes the folder and takes it.
    ///
    /// # Errors
    /// Another sandbox of that name runs, a kubeconfig of another cluster is there, or the folder is not writable.
    pub fn take(workspace: &Path, name: &str) -> Result<Self, Failure> {
        let folder = workspace.join(name);
        let failed = |error: &io::Error| not_writable(&folder, error);
        let made = [folder.as_path(), workspace]
            .into_iter()
            .filter(|folder| !folder.exists())
            .map(Path::to_owned)
            .collect();
        fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
        let lock = File::open(&folder).map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(name)),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let kubeconfig = folder.join(format!("{name}-kubeconfig"));
        match fs::read_to_string(&kubeconfig) {
            // Left behind by one that was killed: nobody holds the lock.
            Ok(text) if text.starts_with(MARK) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) => return Err(foreign(&kubeconfig)),
            Err(error) => return Err(failed(&error)),
        }
        Ok(Self {
            kubeconfig,
            made,
            _lock: lock,
        })
    }

    /// Writes the kubeconfig for its owner's eyes, whole or not at all.
    ///
    /// # Errors
    /// The folder is not writable.
    pub fn publish(&self, kubeconfig: &str) -> Result<&Path, Failure> {
        write_private(&self.kubeconfig, kubeconfig)
            .map_err(|error| not_writable(&self.kubeconfig, &error))?;
        Ok(&self.kubeconfig)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Whoever removed it before us wanted the same.
        let _ = fs::remove_file(&self.kubeconfig);
        for folder in &self.made {
            // Logs are kept, and so is the folder that they are in.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// First line of every kubeconfig that we write.
const MARK: &str = "# bmctl sandbox:";

fn write_private(path: &Path, kubeconfig: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Such files are made with mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    writeln!(file, "{MARK} this cluster lives as long as its process")?;
    file.write_all(kubeconfig.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn taken(name: &str) -> Failure {
    Failure::new(
        Kind::Conflict,
        Reason::SandboxRunning,
        format!("a sandbox named {name} is already running from this folder"),
    )
    .hint(Hint::run(
        "use it",
        Own {
            cluster: Some(name.to_owned()),
            ..CommandId::EnableVmruntime.into()
        },
    ))
    .hint(Hint::run(
        "or start another one",
        CommandId::SandboxStart.with("--name NAME"),
    ))
}

fn foreign(kubeconfig: &Path) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::ForeignKubeconfig,
        format!("{} belongs to another cluster", kubeconfig.display()),
    )
    .hint(Hint::run(
        "choose another name",
        CommandId::SandboxStart.with("--name NAME"),
    ))
}

fn not_writable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::Other,
        Reason::WorkspaceNotWritable,
        format!("could not write {}", path.display()),
    )
    .caused_by(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_sandbox_of_a_name_at_a_time_and_nothing_is_left() {
        let workspace = tempfile::tempdir().unwrap();
        let claim = Claim::take(workspace.path(), "a").unwrap();
        assert_eq!(
            Claim::take(workspace.path(), "a").err().unwrap().reason,
            Reason::SandboxRunning
        );
        let path = claim.publish("kind: Config\n").unwrap().to_owned();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .ends_with("kind: Config\n")
        );
        drop(claim);
        assert!(!workspace.path().join("a").exists());
        assert!(Claim::take(workspace.path(), "a").is_ok());
    }

    #[test]
    fn the_kubeconfig_of_another_cluster_is_left_alone() {
        let workspace = tempfile::tempdir().unwrap();
        fs::create_dir(workspace.path().join("a")).unwrap();
        let path = workspace.path().join("a/a-kubeconfig");
        fs::write(&path, "kind: Config\n").unwrap();
        assert_eq!(
            Claim::take(workspace.path(), "a").err().unwrap().reason,
            Reason::ForeignKubeconfig
        );
        assert!(path.exists());
    }
}
