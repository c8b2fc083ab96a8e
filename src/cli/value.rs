//! Values as they are typed: read here, refused with what was expected.

use std::{path::PathBuf, time::Duration};

use clap::builder::{PathBufValueParser, TypedValueParser};

use super::{ReportFormat, ReportTarget};
use crate::{api::ImageFormat, failure::Given};

/// A path. The content of a file in its place is refused: it would become the name of a folder, or be shown.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        let judged = Given::of(&path.to_string_lossy());
        match judged.objection() {
            None => Ok(path),
            Some(objection) => Err(format!("{objection}, not a path{}", way_out(judged))),
        }
    })
}

/// The name of something, for example of a context or a user.
///
/// # Errors
/// It cannot be a name.
pub fn name(text: &str) -> Result<String, String> {
    match Given::of(text).objection() {
        None => Ok(text.to_owned()),
        Some(objection) => Err(format!("{objection}, not a name")),
    }
}

/// A user, a group or a UID to act as. An empty one, of a variable that is not set, would take off whom the kubeconfig acts
/// as.
///
/// # Errors
/// It cannot be a name.
pub fn identity(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    name(text)
}

/// One of several names between commas. An empty one is a variable that was not set more often than a slip, and the command
/// would be done on fewer clusters than was meant.
///
/// # Errors
/// It cannot be a name.
pub fn listed_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => {
            Err("a name is empty: is there a comma too many, or a variable that is not set?".into())
        }
        text => name(text),
    }
}

/// Labels, as the API server takes them. An empty selector is every object, and a variable that was not set more often than
/// that.
///
/// # Errors
/// It is empty, or cannot be one.
pub fn label_selector(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty: is there a variable that is not set?".into()),
        text => name(text),
    }
}

/// How the text of a kubeconfig gets to where a path is expected.
fn way_out(judged: Given) -> &'static str {
    match judged {
        Given::Kubeconfig => "; write the text to a file, or give --kubeconfig <(COMMAND)",
        Given::Plausible | Given::Text | Given::Credential => "",
    }
}

/// A `FORMAT=PATH` as `--report` takes it.
///
/// # Errors
/// No format of that name, or no path.
pub fn report_target(text: &str) -> Result<ReportTarget, String> {
    let (format, path) = text.split_once('=').unwrap_or((text, ""));
    let format = ReportFormat::named(format).ok_or_else(|| {
        format!(
            "expected FORMAT=PATH, where FORMAT is one of {}",
            ReportFormat::names()
        )
    })?;
    if path.is_empty() {
        return Err("expected FORMAT=PATH, for example junit=r.xml".into());
    }
    if path == "-" {
        // stdout has the result already, in the format of --output.
        return Err(
            "a report goes to a file; for stdout give --output, for a file of that name ./-".into(),
        );
    }
    if let Some(objection) = Given::of(path).objection() {
        return Err(format!("{objection}, not a path"));
    }
    Ok(ReportTarget {
        format,
        path: path.into(),
    })
}

/// A boolean as Go's flag package reads it, because `--force=1` and `--force=TRUE` are habits that people bring along.
///
/// # Errors
/// Anything else.
pub fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

/// A disk image format by the name that the resource has for it.
///
/// # Errors
/// Anything else.
pub fn image_format(text: &str) -> Result<ImageFormat, String> {
    [ImageFormat::Raw, ImageFormat::Qcow2]
        .into_iter()
        .find(|format| format.to_string() == text)
        .ok_or_else(|| "expected raw or qcow2".to_owned())
}

/// A duration as Go writes it: `10m`, `1h30m`, `90s`, or a bare `0`.
///
/// # Errors
/// No unit, an unknown unit, a negative or an absurdly long time.
pub fn go_duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || "expected a duration such as 90s, 10m or 1h30m".to_owned();
    if text.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(parsed).map_err(|_| "must not be negative".to_owned())?;
    // Timers add it to "now"; a century is where that stays far from overflowing.
    if duration > Duration::from_secs(100 * 366 * 24 * 3600) {
        return Err("too long".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_a_path_nor_a_name_is_refused() {
        for text in ["apiVersion: v1", "one\ntwo", "\u{1b}[2J"] {
            assert!(name(text).is_err(), "{text:?}");
            assert!(report_target(&format!("json={text}")).is_err(), "{text:?}");
        }
        for text in ["production", "sha256~abc", "größer"] {
            assert_eq!(name(text).as_deref(), Ok(text));
            assert_eq!(identity(text).as_deref(), Ok(text));
        }
        assert!(identity("").is_err());
    }

    #[test]
    fn a_list_has_no_empty_names_and_stdout_is_no_file() {
        for (text, expected) in [
            (" b", Some("b")),
            ("two words ", Some("two words")),
            ("", None),
            (" ", None),
        ] {
            assert_eq!(listed_name(text).ok().as_deref(), expected, "{text:?}");
        }
        for (text, expected) in [(" rack=a ", Some("rack=a")), ("", None), (" ", None)] {
            assert_eq!(label_selector(text).ok().as_deref(), expected, "{text:?}");
        }
        for name in ["json", "wide", "markdown", "html"] {
            let target = report_target(&format!("{name}=r")).unwrap();
            assert_eq!(target.format.name(), name);
        }
        let wrong = report_target("pdf=r").unwrap_err();
        assert!(wrong.ends_with("junit, markdown, html"), "{wrong}");
        assert!(report_target("json=-").is_err());
        assert!(report_target("json=./-").is_ok());
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("10m", Some(600_000)),
            ("1h30m", Some(5_400_000)),
            ("90s", Some(90_000)),
            ("1.5s", Some(1_500)),
            ("250ms", Some(250)),
            ("", None),
            ("10", None),
            ("-1s", None),
            ("ten", None),
            ("10 m", None),
            ("99999999999999999999h", None),
            ("9000000h", None),
        ] {
            assert_eq!(
                go_duration(text).ok().map(|duration| duration.as_millis()),
                expected,
                "{text:?}"
            );
        }
    }
}
