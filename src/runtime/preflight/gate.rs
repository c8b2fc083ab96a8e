//! May virtual machines be created? Only a finished check of the present enabling can say yes.

use super::{CheckFacts, Inputs, Subject, trigger};
use crate::runtime::verdict;

/// What the checks of the present enabling say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gate<'a> {
    /// None has finished yet; this one is running, if any.
    Pending(Option<&'a CheckFacts>),
    /// By the latest finished one VMs can be run.
    Passed(&'a CheckFacts),
    /// By the latest finished one they cannot.
    Failed(&'a CheckFacts),
}

/// Judges an enabled VM Runtime. What passed before it was enabled counts for nothing; while a later check runs, the
/// last result stands.
#[must_use]
pub fn gate<'a>(subject: &Subject, checks: &'a [CheckFacts]) -> Gate<'a> {
    match finished_in_epoch(subject, checks) {
        Some(check) if verdict::judge(Some(&check.status)).suffices() => Gate::Passed(check),
        Some(check) => Gate::Failed(check),
        None => Gate::Pending(
            checks
                .iter()
                .filter(|check| !check.finished() && !check.deleting && check.inputs.is_some())
                .max_by_key(|check| check.age_order()),
        ),
    }
}

/// The latest finished check, whoever made it and whenever.
#[must_use]
pub fn latest_finished(checks: &[CheckFacts]) -> Option<&CheckFacts> {
    newest(checks.iter())
}

/// The latest finished check that belongs to the present enabling.
pub(super) fn finished_in_epoch<'a>(
    subject: &Subject,
    checks: &'a [CheckFacts],
) -> Option<&'a CheckFacts> {
    let epoch = trigger::last_inputs(subject, checks)?;
    // Further away, it may have been disabled in between: see `due`.
    if !(0..=1).contains(&(subject.generation - epoch.generation)) {
        return None;
    }
    newest(checks.iter().filter(|check| belongs(check, epoch)))
}

fn newest<'a>(checks: impl Iterator<Item = &'a CheckFacts>) -> Option<&'a CheckFacts> {
    checks
        .filter(|check| check.finished() && !check.deleting)
        .max_by_key(|check| check.age_order())
}

/// A check of our own says what it was made for. Somebody's own counts if it was taken up after the enabling.
fn belongs(check: &CheckFacts, epoch: &Inputs) -> bool {
    match (&check.inputs, &check.occasion) {
        (Some(inputs), _) => inputs.runtime == epoch.runtime && inputs.enabling == epoch.enabling,
        (None, Some(occasion)) => {
            occasion.runtime == epoch.runtime && occasion.generation >= epoch.enabling
        }
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Occasion,
            tests::{at, check},
        },
        *,
    };
    use crate::api::{CheckResult, NodeResult};

    fn subject(generation: i64) -> Subject {
        Subject {
            uid: "u".to_owned(),
            generation,
            now: at(100),
            ..Subject::default()
        }
    }

    /// The controller's check, made in that generation for that enabling.
    fn own(
        name: &str,
        second: i64,
        generation: i64,
        enabling: i64,
        pass: Option<bool>,
    ) -> CheckFacts {
        CheckFacts {
            inputs: Some(Inputs {
                runtime: "u".to_owned(),
                generation,
                enabling,
                ..Inputs::default()
            }),
            ..check(name, second, pass)
        }
    }

    /// Somebody's own check, taken up in that generation.
    fn somebodys(second: i64, generation: i64, pass: bool) -> CheckFacts {
        CheckFacts {
            occasion: Some(Occasion {
                runtime: "u".to_owned(),
                generation,
                use_emulation: false,
                asked: None,
            }),
            ..check("own", second, Some(pass))
        }
    }

    fn said(gate: Gate<'_>) -> (&'static str, Option<&str>) {
        match gate {
            Gate::Pending(check) => ("pending", check.map(|check| check.name.as_str())),
            Gate::Passed(check) => ("passed", Some(&check.name)),
            Gate::Failed(check) => ("failed", Some(&check.name)),
        }
    }

    #[test]
    fn only_the_latest_finished_check_of_this_enabling_counts() {
        let passed = || own("a", 10, 5, 5, Some(true));
        let table = [
            ("no check", vec![], ("pending", None)),
            (
                "running",
                vec![own("a", 10, 5, 5, None)],
                ("pending", Some("a")),
            ),
            ("passed", vec![passed()], ("passed", Some("a"))),
            (
                "from before the enabling",
                vec![own("old", 1, 3, 3, Some(true)), own("a", 10, 5, 5, None)],
                ("pending", Some("a")),
            ),
            (
                "somebody's own from before",
                vec![somebodys(20, 4, true), own("a", 10, 5, 5, None)],
                ("pending", Some("a")),
            ),
            (
                "somebody's own closes",
                vec![passed(), somebodys(10, 5, false)],
                ("failed", Some("own")),
            ),
            (
                "somebody's own opens",
                vec![own("a", 10, 5, 5, Some(false)), somebodys(11, 5, true)],
                ("passed", Some("own")),
            ),
            (
                "somebody's own that was never taken up",
                vec![passed(), check("forged", 11, Some(true))],
                ("passed", Some("a")),
            ),
            (
                "a later one is running",
                vec![passed(), own("b", 20, 5, 5, None)],
                ("passed", Some("a")),
            ),
            (
                "settings changed, the next check is not there yet",
                vec![own("a", 10, 4, 4, Some(true))],
                ("passed", Some("a")),
            ),
            (
                "maybe disabled and enabled since",
                vec![own("a", 10, 3, 3, Some(true))],
                ("pending", None),
            ),
        ];
        for (case, checks, expected) in table {
            assert_eq!(said(gate(&subject(5), &checks)), expected, "{case}");
        }
    }

    /// Whoever may write the status of a check may write anything.
    #[test]
    fn pass_alone_opens_nothing() {
        let unknown = || NodeResult {
            unknown: Some(true),
            ..NodeResult::default()
        };
        let with = |nodes: Vec<(&str, NodeResult)>| {
            let mut check = own("a", 10, 5, 5, Some(true));
            check.status.checks = nodes
                .into_iter()
                .map(|(name, node)| (name.to_owned(), node))
                .collect();
            check
        };
        let good = || NodeResult {
            passed: true,
            ..NodeResult::default()
        };
        let failed = || NodeResult {
            results: vec![CheckResult::default()],
            ..NodeResult::default()
        };
        for (nodes, expected) in [
            (vec![], "failed"),
            (vec![("n1", unknown())], "failed"),
            (vec![("n1", good()), ("n2", failed())], "failed"),
            (vec![("n1", good()), ("n2", unknown())], "passed"),
        ] {
            let checks = [with(nodes)];
            assert_eq!(said(gate(&subject(5), &checks)).0, expected, "{checks:?}");
        }
    }
}
