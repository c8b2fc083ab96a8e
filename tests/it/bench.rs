//! Runs the real binary in a folder of its own with a clean environment, and compares exactly what it says: stdout,
//! stderr and exit code, after what differs from run to run has been replaced by a name for it.

use std::{fs, path::Path, process::Command};

use libtest_mimic::Failed;
use regex::Regex;
use similar::TextDiff;
use tempfile::TempDir;

/// A folder that programs are run in, and the environment that they see.
pub struct Bench {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Bench {
    /// Nothing but `PATH`, `HOME` (the folder itself) and a UTF-8 locale.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a file into the folder.
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Runs bmctl with these words, which are split at spaces.
    pub fn bmctl(&self, words: &str) -> Transcript {
        self.bmctl_words(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub fn bmctl_words(&self, words: &[&str]) -> Transcript {
        let output = Command::new(env!("CARGO_BIN_EXE_bmctl"))
            .args(words)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder())
            .env("LC_ALL", "C.UTF-8")
            .envs(self.environment.iter().cloned())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        Transcript {
            command: format!("bmctl {}", words.join(" ")),
            code: output.status.code(),
            stdout: self.redact(&String::from_utf8_lossy(&output.stdout)),
            document: output.stdout,
            stderr: self.redact(&String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Replaces what differs from run to run.
    fn redact(&self, text: &str) -> String {
        let folder = fs::canonicalize(self.folder()).unwrap();
        let text = text
            .replace(&folder.display().to_string(), "[folder]")
            .replace(&self.folder().display().to_string(), "[folder]");
        replace(
            text,
            &[
                (
                    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                    "[uuid]",
                ),
                (
                    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z",
                    "[time]",
                ),
                ("/[0-9]{8}-[0-9]{6}\\b", "/[stamp]"),
                ("127[.]0[.]0[.]1:[0-9]+", "127.0.0.1:[port]"),
                ("trying again in [0-9hms]+", "trying again in [span]"),
            ],
        )
    }
}

/// Replaces what matches these patterns, one after the other.
fn replace(text: String, patterns: &[(&str, &str)]) -> String {
    patterns.iter().fold(text, |text, (pattern, name)| {
        Regex::new(pattern)
            .unwrap()
            .replace_all(&text, *name)
            .into_owned()
    })
}

/// What a program said.
#[derive(Debug)]
pub struct Transcript {
    command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// What was on stdout, with nothing replaced: a redacted document need not be one.
    document: Vec<u8>,
}

impl Transcript {
    pub fn code(self, expected: i32) -> Result<Self, Failed> {
        if self.code == Some(expected) {
            Ok(self)
        } else {
            Err(format!(
                "{}\nexit code: expected {expected}, got {:?}\nstdout:\n{}\nstderr:\n{}",
                self.command, self.code, self.stdout, self.stderr
            )
            .into())
        }
    }

    pub fn stdout(self, expected: &str) -> Result<Self, Failed> {
        self.same("stdout", expected, &self.stdout)?;
        Ok(self)
    }

    pub fn stderr(self, expected: &str) -> Result<Self, Failed> {
        self.same("stderr", expected, &self.stderr)?;
        Ok(self)
    }

    /// Everything that was said, under the command that was typed; without spans of time as well.
    pub fn whole(&self, command: &str) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let text = format!(
            "$ {command}\n--- stdout\n{}--- stderr\n{}--- exit code {code}\n\n",
            self.stdout, self.stderr
        );
        replace(
            text,
            &[
                (r"\b([0-9]+(ms|h|m|s|d))+\b", "[span]"),
                // A span of no whole second is not said.
                (r" after \[span\]", ""),
                (r" \(\[span\]\)", ""),
                (
                    "(\"?(waited|duration)Seconds\"?): ([0-9]+|null)",
                    "$1: [seconds]",
                ),
            ],
        )
    }

    /// The document on stdout, and nothing else there.
    pub fn json(&self) -> Result<serde_json::Value, Failed> {
        serde_json::from_slice(&self.document)
            .map_err(|error| format!("{}: {error}\n{}", self.command, self.stdout).into())
    }

    /// stdout with nothing replaced.
    pub fn document(&self) -> String {
        String::from_utf8_lossy(&self.document).into_owned()
    }

    fn same(&self, stream: &str, expected: &str, got: &str) -> Result<(), Failed> {
        if expected == got {
            return Ok(());
        }
        let diff = TextDiff::from_lines(expected, got);
        Err(format!(
            "{}: {stream} differs\n{}",
            self.command,
            diff.unified_diff().header("expected", "got")
        )
        .into())
    }
}
