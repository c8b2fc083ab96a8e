//! The controller's tests, each on a sandbox of its own: API server, pretend machinery, and nodes that say what the
//! test wants them to say.

mod admission;
mod binary;
pub mod chart;
mod disable;
mod edge;
mod election;
mod enable;
mod engine;
mod eventually;
mod failing;
mod hanging;
mod install;
mod interference;
mod kept;
mod large;
mod outage;
mod preflight;
mod probing;
mod process;
mod release;
mod rights;
mod soak;
pub mod stand_in;
mod status_recorder;
mod table;
pub mod test_cluster;
mod uninstall;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    let mut trials = enable::trials();
    trials.extend(disable::trials());
    trials.extend(preflight::trials());
    trials.extend(probing::trials());
    trials.extend(binary::trials());
    trials.extend(election::trials());
    trials.extend(chart::trials());
    trials.extend(install::trials());
    trials.extend(kept::trials());
    trials.extend(failing::trials());
    trials.extend(release::trials());
    trials.extend(rights::trials());
    trials.extend(uninstall::trials());
    trials.extend(edge::trials());
    trials.extend(engine::trials());
    trials.extend(hanging::trials());
    trials.extend(admission::trials());
    trials.extend(soak::trials());
    trials.extend(large::trials());
    trials.extend(outage::trials());
    let tests = trials.iter().map(|trial| trial.name().to_owned());
    trials.extend(table::trials(&tests.collect()));
    trials
}
