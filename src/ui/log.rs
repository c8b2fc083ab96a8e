//! The log file of a command: what was typed, what was shown, and what happened inside.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::stderr_writer::{Language, StderrWriter};
use crate::render::{clean_lines, cut, event::Event};

/// A log that is being written. Cheap to clone.
#[derive(Clone)]
pub struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    /// Creates `<folder>/<command>-YYYYMMDD-HHMMSS/<command>.log`, readable by its owner only: server names and the
    /// names of people's machines are nobody else's business. The time is UTC.
    ///
    /// The folder of the log is always a new one, so that nobody who may write beside it can have put a link there.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn create(folder: &Path, command: &str, now: Timestamp) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder =
            new_folder(&folder.join(format!("{command}-{}", now.strftime("%Y%m%d-%H%M%S"))))?;
        let path = folder.join(format!("{command}.log"));
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self {
            path,
            file: Arc::new(Mutex::new(file)),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One line a line, with the time and where it was shown. A log that cannot be written does not stop the work.
    pub fn write(&self, shown: &str, text: &str) {
        let time = now();
        let plain = clean_lines(text);
        if let Ok(mut file) = self.file.lock() {
            for line in plain.lines() {
                let _ = writeln!(file, "{time} {shown}: {line}");
            }
        }
    }
}

/// Makes this folder, or one with a number behind its name: several commands may start in one second.
fn new_folder(wanted: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let folder = match number {
            1 => wanted.to_owned(),
            more => PathBuf::from(format!("{}-{more}", wanted.display())),
        };
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
            Ok(()) => return Ok(folder),
        }
    }
}

/// The time to the second, as RFC 3339 in UTC.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How inner events are written on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Lets the program's inner events into the log file and, with `-vv`, onto stderr.
///
/// kube reports every failed request as an error of its own; `kube_client` is silenced because we say it ourselves.
///
/// Where events are written for programs, each is one of them, with a time of its own, whatever the format.
pub fn listen_inside(
    verbosity: u8,
    format: LogFormat,
    stderr_writer: &StderrWriter,
    log: Option<&LogFile>,
) {
    let targets = |level: LevelFilter| {
        Targets::new()
            .with_default(LevelFilter::WARN.min(level))
            .with_target("bmctl", level)
            .with_target("kube_client", LevelFilter::OFF)
    };
    let shown = match verbosity {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let stderr = (verbosity > 0).then(|| {
        let stderr_writer = stderr_writer.clone();
        let layer =
            fmt::layer()
                .with_ansi(false)
                .with_writer(Mutex::new(Lines(move |line: &str| {
                    match stderr_writer.language {
                        Language::Words => stderr_writer.say(&Event::note(""), line),
                        Language::Events => {
                            let message = line.to_owned();
                            stderr_writer.say(&Event::Log { message }, "");
                        }
                    }
                })));
        match format {
            LogFormat::Text => layer.with_filter(targets(shown)).boxed(),
            LogFormat::Json => {
                let layer = layer.json().flatten_event(true).with_current_span(false);
                layer.with_filter(targets(shown)).boxed()
            }
        }
    });
    let file = log.map(|log| {
        let file = log.file.clone();
        fmt::layer()
            .with_ansi(false)
            .with_writer(Mutex::new(Lines(move |line: &str| {
                if let Ok(mut file) = file.lock() {
                    let _ = writeln!(file, "{line}");
                }
            })))
            .with_filter(targets(LevelFilter::DEBUG))
    });
    // A second program run in the same process (a test) keeps the first one's listener.
    let _ = tracing_subscriber::registry()
        .with(stderr)
        .with(file)
        .try_init();
}

/// Takes what happened inside line by line; words from outside may be in it.
struct Lines<F>(F);

impl<F: Fn(&str)> Write for Lines<F> {
    /// The subscriber hands over one event at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in clean_lines(&String::from_utf8_lossy(bytes)).lines() {
            (self.0)(&cut(line));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_log_is_named_after_the_command_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-23T05:12:03Z".parse().unwrap();
        let log = LogFile::create(folder.path(), "enable-vmruntime", now).unwrap();
        assert_eq!(
            log.path().strip_prefix(folder.path()).unwrap(),
            Path::new("enable-vmruntime-20261123-051203/enable-vmruntime.log")
        );
        log.write("stderr", "\x1b[31mtwo\x1b[0m\nlines");
        let text = fs::read_to_string(log.path()).unwrap();
        assert!(
            text.contains("Z stderr: two\n") && text.ends_with("stderr: lines\n"),
            "{text}"
        );
        let mode = fs::metadata(log.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_link_that_waits_there_is_not_followed() {
        let (folder, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let now: Timestamp = "2026-11-23T05:12:03Z".parse().unwrap();
        let waiting = folder.path().join("status-20261123-051203");
        std::os::unix::fs::symlink(theirs.path(), waiting).unwrap();
        for expected in ["status-20261123-051203-2", "status-20261123-051203-3"] {
            let log = LogFile::create(folder.path(), "status", now).unwrap();
            let own = log.path().parent().unwrap();
            assert_eq!(own.file_name().unwrap(), expected);
            assert_eq!(
                fs::metadata(own).unwrap().permissions().mode() & 0o777,
                0o700
            );
        }
        assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
    }
}
