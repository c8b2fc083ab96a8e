//! The one integration binary: every room's stories, run by libtest-mimic so that a test that needs something which
//! this machine lacks is shown as ignored, with the reason, instead of passing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod api_server;
mod architecture;
mod bench;
mod cli;
mod cluster;
mod conformance;
mod controller;
mod docs;
mod golden;
mod kubectl;
mod looking;
mod sandbox;
mod stage;
mod transcript;
mod vertical;
mod words;
mod world;

use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    trials.extend(api_server::trials());
    trials.extend(architecture::trials());
    trials.extend(cli::trials());
    trials.extend(cluster::trials());
    trials.extend(conformance::trials());
    trials.extend(controller::trials());
    trials.extend(docs::trials());
    trials.extend(kubectl::trials());
    trials.extend(looking::trials());
    trials.extend(sandbox::trials());
    trials.extend(transcript::trials());
    trials.extend(vertical::trials());
    trials.extend(words::trials());
    trials.extend(world::trials());
    libtest_mimic::run(&arguments, trials).exit();
}
