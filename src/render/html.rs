//! `--report html=PATH`: one page for a browser that needs nothing beside it, for thousands of nodes.
//!
//! Names and messages come from a cluster and are nobody's markup: everything is escaped in one place ([`escaped`]), and the
//! policy of the page lets nothing run or load but its own style and script, which it knows by their hashes. Without a script
//! the page shows everything.

use std::fmt::Write;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    clean::{clean, clean_lines},
    document::Document,
    history::HistoryEntry,
    markup::escaped,
    multi_cluster,
    page::Page,
    preflight::{NodeReport, PreflightReport},
    style::{Mark, Style, paint},
};
use crate::{
    api::text::{cut_to, shortened},
    runtime::verdict::{NodeVerdict, Verdict},
};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The document as a page, written at this time.
#[must_use]
pub fn html(document: &Document, now: Timestamp) -> String {
    let mut page = Html::default();
    page.head(document);
    let below = document.report.shown_beside().documents;
    if below.is_empty() {
        page.body(document, now);
    } else {
        for (at, document) in below.iter().enumerate() {
            let name = document.target.as_deref().unwrap_or_default();
            page.put(&format!("<section id=\"cluster-{at}\">"));
            page.element("h2", &format!("Cluster {name}"));
            page.body(document, now);
            page.put("</section>");
        }
    }
    page.put("<footer>");
    page.text(&format!(
        "bmctl {}, written {}",
        env!("CARGO_PKG_VERSION"),
        time(now)
    ));
    page.put("</footer>\n</main>\n<script>");
    page.put(SCRIPT);
    page.put("</script>\n</body>\n</html>\n");
    page.0
}

#[derive(Default)]
struct Html(String);

impl Html {
    /// Our own markup.
    fn put(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Anybody's words.
    fn text(&mut self, text: &str) {
        self.0.push_str(&escaped(&clean(text)));
    }

    fn element(&mut self, name: &str, text: &str) {
        let _ = write!(self.0, "<{name}>{}</{name}>", escaped(&clean(text)));
    }

    fn head(&mut self, document: &Document) {
        let title = format!(
            "bmctl {}: {}",
            document.command,
            word(multi_cluster::mark(document))
        );
        let _ = write!(
            self.0,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; \
             script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<main>\n",
            hash(STYLE),
            hash(SCRIPT),
            escaped(&clean(&title)),
        );
        self.put("<h1>");
        self.text(&format!("bmctl {}:", document.command));
        self.put(" ");
        self.marked(
            multi_cluster::mark(document),
            word(multi_cluster::mark(document)),
        );
        self.put("</h1>\n");
        let below = document.report.shown_beside().documents;
        if !below.is_empty() {
            self.overview(below);
        }
    }

    /// A line for each cluster, and the way to it.
    fn overview(&mut self, documents: &[Document]) {
        self.put("<div class=\"scroll\"><table><thead><tr>");
        for title in ["Cluster", "Result", "Exit code", "Message"] {
            self.put(&format!("<th scope=\"col\">{title}</th>"));
        }
        self.put("</tr></thead><tbody>\n");
        for (at, document) in documents.iter().enumerate() {
            self.put(&format!("<tr><th scope=\"row\"><a href=\"#cluster-{at}\">"));
            self.text(document.target.as_deref().unwrap_or_default());
            self.put("</a></th><td class=\"word\">");
            self.marked(
                multi_cluster::mark(document),
                word(multi_cluster::mark(document)),
            );
            self.put(&format!("</td><td>{}</td>", document.exit.code()));
            let message = document.error.as_ref().map(|error| error.message.as_str());
            self.element("td", message.unwrap_or_default());
            self.put("</tr>\n");
        }
        self.put("</tbody></table></div>\n");
    }

    fn body(&mut self, document: &Document, now: Timestamp) {
        let beside = document.report.shown_beside();
        self.facts(document, beside.check);
        self.endings(document);
        if let Some(check) = beside.check {
            self.nodes(check);
            self.causes(check);
        }
        if !beside.history.is_empty() {
            self.history(beside.history, now);
        }
        self.output(document);
    }

    fn facts(&mut self, document: &Document, check: Option<&PreflightReport>) {
        self.put("<dl>");
        let mut fact = |name: &str, value: &str| {
            self.element("dt", name);
            self.element("dd", value);
        };
        if let Some(cluster) = &document.cluster {
            fact(
                "Cluster",
                &format!("{} ({})", cluster.context, cluster.server),
            );
        }
        fact("Exit code", &document.exit.code().to_string());
        if let Some(check) = check {
            fact("Preflight check", &check.name);
            fact("Check result", check.result.word());
            if let Some(selection) = &check.selection {
                fact("Selection", &selection.sentence());
            }
            if let Some(message) = &check.message {
                fact("Message", message);
            }
        }
        self.put("</dl>\n");
    }

    /// The error and the warnings.
    fn endings(&mut self, document: &Document) {
        if let Some(error) = &document.error {
            self.put("<div class=\"box bad\"><strong>error: ");
            self.text(&error.message);
            self.put("</strong><ul>");
            for cause in &error.causes {
                self.element("li", &format!("caused by: {cause}"));
            }
            for hint in &error.hints {
                self.element("li", &format!("hint: {hint}"));
            }
            self.put("</ul></div>\n");
        }
        for warning in &document.warnings {
            self.put("<div class=\"box warning\">");
            self.text(&format!("warning: {warning}"));
            self.put("</div>\n");
        }
    }

    fn nodes(&mut self, check: &PreflightReport) {
        self.put("<h2>Nodes</h2>\n");
        let counts = [
            NodeVerdict::Failed,
            NodeVerdict::Unknown,
            NodeVerdict::Passed,
        ]
        .map(|verdict| (verdict, check.nodes_that(verdict).count()));
        self.put("<p>");
        self.text(&check.summarized());
        self.put("</p>\n");
        if check.nodes.is_empty() {
            return;
        }
        self.controls(check.nodes.len(), counts);
        let columns = check.columns();
        self.put("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Node</th><th scope=\"col\">Result</th>");
        for column in &columns {
            self.put("<th scope=\"col\">");
            self.text(column);
            self.put("</th>");
        }
        self.put("<th scope=\"col\">Message</th></tr></thead><tbody>\n");
        for (verdict, _) in counts {
            for node in check.nodes_that(verdict) {
                self.node(node, &columns);
            }
        }
        self.put("</tbody></table></div>\n");
    }

    /// What the script works with; hidden where there is none.
    fn controls(&mut self, all: usize, counts: [(NodeVerdict, usize); 3]) {
        // Several clusters have one row of controls, above the first table.
        if self.0.contains("id=\"text\"") {
            return;
        }
        self.put("<div class=\"controls\" hidden>");
        let of_all = std::iter::once(("all", "All", all));
        let of_each = counts.map(|(verdict, count)| match verdict {
            NodeVerdict::Failed => ("failed", "Failed", count),
            NodeVerdict::Unknown => ("unknown", "Unknown", count),
            NodeVerdict::Passed => ("passed", "Passed", count),
        });
        for (show, name, count) in of_all.chain(of_each) {
            self.put(&format!(
                "<button type=\"button\" data-show=\"{show}\" aria-pressed=\"false\">{name} ({count})</button>"
            ));
        }
        self.put(
            "<input id=\"text\" type=\"search\" placeholder=\"Node, check or message\" aria-label=\"Show only rows with \
             these words\"><span id=\"shown\" class=\"faint\" role=\"status\"></span></div>\n",
        );
    }

    fn node(&mut self, node: &NodeReport, columns: &[&str]) {
        let (result, mark) = match node.result {
            NodeVerdict::Failed => ("failed", Mark::Failed),
            NodeVerdict::Unknown => ("unknown", Mark::Unknown),
            NodeVerdict::Passed => ("passed", Mark::Passed),
        };
        self.put(&format!("<tr data-result=\"{result}\"><th scope=\"row\">"));
        self.text(&node.name);
        self.put("</th><td class=\"word\">");
        self.marked(mark, result);
        self.put("</td>");
        for column in columns {
            let mark = node.mark(column);
            self.put(&format!(
                "<td class=\"mark {}\" title=\"{}\">{}</td>",
                class(mark),
                word(mark),
                sign(mark)
            ));
        }
        self.put("<td class=\"said\">");
        self.text(&cut_to(600, &node.said()));
        self.put("</td></tr>\n");
    }

    /// What failed, why, and what to do about it.
    fn causes(&mut self, check: &PreflightReport) {
        let causes = check.told_causes();
        if causes.is_empty() {
            return;
        }
        self.put("<h2>What failed</h2>\n");
        for cause in causes {
            self.element("h3", &cause.title);
            self.put("<div class=\"box\">");
            for message in &cause.messages {
                self.put("<pre>");
                self.lines(message);
                self.put("</pre>");
            }
            if let Some(known) = cause.explanation {
                for (name, text) in [("Cause", &known.cause), ("Fix", &known.fix)] {
                    self.put(&format!("<p><strong>{name}:</strong> "));
                    self.text(text);
                    self.put("</p>");
                }
            }
            self.put("</div>\n");
        }
    }

    fn history(&mut self, checks: &[HistoryEntry], now: Timestamp) {
        self.put("<h2>Earlier and later checks</h2>\n<div class=\"scroll\"><table><thead><tr>");
        for title in [
            "Check", "Result", "Created", "Age", "Nodes", "Failed", "Unknown",
        ] {
            self.put(&format!("<th scope=\"col\">{title}</th>"));
        }
        self.put("</tr></thead><tbody>\n");
        for check in checks {
            self.put("<tr>");
            self.element("th", &check.name);
            self.put("<td class=\"word\">");
            let mark = match check.result {
                Verdict::Passed => Mark::Passed,
                Verdict::Failed | Verdict::Inconsistent => Mark::Failed,
                Verdict::Incomplete | Verdict::Unfinished => Mark::Unknown,
            };
            self.marked(mark, check.result.word());
            self.put("</td>");
            self.element("td", &check.created.map(time).unwrap_or_default());
            self.element("td", &check.age(now));
            let unknown = check.unknown_nodes.len() + check.unnamed_unknown_nodes;
            for count in [check.node_count, check.failed_nodes.len(), unknown] {
                self.put(&format!("<td>{count}</td>"));
            }
            self.put("</tr>\n");
        }
        self.put("</tbody></table></div>\n");
    }

    /// What people would have seen.
    fn output(&mut self, document: &Document) {
        let mut page = Page::new(Style {
            width: None,
            unicode: true,
        });
        document.report.write_text(&mut page);
        let text = paint(&page.finish(), false);
        if text.trim().is_empty() {
            return;
        }
        self.put("<details><summary>As text</summary><pre>");
        self.0.push_str(&escaped(&clean_lines(&text)));
        self.put("</pre></details>\n");
    }

    fn lines(&mut self, text: &str) {
        let text = shortened(clean_lines(text));
        self.0.push_str(&escaped(&text));
    }

    /// Never by colour alone: the mark and the word.
    fn marked(&mut self, mark: Mark, word: &str) {
        self.put(&format!("<span class=\"{}\">{} ", class(mark), sign(mark)));
        self.text(word);
        self.put("</span>");
    }
}

const fn sign(mark: Mark) -> &'static str {
    match mark {
        Mark::Passed => "✓",
        Mark::Failed => "✗",
        Mark::Warning => "!",
        Mark::Unknown => "?",
        Mark::Absent => "–",
    }
}

const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Passed => "good",
        Mark::Failed => "bad",
        Mark::Warning => "warning",
        Mark::Unknown => "unknown",
        Mark::Absent => "faint",
    }
}

const fn word(mark: Mark) -> &'static str {
    match mark {
        Mark::Passed => "passed",
        Mark::Failed => "failed",
        Mark::Warning => "failed, but VMs run without it",
        Mark::Unknown => "unknown",
        Mark::Absent => "not reported",
    }
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn hash(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests;
