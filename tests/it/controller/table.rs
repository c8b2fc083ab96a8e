//! The table of `docs/controller.md` and the test that each of its lines is told by: every phase is entered and left,
//! and every reason is given. Held in three ways: a test fails if it does not see its own lines; any test fails that
//! sees a reason which is not in here; and [`trials`] compares with the code and with the documentation.

use std::{collections::BTreeSet, fs, path::Path};

use bmctl::{
    api::{
        Phase,
        condition::{
            ConditionStatus::{self, False, True, Unknown},
            kind, reason,
        },
    },
    controller::metric::CATALOGUE,
    simulator::NodeProfile,
};
use libtest_mimic::{Failed, Trial};

use super::test_cluster::{TestCluster, run_on};

/// A way through the phases that a test takes. What is in the middle is entered and left.
struct Way(&'static str, &'static [&'static str]);

/// A condition's type, status and reason, and a test in which it is published.
struct Line(&'static str, ConditionStatus, &'static str, &'static str);

#[rustfmt::skip]
const WAYS: &[Way] = &[
    Way("enable_ends_ready", &["Disabled", "Installing", "Ready"]),
    Way("engine_up_before_the_check", &["Installing", "Preflight", "Ready"]),
    Way("failed_check_closes_creation", &["Disabled", "Degraded", "Ready"]),
    Way("slow_installation_is_said", &["Installing", "Degraded", "Ready"]),
    Way("disable_removes_the_engine", &["Ready", "Fencing", "Uninstalling", "Disabled"]),
    Way("enable_again_checks_again", &["Uninstalling", "Disabled", "Installing", "Degraded"]),
    Way("fence_closes_creation_while_enabled", &["Ready", "Fencing", "Ready"]),
    Way("disable_is_blocked_by_vms", &["Ready", "DisableBlocked", "Uninstalling", "Disabled"]),
    Way("annotation_drains", &["DisableBlocked", "Draining", "Uninstalling", "Disabled"]),
    Way("enable_in_the_middle_of_a_drain", &["Ready", "Draining", "Ready"]),
    Way("enable_in_the_middle_of_a_disable", &["DisableBlocked", "Ready", "Uninstalling", "Ready"]),
];

#[rustfmt::skip]
const LINES: &[Line] = &[
    Line(kind::READY, True, reason::ENGINE_READY, "enable_ends_ready"),
    Line(kind::READY, False, reason::DISABLED, "enable_ends_ready"),
    Line(kind::READY, False, reason::ENGINE_INSTALLING, "enable_ends_ready"),
    Line(kind::READY, False, reason::ENGINE_UNINSTALLING, "disable_removes_the_engine"),
    Line(kind::READY, False, reason::PREFLIGHT_PENDING, "foreign_engine_is_used_and_kept"),
    Line(kind::READY, False, reason::PREFLIGHT_RUNNING, "engine_up_before_the_check"),
    Line(kind::READY, False, reason::PREFLIGHT_FAILED, "failed_check_closes_creation"),
    Line(kind::READY, False, reason::OPERATOR_NOT_FOUND, "missing_operator_is_said"),
    Line(kind::READY, False, reason::ENGINE_DOWN, "an_outage_is_no_installation"),
    Line(kind::READY, False, reason::NO_ELIGIBLE_NODE, "the_only_node_is_left_out"),
    Line(kind::READY, False, reason::FENCED, "disable_removes_the_engine"),
    Line(kind::READY, False, reason::DRAINING, "annotation_drains"),
    Line(kind::READY, False, reason::WORKLOADS_EXIST, "disable_is_blocked_by_vms"),
    Line(kind::READY, False, reason::WORKLOADS_UNKNOWN, "unknown_vms_are_no_vms_to_forget"),
    Line(kind::READY, Unknown, reason::FORBIDDEN, "a_cluster_that_can_not_be_seen_is_not_ready"),
    Line(kind::PROGRESSING, True, reason::ENGINE_INSTALLING, "enable_ends_ready"),
    Line(kind::PROGRESSING, True, reason::ENGINE_DOWN, "an_outage_is_no_installation"),
    Line(kind::PROGRESSING, True, reason::ENGINE_UNINSTALLING, "disable_removes_the_engine"),
    Line(kind::PROGRESSING, True, reason::PREFLIGHT_PENDING, "foreign_engine_is_used_and_kept"),
    Line(kind::PROGRESSING, True, reason::PREFLIGHT_RUNNING, "engine_up_before_the_check"),
    Line(kind::PROGRESSING, True, reason::FENCED, "disable_removes_the_engine"),
    Line(kind::PROGRESSING, True, reason::DRAINING, "annotation_drains"),
    Line(kind::PROGRESSING, True, reason::WORKLOADS_UNKNOWN, "unknown_vms_are_no_vms_to_forget"),
    Line(kind::PROGRESSING, False, reason::CONVERGED, "enable_ends_ready"),
    Line(kind::PROGRESSING, False, reason::DISABLED, "enable_ends_ready"),
    Line(kind::PROGRESSING, False, reason::PREFLIGHT_FAILED, "failed_check_closes_creation"),
    Line(kind::PROGRESSING, False, reason::OPERATOR_NOT_FOUND, "missing_operator_is_said"),
    Line(kind::PROGRESSING, False, reason::NO_ELIGIBLE_NODE, "the_only_node_is_left_out"),
    Line(kind::PROGRESSING, False, reason::WORKLOADS_EXIST, "disable_is_blocked_by_vms"),
    Line(kind::DEGRADED, True, reason::PREFLIGHT_FAILED, "failed_check_closes_creation"),
    Line(kind::DEGRADED, True, reason::ENGINE_INSTALL_SLOW, "slow_installation_is_said"),
    Line(kind::DEGRADED, True, reason::ENGINE_UNINSTALL_SLOW, "slow_removal_is_said"),
    Line(kind::DEGRADED, True, reason::DRAIN_SLOW, "slow_drain_is_said"),
    Line(kind::DEGRADED, True, reason::OPERATOR_NOT_FOUND, "missing_operator_is_said"),
    Line(kind::DEGRADED, True, reason::ENGINE_DOWN, "an_outage_is_no_installation"),
    Line(kind::DEGRADED, True, reason::NO_ELIGIBLE_NODE, "the_only_node_is_left_out"),
    Line(kind::DEGRADED, True, reason::WORKLOADS_UNKNOWN, "unknown_vms_are_no_vms_to_forget"),
    Line(kind::DEGRADED, True, reason::STEP_FAILED, "webhook_is_down"),
    Line(kind::DEGRADED, True, reason::FORBIDDEN, "a_cluster_that_can_not_be_seen_is_not_ready"),
    Line(kind::DEGRADED, True, reason::REFUSED, "a_refused_step_is_said"),
    Line(kind::DEGRADED, False, reason::CONVERGED, "enable_ends_ready"),
    Line(kind::PREFLIGHT_PASSED, True, reason::PREFLIGHT_PASSED, "enable_ends_ready"),
    Line(kind::PREFLIGHT_PASSED, False, reason::PREFLIGHT_PENDING, "enable_ends_ready"),
    Line(kind::PREFLIGHT_PASSED, False, reason::PREFLIGHT_RUNNING, "engine_up_before_the_check"),
    Line(kind::PREFLIGHT_PASSED, False, reason::PREFLIGHT_FAILED, "failed_check_closes_creation"),
    Line(kind::PREFLIGHT_PASSED, False, reason::DISABLED, "enable_ends_ready"),
    Line(kind::VM_CREATION_ALLOWED, True, reason::PREFLIGHT_PASSED, "enable_ends_ready"),
    Line(kind::VM_CREATION_ALLOWED, False, reason::DISABLED, "enable_ends_ready"),
    Line(kind::VM_CREATION_ALLOWED, False, reason::FENCED, "fence_closes_creation_while_enabled"),
    Line(kind::VM_CREATION_ALLOWED, False, reason::PREFLIGHT_PENDING, "enable_ends_ready"),
    Line(kind::VM_CREATION_ALLOWED, False, reason::PREFLIGHT_RUNNING, "engine_up_before_the_check"),
    Line(kind::VM_CREATION_ALLOWED, False, reason::PREFLIGHT_FAILED, "failed_check_closes_creation"),
    Line(kind::DISABLE_BLOCKED, True, reason::WORKLOADS_EXIST, "disable_is_blocked_by_vms"),
    Line(kind::DISABLE_BLOCKED, False, reason::NO_WORKLOADS, "disable_is_blocked_by_vms"),
    Line(kind::DISABLE_BLOCKED, False, reason::ENABLED, "disable_is_blocked_by_vms"),
    Line(kind::ENGINE_DEGRADED, True, reason::ENGINE_PARTIAL, "one_node_of_many_is_not_ready"),
    Line(kind::ENGINE_DEGRADED, False, reason::CONVERGED, "one_node_of_many_is_not_ready"),
    Line(kind::ENGINE_FOREIGN, True, reason::ADOPTED, "foreign_engine_is_used_and_kept"),
    Line(kind::ENGINE_FOREIGN, True, reason::SETTINGS_DIFFER, "nodes_are_judged_by_the_engines_own_setting"),
    Line(kind::ENGINE_FOREIGN, False, reason::CONVERGED, "foreign_engine_goes_by_itself"),
    Line(kind::ENGINE_OWNED, True, reason::ENGINE_MADE, "nodes_are_left_as_they_were"),
    Line(kind::ENGINE_OWNED, False, reason::CONVERGED, "nodes_are_left_as_they_were"),
    Line(kind::ENGINE_OPERATOR_MISSING, True, reason::OPERATOR_NOT_FOUND, "missing_operator_is_said"),
    Line(kind::ENGINE_OPERATOR_MISSING, False, reason::CONVERGED, "missing_operator_is_said"),
    Line(kind::EMULATION_FORCED, True, reason::USE_EMULATION, "emulation_is_handed_on"),
    Line(kind::EMULATION_FORCED, False, reason::CONVERGED, "emulation_is_handed_on"),
    Line(kind::FORCE_ANNOTATION_LEFT, True, reason::ANNOTATION_TRUE, "annotation_drains"),
    Line(kind::FORCE_ANNOTATION_LEFT, False, reason::CONVERGED, "annotation_drains"),
    Line(kind::DISKS_KEPT, True, reason::DISKS_EXIST, "disks_keep_cdi"),
    Line(kind::DISKS_KEPT, False, reason::CONVERGED, "disks_keep_cdi"),
    Line(kind::CONTESTED, True, reason::CHANGED_BY_OTHERS, "a_fight_is_told_and_gets_slower"),
    Line(kind::CONTESTED, False, reason::CONVERGED, "a_fight_is_told_and_gets_slower"),
    Line(kind::ADMISSION_MISSING, True, reason::ADMISSION_UNAVAILABLE, "old_kubernetes_has_no_policies"),
    Line(kind::ADMISSION_MISSING, True, reason::ADMISSION_NOT_ENFORCED, "a_gate_that_lets_vms_pass_is_not_believed"),
    Line(kind::ADMISSION_MISSING, False, reason::CONVERGED, "old_kubernetes_has_no_policies"),
];

/// Is it a line of the table?
pub fn has(kind: &str, status: ConditionStatus, reason: &str) -> bool {
    LINES
        .iter()
        .any(|Line(a, b, c, _)| (*a, *b, *c) == (kind, status, reason))
}

/// A test on one node that has to see its lines of the table.
pub fn trial<F>(name: &'static str, test: fn(TestCluster) -> F) -> Trial
where
    F: Future<Output = anyhow::Result<()>> + 'static,
{
    trial_on(name, || vec![NodeProfile::pretend("n1")], test)
}

/// The same on these nodes.
pub fn trial_on<F>(
    name: &'static str,
    nodes: fn() -> Vec<NodeProfile>,
    test: fn(TestCluster) -> F,
) -> Trial
where
    F: Future<Output = anyhow::Result<()>> + 'static,
{
    Trial::test(format!("controller::{name}"), move || {
        let recorder = run_on(nodes(), test)?;
        let seen = || {
            for Way(_, phases) in WAYS.iter().filter(|Way(test, _)| *test == name) {
                recorder.passed_through(phases)?;
            }
            for Line(kind, status, reason, _) in LINES.iter().filter(|line| line.3 == name) {
                recorder.says(kind, *status, reason)?;
            }
            anyhow::Ok(())
        };
        seen().map_err(|error| format!("{error:#}").into())
    })
}

/// The table itself. `tests` are the names of all tests that are told.
pub fn trials(tests: &BTreeSet<String>) -> Vec<Trial> {
    let untold: Vec<&str> = WAYS
        .iter()
        .map(|Way(test, _)| *test)
        .chain(LINES.iter().map(|line| line.3))
        .filter(|test| !tests.contains(&format!("controller::{test}")))
        .collect();
    let untold = format!("{untold:?}");
    vec![
        Trial::test(
            "controller::every_line_of_the_table_has_a_story",
            move || {
                same(&untold, &"[]".to_owned(), "tests that nobody tells")?;
                complete()
            },
        ),
        Trial::test("controller::the_documentation_has_the_table", documented),
    ]
}

fn complete() -> Result<(), Failed> {
    let in_the_middle: BTreeSet<String> = WAYS
        .iter()
        .flat_map(|Way(_, phases)| phases[1..phases.len() - 1].iter())
        .map(ToString::to_string)
        .collect();
    let phases: BTreeSet<String> = Phase::ALL.iter().map(ToString::to_string).collect();
    same(&in_the_middle, &phases, "phases that are entered and left")?;

    let words = |all: &[(&'static str, &str)]| -> BTreeSet<&'static str> {
        all.iter().map(|(word, _)| *word).collect()
    };
    let kinds: BTreeSet<&str> = LINES.iter().map(|line| line.0).collect();
    same(&kinds, &words(kind::ALL), "conditions")?;
    let reasons: BTreeSet<&str> = LINES.iter().map(|line| line.2).collect();
    same(&reasons, &words(reason::ALL), "reasons")?;
    for kind in kinds {
        for status in [True, False] {
            if !LINES.iter().any(|line| (line.0, line.1) == (kind, status)) {
                return Err(format!("{kind} is never {status:?}").into());
            }
        }
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, wanted: &T, what: &str) -> Result<(), Failed> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: found {found:#?}, wanted {wanted:#?}").into())
    }
}

/// The tables of `docs/controller.md` and `docs/install/monitoring` say the same as the code.
fn documented() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/controller.md"))?;
    let column = |rows: &[Vec<String>]| -> BTreeSet<String> {
        rows.iter().map(|row| row[0].replace('`', "")).collect()
    };
    let words = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };

    let phases = Phase::ALL.iter().map(ToString::to_string).collect();
    same(&column(&rows(&text, "| phase |")), &phases, "phases")?;

    let conditions = rows(&text, "| type | means | True |");
    let kinds = kind::ALL
        .iter()
        .map(|(word, _)| (*word).to_owned())
        .collect();
    same(&column(&conditions), &kinds, "conditions")?;
    for row in &conditions {
        let kind = row[0].replace('`', "");
        for (status, cell) in [(True, &row[2]), (False, &row[3]), (Unknown, &row[4])] {
            let lines = LINES
                .iter()
                .filter(|line| line.0 == kind && line.1 == status);
            let wanted: BTreeSet<String> = lines.map(|line| line.2.to_owned()).collect();
            let said = words(cell);
            same(&said, &wanted, &format!("reasons of {kind} {status:?}"))?;
        }
    }

    let metrics = CATALOGUE.iter().map(|family| family.name.to_owned());
    same(
        &column(&rows(&text, "| metric |")),
        &metrics.collect(),
        "metrics",
    )?;

    let rules = fs::read_to_string(root.join("docs/install/monitoring/alerts.yaml"))?;
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .map(str::to_owned)
        .collect();
    same(&column(&rows(&text, "| alert |")), &alerts, "alerts")
}

/// The rows of the table whose head begins like that, cell by cell.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    text.lines()
        .skip_while(|line| !line.starts_with(head))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}
