//! What a candidate may do about a Lease that it sees, and what it writes into it. Pure.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use serde_json::{Value, json};

use super::ElectionOptions;

/// A Lease, and since when we have seen it like this.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    spec: LeaseSpec,
    since: Instant,
}

/// What may be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// There is no Lease yet.
    New,
    /// It is ours.
    Renew,
    /// It was given back or has run out.
    TakeOver { transitions: i32 },
    /// Somebody else holds it.
    Wait,
}

impl Seen {
    /// Goes on counting where nothing has changed.
    pub(super) fn of(lease: &Lease, before: Option<Self>, now: Instant) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        match before {
            Some(before) if before.spec == spec => before,
            Some(_) | None => Self { spec, since: now },
        }
    }

    pub(super) fn claim(&self, identity: &str, now: Instant) -> Claim {
        let holder = self.spec.holder_identity.as_deref().unwrap_or_default();
        if holder == identity {
            return Claim::Renew;
        }
        let seconds = self.spec.lease_duration_seconds.unwrap_or_default();
        let duration = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        if !holder.is_empty() && now < self.since + duration {
            return Claim::Wait;
        }
        Claim::TakeOver {
            transitions: self.spec.lease_transitions.unwrap_or_default(),
        }
    }
}

/// The fields that make it ours, as a merge patch of `spec`.
pub(super) fn spec(options: &ElectionOptions, now: Timestamp, claim: &Claim) -> Value {
    let mut spec = json!({
        "holderIdentity": options.identity,
        "leaseDurationSeconds": options.lease.as_secs(),
        "renewTime": micro_time(now),
    });
    match claim {
        Claim::Renew | Claim::Wait => {}
        Claim::New => {
            spec["acquireTime"] = json!(micro_time(now));
            spec["leaseTransitions"] = json!(0);
        }
        Claim::TakeOver { transitions } => {
            spec["acquireTime"] = json!(micro_time(now));
            spec["leaseTransitions"] = json!(transitions.saturating_add(1));
        }
    }
    spec
}

/// As client-go gives a Lease back: nobody's, and run out in a second.
pub(super) fn released(now: Timestamp) -> Value {
    json!({
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "acquireTime": micro_time(now),
        "renewTime": micro_time(now),
    })
}

/// `metav1.MicroTime`: always six digits.
fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed: &str) -> Lease {
        serde_json::from_value(json!({"metadata": {}, "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "leaseTransitions": 3,
            "renewTime": renewed,
        }}))
        .unwrap()
    }

    const EARLY: &str = "2026-01-01T00:00:00.000000Z";
    const LATER: &str = "2026-01-01T00:00:02.000000Z";

    #[test]
    fn a_lease_is_taken_only_when_it_has_not_changed_for_its_duration() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let taken = Claim::TakeOver { transitions: 3 };

        // However old the holder's clock says it is: we have only just seen it.
        let seen = Seen::of(&lease("other", EARLY), None, start);
        assert_eq!(seen.claim("me", start), Claim::Wait);
        assert_eq!(seen.claim("me", after(14)), Claim::Wait);
        assert_eq!(seen.claim("me", after(15)), taken);

        // It was renewed in between: the count starts anew.
        let seen = Seen::of(&lease("other", LATER), Some(seen), after(14));
        assert_eq!(seen.claim("me", after(15)), Claim::Wait);
        let seen = Seen::of(&lease("other", LATER), Some(seen), after(20));
        assert_eq!(seen.claim("me", after(29)), taken);
    }

    #[test]
    fn what_is_ours_or_given_back_needs_no_waiting() {
        let now = Instant::now();
        let ours = Seen::of(&lease("me", EARLY), None, now);
        assert_eq!(ours.claim("me", now), Claim::Renew);
        let free = Seen::of(&lease("", EARLY), None, now);
        assert_eq!(free.claim("me", now), Claim::TakeOver { transitions: 3 });
        let empty = Seen::of(&Lease::default(), None, now);
        assert_eq!(empty.claim("me", now), Claim::TakeOver { transitions: 0 });
    }

    #[test]
    fn the_fields_are_client_gos() {
        let now: Timestamp = "2026-11-23T08:00:00.5Z".parse().unwrap();
        let options = ElectionOptions::new("vm-system", "host_uuid");
        let time = "2026-11-23T08:00:00.500000Z";
        assert_eq!(
            spec(&options, now, &Claim::New),
            json!({
                "holderIdentity": "host_uuid", "leaseDurationSeconds": 15, "leaseTransitions": 0,
                "acquireTime": time, "renewTime": time,
            })
        );
        assert_eq!(
            spec(&options, now, &Claim::Renew),
            json!({"holderIdentity": "host_uuid", "leaseDurationSeconds": 15, "renewTime": time})
        );
        let taken = spec(&options, now, &Claim::TakeOver { transitions: 3 });
        assert_eq!(taken["leaseTransitions"], 4);
        assert_eq!(taken["acquireTime"], time);
        assert_eq!(released(now)["holderIdentity"], "");
        let whole: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(micro_time(whole), "2026-11-23T08:00:00.000000Z");
    }
}
