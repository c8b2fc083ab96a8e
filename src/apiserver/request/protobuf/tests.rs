use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::*;
use crate::{kind::builtin, object::wire::Writer, presentation};

fn envelope_of(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut envelope = Writer {
        bytes: MAGIC.to_vec(),
    };
    envelope.message(1, |head| {
        head.field(1, api_version.as_bytes());
        head.field(2, kind.as_bytes());
    });
    envelope.field(2, raw);
    envelope.bytes
}

fn read(bytes: &[u8]) -> Result<Value, Fault> {
    decode(bytes, "", "")
}

/// Kinds that are read and written without being stored under their own name.
const FURTHER: [(&str, &str); 8] = [
    ("v1", "Binding"),
    ("v1", "DeleteOptions"),
    ("v1", "Status"),
    ("apps/v1", "DeleteOptions"),
    ("authentication.k8s.io/v1", "TokenRequest"),
    ("autoscaling/v1", "Scale"),
    ("meta.k8s.io/v1", "PartialObjectMetadata"),
    ("policy/v1", "Eviction"),
];

fn kinds() -> Vec<(String, String)> {
    let served = builtin::resources().into_iter();
    let served = served.map(|one| (one.api_version(), one.kind.clone()));
    let further = FURTHER.map(|(api_version, kind)| (api_version.to_owned(), kind.to_owned()));
    served.chain(further).collect()
}

/// An object with some of the fields of a message, as Go would write it in JSON.
fn some_object(message: &Message, rng: &mut StdRng, depth: u32, object: &mut Map<String, Value>) {
    for (_, slot) in &message.fields {
        match slot {
            Slot::Inline(inner) => some_object(inner, rng, depth, object),
            // What is below is rarer, so that an object ends.
            Slot::Field(field) if rng.random_ratio(2, 3 + depth * 2) => {
                let value = some_value(&field.kind, rng, depth, field.keeps_zero);
                object.insert(field.name.to_owned(), value);
            }
            Slot::Field(_) => {}
        }
    }
}

/// A whole object of a kind.
fn some_of(api_version: &str, kind: &str, rng: &mut StdRng, depth: u32) -> Value {
    let name = message::name_of_kind(api_version, kind).unwrap();
    let mut object = Map::new();
    some_object(message::named(name).unwrap(), rng, depth, &mut object);
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    object.into()
}

fn some(kind: &Kind, rng: &mut StdRng, depth: u32) -> Value {
    some_value(kind, rng, depth + 1, true)
}

fn some_value(kind: &Kind, rng: &mut StdRng, depth: u32, zero: bool) -> Value {
    let zero = zero && rng.random_ratio(1, 3);
    match kind {
        Kind::Text if zero => "".into(),
        Kind::Text => ["x", "a/b", "grüß", "two\nlines"][rng.random_range(0..4)].into(),
        Kind::Bytes => "AAEC/w==".into(),
        Kind::Bool => (!zero).into(),
        Kind::Int32 | Kind::Int64 | Kind::Double if zero => 0.into(),
        Kind::Int32 => [1, -1, i32::MAX, i32::MIN][rng.random_range(0..4)].into(),
        Kind::Int64 => [1, -1, i64::MAX, i64::MIN][rng.random_range(0..4)].into(),
        Kind::Double => [json!(1), json!(-2.5), json!(1e300)][rng.random_range(0..3)].clone(),
        Kind::Time => {
            ["2024-02-29T12:00:00Z", "1969-12-31T23:59:59Z"][rng.random_range(0..2)].into()
        }
        Kind::MicroTime => "2024-02-29T12:00:00.000001Z".into(),
        Kind::Quantity => ["100m", "1Gi", "0"][rng.random_range(0..3)].into(),
        Kind::IntOrString => [json!(0), json!(-3), json!("25%")][rng.random_range(0..3)].clone(),
        Kind::Json => [json!({"f:a": {".": {}}}), json!("x"), json!([1, null])]
            [rng.random_range(0..3)]
        .clone(),
        Kind::SchemaOr(list) if rng.random_ratio(1, 2) => some(list, rng, depth),
        Kind::SchemaOrBool if rng.random_ratio(1, 2) => rng.random_ratio(1, 2).into(),
        Kind::SchemaOr(_) | Kind::SchemaOrBool => some(&Kind::SCHEMA, rng, depth),
        Kind::Message(name) => {
            let mut object = Map::new();
            some_object(message::named(name).unwrap(), rng, depth + 1, &mut object);
            object.into()
        }
        Kind::List(element) | Kind::Wrapped(element) => {
            json!([some(element, rng, depth), some(element, rng, depth)])
        }
        Kind::Map(value) => json!({"a": some(value, rng, depth), "b": some(value, rng, depth)}),
    }
}

#[test]
fn every_kind_that_is_served_has_a_message_with_all_of_its_fields() {
    for (api_version, kind) in kinds() {
        let message = message::name_of_kind(&api_version, &kind).and_then(message::named);
        assert!(message.is_some(), "{api_version} {kind}");
    }
    // A custom resource may have the name of a built-in one.
    assert_eq!(
        message::name_of_kind("apps.example.com/v1", "Deployment"),
        None
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read(seed: u64) {
        let rng = &mut StdRng::seed_from_u64(seed);
        for (api_version, kind) in kinds() {
            let object = some_of(&api_version, &kind, rng, 0);
            let written = presentation::protobuf::object(&object).unwrap();
            prop_assert_eq!(read(&written), Ok(object));
        }
    }

    #[test]
    fn no_bytes_bring_it_down(seed: u64, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&[MAGIC, &body].concat());
        let rng = &mut StdRng::seed_from_u64(seed);
        for (api_version, kind) in kinds() {
            let _ = read(&envelope_of(&api_version, &kind, &body));
            let object = some_of(&api_version, &kind, rng, 1);
            let mut written = presentation::protobuf::object(&object).unwrap();
            let at = rng.random_range(0..written.len());
            written[at] ^= 1 << rng.random_range(0..8);
            let _ = read(&written);
            let _ = read(&written[..at]);
        }
    }
}

#[test]
fn zero_is_nothing_unless_it_is_a_pointer() {
    let mut raw = Writer::default();
    raw.message(1, |metadata| {
        metadata.field(1, b"d");
        metadata.field(2, b"");
        metadata.number(7, 0);
        metadata.message(8, |_| {});
    });
    raw.message(2, |spec| {
        spec.number(1, 0);
        spec.message(4, |strategy| strategy.field(1, b""));
        spec.number(5, 0);
        spec.number(7, 0);
        // A field of a later release.
        spec.field(900, b"x");
    });
    raw.message(3, |status| status.number(2, 0));
    assert_eq!(
        read(&envelope_of("apps/v1", "Deployment", &raw.bytes)),
        Ok(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"replicas": 0, "strategy": {}}, "status": {},
        }))
    );
}

#[test]
fn messages_are_merged_and_numbers_may_be_packed() {
    let mut raw = Writer::default();
    raw.message(2, |spec| {
        spec.message(1, |volume| volume.field(1, b"v"));
        spec.message(23, |security| {
            security.field(4, &[1, 2]);
            security.number(4, 3);
        });
    });
    raw.message(2, |spec| spec.field(3, b"Never"));
    let pod = read(&envelope_of("v1", "Pod", &raw.bytes)).unwrap();
    assert_eq!(pod["spec"]["volumes"], json!([{"name": "v"}]));
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
}

#[test]
fn what_cannot_be_read_is_said() {
    let envelope = |why: &str| Err(Fault::Envelope(why.to_owned()));
    let prefix =
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
    assert_eq!(read(b"{}"), envelope(prefix));
    assert_eq!(read(MAGIC), envelope("empty body"));
    let too_long = [MAGIC, &[10, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert_eq!(read(&too_long), envelope("unexpected EOF"));
    let unknown = read(&envelope_of("example.com/v1", "Thing", b""));
    assert!(matches!(unknown, Err(Fault::Kind { kind, .. }) if kind == "Thing"));
    let content = |raw: &[u8]| match read(&envelope_of("v1", "ConfigMap", raw)) {
        Err(Fault::Content { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        content(&[0x08, 1]),
        "proto: wrong wireType = 0 for field metadata"
    );
    assert_eq!(
        content(&[0x12, 3, 0x0a, 1, 0xff]),
        "proto: field data is not valid UTF-8"
    );
}

#[test]
fn a_schema_within_a_schema_ends_somewhere() {
    let mut schema = Writer::default();
    for _ in 0..200 {
        let inner = std::mem::take(&mut schema.bytes);
        schema.field(27, &inner);
    }
    let raw = [3, 1, 1, 2].iter().fold(schema, |inner, field| {
        let mut outer = Writer::default();
        outer.field(*field, &inner.bytes);
        outer
    });
    let found = read(&envelope_of(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &raw.bytes,
    ));
    assert!(found.is_ok() || matches!(found, Err(Fault::Content { .. })));
}

#[test]
fn what_a_client_in_go_writes_is_what_it_writes_as_json() {
    for (bytes, text) in [
        (
            include_bytes!("known/deployment.pb").as_slice(),
            include_str!("known/deployment.json"),
        ),
        (
            include_bytes!("known/definition.pb"),
            include_str!("known/definition.json"),
        ),
        (
            include_bytes!("known/lease.pb"),
            include_str!("known/lease.json"),
        ),
    ] {
        let object: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read(bytes), Ok(object.clone()));
        assert_eq!(
            read(&presentation::protobuf::object(&object).unwrap()),
            Ok(object)
        );
    }
}
