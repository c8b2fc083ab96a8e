//! The API server's own suite: what it answers to clients, over HTTPS and without sockets, beside a real one.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[macro_use]
mod harness;

mod api_server;
mod architecture;
mod conformance;
mod faults;
mod fuzz;
mod real;
mod source;
mod test_server;

fn main() {
    if let Some(played) = test_server::stand_in::play() {
        return played.unwrap();
    }
    let mut trials = Vec::new();
    trials.extend(api_server::trials());
    trials.extend(architecture::trials());
    trials.extend(conformance::trials());
    trials.extend(faults::trials());
    trials.extend(fuzz::trials());
    let tests: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.extend(real::trials(&tests));
    harness::run(trials)
}
