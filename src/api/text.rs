//! Words from outside, and how much of them is shown.
//!
//! A server may send megabytes in a message. What is shown of one, in every format, is what a person can read; whoever
//! needs the rest asks the server.

use std::borrow::Cow;

/// The longest text from outside that is shown, in bytes. Conditions of Kubernetes and termination messages of pods
/// are hardly ever longer.
pub const LONGEST: usize = 4096;

/// The beginning of the text where it is longer than that, and how long it was.
#[must_use]
pub fn cut(text: &str) -> Cow<'_, str> {
    cut_to(LONGEST, text)
}

/// The same for a narrower place; `most` is more than the note takes.
#[must_use]
pub fn cut_to(most: usize, text: &str) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let note = format!(" … (cut, {} bytes in all)", text.len());
    let room = most.saturating_sub(note.len());
    let end = (0..=room).rev().find(|at| text.is_char_boundary(*at));
    let beginning = text[..end.unwrap_or_default()].trim_end();
    Cow::Owned(format!("{beginning}{note}"))
}

/// The same for a text that is not needed any more.
#[must_use]
pub fn shortened(text: String) -> String {
    match cut(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(cut) => cut,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_and_says_how_long_it_was() {
        let whole = "x".repeat(LONGEST);
        assert_eq!(cut(&whole), whole);
        let cut = shortened("ä".repeat(2_500_000));
        assert!(cut.starts_with("ää") && cut.len() <= LONGEST);
        assert!(cut.ends_with("ä … (cut, 5000000 bytes in all)"), "{cut}");
    }

    proptest! {
        #[test]
        fn what_is_cut_stays_as_it_is(text in ".{0,200}", times in 1usize..200) {
            let cut = shortened(text.repeat(times));
            prop_assert!(cut.len() <= LONGEST);
            prop_assert_eq!(shortened(cut.clone()), cut);
        }
    }
}
