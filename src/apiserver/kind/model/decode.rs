//! Reading an object of a built-in kind as Go's decoder does: every field of its type, unknown fields found and dropped
//! (sigs.k8s.io/json, k8s.io/apimachinery `pkg/runtime/serializer/json`).

mod time;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::Shape;
use crate::object::{go_format, metadata::go_word, quantity::Amount};

/// The members of the root that are looked at elsewhere.
const APART: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What an object is read from, which decides how it is said that a value is of the wrong type.
#[derive(Clone, Copy, Debug, Default)]
pub enum Source {
    #[default]
    Json,
    /// What a strategic merge patch made (k8s.io/apimachinery `pkg/runtime/converter.go`).
    Map,
}

/// Brings an object into the shape that is stored: unknown fields, nulls and empty optional lists and maps are dropped.
/// Returns the paths of the unknown fields; the error is what can not be read.
pub fn decode(object: &mut Value, shape: Shape, source: Source) -> Result<Vec<String>, String> {
    let mut decoder = Decoder {
        source,
        ..Decoder::default()
    };
    if let Some(members) = object.as_object_mut() {
        let root = Place {
            owner: shape.type_name().unwrap_or_default(),
            ..Place::default()
        };
        decoder.members(members, shape, &root, &APART)?;
    }
    Ok(decoder.unknown)
}

/// Where a value is.
#[derive(Clone, Debug, Default)]
struct Place {
    /// `spec.containers[0].image`
    path: String,
    /// The same without numbers, as Go names it.
    field: String,
    /// The Go type that the field belongs to.
    owner: &'static str,
}

impl Place {
    fn member(&self, name: &str, owner: Option<&'static str>) -> Self {
        let below = |path: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        Self {
            path: below(&self.path),
            field: below(&self.field),
            // A map belongs to the struct that it is in.
            owner: owner.unwrap_or(self.owner),
        }
    }

    fn element(&self, index: usize) -> Self {
        Self {
            path: format!("{}[{index}]", self.path),
            ..self.clone()
        }
    }

    fn mismatch(&self, value: &Value, shape: Shape) -> String {
        let found = match value {
            Value::Number(number) if matches!(shape.kind(), Some("integer")) => {
                format!("number {number}")
            }
            other => go_word(other).to_owned(),
        };
        format!(
            "json: cannot unmarshal {found} into Go struct field {}.{} of type {}",
            self.owner,
            self.field,
            go_type(shape)
        )
    }
}

/// The Go type of a value.
fn go_type(shape: Shape) -> String {
    if let Some(name) = shape.type_name() {
        return format!("v1.{name}");
    }
    match (shape.kind(), shape.format()) {
        (Some("integer"), "int32") => "int32".to_owned(),
        (Some("integer"), _) => "int64".to_owned(),
        (Some("number"), _) => "float64".to_owned(),
        (Some("boolean"), _) => "bool".to_owned(),
        (Some("string"), "byte") => "[]uint8".to_owned(),
        (Some("array"), _) => format!("[]{}", go_type(shape.items())),
        (Some("object"), _) => {
            let of = shape.additional().map(go_type);
            format!(
                "map[string]{}",
                of.unwrap_or_else(|| "interface {}".to_owned())
            )
        }
        (Some(_), _) => "string".to_owned(),
        (None, _) => "interface {}".to_owned(),
    }
}

/// The same of a value that is no text but a map already.
fn inconvertible(value: &Value, shape: Shape) -> String {
    let found = match value {
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
        scalar => go_format::type_of(scalar),
    };
    match (value, shape.kind()) {
        (_, Some("object")) if shape.properties().is_some() => {
            format!("cannot restore struct from: {found}")
        }
        (_, Some("object")) => format!("cannot restore map from {found}"),
        (_, Some("array")) => format!("cannot restore slice from {found}"),
        // Go can make a text of a number, and means a letter.
        (Value::Number(_), Some("string" | "integer")) => {
            format!("cannot convert {found} to {}", go_type(shape))
        }
        _ => format!("unrecognized type: {}", go_type(shape)),
    }
}

#[derive(Default)]
struct Decoder {
    source: Source,
    unknown: Vec<String>,
}

impl Decoder {
    fn members(
        &mut self,
        members: &mut Map<String, Value>,
        shape: Shape,
        place: &Place,
        apart: &[&str],
    ) -> Result<(), String> {
        let owner = shape.type_name();
        let is_struct = shape.properties().is_some();
        let mut fault = None;
        members.retain(|name, value| {
            if apart.contains(&name.as_str()) || fault.is_some() {
                return true;
            }
            let mut below = place.member(name, owner);
            if !is_struct {
                // Go does not say which member of a map it is.
                below.field.clone_from(&place.field);
            }
            if is_struct
                && shape
                    .properties()
                    .is_some_and(|known| !known.contains_key(name))
            {
                self.unknown.push(below.path);
                return false;
            }
            if value.is_null() {
                return !is_struct;
            }
            let field = shape.field(name);
            if let Err(why) = self.value(value, field, &below) {
                fault = Some(why);
            }
            !(is_struct && is_left_out(value, field) && !shape.requires(name))
        });
        fault.map_or(Ok(()), Err)
    }

    fn value(&mut self, value: &mut Value, shape: Shape, place: &Place) -> Result<(), String> {
        match shape.type_name() {
            Some("Time") => return time::time(value),
            Some("MicroTime") => return time::micro_time(value),
            Some("Quantity") => return quantity(value, place, shape),
            Some("IntOrString") => return int_or_string(value),
            Some(_) | None => {}
        }
        let Some(kind) = shape.kind() else {
            return Ok(());
        };
        let fits = match (kind, &*value) {
            ("object", Value::Object(_))
            | ("array", Value::Array(_))
            | ("boolean", Value::Bool(_))
            | ("number", Value::Number(_))
            | ("string", Value::String(_)) => true,
            ("integer", Value::Number(number)) => number
                .as_i64()
                .is_some_and(|number| shape.format() != "int32" || i32::try_from(number).is_ok()),
            _ => false,
        };
        if !fits {
            return Err(match self.source {
                Source::Json => place.mismatch(value, shape),
                Source::Map => inconvertible(value, shape),
            });
        }
        match value {
            Value::Object(members) => self.members(members, shape, place, &[]),
            Value::Array(elements) => {
                let items = shape.items();
                for (index, element) in elements.iter_mut().enumerate() {
                    let place = place.element(index);
                    if element.is_null() && items.properties().is_some() {
                        *element = Value::Object(Map::new());
                    }
                    self.value(element, items, &place)?;
                }
                Ok(())
            }
            Value::String(text) if shape.format() == "byte" => base64(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
}

/// An empty list or map, which Go's encoder leaves out.
fn is_left_out(value: &Value, shape: Shape) -> bool {
    match value {
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty() && shape.additional().is_some(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn no_text(value: &Value) -> String {
    format!(
        "json: cannot unmarshal {} into Go value of type string",
        go_word(value)
    )
}

fn int_or_string(value: &Value) -> Result<(), String> {
    match value {
        Value::String(_) => Ok(()),
        Value::Number(number)
            if number
                .as_i64()
                .is_some_and(|one| i32::try_from(one).is_ok()) =>
        {
            Ok(())
        }
        other => {
            let found = match other {
                Value::Number(number) => format!("number {number}"),
                other => go_word(other).to_owned(),
            };
            Err(format!(
                "json: cannot unmarshal {found} into Go value of type int32"
            ))
        }
    }
}

/// A number is as good as its text, which has one form.
fn quantity(value: &mut Value, place: &Place, shape: Shape) -> Result<(), String> {
    match value {
        Value::Number(number) => {
            // What is too large for a quantity stays a text.
            let text = number.to_string();
            *value = Amount::parse(&text)
                .map_or(text, |amount| amount.to_string())
                .into();
            Ok(())
        }
        Value::String(text) if let Some(amount) = Amount::parse(text) => {
            *text = amount.to_string();
            Ok(())
        }
        Value::String(_) => Err("quantities must match the regular expression \
            '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            .to_owned()),
        other => Err(place.mismatch(other, shape)),
    }
}

fn base64(text: &str) -> Result<(), String> {
    match STANDARD.decode(text.replace(['\r', '\n'], "")) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
                    text.len() / 4 * 4
                }
            };
            Err(format!("illegal base64 data at input byte {at}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(name: &str, mut object: Value) -> Result<(Value, Vec<String>), String> {
        let unknown = decode(&mut object, Shape::of(name), Source::Json)?;
        Ok((object, unknown))
    }

    const POD: &str = "io.k8s.api.core.v1.Pod";

    #[test]
    fn unknown_and_empty_fields_are_dropped() {
        let (pod, unknown) = read(
            POD,
            json!({"metadata": {"odd": 1}, "foo": 1, "spec": {
                "containers": [{"name": "a", "imag": "x", "args": [], "env": null, "resources": {}}],
                "nodeSelector": {}, "securityContext": {},
                "volumes": [{"name": "v", "emptyDir": {}, "emptydir": {}}],
            }}),
        )
        .unwrap();
        assert_eq!(
            unknown,
            ["foo", "spec.containers[0].imag", "spec.volumes[0].emptydir"]
        );
        assert_eq!(
            pod,
            json!({"metadata": {"odd": 1}, "spec": {
                "containers": [{"name": "a", "resources": {}}],
                "securityContext": {}, "volumes": [{"name": "v", "emptyDir": {}}],
            }})
        );
    }

    #[test]
    fn wrong_types_are_told_as_go_tells_them() {
        let container =
            |field: &str, value: Value| json!({"spec": {"containers": [{field: value}]}});
        for (object, fault) in [
            (
                json!({"spec": "x"}),
                "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec",
            ),
            (
                json!({"spec": {"containers": {}}}),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
            ),
            (
                container("image", json!(1)),
                "json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string",
            ),
            (
                container("ports", json!([{"containerPort": "http"}])),
                "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
            ),
            (
                json!({"spec": {"activeDeadlineSeconds": 1.5}}),
                "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64",
            ),
            (
                json!({"spec": {"nodeSelector": {"a": true}}}),
                "json: cannot unmarshal bool into Go struct field PodSpec.spec.nodeSelector of type string",
            ),
            (
                container("resources", json!({"limits": {"cpu": "1 core"}})),
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
            (
                json!({"status": {"startTime": "today"}}),
                r#"parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006""#,
            ),
        ] {
            assert_eq!(read(POD, object.clone()).unwrap_err(), fault, "{object}");
        }
        let lease = |time: &str| {
            read(
                "io.k8s.api.coordination.v1.Lease",
                json!({"spec": {"renewTime": time}}),
            )
        };
        let layout = "as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse";
        for (time, rest) in [
            ("2017-09-19T13:49:16Z", "\"Z\" as \".000000\""),
            ("2017-09-19T13:49:16.1Z", "\".1Z\" as \".000000\""),
            ("2017-09-19T13:49:16.123456789Z", "\"789Z\" as \"Z07:00\""),
        ] {
            let fault = format!("parsing time {time:?} {layout} {rest}");
            assert_eq!(lease(time).unwrap_err(), fault);
        }
        let (read_lease, _) = lease("2017-09-19T13:49:16.123456+02:00").unwrap();
        assert_eq!(
            read_lease["spec"]["renewTime"],
            "2017-09-19T11:49:16.123456Z"
        );
        let (event, _) = read(
            "io.k8s.api.core.v1.Event",
            json!({"eventTime": "2017-09-19T13:49:16.100000Z", "firstTimestamp": "2017-09-19T13:49:16.5+01:00"}),
        )
        .unwrap();
        assert_eq!(event["eventTime"], "2017-09-19T13:49:16.100000Z");
        assert_eq!(event["firstTimestamp"], "2017-09-19T12:49:16Z");
        let secret = read("io.k8s.api.core.v1.Secret", json!({"data": {"a": "?"}}));
        assert_eq!(secret.unwrap_err(), "illegal base64 data at input byte 0");
    }
}
