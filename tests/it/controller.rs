//! The controller's stories, each on a sandbox of its own: API server, pretend machinery, and nodes that say what the
//! story wants them to say.

mod binary;
mod disable;
mod election;
mod enable;
mod install;
mod kept;
mod preflight;
mod rights;
mod stage;
mod trouble;
mod uninstall;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    let mut trials = enable::trials();
    trials.extend(disable::trials());
    trials.extend(preflight::trials());
    trials.extend(binary::trials());
    trials.extend(election::trials());
    trials.extend(install::trials());
    trials.extend(kept::trials());
    trials.extend(trouble::trials());
    trials.extend(rights::trials());
    trials.extend(uninstall::trials());
    trials
}
