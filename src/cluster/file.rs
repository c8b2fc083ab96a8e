//! Files that somebody names: kubeconfigs, tokens, certificates, descriptions. What lies under a path may be a pipe that
//! nobody writes to, a device without an end, or a network folder that does not answer; a command ends in time all the
//! same, and obeys signals while it reads.
//!
//! Every such file is read by [`read`]. Nothing here knows what is in it.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
    time::Duration,
};

use super::deadline::Deadline;

/// More bytes than any of these files has: a kubeconfig of 20,000 contexts has 27 MiB.
pub(super) const MOST: usize = 64 * 1024 * 1024;
/// How long is waited where the command has no time limit of its own.
const LONGEST: Duration = Duration::from_secs(60);

/// The whole content.
///
/// # Errors
/// The system's own, or it is too large, or it did not come in time.
pub async fn read(path: &Path, deadline: Deadline) -> io::Result<Vec<u8>> {
    let path = path.to_owned();
    apart(deadline, move || whole(&path)).await
}

/// The same for work that is done [`apart`] already: it waits as long as it takes.
///
/// # Errors
/// The system's own, or it is too large.
pub fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(MOST as u64 + 1)
        .read_to_end(&mut content)?;
    if content.len() > MOST {
        let why = format!("it has more than {} MiB", MOST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(content)
}

/// Does what the file system may keep for ever on a thread of its own, and waits for it as long as there is time. The
/// thread is left behind then: nothing can end it but the end of the process.
///
/// # Errors
/// The work's own, or there was no more time.
pub async fn apart<T: Send + 'static>(
    deadline: Deadline,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let limit = deadline.remaining().unwrap_or(LONGEST);
    match tokio::time::timeout(limit, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "it could not be read in time (is it a pipe that nobody writes to?)",
        )),
    }
}

/// The text that the bytes are: UTF-8, or UTF-16 with a byte order mark, as PowerShell writes it.
///
/// # Errors
/// They are neither.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let utf_16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, cut) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        let whole = String::from_utf16(&units).ok().filter(|_| cut.is_empty());
        whole.ok_or_else(|| bad("it is no UTF-16 text, or is cut short"))
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            String::from_utf8(rest.to_vec()).map_err(|_| bad("it is no UTF-8 text"))
        }
        _ => String::from_utf8(bytes).map_err(|_| bad("it is no UTF-8 text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written() {
        let utf_16 = |mark: [u8; 2], unit: fn(u16) -> [u8; 2], text: &str| {
            let units = text.encode_utf16().flat_map(unit);
            mark.into_iter().chain(units).collect::<Vec<u8>>()
        };
        let little = utf_16([0xff, 0xfe], u16::to_le_bytes, "kind: Größe");
        let big = utf_16([0xfe, 0xff], u16::to_be_bytes, "kind: Größe");
        let marked = [&[0xef, 0xbb, 0xbf], "kind: Größe".as_bytes()].concat();
        for bytes in [little.clone(), big.clone(), marked, "kind: Größe".into()] {
            assert_eq!(text(bytes).unwrap(), "kind: Größe");
        }
        for bytes in [
            &little[..little.len() - 1],
            &big[..big.len() - 1],
            &[0xff, 0xfe, 0x00],
            &[0xff, 0xfe, 0x00, 0xd8],
            &[0xef, 0xbb, 0xbf, 0xff],
            &[0xff],
            &[0xc3],
        ] {
            let error = text(bytes.to_vec()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn what_never_ends_is_given_up() {
        let soon = Deadline::after(Duration::from_millis(50));
        let error = read(Path::new("/dev/zero"), Deadline::never()).await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::FileTooLarge);

        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let error = read(&pipe, soon).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // The thread that waits for a writer gets one, so that the test's runtime can end.
        drop(File::options().write(true).open(&pipe).unwrap());
    }
}
