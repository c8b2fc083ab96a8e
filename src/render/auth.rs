//! What the current user may do, command by command, and the role that gives the rest.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    clean::clean,
    document::{self, Report},
    name::ResourceName,
    page::Page,
    style::Tone,
    table::Table,
};

/// The result of `auth check`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthReport {
    /// As the API server knows us; null where it does not say.
    pub user: Option<String>,
    pub commands: Vec<CommandAccess>,
    /// The smallest ClusterRole for all of these commands, and what binds it to the user.
    pub manifests: Vec<Value>,
    /// Only the manifests, to be applied.
    #[serde(skip)]
    pub role_only: bool,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandAccess {
    pub command: String,
    pub rights: Vec<RightReport>,
}

/// One right that the command needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightReport {
    pub verb: String,
    /// `plural.group`.
    pub resource: String,
    pub name: Option<String>,
    /// Null: all of them, or none.
    pub namespace: Option<String>,
    pub permitted: Permitted,
    /// Why it is unknown.
    pub why: Option<String>,
}

/// Is it permitted?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Permitted {
    Yes,
    Unknown,
    No,
    /// It was not looked at.
    NotAsked,
}

impl Permitted {
    fn word(self) -> String {
        match self {
            Self::Yes => Tone::Good.of("yes"),
            Self::Unknown => Tone::Warning.of("unknown"),
            Self::No => Tone::Bad.of("no"),
            Self::NotAsked => Tone::Faint.of("not asked"),
        }
    }
}

impl CommandAccess {
    #[must_use]
    pub fn count(&self, permitted: Permitted) -> usize {
        self.rights
            .iter()
            .filter(|right| right.permitted == permitted)
            .count()
    }

    /// The worst of its rights.
    #[must_use]
    pub fn permitted(&self) -> Permitted {
        let rights = self.rights.iter().map(|right| right.permitted);
        rights.max().unwrap_or(Permitted::Yes)
    }
}

impl Report for AuthReport {
    const KIND: &'static str = "AuthResult";

    fn text(&self, page: &mut Page) {
        if self.role_only {
            page.line(document::manifests(&self.manifests));
            return;
        }
        if let Some(user) = &self.user {
            page.line(format!("User: {}", clean(user)));
            page.gap();
        }
        match self.commands.as_slice() {
            [] => {}
            [one] => rights(page, one),
            several => overview(page, several),
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        self.manifests.iter().map(ResourceName::of_object).collect()
    }
}

fn rights(page: &mut Page, command: &CommandAccess) {
    let mut table = Table::new(["PERMITTED", "VERB", "RESOURCE", "NAME", "NAMESPACE"]);
    let or_all = |value: &Option<String>| value.clone().unwrap_or_else(|| "*".to_owned());
    for right in &command.rights {
        table.row([
            right.permitted.word(),
            right.verb.clone(),
            right.resource.clone(),
            or_all(&right.name),
            or_all(&right.namespace),
        ]);
    }
    page.table(&table);
    for right in &command.rights {
        if let Some(why) = &right.why {
            page.paragraph(
                &format!("unknown: {} {}: ", right.verb, right.resource),
                why,
            );
        }
    }
}

fn overview(page: &mut Page, commands: &[CommandAccess]) {
    let mut table = Table::new(["COMMAND", "PERMITTED", "LACKING"]);
    for command in commands {
        let lacking: Vec<String> = command
            .rights
            .iter()
            .filter(|right| right.permitted == Permitted::No)
            .map(|right| format!("{} {}", right.verb, right.resource))
            .collect();
        table.row([
            command.command.clone(),
            command.permitted().word(),
            lacking.join(", "),
        ]);
    }
    page.table(&table);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Style, paint};

    fn right(verb: &str, permitted: Permitted) -> RightReport {
        RightReport {
            verb: verb.to_owned(),
            resource: "nodes".to_owned(),
            name: None,
            namespace: None,
            permitted,
            why: (permitted == Permitted::Unknown).then(|| "a webhook\x1b[2J is away".to_owned()),
        }
    }

    fn text(commands: Vec<CommandAccess>) -> String {
        let mut page = Page::new(Style {
            width: None,
            unicode: true,
        });
        AuthReport {
            user: Some("eve".to_owned()),
            commands,
            ..AuthReport::default()
        }
        .text(&mut page);
        paint(&page.finish(), false)
    }

    #[test]
    fn one_command_shows_its_rights_and_several_what_they_lack() {
        let command = |name: &str, rights| CommandAccess {
            command: name.to_owned(),
            rights,
        };
        let skip = command(
            "skip node",
            vec![
                right("get", Permitted::Yes),
                right("list", Permitted::Unknown),
                right("patch", Permitted::No),
            ],
        );
        assert_eq!(skip.permitted(), Permitted::No);
        assert_eq!(
            text(vec![skip.clone()]),
            "\
User: eve

PERMITTED   VERB    RESOURCE   NAME   NAMESPACE
yes         get     nodes      *      *
unknown     list    nodes      *      *
no          patch   nodes      *      *
unknown: list nodes: a webhook is away
"
        );
        let get = command("get vmruntimepfc", vec![right("list", Permitted::Yes)]);
        assert_eq!(
            text(vec![skip, get]),
            "\
User: eve

COMMAND            PERMITTED   LACKING
skip node          no          patch nodes
get vmruntimepfc   yes
"
        );
    }
}
