//! JSON Schema of what programs read: the result document, and the events of `--progress json`. Generated from the types,
//! kept in `docs/schema`, where a test holds it current. A new report is one line in [`result`].

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    auth::AuthReport,
    check::CheckReport,
    controller::StoppedReport,
    disable::DisableReport,
    document::{self, ClusterReference, ErrorDocument, Nothing, Report},
    enable::EnableReport,
    event::{self, Event},
    explain::ExplainReport,
    history::HistoryReport,
    host::HostReport,
    machine::MachineReport,
    man::ManReport,
    manifests::ManifestsReport,
    multi_cluster::MultiClusterReport,
    restore::RestoreReport,
    sandbox::{RanReport, SandboxReport},
    skip::SkipReport,
    snapshot::SnapshotReport,
    status::StatusReport,
    uninstall::UninstallReport,
    update::UpdateReport,
    verbatim::VerbatimReport,
    version::VersionReport,
    wait::WaitReport,
};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What every document has beside the fields of its report.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    /// Verb and noun.
    command: String,
    /// The name by which a cluster was asked for; only in the items of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Null where the command did not come to a cluster.
    cluster: Option<ClusterReference>,
    warnings: Vec<String>,
    /// The same as the shell sees.
    exit_code: u8,
    /// Null where the command did what it was asked.
    error: Option<ErrorDocument>,
}

/// What every event has beside its own fields.
#[derive(Serialize, JsonSchema)]
struct Stamp {
    /// When it was written, as RFC 3339 in UTC.
    time: String,
    /// The context that it is about; only where a command works on several clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

/// Of the result document.
#[must_use]
pub fn result() -> Value {
    let mut kinds = Kinds::new();
    kinds.add::<Nothing>();
    kinds.add::<AuthReport>();
    kinds.add::<CheckReport>();
    kinds.add::<DisableReport>();
    kinds.add::<EnableReport>();
    kinds.add::<ExplainReport>();
    kinds.add::<HistoryReport>();
    kinds.add::<HostReport>();
    kinds.add::<MachineReport>();
    kinds.add::<ManReport>();
    kinds.add::<ManifestsReport>();
    kinds.add::<MultiClusterReport>();
    kinds.add::<RanReport>();
    kinds.add::<RestoreReport>();
    kinds.add::<SandboxReport>();
    kinds.add::<SkipReport>();
    kinds.add::<SnapshotReport>();
    kinds.add::<StatusReport>();
    kinds.add::<StoppedReport>();
    kinds.add::<UninstallReport>();
    kinds.add::<UpdateReport>();
    kinds.add::<VerbatimReport>();
    kinds.add::<VersionReport>();
    kinds.add::<WaitReport>();
    kinds.finish()
}

/// Of one line of `--progress json`.
#[must_use]
pub fn events() -> Value {
    let mut generator = generator();
    let stamp = fields::<Stamp>(&mut generator);
    let event = Event::json_schema(&mut generator).to_value();
    let variants: Vec<Value> = event["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|variant| merged([&stamp, variant], &[("schema", event::SCHEMA)]))
        .collect();
    json!({
        "$schema": DRAFT,
        "title": "bmctl event",
        "description": "One line on stderr with --progress json. Skip the types that you do not know.",
        "oneOf": variants,
        "$defs": definitions(&mut generator),
    })
}

struct Kinds {
    generator: SchemaGenerator,
    envelope: Value,
    described: Map<String, Value>,
}

impl Kinds {
    fn new() -> Self {
        let mut generator = generator();
        Self {
            envelope: fields::<Envelope>(&mut generator),
            generator,
            described: Map::new(),
        }
    }

    fn add<R: Report>(&mut self) {
        let report = fields::<R>(&mut self.generator);
        let constants = [("schema", document::SCHEMA), ("kind", R::KIND)];
        let schema = merged([&report, &self.envelope], &constants);
        self.described.insert(R::KIND.to_owned(), schema);
    }

    fn finish(mut self) -> Value {
        let one_of: Vec<Value> = self
            .described
            .keys()
            .map(|kind| json!({"$ref": format!("#/$defs/{kind}")}))
            .collect();
        let mut definitions = definitions(&mut self.generator);
        definitions.extend(self.described);
        json!({
            "$schema": DRAFT,
            "title": "bmctl result",
            "description": "What a command prints with -o json and -o yaml, on every ending. Fields may be added; ignore those that you do not know.",
            "oneOf": one_of,
            "$defs": definitions,
        })
    }
}

/// Of what is written, not of what would be read.
fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
}

fn fields<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    T::json_schema(generator).to_value()
}

fn definitions(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let definitions = generator.take_definitions(true).into_iter();
    definitions
        .map(|(name, schema)| (name, without_nullable(schema)))
        .collect()
}

/// `nullable` is OpenAPI's, for the definitions of resources; JSON Schema does not know it.
fn without_nullable(schema: Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| name != "nullable")
            .map(|(name, value)| (name, without_nullable(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nullable).collect(),
        other => other,
    }
}

/// Two objects as one, with strings that are always the same.
fn merged(parts: [&Value; 2], constants: &[(&str, &str)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, value) in constants {
        properties.insert((*name).to_owned(), json!({"const": value}));
        required.push(json!(name));
    }
    let mut description = Value::Null;
    for part in parts {
        for (name, schema) in part["properties"].as_object().into_iter().flatten() {
            properties.insert(name.clone(), schema.clone());
        }
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
        if part["description"].is_string() && description.is_null() {
            description = part["description"].clone();
        }
    }
    let mut schema = json!({"type": "object", "properties": properties, "required": required});
    if description.is_string() {
        schema["description"] = description;
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_the_fields_of_its_report_and_of_every_document() {
        let schema = result();
        let enable = &schema["$defs"]["EnableResult"];
        assert_eq!(enable["properties"]["kind"]["const"], "EnableResult");
        for field in [
            "schema",
            "changed",
            "ready",
            "waitedSeconds",
            "exitCode",
            "error",
        ] {
            assert!(
                enable["properties"][field].is_object(),
                "{field}: {enable:#}"
            );
            let required = enable["required"].as_array().unwrap();
            assert!(required.contains(&json!(field)), "{field}");
        }
        assert!(schema["$defs"]["ErrorDocument"].is_object());
    }

    #[test]
    fn an_event_has_a_type_and_a_time() {
        let schema = events();
        let variants = schema["oneOf"].as_array().unwrap();
        assert!(variants.len() > 10);
        for variant in variants {
            assert!(
                variant["properties"]["type"]["const"].is_string(),
                "{variant:#}"
            );
            assert!(variant["properties"]["time"].is_object(), "{variant:#}");
        }
    }
}
