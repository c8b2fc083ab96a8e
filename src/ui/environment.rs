//! What the environment says about the terminal. Read once, handed on as a value, so that decisions can be tested.

use std::collections::BTreeMap;

/// The variables that this module knows.
const KNOWN: [&str; 8] = [
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "TERM",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
    "GITHUB_ACTIONS",
];

/// Variables that are set, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Of this process.
    pub fn read() -> Self {
        Self(
            KNOWN
                .iter()
                .filter_map(|name| {
                    let value = std::env::var_os(name)?;
                    Some(((*name).to_owned(), value.to_string_lossy().into_owned()))
                })
                .collect(),
        )
    }

    /// Set, and not to nothing.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The terminal cannot move its cursor or show colour.
    pub(super) fn is_dumb(&self) -> bool {
        self.value("TERM") == Some("dumb")
    }

    /// POSIX: the first of the three that is set and not empty names the locale; none at all is the C locale.
    pub(super) fn is_utf8(&self) -> bool {
        ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| self.value(name))
            .is_some_and(|locale| {
                let locale = locale.to_ascii_lowercase();
                locale.contains("utf-8") || locale.contains("utf8")
            })
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        for (environment, expected) in [
            (Environment::default(), false),
            (Environment::from([("LANG", "C.UTF-8")]), true),
            (Environment::from([("LANG", "de_DE.utf8")]), true),
            (
                Environment::from([("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]),
                false,
            ),
            (
                Environment::from([("LC_ALL", ""), ("LC_CTYPE", "en_US.UTF-8")]),
                true,
            ),
            (Environment::from([("LANG", "POSIX")]), false),
        ] {
            assert_eq!(environment.is_utf8(), expected, "{environment:?}");
        }
    }
}
