//! What a request asks for, read from the request itself: whatever made it, its answer can be held against this.

use http::{Method, Request, header::ACCEPT};
use kube::core::{ApiResource, GroupVersionKind};
use serde::Deserialize;

use crate::cluster::segment;

/// One request.
#[derive(Debug)]
pub(super) struct Question {
    pub method: Method,
    pub address: Address,
    /// Of objects only their metadata.
    pub metadata: bool,
    pub watch: bool,
    pub selection: Selection,
    pub sent: Sent,
}

/// What the path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/apis/GROUP/VERSION` or `/api/v1`: this group and version.
    Resources(String),
    Collection(Collection),
    /// An object, or its status.
    Object(Collection, String),
    /// Everything else: the version, a subresource that is of another kind.
    Other,
}

/// The objects of a kind, everywhere or in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Collection {
    pub group: String,
    pub version: String,
    pub namespace: Option<String>,
    pub plural: String,
}

/// What of a selector can be checked: the name of one object, and labels with or without their value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    pub name: Option<String>,
    pub labels: Vec<(String, Option<String>)>,
}

/// What the body of the request says of the object that it makes or changes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    pub metadata: SentMetadata,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SentMetadata {
    pub name: Option<String>,
    pub uid: Option<String>,
}

impl Sent {
    /// What is no such document (a JSON patch) says nothing of the kind.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl Question {
    /// Reads all of a request but its body.
    pub fn of<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self {
            method: request.method().clone(),
            address: Address::of(request.uri().path()),
            metadata: request
                .headers()
                .get(ACCEPT)
                .is_some_and(|accept| contains(accept.as_bytes(), b"as=PartialObjectMetadata")),
            watch: super::is_watch(query),
            selection: Selection::of(query),
            sent: Sent::default(),
        }
    }

    /// The HTTP status codes that an API server gives to this verb where all is well.
    pub fn successes(&self) -> &'static [u16] {
        match self.method.as_str() {
            "GET" => &[200],
            // 202: the deletion waits for finalizers or dependents.
            "DELETE" => &[200, 202],
            _ => &[200, 201],
        }
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}

impl Address {
    pub fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["apis", group, version, rest @ ..] => Self::within(group, version, rest),
            ["api", version, rest @ ..] => Self::within("", version, rest),
            _ => Self::Other,
        }
    }

    fn within(group: &str, version: &str, rest: &[&str]) -> Self {
        let of = |namespace: Option<&str>, plural: &str| Collection {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.map(str::to_owned),
            plural: plural.to_owned(),
        };
        let (namespace, rest) = match rest {
            [] => return Self::Resources(of(None, "").api_version()),
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] => (Some(*namespace), rest),
            rest => (None, rest),
        };
        match rest {
            [plural] => Self::Collection(of(namespace, plural)),
            [plural, name] | [plural, name, "status"] => {
                Self::Object(of(namespace, plural), (*name).to_owned())
            }
            _ => Self::Other,
        }
    }
}

impl Collection {
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// Is that the kind whose objects these are? The plural follows from the kind by a rule that every kind keeps which
    /// this program asks for (`UnsafeGuessKindToResource`), but for those whose kind is a plural already.
    pub fn is_of(&self, kind: &str) -> bool {
        let guessed = ApiResource::from_gvk(&GroupVersionKind::gvk("", "", kind));
        guessed.plural == self.plural || kind.to_lowercase() == self.plural
    }
}

impl Selection {
    fn of(query: &str) -> Self {
        let mut selection = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let terms = terms(&value).into_iter();
            match &*key {
                "fieldSelector" => {
                    let mut name = terms.filter_map(|term| term.strip_prefix("metadata.name="));
                    selection.name = name.next_back().map(str::to_owned);
                }
                "labelSelector" => selection.labels.extend(terms.filter_map(label)),
                _ => {}
            }
        }
        selection
    }
}

/// The terms of a selector: commas stand between them, and in the sets of some (`key in (a,b)`).
fn terms(selector: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let between = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    let terms = selector.split(between).map(str::trim);
    terms.filter(|term| !term.is_empty()).collect()
}

/// `key` or `key=value`; every other form is left to the API server.
fn label(term: &str) -> Option<(String, Option<String>)> {
    if term.contains(['!', ' ', '(']) {
        return None;
    }
    Some(match term.split_once('=') {
        Some((key, value)) => (
            key.to_owned(),
            Some(value.trim_start_matches('=').to_owned()),
        ),
        None => (term.to_owned(), None),
    })
}

/// Why a request may not be sent: a part of its path would end a segment, and so lead to something else.
pub(super) fn misleading(path: &str) -> Option<String> {
    path.split('/').skip(1).find_map(segment::fault)
}
