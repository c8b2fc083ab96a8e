//! The folders of the crate: each names only those below it. Read from the sources, so that a wrong `use` fails here.

use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::source::{modules_named, sources};

/// From the lowest to the highest.
const FOLDERS: [&str; 12] = [
    "object",
    "schema",
    "kind",
    "status_error",
    "presentation",
    "request",
    "access",
    "store",
    "endpoint",
    "fault",
    "transport",
    "lib",
];

pub fn trials() -> Vec<Trial> {
    tests!["architecture": folders_name_only_those_below_them]
}

fn folders_name_only_those_below_them() -> Result<(), Failed> {
    let height = |folder: &str| FOLDERS.iter().position(|known| *known == folder);
    let mut wrong = Vec::new();
    for (path, folder, code) in sources(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let Some(own) = height(&folder) else {
            wrong.push(format!("{path}: {folder} has no place among the folders"));
            continue;
        };
        let used = modules_named(&code).into_iter();
        let above = used.filter(|used| height(used).is_none_or(|other| other > own));
        wrong.extend(above.map(|used| format!("{path}: {folder} is below {used}")));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}
