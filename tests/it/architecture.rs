//! The arrows between modules: which may use which. Read from `src/**`, so that a wrong `use` fails here.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bmctl::{
    command_id::{CommandId, Effect},
    failure::Reason,
};
use libtest_mimic::{Failed, Trial};
use regex::Regex;

use crate::source::{modules_named, sources};

/// Where they are.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

pub fn trials() -> Vec<Trial> {
    tests![
        "architecture":
        no_module_names_one_below_it,
        modules_use_only_what_the_map_allows,
        packages_stay_in_their_modules,
        no_command_hides_in_words,
        clients_of_a_cluster_are_made_in_one_place,
        no_sentence_is_awkward,
        no_part_has_a_name_that_is_a_picture,
        every_reason_can_happen,
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

/// Where words with commands in them are printed as they stand: what is explained or shown without a cluster, what stands
/// in the cluster itself, and the one place that makes commands ready.
const OFFLINE: [&str; 8] = [
    "api/",
    "commands/tree.rs",
    "cluster/backup/",
    "commands/help",
    "controller/",
    "explain/",
    "failure/hint.rs",
    "render/sandbox.rs",
];

/// A hint that has its command in its words cannot be given the cluster that the command is for.
fn no_command_hides_in_words() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for (path, module, code) in sources(Path::new(ROOT)) {
        let offline = module == "lib" || OFFLINE.iter().any(|place| path.starts_with(place));
        // Tests stand at the end; help is printed as it stands.
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        if offline || path.contains("tests") {
            continue;
        }
        for text in literals(code) {
            let is_help = text.starts_with("\\\nExamples:");
            if let Some(command) = command_in(&text).filter(|_| !is_help) {
                wrong.push(format!("{path}: {command:?} in {text:?}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// The first command in a text that talks to a cluster.
fn command_in(text: &str) -> Option<String> {
    let own = CommandId::ALL
        .iter()
        .filter(|command| command.effect() != Effect::Offline)
        .map(|command| format!("bmctl {command}"));
    let kubectl = [
        "annotate", "apply", "create", "delete", "describe", "get", "logs", "patch",
    ]
    .map(|verb| format!("kubectl {verb} "));
    own.chain(kubectl)
        .find(|command| text.contains(command.as_str()))
}

/// Words for parts of the program that a Kubernetes engineer would have to ask about, in code and comments.
const PICTURES: &str = r"(?i)\b(troupe|overtures?|chronicle|meddlers?|narrat\w+|leniency|aftermath|outlook|vaults?|caretakers?|chores?|tempo|dice|doors?|bells?|story|stories|houses?)\b|\b(this|the|every|other) rooms?\b";

/// A module is a module, a test is a test.
fn no_part_has_a_name_that_is_a_picture() -> Result<(), Failed> {
    let pictures = Regex::new(PICTURES)?;
    let mut wrong = Vec::new();
    for folder in ["src", "tests"] {
        for path in code(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))? {
            // These two hold the words themselves.
            if path.ends_with("it/architecture.rs") || path.ends_with("pages/glossary.rs") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let found = text.lines().filter(|line| pictures.is_match(line));
            wrong.extend(found.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// All files of Rust below a folder.
fn code(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(code(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Where what people read is written.
const SPEAKING: [&str; 9] = [
    "cli",
    "cluster",
    "commands",
    "controller",
    "explain",
    "failure",
    "operation",
    "render",
    "runtime",
];

/// Turns of phrase that a tired reader has to read twice.
const AWKWARD: [&str; 8] = [
    "can not ",
    "not waited for",
    "taken up yet",
    "taken in again",
    "speaks of",
    "is to be disabled",
    "ever more seldom",
    "verify no ",
];

/// Asked with `BMCTL_SENTENCES=1` it fails with all that is printed, as a list to be read.
fn no_sentence_is_awkward() -> Result<(), Failed> {
    let asked = std::env::var_os("BMCTL_SENTENCES").is_some();
    let mut found = Vec::new();
    for (path, module, code) in sources(Path::new(ROOT)) {
        if !SPEAKING.contains(&module.as_str()) {
            continue;
        }
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for said in literals(code) {
            let awkward = AWKWARD.iter().any(|phrase| said.contains(phrase));
            if awkward || (asked && said.split(' ').count() > 3) {
                found.push(format!("{path}: {said}"));
            }
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("\n").into())
    }
}

/// The string literals of a source text, as they are written.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    let mut characters = code.chars().peekable();
    while let Some(c) = characters.next() {
        match (&mut open, c) {
            (None, '\'') => {
                // A character, which may be a quotation mark; or the name of a lifetime.
                let escaped = characters.next_if_eq(&'\\').is_some();
                let inner = characters.next();
                if escaped || characters.peek() == Some(&'\'') {
                    characters.next();
                } else if inner == Some('"') {
                    open = Some(String::new());
                }
            }
            (None, '"') => open = Some(String::new()),
            (None, _) => {}
            (Some(text), '\\') => {
                text.push(c);
                text.extend(characters.next());
            }
            (Some(text), '"') => {
                found.push(std::mem::take(text));
                open = None;
            }
            (Some(text), c) => text.push(c),
        }
    }
    found
}

/// Each module, and those that it may name with `crate::…`. Everyone may name itself. A module names only those above it:
/// so there is no cycle.
const MAP: [(&str, &[&str]); 18] = [
    ("build", &[]),
    ("api", &[]),
    ("command_id", &[]),
    ("exit", &[]),
    ("failure", &["api", "command_id", "exit"]),
    ("runtime", &["api", "command_id"]),
    ("probe", &["api"]),
    (
        "explain",
        &["api", "command_id", "exit", "failure", "probe"],
    ),
    ("simulator", &["api"]),
    (
        "cluster",
        &["api", "command_id", "exit", "failure", "runtime"],
    ),
    (
        "operation",
        &["api", "cluster", "command_id", "failure", "runtime"],
    ),
    (
        "controller",
        &["api", "cluster", "failure", "probe", "runtime"],
    ),
    (
        "render",
        &["api", "command_id", "exit", "explain", "failure", "runtime"],
    ),
    ("ui", &["exit", "failure", "render"]),
    ("cli", &["api", "failure", "ui"]),
    (
        "commands",
        &[
            "api",
            "cli",
            "cluster",
            "command_id",
            "controller",
            "exit",
            "explain",
            "failure",
            "operation",
            "probe",
            "render",
            "runtime",
            "simulator",
            "ui",
        ],
    ),
    // It declares the others, and names none.
    ("lib", &[]),
    ("main", &["lib"]),
];

fn no_module_names_one_below_it() -> Result<(), Failed> {
    for (at, (module, named)) in MAP.iter().enumerate() {
        let above: Vec<&str> = MAP[..at].iter().map(|(above, _)| *above).collect();
        if let Some(below) = named.iter().find(|named| !above.contains(named)) {
            return Err(format!("{module} names {below}, which is not above it").into());
        }
    }
    Ok(())
}

/// Package → the only modules that may name it.
const KEPT: [(&str, &[&str]); 14] = [
    ("apiserver", &["commands", "simulator"]),
    ("k8s_jsonpath", &["cli", "render"]),
    ("clap", &["cli", "commands", "lib"]),
    ("clap_complete", &["commands"]),
    ("clap_mangen", &["commands"]),
    ("indicatif", &["ui"]),
    ("dialoguer", &["ui"]),
    ("comfy_table", &["render"]),
    ("console", &["ui", "render"]),
    ("hyper", &["cluster", "controller"]),
    ("ruzstd", &["operation"]),
    ("tar", &["operation"]),
    ("erased_serde", &["render"]),
    ("kvm_ioctls", &["probe"]),
];

fn modules_use_only_what_the_map_allows() -> Result<(), Failed> {
    let map = BTreeMap::from(MAP);
    let mut wrong = Vec::new();
    for (path, module, code) in sources(Path::new(ROOT)) {
        let Some(allowed) = map.get(module.as_str()) else {
            wrong.push(format!("{path}: module {module} is not on the map"));
            continue;
        };
        for used in modules_named(&code) {
            if used != module
                && map.contains_key(used.as_str())
                && !allowed.contains(&used.as_str())
            {
                wrong.push(format!("{path}: {module} may not use {used}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn packages_stay_in_their_modules() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for (path, module, code) in sources(Path::new(ROOT)) {
        for (package, modules) in KEPT {
            let named = code.lines().any(|line| names_package(line, package));
            if named && !modules.contains(&module.as_str()) {
                wrong.push(format!("{path}: {package} belongs to {modules:?}"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// A client that is made elsewhere has neither our limits nor sockets that send at once.
fn clients_of_a_cluster_are_made_in_one_place() -> Result<(), Failed> {
    const PLACE: &str = "cluster/connect/transport.rs";
    const MAKES: [&str; 4] = ["try_from(", "try_default(", "builder(", "infer("];
    let makes = |code: &str| {
        MAKES.iter().any(|how| {
            let of = |what| names_whole_path(code, &format!("{what}::{how}"));
            of("Client") || of("ClientBuilder")
        })
    };
    let wrong: Vec<String> = sources(Path::new(ROOT))
        .into_iter()
        .filter(|(path, _, _)| path != PLACE && !path.contains("tests"))
        .filter(|(_, _, code)| makes(code.split("#[cfg(test)]").next().unwrap_or_default()))
        .map(|(path, _, _)| format!("{path}: clients are made in {PLACE}"))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Is it there, and not as the end of a longer name?
fn names_whole_path(code: &str, path: &str) -> bool {
    code.match_indices(path)
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric()))
}

/// `package::` as a whole word that is not part of a longer path.
fn names_package(line: &str, package: &str) -> bool {
    let needle = format!("{package}::");
    line.match_indices(&needle).any(|(at, _)| {
        !line[..at]
            .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}
