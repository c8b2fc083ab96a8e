//! The benchmarks: `cargo bench`, or `cargo bench -- WORD` for those whose name has the word in it. What they print is what
//! `docs/benchmarks.md` holds; `cargo bench -- --write` puts it there.
//!
//! They run the program that was built, in processes of its own, beside kubectl where there is one, against sandboxes; or,
//! where `KUBEBUILDER_ASSETS` names a folder with etcd and kube-apiserver, against those. Nothing here judges: a timed test
//! would fail on a slow day.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program that measures, and breaks off where it cannot"
)]

mod change;
mod cluster;
#[path = "../it/components.rs"]
mod components;
mod controller;
mod inventory;
mod process;
mod server;
mod sheet;
mod startup;
mod test_server;
mod waiting;

use sheet::{Page, Sheet};

/// One table.
struct Benchmark {
    name: &'static str,
    measure: fn() -> Sheet,
    /// Does it need a cluster, whichever?
    on_any_cluster: bool,
}

const fn alone(name: &'static str, measure: fn() -> Sheet) -> Benchmark {
    Benchmark {
        name,
        measure,
        on_any_cluster: false,
    }
}

const fn on_any_cluster(name: &'static str, measure: fn() -> Sheet) -> Benchmark {
    Benchmark {
        name,
        measure,
        on_any_cluster: true,
    }
}

const BENCHMARKS: [Benchmark; 7] = [
    alone("startup", startup::sheet),
    on_any_cluster("change", change::sheet),
    on_any_cluster("inventory", inventory::sheet),
    on_any_cluster("waiting", waiting::sheet),
    on_any_cluster("server", server::sheet),
    alone("growth", server::growth),
    on_any_cluster("controller", controller::sheet),
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
    let is_real = test_server::assets().is_some();
    let page = if is_real {
        Page::of_a_control_plane()
    } else {
        Page::of_the_sandbox()
    };
    for benchmark in BENCHMARKS {
        let name = benchmark.name;
        let is_wanted = wanted.is_empty() || wanted.iter().any(|word| name.contains(*word));
        // What has to do with no cluster, or with the sandbox alone, is the same as ever.
        if !is_wanted || (is_real && !benchmark.on_any_cluster) {
            continue;
        }
        eprintln!("measuring: {name}");
        let text = (benchmark.measure)().to_string();
        println!("{text}");
        if write {
            page.keep(name, &text);
        }
    }
}
