//! Every input that was ever of interest to a fuzzer, held again. `tests/fuzz/property/mod.rs` says what holds for any.

use libtest_mimic::Trial;

use crate::harness;

#[path = "../fuzz/property/mod.rs"]
mod property;

pub fn trials() -> Vec<Trial> {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus");
    harness::replayed(corpus, &property::ALL)
}
