//! The one integration binary: the tests of every module, run by libtest-mimic so that a test that needs something which
//! this machine lacks is shown as ignored, with the reason, instead of passing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

// What the API server's own tests share with these.
#[macro_use]
#[path = "../../src/apiserver/tests/it/harness.rs"]
mod harness;

mod architecture;
mod bench;
mod browser;
mod checking;
mod ci;
mod cli;
mod client;
mod cluster;
mod components;
mod connect_proxy;
mod controller;
mod costs;
mod disable;
mod docs;
mod enabling;
mod events;
mod faults;
mod fuzz;
mod gdc;
mod golden;
mod hostile;
mod identity;
mod kubeconfigs;
mod kubectl;
mod logs;
mod looking;
mod matrix;
mod multi_cluster;
mod outages;
mod output;
mod pages;
mod phases;
mod real;
mod recorded;
mod recording;
mod release;
mod rights;
mod sandbox;
mod schema;
mod state;
mod support;
mod terminal;
mod test_cluster;
mod transcript;
mod tutorial;
mod vertical;
mod words;
mod world;

// What the API server's own tests share with these.
#[path = "../../src/apiserver/tests/it/source.rs"]
mod source;
#[path = "../../src/apiserver/tests/it/test_server/mod.rs"]
mod test_server;

fn main() {
    if let Some(played) = controller::stand_in::play()
        .or_else(output::fault::play)
        .or_else(test_server::stand_in::play)
    {
        return played.unwrap();
    }
    let mut trials = Vec::new();
    trials.extend(architecture::trials());
    trials.extend(checking::trials());
    trials.extend(ci::trials());
    trials.extend(cli::trials());
    trials.extend(client::trials());
    trials.extend(cluster::trials());
    trials.extend(controller::trials());
    trials.extend(costs::trials());
    trials.extend(disable::trials());
    trials.extend(docs::trials());
    trials.extend(enabling::trials());
    trials.extend(events::trials());
    trials.extend(fuzz::trials());
    trials.extend(gdc::trials());
    trials.extend(hostile::trials());
    trials.extend(identity::trials());
    trials.extend(kubeconfigs::trials());
    trials.extend(kubectl::trials());
    trials.extend(browser::trials());
    trials.extend(logs::trials());
    trials.extend(looking::trials());
    trials.extend(multi_cluster::trials());
    trials.extend(output::trials());
    trials.extend(matrix::trials());
    trials.extend(outages::trials());
    trials.extend(pages::trials());
    trials.extend(phases::trials());
    trials.extend(recorded::trials());
    trials.extend(recording::trials());
    trials.extend(release::trials());
    trials.extend(rights::trials());
    trials.extend(sandbox::trials());
    trials.extend(state::trials());
    trials.extend(support::trials());
    trials.extend(terminal::trials());
    trials.extend(transcript::trials());
    trials.extend(tutorial::trials());
    trials.extend(vertical::trials());
    trials.extend(words::trials());
    trials.extend(world::trials());
    let tests: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.extend(real::trials(&tests));
    harness::run(trials)
}
