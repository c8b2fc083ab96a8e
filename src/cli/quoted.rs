//! A command line as it is shown: ready to be pasted, and without what nobody may read there. The log keeps it, and what
//! corrects a command line quotes it.

use std::ffi::OsString;

use crate::failure::{Given, shell_word, shown, shown_word};

/// What stands in place of a secret.
const WITHHELD: &str = "(not shown)";

/// All words, with spaces between them.
pub fn line(words: impl IntoIterator<Item = OsString>) -> String {
    let mut line = Vec::new();
    let mut is_secret = false;
    for word in words {
        let word = word.to_string_lossy();
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) if flag.starts_with('-') => (Some(flag), Some(value)),
            Some(_) | None => (word.starts_with('-').then_some(&*word), None),
        };
        line.push(match (flag, value) {
            (Some(flag), Some(_)) if names_secret(flag) => {
                shell_word(&format!("{flag}={WITHHELD}"))
            }
            (Some(flag), Some(value)) => shell_word(&format!("{flag}={}", shown(value))),
            (Some(flag), None) => shown_word(flag),
            (None, _) if is_secret => shell_word(WITHHELD),
            (None, _) => match word.split_once('=') {
                // FORMAT=PATH, NAME=DIR, and the like.
                Some((name, value)) if Given::of(&word) == Given::Plausible => {
                    shell_word(&format!("{name}={}", shown(value)))
                }
                Some(_) | None => shown_word(&word),
            },
        });
        is_secret = value.is_none() && flag.is_some_and(names_secret);
    }
    line.join(" ")
}

/// bmctl has no such flag; a program that `sandbox run` starts may have.
fn names_secret(flag: &str) -> bool {
    let flag = flag.to_ascii_lowercase();
    ["token", "password", "passwd", "secret"]
        .iter()
        .any(|word| flag.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_pasted_and_holds_no_secret() {
        for (words, expected) in [
            (
                &["bmctl", "enable", "vmruntime", "--context", "a b"][..],
                "bmctl enable vmruntime --context 'a b'",
            ),
            (
                &["bmctl", "--as=sha256~canary", "-c", "sha256~canary"],
                "bmctl '--as=(what looks like a credential, not shown)' -c '(what looks like a credential, not shown)'",
            ),
            (
                &[
                    "bmctl",
                    "sandbox",
                    "start",
                    "--node-facts",
                    "a=sha256~canary",
                ],
                "bmctl sandbox start --node-facts 'a=(what looks like a credential, not shown)'",
            ),
            (
                &["bmctl", "-c", "eyJhbGciOiJIUzI1NiJ9.eyJhIjoiYiJ9=.canary"],
                "bmctl -c '(what looks like a credential, not shown)'",
            ),
            (
                &["bmctl", "version", "apiVersion: v1\ntoken: canary"],
                "bmctl version '(the text of a kubeconfig, not shown)'",
            ),
            (
                &[
                    "bmctl", "sandbox", "run", "--", "kubectl", "--token", "canary", "get",
                ],
                "bmctl sandbox run -- kubectl --token '(not shown)' get",
            ),
            (
                &[
                    "bmctl",
                    "sandbox",
                    "run",
                    "--",
                    "x",
                    "--db-password=canary",
                    "-p",
                ],
                "bmctl sandbox run -- x '--db-password=(not shown)' -p",
            ),
        ] {
            let words = words.iter().map(OsString::from);
            assert_eq!(line(words), expected);
        }
    }
}
