//! Whether an object is in a backup, read without the program's own help; and whether the program finds nothing wrong
//! with all of it.

use std::{fmt::Write as _, path::Path};

use bmctl::cluster::backup::BackupReader;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Does the index name it, with a commit after it, and is its file there and whole?
pub fn saved(folder: &Path, uid: &str) -> Result<(), String> {
    let lines = committed(folder)?;
    let entry = lines
        .iter()
        .rfind(|line| line["uid"] == uid && line.get("file").is_some())
        .ok_or("the index names no file of it")?;
    let file = folder.join(entry["file"].as_str().unwrap_or_default());
    let content = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let digest = Sha256::digest(&content);
    let digest = digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    if entry["sha256"] == digest {
        Ok(())
    } else {
        Err(format!("{} is damaged", file.display()))
    }
}

/// Is it saved, or is it said that a controller made it?
pub fn saved_or_generated(folder: &Path, uid: &str) -> Result<(), String> {
    let is_note = |line: &Value| line["uid"] == uid && line.get("generated").is_some();
    if committed(folder)?.iter().any(is_note) {
        return Ok(());
    }
    saved(folder, uid)
}

/// The lines of the index that have a commit after them.
fn committed(folder: &Path) -> Result<Vec<Value>, String> {
    let index = std::fs::read_to_string(folder.join("INDEX")).map_err(|error| error.to_string())?;
    let mut lines: Vec<Value> = index
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let is_commit = |line: &Value| line.get("commit").is_some();
    lines.truncate(lines.iter().rposition(is_commit).unwrap_or(0));
    Ok(lines)
}

/// Does all of it verify, however often its writers died? A folder in which no backup was begun does.
pub fn verifies(folder: &Path) -> Result<(), String> {
    if !folder.join("INDEX").exists() {
        return Ok(());
    }
    let backup = BackupReader::open(folder).map_err(|failure| failure.to_string())?;
    if backup.damage.is_empty() {
        Ok(())
    } else {
        Err(format!("{:?}", backup.damage))
    }
}
