//! `format`: which formats the API server enforces, and what it accepts for each (k8s.io/kube-openapi `strfmt`).

use std::{net::IpAddr, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

use super::Node;

/// The format of a node as far as the API server enforces it: empty for unknown ones and on other types.
pub(super) fn of(node: &Node) -> &str {
    let enforced = match node.kind.as_str() {
        _ if node.int_or_string => false,
        "" | "string" => is_string_format(&normalized(&node.format)),
        "integer" => matches!(node.format.as_str(), "int32" | "int64"),
        "number" => matches!(node.format.as_str(), "float" | "double"),
        _ => false,
    };
    if enforced { &node.format } else { "" }
}

/// Is it a format of strings?
pub(super) fn is_known(node: &Node) -> bool {
    is_string_format(&normalized(of(node)))
}

fn normalized(format: &str) -> String {
    format.replace('-', "")
}

fn is_string_format(format: &str) -> bool {
    matches!(
        format,
        "bsonobjectid"
            | "uri"
            | "email"
            | "hostname"
            | "ipv4"
            | "ipv6"
            | "cidr"
            | "mac"
            | "uuid"
            | "uuid3"
            | "uuid4"
            | "uuid5"
            | "isbn"
            | "isbn10"
            | "isbn13"
            | "creditcard"
            | "ssn"
            | "hexcolor"
            | "rgbcolor"
            | "byte"
            | "password"
            | "date"
            | "duration"
            | "datetime"
            | "k8sshortname"
            | "k8slongname"
    )
}

/// Is the text of the node's format?
pub(super) fn is_valid(node: &Node, text: &str) -> bool {
    match normalized(&node.format).as_str() {
        "bsonobjectid" => matches(&BSON_OBJECT_ID, text),
        "uri" => is_request_uri(text),
        "email" => matches(&EMAIL, text),
        "hostname" => text.len() <= 255 && matches(&HOSTNAME, text),
        "ipv4" => matches!(text.parse(), Ok(IpAddr::V4(_))),
        "ipv6" => matches!(text.parse(), Ok(IpAddr::V6(_))),
        "cidr" => is_cidr(text),
        "mac" => matches(&MAC, text),
        "uuid" => matches(&UUID, text),
        "uuid3" => matches(&UUID3, text),
        "uuid4" => matches(&UUID4, text),
        "uuid5" => matches(&UUID5, text),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "creditcard" => is_credit_card(text),
        "ssn" => matches(&SSN, text),
        "hexcolor" => matches(&HEX_COLOR, text),
        "rgbcolor" => matches(&RGB_COLOR, text),
        "byte" => matches(&BASE64, text),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "duration" => is_duration(text),
        "datetime" => is_date_time(text),
        "k8sshortname" => text.len() <= 63 && matches(&SHORT_NAME, text),
        "k8slongname" => text.len() <= 253 && matches(&LONG_NAME, text),
        // `password` is any text, and so is every format that is not enforced.
        _ => true,
    }
}

/// What is wrong with a number's size, for its type and format.
pub(super) fn check_range(node: &Node, value: &Value, path: &str) -> Option<String> {
    let format = of(node);
    #[allow(clippy::cast_possible_truncation)]
    // a float beyond the range of float32 becomes infinite
    let fits = match (node.kind.as_str(), format) {
        ("integer", "int32") => {
            as_integer(value).is_some_and(|integer| i32::try_from(integer).is_ok())
        }
        ("integer", _) => as_integer(value).is_some(),
        ("number", "float") => value
            .as_f64()
            .is_some_and(|number| (number as f32).is_finite()),
        _ => true,
    };
    if fits {
        return None;
    }
    let kind = &node.kind;
    Some(if format.is_empty() {
        format!("Checked value must be of type {kind} (default format) in {path}")
    } else {
        format!("Checked value must be of type {kind} with format {format} in {path}")
    })
}

fn as_integer(value: &Value) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)] // bounded by the condition
    let whole =
        |number: f64| (number.fract() == 0.0 && number.abs() < 9.2e18).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(whole))
}

fn matches(pattern: &LazyLock<Regex>, text: &str) -> bool {
    pattern.is_match(text)
}

macro_rules! patterns {
    ($($name:ident = $pattern:expr;)*) => {
        $(static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("a pattern of our own"));)*
    };
}

patterns! {
    BSON_OBJECT_ID = "^[0-9a-fA-F]{24}$";
    EMAIL = r"^(?:[^<>]*<)?[^\s@<>,;:]+@[^\s@<>,;:]+>?$";
    HOSTNAME = r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$";
    MAC = "^(?i)(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}[:-]){4}[0-9a-f]{2}(?:(?:[:-][0-9a-f]{2}){2}|(?:[:-][0-9a-f]{2}){14})?|(?:[0-9a-f]{4}[.]){2}[0-9a-f]{4}(?:[.][0-9a-f]{4})?)$";
    UUID = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    UUID3 = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    UUID4 = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$";
    UUID5 = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$";
    CREDIT_CARD = r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$";
    SSN = r"^\d{3}[- ]?\d{2}[- ]?\d{4}$";
    HEX_COLOR = "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$";
    RGB_COLOR = r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$";
    BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$";
    SHORT_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    LONG_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    TIME = r"^([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$";
    GO_DURATION = r"^[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$";
    SCALA_DURATION = r"(?i)\d+\s*(ns|nano\w*|us|µs|micro\w*|ms|milli\w*|s|sec\w*|m|min\w*|h|hr|hour\w*|d|day\w*|w|wk|week\w*)([^A-Za-zµ]|$)";
}

fn is_date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let Some((date, time)) = lower.split_once('t') else {
        return false;
    };
    let date_is_valid = date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok();
    let time_is_valid = TIME.captures(time).is_some_and(|parts| {
        let within =
            |part: usize, most: &str| parts.get(part).is_some_and(|part| part.as_str() <= most);
        within(1, "23") && within(2, "59") && within(3, "59")
    });
    date_is_valid && time_is_valid
}

fn is_duration(text: &str) -> bool {
    GO_DURATION.is_match(text) || SCALA_DURATION.is_match(text)
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.bytes().all(|digit| digit.is_ascii_digit())
        && length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// An absolute URI or an absolute path, as Go's `url.ParseRequestURI` accepts.
fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return false;
    }
    let has_scheme = text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    text.starts_with('/') || has_scheme
}

fn digits(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '-')).collect()
}

fn is_isbn10(text: &str) -> bool {
    let text = digits(text);
    let well_formed = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, c)| c.is_ascii_digit() || (at == 9 && c == b'X'));
    let sum: usize = text
        .bytes()
        .enumerate()
        .map(|(at, c)| {
            (at + 1)
                * if c == b'X' {
                    10
                } else {
                    usize::from(c.wrapping_sub(b'0'))
                }
        })
        .sum();
    well_formed && sum.is_multiple_of(11)
}

fn is_isbn13(text: &str) -> bool {
    let text = digits(text);
    let well_formed = text.len() == 13 && text.bytes().all(|c| c.is_ascii_digit());
    let sum: usize = text
        .bytes()
        .enumerate()
        .map(|(at, c)| usize::from(c.wrapping_sub(b'0')) * if at % 2 == 0 { 1 } else { 3 })
        .sum();
    well_formed && sum.is_multiple_of(10)
}

/// A known issuer's number that passes the Luhn check.
fn is_credit_card(text: &str) -> bool {
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(
            |(at, c)| match u32::from(c - b'0') * if at % 2 == 0 { 1 } else { 2 } {
                digit if digit > 9 => digit - 9,
                digit => digit,
            },
        )
        .sum();
    CREDIT_CARD.is_match(&number) && sum.is_multiple_of(10)
}
