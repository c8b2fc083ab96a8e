//! What a person sees: the real binary on a terminal of 40, 80 and 200 columns.

use std::{
    io::{Read, Write},
    num::NonZero,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use libtest_mimic::{Failed, Trial};
use pty_process::{
    Size,
    blocking::{Command, Pty, open},
};
use serde_json::json;

use crate::stage::{Ended, Host, Stage, Story, eventually};

pub fn trials() -> Vec<Trial> {
    let stories: [(&str, Story); 5] = [
        ("tables_fit_the_terminal", tables_fit_the_terminal),
        (
            "enabling_leaves_a_clean_screen",
            enabling_leaves_a_clean_screen,
        ),
        ("a_question_can_be_declined", a_question_can_be_declined),
        ("ctrl_c_leaves_a_clean_screen", ctrl_c_leaves_a_clean_screen),
        (
            "what_is_quick_shows_no_progress",
            what_is_quick_shows_no_progress,
        ),
    ];
    stories
        .map(|(name, story)| Trial::test(format!("terminal::{name}"), story))
        .into()
}

const WIDTHS: [u16; 3] = [40, 80, 200];
/// More than any story writes, so that nothing is scrolled away.
const HEIGHT: u16 = 300;

/// bmctl on a terminal.
pub struct Session {
    child: std::process::Child,
    pty: Pty,
    written: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    width: u16,
    what: String,
}

impl Session {
    pub fn start(stage: &Stage, width: u16, words: &str) -> Result<Self, Failed> {
        let (pty, pts) = open()?;
        pty.resize(Size::new(HEIGHT, width))?;
        let child = Command::new(env!("CARGO_BIN_EXE_bmctl"))
            .args(words.split(' '))
            .current_dir(stage.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", stage.folder())
            .env("KUBECONFIG", stage.kubeconfig())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .spawn(pts)?;
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut output = std::fs::File::from(rustix::io::dup(&pty)?);
        let seen = written.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is an error on Linux.
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                seen.lock().unwrap().extend_from_slice(&buffer[..count]);
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
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
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
        let bytes = self.written.lock().unwrap().clone();
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
    /// What the terminal shows.
    pub rows: Vec<String>,
    /// Lines as they were written, before the terminal breaks them.
    lines: Vec<String>,
    width: usize,
}

impl Seen {
    fn shows(&self, text: &str) -> Result<(), Failed> {
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

    fn shows_no(&self, text: &str) -> Result<(), Failed> {
        if self.shows(text).is_err() {
            Ok(())
        } else {
            Err(format!("{text:?} was left by {}:\n{}", self.what, self.screen()).into())
        }
    }

    /// Every line with one of these is within the terminal.
    fn fits(&self, marks: &[&str]) -> Result<(), Failed> {
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

fn tables_fit_the_terminal() -> Result<(), Failed> {
    let stage = Stage::with_hosts(&[
        ("worker-0", Host::WithKvm),
        ("a-worker-with-a-rather-long-name-1", Host::WithoutKvm),
    ]);
    stage.bmctl(&["enable", "vmruntime"]).exits(3)?;
    for width in WIDTHS {
        let check = Session::start(&stage, width, "check vmruntimepfc")?.ends(3)?;
        check.shows("worker-0")?;
        check.shows("error: the preflight check failed")?;
        check.fits(&["✓", "✗ failed", "RESULT", "cause:", "fix:"])?;
        check.shows_no("Waiting for the preflight check")?;
        let history = Session::start(&stage, width, "get vmruntimepfc")?.ends(0)?;
        history.fits(&["NAME", "failed"])?;
        let status = Session::start(&stage, width, "status vmruntime")?.ends(0)?;
        status.shows("VM Runtime is enabled and not ready.")?;
        status.fits(&["Generation", "What blocks", "CONDITION", "False"])?;
    }
    Ok(())
}

fn enabling_leaves_a_clean_screen() -> Result<(), Failed> {
    for width in WIDTHS {
        let stage = Stage::new();
        let enabled = Session::start(&stage, width, "enable vmruntime")?.ends(0)?;
        enabled.shows("✓ VM Runtime is enabled and ready")?;
        enabled.shows_no("Waiting until")?;
        enabled.shows_no("Reading VM Runtime")?;
        let again = Session::start(&stage, width, "enable vmruntime")?.ends(7)?;
        again.shows("error: VM Runtime is already enabled and ready")?;
    }
    Ok(())
}

fn a_question_can_be_declined() -> Result<(), Failed> {
    let stage = Stage::enabled()?;
    stage.run_machine("db")?;
    stage.patch(
        "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime",
        &json!({"metadata": {"annotations": {"baremetal.cluster.gke.io/vmrumtime-force-disable": "true"}}}),
    )?;
    for width in WIDTHS {
        for (keys, code) in [("nothing\r", 6), ("\r", 6), ("\x03", 130)] {
            let mut asked = Session::start(&stage, width, "disable vmruntime")?;
            asked.waits_for("(sandbox)")?;
            asked.types(keys)?;
            let seen = asked.ends(code)?;
            seen.fits(&["Running", "RESOURCE"])?;
            seen.shows("nothing was changed")?;
        }
    }
    let machines = stage.read(crate::stage::MACHINES)?;
    match machines["items"].as_array().map(Vec::len) {
        Some(1) => Ok(()),
        count => Err(format!("{count:?} machines are left").into()),
    }
}

fn ctrl_c_leaves_a_clean_screen() -> Result<(), Failed> {
    let stage = Stage::without_controller();
    for width in WIDTHS {
        let mut waiting = Session::start(&stage, width, "check vmruntimepfc")?;
        waiting.waits_for("Waiting for the ")?;
        waiting.types("\x03")?;
        let seen = waiting.ends(130)?;
        seen.shows("error: interrupted: the cluster goes on with preflight check")?;
        seen.shows_no("Waiting for the ")?;
    }
    Ok(())
}

fn what_is_quick_shows_no_progress() -> Result<(), Failed> {
    let stage = Stage::bare();
    for words in [
        "version",
        "enable vmruntime --nonsense",
        "explain KVM",
        "version -o json",
    ] {
        let code = i32::from(words.contains("nonsense")) * 2;
        let seen = Session::start(&stage, 80, words)?.ends(code)?;
        // Colour is no movement: whatever moves the cursor or hides it would be a live region.
        for sequence in ["\x1b[?25l", "\x1b[A", "\x1b[1A", "\x1b[2K", "\r\x1b"] {
            if seen.raw.contains(sequence) {
                return Err(format!("{words} moves the cursor: {:?}", seen.raw).into());
            }
        }
    }
    Ok(())
}
