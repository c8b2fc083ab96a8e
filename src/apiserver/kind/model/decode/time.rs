//! Times, as Go reads and writes them.

use jiff::Timestamp;
use serde_json::Value;

use super::no_text;
use crate::object::go_format;

/// A time in UTC, in whole seconds.
pub fn time(value: &mut Value) -> Result<(), String> {
    const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
    let text = value.as_str().ok_or_else(|| no_text(value))?;
    if text.is_empty() {
        return Ok(());
    }
    let Ok(time) = text.parse::<Timestamp>() else {
        return Err(no_time(text, LAYOUT, text, "2006"));
    };
    *value = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    Ok(())
}

/// A time in UTC with its millionths, which have to be written.
pub fn micro_time(value: &mut Value) -> Result<(), String> {
    const LAYOUT: &str = "2006-01-02T15:04:05.000000Z07:00";
    const SECONDS: usize = "2006-01-02T15:04:05".len();
    const DIGITS: usize = 6;
    let text = value.as_str().ok_or_else(|| no_text(value))?;
    if text.is_empty() {
        return Ok(());
    }
    let Ok(time) = text.parse::<Timestamp>() else {
        return Err(no_time(text, LAYOUT, text, "2006"));
    };
    let rest = text.get(SECONDS..).unwrap_or_default();
    let fraction = rest.strip_prefix('.').unwrap_or_default();
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if digits < DIGITS {
        return Err(no_time(text, LAYOUT, rest, ".000000"));
    }
    if digits > DIGITS {
        return Err(no_time(text, LAYOUT, &fraction[DIGITS..], "Z07:00"));
    }
    *value = time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into();
    Ok(())
}

fn no_time(text: &str, layout: &str, rest: &str, wanted: &str) -> String {
    let (text, rest) = (go_format::quote(text), go_format::quote(rest));
    format!("parsing time {text} as {layout:?}: cannot parse {rest} as {wanted:?}")
}
