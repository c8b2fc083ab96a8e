//! What a word means: entries of the catalogue in full, or the list of them all.

use schemars::JsonSchema;
use serde::Serialize;

use super::{document::Report, name::ResourceName, page::Page, style::Tone, table::Table};
use crate::explain::{Entry, Group};

/// The result of `explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainReport {
    pub entries: Vec<Entry>,
    /// Only the ids and what they mean, group by group.
    #[serde(skip)]
    pub listed: bool,
}

impl Report for ExplainReport {
    const KIND: &'static str = "ExplainResult";

    fn text(&self, page: &mut Page) {
        if self.listed {
            self.list(page);
            return;
        }
        for entry in &self.entries {
            page.gap();
            in_full(page, entry);
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}

impl ExplainReport {
    fn list(&self, page: &mut Page) {
        for group in Group::ALL {
            page.gap();
            let mut table = Table::new([group.title().to_uppercase(), "MEANING".to_owned()]);
            for entry in self.entries.iter().filter(|entry| entry.group == group) {
                table.row([entry.id.as_str(), first_sentence(&entry.meaning)]);
            }
            page.table(&table);
        }
    }
}

fn first_sentence(text: &str) -> &str {
    let end = text.find(". ").unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

fn in_full(page: &mut Page, entry: &Entry) {
    page.line(format!(
        "{}  {}",
        Tone::Strong.of(&entry.id),
        Tone::Faint.of(entry.group.title())
    ));
    page.paragraph("  ", &entry.meaning);
    page.gap();
    page.paragraph("  cause  ", entry.cause);
    page.paragraph("  fix    ", entry.fix);
    for command in &entry.commands {
        page.line(format!("         $ {command}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        explain,
        render::{Style, paint},
    };

    fn text(report: &ExplainReport) -> String {
        let mut page = Page::new(Style {
            width: Some(60),
            unicode: true,
        });
        report.text(&mut page);
        paint(&page.finish(), false)
    }

    #[test]
    fn an_entry_is_told_with_cause_fix_and_commands() {
        let report = ExplainReport {
            entries: explain::find("UnknownNode"),
            listed: false,
        };
        assert_eq!(
            text(&report),
            "\
UnknownNode  error
  The cluster has no node of that name, or none with these
  labels.

  cause  A typing error in a name or in labels, or the node
         has left the cluster. No node was changed.
  fix    Use the name and the labels that the cluster has.
         $ kubectl get nodes --show-labels
"
        );
    }

    #[test]
    fn the_list_names_every_word() {
        let entries = explain::catalogue();
        let list = text(&ExplainReport {
            entries: entries.clone(),
            listed: true,
        });
        for entry in entries {
            assert!(
                list.lines()
                    .any(|line| line.split("   ").next() == Some(&entry.id)),
                "{}",
                entry.id
            );
        }
    }
}
