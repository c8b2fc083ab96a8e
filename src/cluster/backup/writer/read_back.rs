//! Reading back what an index names, before anything is deleted that relies on it.

use std::{fs::File, io};

use crate::cluster::backup::{
    INDEX,
    damage::Damage,
    folder::Folder,
    index::Line,
    lines::{Lines, Mark},
    reader::is_whole,
};

/// How far it has come.
pub struct ReadBack {
    lines: Lines<File>,
    /// Up to here.
    end: Mark,
    damage: Vec<Damage>,
}

impl ReadBack {
    /// Of the file that has the index's name now.
    pub fn new(index: File, end: Mark) -> Self {
        Self {
            lines: Lines::new(index),
            end,
            damage: Vec::new(),
        }
    }

    /// What was found so far.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Reads so many lines on, and the files that they name. `true`: that was all.
    pub fn go_on(&mut self, root: &Folder, count: usize) -> io::Result<bool> {
        for _ in 0..count {
            if self.lines.end().mark.lines >= self.end.lines {
                return Ok(true);
            }
            let found = self.lines.next()?;
            let fault = found.as_ref().and_then(|found| found.fault);
            self.damage
                .extend(fault.map(|fault| Damage::Lines { file: INDEX, fault }));
            let line = found.and_then(|found| found.line);
            if line
                .as_ref()
                .is_none_or(|line| line.mark.lines == self.end.lines && line.mark != self.end)
            {
                // Another file than the one that is written to stands there.
                self.damage.push(Damage::Apart);
                self.end = Mark::default();
            }
            if let Some(Line::Entry(entry)) = line.map(|line| line.value) {
                let read = is_whole(root, &entry.file, &entry.sha256);
                self.damage.extend(read.err().map(|why| Damage::File {
                    path: entry.file,
                    why,
                }));
            }
        }
        Ok(false)
    }
}
