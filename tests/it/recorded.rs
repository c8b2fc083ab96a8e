//! Recordings of real components beside what the simulator does in the same situation: phases, conditions and reasons,
//! owners, finalizers, labels and order; not times and names. What differs is in [`accepted`] with the reason, and in the
//! table of docs/sandbox.md; a new difference fails, and so does an entry that is no difference any more.

mod accepted;
mod fact;
mod play;

use std::{collections::BTreeSet, fs, path::Path};

use libtest_mimic::{Failed, Trial};

use self::{
    accepted::{ACCEPTED, Accepted},
    fact::{Difference, Event},
    play::Play,
};

pub fn trials() -> Vec<Trial> {
    tests!["recorded": the_simulator_does_what_was_recorded, every_difference_is_documented]
}

fn recording(situation: &str) -> Result<Vec<Event>, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let text = fs::read_to_string(folder.join(format!("{situation}.jsonl")))?;
    let events = text.lines().map(serde_json::from_str);
    Ok(events.collect::<Result<_, _>>()?)
}

fn the_simulator_does_what_was_recorded() -> Result<(), Failed> {
    let played = Play::run()?;
    let situations = [
        ("enable", &played.enable),
        ("start", &played.start),
        ("delete", &played.delete),
    ];
    let mut differences = BTreeSet::new();
    for (situation, simulated) in situations {
        let found = fact::differences(situation, &recording(situation)?, simulated);
        // The recording of the deletion ends with KubeVirt, before CDI and the operators go.
        let recorded = |found: &Difference| situation != "delete" || found.fact != "+it is there";
        differences.extend(found.into_iter().filter(recorded));
    }
    let new: Vec<String> = differences
        .iter()
        .filter(|difference| !ACCEPTED.iter().any(|row| row.covers(difference)))
        .map(Difference::to_string)
        .collect();
    let stale: Vec<&str> = ACCEPTED
        .iter()
        .filter(|row| !differences.iter().any(|difference| row.covers(difference)))
        .map(|row| row.what)
        .collect();
    if new.is_empty() && stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "new differences (- recorded, + simulated):\n{}\nno differences any more:\n{}",
        new.join("\n"),
        stale.join("\n")
    )
    .into())
}

fn every_difference_is_documented() -> Result<(), Failed> {
    let page = include_str!("../../docs/sandbox.md");
    let rows: Vec<String> = ACCEPTED.iter().map(Accepted::row).collect();
    match rows.iter().find(|row| !page.contains(row.as_str())) {
        None => Ok(()),
        Some(missing) => Err(format!(
            "docs/sandbox.md lacks {missing}; the whole table:\n{}",
            rows.join("\n")
        )
        .into()),
    }
}
