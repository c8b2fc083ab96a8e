//! Google's controller in the sandbox: that it plays what is published of each release, and that everything which a user of
//! bmctl does on Google Distributed Cloud works on it. Stories of other modules are told again with it in the place of our
//! controller; those that look at what only ours publishes are listed with the reason.

mod guide;
mod published;

use libtest_mimic::Trial;

use bmctl::simulator::gdc::RELEASES;

use crate::{
    checking, disable, looking,
    stage::{Story, with_gdc},
    vertical,
};

/// Stories that cannot be told with Google's controller, and why.
const OURS: [(&str, &str); 7] = [
    (
        "vertical::enable_reaches_ready_and_knows_it_the_second_time",
        "it looks at the generation that was observed, which earlier releases do not publish",
    ),
    (
        "vertical::enable_on_a_node_without_kvm_says_why_and_how_on",
        "it quotes what our probe says of a processor",
    ),
    (
        "checking::a_dry_run_shows_the_difference_and_changes_nothing",
        "Google's definition has no defaults: a setting is unset where ours is false or raw",
    ),
    (
        "checking::old_checks_go_and_the_one_that_counts_stays",
        "with Google's the latest check counts, whoever made it",
    ),
    (
        "looking::status_of_a_ready_cluster",
        "it looks at the phase, and at whether VM creation is open: only ours publishes them",
    ),
    (
        "looking::settings_are_changed_in_any_state",
        "Google's definition has no defaults: a setting is unset where ours is false or raw",
    ),
    (
        "looking::nodes_are_left_out_and_taken_in",
        "that no VMs are placed on a node that is left out is said by a condition of ours",
    ),
];

pub fn trials() -> Vec<Trial> {
    let mut trials = retold();
    trials.extend(published::trials());
    trials.extend(guide::trials());
    trials
}

fn told() -> Vec<(String, Story)> {
    let modules = [
        ("vertical", vertical::stories()),
        ("checking", checking::stories()),
        ("looking", looking::stories()),
        ("disable", disable::table::stories()),
    ];
    let named = |(module, stories): (&str, Vec<(&'static str, Story)>)| {
        let module = module.to_owned();
        stories
            .into_iter()
            .map(move |(name, story)| (format!("{module}::{name}"), story))
            .collect::<Vec<_>>()
    };
    modules.into_iter().flat_map(named).collect()
}

fn retold() -> Vec<Trial> {
    let mut trials = vec![Trial::test("gdc::what_cannot_be_retold_is_there", || {
        let told = told();
        let gone = OURS
            .iter()
            .find(|(ours, _)| told.iter().all(|(name, _)| ours != name));
        gone.map_or(Ok(()), |(ours, _)| {
            Err(format!("there is no story {ours}").into())
        })
    })];
    for release in &RELEASES {
        for (name, story) in told() {
            if OURS.iter().all(|(ours, _)| *ours != name) {
                trials.push(Trial::test(
                    format!("gdc::{}::{name}", release.name),
                    move || with_gdc(release, story),
                ));
            }
        }
    }
    trials
}
