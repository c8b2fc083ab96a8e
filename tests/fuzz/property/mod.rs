//! What has to hold for any text from outside, one property a kind of text. A property panics where it does not hold.
//!
//! `target.rs` looks for counter-examples; `tests/it/fuzz.rs` holds every input that was ever of interest (`corpus/`).

mod connecting;
mod reading;

type Property = fn(&[u8]);

/// Every property, under the name of its fuzz target and of its folder in `corpus/`.
pub const ALL: [(&str, Property); 6] = [
    ("connect", connecting::connect),
    ("kubeconfig", reading::kubeconfig),
    ("status", reading::status),
    ("message", reading::message),
    ("world", reading::world),
    ("machine", reading::machine),
];
