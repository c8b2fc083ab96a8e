//! Answers of 400 and above. kube believes the code and the reason that stand in the body, whoever wrote it: here they
//! are held against the HTTP status code and against what was asked for. Pure.

use http::Method;
use kube::core::response::reason;
use serde_json::{Map, Value, json};

use super::{
    document::{Status, StatusDetails},
    question::{Address, Collection, Question},
};
use crate::failure::{UnexpectedAnswer, is_text_of_not_served};

/// Reasons that something is decided by, and the code that each comes with.
const DECISIVE: [(&str, u16); 6] = [
    (reason::UNAUTHORIZED, 401),
    (reason::FORBIDDEN, 403),
    (reason::NOT_FOUND, 404),
    (reason::ALREADY_EXISTS, 409),
    (reason::CONFLICT, 409),
    (reason::EXPIRED, 410),
];

/// The body as kube is to read it; `None`: as it is.
pub(super) fn check(
    asked: &Question,
    code: u16,
    body: &[u8],
) -> Result<Option<Vec<u8>>, UnexpectedAnswer> {
    let status = Status::read(body);
    match (code, &asked.address) {
        (_, Address::Other) => {}
        (404, _) => not_found(asked, status.as_ref(), body)?,
        (409, Address::Collection(collection)) if asked.method == Method::POST => {
            let sent = asked.sent.metadata.name.as_deref().unwrap_or_default();
            let exists = status
                .as_ref()
                .filter(|status| status.reason == reason::ALREADY_EXISTS);
            if exists.is_some_and(|status| !names(status, collection, sent)) {
                return Err(of_another(collection, sent, "exists already", body));
            }
        }
        _ => {}
    }
    let truthful = status.is_none_or(|status| status.code == code && fits(&status.reason, code));
    let document = serde_json::from_slice(body).ok();
    let document = document.filter(|found: &Value| found["kind"] != "Status" || !truthful);
    Ok(document.map(|found| rewritten(code, &found)))
}

fn fits(reason: &str, code: u16) -> bool {
    let decisive = DECISIVE.iter().find(|(known, _)| *known == reason);
    decisive.is_none_or(|(_, of)| *of == code)
}

/// What a body says that is no Status, or one of another code: nothing that anything may be decided by.
fn rewritten(code: u16, found: &Value) -> Vec<u8> {
    let mut status = Map::new();
    status.insert("kind".to_owned(), json!("Status"));
    status.insert("apiVersion".to_owned(), json!("v1"));
    status.insert("status".to_owned(), json!("Failure"));
    status.insert("code".to_owned(), json!(code));
    if let Some(message) = found["message"].as_str() {
        status.insert("message".to_owned(), json!(message));
    }
    let seconds = &found["details"]["retryAfterSeconds"];
    if seconds.is_u64() {
        status.insert("details".to_owned(), json!({"retryAfterSeconds": seconds}));
    }
    Value::Object(status).to_string().into_bytes()
}

/// A 404 is either about a path that is not served, in the API server's two wordings, or about the object that was asked
/// for. Anything else comes from somebody who does not know.
fn not_found(
    asked: &Question,
    status: Option<&Status>,
    body: &[u8],
) -> Result<(), UnexpectedAnswer> {
    let text = String::from_utf8_lossy(body);
    let text = status.map_or(&*text, |status| &status.message);
    if is_text_of_not_served(text) {
        return Ok(());
    }
    let Some(status) = status else {
        return Err(UnexpectedAnswer::new(
            "an answer of the API server",
            "HTTP status 404 from something else",
        ));
    };
    match &asked.address {
        Address::Object(collection, name)
            if matches!(asked.method, Method::GET | Method::DELETE)
                && !(status.reason == reason::NOT_FOUND && names(status, collection, name)) =>
        {
            Err(of_another(collection, name, "was not found", body))
        }
        Address::Object(..)
        | Address::Groups
        | Address::Group(_)
        | Address::Resources(_)
        | Address::Collection(_)
        | Address::Other => Ok(()),
    }
}

/// Is it that object which the Status is about? An API server names it by its plural.
fn names(status: &Status, collection: &Collection, name: &str) -> bool {
    let Some(StatusDetails {
        name: named,
        group,
        kind,
    }) = &status.details
    else {
        return false;
    };
    named == name && *group == collection.group && *kind == collection.plural
}

fn of_another(collection: &Collection, name: &str, what: &str, body: &[u8]) -> UnexpectedAnswer {
    let message = Status::read(body).unwrap_or_default().message;
    UnexpectedAnswer::new(
        format!("that {} {name:?} {what}", collection.plural),
        format!("a Status that does not name it: {message}"),
    )
}
