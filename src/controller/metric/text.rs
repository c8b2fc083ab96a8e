//! Prometheus's text format, version 0.0.4, written exactly: what it says about escaping, order and histograms.

use std::fmt::Write;

use super::{BUCKETS, Family, FamilyKind, Sample, Samples};

/// What the format calls itself.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every family that has samples, with its help and type. (Writing to a String cannot fail.)
pub(super) fn write(catalogue: &[&Family], samples: &Samples) -> String {
    let mut text = String::new();
    for family in catalogue {
        let mut mine = samples
            .iter()
            .filter(|((name, _), _)| *name == family.name)
            .peekable();
        if mine.peek().is_none() {
            continue;
        }
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(
            text,
            "# HELP {} {help}\n# TYPE {} {kind}",
            family.name, family.name
        );
        for ((name, values), sample) in mine {
            let labels: Vec<(&str, &str)> = family
                .labels
                .iter()
                .copied()
                .zip(values.iter().map(String::as_str))
                .collect();
            match sample {
                Sample::Value(value) => line(&mut text, name, &labels, *value),
                Sample::Durations {
                    buckets,
                    count,
                    sum,
                } => histogram(&mut text, name, buckets, *count, *sum),
            }
        }
    }
    text
}

/// Buckets are cumulative, and the last one holds everything.
#[allow(
    clippy::cast_precision_loss,
    reason = "the format counts in floating point"
)]
fn histogram(text: &mut String, name: &str, buckets: &[u64], count: u64, sum: f64) {
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (bound, number) in BUCKETS.iter().zip(buckets) {
        below += number;
        line(text, &bucket, &[("le", &bound.to_string())], below as f64);
    }
    line(text, &bucket, &[("le", "+Inf")], count as f64);
    line(text, &format!("{name}_sum"), &[], sum);
    line(text, &format!("{name}_count"), &[], count as f64);
}

fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    text.push_str(name);
    for (at, (label, value)) in labels.iter().enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(text, "{before}{label}=\"{value}\"");
    }
    if !labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{BUILD_INFO, Metrics, RECONCILE_SECONDS};

    #[test]
    fn the_format_to_the_letter() {
        let metrics = Metrics::default();
        metrics.set(&BUILD_INFO, &["a \"b\" \\ c\nd"], 1.0);
        metrics.observe(&RECONCILE_SECONDS, Duration::from_millis(50));
        metrics.observe(&RECONCILE_SECONDS, Duration::from_millis(700));
        metrics.observe(&RECONCILE_SECONDS, Duration::from_secs(1000));
        let expected = r#"# HELP vmruntime_build_info Always 1; the label says which release runs.
# TYPE vmruntime_build_info gauge
vmruntime_build_info{version="a \"b\" \\ c\nd"} 1
# HELP vmruntime_reconcile_duration_seconds How long rounds took.
# TYPE vmruntime_reconcile_duration_seconds histogram
vmruntime_reconcile_duration_seconds_bucket{le="0.01"} 0
vmruntime_reconcile_duration_seconds_bucket{le="0.05"} 1
vmruntime_reconcile_duration_seconds_bucket{le="0.1"} 1
vmruntime_reconcile_duration_seconds_bucket{le="0.5"} 1
vmruntime_reconcile_duration_seconds_bucket{le="1"} 2
vmruntime_reconcile_duration_seconds_bucket{le="5"} 2
vmruntime_reconcile_duration_seconds_bucket{le="30"} 2
vmruntime_reconcile_duration_seconds_bucket{le="60"} 2
vmruntime_reconcile_duration_seconds_bucket{le="120"} 2
vmruntime_reconcile_duration_seconds_bucket{le="480"} 2
vmruntime_reconcile_duration_seconds_bucket{le="+Inf"} 3
vmruntime_reconcile_duration_seconds_sum 1000.75
vmruntime_reconcile_duration_seconds_count 3
"#;
        assert_eq!(metrics.text(), expected);
    }

    #[test]
    fn nothing_counted_is_nothing_said() {
        assert_eq!(Metrics::default().text(), "");
    }
}
