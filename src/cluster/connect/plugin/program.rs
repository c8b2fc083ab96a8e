//! The file that a command is. As client-go, a bare word is looked up in our own PATH, whatever PATH the plugin is to have,
//! and what that finds by the current folder is not run: whoever wrote that folder would be given a login.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

pub(super) fn find(command: &str) -> io::Result<PathBuf> {
    find_in(command, env::var_os("PATH"))
}

fn find_in(command: &str, path: Option<OsString>) -> io::Result<PathBuf> {
    if command.contains('/') {
        return Ok(command.into());
    }
    let path = path.unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(command))
        .find(|file| is_executable(file));
    match found {
        Some(file) if file.is_absolute() => Ok(file),
        Some(_) => Err(io::Error::other(
            "the PATH finds it in the current folder, and nothing is run from there",
        )),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

fn is_executable(file: &Path) -> bool {
    let file_access = rustix::fs::Access::EXEC_OK;
    file.is_file() && rustix::fs::access(file, file_access).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// client-go runs what our own PATH names, and nothing that is found by the current folder.
    #[test]
    fn a_bare_word_is_looked_up_in_our_own_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("login");
        let path = |text: &str| Some(OsString::from(text));
        let absolute = folder.path().to_str().unwrap();
        let missing = find_in("login", path(absolute)).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, "").unwrap();
        let unusable = find_in("login", path(absolute)).unwrap_err();
        assert_eq!(unusable.kind(), io::ErrorKind::NotFound);
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&file, executable).unwrap();
        assert_eq!(find_in("login", path(absolute)).unwrap(), file);
        assert_eq!(
            find_in("./login", path(absolute)).unwrap(),
            Path::new("./login")
        );
        assert_eq!(
            find_in("login", None).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );

        let here = std::env::current_dir().unwrap();
        let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
        let relative = up.join(folder.path().strip_prefix("/").unwrap());
        let refused = find_in("login", Some(relative.into_os_string())).unwrap_err();
        assert!(refused.to_string().contains("current folder"), "{refused}");
    }
}
