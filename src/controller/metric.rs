//! What the controller counts, as a table, and the numbers themselves. Everything that a dashboard or an alert may name
//! stands in [`CATALOGUE`]; a test compares.
//!
//! Label values are few and our own: nothing from a cluster becomes one.

mod text;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub(super) use text::CONTENT_TYPE;

/// One metric, with its samples by label.
#[derive(Debug)]
pub struct Family {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: FamilyKind,
    pub labels: &'static [&'static str],
}

/// What may be done with a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only ever grows.
    Counter,
    Gauge,
    /// Of seconds, over [`BUCKETS`].
    Histogram,
}

/// Upper bounds of the buckets of a histogram, in seconds.
pub const BUCKETS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 120.0, 480.0];

const fn family(
    kind: FamilyKind,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family {
        name,
        help,
        kind,
        labels,
    }
}

use FamilyKind::{Counter, Gauge, Histogram};

macro_rules! catalogue {
    ($($constant:ident = $kind:expr, $name:literal, $labels:expr, $help:literal;)*) => {
        $(pub static $constant: Family = family($kind, $name, &$labels, $help);)*
        /// Every metric, by name.
        pub static CATALOGUE: &[&Family] = &[$(&$constant),*];
    };
}

catalogue! {
    BUILD_INFO = Gauge, "vmruntime_build_info", ["version"], "Always 1; the label says which release runs.";
    LEADER = Gauge, "vmruntime_leader", [], "1 if this controller leads.";
    START_TIME = Gauge, "process_start_time_seconds", [], "When the process started, in seconds since 1970.";
    MEMORY = Gauge, "process_resident_memory_bytes", [], "Memory of the process.";
    API_REQUESTS = Counter, "vmruntime_api_requests_total", ["method", "code"], "Requests to the API server; code is none where no answer came.";
    RECONCILES = Counter, "vmruntime_reconcile_total", ["result"], "Rounds of the controller, by how they ended: done, conflict or failed.";
    RECONCILE_SECONDS = Histogram, "vmruntime_reconcile_duration_seconds", [], "How long rounds took.";
    STEPS = Counter, "vmruntime_steps_total", ["step"], "Steps that were performed.";
    REPAIRS = Counter, "vmruntime_repairs_total", ["object"], "Changes of somebody else that were put right: KubeVirt, CDI, AdmissionPolicy, ClusterRole, EngineManifests.";
    ENABLED = Gauge, "vmruntime_enabled", [], "1 if VM Runtime is wanted.";
    PHASE = Gauge, "vmruntime_phase", ["phase"], "1 for the phase that VM Runtime is in.";
    CONDITION = Gauge, "vmruntime_condition", ["type"], "1 for a condition that is True, 0 for one that is not.";
    VIRTUAL_MACHINES = Gauge, "vmruntime_virtual_machines", [], "VMs in the cluster. Absent while it is unknown.";
    STUCK_OBJECTS = Gauge, "vmruntime_stuck_objects", [], "VMs whose deletion has taken longer than a minute. Absent while it is unknown.";
    CHECKS = Counter, "vmruntime_preflight_checks_total", ["result"], "Preflight checks that have finished: passed, failed, incomplete (nothing failed, but a node could not be verified, or none was), inconsistent.";
    CHECK_SECONDS = Histogram, "vmruntime_preflight_check_duration_seconds", [], "How long preflight checks took.";
    CHECK_NODES = Gauge, "vmruntime_preflight_nodes", ["state"], "Nodes in the last finished preflight check: passed, failed, unknown.";
    CHECK_PODS = Gauge, "vmruntime_preflight_pods", [], "Probe pods that are under way.";
    PODS_REFUSED = Counter, "vmruntime_preflight_pods_refused_total", [], "Probe pods that the API server would not have.";
}

/// The numbers.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Samples>);

type Samples = BTreeMap<(&'static str, Vec<String>), Sample>;

#[derive(Clone, Debug, PartialEq)]
enum Sample {
    Value(f64),
    Durations {
        /// Not cumulative: each duration is in one bucket.
        buckets: [u64; BUCKETS.len()],
        count: u64,
        sum: f64,
    },
}

impl Metrics {
    /// Counts.
    pub(super) fn add(&self, family: &Family, labels: &[&str], amount: f64) {
        self.change(family, labels, |value| value + amount);
    }

    /// Says how something is now.
    pub(super) fn set(&self, family: &Family, labels: &[&str], value: f64) {
        self.change(family, labels, |_| value);
    }

    /// Says nothing about it any more.
    pub(super) fn forget(&self, family: &Family) {
        self.samples(|samples| samples.retain(|(name, _), _| *name != family.name));
    }

    /// Takes a duration in.
    pub(super) fn observe(&self, family: &Family, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.samples(|samples| {
            let sample = samples
                .entry((family.name, Vec::new()))
                .or_insert(Sample::Durations {
                    buckets: [0; BUCKETS.len()],
                    count: 0,
                    sum: 0.0,
                });
            if let Sample::Durations {
                buckets,
                count,
                sum,
            } = sample
            {
                *count += 1;
                *sum += seconds;
                if let Some(at) = BUCKETS.iter().position(|bound| seconds <= *bound) {
                    buckets[at] += 1;
                }
            }
        });
    }

    fn change(&self, family: &Family, labels: &[&str], change: impl FnOnce(f64) -> f64) {
        debug_assert_eq!(family.labels.len(), labels.len(), "{}", family.name);
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        self.samples(|samples| {
            let sample = samples
                .entry((family.name, labels))
                .or_insert(Sample::Value(0.0));
            if let Sample::Value(value) = sample {
                *value = change(*value);
            }
        });
    }

    fn samples<T>(&self, look: impl FnOnce(&mut Samples) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All of them, as Prometheus reads them.
    pub(super) fn text(&self) -> String {
        let samples = self.samples(|samples| samples.clone());
        text::write(CATALOGUE, &samples)
    }
}

/// A number of things, as the format wants it.
#[allow(clippy::cast_precision_loss, reason = "nobody has that many")]
pub(super) fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_as_prometheus_wants_them() {
        let names: BTreeSet<&str> = CATALOGUE.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for family in CATALOGUE {
            assert_eq!(
                family.kind == FamilyKind::Counter,
                family.name.ends_with("_total"),
                "{}",
                family.name
            );
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }

    #[test]
    fn counters_add_up_gauges_are_replaced_and_can_be_forgotten() {
        let metrics = Metrics::default();
        metrics.add(&STEPS, &["DeleteKubeVirt"], 1.0);
        metrics.add(&STEPS, &["DeleteKubeVirt"], 1.0);
        metrics.set(&VIRTUAL_MACHINES, &[], 7.0);
        metrics.set(&VIRTUAL_MACHINES, &[], 3.0);
        let text = metrics.text();
        assert!(
            text.contains("vmruntime_steps_total{step=\"DeleteKubeVirt\"} 2\n"),
            "{text}"
        );
        assert!(text.contains("vmruntime_virtual_machines 3\n"), "{text}");
        metrics.forget(&VIRTUAL_MACHINES);
        assert!(!metrics.text().contains("vmruntime_virtual_machines "));
    }
}
