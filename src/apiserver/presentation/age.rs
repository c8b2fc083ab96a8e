//! Times as people read them in tables (k8s.io/apimachinery `pkg/util/duration`).

use jiff::Timestamp;
use serde_json::Value;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How long ago a recorded time was: `5m9s`; `<unknown>` without one, `<invalid>` for text that is no time.
#[must_use]
pub fn since(time: Option<&Value>, now: Timestamp) -> String {
    match time {
        None | Some(Value::Null) => "<unknown>".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "<unknown>".to_owned(),
        Some(Value::String(text)) => text.parse().map_or_else(
            |_| "<invalid>".to_owned(),
            |time: Timestamp| between(time, now),
        ),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            "<invalid>".to_owned()
        }
    }
}

/// The time between two moments with two or three significant figures.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> String {
    human(to.duration_since(from).as_secs())
}

/// A time that so many seconds take.
#[must_use]
pub fn human(seconds: i64) -> String {
    let pair = |large: i64, unit: char, small: i64, small_unit: char| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    match seconds {
        // Clocks may differ a little.
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => pair(seconds / MINUTE, 'm', seconds % MINUTE, 's'),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => pair(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => pair(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => pair(seconds / YEAR, 'y', seconds % YEAR / DAY, 'd'),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ages_are_short() {
        for (seconds, age) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (309, "5m9s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (4 * HOUR + 5 * MINUTE, "4h5m"),
            (9 * HOUR, "9h"),
            (2 * DAY, "2d"),
            (3 * DAY + 2 * HOUR, "3d2h"),
            (30 * DAY, "30d"),
            (2 * YEAR + 3 * DAY, "2y3d"),
            (9 * YEAR, "9y"),
        ] {
            assert_eq!(human(seconds), age, "{seconds}");
        }
    }

    #[test]
    fn times_that_are_none_are_said_so() {
        let now = "2024-01-01T00:10:00Z".parse().unwrap();
        for (time, age) in [
            (json!("2024-01-01T00:00:00Z"), "10m"),
            (json!("soon"), "<invalid>"),
            (json!(null), "<unknown>"),
            (json!(""), "<unknown>"),
        ] {
            assert_eq!(since(Some(&time), now), age);
        }
        assert_eq!(since(None, now), "<unknown>");
    }
}
