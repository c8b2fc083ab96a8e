//! `/sandbox/…`: what the server's owner may ask of it, and nobody else, whatever roles they have been given.
//!
//! ```text
//! GET    /sandbox/faults         the faults, how many requests each was for, and how many it has hit
//! POST   /sandbox/faults         arms a fault or a list of them (YAML or JSON)
//! DELETE /sandbox/faults[/NAME]  disarms
//! POST   /sandbox/restart        the API server goes away and comes back
//! ```

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{Fault, Faults, a_second};
use crate::{
    access::{authorization, identity::Identity},
    presentation::answer::{self, Answer, Body, Wanted},
    status_error::StatusError,
};

const ROOT: &str = "/sandbox/";
/// Whoever impersonates is not the owner for as long as that request lasts.
const IMPERSONATION: &str = "impersonate-";

/// The answer, if the request is for us.
pub fn answer(
    faults: &Faults,
    user: &Identity,
    request: &Request<Bytes>,
) -> Option<Response<Body>> {
    let rest = request.uri().path().strip_prefix(ROOT)?;
    let impersonates = request
        .headers()
        .keys()
        .any(|name| name.as_str().starts_with(IMPERSONATION));
    if *user != Identity::owner() || impersonates {
        let asked = authorization::of_request(user, request);
        let why = "only the owner of the sandbox may";
        return Some(answer::refuse(&authorization::forbidden(&asked, why)));
    }
    let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    let answered = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["faults"]) => Ok(listed(faults)),
        (&Method::POST, ["faults"]) => arm(faults, request.body()),
        (&Method::DELETE, ["faults"]) => {
            faults.lock().clear();
            Ok(listed(faults))
        }
        (&Method::DELETE, ["faults", name]) => disarm(faults, name),
        (&Method::POST, ["restart"]) => {
            faults.restart(a_second().into());
            Ok(done("the API server goes away and comes back in a second"))
        }
        (_, ["faults" | "restart"] | ["faults", _]) => Err(StatusError::method_not_allowed()),
        _ => Err(StatusError::no_such_path()),
    };
    Some(match answered {
        Ok(document) => {
            let code = StatusCode::OK.as_u16();
            answer::respond(Answer::Document { code, document }, Wanted::default(), &[])
        }
        Err(error) => answer::refuse(&error),
    })
}

fn listed(faults: &Faults) -> Value {
    let each = faults.lock();
    let each = each
        .iter()
        .map(|armed| json!({"fault": armed.fault, "seen": armed.seen, "hits": armed.hits}));
    json!({"faults": each.collect::<Vec<_>>()})
}

fn arm(faults: &Faults, body: &Bytes) -> Result<Value, StatusError> {
    /// One of them, or several.
    #[derive(serde::Deserialize)]
    struct Several {
        faults: Vec<Fault>,
    }
    let text =
        std::str::from_utf8(body).map_err(|error| StatusError::bad_request(error.to_string()))?;
    let wrong = |error: &dyn std::fmt::Display| StatusError::bad_request(error.to_string());
    let given: Value = serde_saphyr::from_str(text).map_err(|error| wrong(&error))?;
    // Read again from the text, so that the message tells the line.
    let given = if given.get("faults").is_some() {
        serde_saphyr::from_str::<Several>(text).map(|several| several.faults)
    } else if given.is_array() {
        serde_saphyr::from_str(text)
    } else {
        serde_saphyr::from_str(text).map(|fault| vec![fault])
    };
    let given: Vec<Fault> = given.map_err(|error| wrong(&error))?;
    if let Some(objection) = given.iter().find_map(Fault::objection) {
        return Err(StatusError::bad_request(objection));
    }
    for fault in given {
        faults.arm(fault).map_err(StatusError::bad_request)?;
    }
    Ok(listed(faults))
}

fn disarm(faults: &Faults, name: &str) -> Result<Value, StatusError> {
    let mut armed = faults.lock();
    let before = armed.len();
    armed.retain(|one| one.fault.name != name);
    if armed.len() == before {
        return Err(StatusError::other(
            404,
            "NotFound",
            format!("faults {name:?} not found"),
        ));
    }
    Ok(done("disarmed"))
}

fn done(message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "message": message, "code": 200,
    })
}
