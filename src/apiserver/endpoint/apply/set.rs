//! Sets of fields, and their JSON form `FieldsV1` (sigs.k8s.io/structured-merge-diff `fieldpath`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// One step of a path. The order is the one that sets are listed in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    Field(String),
    /// The element of a list of type `map` with these keys, as JSON.
    Key(String),
    /// This element of a list of type `set`, as JSON.
    Value(String),
    Index(i64),
}

impl Element {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let canonical = || {
            serde_json::from_str::<Value>(rest)
                .ok()
                .map(|value| value.to_string())
        };
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => canonical().map(Self::Key),
            "v" => canonical().map(Self::Value),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => format!("k:{keys}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// As a part of a path in a message: `.spec`, `[name="x"]`, `[="x"]`.
    pub fn in_path(&self) -> String {
        match self {
            Self::Field(name) => format!(".{name}"),
            Self::Key(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let pairs: Vec<String> = keys
                    .iter()
                    .map(|(name, value)| format!("{name}={}", super::shown(value)))
                    .collect();
                format!("[{}]", pairs.join(","))
            }
            Self::Value(value) => format!("[={value}]"),
            Self::Index(index) => format!("[{index}]"),
        }
    }
}

/// A set of paths. A path may be a member beside paths below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    members: BTreeSet<Element>,
    children: BTreeMap<Element, FieldSet>,
}

impl FieldSet {
    /// The set of one path of fields.
    pub fn path(names: &[&str]) -> Self {
        let path: Vec<Element> = names
            .iter()
            .map(|name| Element::Field((*name).to_owned()))
            .collect();
        let mut set = Self::default();
        set.insert(&path);
        set
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    /// Adds a path; the empty one, the whole object, is never a member.
    pub fn insert(&mut self, path: &[Element]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    pub fn has(&self, element: &Element) -> bool {
        self.members.contains(element)
    }

    /// The paths below an element, where there are any.
    pub fn below(&self, element: &Element) -> Option<&Self> {
        self.children.get(element).filter(|set| !set.is_empty())
    }

    pub fn children(&self) -> impl Iterator<Item = (&Element, &Self)> {
        self.children.iter()
    }

    /// The same set with other children and additional members.
    pub fn with(
        &self,
        members: impl IntoIterator<Item = Element>,
        children: BTreeMap<Element, Self>,
    ) -> Self {
        let mut all = self.members.clone();
        all.extend(members);
        Self {
            members: all,
            children,
        }
    }

    /// Removes an element with everything below it.
    pub fn remove_below(&mut self, element: &Element) {
        self.members.remove(element);
        self.children.remove(element);
    }

    pub fn union(&self, other: &Self) -> Self {
        let mut children = self.children.clone();
        for (element, set) in &other.children {
            let merged = children
                .get(element)
                .map_or_else(|| set.clone(), |own| own.union(set));
            children.insert(element.clone(), merged);
        }
        Self {
            members: self.members.union(&other.members).cloned().collect(),
            children,
        }
    }

    /// The paths that are not exactly in the other set.
    pub fn difference(&self, other: &Self) -> Self {
        let children = self.children.iter().map(|(element, set)| {
            let left = other
                .children
                .get(element)
                .map_or_else(|| set.clone(), |other| set.difference(other));
            (element.clone(), left)
        });
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: children.filter(|(_, set)| !set.is_empty()).collect(),
        }
    }

    pub fn intersection(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, set)| {
            Some((
                element.clone(),
                set.intersection(other.children.get(element)?),
            ))
        });
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: children.filter(|(_, set)| !set.is_empty()).collect(),
        }
    }

    /// Every path as messages show it, for example `.spec.enabled`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.members.iter().map(Element::in_path).collect();
        for (element, set) in &self.children {
            let prefix = element.in_path();
            paths.extend(
                set.paths()
                    .into_iter()
                    .map(|path| format!("{prefix}{path}")),
            );
        }
        paths
    }

    /// `FieldsV1`.
    pub fn encode(&self) -> Value {
        let mut fields = Map::new();
        for element in self
            .members
            .iter()
            .filter(|element| self.below(element).is_none())
        {
            fields.insert(element.encode(), Map::new().into());
        }
        for (element, set) in self.children.iter().filter(|(_, set)| !set.is_empty()) {
            let mut below = set.encode();
            if self.members.contains(element) {
                below["."] = Map::new().into();
            }
            fields.insert(element.encode(), below);
        }
        fields.into()
    }

    /// Reads `FieldsV1`; what is no path is left out.
    pub fn decode(fields: &Value) -> Self {
        let mut set = Self::default();
        for (text, below) in fields.as_object().into_iter().flatten() {
            let Some(element) = Element::parse(text) else {
                continue;
            };
            let children = Self::decode(below);
            if below.get(".").is_some() || children.is_empty() {
                set.members.insert(element.clone());
            }
            if !children.is_empty() {
                set.children.insert(element, children);
            }
        }
        set
    }
}
