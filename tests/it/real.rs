//! The tests of the controller and the transcripts on a real control plane; see [`test_server::real`]. Those of the controller
//! hold the admission policies too.

use libtest_mimic::Trial;

use crate::test_server::{self, real::Repeated};

const REPEATED: Repeated = Repeated {
    parts: &[
        ("the_stories_of_the_controller", "controller::"),
        ("the_transcripts", "transcript::"),
    ],
    // They need no cluster, put something before one that only the sandbox understands, or measure the controller and not
    // the cluster.
    elsewhere: &[
        "controller::a_large_cluster_costs_little",
        "controller::an_outage_is_soon_over",
        "controller::every_line_of_the_table_has_a_story",
        "controller::faults_at_random_end_well",
        "controller::kustomize_builds_what_is_printed",
        "controller::probe_leaves_its_report",
        "controller::soak_ends_as_it_began",
        "controller::the_documentation_has_the_table",
        "controller::the_example_sets_the_image_once",
        "controller::this_machine_is_checked_without_a_cluster",
        "transcript::whatever_changes_something_names_its_cluster",
    ],
    without_policies: false,
    rehearsed: &["controller::enable_ends_ready", "transcript::on_and_off"],
};

/// `tests` are the names of all tests.
pub fn trials(tests: &[String]) -> Vec<Trial> {
    test_server::real::trials(tests, &REPEATED)
}
