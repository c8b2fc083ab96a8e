//! Files that people name: read whole, but not without end. A device or a pipe behind the name may have none.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The text of a file.
///
/// # Errors
/// It can not be read, is no UTF-8, or is larger than `most` bytes.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read_text(&file, 5).unwrap(), "12345");
        let error = read_text(&file, 4).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 4 bytes");
        assert!(read_text(Path::new("/dev/zero"), 1000).is_err());
        assert!(read_text(&folder.path().join("none"), 5).is_err());
    }
}
