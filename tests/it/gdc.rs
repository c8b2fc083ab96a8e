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
const OURS: [(&str, &str); 0] = [];

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
    let mut trials = Vec::new();
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
