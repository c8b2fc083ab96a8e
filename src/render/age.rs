//! Times as kubectl writes them.

use std::{fmt::Write, time::Duration};

/// The age of an object as `kubectl get` shows it: two units while they matter, then one.
///
/// Source: `k8s.io/apimachinery/pkg/util/duration.HumanDuration`.
#[must_use]
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{large}{unit}")
        } else {
            format!("{large}{unit}{small}{small_unit}")
        }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 2 * 365 => format!("{days}d"),
        () if days < 8 * 365 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

/// How long something took or may take: `850ms`, `12s`, `1m30s`, `10m`, `1h5m`.
#[must_use]
pub fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        return format!("{}ms", span.as_millis());
    }
    let seconds = span.as_secs();
    let mut text = String::new();
    for (amount, unit) in [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ] {
        if amount > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{amount}{unit}");
        }
    }
    text
}

/// How long it was from one time of Kubernetes to another: those have whole seconds.
#[must_use]
pub fn between_times(span: Duration) -> String {
    if span.is_zero() {
        "<1s".to_owned()
    } else {
        self::span(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_look_like_kubectls() {
        for (seconds, expected) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (309, "5m9s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (86_400, "24h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (86_400 * 30, "30d"),
            (86_400 * 800, "2y70d"),
            (86_400 * 4000, "10y"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn spans_are_what_one_would_type() {
        for (millis, expected) in [
            (0, "0ms"),
            (850, "850ms"),
            (12_300, "12s"),
            (90_000, "1m30s"),
            (600_000, "10m"),
            (3_900_000, "1h5m"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), expected);
        }
    }
}
