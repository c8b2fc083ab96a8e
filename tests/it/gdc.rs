//! Google's controller in the sandbox: that it plays what is published of each release, and that everything which a user of
//! bmctl does on Google Distributed Cloud works on it. Tests of other modules are told again with it in the place of our
//! controller; those that look at what only ours publishes are listed with the reason.

mod guide;
mod published;

use libtest_mimic::Trial;

use bmctl::simulator::gdc::RELEASES;

use crate::{
    checking, disable, looking,
    test_cluster::{Test, with_gdc},
    vertical,
};

const ALL: &[&str] = &["1.13", "1.16", "1.29"];
const BEFORE_OBSERVATIONS: &[&str] = &["1.13", "1.16"];
const BEFORE_SUMMARY: &[&str] = &["1.13"];

/// Tests that cannot be told with Google's controller, why, and of which releases.
const OURS: [(&str, &str, &[&str]); 20] = [
    (
        "vertical::enable_reaches_ready_and_knows_it_the_second_time",
        "it looks at the generation that was observed",
        BEFORE_OBSERVATIONS,
    ),
    (
        "vertical::re_enabling_is_not_fooled_by_what_was_true_before",
        "it looks at the check that the VMRuntime names",
        BEFORE_SUMMARY,
    ),
    (
        "vertical::nothing_is_ready_while_no_vm_may_be_created",
        "it looks at whether VM creation is open: only ours publishes it",
        ALL,
    ),
    (
        "vertical::a_node_without_kvm_fails_the_check_until_it_is_skipped",
        "it looks at the check that the VMRuntime names",
        BEFORE_SUMMARY,
    ),
    (
        "vertical::enable_on_a_node_without_kvm_says_why_and_how_on",
        "it quotes what our probe says of a processor",
        ALL,
    ),
    (
        "checking::a_dry_run_shows_the_difference_and_changes_nothing",
        "Google's definition has no defaults: a setting is unset where ours is false or raw",
        ALL,
    ),
    (
        "checking::old_checks_go_and_the_one_that_counts_stays",
        "with Google's the latest check counts, whoever made it",
        ALL,
    ),
    (
        "looking::status_of_a_ready_cluster",
        "it looks at the phase, and at whether VM creation is open: only ours publishes them",
        ALL,
    ),
    (
        "looking::settings_are_changed_in_any_state",
        "Google's definition has no defaults: a setting is unset where ours is false or raw",
        ALL,
    ),
    (
        "looking::a_failed_check_of_before_ends_no_wait",
        "Google's may tell of an earlier check until the next one is there",
        ALL,
    ),
    (
        "looking::nodes_are_left_out_and_taken_in",
        "that no VMs are placed on a node that is left out is said by a condition of ours",
        ALL,
    ),
    (
        "vertical::nothing_installed_is_said",
        "no controller acts in it",
        ALL,
    ),
    (
        "vertical::an_unknown_context_names_the_nearest",
        "no controller acts in it",
        ALL,
    ),
    (
        "vertical::a_closed_port_is_unreachable",
        "no controller acts in it",
        ALL,
    ),
    (
        "vertical::a_timeout_says_what_is_missing",
        "no controller acts in it",
        ALL,
    ),
    (
        "checking::a_check_is_judged_alike_by_all",
        "no controller acts in it",
        ALL,
    ),
    (
        "checking::a_summary_that_contradicts_its_check_is_no_proof",
        "no controller acts in it",
        ALL,
    ),
    (
        "checking::a_check_of_other_nodes_proves_nothing_here",
        "no controller acts in it",
        ALL,
    ),
    (
        "checking::a_status_without_a_controller_is_no_success",
        "no controller acts in it",
        ALL,
    ),
    (
        "looking::nothing_installed_exits_8",
        "no controller acts in it",
        ALL,
    ),
];

pub fn trials() -> Vec<Trial> {
    let mut trials = repeated();
    trials.extend(published::trials());
    trials.extend(guide::trials());
    trials
}

fn trial() -> Vec<(String, Test)> {
    let modules = [
        ("vertical", vertical::tests()),
        ("checking", checking::tests()),
        ("looking", looking::tests()),
        ("disable", disable::table::tests()),
    ];
    let named = |(module, tests): (&str, Vec<(&'static str, Test)>)| {
        let module = module.to_owned();
        tests
            .into_iter()
            .map(move |(name, test)| (format!("{module}::{name}"), test))
            .collect::<Vec<_>>()
    };
    modules.into_iter().flat_map(named).collect()
}

fn repeated() -> Vec<Trial> {
    let mut trials = vec![Trial::test("gdc::what_cannot_be_retold_is_there", || {
        let told = trial();
        let gone = OURS
            .iter()
            .find(|(ours, _, _)| told.iter().all(|(name, _)| ours != name));
        gone.map_or(Ok(()), |(ours, _, _)| {
            Err(format!("there is no test {ours}").into())
        })
    })];
    for release in &RELEASES {
        for (name, test) in trial() {
            let left_out =
                |(ours, _, of): &(&str, &str, &[&str])| *ours == name && of.contains(&release.name);
            if !OURS.iter().any(left_out) {
                trials.push(Trial::test(
                    format!("gdc::{}::{name}", release.name),
                    move || with_gdc(release, test),
                ));
            }
        }
    }
    trials
}
