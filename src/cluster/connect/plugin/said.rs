//! What a login plugin said on stderr, as far as it is shown: the last lines, without what a terminal would obey, and without
//! what looks like a credential.

use crate::{api::text::cut_to, cluster::bundle::redact, failure::Given};

/// Errors are reported at the end.
const LINES: usize = 5;
/// Of a line, in bytes.
const LONGEST: usize = 400;
const HIDDEN: &str = "[redacted]";

pub(super) fn last_lines(stderr: &[u8]) -> Vec<String> {
    let plain = without_controls(&String::from_utf8_lossy(stderr));
    // Before lines are chosen: a credential may have several.
    let text = redact::text(&plain).unwrap_or(plain);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    last.iter()
        .map(|line| cut_to(LONGEST, &without_credentials(line)).into_owned())
        .collect()
}

/// Words that are a token by their form, or look random.
fn without_credentials(line: &str) -> String {
    let is_wrapping = |c: char| "\"'`,;()[]{}<>".contains(c);
    let words = line.split_whitespace().map(|word| {
        let inner = word.trim_matches(is_wrapping);
        let value = inner.split_once('=').map_or(inner, |(_, value)| value);
        match (Given::of_list(inner), Given::of_list(value)) {
            (Given::Plausible, Given::Plausible) if !is_code(inner) && !is_code(value) => word,
            _ => HIDDEN,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A long word of letters and digits is more often a credential than anything that helps.
fn is_code(word: &str) -> bool {
    const LONG: usize = 12;
    let of = |is_it: fn(&char) -> bool| word.chars().any(|c| is_it(&c));
    word.len() >= LONG
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_+/=~".contains(c))
        && of(char::is_ascii_digit)
        && of(char::is_ascii_alphabetic)
}

/// Without escape sequences (ECMA-48) and control characters; a carriage return begins a line.
fn without_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => match rest.next() {
                Some('[') => {
                    let _final = rest.find(|c| ('@'..='~').contains(c));
                }
                Some(']') => {
                    let _end = rest.find(|c| matches!(c, '\u{7}' | '\\'));
                }
                Some(_) | None => {}
            },
            '\n' | '\r' => plain.push('\n'),
            '\t' => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_as_plain_text() {
        for (stderr, expected) in [
            ("", &[][..]),
            ("\n \n", &[]),
            ("ERROR: no session\n", &["ERROR: no session"]),
            ("1\n2\n3\n4\n5\n6\n\n", &["2", "3", "4", "5", "6"]),
            (
                "\x1b[31mred\x1b[0m\x1b]0;title\x07 word\rnext\x08\x00",
                &["red word", "next"],
            ),
            (
                "run: gcloud auth login --no-launch-browser",
                &["run: gcloud auth login --no-launch-browser"],
            ),
            (
                "open https://login.example/device and enter ABCD-EFGH",
                &["open https://login.example/device and enter ABCD-EFGH"],
            ),
        ] {
            assert_eq!(last_lines(stderr.as_bytes()), expected, "{stderr:?}");
        }
        let long = last_lines("word ".repeat(10_000).as_bytes());
        assert!(long[0].len() <= LONGEST && long[0].ends_with("bytes in all)"));
        assert_eq!(last_lines(b"caf\xff"), ["caf\u{fffd}"]);
    }

    #[test]
    fn what_looks_like_a_credential_is_not_shown() {
        for (stderr, secret) in [
            ("token=hunter2", "hunter2"),
            ("password: \"hunter2\"", "hunter2"),
            ("refused: canary0123456789", "canary0123456789"),
            (
                "got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
                "eyJ",
            ),
            ("GET https://eve:hunter2@host/ failed", "hunter2"),
            ("Authorization: Bearer abcdef123456", "abcdef123456"),
            ("id ya29.a0AfH6SMBx was refused", "ya29"),
            (
                "('sha256~4mXh7Zp0Qw9sT3vBn1cLk8JdRf2yGa6eUiOx5')",
                "sha256~",
            ),
            ("key AbCdEf1GhIj2KlMn3OpQr4StUv5WxYz6aBcD", "AbCdEf1"),
            ("x=AbCdEf1GhIj2KlMn3OpQr4StUv5WxYz6aBcD", "AbCdEf1"),
            (
                "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
                "abc",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nabc\ndef\nghi\njkl\nmno\npqr",
                "pqr",
            ),
            ("\x1b[1mtoken\x1b[0m=hunter2", "hunter2"),
        ] {
            let shown = last_lines(stderr.as_bytes()).join("\n");
            assert!(!shown.contains(secret) && shown.contains(HIDDEN), "{shown}");
        }
    }
}
