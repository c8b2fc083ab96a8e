//! OpenAPI: what `kubectl explain`, `apply`, `create` and `edit` ask before they do anything.
//!
//! In version 3 one document a group and version, in version 2 one for everything; both are made from `model` and the
//! schemas of the definitions. The documents of the built-in groups never change, and are written once.

mod custom;
mod path;
mod protobuf;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::kind::{builtin, model, resource::ResourceType};
pub use protobuf::v2_protobuf;

const TITLE: &str = "Kubernetes";
const VERSION: &str = "unversioned";
/// Of the documents that definitions bring.
const CUSTOM_TITLE: &str = "Kubernetes CRD Swagger";
const CUSTOM_VERSION: &str = "v0.1.0";
const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

/// A document as it is sent.
#[derive(Clone, Debug)]
pub struct Document {
    pub bytes: Bytes,
    /// Of the content: the same in every process.
    hash: String,
}

impl Document {
    fn of(document: &Value) -> Self {
        let bytes = Bytes::from(document.to_string());
        let digest = Sha256::digest(&bytes);
        let hash = digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        });
        Self { bytes, hash }
    }
}

type GroupVersion = (String, String);

/// The documents of the built-in groups.
static BUILT_IN: LazyLock<BTreeMap<GroupVersion, Document>> = LazyLock::new(|| {
    let resources = builtin::resources();
    versions(&resources)
        .into_iter()
        .filter_map(|(group, version)| {
            let document = v3_document(&resources, group, version)?;
            let place = (group.to_owned(), version.to_owned());
            Some((place, Document::of(&document)))
        })
        .collect()
});

fn versions(resources: &[Arc<ResourceType>]) -> BTreeSet<(&str, &str)> {
    resources
        .iter()
        .map(|resource| (resource.group.as_str(), resource.version.as_str()))
        .collect()
}

/// `/openapi/v3`: where the documents are; their hashes let clients keep them.
#[must_use]
pub fn v3_index(resources: &[Arc<ResourceType>]) -> Value {
    let paths: Map<String, Value> = versions(resources)
        .into_iter()
        .filter_map(|(group, version)| {
            let document = v3(resources, group, version)?;
            let path = root(group, version);
            let url = format!("/openapi/v3/{path}?hash={}", document.hash);
            Some((path, json!({ "serverRelativeURL": url })))
        })
        .collect();
    json!({ "paths": paths })
}

/// The document of a group and version, where there is one.
#[must_use]
pub fn v3(resources: &[Arc<ResourceType>], group: &str, version: &str) -> Option<Document> {
    let place = (group.to_owned(), version.to_owned());
    if let Some(document) = BUILT_IN.get(&place) {
        return Some(document.clone());
    }
    v3_document(resources, group, version).map(|document| Document::of(&document))
}

fn v3_document(resources: &[Arc<ResourceType>], group: &str, version: &str) -> Option<Value> {
    let served: Vec<&ResourceType> = resources
        .iter()
        .map(Arc::as_ref)
        .filter(|resource| resource.group == group && resource.version == version)
        .collect();
    if served.is_empty() {
        return None;
    }
    let mut paths = Map::new();
    for resource in &served {
        paths.extend(path::of(resource));
    }
    let schemas = schemas(&served, Dialect::V3);
    let (title, version) = if served.iter().all(|resource| resource.custom) {
        (CUSTOM_TITLE, CUSTOM_VERSION)
    } else {
        (TITLE, VERSION)
    };
    Some(
        json!({"openapi": "3.0.0", "info": {"title": title, "version": version},
        "paths": paths, "components": {"schemas": schemas}}),
    )
}

/// `/openapi/v2`: the kinds, without paths. Clients of this version look up kinds alone.
#[must_use]
pub fn v2(resources: &[Arc<ResourceType>]) -> Value {
    let served: Vec<&ResourceType> = resources.iter().map(Arc::as_ref).collect();
    json!({"swagger": "2.0", "info": {"title": TITLE, "version": VERSION}, "paths": {},
        "definitions": schemas(&served, Dialect::V2)})
}

/// The media type of [`v2_protobuf`].
pub const V2_MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `api/v1` or `apis/GROUP/VERSION`.
fn root(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

fn group_version_kind(resource: &ResourceType, kind: &str) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": kind})
}

/// The name of a kind's schema: Go's package path for built-in kinds, the group turned round for custom ones.
fn model_name(resource: &ResourceType, kind: &str) -> String {
    let (group, version) = (resource.group.as_str(), resource.version.as_str());
    if resource.custom {
        let reversed: Vec<&str> = group.split('.').rev().collect();
        return format!("{}.{version}.{kind}", reversed.join("."));
    }
    model::name_of(group, version, kind)
}

/// The two versions of the language differ in where schemas are, and in how a reference is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    V2,
    V3,
}

impl Dialect {
    fn reference(self, name: &str) -> Value {
        match self {
            Self::V2 => json!({"$ref": format!("#/definitions/{name}")}),
            Self::V3 => json!({"$ref": format!("#/components/schemas/{name}")}),
        }
    }

    /// A reference with something to say about it.
    fn referring(self, name: &str, mut about: Map<String, Value>) -> Value {
        match (self, about.is_empty()) {
            (_, true) => self.reference(name),
            (Self::V2, false) => {
                about.insert("$ref".to_owned(), self.reference(name)["$ref"].clone());
                about.into()
            }
            (Self::V3, false) => {
                about.insert("allOf".to_owned(), json!([self.reference(name)]));
                about.insert("default".to_owned(), json!({}));
                about.into()
            }
        }
    }

    /// A schema of the model as this version writes it.
    fn written(self, schema: &Value) -> Value {
        let Some(members) = schema.as_object() else {
            return schema.clone();
        };
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            let about = members.iter().filter(|(name, _)| *name != "$ref");
            let about = about.map(|(name, value)| (name.clone(), value.clone()));
            return self.referring(target, about.collect());
        }
        let mut written: Map<String, Value> = members
            .iter()
            .map(|(name, value)| {
                let value = match (name.as_str(), value) {
                    ("properties", Value::Object(fields)) => fields
                        .iter()
                        .map(|(name, field)| (name.clone(), self.written(field)))
                        .collect(),
                    ("items" | "additionalProperties", below) => self.written(below),
                    (_, value) => value.clone(),
                };
                (name.clone(), value)
            })
            .collect();
        if self == Self::V3
            && members
                .get("format")
                .is_some_and(|format| format == "int-or-string")
        {
            written.remove("type");
            written.insert(
                "oneOf".to_owned(),
                json!([{"type": "integer"}, {"type": "string"}]),
            );
        }
        written.into()
    }
}

/// The schemas of these resources, and all that those refer to.
fn schemas(resources: &[&ResourceType], dialect: Dialect) -> Map<String, Value> {
    let kinds = resources.iter().filter(|resource| !resource.custom);
    let shared = [
        model::OBJECT_METADATA,
        model::LIST_METADATA,
        model::STATUS,
        model::DELETE_OPTIONS,
        PATCH,
    ];
    let scaled = resources.iter().any(|resource| resource.scale_subresource);
    let roots: Vec<String> = kinds
        .map(|resource| model_name(resource, &resource.kind))
        .chain(shared.map(str::to_owned))
        .chain(scaled.then(|| SCALE.to_owned()))
        .collect();
    let mut schemas: Map<String, Value> = model::closure(&roots)
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), dialect.written(model::definition(name)?))))
        .collect();
    for resource in resources {
        let name = model_name(resource, &resource.kind);
        if resource.custom {
            schemas.insert(name.clone(), custom::schema(resource, dialect));
        }
        let kind = group_version_kind(resource, &resource.kind);
        schemas[&name]["x-kubernetes-group-version-kind"] = json!([kind]);
        custom::note_selectable(resource, &mut schemas[&name]);
        if resource.verbs.contains(&"list") {
            let name = model_name(resource, &resource.list_kind);
            schemas.insert(name, list_schema(resource, dialect));
        }
    }
    schemas
}

fn list_schema(resource: &ResourceType, dialect: Dialect) -> Value {
    let about = "Standard list metadata. More info: \
        https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
    let more = "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
    let mut schema = json!({"type": "object", "required": ["items"],
        "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
        "properties": {
            "apiVersion": type_field("apiVersion"),
            "kind": type_field("kind"),
            "metadata": custom::described(model::LIST_METADATA, about, dialect),
            "items": {"type": "array", "description": format!("List of {}. {more}", resource.plural),
                "items": dialect.reference(&model_name(resource, &resource.kind))},
        },
        "x-kubernetes-group-version-kind": [group_version_kind(resource, &resource.list_kind)]});
    custom::note_selectable(resource, &mut schema);
    schema
}

/// `apiVersion` and `kind`, which every kind describes in the same words.
fn type_field(name: &str) -> Value {
    let status = model::definition(model::STATUS);
    status.map_or(Value::Null, |status| status["properties"][name].clone())
}

#[cfg(test)]
mod tests;
