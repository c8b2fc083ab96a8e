//! Field selectors: `metadata.name=x,status.phase!=Failed`.

use k8s_jsonpath::JsonPath;
use serde_json::Value;

use crate::{kind::resource::ResourceType, object::go_format};

/// Requirements on an object's fields that must all hold.
#[derive(Clone, Debug)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    path: JsonPath,
    /// What counts where that is empty: of an event's source, the controller that reports it.
    instead: Option<JsonPath>,
    /// What the field counts as where it is absent.
    absent: &'static str,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Parses a selector over the fields that the resource lets one select by.
    pub fn parse(text: &str, resource: &ResourceType) -> Result<Self, String> {
        let mut terms = Vec::new();
        for term in split_terms(text) {
            if term.is_empty() {
                continue;
            }
            let (field, equal, value) = split_term(term)
                .ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{term}'"))?;
            let value = unescape(value)?;
            if !is_selectable(field, resource) {
                return Err(not_supported(field, resource));
            }
            terms.push(Term {
                path: JsonPath::parse(path_of(field))?,
                instead: (field == "source")
                    .then(|| JsonPath::parse("reportingComponent"))
                    .transpose()?,
                absent: if matches!(field, "spec.unschedulable" | "spec.hostNetwork") {
                    "false"
                } else {
                    ""
                },
                value,
                equal,
            });
        }
        Ok(Self { terms })
    }

    /// Do the fields of this object fit?
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|term| {
            let at = |path: &JsonPath| {
                // A path that takes too many visits has no value.
                let found = path.find(object).ok()?.into_iter().next();
                found.filter(|value| !value.is_null() && *value != "")
            };
            let instead = || term.instead.as_ref().and_then(at);
            let holds = match at(&term.path).or_else(instead) {
                None => term.absent == term.value,
                Some(Value::String(text)) => *text == term.value,
                Some(other) => go_format::value(other) == term.value,
            };
            holds == term.equal
        })
    }
}

/// The one name that a selector asks for, where it asks for one.
#[must_use]
pub fn exact_name(selector: &str) -> Option<String> {
    split_terms(selector).into_iter().find_map(|term| {
        let (field, equal, value) = split_term(term)?;
        let exact = equal && field == "metadata.name";
        exact.then(|| unescape(value).ok()).flatten()
    })
}

/// Where an event's `source` is kept.
fn path_of(field: &str) -> &str {
    match field {
        "source" => "source.component",
        field => field,
    }
}

fn is_selectable(field: &str, resource: &ResourceType) -> bool {
    let own = || {
        resource
            .selectable_fields
            .iter()
            .any(|path| path.trim_start_matches('.') == field)
    };
    match field {
        "metadata.name" => true,
        "metadata.namespace" => resource.namespaced || !resource.custom,
        _ => own(),
    }
}

fn not_supported(field: &str, resource: &ResourceType) -> String {
    if resource.custom || !resource.selectable_fields.is_empty() {
        return format!("field label not supported: {field}");
    }
    let field = go_format::quote(field);
    format!(r#"{field} is not a known field selector: only "metadata.name", "metadata.namespace""#)
}

/// The parts between commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// Field, whether it must equal the value, and the value.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let (field, rest) = term.split_at(term.find(['=', '!'])?);
    if let Some(value) = rest.strip_prefix("!=") {
        Some((field, false, value))
    } else {
        let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
        Some((field, true, value))
    }
}

fn unescape(value: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                Some(other) => {
                    return Err(format!(
                        r"invalid field selector: invalid escape sequence: \{other}"
                    ));
                }
                None => {
                    return Err(r"invalid field selector: invalid escape sequence: \".to_owned());
                }
            },
            // Go writes the character as its number.
            ',' | '=' => {
                return Err(format!(
                    "invalid field selector: unescaped character in value: {}",
                    u32::from(c)
                ));
            }
            c => plain.push(c),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
