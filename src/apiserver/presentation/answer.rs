//! From what a verb found to bytes: the one place that reads `Accept` and writes a response.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    protobuf,
    table::{self, IncludeObject},
};
use crate::{kind::resource::ResourceType, status_error::StatusError};

/// The body of every response: whole, or a stream of watch frames.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The chunks of a watch's response body.
pub type Chunks = BoxStream<'static, Bytes>;

/// What a request is answered with.
pub enum Answer {
    /// One object of a resource.
    Object {
        code: u16,
        resource: Arc<ResourceType>,
        object: Arc<Value>,
    },
    /// Objects of a resource, with the list's own metadata.
    List {
        resource: Arc<ResourceType>,
        objects: Vec<Arc<Value>>,
        metadata: Value,
    },
    /// Any other JSON, as it is.
    Document {
        code: u16,
        document: Value,
    },
    /// The aggregated discovery document, in this version. Clients tell it from the plain one by its media type.
    Discovery(&'static str, Value),
    /// JSON that is there to be read: always on lines of its own.
    Page(Value),
    Text(u16, String),
    /// Something in an encoding of its own.
    Encoded(&'static str, Bytes),
    Watch(Chunks),
}

impl Answer {
    /// One object, 200.
    pub fn object(resource: &Arc<ResourceType>, object: Arc<Value>) -> Self {
        Self::Object {
            code: 200,
            resource: resource.clone(),
            object,
        }
    }
}

/// The shape in which a client wants objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Plain,
    Table,
    /// `PartialObjectMetadata` and its list.
    Metadata,
}

/// The encoding in which a client wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Yaml,
    /// Of built-in kinds; anything else is told in JSON.
    Protobuf,
}

/// What there is of the objects that a request is about, beside JSON and YAML.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Rows of a table.
    pub tables: bool,
    /// Whole objects in protobuf. Metadata alone has it always, and a table never.
    pub protobuf: bool,
}

impl Offer {
    pub const ALL: Self = Self {
        tables: true,
        protobuf: true,
    };

    fn has(self, shape: Shape, encoding: Encoding) -> bool {
        match (shape, encoding) {
            (Shape::Table, Encoding::Protobuf) => false,
            (Shape::Table, Encoding::Json | Encoding::Yaml) => self.tables,
            (Shape::Plain, Encoding::Protobuf) => self.protobuf,
            (Shape::Plain | Shape::Metadata, _) => true,
        }
    }
}

/// What the `Accept` header asks for, and what the query says about tables.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub shape: Shape,
    pub encoding: Encoding,
    pub include: IncludeObject,
    pub pretty: bool,
}

/// Reads `Accept`: of the media types that can be served the one that the client likes best. A missing header means
/// JSON.
pub fn negotiate(accept: &str, offer: Offer) -> Result<(Shape, Encoding), StatusError> {
    if accept.trim().is_empty() {
        return Ok((Shape::Plain, Encoding::Json));
    }
    let mut wishes = by_preference(accept).filter_map(acceptable);
    let served = wishes.find(|(shape, encoding)| offer.has(*shape, *encoding));
    served.ok_or_else(|| {
        StatusError::other(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf",
        )
    })
}

/// The media types of an `Accept` header, the best liked first: by quality, then those without asterisks, then as they
/// were named.
fn by_preference(accept: &str) -> impl Iterator<Item = &str> {
    let quality = |media: &str| {
        let mut parameters = media.split(';').skip(1);
        let given = parameters.find_map(|one| one.trim().strip_prefix("q=")?.parse::<f32>().ok());
        given.unwrap_or(1.0)
    };
    let mut media: Vec<&str> = accept.split(',').filter(|one| quality(one) > 0.0).collect();
    media.sort_by(|a, b| {
        let asterisks = |media: &str| media.matches('*').count();
        quality(b)
            .total_cmp(&quality(a))
            .then(asterisks(a).cmp(&asterisks(b)))
    });
    media.into_iter()
}

fn acceptable(media: &str) -> Option<(Shape, Encoding)> {
    let mut parts = media.split(';').map(str::trim);
    let encoding = match parts.next()? {
        "application/json" | "application/*" | "*/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        protobuf::MEDIA_TYPE => Encoding::Protobuf,
        _ => return None,
    };
    let parameter = |name: &str| {
        media
            .split(';')
            .filter_map(|part| part.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    let shape = match parameter("as") {
        None => Shape::Plain,
        Some(_) if !matches!(parameter("v"), Some("v1" | "v1beta1")) => return None,
        Some("Table") => Shape::Table,
        Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Shape::Metadata,
        Some(_) => return None,
    };
    Some((shape, encoding))
}

/// The response for an answer, with its warnings as headers.
pub fn respond(answer: Answer, wanted: Wanted, warnings: &[String]) -> Response<Body> {
    let mut response = match answer {
        Answer::Text(code, text) => plain_text(code, text),
        Answer::Page(document) => json_response(200, &document, true),
        Answer::Encoded(media_type, bytes) => whole(200, media_type, bytes),
        Answer::Watch(frames) => streamed(frames, wanted.encoding),
        Answer::Discovery(version, document) => {
            let mut response = json_response(200, &document, wanted.pretty);
            let media_type = match version {
                "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
            };
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            response
        }
        Answer::Document { code, document } => object_response(code, &document, wanted),
        Answer::Object {
            code,
            resource,
            object,
        } => match wanted.shape {
            Shape::Plain => object_response(code, &object, wanted),
            Shape::Metadata => object_response(code, &table::partial_metadata(&object), wanted),
            Shape::Table => {
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let table = table::table(
                    &resource,
                    &[object],
                    metadata,
                    wanted.include,
                    Timestamp::now(),
                );
                document_response(code, &table, wanted)
            }
        },
        Answer::List {
            resource,
            objects,
            metadata,
        } => list_response(&resource, &objects, metadata, wanted),
    };
    warn(&mut response, warnings);
    response
}

fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for warning in warnings {
        if let Some(value) = warning_header(warning) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// Gives the response the number of its request, which the client may have chosen, and says that it is not to be kept.
pub fn identify(response: &mut Response<Body>, request: &HeaderMap) {
    const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");
    let given = request.get(AUDIT_ID).cloned();
    let made = || HeaderValue::from_str(&Uuid::new_v4().to_string()).ok();
    let headers = response.headers_mut();
    if let Some(id) = given.or_else(made) {
        headers.insert(AUDIT_ID, id);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache, private"));
}

/// The response for a refusal, as JSON.
pub fn refuse(error: &StatusError) -> Response<Body> {
    refuse_as(error, Wanted::default(), &[])
}

/// The response for a refusal in the encoding that the client wants, with the warnings that came before it.
pub fn refuse_as(error: &StatusError, wanted: Wanted, warnings: &[String]) -> Response<Body> {
    let status = error.status();
    let mut response = object_response(error.code, &status, wanted);
    warn(&mut response, warnings);
    if let Some(seconds) = status["details"]["retryAfterSeconds"].as_u64() {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An object or a status. Discovery and other documents have no protobuf, and clients of protobuf read JSON too.
fn object_response(code: u16, object: &Value, wanted: Wanted) -> Response<Body> {
    let written = (wanted.encoding == Encoding::Protobuf).then(|| protobuf::object(object));
    written.flatten().map_or_else(
        || document_response(code, object, wanted),
        |bytes| whole(code, protobuf::MEDIA_TYPE, bytes.into()),
    )
}

fn document_response(code: u16, document: &impl Serialize, wanted: Wanted) -> Response<Body> {
    match wanted.encoding {
        Encoding::Json | Encoding::Protobuf => json_response(code, document, wanted.pretty),
        Encoding::Yaml => match serde_saphyr::to_string(document) {
            Ok(text) => whole(code, "application/yaml", text.into()),
            Err(error) => refuse(&StatusError::other(500, "InternalError", error.to_string())),
        },
    }
}

fn json_response(code: u16, document: &impl Serialize, pretty: bool) -> Response<Body> {
    let written = if pretty {
        serde_json::to_vec_pretty(document)
    } else {
        serde_json::to_vec(document)
    };
    match written {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            whole(code, "application/json", bytes.into())
        }
        Err(error) => whole(500, "text/plain; charset=utf-8", error.to_string().into()),
    }
}

fn whole(code: u16, media_type: &'static str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(bytes).boxed_unsync());
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Text, which no browser is to take for anything else.
fn plain_text(code: u16, text: String) -> Response<Body> {
    let mut response = whole(code, "text/plain; charset=utf-8", text.into());
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn streamed(frames: Chunks, encoding: Encoding) -> Response<Body> {
    use futures::StreamExt;
    let media_type = match encoding {
        Encoding::Json | Encoding::Yaml => "application/json",
        Encoding::Protobuf => protobuf::STREAM_MEDIA_TYPE,
    };
    let frames = frames.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn list_response(
    resource: &ResourceType,
    objects: &[Arc<Value>],
    mut metadata: Value,
    wanted: Wanted,
) -> Response<Body> {
    // Custom resources keep an empty `continue`; typed lists leave it out.
    let keeps_empty = resource.custom && wanted.shape == Shape::Plain;
    if metadata["continue"] == "" && !keeps_empty {
        metadata
            .as_object_mut()
            .map(|metadata| metadata.remove("continue"));
    }
    match wanted.shape {
        Shape::Table => {
            let table = table::table(
                resource,
                objects,
                metadata,
                wanted.include,
                Timestamp::now(),
            );
            document_response(200, &table, wanted)
        }
        Shape::Metadata => {
            let items: Vec<Value> = objects
                .iter()
                .map(|object| table::partial_metadata(object))
                .collect();
            let (kind, api_version) = ("PartialObjectMetadataList", "meta.k8s.io/v1");
            if let Some(bytes) = in_protobuf(api_version, kind, &metadata, items.iter(), wanted) {
                return whole(200, protobuf::MEDIA_TYPE, bytes);
            }
            let list = List {
                kind,
                api_version: api_version.to_owned(),
                metadata,
                // As kube-apiserver, which writes a nil slice of Go here; every other empty list is `[]`.
                items: (!items.is_empty()).then_some(items),
            };
            document_response(200, &list, wanted)
        }
        Shape::Plain => {
            let (kind, api_version) = (&resource.list_kind, resource.api_version());
            let items = objects.iter().map(Arc::as_ref);
            if let Some(bytes) = in_protobuf(&api_version, kind, &metadata, items, wanted) {
                return whole(200, protobuf::MEDIA_TYPE, bytes);
            }
            let list = List {
                kind,
                api_version,
                metadata,
                items: objects
                    .iter()
                    .map(|object| Item {
                        object,
                        // A typed list does not repeat kind and version.
                        typed: !resource.custom,
                    })
                    .collect::<Vec<_>>(),
            };
            document_response(200, &list, wanted)
        }
    }
}

/// A list in protobuf, where that is wanted and there is one.
fn in_protobuf<'a>(
    api_version: &str,
    kind: &str,
    metadata: &Value,
    items: impl Iterator<Item = &'a Value>,
    wanted: Wanted,
) -> Option<Bytes> {
    let write = || protobuf::list(api_version, kind, metadata, items);
    let written = (wanted.encoding == Encoding::Protobuf).then(write);
    written.flatten().map(Bytes::from)
}

/// A list that borrows its objects, so that a large one is written without a copy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a, I> {
    kind: &'a str,
    api_version: String,
    metadata: Value,
    items: I,
}

struct Item<'a> {
    object: &'a Value,
    typed: bool,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.object.as_object().filter(|_| self.typed) {
            None => self.object.serialize(serializer),
            Some(fields) => serializer.collect_map(
                fields
                    .iter()
                    .filter(|(field, _)| !matches!(field.as_str(), "kind" | "apiVersion")),
            ),
        }
    }
}

/// A `Warning` header (RFC 7234, code 299); nothing where the text can not stand in a header.
fn warning_header(text: &str) -> Option<HeaderValue> {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_media_type_that_can_be_served_wins() {
        for (accept, expected) in [
            ("", (Shape::Plain, Encoding::Json)),
            ("*/*", (Shape::Plain, Encoding::Json)),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                (Shape::Plain, Encoding::Protobuf),
            ),
            (
                "application/vnd.kubernetes.protobuf;stream=watch",
                (Shape::Plain, Encoding::Protobuf),
            ),
            (
                "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json",
                (Shape::Plain, Encoding::Json),
            ),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
                (Shape::Table, Encoding::Json),
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
                (Shape::Metadata, Encoding::Json),
            ),
            (
                "application/yaml;q=0.5, application/json;q=0.9",
                (Shape::Plain, Encoding::Json),
            ),
            ("*/*, application/yaml", (Shape::Plain, Encoding::Yaml)),
            (
                "application/json;q=0, application/yaml;q=0.1",
                (Shape::Plain, Encoding::Yaml),
            ),
            (
                "application/json;as=Other;v=v1,application/yaml",
                (Shape::Plain, Encoding::Yaml),
            ),
        ] {
            assert_eq!(negotiate(accept, Offer::ALL).unwrap(), expected, "{accept}");
        }
        assert_eq!(negotiate("text/html", Offer::ALL).unwrap_err().code, 406);
        // Where there are no rows, a table alone is nothing, and one among others is passed over.
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let without_rows = Offer {
            tables: false,
            ..Offer::ALL
        };
        assert_eq!(negotiate(table, without_rows).unwrap_err().code, 406);
        let plain = (Shape::Plain, Encoding::Json);
        let either = format!("{table}, application/json");
        assert_eq!(negotiate(&either, without_rows).unwrap(), plain);
    }

    #[test]
    fn a_custom_resource_has_only_its_metadata_in_protobuf() {
        let custom = Offer {
            protobuf: false,
            ..Offer::ALL
        };
        let alone = negotiate(protobuf::MEDIA_TYPE, custom);
        assert_eq!(alone.unwrap_err().code, 406);
        let either = format!("{}, application/json", protobuf::MEDIA_TYPE);
        let plain = (Shape::Plain, Encoding::Json);
        assert_eq!(negotiate(&either, custom).unwrap(), plain);
        let metadata =
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        let metadata = negotiate(metadata, custom).unwrap();
        assert_eq!(metadata, (Shape::Metadata, Encoding::Protobuf));
    }

    #[test]
    fn a_warning_is_quoted() {
        let header = warning_header("unknown field \"spec.nope\"").unwrap();
        assert_eq!(
            header.to_str().unwrap(),
            "299 - \"unknown field \\\"spec.nope\\\"\""
        );
    }
}
