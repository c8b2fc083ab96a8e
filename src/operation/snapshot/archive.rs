//! A tar file, compressed with zstd, private to its owner, written whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::NamedTempFile;

/// One file of the archive.
pub struct Member {
    pub name: String,
    pub content: Vec<u8>,
}

/// Packs the members below a folder of that name.
///
/// # Errors
/// A name that a tar file cannot hold.
pub fn pack(folder: &str, members: &[Member], now: Timestamp) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(member.content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
        tar.append_data(
            &mut header,
            format!("{folder}/{}", member.name),
            member.content.as_slice(),
        )?;
    }
    Ok(compress_to_vec(
        tar.into_inner()?.as_slice(),
        CompressionLevel::Fastest,
    ))
}

/// Writes a file that was not there, for its owner's eyes.
///
/// # Errors
/// There is such a file, or the folder cannot be written.
pub fn write(path: &Path, packed: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&folder)?;
    // Such files are made with mode 0600.
    let file = NamedTempFile::new_in(folder)?;
    fs::write(file.path(), packed)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn what_was_packed_can_be_read() {
        let members = [
            Member {
                name: "a.json".to_owned(),
                content: b"{}".to_vec(),
            },
            Member {
                name: "b.json".to_owned(),
                content: vec![b'x'; 300_000],
            },
        ];
        let now: Timestamp = "2026-11-23T05:12:03Z".parse().unwrap();
        let packed = pack("bundle", &members, now).unwrap();
        assert!(packed.len() < 10_000, "{} bytes", packed.len());
        let decoder = ruzstd::decoding::StreamingDecoder::new(packed.as_slice()).unwrap();
        let mut archive = tar::Archive::new(decoder);
        let read: Vec<(String, usize, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                let name = entry.path().unwrap().display().to_string();
                (name, content.len(), entry.header().mtime().unwrap())
            })
            .collect();
        let at = 1_795_410_723;
        assert_eq!(
            read,
            [
                ("bundle/a.json".to_owned(), 2, at),
                ("bundle/b.json".to_owned(), 300_000, at)
            ]
        );
    }

    #[test]
    fn a_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/bundle");
        write(&path, b"one").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let refused = write(&path, b"two").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
