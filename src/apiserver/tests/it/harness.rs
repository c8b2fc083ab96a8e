//! How a test binary of ours runs its tests: libtest-mimic, so that a test that needs something which this machine lacks
//! is shown as ignored, with the reason, instead of passing. Shared with bmctl's tests.

use std::{fs, path::Path};

use libtest_mimic::{Arguments, Failed, Trial};

/// A list of tests, each named after its function: `tests!["disable": one, another]` are `disable::one` and
/// `disable::another`. `tests!["cluster", run: …]` hands each function to `run`, and `asynchronous` what it returns.
macro_rules! tests {
    ($group:literal: $($name:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(concat!($group, "::", stringify!($name)), $name)),*]
    };
    ($group:literal, run: $($name:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(concat!($group, "::", stringify!($name)), || run($name))),*]
    };
    ($group:literal, asynchronous: $($name:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(concat!($group, "::", stringify!($name)), || run($name()))),*]
    };
}

/// Runs those that the command line asks for, and ends the process.
pub fn run(mut trials: Vec<Trial>) -> ! {
    // What the parts that run in this process have to say when something goes wrong.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .init();
    let (mut arguments, filters) = arguments(std::env::args());
    // Most of a test is waiting.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    arguments.test_threads.get_or_insert(2 * cores);
    trials.retain(|trial| {
        let name = trial.name();
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
    });
    libtest_mimic::run(&arguments, trials).exit()
}

/// What has to hold for any input; it panics where it does not.
type Property = fn(&[u8]);

/// Every input in the folder of a property that was ever of interest to a fuzzer, held again.
pub fn replayed(corpus: &'static str, properties: &[(&'static str, Property)]) -> Vec<Trial> {
    let trial = |&(name, holds): &(&'static str, Property)| {
        Trial::test(format!("fuzz::{name}"), move || {
            replay(&Path::new(corpus).join(name), holds)
        })
    };
    properties.iter().map(trial).collect()
}

fn replay(folder: &Path, holds: Property) -> Result<(), Failed> {
    let mut held = 0;
    for entry in fs::read_dir(folder)? {
        holds(&fs::read(entry?.path())?);
        held += 1;
    }
    if held == 0 {
        return Err(format!("nothing lies in {}", folder.display()).into());
    }
    Ok(())
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
