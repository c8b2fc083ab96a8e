//! What `bmctl wait vmruntime` waited for.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    age,
    document::{Beside, Report},
    enable::{sentence, whole_seconds},
    name::ResourceName,
    page::Page,
    preflight::PreflightReport,
};

/// The result of a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitReport {
    /// What was waited for: `ready`, `disabled` or `preflight`.
    #[serde(rename = "for")]
    pub state: &'static str,
    /// Does it hold? Null where it was not looked for, or cannot be told.
    pub reached: Option<bool>,
    /// The check that decided.
    pub preflight_check: Option<PreflightReport>,
    #[serde(rename = "waitedSeconds", serialize_with = "whole_seconds")]
    #[schemars(with = "u64")]
    pub waited: Duration,
}

impl WaitReport {
    #[must_use]
    pub fn new(state: &'static str) -> Self {
        Self {
            state,
            reached: None,
            preflight_check: None,
            waited: Duration::ZERO,
        }
    }
}

impl Report for WaitReport {
    const KIND: &'static str = "WaitResult";

    fn text(&self, page: &mut Page) {
        if let Some(check) = &self.preflight_check {
            check.text(page);
            check.summary(page);
        }
        if self.reached == Some(true) && self.state != "preflight" {
            page.gap();
            page.line(sentence(
                page.style,
                &format!("VM Runtime is {} ({}).", self.state, age::span(self.waited)),
            ));
        }
    }

    fn beside(&self) -> Beside<'_> {
        Beside {
            check: self.preflight_check.as_ref(),
            ..Beside::default()
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        let runtime = (self.reached == Some(true)).then(ResourceName::vmruntime);
        let check = self.preflight_check.iter().map(PreflightReport::resource);
        match self.state {
            "preflight" => check.collect(),
            _ => runtime.into_iter().chain(check).collect(),
        }
    }
}
