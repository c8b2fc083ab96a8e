//! VM Runtime of Google Distributed Cloud (GDC), as far as it is published: what each release has, as data.
//!
//! `commands` reads the table for its flag and puts [`installation`] into a fresh cluster; the rules in [`super::rule`]
//! read it to decide which fields they write. docs/sandbox.md says of each matter whether it is documented, inferred or
//! known to nobody outside Google. A new release is a row here.

mod installation;
mod schema;

pub use installation::installation;

/// What one release of the product has. Sources: Google's documentation of that release, the Go types that Google
/// publishes with its end-to-end tests, and public tools that read the status.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// As `--controller gdc=NAME` and the documentation name it.
    pub name: &'static str,
    /// What a preflight check looks for, in the order of its results.
    pub features: &'static [&'static str],
    /// Has the status of VMRuntime a `preflightCheckSummary`, and `kubectl get` its column?
    pub summary: bool,
    /// Has the status `observedGeneration`, `anthosBareMetalVersion` and the actual storage class?
    pub observations: bool,
}

/// Every release that can be played, the newest last.
pub static RELEASES: [Release; 3] = [
    Release {
        name: "1.13",
        features: &["CPU", "KVM"],
        summary: false,
        observations: false,
    },
    Release {
        name: "1.16",
        features: &["CPU", "KVM"],
        summary: true,
        observations: false,
    },
    Release {
        name: "1.29",
        features: &["CPU", "KVM", "VSOCK"],
        summary: true,
        observations: true,
    },
];

impl Release {
    /// The release of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        RELEASES.iter().find(|release| release.name == name)
    }

    #[must_use]
    pub const fn newest() -> &'static Self {
        &RELEASES[RELEASES.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_found_by_their_names_and_stand_in_order() {
        let numbers = RELEASES.each_ref().map(|release| {
            assert_eq!(Release::named(release.name), Some(release));
            let (_, minor) = release.name.split_once('.').unwrap();
            minor.parse::<u32>().unwrap()
        });
        assert!(numbers.is_sorted());
        assert_eq!(Release::named("1.30"), None);
        assert_eq!(Release::newest().name, "1.29");
    }
}
