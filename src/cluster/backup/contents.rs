//! What a folder says about itself: index and journal, read together. Each is the other's witness: a line is missed that
//! the other one has seen.

use std::{
    fs::File,
    io::{self, Read, Seek as _},
};

use serde::Deserialize;

use super::{
    INDEX, JOURNAL,
    damage::Damage,
    first_format,
    folder::Folder,
    index::{self, Entry, Generated, Header, Line},
    journal::Record,
    lines::{self, End, Fault, Lines, Mark, Sum},
};

/// Index and journal, but for the entries.
#[derive(Default)]
pub struct Contents {
    /// `None`: the first line is damaged.
    pub header: Option<Header>,
    /// How many there are.
    pub entries: u64,
    /// What is not saved, because a controller makes it again.
    pub generated: Vec<Generated>,
    /// A deletion has begun, and did not come to its end.
    pub unfinished: bool,
    /// Nothing of it may be passed over.
    pub damage: Vec<Damage>,
    pub index: End,
    /// `None`: there is none.
    pub journal: Option<End>,
}

/// What the first line of an index says.
pub enum First {
    /// It is one of ours, in the format that is written today.
    Ours(Header),
    /// It is one of ours, in the first format, which is read and not written any more.
    Earlier(Header),
    /// It is none, and yet the journal beside it is ours.
    Damaged,
    /// A format that this program does not know.
    Unknown(String),
    /// It is nothing of ours, or nobody can tell.
    None,
}

/// Looks at the first lines alone, whatever follows.
pub fn first(root: &Folder, mut index: &File) -> io::Result<First> {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    index.rewind()?;
    let text = lines::first(&mut index)?;
    index.rewind()?;
    let sealed = lines::only::<Header>(&text).filter(|header| header.schema == index::SCHEMA);
    if let Some(header) = sealed {
        return Ok(First::Ours(header));
    }
    let journal = root.file(JOURNAL);
    let journal = journal.and_then(|mut journal| lines::first(&mut journal));
    // Whether it can be read matters later, if the index is ours.
    if journal.is_ok_and(|line| lines::only::<Record>(&line).is_some()) {
        return Ok(First::Damaged);
    }
    let schema = serde_json::from_slice::<Schema>(&text).map(|line| line.schema);
    Ok(match schema {
        Ok(schema) if schema == first_format::SCHEMA => {
            serde_json::from_slice(&text).map_or(First::None, First::Earlier)
        }
        Ok(schema) if schema.starts_with(index::SCHEMAS) && schema != index::SCHEMA => {
            First::Unknown(schema)
        }
        Ok(_) | Err(_) => First::None,
    })
}

/// An entry that verifies.
pub struct Taken {
    pub entry: Entry,
    /// The line of the index.
    pub line: u64,
    /// The journal has seen it: its file has been there.
    pub seen: bool,
}

/// Reads all of it. Every entry that verifies goes to `take`, also where others are damaged.
pub fn read(root: &Folder, index: &File, take: impl FnMut(Taken)) -> io::Result<Contents> {
    let is_earlier = matches!(first(root, index)?, First::Earlier(_));
    let journal = match root.file(JOURNAL) {
        Ok(journal) => Ok(journal),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("is missing".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    if is_earlier {
        return first_format::read(index, journal, take);
    }
    let mut contents = Contents::default();
    let of_journal = match &journal {
        Ok(journal) => contents.read_journal(journal)?,
        Err(_) => Testimony::default(),
    };
    let of_index = contents.read_index(index, of_journal.seen(), take)?;
    match journal {
        Ok(_) => contents.compare(&of_index, &of_journal),
        // There is always a journal, but in the moment after a backup was begun.
        Err(_) if contents.index.mark.lines == 1 && contents.damage.is_empty() => {}
        Err(why) => {
            let path = JOURNAL.to_owned();
            contents.damage.push(Damage::File { path, why });
        }
    }
    Ok(contents)
}

/// What one of the two files says about itself and about the other one.
#[derive(Default)]
struct Testimony {
    /// Of its own lines, from the first one on, as long as none is missing.
    sums: Vec<Sum>,
    /// How far the other one had come.
    other: Vec<Mark>,
}

impl Testimony {
    fn own(&mut self, mark: Mark) {
        if mark.lines == self.sums.len() as u64 + 1 {
            self.sums.push(mark.sum);
        }
    }

    /// So many lines of the other one were there.
    fn seen(&self) -> u64 {
        let lines = self.other.iter().map(|mark| mark.lines);
        lines.max().unwrap_or_default()
    }
}

impl Contents {
    fn read_index(
        &mut self,
        index: impl Read,
        seen: u64,
        mut take: impl FnMut(Taken),
    ) -> io::Result<Testimony> {
        let mut lines = Lines::new(index);
        let mut testimony = Testimony::default();
        while let Some(found) = lines.next()? {
            self.note(INDEX, found.fault);
            let Some(line) = found.line else {
                continue;
            };
            testimony.own(line.mark);
            match line.value {
                Line::Header(header) if line.mark.lines == 1 => self.header = Some(header),
                Line::Header(_) => self.note(
                    INDEX,
                    Some(Fault::Misplaced {
                        line: line.mark.lines,
                    }),
                ),
                Line::Generated(generated) => self.generated.push(generated),
                Line::Commit(commit) => testimony.other.push(commit.journal),
                Line::Entry(entry) => {
                    self.entries += 1;
                    let line = line.mark.lines;
                    let seen = line <= seen;
                    take(Taken { entry, line, seen });
                }
            }
        }
        self.index = lines.end();
        Ok(testimony)
    }

    fn read_journal(&mut self, journal: impl Read) -> io::Result<Testimony> {
        let mut lines = Lines::new(journal);
        let mut testimony = Testimony::default();
        while let Some(found) = lines.next::<Record>()? {
            self.note(JOURNAL, found.fault);
            let Some(line) = found.line else {
                continue;
            };
            testimony.own(line.mark);
            testimony.other.extend(line.value.index);
            self.unfinished = line.value.event.is_unfinished(self.unfinished);
        }
        self.journal = Some(lines.end());
        Ok(testimony)
    }

    fn note(&mut self, file: &'static str, fault: Option<Fault>) {
        self.damage
            .extend(fault.map(|fault| Damage::Lines { file, fault }));
    }

    fn compare(&mut self, of_index: &Testimony, of_journal: &Testimony) {
        let journal = self.journal.unwrap_or_default();
        let missed = [
            (INDEX, self.index.mark, of_index, of_journal),
            (JOURNAL, journal.mark, of_journal, of_index),
        ];
        for (file, end, own, other) in missed {
            // The first line of both is written before anything else.
            let seen = other.seen().max(1);
            let is_said = self.damage.iter().any(|damage| {
                let Damage::Lines { file: of, fault } = damage else {
                    return false;
                };
                *of == file && matches!(fault, Fault::Changed { last: None, .. })
            });
            if seen > end.lines && !is_said {
                let (first, last) = (end.lines + 1, Some(seen));
                self.note(file, Some(Fault::Changed { first, last }));
            }
            let contradicts = |mark: &Mark| {
                let place = usize::try_from(mark.lines.wrapping_sub(1)).ok();
                let sum = place.and_then(|place| own.sums.get(place));
                sum.is_some_and(|sum| *sum != mark.sum)
            };
            if other.other.iter().any(contradicts) && !self.damage.contains(&Damage::Apart) {
                self.damage.push(Damage::Apart);
            }
        }
    }

    /// Is it certain that no deletion is left to be gone on with?
    pub fn is_settled(&self) -> bool {
        let journal_is_certain = self.damage.iter().all(|damage| match damage {
            Damage::Lines { file, .. } => *file != JOURNAL,
            Damage::File { .. } | Damage::Apart | Damage::Unsaved { .. } => false,
            Damage::Unnamed { .. } => true,
        });
        journal_is_certain && !self.unfinished
    }

    /// Does anything say that this is a backup of ours?
    pub fn is_any(&self) -> bool {
        self.header.is_some() || self.index.mark.lines > 0
    }

    /// So many bytes at the end of the two were being written when the program died. Nothing relied on them.
    pub fn torn(&self) -> u64 {
        self.index.torn + self.journal.unwrap_or_default().torn
    }
}
