//! The arrows of the house: which room may use which. Read from `src/**`, so that a wrong `use` fails here.

use std::{collections::BTreeMap, fs, path::Path};

use bmctl::failure::Reason;
use libtest_mimic::{Failed, Trial};

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
    let code: Vec<String> = sources()
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
                "sandbox",
                "ui",
            ],
        ),
        ("api", &[]),
        ("exit", &[]),
        ("explain", &["api", "exit", "failure", "probe"]),
        ("runtime", &["api"]),
        ("probe", &["api"]),
        ("sandbox", &["api"]),
        ("cluster", &["api", "exit", "failure", "runtime"]),
        ("failure", &["api", "exit"]),
        (
            "controller",
            &["api", "cluster", "failure", "probe", "runtime"],
        ),
        ("render", &["api", "exit", "explain", "failure", "runtime"]),
        ("ui", &["exit", "failure", "render"]),
        ("cli", &["api", "commands", "failure", "ui", "exit"]),
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
                "sandbox",
                "ui",
            ],
        ),
    ])
}

/// Package → the only rooms that may name it.
const KEPT: [(&str, &[&str]); 14] = [
    ("clap", &["cli", "commands", "lib"]),
    ("clap_complete", &["commands"]),
    ("clap_mangen", &["commands"]),
    ("indicatif", &["ui"]),
    ("dialoguer", &["ui"]),
    ("comfy_table", &["render"]),
    ("console", &["ui", "render"]),
    ("hyper", &["sandbox", "controller"]),
    ("ruzstd", &["commands"]),
    ("tar", &["commands"]),
    ("cel", &["sandbox"]),
    ("erased_serde", &["render"]),
    ("redb", &["sandbox"]),
    ("kvm_ioctls", &["probe"]),
];

fn rooms_use_only_what_the_map_allows() -> Result<(), Failed> {
    let map = map();
    let mut wrong = Vec::new();
    for (path, room, code) in sources() {
        let Some(allowed) = map.get(room.as_str()) else {
            wrong.push(format!("{path}: room {room} is not on the map"));
            continue;
        };
        for used in rooms_named(&code) {
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
    for (path, room, code) in sources() {
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

/// Every room that the code names as `crate::room`, also inside `use crate::{a, b::c}`.
fn rooms_named(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            rooms.extend(top_level_names(group));
        } else {
            rooms.push(leading_name(rest));
        }
    }
    rooms
}

fn leading_name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first names of a `use` group, up to its closing brace.
fn top_level_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut expect = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expect = true,
            c if expect && !c.is_whitespace() => {
                names.push(leading_name(&group[at..]));
                expect = false;
            }
            _ => {}
        }
    }
    names
}

/// (path, room, code without comments) of every source file.
fn sources() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let first = inside
                    .components()
                    .next()
                    .unwrap()
                    .as_os_str()
                    .to_str()
                    .unwrap();
                let top = first.trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let code: String = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .collect::<Vec<_>>()
                    .join("\n");
                found.push((inside.display().to_string(), top, code));
            }
        }
    }
    assert!(!found.is_empty(), "no sources under {}", root.display());
    found
}
