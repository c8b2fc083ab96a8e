//! bmctl on a terminal of its own.

use std::{
    io::{Read, Write},
    num::NonZero,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use libtest_mimic::Failed;
use pty_process::{
    Size,
    blocking::{Command, Pty, open},
};

use crate::test_cluster::{Ended, TestCluster, eventually};

/// More than any test writes, so that nothing is scrolled away.
const HEIGHT: u16 = 300;

/// What was written, and how long after the start.
#[derive(Clone)]
pub struct Chunk {
    pub after: Duration,
    pub bytes: Vec<u8>,
}

/// bmctl on a terminal.
pub struct Session {
    child: std::process::Child,
    pty: Pty,
    written: Arc<Mutex<Vec<Chunk>>>,
    reader: JoinHandle<()>,
    width: u16,
    what: String,
}

impl Session {
    pub fn start(cluster: &TestCluster, width: u16, words: &str) -> Result<Self, Failed> {
        let (pty, pts) = open()?;
        pty.resize(Size::new(HEIGHT, width))?;
        let child = Command::new(env!("CARGO_BIN_EXE_bmctl"))
            .args(words.split(' '))
            .current_dir(cluster.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", cluster.folder())
            .env("KUBECONFIG", cluster.kubeconfig())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .spawn(pts)?;
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut output = std::fs::File::from(rustix::io::dup(&pty)?);
        let seen = written.clone();
        let start = Instant::now();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is an error on Linux.
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let bytes = buffer[..count].to_vec();
                let after = start.elapsed();
                seen.lock().unwrap().push(Chunk { after, bytes });
            }
        });
        Ok(Self {
            child,
            pty,
            written,
            reader,
            width,
            what: format!("{words} on {width} columns"),
        })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&bytes_of(&self.written.lock().unwrap())).into_owned()
    }

    pub fn waits_for(&self, text: &str) -> Result<(), Failed> {
        eventually(&format!("{text:?} of {}", self.what), || {
            let seen = self.text();
            // A narrow terminal breaks words where it likes; ours are broken by the terminal only.
            if seen.contains(text) {
                Ok(())
            } else {
                Err(seen)
            }
        })
    }

    pub fn types(&mut self, keys: &str) -> Result<(), Failed> {
        Ok(self.pty.write_all(keys.as_bytes())?)
    }

    /// Waits for its end, and looks at the screen that it leaves.
    pub fn ends(self, code: i32) -> Result<Seen, Failed> {
        let what = self.what.clone();
        Ended::of(self.child, what.clone()).exits(code)?;
        self.reader.join().unwrap();
        let chunks = self.written.lock().unwrap().clone();
        let bytes = bytes_of(&chunks);
        let screen = |columns| {
            let size = |cells| NonZero::new(cells).expect("no side is 0");
            let mut parser = vt100::Parser::new(size(HEIGHT), size(columns), 0);
            parser.process(&bytes);
            parser.screen().clone()
        };
        let real = screen(self.width);
        if real.hide_cursor() {
            return Err(format!("{what} left the cursor hidden").into());
        }
        // Lines as they were written, before the terminal breaks them.
        let unbroken = screen(1000);
        let lines = unbroken.rows(0, 1000).collect();
        Ok(Seen {
            what,
            raw: String::from_utf8_lossy(&bytes).into_owned(),
            chunks,
            rows: real.rows(0, self.width).collect(),
            lines,
            width: usize::from(self.width),
        })
    }
}

/// What is on the screen at the end.
pub struct Seen {
    what: String,
    /// All that was written, also what was overwritten since.
    pub raw: String,
    pub chunks: Vec<Chunk>,
    /// What the terminal shows.
    pub rows: Vec<String>,
    /// Lines as they were written, before the terminal breaks them.
    lines: Vec<String>,
    width: usize,
}

impl Seen {
    pub fn shows(&self, text: &str) -> Result<(), Failed> {
        if self.lines.iter().any(|line| line.contains(text)) {
            Ok(())
        } else {
            Err(format!(
                "{text:?} is not on the screen of {}:\n{}",
                self.what,
                self.screen()
            )
            .into())
        }
    }

    pub fn shows_no(&self, text: &str) -> Result<(), Failed> {
        if self.shows(text).is_err() {
            Ok(())
        } else {
            Err(format!("{text:?} was left by {}:\n{}", self.what, self.screen()).into())
        }
    }

    /// Every line with one of these is within the terminal.
    pub fn fits(&self, marks: &[&str]) -> Result<(), Failed> {
        for line in &self.lines {
            let marked = marks.iter().any(|mark| line.contains(mark));
            if marked && line.chars().count() > self.width {
                return Err(format!("{}: too wide: {line:?}", self.what).into());
            }
        }
        Ok(())
    }

    fn screen(&self) -> String {
        self.lines.join("\n").trim_end().to_owned()
    }
}

fn bytes_of(chunks: &[Chunk]) -> Vec<u8> {
    chunks
        .iter()
        .flat_map(|chunk| chunk.bytes.iter().copied())
        .collect()
}
