//! What has to hold for any text from a client, one property a kind of text. A property panics where it does not hold.
//!
//! `target.rs` looks for counter-examples; `tests/it/fuzz.rs` holds every input that was ever of interest (`corpus/`).

mod selecting;
mod serving;

pub use serving::TestServer;

type Property = fn(&[u8]);

/// Every property, under the name of its fuzz target and of its folder in `corpus/`.
pub const ALL: [(&str, Property); 4] = [
    ("selector", selecting::selector),
    ("json_patch", serving::json_patch),
    ("apply", serving::apply),
    ("route", serving::route),
];
