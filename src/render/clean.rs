//! Text from a cluster, a file or the environment, made safe to show.
//!
//! A node's message may carry escape sequences that move the cursor, rename the window or hide what was printed before,
//! and bidirectional overrides that make one command look like another. None of that is ever wanted, so it is removed
//! rather than shown.

use std::borrow::Cow;

use super::style::is_markup;
use crate::api::{credential, text::shortened};

/// On one line, and not longer than anybody reads: line breaks and tabs become single spaces.
#[must_use]
pub fn clean(text: &str) -> String {
    let line = clean_lines(text)
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    shortened(line)
}

/// Keeps line breaks; everything else that does not print is removed, and so are credentials that were sent.
#[must_use]
pub fn clean_lines(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut rest),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => cleaned.push('\n'),
            '\t' => cleaned.push(' '),
            c if c.is_control() || is_hidden(c) || is_markup(c) => {}
            c => cleaned.push(c),
        }
    }
    match credential::hidden(&cleaned) {
        Cow::Borrowed(_) => cleaned,
        Cow::Owned(without) => without,
    }
}

/// Characters that print nothing and change how others are read: bidirectional controls, zero-width characters, tags.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// After ESC: ECMA-48 knows control sequences, strings, and single functions.
fn skip_sequence(rest: &mut Rest) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        _ => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

/// After CSI: parameters, intermediates, one final byte.
fn skip_control_sequence(rest: &mut Rest) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

/// After the opening of a string: until its terminator, at most to the end of the line, so that an unfinished
/// sequence cannot swallow a whole report.
fn skip_string(rest: &mut Rest) {
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_print_is_removed() {
        for (text, expected) in [
            ("plain", "plain"),
            ("naïve 漢字 ✓", "naïve 漢字 ✓"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\u{9b}2Jgone", "gone"),
            ("\x1bcreset", "reset"),
            ("\x1b(Bset", "set"),
            ("a\x00b\x07c\x7fd", "abcd"),
            ("safe\u{202e}txt.exe", "safetxt.exe"),
            ("zero\u{200b}width\u{2062}", "zerowidth"),
            ("one\r\ntwo\rthree\n\nfour\tfive", "one two three four five"),
            ("\x1b]unfinished\nnext", "next"),
            ("\x1b", ""),
            ("\x1b[", ""),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
        assert_eq!(clean_lines("a\r\nb\n"), "a\nb\n");
    }

    proptest! {
        #[test]
        fn nothing_that_does_not_print_survives(text in "\\PC*|(.|[\u{0}-\u{9f}\u{2028}-\u{206f}])*") {
            let cleaned = clean(&text);
            prop_assert!(!cleaned.chars().any(|c| c.is_control() || is_hidden(c)));
            prop_assert_eq!(clean(&cleaned), cleaned);
        }
    }
}
