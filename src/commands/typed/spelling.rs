//! Characters that word processors, web pages and line ends have put in, and capital letters. Values are left as they are,
//! but for typographic quotes around the whole of one.

use std::ffi::OsString;

use super::line::{Line, Part};

/// Dashes that a hyphen, or two of them, is turned into.
const DASHES: &[char] = &['–', '—', '―', '−', '‐', '‑', '﹣', '-'];
/// Spaces that a shell does not split at.
const SPACES: &[char] = &['\u{a0}', '\u{202f}', '\u{2007}'];
/// What nobody sees.
const INVISIBLE: &[char] = &['\u{200b}', '\u{2060}', '\u{feff}', '\u{200e}', '\u{200f}'];
/// Quotes that a shell does not take for quotes.
const OPENING: &[char] = &['“', '”', '„', '«', '‘', '’', '‚'];
const CLOSING: &[char] = &['”', '“', '»', '’', '‘'];

/// Puts ordinary characters in their place, and says whether there were others.
pub(super) fn corrected(line: &mut Line<'_>) -> bool {
    let mut changed = false;
    // Dashes decide what is a flag, and so what is the value of one: they come first, one after the other.
    for at in 0..line.words.len() {
        if let Some(word) = with_hyphens(&line.words[at])
            && line.parts()[at] == Part::Bare
        {
            line.words[at] = word;
            changed = true;
        }
    }
    let mut words = Vec::new();
    for (word, part) in line.words.iter().zip(line.parts()) {
        let new = match (word.to_str(), part) {
            (Some(text), Part::Value) => vec![without_quotes(text).to_owned()],
            (Some(text), Part::Bare) => split(without_quotes(text)),
            (Some(text), Part::Flag) => match text.split_once('=') {
                Some((flag, value)) => vec![format!("{flag}={}", without_quotes(value))],
                None => split(text),
            },
            (None, Part::Value | Part::Bare | Part::Flag) => {
                words.push(word.clone());
                continue;
            }
        };
        words.extend(new.into_iter().map(OsString::from));
    }
    changed |= words != line.words;
    line.words = words;
    changed
}

/// A flag whose hyphens were replaced: `–force`, `—force`, `−o`.
fn with_hyphens(word: &OsString) -> Option<OsString> {
    let text = word.to_str()?;
    let text = text.trim_start_matches(char::is_whitespace);
    let rest = text.trim_start_matches(|c| c == '-' || DASHES.contains(&c));
    let dashes = &text[..text.len() - rest.len()];
    if !dashes.contains(DASHES) || !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let name = rest.split('=').next().unwrap_or_default();
    let hyphens = if name.len() == 1 { "-" } else { "--" };
    Some(format!("{hyphens}{rest}").into())
}

/// Without quotes, where they are around the whole.
fn without_quotes(text: &str) -> &str {
    let inner = text
        .strip_prefix(OPENING)
        .and_then(|rest| rest.strip_suffix(CLOSING));
    inner.filter(|inner| !inner.is_empty()).unwrap_or(text)
}

/// The words in it: spaces that a shell does not split at, the `\` of a line that goes on, the end of a line of Windows. An
/// empty word stays: it may be a variable that is not set.
fn split(text: &str) -> Vec<String> {
    let visible = text.replace(INVISIBLE, "");
    let is_space = |c: char| SPACES.contains(&c) || c == '\r' || c == '\n';
    let trimmed = visible.trim();
    if text.is_empty()
        || !(visible != text || trimmed != visible || visible.contains(is_space) || text == "\\")
    {
        return vec![text.to_owned()];
    }
    trimmed
        .split(is_space)
        .filter(|word| !matches!(*word, "" | "\\"))
        .map(str::to_owned)
        .collect()
}

/// Verbs and nouns as the definition has them: `Enable VMRuntime`.
pub(super) fn small_letters(line: &mut Line<'_>) {
    let mut command = line.definition();
    for at in line.bare() {
        let Some(word) = line.words[at].to_str() else {
            return;
        };
        let small = word.to_lowercase();
        let found = command.find_subcommand(word);
        let Some(below) = found.or_else(|| command.find_subcommand(&small)) else {
            return;
        };
        if found.is_none() {
            line.words[at] = small.into();
        }
        command = below;
    }
}
