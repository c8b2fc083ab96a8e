//! The five rows of the table that decides what a disable does, at a terminal and in a pipe, and what answers the question
//! of the fourth: only the name of the context, typed or given.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{RUNTIME, count};
use crate::stage::{MACHINES, PATIENCE, Stage, clean};

pub fn trials() -> Vec<Trial> {
    let pipe = Trial::test("disable::each_row_of_the_table_in_a_pipe", in_a_pipe);
    let there = Command::new("script").arg("--version").output().is_ok();
    let name = "disable::each_row_of_the_table_at_a_terminal";
    let terminal = if there {
        Trial::test(name, at_a_terminal)
    } else {
        Trial::test(
            format!("{name} (needs script of util-linux)"),
            at_a_terminal,
        )
        .with_ignored_flag(true)
    };
    vec![pipe, terminal]
}

/// One row, and how it is gone through.
#[derive(Debug)]
struct Row {
    /// VMs exist.
    machines: bool,
    flags: &'static str,
    annotation: bool,
    /// At the question; nothing where none may be asked.
    typed: &'static str,
    code: i32,
    says: &'static str,
    /// VMs afterwards.
    left: usize,
}

const FORCE: &str = "--force=true";
const INTERRUPT: &str = "\u{3}";

const fn row(
    (machines, flags, annotation): (bool, &'static str, bool),
    typed: &'static str,
    code: i32,
    says: &'static str,
    left: usize,
) -> Row {
    Row {
        machines,
        flags,
        annotation,
        typed,
        code,
        says,
        left,
    }
}

fn rows(
    rows: &[Row],
    run: impl Fn(&Stage, &str, &str) -> Result<(i32, String), Failed>,
) -> Result<(), Failed> {
    let stage = Stage::new();
    for row in rows {
        stage.bmctl(&["enable", "vmruntime", "--ensure"]).exits(0)?;
        stage.patch(
            RUNTIME,
            &json!({"metadata": {"annotations": {
                "baremetal.cluster.gke.io/vmrumtime-force-disable": row.annotation.to_string(),
            }}}),
        )?;
        if row.machines && count(&stage, MACHINES)? == 0 {
            stage.run_machine("db")?;
        }
        let command = format!("disable vmruntime {}", row.flags);
        let (ended, said) = run(&stage, command.trim_end(), row.typed)?;
        if ended != row.code || !said.contains(row.says) {
            return Err(format!("{row:?}: ended with {ended}:\n{said}").into());
        }
        let left = count(&stage, MACHINES)?;
        if left != row.left {
            return Err(format!("{row:?}: {left} VMs are left").into());
        }
    }
    Ok(())
}

fn in_a_pipe() -> Result<(), Failed> {
    let table = [
        row((false, "", false), "", 0, "is disabled", 0),
        row((true, FORCE, true), "", 0, "is disabled", 0),
        row((true, FORCE, false), "", 0, "is disabled", 0),
        row((true, "", true), "", 6, "no terminal to ask on", 1),
        row((true, "--yes", true), "", 6, "no terminal to ask on", 1),
        row((true, "--confirm other", true), "", 6, "--confirm names", 1),
        row((true, "", false), "", 6, "--force=true", 1),
        row((true, "--confirm sandbox", false), "", 6, "--force=true", 1),
        row((true, "--confirm sandbox", true), "", 0, "is disabled", 0),
    ];
    rows(&table, |stage, command, _| {
        let ended = stage.bmctl(&command.split(' ').collect::<Vec<_>>());
        let said = ended.stdout + &ended.stderr;
        Ok((ended.code.unwrap_or(-1), said))
    })
}

fn at_a_terminal() -> Result<(), Failed> {
    let table = [
        row((false, "", false), "", 0, "is disabled", 0),
        row((true, FORCE, true), "", 0, "is disabled", 0),
        row((true, FORCE, false), "", 0, "is disabled", 0),
        row((true, "--no-input", true), "", 6, "must be confirmed", 1),
        row((true, "", true), "another", 6, "not confirmed", 1),
        row((true, "--yes", true), "yes", 6, "not confirmed", 1),
        row((true, "", true), INTERRUPT, 130, "nothing was changed", 1),
        row((true, "", true), "sandbox", 0, "is disabled", 0),
        row((true, "", false), "", 6, "--force=true", 1),
    ];
    rows(&table, typed_at)
}

/// Runs it at a terminal of its own, and types once it is asked.
fn typed_at(stage: &Stage, command: &str, typed: &str) -> Result<(i32, String), Failed> {
    let line = format!("{} {command} --timeout 50s", env!("CARGO_BIN_EXE_bmctl"));
    let mut child = clean("script", stage.folder())
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &line,
            "/dev/null",
        ])
        .env("KUBECONFIG", stage.kubeconfig())
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    let mut stdout = child.stdout.take().ok_or("no stdout")?;
    let id = child.id().to_string();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if waiting.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    let mut screen = Vec::new();
    let mut buffer = [0; 4096];
    let mut asked = false;
    loop {
        let read = stdout.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        screen.extend(&buffer[..read]);
        if !asked && String::from_utf8_lossy(&screen).contains("Type the name of the context") {
            asked = true;
            stdin.write_all(format!("{typed}\r").as_bytes())?;
        }
    }
    drop(stdin);
    let code = child.wait()?.code().unwrap_or(-1);
    drop(done);
    let _ = watchdog.join();
    let screen = String::from_utf8_lossy(&screen).into_owned();
    if asked == typed.is_empty() {
        return Err(format!("asked: {asked}\n{screen}").into());
    }
    if asked
        && !(screen.contains("default/db") && screen.contains("bmctl-workspace/sandbox/backup"))
    {
        return Err(
            format!("the question does not say what dies and what is saved:\n{screen}").into(),
        );
    }
    Ok((code, screen))
}
