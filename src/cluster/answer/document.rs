//! What is looked at of a document of the API. The rest is skipped and not kept.

use std::{borrow::Cow, ops::Deref};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A text of the document, where that is possible without a copy.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What kind of thing a document says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub kind: Option<&'a str>,
    pub api_version: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    api_version: Option<Text<'a>>,
    #[serde(default)]
    pub metadata: ListMetadata,
    #[serde(borrow, default)]
    pub items: Items<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMetadata {
    #[serde(rename = "continue")]
    pub token: Option<String>,
    pub remaining_item_count: Option<i64>,
}

/// `null` is how an API server writes an empty list of metadata; without the field it is no list.
#[derive(Default)]
pub(super) enum Items<'a> {
    #[default]
    Absent,
    Given(Vec<Object<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Option::<Vec<Object<'a>>>::deserialize(deserializer)?;
        Ok(Self::Given(items.unwrap_or_default()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    api_version: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    namespace: Option<Text<'a>>,
    #[serde(borrow)]
    uid: Option<Text<'a>>,
    labels: Option<Value>,
}

/// One line of a watch.
#[derive(Deserialize)]
pub(super) struct WatchLine<'a> {
    #[serde(borrow, rename = "type")]
    pub event: Text<'a>,
    #[serde(borrow)]
    pub object: Object<'a>,
}

/// What an API server says of a request.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub kind: String,
    #[serde(rename = "status")]
    pub summary: String,
    pub message: String,
    pub reason: String,
    pub code: u16,
    pub details: Option<StatusDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusDetails {
    pub name: String,
    pub group: String,
    pub kind: String,
}

impl Head<'_> {
    pub const STATUS: Self = Self {
        kind: Some("Status"),
        api_version: Some("v1"),
    };
}

impl List<'_> {
    pub fn head(&self) -> Head<'_> {
        Head {
            kind: self.kind.as_deref(),
            api_version: self.api_version.as_deref(),
        }
    }
}

impl Object<'_> {
    pub fn head(&self) -> Head<'_> {
        Head {
            kind: self.kind.as_deref(),
            api_version: self.api_version.as_deref(),
        }
    }

    /// Empty where it has none, as all of these.
    pub fn name(&self) -> &str {
        let metadata = self.metadata.as_ref();
        metadata
            .and_then(|metadata| metadata.name.as_deref())
            .unwrap_or_default()
    }

    pub fn namespace(&self) -> &str {
        let metadata = self.metadata.as_ref();
        metadata
            .and_then(|metadata| metadata.namespace.as_deref())
            .unwrap_or_default()
    }

    pub fn uid(&self) -> &str {
        let metadata = self.metadata.as_ref();
        metadata
            .and_then(|metadata| metadata.uid.as_deref())
            .unwrap_or_default()
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.labels.as_ref()?.get(key)?.as_str()
    }
}

impl Status {
    /// `None` where it is another kind of document, or none.
    pub fn read(body: &[u8]) -> Option<Self> {
        let status: Self = serde_json::from_slice(body).ok()?;
        (status.kind == "Status").then_some(status)
    }
}
