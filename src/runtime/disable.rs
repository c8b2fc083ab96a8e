//! The five rows that decide what a disable does. Source: the product's documentation of `bmctl disable vmruntime`.
//!
//! Called by `bmctl disable` and, for a change that came through the resource alone, by the controller (which never
//! has a `--force`, and takes [`Decision::AskThenDelete`] as the permission that the annotation is). A number of
//! machines that could not be determined never gets here: whoever cannot count must refuse.

use super::force::ForceAnnotation;

/// Was `--force=true` given?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    Given,
    Absent,
}

impl From<bool> for Force {
    fn from(given: bool) -> Self {
        if given { Self::Given } else { Self::Absent }
    }
}

/// What a disable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There are no VMs: disable.
    Disable,
    /// Delete all VMs and what belongs to them, then disable.
    DeleteThenDisable,
    /// Ask whether to delete them; disable once all are gone.
    AskThenDelete,
    /// Delete nothing, disable nothing.
    Refuse,
}

/// The table. `machines` is how many VMs of any kind exist, running or not, children counted with their parents.
#[must_use]
pub const fn decide(machines: usize, force: Force, annotation: &ForceAnnotation) -> Decision {
    match (machines, force, annotation.permits) {
        (0, _, _) => Decision::Disable,
        (_, Force::Given, _) => Decision::DeleteThenDisable,
        (_, Force::Absent, true) => Decision::AskThenDelete,
        (_, Force::Absent, false) => Decision::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::api::name::{FORCE_DISABLE, FORCE_DISABLE_CORRECTED};

    fn annotation(key: &str, value: &str) -> ForceAnnotation {
        ForceAnnotation::read(Some(&BTreeMap::from([(key.to_owned(), value.to_owned())])))
    }

    #[test]
    fn row_1_without_vms_it_disables_whatever_else_is_said() {
        for force in [Force::Given, Force::Absent] {
            for value in ["true", "false"] {
                assert_eq!(
                    decide(0, force, &annotation(FORCE_DISABLE, value)),
                    Decision::Disable
                );
            }
        }
    }

    #[test]
    fn row_2_force_and_annotation_delete() {
        assert_eq!(
            decide(2, Force::Given, &annotation(FORCE_DISABLE, "true")),
            Decision::DeleteThenDisable
        );
    }

    #[test]
    fn row_3_force_alone_deletes() {
        assert_eq!(
            decide(2, Force::Given, &annotation(FORCE_DISABLE, "false")),
            Decision::DeleteThenDisable
        );
        assert_eq!(
            decide(1, Force::Given, &ForceAnnotation::read(None)),
            Decision::DeleteThenDisable
        );
    }

    #[test]
    fn row_4_the_annotation_alone_asks() {
        assert_eq!(
            decide(2, Force::Absent, &annotation(FORCE_DISABLE, "true")),
            Decision::AskThenDelete
        );
    }

    #[test]
    fn row_5_neither_refuses() {
        assert_eq!(
            decide(2, Force::Absent, &annotation(FORCE_DISABLE, "false")),
            Decision::Refuse
        );
        assert_eq!(
            decide(1, Force::Absent, &ForceAnnotation::read(None)),
            Decision::Refuse
        );
    }

    #[test]
    fn every_spelling_of_the_annotation() {
        let cases = [
            (FORCE_DISABLE, "true", Decision::AskThenDelete),
            (FORCE_DISABLE_CORRECTED, "true", Decision::AskThenDelete),
            (FORCE_DISABLE, "True", Decision::Refuse),
            (FORCE_DISABLE, "yes", Decision::Refuse),
            (FORCE_DISABLE, "", Decision::Refuse),
            (FORCE_DISABLE_CORRECTED, "TRUE", Decision::Refuse),
            ("vmruntime-force-disable", "true", Decision::Refuse),
        ];
        for (key, value, decision) in cases {
            assert_eq!(
                decide(1, Force::Absent, &annotation(key, value)),
                decision,
                "{key}: {value:?}"
            );
        }
    }

    #[test]
    fn the_corrected_spelling_never_overrules_the_real_one() {
        let both = ForceAnnotation::read(Some(&BTreeMap::from([
            (FORCE_DISABLE.to_owned(), "false".to_owned()),
            (FORCE_DISABLE_CORRECTED.to_owned(), "true".to_owned()),
        ])));
        assert_eq!(decide(1, Force::Absent, &both), Decision::Refuse);
    }

    proptest! {
        #[test]
        fn nothing_is_ever_deleted_unforced_and_unannotated(machines: usize, value in "[^t].*") {
            let decision = decide(machines, Force::Absent, &annotation(FORCE_DISABLE, &value));
            prop_assert!(matches!(decision, Decision::Disable | Decision::Refuse));
        }
    }
}
