//! The one integration binary: every room's stories, run by libtest-mimic so that a test that needs something which
//! this machine lacks is shown as ignored, with the reason, instead of passing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod api_server;
mod architecture;
mod bench;
mod checking;
mod ci;
mod cli;
mod client;
mod cluster;
mod conformance;
mod connect_proxy;
mod controller;
mod costs;
mod disable;
mod docs;
mod enabling;
mod events;
mod faults;
mod fuzz;
mod golden;
mod ground;
mod hostile;
mod identity;
mod kubectl;
mod looking;
mod many;
mod matrix;
mod outages;
mod output;
mod real;
mod recording;
mod release;
mod rights;
mod sandbox;
mod sandbox_faults;
mod schema;
mod stage;
mod state;
mod support;
mod terminal;
mod transcript;
mod tutorial;
mod vertical;
mod words;
mod world;

use libtest_mimic::Arguments;

fn main() {
    if let Some(played) = ground::stand_in::play() {
        return played.unwrap();
    }
    // What the parts that run in this process have to say when something goes wrong.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .init();
    let (mut arguments, filters) = arguments(std::env::args());
    // Most of a story is waiting.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    arguments.test_threads.get_or_insert(2 * cores);
    let mut trials = Vec::new();
    trials.extend(api_server::trials());
    trials.extend(architecture::trials());
    trials.extend(checking::trials());
    trials.extend(ci::trials());
    trials.extend(cli::trials());
    trials.extend(client::trials());
    trials.extend(cluster::trials());
    trials.extend(conformance::trials());
    trials.extend(controller::trials());
    trials.extend(costs::trials());
    trials.extend(disable::trials());
    trials.extend(docs::trials());
    trials.extend(enabling::trials());
    trials.extend(events::trials());
    trials.extend(fuzz::trials());
    trials.extend(hostile::trials());
    trials.extend(identity::trials());
    trials.extend(sandbox_faults::trials());
    trials.extend(kubectl::trials());
    trials.extend(looking::trials());
    trials.extend(many::trials());
    trials.extend(output::trials());
    trials.extend(matrix::trials());
    trials.extend(outages::trials());
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
    let stories: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.extend(real::trials(&stories));
    trials.retain(|trial| {
        let name = trial.name();
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
    });
    libtest_mimic::run(&arguments, trials).exit();
}

/// As cargo's own harness reads them: several words select the tests whose names have one of them. libtest-mimic takes
/// one word.
fn arguments(given: impl Iterator<Item = String>) -> (Arguments, Vec<String>) {
    const WITH_VALUE: [&str; 5] = [
        "--test-threads",
        "--logfile",
        "--skip",
        "--color",
        "--format",
    ];
    let (mut words, mut rest, mut is_value) = (Vec::new(), Vec::new(), true);
    for word in given {
        let is_filter = !is_value && !word.starts_with('-');
        is_value = WITH_VALUE.contains(&word.as_str());
        if is_filter {
            words.push(word);
        } else {
            rest.push(word);
        }
    }
    // One word is left to the harness, which can also match it exactly.
    if words.len() == 1 {
        rest.append(&mut words);
    }
    (Arguments::from_iter(rest), words)
}
