//! The body of a request as JSON, whatever it was written in.

mod duplicate;
mod syntax;

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::protobuf;
use crate::{kind::resource::ResourceType, object::metadata, status_error::StatusError};

/// A request's body with its media type.
#[derive(Clone, Debug, Default)]
pub struct RequestBody {
    pub bytes: Bytes,
    /// Without parameters; empty where the header is missing.
    pub media_type: String,
}

const OBJECT_TYPES: &str =
    "application/json, application/yaml, application/vnd.kubernetes.protobuf";

impl RequestBody {
    pub fn new(bytes: Bytes, content_type: &str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default();
        Self {
            bytes,
            media_type: media_type.trim().to_ascii_lowercase(),
        }
    }

    /// The object that a create or an update sends.
    pub fn object(&self, resource: &ResourceType) -> Result<Value, StatusError> {
        let decoded = self.decode(&resource.api_version(), &resource.kind);
        let value = decoded.map_err(|fault| self.unreadable(fault, resource))?;
        if resource.custom && value.is_object() && metadata::text(&value, "kind").is_empty() {
            let given = String::from_utf8_lossy(&self.bytes);
            let why = format!("Object 'Kind' is missing in '{given}'");
            return Err(self.unreadable(Fault::Other(why), resource));
        }
        if value.is_object() {
            return Ok(value);
        }
        let why = format!(
            "json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \
             \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
            metadata::go_word(&value)
        );
        Err(self.unreadable(Fault::Json(why), resource))
    }

    /// That the body is no object of this resource, in the words of what it is written in.
    fn unreadable(&self, fault: Fault, resource: &ResourceType) -> StatusError {
        let wanted = &resource.kind;
        let unrecognized = |why: &str| {
            let shown = summary(&self.bytes);
            StatusError::bad_request(format!(
                "the object provided is unrecognized (must be of type {wanted}): {why} ({shown})"
            ))
        };
        let unfit = |api_version: &str, kind: &str, why: &str| {
            let version = api_version.rsplit('/').next().unwrap_or_default();
            StatusError::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {wanted}: {why}"
            ))
        };
        match fault {
            Fault::MediaType => StatusError::unsupported_media_type(OBJECT_TYPES),
            Fault::Json(why) => unrecognized(&format!(
                "couldn't get version/kind; json parse error: {why}"
            )),
            Fault::Other(why) | Fault::Protobuf(protobuf::Fault::Envelope(why)) => {
                unrecognized(&why)
            }
            Fault::Protobuf(protobuf::Fault::Content {
                api_version,
                kind,
                why,
            }) => unfit(&api_version, &kind, &why),
            Fault::Protobuf(protobuf::Fault::Kind { api_version, kind }) => {
                // Of a custom resource, kube-apiserver looks for the kind where it has not put it yet.
                let why = if resource.custom {
                    "Object 'Kind' is missing in 'object has no kind field '".to_owned()
                } else {
                    unregistered(&api_version, &kind, "pkg/api/legacyscheme/scheme.go:30")
                };
                unfit(&api_version, &kind, &why)
            }
        }
    }

    /// `DeleteOptions`, where there are any.
    pub fn delete_options(&self) -> Result<Option<Value>, StatusError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let unknown = |api_version: &str, kind: &str| {
            let why = unregistered(api_version, kind, "pkg/runtime/scheme.go:110");
            StatusError::bad_request(why)
        };
        match self.decode("meta.k8s.io/v1", "DeleteOptions") {
            Ok(options) if options.is_object() => {
                let kind = metadata::text(&options, "kind");
                if matches!(kind, "" | "DeleteOptions") {
                    return Ok(Some(options));
                }
                // An object that was sent along is no way to delete it.
                Err(unknown(metadata::text(&options, "apiVersion"), kind))
            }
            Ok(_) => Err(StatusError::bad_request("DeleteOptions must be an object")),
            Err(Fault::MediaType) => Err(StatusError::unsupported_media_type(OBJECT_TYPES)),
            Err(Fault::Json(why)) => Err(StatusError::bad_request(format!(
                "couldn't get version/kind; json parse error: {why}"
            ))),
            Err(Fault::Protobuf(protobuf::Fault::Kind { api_version, kind })) => {
                Err(unknown(&api_version, &kind))
            }
            Err(
                Fault::Other(why)
                | Fault::Protobuf(
                    protobuf::Fault::Envelope(why) | protobuf::Fault::Content { why, .. },
                ),
            ) => Err(StatusError::bad_request(why)),
        }
    }

    /// What the body names more than once, in words.
    pub fn duplicates(&self) -> Vec<String> {
        match self.media_type.as_str() {
            ""
            | "application/json"
            | "application/merge-patch+json"
            | "application/strategic-merge-patch+json" => {
                let fields = duplicate::fields(&self.bytes);
                let named = fields
                    .iter()
                    .map(|path| format!("duplicate field {path:?}"));
                named.collect()
            }
            "application/yaml" | "application/apply-patch+yaml" => {
                duplicate::key_of_yaml(&self.bytes).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// These unknown fields and what the body names more than once, in words, as somebody finds them who reads the body
    /// into a struct.
    pub fn strictly(&self, unknown: &BTreeSet<String>) -> Vec<String> {
        if !matches!(self.media_type.as_str(), "" | "application/json") {
            let named = unknown.iter().map(|path| format!("unknown field {path:?}"));
            return self.duplicates().into_iter().chain(named).collect();
        }
        duplicate::strictly(&self.bytes, unknown)
    }

    /// The text of a patch: JSON, or for apply also YAML.
    pub fn patch_text(&self) -> Result<Value, String> {
        match self.media_type.as_str() {
            "application/apply-patch+yaml" => yaml(&self.bytes),
            _ => json(&self.bytes),
        }
    }

    /// The body as JSON. In protobuf, what names no version or kind is of these.
    fn decode(&self, api_version: &str, kind: &str) -> Result<Value, Fault> {
        match self.media_type.as_str() {
            "" | "application/json" => json(&self.bytes).map_err(Fault::Json),
            "application/yaml" => yaml(&self.bytes).map_err(Fault::Other),
            "application/vnd.kubernetes.protobuf" => {
                protobuf::decode(&self.bytes, api_version, kind).map_err(Fault::Protobuf)
            }
            _ => Err(Fault::MediaType),
        }
    }
}

enum Fault {
    MediaType,
    Json(String),
    Protobuf(protobuf::Fault),
    Other(String),
}

fn unregistered(api_version: &str, kind: &str, scheme: &str) -> String {
    format!("no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}")
}

/// JSON, with Go's words for what is wrong with it.
pub fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes)
        .map_err(|error| syntax::fault(bytes).unwrap_or_else(|| error.to_string()))
}

fn yaml(bytes: &[u8]) -> Result<Value, String> {
    // Most "YAML" is JSON, which is read faster and more exactly.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let lenient = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, lenient).map_err(|error| error.to_string())
}

/// The beginning of a body, for an error message.
fn summary(bytes: &[u8]) -> String {
    const LONGEST: usize = 30;
    if bytes.is_empty() {
        return "<empty>".to_owned();
    }
    let cut = &bytes[..bytes.len().min(LONGEST)];
    let tail = if bytes.len() > LONGEST { " ..." } else { "" };
    let text = if bytes[0] == b'{' {
        String::from_utf8_lossy(cut).into_owned()
    } else {
        let hex = cut.iter().map(|byte| format!("{byte:02x}"));
        hex.collect::<Vec<_>>().concat()
    };
    text + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_read_as_kubectl_reads_it() {
        let body = RequestBody::new(
            "a: yes\nb: [1, two]\n".into(),
            "application/yaml; charset=utf-8",
        );
        let value = body.decode("", "").unwrap_or_default();
        assert_eq!(value, serde_json::json!({"a": true, "b": [1, "two"]}));
    }

    #[test]
    fn what_is_wrong_is_told_in_the_order_of_the_text() {
        let text = r#"{"spec": {"replicas": 2, "odd": 1, "even": {"a": 1, "a": 2}, "even": 2, "paused": true, "paused": false,
            "replicas": 3, "template": {"containers": [{"x": 1, "pull": 1, "pull": 2}]}}}"#;
        let unknown = ["spec.even", "spec.odd", "spec.template.containers[0].x"];
        let unknown = unknown.map(str::to_owned).into();
        let told = RequestBody::new(text.into(), "application/json").strictly(&unknown);
        assert_eq!(
            told,
            [
                "unknown field \"spec.odd\"",
                "unknown field \"spec.even\"",
                "duplicate field \"spec.paused\"",
                "duplicate field \"spec.replicas\"",
                "unknown field \"spec.template.containers[0].x\"",
                "duplicate field \"spec.template.containers[0].pull\"",
            ]
        );
    }

    #[test]
    fn the_beginning_of_a_body_is_quoted() {
        assert_eq!(summary(b""), "<empty>");
        assert_eq!(summary(b"{not json"), "{not json");
        assert_eq!(summary(b"ab"), "6162");
    }
}
