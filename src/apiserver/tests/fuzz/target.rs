//! The one program behind all fuzz targets: its name says which property it tries.

#![no_main]

mod property;

use std::sync::LazyLock;

static HOLDS: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let named = |(name, _): &&(&str, fn(&[u8]))| *name == env!("CARGO_BIN_NAME");
    property::ALL.iter().find(named).expect("a property has the name of its target").1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| HOLDS(data));
