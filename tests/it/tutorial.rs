//! The tutorial, as its readers do it: every command is run in order, and what the page prints is what is said. That the
//! Spanish one has the same commands and output is a test of `pages`.
//!
//! In a block of the page, a line that begins with `$ ` is a command and the lines below it are what it says; `…` stands
//! for anything within a line, and alone on a line for any lines.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
};

use libtest_mimic::{Failed, Trial};
use regex::Regex;
use tempfile::TempDir;

use crate::{
    pages::blocks,
    test_cluster::{clean, needs_kubectl},
};

const PAGE: &str = include_str!("../../docs/tutorial.md");

pub fn trials() -> Vec<Trial> {
    vec![needs_kubectl("tutorial::it_works", it_works)]
}

/// The commands of a block, each with what it says.
fn steps(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command, Vec::new())),
            (None, Some((_, said))) => said.push(line),
            (None, None) => panic!("{line:?} is said by no command"),
        }
    }
    steps
}

/// A reader's second terminal.
struct Terminal {
    folder: TempDir,
    tools: TempDir,
    /// What was exported so far.
    exports: String,
    last_exit: i32,
    background: Option<Child>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(mut child) = self.background.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Terminal {
    fn open() -> Result<Self, Failed> {
        let tools = tempfile::tempdir()?;
        symlink(env!("CARGO_BIN_EXE_bmctl"), tools.path().join("bmctl"))?;
        if let Some(kubectl) = std::env::var_os("BMCTL_KUBECTL") {
            symlink(kubectl, tools.path().join("kubectl"))?;
        }
        Ok(Self {
            folder: tempfile::tempdir()?,
            tools,
            exports: String::new(),
            last_exit: 0,
            background: None,
        })
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = clean("sh", self.folder.path());
        let others = std::env::var_os("PATH").unwrap_or_default();
        let own = std::iter::once(self.tools.path().to_owned());
        let path = std::env::join_paths(own.chain(std::env::split_paths(&others))).unwrap();
        shell
            .env("PATH", path)
            .env("LANG", "C.UTF-8")
            .args(["-c", script]);
        shell
    }

    /// Runs the command to its end, as if it stood behind the ones before.
    fn types(&mut self, command: &str) -> Result<String, Failed> {
        if command.starts_with("export ") {
            self.exports.push_str(command);
            self.exports.push('\n');
            return Ok(String::new());
        }
        let script = format!(
            "exec 2>&1\n{}(exit {})\n{command}",
            self.exports, self.last_exit
        );
        let ended = self.shell(&script).output()?;
        self.last_exit = ended.status.code().ok_or("ended by a signal")?;
        Ok(String::from_utf8(ended.stdout)?)
    }

    /// Leaves the command running in another terminal, and waits for its first lines.
    fn starts(&mut self, command: &str, said: &[&str]) -> Result<(), Failed> {
        let mut child = self
            .shell(&format!("exec {command}"))
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        self.background = Some(child);
        let first: Vec<&str> = said
            .iter()
            .copied()
            .take_while(|line| *line != "…")
            .collect();
        let lines: Vec<String> = output.lines().take(first.len()).collect::<Result<_, _>>()?;
        compare(command, &first, &(lines.join("\n") + "\n"))
    }
}

fn it_works() -> Result<(), Failed> {
    let mut terminal = Terminal::open()?;
    for block in blocks(PAGE) {
        match block.info.split_once(' ').unwrap_or((block.info, "")) {
            ("console", "background") => {
                for (command, said) in steps(&block.text) {
                    terminal.starts(command, &said)?;
                }
            }
            ("console", "") => {
                for (command, said) in steps(&block.text) {
                    let output = terminal.types(command)?;
                    compare(command, &said, &output)?;
                }
            }
            ("yaml", file) if !file.is_empty() => {
                fs::write(terminal.folder.path().join(Path::new(file)), block.text)?;
            }
            _ => return Err(format!("what is a block of {:?}?", block.info).into()),
        }
    }
    Ok(())
}

fn compare(command: &str, said: &[&str], output: &str) -> Result<(), Failed> {
    let columns = Regex::new(" {2,}").unwrap();
    let mut pattern = String::from("^");
    for line in said {
        if *line == "…" {
            pattern.push_str("(?:.*\n)*?");
        } else {
            let line = regex::escape(line).replace('…', ".*");
            // How far apart columns are depends on what differs.
            pattern.push_str(&columns.replace_all(&line, " {2,}"));
            pattern.push('\n');
        }
    }
    pattern.push('$');
    if Regex::new(&pattern).unwrap().is_match(output) {
        Ok(())
    } else {
        Err(format!(
            "$ {command}\n--- the page says\n{}\n--- it said\n{output}",
            said.join("\n")
        )
        .into())
    }
}
