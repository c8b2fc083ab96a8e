//! What to apply to install the controller.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{document::Report, name::ResourceName, page::Page};

/// Objects to apply. The document is a `List` of Kubernetes at the same time: `kubectl apply -f -` takes it in every
/// format.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestsReport {
    api_version: &'static str,
    items: Vec<Value>,
}

impl ManifestsReport {
    #[must_use]
    pub fn new(items: Vec<Value>) -> Self {
        Self {
            api_version: "v1",
            items,
        }
    }
}

impl Report for ManifestsReport {
    const KIND: &'static str = "List";

    /// A stream of YAML documents.
    fn text(&self, page: &mut Page) {
        for (at, item) in self.items.iter().enumerate() {
            if at > 0 {
                page.verbatim("---\n");
            }
            page.verbatim(&super::document::yaml_of(item));
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        self.items.iter().map(ResourceName::of_object).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        exit::Exit,
        render::{Document, Style, document},
    };

    #[test]
    fn it_is_a_stream_for_people_and_a_list_for_programs() {
        let report = || {
            ManifestsReport::new(vec![
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vm-system"}}),
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}),
            ])
        };
        let mut page = Page::new(Style {
            width: Some(40),
            unicode: true,
        });
        report().text(&mut page);
        assert_eq!(
            page.finish(),
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: vm-system\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: x\n"
        );
        let names: Vec<String> = report().names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["namespace/vm-system", "deployment.apps/x"]);
        let document = Document::new(
            "controller manifests",
            None,
            Box::new(report()),
            vec![],
            Exit::Ok,
            None,
        );
        let read: Value = serde_json::from_str(&document::json(&document)).unwrap();
        assert_eq!(read["kind"], "List");
        assert_eq!(read["items"][1]["kind"], "Deployment");
    }
}
