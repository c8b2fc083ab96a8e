//! The annotation that permits a disable to delete all VMs.

use std::collections::BTreeMap;

use crate::api::name::{FORCE_DISABLE, FORCE_DISABLE_CORRECTED};

/// What the annotation of a VMRuntime says, and what is to be warned about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForceAnnotation {
    /// Exactly "true" was said.
    pub permits: bool,
    /// What a person should know about the spelling of key or value.
    pub warning: Option<String>,
}

impl ForceAnnotation {
    /// Reads the product's own key; the corrected spelling counts only where that key is absent.
    /// Only the exact string "true" permits anything: a typing error must not delete machines.
    #[must_use]
    pub fn read(annotations: Option<&BTreeMap<String, String>>) -> Self {
        let value = |key: &str| {
            annotations
                .and_then(|annotations| annotations.get(key))
                .map(String::as_str)
        };
        let (text, misspelt) = match (value(FORCE_DISABLE), value(FORCE_DISABLE_CORRECTED)) {
            (Some(text), _) => (text, None),
            (None, Some(text)) => (
                text,
                Some(format!(
                    "annotation {FORCE_DISABLE_CORRECTED} is read as {FORCE_DISABLE}, the product's own spelling"
                )),
            ),
            (None, None) => {
                return Self {
                    permits: false,
                    warning: None,
                };
            }
        };
        let strange = (text != "true" && text != "false")
            .then(|| format!("annotation {FORCE_DISABLE} is {text:?}: only \"true\" permits deleting VMs, so it is read as \"false\""));
        Self {
            permits: text == "true",
            warning: strange.or(misspelt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> ForceAnnotation {
        let annotations = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        ForceAnnotation::read(Some(&annotations))
    }

    #[test]
    fn only_the_exact_string_true_permits() {
        assert_eq!(
            ForceAnnotation::read(None),
            ForceAnnotation {
                permits: false,
                warning: None
            }
        );
        assert_eq!(
            read(&[(FORCE_DISABLE, "true")]),
            ForceAnnotation {
                permits: true,
                warning: None
            }
        );
        assert_eq!(
            read(&[(FORCE_DISABLE, "false")]),
            ForceAnnotation {
                permits: false,
                warning: None
            }
        );
        for text in ["True", "TRUE", " true", "yes", "1", ""] {
            let read = read(&[(FORCE_DISABLE, text)]);
            assert!(!read.permits && read.warning.is_some(), "{text:?}");
        }
    }

    #[test]
    fn the_corrected_spelling_counts_only_where_the_real_key_is_absent() {
        let alone = read(&[(FORCE_DISABLE_CORRECTED, "true")]);
        assert!(alone.permits && alone.warning.is_some());
        let both = read(&[(FORCE_DISABLE_CORRECTED, "true"), (FORCE_DISABLE, "false")]);
        assert_eq!(
            both,
            ForceAnnotation {
                permits: false,
                warning: None
            }
        );
    }
}
