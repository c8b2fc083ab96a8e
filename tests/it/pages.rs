//! The pages for people: their links lead somewhere, and their commands exist. What is generated is compared by `docs`, what
//! the tutorial prints by `tutorial`.

mod glossary;
mod spanish;

use std::{
    fs,
    path::{Path, PathBuf},
};

use bmctl::commands::Cli;
use clap::Parser as _;
use libtest_mimic::{Failed, Trial};
use regex::Regex;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// A page that is compared with the program as a whole.
const GENERATED: &str = "docs/cli.md";

pub fn trials() -> Vec<Trial> {
    let mut trials = tests!["docs": links_lead_somewhere, commands_of_pages_exist];
    trials.extend(glossary::trials());
    trials.extend(spanish::trials());
    trials
}

/// A page of the repository.
struct Page {
    /// From the root of the repository.
    path: PathBuf,
    text: String,
}

/// One fenced block: what stands behind the fence, and its lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'a> {
    pub info: &'a str,
    pub text: String,
}

/// What a page is made of.
#[derive(Default)]
struct Parts<'a> {
    /// Each with its level and its title.
    headings: Vec<(usize, &'a str)>,
    blocks: Vec<Block<'a>>,
    /// The rows of each, with the one of the titles.
    tables: Vec<Vec<&'a str>>,
    /// Everything outside blocks.
    prose: String,
}

impl Page {
    fn read(path: &Path) -> Result<Self, Failed> {
        let text = fs::read_to_string(Path::new(ROOT).join(path))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// The Markdown files of a folder and those below it.
    fn below(folder: &Path) -> Result<Vec<Self>, Failed> {
        let mut pages = Vec::new();
        for entry in fs::read_dir(Path::new(ROOT).join(folder))? {
            let path = folder.join(entry?.file_name());
            if Path::new(ROOT).join(&path).is_dir() {
                pages.extend(Self::below(&path)?);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(Self::read(&path)?);
            }
        }
        Ok(pages)
    }

    fn all() -> Result<Vec<Self>, Failed> {
        let mut pages = Self::below(Path::new("docs"))?;
        for path in ["README.md", "src/apiserver/README.md"] {
            pages.push(Self::read(Path::new(path))?);
        }
        Ok(pages)
    }

    fn parts(&self) -> Parts<'_> {
        parts(&self.text)
    }

    /// What is wrong with this page.
    fn wrong(&self, what: &str) -> Failed {
        format!("{}: {what}", self.path.display()).into()
    }
}

/// The fenced blocks of a page.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    parts(page).blocks
}

fn parts(text: &str) -> Parts<'_> {
    let mut parts = Parts::default();
    let mut block: Option<Block> = None;
    let mut in_table = false;
    for line in text.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (block.take(), fence) {
            (None, Some(info)) => {
                let text = String::new();
                block = Some(Block { info, text });
            }
            (Some(ended), Some(_)) => parts.blocks.push(ended),
            (Some(mut begun), None) => {
                begun.text.push_str(line);
                begun.text.push('\n');
                block = Some(begun);
            }
            (None, None) => {
                let level = line.bytes().take_while(|byte| *byte == b'#').count();
                if level > 0 {
                    parts.headings.push((level, line[level..].trim()));
                }
                let is_row = line.starts_with('|');
                match parts.tables.last_mut().filter(|_| in_table) {
                    Some(table) if is_row => table.push(line),
                    _ if is_row => parts.tables.push(vec![line]),
                    _ => {}
                }
                in_table = is_row;
                parts.prose.push_str(line);
                parts.prose.push('\n');
            }
        }
    }
    assert!(block.is_none(), "a block without an end");
    parts
}

/// Prose without what is written as code.
fn words(prose: &str) -> String {
    Regex::new("`[^`]*`")
        .unwrap()
        .replace_all(prose, "`")
        .into()
}

fn links_lead_somewhere() -> Result<(), Failed> {
    let link = Regex::new(r"\]\(([^()\s]+)\)").unwrap();
    let mut wrong = Vec::new();
    for page in Page::all()? {
        for (_, [target]) in link
            .captures_iter(&words(&page.parts().prose))
            .map(|found| found.extract())
        {
            if !target.contains("://") && !leads_somewhere(&page, target)? {
                wrong.push(format!("{}: {target}", page.path.display()));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn leads_somewhere(page: &Page, target: &str) -> Result<bool, Failed> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() {
        page.path.clone()
    } else {
        page.path.with_file_name(file)
    };
    if !Path::new(ROOT).join(&path).exists() {
        return Ok(false);
    }
    if anchor.is_empty() {
        return Ok(true);
    }
    let there = Page::read(&path)?;
    let headings = there.parts().headings;
    Ok(headings.iter().any(|(_, title)| anchor_of(title) == anchor))
}

/// As GitHub makes it.
fn anchor_of(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Every command of ours in a block is one that the command line takes, with its flags.
fn commands_of_pages_exist() -> Result<(), Failed> {
    let mut seen = 0;
    for page in Page::all()? {
        if page.path == Path::new(GENERATED) {
            continue;
        }
        for block in page.parts().blocks {
            for line in block.text.lines() {
                let line = line.strip_prefix("$ ").unwrap_or(line);
                let typed = line.strip_prefix("bmctl ");
                let Some(typed) = typed.or_else(|| line.strip_prefix("cargo run --release -- "))
                else {
                    continue;
                };
                seen += 1;
                exists(&shell_words(typed))
                    .map_err(|error| page.wrong(&format!("{line}\n{error}")))?;
            }
        }
    }
    // Fewer are found only where blocks are no longer read as they are written.
    if seen > 20 {
        Ok(())
    } else {
        Err(format!("only {seen} commands").into())
    }
}

/// The words of the first command of a line, as a shell splits them.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '|' | '>' | '&' | ';') => break,
            (None, '#') if word.is_none() => break,
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (_, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The words behind `bmctl`; where they run another command of ours, that one as well.
fn exists(words: &[String]) -> Result<(), clap::Error> {
    let line = std::iter::once("bmctl").chain(words.iter().map(String::as_str));
    let inner = words.splitn(2, |word| word == "--").nth(1);
    match (Cli::try_parse_from(line), inner) {
        (Err(error), _) if error.use_stderr() => Err(error),
        (_, Some([program, ..])) if program.starts_with('.') => Ok(()),
        (_, Some(inner)) => exists(inner),
        (_, None) => Ok(()),
    }
}

/// Each line without what stands behind a `#` that begins a comment of the shell or of YAML.
fn without_comments(text: &str) -> String {
    let comment = Regex::new(r"(^|\s)#.*$").unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| comment.replace(line, "").trim_end().to_owned())
        .collect();
    lines.join("\n")
}
