//! What follows from work that failed: how soon it is tried again, whether something that happens may cut that short,
//! and from when on it is said. Pure; asked by the loop that reconciles and by the one that checks nodes.
//!
//! What may pass by itself (an API server that is overloaded or away) is asked ever more seldom. What stays until
//! somebody changes something (a right, a policy, a quota) is said soon, and looked at again now and then, or as soon
//! as something happens.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{observed::RuntimeFacts, options::Pace};
use crate::{
    api::{
        Condition, ConditionStatus, VMRuntimeStatus,
        condition::{self, kind, reason},
    },
    failure::{Failure, Kind},
};

/// From so many failures in a row on, what may pass by itself is said all the same.
const PATIENCE: u32 = 4;
/// The same of what does not pass by itself: the API server may only just have been told of a right or a policy.
pub(super) const CERTAINTY: u32 = 3;

/// Something that keeps the controller from its work, as a condition says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedFailure {
    pub reason: &'static str,
    pub message: String,
}

/// How far the work came that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The cluster could not be looked at.
    Looking,
    /// It was, and something that was to be done about it failed.
    Acting,
}

/// What follows from a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consequence {
    /// Before that it is not tried again, whatever happens.
    pub pause: Duration,
    /// After that at the latest.
    pub wait: Duration,
    /// What is to be said about it by now.
    pub said: Option<ReportedFailure>,
}

/// Will it pass by itself?
enum Nature {
    /// What was decided on has changed meanwhile.
    Stale,
    Passing,
    /// The same request gets the same answer until somebody changes something.
    Lasting(&'static str),
}

fn nature(failure: &Failure) -> Nature {
    match failure.kind {
        Kind::Conflict => Nature::Stale,
        Kind::Denied => Nature::Lasting(reason::FORBIDDEN),
        // By admission; or it is invalid, to this API server.
        Kind::Refused | Kind::Usage => Nature::Lasting(reason::REFUSED),
        // A kind or a namespace that is missing is on its way, mostly.
        Kind::NotInstalled
        | Kind::Unreachable
        | Kind::TimedOut
        | Kind::Other
        | Kind::Incomplete
        | Kind::CheckFailed
        | Kind::Already
        | Kind::OperationFailed
        | Kind::Interrupted
        | Kind::Terminated => Nature::Passing,
    }
}

/// What follows from the last of so many failures in a row.
pub(super) fn consequence(
    failure: &Failure,
    part: Part,
    failures: u32,
    pace: &Pace,
) -> Consequence {
    let reported = |reason| {
        Some(ReportedFailure {
            reason,
            message: failure.to_string(),
        })
    };
    let backoff = pace.backoff(failures);
    match nature(failure) {
        // Look again at once, unless that goes on.
        Nature::Stale if failures < PATIENCE => Consequence {
            pause: pace.debounce,
            wait: pace.debounce,
            said: None,
        },
        Nature::Lasting(reason) if failures >= CERTAINTY => Consequence {
            pause: pace.retry,
            wait: pace.retry_most,
            said: reported(reason),
        },
        Nature::Stale | Nature::Passing | Nature::Lasting(_) => {
            // An API server that is away could not be told either. One that could be looked at and does not do what it
            // is asked (a webhook is down, say) can.
            let tellable = part == Part::Acting || failure.kind != Kind::Unreachable;
            let said = failures >= PATIENCE && tellable;
            Consequence {
                pause: backoff,
                wait: backoff,
                said: said.then(|| reported(reason::STEP_FAILED)).flatten(),
            }
        }
    }
}

/// The status of a VM Runtime that the controller cannot look at: what was said of it before is kept, except that it is
/// ready, which nobody knows.
pub(super) fn blind(
    runtime: &RuntimeFacts,
    reported: &ReportedFailure,
    now: jiff::Timestamp,
) -> VMRuntimeStatus {
    let mut status = runtime.status.clone();
    let mut say = |type_: &str, said: ConditionStatus| {
        let previous = condition::find(&status.conditions, type_);
        let since = previous
            .filter(|previous| previous.status == said)
            .and_then(|previous| previous.last_transition_time.clone());
        let condition = Condition {
            type_: type_.to_owned(),
            status: said,
            reason: reported.reason.to_owned(),
            message: reported.message.clone(),
            last_transition_time: Some(since.unwrap_or(Time(now))),
            observed_generation: Some(runtime.generation),
        };
        let place = status
            .conditions
            .iter_mut()
            .find(|condition| condition.type_ == type_);
        match place {
            Some(place) => *place = condition,
            None => status.conditions.push(condition),
        }
    };
    say(kind::DEGRADED, ConditionStatus::True);
    let was_ready =
        status.ready == Some(true) || condition::is_true(&runtime.status.conditions, kind::READY);
    let is_unknown = condition::find(&runtime.status.conditions, kind::READY)
        .is_some_and(|ready| ready.status == ConditionStatus::Unknown);
    if was_ready || is_unknown {
        say(kind::READY, ConditionStatus::Unknown);
        status.ready = Some(false);
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Reason;

    fn failure(kind: Kind) -> Failure {
        Failure::new(kind, Reason::ServerError, "could not do it").caused_by("no")
    }

    #[test]
    fn what_may_pass_is_asked_ever_more_seldom_and_said_late() {
        let pace = Pace::default();
        let after =
            |failures| consequence(&failure(Kind::Unreachable), Part::Acting, failures, &pace);
        assert_eq!((after(1).wait, after(1).said), (pace.retry, None));
        assert_eq!(after(3).wait, pace.retry * 4);
        assert_eq!(after(3).pause, after(3).wait, "nothing cuts it short");
        assert_eq!(after(4).said.unwrap().reason, reason::STEP_FAILED);
        assert_eq!(after(40).wait, pace.outage_most);
        let looking = consequence(&failure(Kind::Unreachable), Part::Looking, 40, &pace);
        assert_eq!(looking.said, None, "who is away cannot be told");
    }

    #[test]
    fn what_does_not_pass_is_said_soon_and_looked_at_now_and_then() {
        let pace = Pace::default();
        for (kind, reason) in [
            (Kind::Denied, reason::FORBIDDEN),
            (Kind::Refused, reason::REFUSED),
            (Kind::Usage, reason::REFUSED),
        ] {
            for part in [Part::Looking, Part::Acting] {
                let after = |failures| consequence(&failure(kind), part, failures, &pace);
                assert_eq!(after(2).said, None, "it may be on its way");
                let third = after(3);
                assert_eq!(third.said.unwrap().reason, reason);
                assert_eq!((third.pause, third.wait), (pace.retry, pace.retry_most));
            }
        }
    }

    #[test]
    fn a_stale_picture_is_looked_at_again_at_once() {
        let pace = Pace::default();
        let after = |failures| consequence(&failure(Kind::Conflict), Part::Acting, failures, &pace);
        assert_eq!(after(3).wait, pace.debounce);
        assert_eq!(after(4).wait, pace.retry * 8);
        assert_eq!(after(4).said.unwrap().reason, reason::STEP_FAILED);
    }

    #[test]
    fn who_can_not_look_does_not_say_ready() {
        let reported = ReportedFailure {
            reason: reason::FORBIDDEN,
            message: "no".to_owned(),
        };
        let now = |second| jiff::Timestamp::from_second(second).unwrap();
        let said = |status: &VMRuntimeStatus, type_: &str| {
            let found = condition::find(&status.conditions, type_).cloned();
            found.map(|found| (found.status, found.reason, found.last_transition_time))
        };
        let mut runtime = RuntimeFacts {
            generation: 3,
            ..RuntimeFacts::default()
        };
        runtime.status.ready = Some(true);
        runtime.status.observed_generation = Some(2);
        runtime.status.conditions = vec![Condition {
            type_: kind::READY.to_owned(),
            status: ConditionStatus::True,
            ..Condition::default()
        }];
        let first = blind(&runtime, &reported, now(10));
        assert_eq!(first.ready, Some(false));
        assert_eq!(first.observed_generation, Some(2), "nothing was taken up");
        let unknown = (
            ConditionStatus::Unknown,
            reason::FORBIDDEN.to_owned(),
            Some(Time(now(10))),
        );
        assert_eq!(said(&first, kind::READY), Some(unknown));

        runtime.status = first.clone();
        assert_eq!(blind(&runtime, &reported, now(20)), first, "nothing turned");

        // What was not ready is known not to be.
        runtime.status = VMRuntimeStatus::default();
        let disabled = blind(&runtime, &reported, now(30));
        assert_eq!(said(&disabled, kind::READY), None);
        assert_eq!(
            said(&disabled, kind::DEGRADED).unwrap().0,
            ConditionStatus::True
        );
    }
}
