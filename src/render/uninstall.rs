//! What `bmctl controller uninstall` did, or would do.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{clean::clean, document::Report, name::ResourceName, page::Page};
use crate::api::name::SYSTEM_NAMESPACE;

/// The steps, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UninstallReport {
    pub dry_run: bool,
    pub steps: Vec<StepReport>,
    /// The command that removes what stays, where that can be named.
    #[serde(skip)]
    pub delete_namespace: Option<String>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// `stop` or `delete`.
    pub action: &'static str,
    pub api_version: String,
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
    /// Said only when it is so.
    pub done: bool,
}

impl UninstallReport {
    #[must_use]
    pub fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            steps: Vec::new(),
            delete_namespace: None,
        }
    }
}

impl StepReport {
    fn object(&self) -> String {
        let place = match &self.namespace {
            Some(namespace) => format!("{}/", clean(namespace)),
            None => String::new(),
        };
        format!("{} {place}{}", clean(&self.kind), clean(&self.name))
    }
}

impl Report for UninstallReport {
    const KIND: &'static str = "UninstallResult";

    fn text(&self, page: &mut Page) {
        for step in &self.steps {
            let said = match (step.done, step.action) {
                (true, "stop") => "stopped",
                (true, _) => "deleted",
                (false, "stop") if self.dry_run => "would stop",
                (false, _) if self.dry_run => "would delete",
                (false, _) => "left",
            };
            page.line(format!("{said} {}", step.object()));
        }
        if !self.dry_run && !self.steps.is_empty() && self.steps.iter().all(|step| step.done) {
            let remove = self.delete_namespace.as_ref();
            let remove = remove.map(|command| format!(" If nothing of yours is in it: {command}"));
            page.line(format!(
                "Namespace {SYSTEM_NAMESPACE} stays.{}",
                remove.unwrap_or_default()
            ));
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        self.steps
            .iter()
            .filter(|step| step.action == "delete" && (step.done || self.dry_run))
            .map(|step| {
                ResourceName::of_object(&json!({
                    "apiVersion": step.api_version,
                    "kind": step.kind,
                    "metadata": {"name": step.name},
                }))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Style;

    #[test]
    fn nothing_is_called_deleted_before_it_is() {
        let step = |action, kind: &str, done| StepReport {
            action,
            api_version: "apps/v1".to_owned(),
            kind: kind.to_owned(),
            namespace: Some("vm-system".to_owned()),
            name: "x".to_owned(),
            done,
        };
        let mut report = UninstallReport::new(false);
        report.steps = vec![
            step("stop", "Deployment", true),
            step("delete", "Deployment", false),
        ];
        let said = |report: &UninstallReport| {
            let mut page = Page::new(Style {
                width: None,
                unicode: false,
            });
            report.text(&mut page);
            page.finish()
        };
        assert_eq!(
            said(&report),
            "stopped Deployment vm-system/x\nleft Deployment vm-system/x\n"
        );
        report.dry_run = true;
        report.steps[0].done = false;
        assert_eq!(
            said(&report),
            "would stop Deployment vm-system/x\nwould delete Deployment vm-system/x\n"
        );
    }
}
