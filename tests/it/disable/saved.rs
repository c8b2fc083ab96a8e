//! Whether an object is in a backup, read without the program's own help; and whether the program finds nothing wrong
//! with all of it.

use std::{fmt::Write as _, path::Path};

use bmctl::cluster::backup::BackupReader;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Does the index name it, with a commit after it, and is its file there and whole?
pub fn saved(folder: &Path, uid: &str) -> Result<(), String> {
    let index = std::fs::read_to_string(folder.join("INDEX")).map_err(|error| error.to_string())?;
    let lines: Vec<Value> = index
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let committed = lines
        .iter()
        .rposition(|line| line.get("commit").is_some())
        .unwrap_or(0);
    let entry = lines[..committed]
        .iter()
        .find(|line| line["uid"] == uid)
        .ok_or("the index does not name it")?;
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
