//! What a terminal showed, as frames.

use std::{num::NonZero, time::Duration};

use crate::terminal::Chunk;

const ROWS: u16 = 30;
/// Nobody likes to wait, also where the program did.
const LONGEST: Duration = Duration::from_millis(900);
/// Nobody sees what is shown for less.
const SHORTEST: Duration = Duration::from_millis(120);
const PER_KEY: Duration = Duration::from_millis(45);
const TO_READ: Duration = Duration::from_millis(2500);

/// A stretch of time in which nothing moves.
pub struct Frame {
    pub screen: vt100::Screen,
    pub lasts: Duration,
}

pub struct Film {
    terminal: vt100::Parser,
    pub frames: Vec<Frame>,
}

impl Film {
    pub fn new(columns: u16) -> Self {
        let size = |cells| NonZero::new(cells).expect("no side is 0");
        Self {
            terminal: vt100::Parser::new(size(ROWS), size(columns), 0),
            frames: Vec::new(),
        }
    }

    pub fn size(&self) -> (u16, u16) {
        let (rows, columns) = self.terminal.screen().size();
        (rows.get(), columns.get())
    }

    /// A person types a command.
    pub fn types(&mut self, line: &str) {
        self.write(b"\x1b[1;32m$\x1b[0m ");
        for key in line.chars() {
            self.write(key.to_string().as_bytes());
            self.rest(PER_KEY);
        }
        self.rest(LONGEST);
        self.write(b"\r\n");
    }

    /// The command's own output, at its own pace where that can be watched.
    pub fn shows(&mut self, chunks: &[Chunk]) {
        let mut ends = chunks.iter().skip(1).map(|chunk| chunk.after);
        for chunk in chunks {
            self.write(&chunk.bytes);
            let pause = ends.next().map_or(TO_READ, |next| {
                next.saturating_sub(chunk.after).min(LONGEST)
            });
            self.rest(pause);
        }
        self.write(b"\r\n");
    }

    fn write(&mut self, bytes: &[u8]) {
        self.terminal.process(bytes);
    }

    fn rest(&mut self, lasts: Duration) {
        let screen = self.terminal.screen().clone();
        match self.frames.last_mut() {
            Some(last) if last.lasts < SHORTEST => {
                last.screen = screen;
                last.lasts += lasts;
            }
            Some(_) | None => self.frames.push(Frame { screen, lasts }),
        }
    }
}
