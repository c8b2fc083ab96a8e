//! Which bmctl this is.

use schemars::JsonSchema;
use serde::Serialize;

use super::{document::Report, name::ResourceName, page::Page};

/// The version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VersionReport {
    pub version: &'static str,
    pub build: BuildFacts,
}

/// How this very file came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BuildFacts {
    /// The full hash, with `-modified` where the sources differed from it. Absent where nobody knows: a development
    /// build, or sources without a repository.
    pub commit: Option<&'static str>,
    /// Rust's name of the platform.
    pub target: &'static str,
    /// `release` or `development`.
    pub profile: &'static str,
}

impl VersionReport {
    /// What the build script wrote down.
    #[must_use]
    pub const fn of_this_build() -> Self {
        let commit = env!("BMCTL_COMMIT");
        Self {
            version: env!("CARGO_PKG_VERSION"),
            build: BuildFacts {
                commit: if commit.is_empty() {
                    None
                } else {
                    Some(commit)
                },
                target: env!("BMCTL_TARGET"),
                profile: env!("BMCTL_PROFILE"),
            },
        }
    }
}

impl Report for VersionReport {
    const KIND: &'static str = "VersionResult";

    fn text(&self, page: &mut Page) {
        page.line(format!("bmctl version: {}", self.version));
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}
