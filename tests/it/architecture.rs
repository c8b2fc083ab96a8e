//! The arrows of the house: which room may use which. Read from `src/**`, so that a wrong `use` fails here.

use std::{collections::BTreeMap, path::Path};

use bmctl::failure::Reason;
use libtest_mimic::{Failed, Trial};

use crate::source::{modules_named, sources};

/// Where they are.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "architecture::rooms_use_only_what_the_map_allows",
            rooms_use_only_what_the_map_allows,
        ),
        Trial::test(
            "architecture::packages_stay_in_their_rooms",
            packages_stay_in_their_rooms,
        ),
        Trial::test(
            "architecture::every_reason_can_happen",
            every_reason_can_happen,
        ),
    ]
}

/// A reason that no code gives is a promise that nobody keeps.
fn every_reason_can_happen() -> Result<(), Failed> {
    let code: Vec<String> = sources(Path::new(ROOT))
        .into_iter()
        .filter(|(path, _, _)| path != "failure/reason.rs" && !path.starts_with("explain"))
        .map(|(_, _, code)| code)
        .collect();
    let idle: Vec<String> = Reason::ALL
        .iter()
        .map(|reason| format!("Reason::{reason}"))
        .filter(|reason| !code.iter().any(|code| names_whole(code, reason)))
        .collect();
    if idle.is_empty() {
        Ok(())
    } else {
        Err(format!("nothing fails with {}", idle.join(", ")).into())
    }
}

/// Is it there as a whole word?
fn names_whole(code: &str, name: &str) -> bool {
    code.match_indices(name)
        .any(|(at, _)| !code[at + name.len()..].starts_with(|c: char| c.is_alphanumeric()))
}

/// Room → rooms that it may name with `crate::…`. Everyone may name itself.
fn map() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("build", &[] as &[_]),
        ("main", &["bmctl"]),
        (
            "lib",
            &[
                "api",
                "cli",
                "cluster",
                "commands",
                "controller",
                "exit",
                "explain",
                "failure",
                "probe",
                "render",
                "runtime",
                "simulator",
                "ui",
            ],
        ),
        ("api", &[]),
        ("exit", &[]),
        ("explain", &["api", "exit", "failure", "probe"]),
        ("runtime", &["api"]),
        ("probe", &["api"]),
        ("simulator", &["api"]),
        ("cluster", &["api", "exit", "failure", "runtime"]),
        ("failure", &["api", "exit"]),
        (
            "controller",
            &["api", "cluster", "failure", "probe", "runtime"],
        ),
        ("render", &["api", "exit", "explain", "failure", "runtime"]),
        ("ui", &["exit", "failure", "render"]),
        ("cli", &["api", "commands", "ui", "exit"]),
        (
            "commands",
            &[
                "api",
                "cli",
                "cluster",
                "controller",
                "exit",
                "explain",
                "failure",
                "probe",
                "render",
                "runtime",
                "simulator",
                "ui",
            ],
        ),
    ])
}

/// Package → the only rooms that may name it.
const KEPT: [(&str, &[&str]); 13] = [
    ("apiserver", &["commands", "simulator"]),
    ("clap", &["cli", "commands", "lib"]),
    ("clap_complete", &["commands"]),
    ("clap_mangen", &["commands"]),
    ("indicatif", &["ui"]),
    ("dialoguer", &["ui"]),
    ("comfy_table", &["render"]),
    ("console", &["ui", "render"]),
    ("hyper", &["controller"]),
    ("ruzstd", &["commands"]),
    ("tar", &["commands"]),
    ("erased_serde", &["render"]),
    ("kvm_ioctls", &["probe"]),
];

fn rooms_use_only_what_the_map_allows() -> Result<(), Failed> {
    let map = map();
    let mut wrong = Vec::new();
    for (path, room, code) in sources(Path::new(ROOT)) {
        let Some(allowed) = map.get(room.as_str()) else {
            wrong.push(format!("{path}: room {room} is not on the map"));
            continue;
        };
        for used in modules_named(&code) {
            if used != room && map.contains_key(used.as_str()) && !allowed.contains(&used.as_str())
            {
                wrong.push(format!("{path}: {room} may not use {used}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn packages_stay_in_their_rooms() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for (path, room, code) in sources(Path::new(ROOT)) {
        for (package, rooms) in KEPT {
            let named = code.lines().any(|line| names_package(line, package));
            if named && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{path}: {package} belongs to {rooms:?}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// `package::` as a whole word that is not part of a longer path.
fn names_package(line: &str, package: &str) -> bool {
    let needle = format!("{package}::");
    line.match_indices(&needle).any(|(at, _)| {
        !line[..at]
            .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}
