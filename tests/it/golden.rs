//! Files that are kept beside the code and must be what the program would write today.

use std::{fs, path::PathBuf};

use libtest_mimic::Failed;
use similar::TextDiff;

/// Set it to write the files instead of comparing them.
const REGENERATE: &str = "BMCTL_REGENERATE";

/// Compares a file of the repository with what was generated, or writes it.
pub fn is_current(file: &str, generated: &str) -> Result<(), Failed> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os(REGENERATE).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, generated).unwrap();
        return Ok(());
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept == generated {
        return Ok(());
    }
    Err(format!(
        "{file} is not current; look at the difference, then run: {REGENERATE}=1 cargo test --test it\n{}",
        TextDiff::from_lines(&kept, generated)
            .unified_diff()
            .header(file, "generated")
    )
    .into())
}
