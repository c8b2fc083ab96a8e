//! `--report markdown=PATH`: a section for the summary of a CI job, such as `$GITHUB_STEP_SUMMARY`, or for a merge request.
//!
//! Names and messages come from a cluster: what Markdown or HTML would obey in them is escaped. A summary of GitHub's has to
//! stay below 1 MiB, so that the number of rows has an end.
//!
//! Sources: <https://github.github.com/gfm/>,
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions#adding-a-job-summary>.

use std::fmt::Write;

use super::{
    clean::{clean, clean_lines},
    document::Document,
    multi_cluster,
    page::Page,
    preflight::{NodeReport, PreflightReport},
    style::{Mark, Style, paint},
};
use crate::{api::text::cut_to, runtime::verdict::NodeVerdict};

/// So many nodes get a row.
const ROWS: usize = 200;
/// So many that passed do, as on a terminal.
const GOOD_ROWS: usize = 20;
/// The longest text of the command that is repeated.
const OUTPUT: usize = 64 * 1024;
/// The longest message.
const MESSAGE: usize = 500;

/// The document as a section.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut text = String::new();
    let below = document.report.shown_beside().documents;
    heading(&mut text, 2, document, None);
    if below.is_empty() {
        body(&mut text, document);
        return text;
    }
    text.push_str("| Cluster | Result | Exit code | Message |\n|---|---|---|---|\n");
    for document in below {
        let name = document.target.as_deref().unwrap_or_default();
        let mark = multi_cluster::mark(document);
        let message = document.error.as_ref().map(|error| error.message.as_str());
        let _ = writeln!(
            text,
            "| {} | {} {} | {} | {} |",
            plain(name),
            sign(mark),
            word(mark),
            document.exit.code(),
            plain(message.unwrap_or_default())
        );
    }
    text.push('\n');
    for document in below {
        heading(&mut text, 3, document, document.target.as_deref());
        body(&mut text, document);
    }
    text
}

fn heading(text: &mut String, level: usize, document: &Document, cluster: Option<&str>) {
    let mark = multi_cluster::mark(document);
    let of = cluster.map(|name| format!(" on {}", plain(name)));
    let _ = writeln!(
        text,
        "{} {} bmctl {}{}: {}\n",
        "#".repeat(level),
        sign(mark),
        plain(&document.command),
        of.unwrap_or_default(),
        word(mark)
    );
}

fn body(text: &mut String, document: &Document) {
    let mut facts = vec![format!("exit code {}", document.exit.code())];
    if let Some(cluster) = &document.cluster {
        facts.push(format!(
            "cluster {} ({})",
            plain(&cluster.context),
            plain(&cluster.server)
        ));
    }
    let _ = writeln!(text, "{}\n", facts.join(", "));
    if let Some(error) = &document.error {
        let _ = writeln!(text, "**error:** {}\n", plain(&error.message));
        for cause in &error.causes {
            let _ = writeln!(text, "- caused by: {}", plain(cause));
        }
        for hint in &error.hints {
            let _ = writeln!(text, "- hint: {}", plain(hint));
        }
        if !error.causes.is_empty() || !error.hints.is_empty() {
            text.push('\n');
        }
    }
    for warning in &document.warnings {
        let _ = writeln!(text, "⚠️ warning: {}\n", plain(warning));
    }
    match document.report.shown_beside().check {
        Some(check) => nodes(text, check),
        None => output(text, document),
    }
}

fn nodes(text: &mut String, check: &PreflightReport) {
    let _ = writeln!(text, "{}\n", plain(&check.summarized()));
    let columns = check.columns();
    let of = |verdict| check.nodes_that(verdict);
    let mut rows: Vec<&NodeReport> = of(NodeVerdict::Failed)
        .chain(of(NodeVerdict::Unknown))
        .collect();
    let bad = rows.len();
    rows.truncate(ROWS);
    let passed: Vec<&NodeReport> = of(NodeVerdict::Passed).collect();
    let folded = if passed.len() > GOOD_ROWS {
        passed.len()
    } else {
        0
    };
    if folded == 0 {
        rows.extend(passed);
    }
    if !rows.is_empty() {
        let titles: Vec<String> = columns.iter().map(|check| plain(check)).collect();
        let _ = writeln!(text, "| Node | Result | {} |", titles.join(" | "));
        let _ = writeln!(text, "|---|---|{}", ":---:|".repeat(columns.len().max(1)));
        for node in rows {
            row(text, node, &columns);
        }
        text.push('\n');
    }
    if bad > ROWS {
        let _ = writeln!(text, "… and {} more that did not pass\n", bad - ROWS);
    }
    if folded > 0 {
        let _ = writeln!(text, "✅ {folded} nodes passed\n");
    }
    for cause in check.told_causes() {
        let _ = writeln!(
            text,
            "<details><summary>{}</summary>\n",
            plain(&cause.title)
        );
        for message in &cause.messages {
            fenced(text, &cut_to(MESSAGE, message));
        }
        if let Some(known) = cause.explanation {
            let _ = writeln!(text, "**cause:** {}\n", plain(&known.cause));
            let _ = writeln!(text, "**fix:** {}\n", plain(&known.fix));
        }
        text.push_str("</details>\n\n");
    }
}

fn row(text: &mut String, node: &NodeReport, columns: &[&str]) {
    let (mark, result) = match node.result {
        NodeVerdict::Failed => (Mark::Failed, "failed"),
        NodeVerdict::Unknown => (Mark::Unknown, "unknown"),
        NodeVerdict::Passed => (Mark::Passed, "passed"),
    };
    let marks: Vec<&str> = columns.iter().map(|check| sign(node.mark(check))).collect();
    let _ = writeln!(
        text,
        "| {} | {} {result} | {} |",
        plain(&node.name),
        sign(mark),
        marks.join(" | ")
    );
}

/// What people would have seen.
fn output(text: &mut String, document: &Document) {
    let mut page = Page::new(Style {
        width: None,
        unicode: true,
    });
    document.report.write_text(&mut page);
    let said = paint(&page.finish(), false);
    if !said.trim().is_empty() {
        fenced(text, &cut_to(OUTPUT, &said));
    }
}

/// Between fences that are longer than any in the text.
fn fenced(text: &mut String, said: &str) {
    let said = clean_lines(said);
    let longest = said
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "{fence}text\n{}\n{fence}\n", said.trim_end());
}

const fn sign(mark: Mark) -> &'static str {
    match mark {
        Mark::Passed => "✅",
        Mark::Failed => "❌",
        Mark::Warning => "⚠️",
        Mark::Unknown => "❔",
        Mark::Absent => "–",
    }
}

const fn word(mark: Mark) -> &'static str {
    match mark {
        Mark::Passed => "passed",
        Mark::Failed => "failed",
        Mark::Warning => "warning",
        Mark::Unknown => "unknown",
        Mark::Absent => "skipped",
    }
}

/// Anybody's words on one line, in which neither Markdown nor HTML finds anything to obey: also no mention and no link.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '@' => plain.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '$' | '!' => {
                plain.push('\\');
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    // A link would be made of a bare address.
    plain.replace("://", "&#58;//").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests;
