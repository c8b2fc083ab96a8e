//! How Go's `fmt` and `strconv` write values, because the API server's messages are written with them.
//!
//! Used wherever a message quotes a value; it decides no wording itself.

use std::fmt::Write as _;

use serde_json::Value;

/// `%q`: a string in double quotes with Go's escapes.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `%q` of a list of strings: `["a" "b"]`.
#[must_use]
pub fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", quoted.join(" "))
}

/// `%v` of a float64: the shortest form, with an exponent where it is very large or very small.
#[must_use]
pub fn float(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || (1e-4..1e21).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// A value as `field.Error` writes it: strings quoted, numbers and booleans plain, everything else as JSON.
#[must_use]
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) => integer.to_string(),
            (None, Some(integer), _) => integer.to_string(),
            (None, None, Some(number)) => float(number),
            (None, None, None) => number.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// `%T`.
#[must_use]
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// `%v`: strings bare, lists as `[a b]`, objects as `map[k:v]`.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(plain).collect();
            format!("[{}]", elements.join(" "))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(name, member)| format!("{name}:{}", plain(member)))
                .collect();
            format!("map[{}]", members.join(" "))
        }
        Value::Bool(_) | Value::Number(_) => self::value(value),
    }
}

/// `%#v`: as it would stand in a Go program.
#[must_use]
pub fn syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(syntax).collect();
            format!("[]interface {{}}{{{}}}", elements.join(", "))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(name, member)| format!("{}:{}", quote(name), syntax(member)))
                .collect();
            format!("map[string]interface {{}}{{{}}}", members.join(", "))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => self::value(value),
    }
}

/// What an object says that it is, as `schema.GroupVersionKind` is shown: `apps/v1, Kind=Deployment`.
#[must_use]
pub fn kind_of(object: &Value) -> String {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let slash = if version.contains('/') { "" } else { "/" };
    format!("{slash}{version}, Kind={kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_written_like_go_writes_them() {
        for (given, written) in [
            (json!("a\"b\n"), r#""a\"b\n""#),
            (json!("\u{1}"), r#""\x01""#),
            (json!("grün"), r#""grün""#),
            (json!(9), "9"),
            (json!(1.5), "1.5"),
            (json!(2.0), "2"),
            (json!(1e21), "1e+21"),
            (json!(0.00001), "1e-05"),
            (json!(true), "true"),
            (json!(null), "null"),
            (json!({"a": [1]}), r#"{"a":[1]}"#),
        ] {
            assert_eq!(value(&given), written, "{given}");
        }
    }

    #[test]
    fn values_are_printed_like_go_prints_them() {
        let given = json!({"a": ["x", 1, null], "b": {"c": true}});
        assert_eq!(plain(&given), "map[a:[x 1 <nil>] b:map[c:true]]");
        assert_eq!(
            syntax(&given),
            r#"map[string]interface {}{"a":[]interface {}{"x", 1, interface {}(nil)}, "b":map[string]interface {}{"c":true}}"#
        );
    }
}
