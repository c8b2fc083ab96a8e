//! Takes credentials out of text that should not have any: messages, reasons, images may quote what somebody typed.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// What stands where a credential was.
const HIDDEN: &str = "[redacted]";

/// What credentials look like, each with what is left of it.
static PATTERNS: LazyLock<Vec<(Regex, String)>> = LazyLock::new(|| {
    [
        // PEM blocks, whole or cut off.
        (r"(?s)-----BEGIN [A-Z ]+-----.*?(-----END [A-Z ]+-----|\z)", HIDDEN.to_owned()),
        // User information of a URL.
        (r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]+@", format!("${{1}}{HIDDEN}@")),
        // JSON Web Tokens, among them those of service accounts.
        (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?", HIDDEN.to_owned()),
        (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/._~=-]{6,}", format!("${{1}} {HIDDEN}")),
        (
            r#"(?i)\b([a-z_-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key)"?\s*[=:]\s*"?)[^\s"',;&]+"#,
            format!("${{1}}{HIDDEN}"),
        ),
    ]
    .into_iter()
    .filter_map(|(pattern, left)| Some((Regex::new(pattern).ok()?, left)))
    .collect()
});

/// The text without credentials, if there were any in it.
#[must_use]
pub fn text(text: &str) -> Option<String> {
    let mut clean = text.to_owned();
    for (pattern, left) in PATTERNS.iter() {
        clean = pattern.replace_all(&clean, left.as_str()).into_owned();
    }
    (clean != text).then_some(clean)
}

/// Takes them out of every string of a value, and says out of how many.
pub fn value(value: &mut Value) -> usize {
    match value {
        Value::String(string) => match text(string) {
            Some(clean) => {
                *string = clean;
                1
            }
            None => 0,
        },
        Value::Array(items) => items.iter_mut().map(self::value).sum(),
        Value::Object(fields) => fields.values_mut().map(self::value).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_go_and_words_stay() {
        for (before, after) in [
            (
                "pull https://eve:hunter2@registry/x failed",
                "pull https://[redacted]@registry/x failed",
            ),
            (
                "Authorization: Bearer abcdef123456",
                "Authorization: Bearer [redacted]",
            ),
            ("token=hunter22", "token=[redacted]"),
            (
                "client_secret: \"hunter2\", x",
                "client_secret: \"[redacted]\", x",
            ),
            (
                "{\"password\":\"hunter2\"}",
                "{\"password\":\"[redacted]\"}",
            ),
            (
                "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
                "[redacted]",
            ),
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nb",
                "a\n[redacted]\nb",
            ),
            ("-----BEGIN PRIVATE KEY-----\nabc", "[redacted]"),
        ] {
            assert_eq!(text(before).as_deref(), Some(after));
            assert_eq!(text(after), None, "what is left is no credential");
        }
        for harmless in [
            "ls: /mnt/dev/kvm: No such file or directory",
            "https://10.0.0.1:6443/healthz",
            "bearer of bad news",
            "tokens are rotated",
            "registry.example/bmctl:0.1.0@sha256:abc",
        ] {
            assert_eq!(text(harmless), None);
        }
    }

    #[test]
    fn every_pattern_is_one_and_every_string_is_looked_at() {
        assert_eq!(PATTERNS.len(), 5);
        let mut found = json!({"a": ["token=abc123", {"b": "token: abc123"}], "c": 1, "d": "x"});
        assert_eq!(value(&mut found), 2);
        assert!(!found.to_string().contains("abc123"), "{found}");
    }
}
