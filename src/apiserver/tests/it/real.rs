//! The suite on a real control plane; see [`ground::real`].

use libtest_mimic::Trial;

use crate::ground::{self, real::Retold};

const RETOLD: Retold = Retold {
    parts: &[("the_api_suite", "api_server::over_https")],
    elsewhere: &[],
    without_policies: true,
    rehearsed: &["api_server::over_https"],
};

/// `stories` are the names of all tests.
pub fn trials(stories: &[String]) -> Vec<Trial> {
    ground::real::trials(stories, &RETOLD)
}
