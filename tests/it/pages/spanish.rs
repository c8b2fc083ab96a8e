//! Each Spanish page has everything that the English one has, in the words of Google's Spanish documents. A page in
//! `docs/es` is found by itself.

use std::{fs, path::Path};

use libtest_mimic::{Failed, Trial};
use regex::Regex;

use super::{Block, Page, Parts, ROOT, without_comments, words};

const FOLDER: &str = "docs/es";

/// Words of our own former pages, and those of Google's Spanish documents in their place.
const OLD_WORDS: [(&str, &str); 3] = [
    (
        r"(?i)\bcomprobaci(?:ón|ones)\s+previas?\b",
        "verificación previa",
    ),
    (
        r"(?i)\b(?:des|re)?activ(?:a|an|ando|e|en|ó|ar\w*|ad[ao]s?|aci\w+)\b",
        "habilitar, inhabilitar",
    ),
    (r"(?i)\bdeshabilit\w*", "inhabilitar"),
];
/// What stands before "orden" where it means a sequence; a command is "comando".
const SEQUENCE: [&str; 7] = ["del", "el", "en", "ese", "este", "mismo", "por"];

pub fn trials() -> Vec<Trial> {
    tests!["docs": spanish_pages_are_complete, spanish_pages_use_the_words_of_google]
}

/// Each Spanish page with the English one that it translates.
fn translations() -> Result<Vec<(Page, Page)>, Failed> {
    let mut pairs = Vec::new();
    for spanish in Page::below(Path::new(FOLDER))? {
        let inside = spanish.path.strip_prefix(FOLDER)?.to_owned();
        let english = if inside == Path::new("README.md") {
            inside
        } else {
            Path::new("docs").join(inside)
        };
        pairs.push((spanish, Page::read(&english)?));
    }
    if pairs.is_empty() {
        return Err(format!("no page in {FOLDER}").into());
    }
    Ok(pairs)
}

fn spanish_pages_are_complete() -> Result<(), Failed> {
    for (page, english) in translations()? {
        let (ours, theirs) = (page.parts(), english.parts());
        let compared = same_headings(&ours, &theirs)
            .and_then(|()| same_blocks(&ours, &theirs))
            .and_then(|()| same_tables(&ours, &theirs));
        compared.map_err(|difference| {
            page.wrong(&format!("not as {}: {difference}", english.path.display()))
        })?;
        for (from, to) in [(&page, &english), (&english, &page)] {
            if !names_language(from, to) {
                return Err(from.wrong(&format!("no link to {} at its top", to.path.display())));
            }
        }
    }
    Ok(())
}

/// Below its title, a page links to the same one in the other language.
fn names_language(from: &Page, to: &Page) -> bool {
    let normal = |path: &Path| fs::canonicalize(Path::new(ROOT).join(path)).ok();
    let top: String = from.text.lines().take(4).collect();
    Regex::new(r"\]\(([^()\s]+)\)")
        .unwrap()
        .captures_iter(&top)
        .any(|found| normal(&from.path.with_file_name(&found[1])) == normal(&to.path))
}

fn same_headings(ours: &Parts, theirs: &Parts) -> Result<(), String> {
    let at = first_difference(&ours.headings, &theirs.headings, |(level, _)| *level);
    at.map_or(Ok(()), |at| {
        Err(format!(
            "heading {}: {:?} for {:?}",
            at + 1,
            ours.headings.get(at),
            theirs.headings.get(at)
        ))
    })
}

fn same_blocks(ours: &Parts, theirs: &Parts) -> Result<(), String> {
    let code = |block: &Block<'_>| (block.info.to_owned(), without_comments(&block.text));
    let at = first_difference(&ours.blocks, &theirs.blocks, code);
    at.map_or(Ok(()), |at| {
        Err(format!(
            "code block {}: {:#?} for {:#?}",
            at + 1,
            ours.blocks.get(at),
            theirs.blocks.get(at)
        ))
    })
}

fn same_tables(ours: &Parts, theirs: &Parts) -> Result<(), String> {
    if ours.tables.len() != theirs.tables.len() {
        return Err(format!(
            "{} tables for {}",
            ours.tables.len(),
            theirs.tables.len()
        ));
    }
    for (ours, theirs) in ours.tables.iter().zip(&theirs.tables) {
        if let Some(at) = first_difference(ours, theirs, |row| key(row)) {
            return Err(format!(
                "row {} of a table: {:?} for {:?}",
                at + 1,
                ours.get(at),
                theirs.get(at)
            ));
        }
    }
    Ok(())
}

/// What is the same in every language: how many cells a row has, and the code and numbers of the first.
fn key(row: &str) -> (usize, Vec<String>) {
    let row = row.replace("\\|", "/");
    let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
    let fixed = Regex::new(r"`[^`]*`|\d+").unwrap();
    let first = cells.first().copied().unwrap_or_default();
    let found = fixed
        .find_iter(first)
        .map(|found| found.as_str().to_owned());
    (cells.len(), found.collect())
}

/// Where two lists differ in what is asked of their items, or in their length.
fn first_difference<T, K: PartialEq>(
    ours: &[T],
    theirs: &[T],
    of: impl Fn(&T) -> K,
) -> Option<usize> {
    (0..ours.len().max(theirs.len())).find(|at| ours.get(*at).map(&of) != theirs.get(*at).map(&of))
}

/// What is said in Spanish: prose, and the comments in blocks.
fn spanish_of(page: &Parts) -> String {
    let comment = Regex::new(r"(?m)(?:^|\s)#.*$").unwrap();
    let mut text = words(&page.prose);
    for block in &page.blocks {
        for found in comment.find_iter(&block.text) {
            text.push_str(found.as_str());
            text.push('\n');
        }
    }
    text
}

fn spanish_pages_use_the_words_of_google() -> Result<(), Failed> {
    let order = Regex::new(r"(?i)(?:(\p{L}+)\s+)?\b(?:orden|órdenes)\b").unwrap();
    for (page, _) in translations()? {
        let prose = spanish_of(&page.parts());
        for (old, instead) in OLD_WORDS {
            if let Some(found) = Regex::new(old).unwrap().find(&prose) {
                return Err(page.wrong(&format!("{:?}: say {instead}", found.as_str())));
            }
        }
        for found in order.captures_iter(&prose) {
            let before = found.get(1).map_or("", |word| word.as_str());
            if !SEQUENCE.contains(&before.to_lowercase().as_str()) {
                return Err(page.wrong(&format!("{:?}: say comando", &found[0])));
            }
        }
    }
    Ok(())
}
