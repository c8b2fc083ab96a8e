//! The benchmarks: `cargo bench`, or `cargo bench -- WORD` for those whose name has the word in it. What they print is what
//! `docs/benchmarks.md` holds; `cargo bench -- --write` puts it there.
//!
//! They run the program that was built, in processes of its own, beside kubectl where there is one. Nothing here judges:
//! a timed test would fail on a slow day.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program that measures, and breaks off where it can not"
)]

mod change;
mod controller;
mod inventory;
mod process;
mod sandbox;
mod sheet;
mod startup;
mod waiting;

use sheet::Sheet;

/// One table.
type Benchmark = (&'static str, fn() -> Sheet);

const BENCHMARKS: [Benchmark; 7] = [
    ("startup", startup::sheet),
    ("change", change::sheet),
    ("inventory", inventory::sheet),
    ("waiting", waiting::sheet),
    ("sandbox", sandbox::sheet),
    ("growth", sandbox::growth),
    ("controller", controller::sheet),
];

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        // Cargo says that this is a benchmark.
        .filter(|word| word != "--bench")
        .collect();
    let write = words.iter().any(|word| word == "--write");
    let wanted: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    for (name, measure) in BENCHMARKS {
        if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(*word)) {
            continue;
        }
        eprintln!("measuring: {name}");
        let text = measure().to_string();
        println!("{text}");
        if write {
            sheet::keep(name, &text);
        }
    }
}
