//! Does the body of a success hold what was asked for? Pure: what was asked and the bytes go in, what is wrong comes out.

use http::Method;
use serde_json::Value;

use super::{
    document::{Head, Items, List, Object, Status, WatchLine},
    question::{Address, Collection, Question},
};
use crate::{cluster::segment, failure::UnexpectedAnswer};

/// Metadata without its object.
const METADATA: Head<'_> = Head {
    kind: Some("PartialObjectMetadata"),
    api_version: Some("meta.k8s.io/v1"),
};

type Checked = Result<(), UnexpectedAnswer>;

/// What is wrong with a whole body.
pub(super) fn check(asked: &Question, body: &[u8]) -> Checked {
    match &asked.address {
        Address::Other => Ok(()),
        Address::Groups => discovery(body, "APIGroupList", |_| Ok(())),
        Address::Group(group) => discovery(body, "APIGroup", |found| is(found, "name", group)),
        Address::Resources(version) => discovery(body, "APIResourceList", |found| {
            is(found, "groupVersion", version)
        }),
        Address::Collection(collection) if asked.method == Method::GET => {
            Expected { asked, collection }.list(body)
        }
        Address::Collection(collection) => {
            let name = asked.sent.metadata.name.as_deref();
            Expected { asked, collection }.object(name, body)
        }
        Address::Object(collection, name) => {
            Expected { asked, collection }.object(Some(name), body)
        }
    }
}

/// What is wrong with one line of a watch.
pub(super) fn check_event(asked: &Question, line: &[u8]) -> Checked {
    match &asked.address {
        Address::Collection(collection) => Expected { asked, collection }.event(line),
        Address::Groups
        | Address::Group(_)
        | Address::Resources(_)
        | Address::Object(..)
        | Address::Other => Ok(()),
    }
}

fn discovery(body: &[u8], kind: &str, check: impl Fn(&Value) -> Result<(), String>) -> Checked {
    let but = |found| UnexpectedAnswer::new(format!("an {kind}"), found);
    let found: Value =
        serde_json::from_slice(body).map_err(|error| but(unreadable(body, &error)))?;
    // Not all of these documents name their API version.
    let head = Head {
        kind: found["kind"].as_str(),
        api_version: found["apiVersion"].as_str(),
    };
    if head.kind != Some(kind) {
        return Err(but(described(head, body)));
    }
    check(&found).map_err(but)
}

fn is(document: &Value, field: &str, asked: &str) -> Result<(), String> {
    match &document[field] {
        found if found == asked => Ok(()),
        found => Err(format!("one whose {field} is {found} and not {asked:?}")),
    }
}

/// Objects of a collection, and how they were asked for.
struct Expected<'a> {
    asked: &'a Question,
    collection: &'a Collection,
}

impl Expected<'_> {
    fn but(&self, found: impl Into<String>) -> UnexpectedAnswer {
        let what = if self.asked.metadata {
            "metadata of "
        } else {
            ""
        };
        let plural = &self.collection.plural;
        let version = self.collection.api_version();
        UnexpectedAnswer::new(format!("{what}{plural} of {version}"), found)
    }

    fn list(&self, body: &[u8]) -> Checked {
        let list: List<'_> =
            serde_json::from_slice(body).map_err(|error| self.but(unreadable(body, &error)))?;
        let head = list.head();
        let of = Head {
            kind: head.kind.and_then(|kind| kind.strip_suffix("List")),
            ..head
        };
        if !self.is_of(of) {
            return Err(self.but(described(head, body)));
        }
        let Items::Given(items) = &list.items else {
            return Err(self.but("a list without items"));
        };
        let token = list.metadata.token.as_deref().unwrap_or_default();
        let more = list.metadata.remaining_item_count.unwrap_or_default();
        if token.is_empty() && more > 0 {
            return Err(self.but(format!(
                "incomplete: {more} more exist, and no continue token leads to them"
            )));
        }
        items.iter().try_for_each(|item| self.item(of, item))
    }

    fn item(&self, of: Head<'_>, item: &Object<'_>) -> Checked {
        // Lists of built-in kinds do not repeat it in each object.
        let head = item.head();
        let own = Head {
            kind: head.kind.or(of.kind),
            api_version: head.api_version.or(of.api_version),
        };
        if own != of && !self.is_of(own) {
            return Err(self.but(format!("a list that holds {}", described(own, &[]))));
        }
        self.identity(item)?;
        self.is_selected(item)
    }

    /// An object that was asked for by its name, made, changed or deleted.
    fn object(&self, name: Option<&str>, body: &[u8]) -> Checked {
        let object: Object<'_> =
            serde_json::from_slice(body).map_err(|error| self.but(unreadable(body, &error)))?;
        if self.asked.method == Method::DELETE && object.head().kind == Some("Status") {
            return self.deletion(name, body);
        }
        self.kind(&object, body)?;
        let Some(name) = name else {
            // A question, such as what is permitted, has no name.
            return Ok(());
        };
        self.identity(&object)?;
        self.is_named(name, &object)?;
        let found = object.uid();
        match self.asked.sent.metadata.uid.as_deref() {
            Some(sent) if found != sent => {
                Err(self.but(format!("{name:?} with the uid {found:?} and not {sent:?}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn deletion(&self, name: Option<&str>, body: &[u8]) -> Checked {
        let status = Status::read(body).unwrap_or_default();
        let named = status.details.unwrap_or_default().name;
        if status.summary == "Success" && (named.is_empty() || Some(&*named) == name) {
            return Ok(());
        }
        Err(self.but(described(Head::STATUS, body)))
    }

    fn event(&self, line: &[u8]) -> Checked {
        let event: WatchLine<'_> =
            serde_json::from_slice(line).map_err(|error| self.but(unreadable(line, &error)))?;
        let object = &event.object;
        match &*event.event {
            // What went wrong, as a Status. Nothing is decided by it.
            "ERROR" => Ok(()),
            // It has a version and no name.
            "BOOKMARK" => self.kind(object, &[]),
            "ADDED" | "MODIFIED" | "DELETED" => {
                self.kind(object, &[])?;
                self.identity(object)?;
                match &self.asked.selection.name {
                    Some(name) => self.is_named(name, object),
                    None => Ok(()),
                }
            }
            other => Err(self.but(format!("an event of the type {other:?}"))),
        }
    }

    fn is_of(&self, head: Head<'_>) -> bool {
        if self.asked.metadata {
            return head == METADATA;
        }
        head.api_version == Some(&*self.collection.api_version())
            && head.kind.is_some_and(|kind| self.collection.is_of(kind))
    }

    fn kind(&self, object: &Object<'_>, body: &[u8]) -> Checked {
        let head = object.head();
        if self.is_of(head) {
            Ok(())
        } else {
            Err(self.but(described(head, body)))
        }
    }

    /// Every object has a name and a uid, and is where it was asked for. Names become parts of URLs and of paths.
    fn identity(&self, object: &Object<'_>) -> Checked {
        let (name, namespace) = (object.name(), object.namespace());
        if let Some(fault) = segment::fault(name) {
            return Err(self.but(format!("an object with the name {name:?}: {fault}")));
        }
        let fault = segment::fault(namespace).filter(|_| !namespace.is_empty());
        if let Some(fault) = fault {
            return Err(self.but(format!("{name:?} in the namespace {namespace:?}: {fault}")));
        }
        match self.collection.namespace.as_deref() {
            Some(asked) if asked != namespace => Err(self.but(format!(
                "{name:?} in the namespace {namespace:?} and not {asked:?}"
            ))),
            Some(_) | None if object.uid().is_empty() => {
                Err(self.but(format!("{name:?} without a uid")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_named(&self, name: &str, object: &Object<'_>) -> Checked {
        match object.name() {
            found if found == name => Ok(()),
            found => Err(self.but(format!("{found:?} and not {name:?}"))),
        }
    }

    /// A selector that was not heeded shows objects that were not asked for.
    fn is_selected(&self, object: &Object<'_>) -> Checked {
        let selection = &self.asked.selection;
        if let Some(name) = &selection.name {
            self.is_named(name, object)?;
        }
        for (key, value) in &selection.labels {
            let found = object.label(key);
            if found.is_none() || value.is_some() && found != value.as_deref() {
                let name = object.name();
                return Err(self.but(format!("{name:?} without the label {key} asked for")));
            }
        }
        Ok(())
    }
}

/// What is there instead, in a few words.
pub(super) fn described(head: Head<'_>, body: &[u8]) -> String {
    match (head.kind, head.api_version) {
        (Some("Status"), _) => {
            let status = Status::read(body).unwrap_or_default();
            let said = format!("a Status: {} {}", status.summary, status.message);
            said.trim_end().to_owned()
        }
        (Some(kind), Some(version)) => format!("a {kind} of {version}"),
        (Some(kind), None) => format!("a {kind} without an API version"),
        (None, _) => "a document without a kind".to_owned(),
    }
}

fn unreadable(body: &[u8], error: &serde_json::Error) -> String {
    match body.trim_ascii_start().first() {
        None => "empty".to_owned(),
        Some(b'<') => "a web page".to_owned(),
        Some(b'{') => format!("unreadable: {error}"),
        Some(_) => "no document of the API".to_owned(),
    }
}
