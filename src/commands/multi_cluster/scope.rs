//! One cluster or several, as it was typed.

use crate::cli::ConnectionArgs;

/// Whom a command is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one that the kubeconfig and the flags name; its result is a document of its own.
    One,
    /// Several, even if only one was named: the result is a list.
    Contexts(Vec<String>),
    AllContexts,
    Clusters(Vec<String>),
}

impl Scope {
    #[must_use]
    pub fn of(connection: &ConnectionArgs) -> Self {
        if connection.all_contexts {
            Self::AllContexts
        } else if !connection.contexts.is_empty() {
            Self::Contexts(connection.contexts.clone())
        } else if connection.clusters.len() > 1 {
            Self::Clusters(connection.clusters.clone())
        } else {
            Self::One
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::Cli;

    #[test]
    fn the_flags_say_how_many() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (typed, expected) in [
            ("bmctl status vmruntime", Some(Scope::One)),
            ("bmctl status vmruntime -c a --context x", Some(Scope::One)),
            (
                "bmctl status vmruntime -c a --cluster b",
                Some(Scope::Clusters(names(&["a", "b"]))),
            ),
            (
                "bmctl --contexts a,b status vmruntime",
                Some(Scope::Contexts(names(&["a", "b"]))),
            ),
            (
                "bmctl --contexts a,\u{a0}b status vmruntime",
                Some(Scope::Contexts(names(&["a", "b"]))),
            ),
            ("bmctl --contexts a,,b status vmruntime", None),
            ("bmctl --contexts a, status vmruntime", None),
            ("bmctl --contexts= status vmruntime", None),
            (
                "bmctl status vmruntime --contexts a",
                Some(Scope::Contexts(names(&["a"]))),
            ),
            (
                "bmctl status vmruntime --all-contexts",
                Some(Scope::AllContexts),
            ),
            ("bmctl status vmruntime --all-contexts --context a", None),
            ("bmctl status vmruntime --contexts a --context b", None),
            ("bmctl status vmruntime --contexts a -c b -c c", None),
        ] {
            let parsed = Cli::try_parse_from(typed.split(' ')).ok();
            let scope = parsed.map(|cli| Scope::of(&cli.global.connection));
            assert_eq!(scope, expected, "{typed}");
        }
    }
}
