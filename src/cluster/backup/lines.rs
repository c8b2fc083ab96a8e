//! Files of JSON lines that are only ever appended to, and in which no line can be lost, doubled, moved or changed
//! without that being seen. Each line ends with its number, the checksum of the line before it, and its own checksum:
//!
//! ```text
//! {…,"line":7,"prev":"<sum of line 6>","sum":"<of everything in this line before this field>"}
//! ```
//!
//! So a line verifies by itself, wherever the damage is, and the lines before it verify with it. What cannot be seen
//! from within is that lines are missing at the end: two files therefore hold a [`Mark`] of each other. A line that the
//! program was writing when it died has no end yet, which tells it apart from one that was damaged later.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Write as _},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::name::hex;

/// No line of ours is longer. What is longer is a file of somebody else.
pub const LONGEST: usize = 64 * 1024;

/// The first half of a SHA-256, which is enough to tell things apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sum([u8; 16]);

impl Sum {
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self::half(&Sha256::digest(bytes))
    }

    /// Of a whole checksum.
    pub fn half(digest: &[u8]) -> Self {
        let mut half = [0; 16];
        let length = digest.len().min(half.len());
        half[..length].copy_from_slice(&digest[..length]);
        Self(half)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.to_string()
    }
}

impl TryFrom<String> for Sum {
    type Error = &'static str;

    /// Reads at least so many digits as a sum has: a whole checksum is cut in half.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut half = [0; 16];
        for (place, byte) in half.iter_mut().enumerate() {
            let digits = text.get(place * 2..place * 2 + 2);
            let digits = digits.filter(|digits| digits.bytes().all(is_digit));
            let parsed = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            *byte = parsed.ok_or("is no checksum")?;
        }
        Ok(Self(half))
    }
}

/// As we write them, so that no checksum is written in two ways.
const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// How far a file has come: its lines, and the checksum of the last one. Of an empty file it is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub lines: u64,
    pub sum: Sum,
}

/// What every line ends with, but for its own checksum.
#[derive(Deserialize)]
struct Seal {
    line: u64,
    prev: Sum,
}

const BEFORE_SUM: &[u8] = b",\"sum\":\"";
const AFTER_SUM: &[u8] = b"\"}";

/// The line that follows, and the mark after it. The value is one that becomes a JSON object with fields.
pub fn seal(before: Mark, value: &impl Serialize) -> io::Result<(Vec<u8>, Mark)> {
    let mut line = serde_json::to_vec(value)?;
    line.pop();
    let number = before.lines + 1;
    write!(line, ",\"line\":{number},\"prev\":\"{}\"", before.sum)?;
    let sum = Sum::of(&line);
    line.extend(BEFORE_SUM);
    line.extend(sum.to_string().bytes());
    line.extend(AFTER_SUM);
    line.push(b'\n');
    if line.len() > LONGEST {
        let length = line.len();
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a line of {length} bytes is too long; names and addresses must be shorter"),
        ));
    }
    let after = Mark { lines: number, sum };
    Ok((line, after))
}

/// A line without its end, if it is as it was written.
fn unseal<T: DeserializeOwned>(line: &[u8]) -> Option<(T, Seal, Sum)> {
    let text = line.strip_suffix(AFTER_SUM)?;
    let (body, sum) = text.split_at_checked(text.len().checked_sub(32)?)?;
    let body = body.strip_suffix(BEFORE_SUM)?;
    let expected = Sum::of(body);
    if expected.to_string().as_bytes() != sum {
        return None;
    }
    let seal: Seal = serde_json::from_slice(line).ok()?;
    let value = serde_json::from_slice(line).ok()?;
    // There is always a next one.
    (seal.line < u64::MAX).then_some((value, seal, expected))
}

/// What is wrong before a line, or at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// These lines are missing, or not as they were written; `None`: that one and all that followed.
    Changed { first: u64, last: Option<u64> },
    /// Something stands before this line that is none.
    Inserted { before: u64 },
    /// This line stands elsewhere as well, or should.
    Misplaced { line: u64 },
}

/// What was read in one step: what is wrong, the next line that verifies, or both. There is no line only at the end.
#[derive(Debug)]
pub struct Found<T> {
    pub fault: Option<Fault>,
    pub line: Option<Line<T>>,
}

/// A line that verifies.
#[derive(Debug)]
pub struct Line<T> {
    pub value: T,
    pub mark: Mark,
}

/// Where the lines of a file end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// After the last line that stands where it should.
    pub mark: Mark,
    pub bytes: u64,
    /// So many bytes follow of a line that was never ended.
    pub torn: u64,
    /// The last line verifies, and only its end is missing.
    pub open: bool,
}

/// Reads lines, in little memory whatever the file is.
pub struct Lines<R> {
    reader: BufReader<R>,
    end: End,
    /// Where the next line begins, however the lines before it are.
    position: u64,
    /// Lines that do not verify, since the last one that does.
    garbage: u64,
    over: bool,
}

impl<R: Read> Lines<R> {
    pub fn new(file: R) -> Self {
        Self {
            reader: BufReader::new(file),
            end: End::default(),
            position: 0,
            garbage: 0,
            over: false,
        }
    }

    /// What was read so far; at the end, where the file ends.
    pub const fn end(&self) -> End {
        self.end
    }

    pub fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<Found<T>>> {
        while !self.over {
            let line = raw(&mut self.reader)?;
            let ended = line.last() == Some(&b'\n');
            let length = line.len() as u64;
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let verified = unseal(text).filter(|(_, seal, _)| self.follows(seal));
            if let Some((value, seal, sum)) = verified {
                self.position += length;
                let mark = Mark {
                    lines: seal.line,
                    sum,
                };
                return Ok(Some(self.found(value, mark, !ended)));
            }
            if ended {
                self.position += length;
                self.garbage += 1;
                continue;
            }
            self.over = true;
            if line.len() > LONGEST {
                self.garbage += 1;
            } else {
                self.end.torn = length;
            }
        }
        let first = self.end.mark.lines + 1;
        let garbage = std::mem::take(&mut self.garbage);
        Ok((garbage > 0).then_some(Found {
            fault: Some(Fault::Changed { first, last: None }),
            line: None,
        }))
    }

    /// Can it stand after the last line? After a gap it may be any later one.
    fn follows(&self, seal: &Seal) -> bool {
        seal.line != self.end.mark.lines + 1 || seal.prev == self.end.mark.sum
    }

    fn found<T>(&mut self, value: T, mark: Mark, open: bool) -> Found<T> {
        let expected = self.end.mark.lines + 1;
        let garbage = std::mem::take(&mut self.garbage);
        let fault = if mark.lines < expected {
            Some(Fault::Misplaced { line: mark.lines })
        } else if mark.lines > expected {
            let last = Some(mark.lines - 1);
            let first = expected;
            Some(Fault::Changed { first, last })
        } else if garbage > 0 {
            Some(Fault::Inserted { before: expected })
        } else {
            None
        };
        if mark.lines >= expected {
            self.end = End {
                mark,
                bytes: self.position,
                torn: 0,
                open,
            };
        }
        let line = Some(Line { value, mark });
        Found { fault, line }
    }
}

/// One line with its end, or what there is of it. What is too long is not read on.
fn raw(reader: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader
        .take(LONGEST as u64 + 1)
        .read_until(b'\n', &mut line)?;
    Ok(line)
}

/// What the first line of a file says, if it is as it was written.
pub fn only<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (value, seal, _) = unseal(line)?;
    (seal.line == 1).then_some(value)
}

/// The first line of a file, without its end.
pub fn first(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = raw(&mut BufReader::new(file))?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(line)
}

/// A file that lines are appended to. It is only ever made shorter by a line that was never ended.
pub struct Appender {
    file: File,
    mark: Mark,
    bytes: u64,
    /// What has reached the disk.
    synced: Mark,
    /// Something went wrong that leaves the end unknown.
    broken: bool,
}

impl Appender {
    /// Goes on at the end of what was read from this file, all of which verifies.
    pub fn new(file: File, end: End) -> io::Result<Self> {
        let mut appender = Self {
            file,
            mark: end.mark,
            bytes: end.bytes,
            synced: Mark::default(),
            broken: false,
        };
        if end.torn > 0 {
            appender.file.set_len(end.bytes)?;
        }
        if end.open {
            appender.write(b"\n")?;
        }
        // What was read may not have reached the disk when its writer died.
        appender.sync()?;
        Ok(appender)
    }

    pub const fn file(&self) -> &File {
        &self.file
    }

    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// Up to here the file is on the disk.
    pub const fn synced(&self) -> Mark {
        self.synced
    }

    /// Writes them all, or none of them.
    pub fn append<'a, T: Serialize + 'a>(
        &mut self,
        values: impl IntoIterator<Item = &'a T>,
    ) -> io::Result<()> {
        let mut text = Vec::new();
        let mut mark = self.mark;
        for value in values {
            let (line, after) = seal(mark, value)?;
            text.extend(line);
            mark = after;
        }
        self.write(&text)?;
        self.mark = mark;
        Ok(())
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("writing it has failed before"));
        }
        if self.file.metadata()?.len() != self.bytes {
            return Err(io::Error::other("somebody else has written to it"));
        }
        let written = self.file.write_all(text);
        match &written {
            Ok(()) => self.bytes += text.len() as u64,
            // What was written of it is ours to take back.
            Err(_) => self.broken = self.file.set_len(self.bytes).is_err(),
        }
        written
    }

    /// Returns when everything that was appended is on the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("writing it has failed before"));
        }
        // After a failure nobody knows what is on the disk, and asking again may not tell.
        self.broken = true;
        self.file.sync_all()?;
        self.broken = false;
        self.synced = self.mark;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
