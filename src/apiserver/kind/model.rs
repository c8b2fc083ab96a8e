//! The built-in kinds as Kubernetes 1.36 describes them: every field with its type, its word of documentation, and how
//! its lists and maps are merged.
//!
//! `model/definitions.json.zst` is cut from the OpenAPI description of that release (docs/decisions/0009), and unpacked
//! once; OpenAPI documents, decoding, strategic merge patch and server-side apply all read it. Pure data; what a value
//! must be beyond its type is the business of `validation`.

pub mod decode;
pub mod message;

use std::{collections::BTreeSet, io::Read as _, sync::LazyLock};

use ruzstd::decoding::StreamingDecoder;
use serde_json::{Map, Value};

use crate::schema::{Additional, ListType, MapType, Node, Schema};

/// Where the metadata of objects is described.
pub const OBJECT_METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
pub const LIST_METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
pub const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
pub const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

static DEFINITIONS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    read(include_bytes!("model/definitions.json.zst")).expect("checked by every test")
});

fn read(packed: &[u8]) -> anyhow::Result<Map<String, Value>> {
    let mut text = Vec::new();
    StreamingDecoder::new(packed)?.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The name of a built-in kind's definition: Go's package path, turned round.
#[must_use]
pub fn name_of(group: &str, version: &str, kind: &str) -> String {
    match group {
        "" => format!("io.k8s.api.core.{version}.{kind}"),
        "apiextensions.k8s.io" => {
            format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}.{kind}")
        }
        "apiregistration.k8s.io" => {
            format!("io.k8s.kube-aggregator.pkg.apis.apiregistration.{version}.{kind}")
        }
        group => format!(
            "io.k8s.api.{}.{version}.{kind}",
            group.split('.').next().unwrap_or(group)
        ),
    }
}

/// The names of these definitions and of all that they refer to.
#[must_use]
pub fn closure(roots: &[String]) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut rest: Vec<&str> = roots.iter().map(String::as_str).collect();
    while let Some(name) = rest.pop() {
        let Some((name, definition)) = DEFINITIONS.get_key_value(name) else {
            continue;
        };
        if found.insert(name.as_str()) {
            references(definition, &mut rest);
        }
    }
    found
}

fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => found.push(target),
                    other => references(other, found),
                }
            }
        }
        Value::Array(schemas) => schemas.iter().for_each(|one| references(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A definition as it is written, with bare names as references.
#[must_use]
pub fn definition(name: &str) -> Option<&'static Value> {
    DEFINITIONS.get(name)
}

/// The schema of a built-in kind, by the name of its definition.
#[must_use]
pub fn schema(definition: &str) -> Schema {
    Schema::built_in(Shape::of(definition).node())
}

/// What is known of a value: the schema of the field that it is in, and the definition that the field refers to.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// None: nothing is known.
    own: Option<&'static Value>,
    /// Name and schema, where the field refers to one.
    referred: Option<(&'static str, &'static Value)>,
}

impl Shape {
    pub const UNKNOWN: Self = Self {
        own: None,
        referred: None,
    };

    /// A definition by its name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        DEFINITIONS
            .get_key_value(name)
            .map_or(Self::UNKNOWN, |(name, schema)| Self {
                own: Some(schema),
                referred: Some((name.as_str(), schema)),
            })
    }

    fn at(schema: &'static Value) -> Self {
        let referred = schema["$ref"].as_str().and_then(|name| {
            let (name, schema) = DEFINITIONS.get_key_value(name)?;
            Some((name.as_str(), schema))
        });
        Self {
            own: Some(schema),
            referred,
        }
    }

    /// The schema of the value itself.
    fn schema(self) -> Option<&'static Value> {
        self.referred.map(|(_, schema)| schema).or(self.own)
    }

    /// The last part of the definition's name, which is that of the Go type: `PodSpec`.
    fn type_name(self) -> Option<&'static str> {
        self.referred?.0.rsplit('.').next()
    }

    /// `object`, `array`, `string`, `integer`, `number` or `boolean`; none where anything may be.
    fn kind(self) -> Option<&'static str> {
        self.schema()?["type"].as_str()
    }

    fn format(self) -> &'static str {
        let format = self.schema().and_then(|schema| schema["format"].as_str());
        format.unwrap_or_default()
    }

    fn properties(self) -> Option<&'static Map<String, Value>> {
        self.schema()?["properties"].as_object()
    }

    fn additional(self) -> Option<Self> {
        let additional = &self.schema()?["additionalProperties"];
        additional.is_object().then(|| Self::at(additional))
    }

    fn requires(self, field: &str) -> bool {
        let required = self
            .schema()
            .and_then(|schema| schema["required"].as_array());
        required.is_some_and(|required| required.iter().any(|one| one == field))
    }

    /// A member of an object, named or not.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        let named = self
            .properties()
            .and_then(|properties| properties.get(name));
        named
            .map(Self::at)
            .or_else(|| self.additional())
            .unwrap_or(Self::UNKNOWN)
    }

    /// An element of a list.
    #[must_use]
    pub fn items(self) -> Self {
        let items = self.schema().map(|schema| &schema["items"]);
        items
            .filter(|items| items.is_object())
            .map_or(Self::UNKNOWN, Self::at)
    }

    /// Is the list merged by a strategic merge patch?
    #[must_use]
    pub fn is_merged(self) -> bool {
        let strategy = self.own.map(|own| &own["x-kubernetes-patch-strategy"]);
        let strategy = strategy.and_then(Value::as_str).unwrap_or_default();
        strategy.split(',').any(|one| one == "merge")
    }

    /// The field that tells the elements of a merged list apart; none: they are plain values.
    #[must_use]
    pub fn merge_key(self) -> Option<&'static str> {
        self.own?["x-kubernetes-patch-merge-key"].as_str()
    }

    /// The same as a tree, for server-side apply. A definition within itself is cut off there.
    #[must_use]
    pub(crate) fn node(self) -> Node {
        self.node_within(&mut Vec::new())
    }

    fn node_within(self, above: &mut Vec<&'static str>) -> Node {
        let open = Node {
            preserve_unknown: true,
            ..Node::default()
        };
        let Some(schema) = self.schema() else {
            return open;
        };
        if let Some((name, _)) = self.referred {
            if above.contains(&name) {
                return open;
            }
            above.push(name);
        }
        let properties = self.properties().into_iter().flatten();
        let own = |name: &str| {
            let own = self.own.map(|own| &own[name]);
            own.filter(|value| !value.is_null())
                .unwrap_or(&schema[name])
        };
        // A quantity may be written as a number, too.
        let int_or_string =
            self.format() == "int-or-string" || self.type_name() == Some("Quantity");
        let node = Node {
            kind: if int_or_string {
                String::new()
            } else {
                self.kind().unwrap_or_default().to_owned()
            },
            format: self.format().to_owned(),
            preserve_unknown: self.kind().is_none(),
            int_or_string,
            default: Some(own("default").clone()).filter(|value| !value.is_null()),
            properties: properties
                .map(|(name, schema)| (name.clone(), Self::at(schema).node_within(above)))
                .collect(),
            additional_properties: self
                .additional()
                .map(|shape| Additional::Schema(Box::new(shape.node_within(above)))),
            items: (self.kind() == Some("array"))
                .then(|| Box::new(self.items().node_within(above))),
            list_type: match own("x-kubernetes-list-type").as_str() {
                Some("map") => Some(ListType::Map),
                Some("set") => Some(ListType::Set),
                Some("atomic") => Some(ListType::Atomic),
                Some(_) | None => None,
            },
            list_map_keys: own("x-kubernetes-list-map-keys")
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|key| key.as_str().map(str::to_owned))
                .collect(),
            map_type: (own("x-kubernetes-map-type") == "atomic").then_some(MapType::Atomic),
            ..Node::default()
        };
        if self.referred.is_some() {
            above.pop();
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::registry::Registry;

    #[test]
    fn every_built_in_kind_is_described_with_all_that_it_refers_to() {
        for resource in Registry::built_in().all() {
            let name = name_of(&resource.group, &resource.version, &resource.kind);
            assert!(definition(&name).is_some(), "{name}");
        }
        let mut all = Vec::new();
        for schema in DEFINITIONS.values() {
            references(schema, &mut all);
        }
        for name in all {
            assert!(definition(name).is_some(), "{name}");
        }
    }

    #[test]
    fn fields_are_found_through_references() {
        let pod = Shape::of("io.k8s.api.core.v1.Pod");
        let container = pod.field("spec").field("containers").items();
        assert_eq!(container.type_name(), Some("Container"));
        assert_eq!(
            pod.field("spec").field("containers").merge_key(),
            Some("name")
        );
        assert_eq!(container.field("ports").merge_key(), Some("containerPort"));
        assert_eq!(container.field("image").kind(), Some("string"));
        assert!(pod.field("nonsense").kind().is_none());
    }

    #[test]
    fn a_definition_that_holds_itself_ends_somewhere() {
        let name = name_of("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        let node = Shape::of(&name).node();
        assert!(node.properties.contains_key("spec"));
        let pod = Shape::of("io.k8s.api.core.v1.Pod").node();
        let containers = &pod.properties["spec"].properties["containers"];
        assert_eq!(containers.list_map_keys, ["name"]);
    }
}
