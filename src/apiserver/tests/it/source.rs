//! Source files as the architecture tests read them. Shared with bmctl's tests.

use std::{fs, path::Path};

/// Every module that the code names as `crate::module`, also inside `use crate::{a, b::c}`.
pub fn modules_named(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            modules.extend(top_level_names(group));
        } else {
            modules.push(leading_name(rest));
        }
    }
    modules
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

/// (path, top-level module, code without comments) of every source file below a folder, but those of other crates and
/// the tests beside it.
pub fn sources(root: &Path) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.join("Cargo.toml").is_file() || path == root.join("tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(root).unwrap();
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
