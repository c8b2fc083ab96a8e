//! When a server that cannot answer now wants to be asked again. It says so in a header, which kube throws away, or in
//! the Status that it sends; here the one is written into the other.

use bytes::Bytes;
use http::{StatusCode, header::RETRY_AFTER, response::Parts};
use serde_json::{Map, Value, json};

/// The body, with what the header says in it.
pub(super) fn noted(head: &Parts, body: Bytes) -> Bytes {
    let busy = head.status == StatusCode::TOO_MANY_REQUESTS || head.status.is_server_error();
    let header = head.headers.get(RETRY_AFTER).filter(|_| busy);
    let seconds = header
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse::<u32>().ok());
    let Some(seconds) = seconds else {
        return body;
    };
    // Priority and Fairness answers in plain text, and so does whatever stands before an API server.
    let status = serde_json::from_slice(&body)
        .ok()
        .filter(|status: &Value| status["kind"] == "Status");
    let mut status = status.unwrap_or_else(|| {
        json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "code": head.status.as_u16(), "reason": "",
            "message": String::from_utf8_lossy(&body).trim(),
        })
    });
    if !status["details"].is_object() {
        status["details"] = Value::Object(Map::new());
    }
    if status["details"]["retryAfterSeconds"].is_null() {
        status["details"]["retryAfterSeconds"] = seconds.into();
    }
    status.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(code: u16, header: Option<&str>, body: &str) -> (Value, Value) {
        let mut answer = http::Response::builder().status(code);
        if let Some(header) = header {
            answer = answer.header(RETRY_AFTER, header);
        }
        let (head, ()) = answer.body(()).unwrap().into_parts();
        let noted = noted(&head, Bytes::copy_from_slice(body.as_bytes()));
        let status: Value = serde_json::from_slice(&noted).unwrap_or_default();
        (
            status["details"]["retryAfterSeconds"].clone(),
            status["message"].clone(),
        )
    }

    #[test]
    fn the_header_is_what_the_status_says() {
        let status = r#"{"kind": "Status", "message": "busy", "code": 429}"#;
        let own = r#"{"kind": "Status", "message": "busy", "code": 429, "details": {"retryAfterSeconds": 3}}"#;
        for (code, header, body, expected) in [
            (429, Some("7"), status, (json!(7), json!("busy"))),
            (429, Some("7"), own, (json!(3), json!("busy"))),
            (
                429,
                Some("1"),
                "Too many requests, please try again later.\n",
                (
                    json!(1),
                    json!("Too many requests, please try again later."),
                ),
            ),
            (503, Some("2"), "", (json!(2), json!(""))),
            (
                503,
                Some("Wed, 21 Oct 2026 07:28:00 GMT"),
                status,
                (json!(null), json!("busy")),
            ),
            (429, None, status, (json!(null), json!("busy"))),
            (200, Some("7"), status, (json!(null), json!("busy"))),
        ] {
            assert_eq!(
                seconds(code, header, body),
                expected,
                "{code} {header:?} {body}"
            );
        }
    }
}
