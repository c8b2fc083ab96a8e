//! The terminal under the live region.
//!
//! indicatif fills every line with spaces up to the right edge, the last one too. The terminal then shows the `^C` of
//! an interrupt on a line of its own, and the region is no longer where indicatif looks for it. So the filling of the
//! last line is left out.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use console::Term;
use indicatif::TermLike;

/// Standard error.
#[derive(Debug)]
pub(super) struct Screen {
    term: Term,
    /// Spaces that are written only if something follows them.
    filling: Mutex<usize>,
}

impl Screen {
    pub(super) fn stderr() -> Self {
        Self {
            term: Term::buffered_stderr(),
            filling: Mutex::new(0),
        }
    }

    fn take_filling(&self) -> usize {
        let mut filling = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut filling)
    }

    fn write_filling(&self) -> io::Result<()> {
        self.term.write_str(&" ".repeat(self.take_filling()))
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.term.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.term.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_filling()?;
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write_filling()?;
        if text.bytes().all(|byte| byte == b' ') {
            *self.filling.lock().unwrap_or_else(PoisonError::into_inner) = text.len();
            return Ok(());
        }
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.take_filling();
        self.term.flush()
    }
}
