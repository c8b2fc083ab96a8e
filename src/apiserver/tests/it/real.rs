//! The suite on a real control plane; see [`test_server::real`].

use libtest_mimic::Trial;

use crate::test_server::{self, real::Repeated};

const REPEATED: Repeated = Repeated {
    parts: &[("the_api_suite", "api_server::over_https")],
    elsewhere: &[],
    without_policies: true,
    rehearsed: &["api_server::over_https"],
};

/// `tests` are the names of all tests.
pub fn trials(tests: &[String]) -> Vec<Trial> {
    test_server::real::trials(tests, &REPEATED)
}
