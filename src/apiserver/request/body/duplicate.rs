//! Fields that a JSON or YAML text names more than once: the last one counts, and the client is told.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashSet},
    fmt,
};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The paths of the fields that an object of the text has more than once, in the order of the text. What is no JSON has
/// none: somebody else says so.
pub fn fields(text: &[u8]) -> Vec<String> {
    let twice = named(text).into_iter().filter(|(_, again)| *again);
    twice.map(|(path, _)| path).collect()
}

/// The unknown fields among those of the text and the repeated ones, in the order of the text: an unknown one counts
/// once, however often it is there, and nobody looks into it.
pub fn strictly(text: &[u8], unknown: &BTreeSet<String>) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut words = Vec::new();
    for (path, again) in named(text) {
        if unknown.contains(&path) {
            if told.insert(path.clone()) {
                words.push(format!("unknown field {path:?}"));
            }
        } else if again && !told.iter().any(|outer| is_within(&path, outer)) {
            words.push(format!("duplicate field {path:?}"));
        }
    }
    let rest = unknown.iter().filter(|path| !told.contains(*path));
    words.extend(rest.map(|path| format!("unknown field {path:?}")));
    words
}

fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// Every field of the text, in its order, and whether its object had one of that name before.
fn named(text: &[u8]) -> Vec<(String, bool)> {
    let found = RefCell::default();
    let look = Look {
        path: String::new(),
        found: &found,
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    match look.deserialize(&mut reader) {
        Ok(()) => found.into_inner(),
        Err(_) => Vec::new(),
    }
}

/// The first key that a mapping of a YAML text has twice, as Go's YAML library says it. It stops there, too.
pub fn key_of_yaml(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let plain = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options::<serde_json::Value>(text, plain) {
        Err(serde_saphyr::Error::DuplicateMappingKey { key, location }) => Some(format!(
            "yaml: unmarshal errors:\n  line {}: key {:?} already set in map",
            location.line(),
            key.unwrap_or_default()
        )),
        Ok(_) | Err(_) => None,
    }
}

/// Looks at one value.
struct Look<'a> {
    path: String,
    found: &'a RefCell<Vec<(String, bool)>>,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = if self.path.is_empty() {
                name.clone()
            } else {
                format!("{}.{name}", self.path)
            };
            let again = !seen.insert(name);
            self.found.borrow_mut().push((path.clone(), again));
            members.next_value_seed(Look {
                path,
                found: self.found,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        while elements
            .next_element_seed(Look {
                path: format!("{}[{index}]", self.path),
                found: self.found,
            })?
            .is_some()
        {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_named() {
        let text = br#"{"a": 1, "b": [{"c": 1, "c": {"d": 1, "d": 2}}], "a": null}"#;
        assert_eq!(fields(text), ["b[0].c", "b[0].c.d", "a"]);
        assert!(fields(br#"{"a": {"b": 1}, "c": {"b": 1}}"#).is_empty());
        assert!(fields(b"{\"a\": 1, \"a\"").is_empty());
    }
}
