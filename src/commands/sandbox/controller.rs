//! `--controller`: who acts on VMRuntime in the sandbox.

use super::assembly::Composition;
use crate::simulator::gdc::{RELEASES, Release};

const OWN: &str = "bmctl";
const GDC: &str = "gdc";
const GDC_ADMIN: &str = "gdc-admin";

/// Reads `bmctl`, `gdc`, `gdc=RELEASE` or `gdc-admin`.
///
/// # Errors
/// It is none of these, or no such release is played.
pub fn parse(text: &str) -> Result<Composition, String> {
    match (text, text.split_once('=')) {
        (OWN, _) => Ok(Composition::Everyone),
        (GDC, _) => Ok(Composition::Gdc(Release::newest())),
        (GDC_ADMIN, _) => Ok(Composition::GdcAdmin),
        (_, Some((GDC, release))) => Release::named(release)
            .map(Composition::Gdc)
            .ok_or_else(|| format!("of GDC there is {}", releases())),
        _ => Err(format!(
            "expected {OWN}, {GDC}, {GDC}=RELEASE or {GDC_ADMIN}"
        )),
    }
}

/// As the flag takes it. Whether a controller runs or not, its cluster is the same.
pub fn word(composition: Composition) -> String {
    match composition {
        Composition::Everyone | Composition::Machinery | Composition::ApiServer => OWN.to_owned(),
        Composition::Gdc(release) => format!("{GDC}={}", release.name),
        Composition::GdcAdmin => GDC_ADMIN.to_owned(),
    }
}

/// For the help.
pub fn releases() -> String {
    RELEASES.each_ref().map(|release| release.name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_a_word_and_perhaps_a_release() {
        assert_eq!(parse("bmctl"), Ok(Composition::Everyone));
        assert_eq!(parse("gdc"), parse("gdc=1.29"));
        for text in ["bmctl", "gdc=1.13", "gdc=1.16", "gdc=1.29", "gdc-admin"] {
            assert_eq!(parse(text).map(word), Ok(text.to_owned()));
        }
        for text in ["", "google", "gdc=", "gdc=1.30", "bmctl=1"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
