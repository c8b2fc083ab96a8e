//! By which name the program was started, and how it calls itself then.

use std::{ffi::OsStr, path::Path};

/// kubectl finds plugins by their file name; everything that is to be pasted then begins with kubectl's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    #[default]
    Bmctl,
    /// Installed as `kubectl-vmruntime`, run as `kubectl vmruntime`.
    KubectlPlugin,
}

impl Program {
    /// By the first word of the command line. kubectl writes dashes of a plugin's name as underscores.
    #[must_use]
    pub fn of(first_word: &OsStr) -> Self {
        let name = Path::new(first_word).file_name().unwrap_or_default();
        match name.to_str() {
            Some("kubectl-vmruntime" | "kubectl_vmruntime") => Self::KubectlPlugin,
            _ => Self::Bmctl,
        }
    }

    /// The words that a command line begins with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bmctl => OWN_NAME,
            Self::KubectlPlugin => "kubectl vmruntime",
        }
    }
}

/// Its own name.
pub const OWN_NAME: &str = "bmctl";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_decides() {
        for (word, expected) in [
            ("bmctl", Program::Bmctl),
            ("/usr/local/bin/kubectl-vmruntime", Program::KubectlPlugin),
            ("./kubectl_vmruntime", Program::KubectlPlugin),
            ("kubectl-vmruntime/bmctl", Program::Bmctl),
            ("", Program::Bmctl),
        ] {
            assert_eq!(Program::of(OsStr::new(word)), expected, "{word}");
        }
    }
}
