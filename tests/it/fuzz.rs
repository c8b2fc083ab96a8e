//! Every input that was ever of interest to a fuzzer, held again. `tes../fuzz/property/mod.rs` says what holds for any.

use std::{fs, path::Path};

use libtest_mimic::{Failed, Trial};

#[path = "../fuzz/property/mod.rs"]
mod property;

pub use property::TestServer;

pub fn trials() -> Vec<Trial> {
    let replayed = property::ALL
        .map(|(name, holds)| Trial::test(format!("fuzz::{name}"), move || replay(name, holds)));
    replayed.into()
}

fn replay(name: &str, holds: fn(&[u8])) -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(name);
    let mut held = 0;
    for entry in fs::read_dir(&folder)? {
        holds(&fs::read(entry?.path())?);
        held += 1;
    }
    if held == 0 {
        return Err(format!("nothing lies in {}", folder.display()).into());
    }
    Ok(())
}
