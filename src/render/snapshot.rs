//! What went into a support bundle, and what did not.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    clean::clean, document::Report, name::ResourceName, page::Page, style::Tone, table::Table,
};

/// The result of `snapshot vmruntime`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SnapshotReport {
    /// The bundle; null where none was written.
    pub path: Option<String>,
    pub bytes: Option<usize>,
    pub files: Vec<FileReport>,
    /// How many strings had something in them that looked like a credential.
    pub redacted: usize,
}

/// One file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileReport {
    pub file: String,
    pub what: String,
    pub outcome: Ending,
    /// Objects in a list.
    pub count: Option<usize>,
    /// There were more objects than go in.
    pub more: bool,
    /// Why it could not be read.
    pub why: Option<String>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    Collected,
    /// The cluster does not have it.
    Absent,
    /// It may not be read.
    Refused,
    Failed,
    /// Only listed: nothing was read.
    Listed,
}

impl FileReport {
    #[must_use]
    pub fn new(file: &str, what: &str, outcome: Ending) -> Self {
        Self {
            file: file.to_owned(),
            what: what.to_owned(),
            outcome,
            count: None,
            more: false,
            why: None,
        }
    }

    fn in_words(&self) -> String {
        let collected = match (self.count, self.more) {
            (None, _) => "yes".to_owned(),
            (Some(count), false) => count.to_string(),
            (Some(count), true) => format!("first {count}"),
        };
        match self.outcome {
            Ending::Collected => Tone::Good.of(&collected),
            Ending::Absent => Tone::Faint.of("not there"),
            Ending::Refused => Tone::Warning.of("refused"),
            Ending::Failed => Tone::Warning.of("failed"),
            Ending::Listed => String::new(),
        }
    }
}

impl Report for SnapshotReport {
    const KIND: &'static str = "SnapshotResult";

    fn text(&self, page: &mut Page) {
        if self.files.is_empty() {
            return;
        }
        let listed = self.files.iter().all(|file| file.outcome == Ending::Listed);
        let mut table = if listed {
            Table::new(["FILE", "WHAT"])
        } else {
            Table::new(["FILE", "COLLECTED", "WHAT"])
        };
        for file in &self.files {
            if listed {
                table.row([&file.file, &file.what]);
            } else {
                table.row([&file.file, &file.in_words(), &file.what]);
            }
        }
        page.table(&table);
        if listed {
            page.gap();
            page.paragraph(
                "",
                "and manifest.json, which says what is inside and what was refused. Nothing else goes in; what looks like a credential is taken out.",
            );
        }
        if let Some(path) = &self.path {
            page.gap();
            let bytes = self.bytes.unwrap_or_default();
            page.line(format!("Bundle: {} ({bytes} bytes)", clean(path)));
            if self.redacted > 0 {
                page.line(format!(
                    "Taken out of {} strings: credentials",
                    self.redacted
                ));
            }
            page.line("Look at it before you send it: tar --zstd -xf FILE");
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint};

    #[test]
    fn what_is_inside_and_what_is_not() {
        let mut pods = FileReport::new("pods.json", "pods", Ending::Collected);
        (pods.count, pods.more) = (Some(500), true);
        let report = SnapshotReport {
            path: Some("b.tar.zst".to_owned()),
            bytes: Some(10),
            files: vec![
                pods,
                FileReport::new("nodes.json", "nodes", Ending::Refused),
            ],
            redacted: 1,
        };
        let mut page = Page::new(Style {
            width: None,
            unicode: true,
        });
        report.text(&mut page);
        assert_eq!(
            paint(&page.finish(), false),
            "\
FILE         COLLECTED   WHAT
pods.json    first 500   pods
nodes.json   refused     nodes

Bundle: b.tar.zst (10 bytes)
Taken out of 1 strings: credentials
Look at it before you send it: tar --zstd -xf FILE
"
        );
    }
}
