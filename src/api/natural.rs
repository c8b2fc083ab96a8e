//! The order of names as people count: `worker-2` before `worker-10`. Whoever lists nodes takes it.

use std::{cmp::Ordering, iter::Peekable, str::Chars};

/// A name that sorts that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Natural<'a>(pub &'a str);

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares two names: runs of digits as numbers of any length, everything else character by character.
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    parts(one)
        .cmp(parts(other))
        // `worker-2` and `worker-02` are two nodes.
        .then_with(|| one.cmp(other))
}

/// Sorts names that way.
pub fn sort(names: &mut [impl AsRef<str>]) {
    names.sort_by(|one, other| compare(one.as_ref(), other.as_ref()));
}

/// A piece of a name. All numbers stand where digits stand among the characters.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Without leading zeros.
    Number(String),
    Character(char),
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => {
                one.len().cmp(&other.len()).then_with(|| one.cmp(other))
            }
            (Self::Character(one), Self::Character(other)) => one.cmp(other),
            (Self::Number(_), Self::Character(other)) => '0'.cmp(other),
            (Self::Character(one), Self::Number(_)) => one.cmp(&'0'),
        }
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn parts(name: &str) -> impl Iterator<Item = Part> {
    let mut rest: Peekable<Chars<'_>> = name.chars().peekable();
    std::iter::from_fn(move || {
        let first = rest.next()?;
        if !first.is_ascii_digit() {
            return Some(Part::Character(first));
        }
        let mut digits = String::from(first);
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        Some(Part::Number(digits.trim_start_matches('0').to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_are_counted() {
        for ordered in [
            &["worker-1", "worker-2", "worker-10", "worker-11"][..],
            &["a", "a-1", "a0", "a1", "aa", "b"],
            &["n2-9", "n2-10", "n10-1"],
            // What counts the same is ordered as text.
            &["n01", "n1", "n001x", "n2"],
            &[
                "9",
                "10",
                "99999999999999999999998",
                "99999999999999999999999",
            ],
            &["", "0", "node"],
        ] {
            let mut names = ordered.to_vec();
            names.reverse();
            sort(&mut names);
            assert_eq!(names, ordered);
        }
    }

    proptest! {
        #[test]
        fn it_is_an_order(mut names in proptest::collection::vec("[a-b0-2./-]{0,5}", 0..12)) {
            sort(&mut names);
            for (at, one) in names.iter().enumerate() {
                for other in &names[at..] {
                    prop_assert_ne!(compare(one, other), Ordering::Greater);
                    prop_assert_eq!(compare(one, other), compare(other, one).reverse());
                    prop_assert_eq!(compare(one, other) == Ordering::Equal, one == other);
                }
            }
        }
    }
}
