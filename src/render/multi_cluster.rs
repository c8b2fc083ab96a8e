//! The results of one command on several clusters.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::{
    clean::clean,
    document::{Beside, Document, Report},
    junit::{self, Suite},
    name::ResourceName,
    page::Page,
    style::{Mark, Tone},
    table::Table,
};
use crate::{exit::Exit, failure::Kind};

/// One document a cluster, in the order in which they were named.
#[derive(Serialize, JsonSchema)]
pub struct MultiClusterReport {
    #[schemars(schema_with = "documents")]
    pub items: Vec<Document>,
}

/// Each is a document of the same schema.
fn documents(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"$ref": "#"}})
}

impl MultiClusterReport {
    #[must_use]
    pub fn new(items: Vec<Document>) -> Self {
        Self { items }
    }

    /// How the whole command ended: as the worst of them.
    #[must_use]
    pub fn worst(&self) -> Exit {
        let exits = self.items.iter().map(|item| item.exit);
        Exit::worst(exits)
    }

    /// Name and document of each cluster.
    pub fn clusters(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.items
            .iter()
            .map(|item| (item.target.as_deref().unwrap_or_default(), item))
    }
}

impl Report for MultiClusterReport {
    const KIND: &'static str = "ListResult";

    /// What each has to say, then a line for each.
    fn text(&self, page: &mut Page) {
        let mut table = Table::new(["CLUSTER", "RESULT", "EXIT", "MESSAGE"]);
        for (label, document) in self.clusters() {
            let mut own = page.like();
            document.report.write_text(&mut own);
            let text = own.finish();
            if !text.is_empty() {
                page.gap();
                page.line(Tone::Strong.of(&format!("[{label}]")));
                page.verbatim(&text);
            }
            let error = document.error.as_ref();
            let message = error.map(|error| clean(&error.message));
            table.row([
                label.to_owned(),
                page.style.verdict(mark(document)),
                document.exit.code().to_string(),
                message.unwrap_or_default(),
            ]);
        }
        page.gap();
        page.table(&table);
    }

    fn names(&self) -> Vec<ResourceName> {
        let all = self.items.iter();
        all.flat_map(|item| item.report.all_names()).collect()
    }

    fn beside(&self) -> Beside<'_> {
        Beside {
            documents: &self.items,
            ..Beside::default()
        }
    }

    fn suites(&self) -> Vec<Suite> {
        let suites = |(label, document): (&str, &Document)| {
            let label = label.to_owned();
            let suites = junit::suites(document).into_iter();
            suites.map(move |suite| suite.of_cluster(&label))
        };
        self.clusters().flat_map(suites).collect()
    }
}

/// What could not be found out is not a failure, and not a pass.
pub(super) fn mark(document: &Document) -> Mark {
    match (
        document.exit.code(),
        document.error.as_ref().map(|error| error.kind),
    ) {
        (0, _) => Mark::Passed,
        (
            _,
            Some(
                Kind::Incomplete
                | Kind::Denied
                | Kind::Unreachable
                | Kind::TimedOut
                | Kind::Interrupted
                | Kind::Terminated,
            ),
        ) => Mark::Unknown,
        (
            _,
            None
            | Some(
                Kind::Other
                | Kind::Usage
                | Kind::CheckFailed
                | Kind::Refused
                | Kind::Already
                | Kind::NotInstalled
                | Kind::Conflict
                | Kind::OperationFailed,
            ),
        ) => Mark::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        failure::{Failure, Reason},
        render::{Style, document, name, paint, version::VersionReport},
    };

    fn list() -> Document {
        let mut good = Document::new(
            "status vmruntime",
            None,
            Box::new(VersionReport {
                version: "1",
                ..VersionReport::of_this_build()
            }),
            vec![],
            Exit::Ok,
            None,
        );
        good.target = Some("prod".to_owned());
        let failure = Failure::new(
            Kind::Unreachable,
            Reason::ConnectionRefused,
            "could not connect\x1b[2J",
        );
        let mut bad = Document::of_failure("status vmruntime", &failure);
        bad.target = Some("stage".to_owned());
        let report = MultiClusterReport::new(vec![good, bad]);
        let exit = report.worst();
        Document::new(
            "status vmruntime",
            None,
            Box::new(report),
            vec![],
            exit,
            None,
        )
    }

    #[test]
    fn people_get_a_section_and_a_line_for_each() {
        let mut page = Page::new(Style {
            width: None,
            unicode: false,
        });
        list().report.write_text(&mut page);
        assert_eq!(
            paint(&page.finish(), false),
            "\
[prod]
bmctl version: 1

CLUSTER   RESULT    EXIT   MESSAGE
prod      passed    0
stage     unknown   10     could not connect
"
        );
    }

    #[test]
    fn programs_get_the_document_of_each() {
        let read: serde_json::Value = serde_json::from_str(&document::json(&list())).unwrap();
        assert_eq!(read["kind"], "ListResult");
        assert_eq!(read["exitCode"], 10);
        assert_eq!(read["items"][0]["kind"], "VersionResult");
        assert_eq!(read["items"][0]["target"], "prod");
        assert_eq!(read["items"][1]["error"]["reason"], "ConnectionRefused");
        assert_eq!(name::lines(&list()), "");
    }

    #[test]
    fn junit_tells_them_apart() {
        let xml = junit::junit(&list());
        assert!(
            xml.contains("<testsuite name=\"prod/bmctl\" tests=\"1\" failures=\"0\""),
            "{xml}"
        );
        assert!(
            xml.contains("<testsuite name=\"stage/bmctl\" tests=\"1\" failures=\"0\" errors=\"1\""),
            "{xml}"
        );
        assert!(
            xml.contains("tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"0\">"),
            "{xml}"
        );
    }
}
