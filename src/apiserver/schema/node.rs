//! The tree that a raw schema is parsed into. Only parsing: what the nodes mean is in the modules beside this one.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::rule::Rule;

/// One schema within a schema: the fields of `JSONSchemaProps` that have an effect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Node {
    /// `object`, `array`, `string`, `integer`, `number`, `boolean`, or empty.
    #[serde(rename = "type")]
    pub kind: String,
    pub format: String,
    pub title: String,
    pub description: String,
    pub nullable: bool,
    pub default: Option<Value>,
    pub properties: BTreeMap<String, Node>,
    pub additional_properties: Option<Additional>,
    pub items: Option<Box<Node>>,
    pub required: Vec<String>,
    #[serde(rename = "enum")]
    pub allowed: Allowed,
    pub minimum: Option<f64>,
    pub exclusive_minimum: bool,
    pub maximum: Option<f64>,
    pub exclusive_maximum: bool,
    pub multiple_of: Option<f64>,
    pub min_length: Option<i64>,
    pub max_length: Option<i64>,
    pub pattern: Option<Pattern>,
    pub min_items: Option<i64>,
    pub max_items: Option<i64>,
    pub unique_items: bool,
    pub min_properties: Option<i64>,
    pub max_properties: Option<i64>,
    pub all_of: Vec<Node>,
    pub any_of: Vec<Node>,
    pub one_of: Vec<Node>,
    pub not: Option<Box<Node>>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    pub preserve_unknown: bool,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    pub embedded_resource: bool,
    #[serde(rename = "x-kubernetes-int-or-string")]
    pub int_or_string: bool,
    #[serde(rename = "x-kubernetes-list-type")]
    pub list_type: Option<ListType>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    pub list_map_keys: Vec<String>,
    #[serde(rename = "x-kubernetes-map-type")]
    pub map_type: Option<MapType>,
    #[serde(rename = "x-kubernetes-validations")]
    pub rules: Vec<Rule>,
}

/// `x-kubernetes-list-type`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListType {
    Atomic,
    Set,
    Map,
}

/// `x-kubernetes-map-type`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MapType {
    Atomic,
    Granular,
}

/// `additionalProperties`: a schema for all other members, or only whether there may be any.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Additional {
    Allowed(bool),
    Schema(Box<Node>),
}

/// `enum`: values in their order, and indexed, since a list may have as many elements as the schema allows values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    pub values: Vec<Value>,
    known: HashSet<Value>,
    /// Ascending.
    numbers: Vec<f64>,
}

impl Allowed {
    fn new(values: Vec<Value>) -> Self {
        let known = values.iter().cloned().collect();
        let mut numbers: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
        numbers.sort_by(f64::total_cmp);
        Self {
            values,
            known,
            numbers,
        }
    }

    /// Is the value one of them? 1 and 1.0 are the same number.
    pub fn contains(&self, value: &Value) -> bool {
        self.known.contains(value) || value.as_f64().is_some_and(|number| self.has(number))
    }

    /// Only the neighbours of a number can be as near as that.
    fn has(&self, number: f64) -> bool {
        let next = self.numbers.partition_point(|other| *other < number);
        let neighbours = &self.numbers[next.saturating_sub(1)..self.numbers.len().min(next + 1)];
        neighbours
            .iter()
            .any(|other| (other - number).abs() < f64::EPSILON)
    }
}

impl<'de> Deserialize<'de> for Allowed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::new)
    }
}

/// The source of a regular expression; Go's syntax and that of the crate are both RE2's. A definition may have thousands of
/// them, each of megabytes when it is compiled: it is compiled where it is needed.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub source: String,
    /// Why it cannot be compiled, once [`Node::check_patterns`] has tried.
    pub fault: Option<String>,
}

/// What a pattern may take when it is compiled, in bytes. Nearly all fit the first; `^.{1,253}$` needs the last.
const LIMITS: [usize; 3] = [32 << 10, 256 << 10, 2 << 20];

/// What the patterns of one definition may still take: compiling 2,500 large ones takes about 20 seconds.
pub(crate) struct PatternBudget {
    bytes: usize,
    /// Those that are paid for. A definition repeats them in each of its versions.
    known: BTreeMap<String, Option<String>>,
}

impl Default for PatternBudget {
    fn default() -> Self {
        Self {
            bytes: Self::MAX_BYTES,
            known: BTreeMap::new(),
        }
    }
}

impl PatternBudget {
    const MAX_BYTES: usize = 64 << 20;

    /// Why the pattern cannot be compiled, or must not be.
    fn fault(&mut self, source: &str) -> Option<String> {
        if let Some(fault) = self.known.get(source) {
            return fault.clone();
        }
        if self.bytes == 0 {
            let most = Self::MAX_BYTES;
            return Some(format!(
                "the patterns of the definition exceed their size limit of {most} bytes"
            ));
        }
        // One that is too large has taken as long as the largest.
        let (fault, bytes) = match compile(source) {
            Ok((_, bytes)) => (None, bytes),
            Err(why) => (Some(why), LIMITS[LIMITS.len() - 1]),
        };
        self.bytes = self.bytes.saturating_sub(bytes);
        self.known.insert(source.to_owned(), fault.clone());
        fault
    }
}

/// The patterns that are kept compiled, for all schemas together.
#[derive(Default)]
struct Compiled {
    regexes: BTreeMap<String, Regex>,
    /// What they take, each counted as the limit that it fits.
    bytes: usize,
}

impl Compiled {
    const MAX_BYTES: usize = 32 << 20;

    fn keep(&mut self, source: &str, regex: &Regex, bytes: usize) {
        if self.bytes + bytes > Self::MAX_BYTES {
            *self = Self::default();
        }
        let previous = self.regexes.insert(source.to_owned(), regex.clone());
        if previous.is_none() {
            self.bytes += bytes;
        }
    }
}

impl Pattern {
    pub fn compiled(source: &str) -> Result<Regex, String> {
        static COMPILED: Mutex<Option<Compiled>> = Mutex::new(None);
        let kept = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept()
            .as_ref()
            .and_then(|kept| kept.regexes.get(source).cloned());
        if let Some(regex) = found {
            return Ok(regex);
        }
        let (regex, bytes) = compile(source)?;
        kept().get_or_insert_default().keep(source, &regex, bytes);
        Ok(regex)
    }
}

/// The pattern, and the least of the limits that it fits.
fn compile(source: &str) -> Result<(Regex, usize), String> {
    let mut fault = String::new();
    for bytes in LIMITS {
        let mut builder = RegexBuilder::new(source);
        match builder.size_limit(bytes).dfa_size_limit(bytes).build() {
            Ok(regex) => return Ok((regex, bytes)),
            Err(regex::Error::CompiledTooBig(most)) => {
                fault = regex::Error::CompiledTooBig(most).to_string();
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(fault)
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Ok(Self {
            source,
            fault: None,
        })
    }
}

impl Node {
    /// Reads a raw schema; null members count as absent, as they do for Go.
    pub fn parse(raw: &Value) -> Result<Self, String> {
        serde_json::from_value(without_nulls(raw)).map_err(|error| error.to_string())
    }

    /// Tries the patterns of this node and of all below it.
    pub fn check_patterns(&mut self, budget: &mut PatternBudget) {
        if let Some(pattern) = &mut self.pattern {
            pattern.fault = budget.fault(&pattern.source);
        }
        for node in self.all_below() {
            node.check_patterns(budget);
        }
    }

    /// The nodes directly below this one, on the structural spine or not.
    fn all_below(&mut self) -> impl Iterator<Item = &mut Node> {
        let additional = match &mut self.additional_properties {
            Some(Additional::Schema(node)) => Some(&mut **node),
            Some(Additional::Allowed(_)) | None => None,
        };
        self.properties
            .values_mut()
            .chain(self.items.as_deref_mut())
            .chain(additional)
            .chain(&mut self.all_of)
            .chain(&mut self.any_of)
            .chain(&mut self.one_of)
            .chain(self.not.as_deref_mut())
    }

    /// Does this hold for the node, or for one below it on the structural spine?
    pub fn any(&self, holds: &impl Fn(&Node) -> bool) -> bool {
        holds(self) || self.children().any(|(_, node)| node.any(holds))
    }

    /// The schema of any member that `properties` does not name.
    pub fn additional(&self) -> Option<&Node> {
        match &self.additional_properties {
            Some(Additional::Schema(node)) => Some(node),
            Some(Additional::Allowed(_)) | None => None,
        }
    }

    /// The schema of a member of this object.
    pub fn field(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or_else(|| self.additional())
    }

    /// The nodes directly below this one on the structural spine, with the last part of their path in a CRD.
    pub fn children(&self) -> impl Iterator<Item = (String, &Node)> {
        let fields = self
            .properties
            .iter()
            .map(|(name, node)| (format!(".properties[{name}]"), node));
        let items = self.items.iter().map(|node| (".items".to_owned(), &**node));
        let additional = self
            .additional()
            .into_iter()
            .map(|node| (".additionalProperties".to_owned(), node));
        fields.chain(items).chain(additional)
    }
}

/// The schema without null members, except where a null is data.
fn without_nulls(raw: &Value) -> Value {
    let Value::Object(members) = raw else {
        return match raw {
            Value::Array(nodes) => nodes.iter().map(without_nulls).collect(),
            other => other.clone(),
        };
    };
    let kept = members.iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| match name.as_str() {
        "default" | "enum" | "example" => (name.clone(), value.clone()),
        _ => (name.clone(), without_nulls(value)),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_as_definitions_have_them_are_compiled() {
        let name = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
        let number = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))";
        for (source, limit) in [
            (format!(r"^{name}(\.{name})*$"), LIMITS[0]),
            (
                format!(r"^(\+|-)?{number}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{number}))?$"),
                LIMITS[0],
            ),
            (r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$".to_owned(), LIMITS[0]),
            (
                r"^(([0-9]{1,3}\.){3}[0-9]{1,3})(/[0-9]{1,2})?$".to_owned(),
                LIMITS[0],
            ),
            (r"^\S+$".to_owned(), LIMITS[0]),
            ("^[a-zA-Z0-9_.-]{1,1000}$".to_owned(), LIMITS[1]),
            ("^.{1,253}$".to_owned(), LIMITS[2]),
            ("^.{1,1000}$".to_owned(), LIMITS[2]),
        ] {
            let fits = compile(&source).map(|(_, bytes)| bytes);
            assert_eq!(fits, Ok(limit), "{source}");
        }
    }

    #[test]
    fn a_pattern_that_is_too_large_is_a_fault_of_its_node() {
        let pattern = "(a|b|c1){1,900}".repeat(9);
        let text = json!({"type": "string", "pattern": pattern});
        let below = [
            json!({"properties": {"a": text}}),
            json!({"items": text}),
            json!({"additionalProperties": text}),
            json!({"allOf": [text]}),
            json!({"anyOf": [text]}),
            json!({"oneOf": [text]}),
            json!({"not": text}),
        ];
        for raw in below {
            let mut node = Node::parse(&raw).unwrap();
            node.check_patterns(&mut PatternBudget::default());
            let pattern = node.all_below().next().unwrap().pattern.clone().unwrap();
            let fault = pattern.fault.unwrap();
            assert!(fault.contains("exceeds size limit"), "{raw}: {fault}");
        }
    }

    #[test]
    fn the_patterns_of_a_definition_are_bounded() {
        let mut budget = PatternBudget {
            bytes: LIMITS[0] + 1,
            known: BTreeMap::new(),
        };
        for _ in 0..9 {
            assert_eq!(budget.fault("^a$"), None, "counted once");
        }
        assert_eq!(budget.fault("^b$"), None);
        let why = budget.fault("^c$").unwrap();
        assert!(why.contains("exceed their size limit"), "{why}");
        assert_eq!(budget.fault("^a$"), None, "known");
        assert_eq!(budget.known.len(), 2, "what is beyond is not compiled");
    }

    #[test]
    fn a_value_is_allowed_as_if_compared_with_each() {
        let values = [
            json!("a"),
            json!(1),
            json!(2.0),
            json!(-3),
            json!(0.0),
            json!(1e300),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(null),
            json!(true),
            json!([1]),
            json!({"a": 1}),
            json!(1.0),
        ];
        let others = [
            json!("b"),
            json!(2),
            json!(-0.0),
            json!(0),
            json!(1e-17),
            json!(1e-15),
            json!(0.3),
            json!(-3.0),
            json!(u64::MAX - 1),
            json!(1.000_000_000_000_000_1),
            json!(false),
            json!([1.0]),
            json!({"a": 2}),
        ];
        let same = |a: &Value, b: &Value| {
            let near = |(a, b): (f64, f64)| (a - b).abs() < f64::EPSILON;
            a == b || a.as_f64().zip(b.as_f64()).is_some_and(near)
        };
        for count in 0..=values.len() {
            let allowed = Allowed::new(values[..count].to_vec());
            for value in values.iter().chain(&others) {
                let expected = values[..count].iter().any(|one| same(one, value));
                assert_eq!(
                    allowed.contains(value),
                    expected,
                    "{value} in {:?}",
                    allowed.values
                );
            }
        }
    }

    #[test]
    fn what_is_kept_compiled_is_bounded() {
        let (regex, _) = compile("a").unwrap();
        let mut kept = Compiled::default();
        for n in 0..100 {
            kept.keep(&n.to_string(), &regex, LIMITS[1]);
            kept.keep(&n.to_string(), &regex, LIMITS[1]);
            assert!(kept.bytes <= Compiled::MAX_BYTES);
            assert_eq!(kept.bytes, kept.regexes.len() * LIMITS[1]);
        }
    }
}
