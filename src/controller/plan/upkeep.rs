//! Puts right what somebody else has changed, without a fight: each time that it has to be done again it is left alone
//! for longer, and after a few times it is said who does it. Pure.
//!
//! What was never seen as it should be is no drift: it is on its way. Nor is what is to be different from now on.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;

use super::{Draft, Step};
use crate::controller::{observed::Policy, options::Pace, role::UserRole};

/// After so many times somebody is at work who has to be talked to.
const CONTESTED: u32 = 3;

/// What the controller keeps as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    KubeVirt,
    Cdi,
    Policy(Policy),
    Role(UserRole),
}

impl Kept {
    /// What kind of thing it is, for counting.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KubeVirt => "KubeVirt",
            Self::Cdi => "CDI",
            Self::Policy(_) => "AdmissionPolicy",
            Self::Role(_) => "ClusterRole",
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KubeVirt | Self::Cdi => write!(f, "the {} object", self.name()),
            Self::Policy(policy) => write!(f, "admission policy {}", policy.object_name()),
            Self::Role(role) => write!(f, "ClusterRole {}", role.name()),
        }
    }
}

/// Something that was put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    pub kept: Kept,
    /// Who had changed it, if that is known.
    pub by: Option<String>,
}

/// What was right once, and how often it had to be put right since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkeep(BTreeMap<Kept, Record>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    /// What it was to be like when it was seen right.
    wanted: String,
    repairs: u32,
    last: Option<Timestamp>,
    by: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// It was not right before.
    First,
    Again,
    Later(Timestamp),
}

impl Upkeep {
    fn seen_right(&mut self, kept: Kept, wanted: &str, now: Timestamp, pace: &Pace) {
        let record = self.0.entry(kept).or_insert_with(|| Record {
            wanted: String::new(),
            repairs: 0,
            last: None,
            by: None,
        });
        wanted.clone_into(&mut record.wanted);
        // Twice as long as the longest pause without a change: nobody is at work any more.
        let calm = record
            .last
            .and_then(|last| last.checked_add(pace.repair_most * 2).ok())
            .is_some_and(|calm| calm <= now);
        if calm {
            record.repairs = 0;
            record.last = None;
            record.by = None;
        }
    }

    fn when(&self, kept: Kept, wanted: &str, now: Timestamp, pace: &Pace) -> When {
        let Some(record) = self.0.get(&kept).filter(|record| record.wanted == wanted) else {
            return When::First;
        };
        let next = record
            .last
            .and_then(|last| last.checked_add(pause(record.repairs, pace)).ok());
        match next {
            Some(next) if next > now => When::Later(next),
            Some(_) | None => When::Again,
        }
    }

    fn repaired(&mut self, kept: Kept, by: Option<String>, now: Timestamp) {
        if let Some(record) = self.0.get_mut(&kept) {
            record.repairs = record.repairs.saturating_add(1);
            record.last = Some(now);
            record.by = by.or(record.by.take());
        }
    }

    /// It is not wanted any more.
    pub(super) fn forget(&mut self, kept: Kept) {
        self.0.remove(&kept);
    }

    /// VM Runtime is disabled: only the policies are still wanted.
    pub(super) fn forget_engine(&mut self) {
        self.0.retain(|kept, _| match kept {
            Kept::Policy(_) => true,
            Kept::KubeVirt | Kept::Cdi | Kept::Role(_) => false,
        });
    }

    /// What somebody keeps changing, as a sentence.
    pub(super) fn contested(&self) -> Option<String> {
        let said: Vec<String> = self
            .0
            .iter()
            .filter(|(_, record)| record.repairs >= CONTESTED)
            .map(|(kept, record)| {
                let by = match &record.by {
                    Some(by) => format!(" by {by}"),
                    None => String::new(),
                };
                let times = record.repairs;
                format!("{kept} was changed{by} and put right again, {times} times")
            })
            .collect();
        (!said.is_empty()).then(|| {
            format!(
                "{}; it is now put right less and less often. Stop whoever changes it, or disable VM Runtime",
                said.join("; ")
            )
        })
    }
}

/// How long it is left alone after so many repairs.
fn pause(repairs: u32, pace: &Pace) -> Duration {
    let doublings = repairs.saturating_sub(1).min(16);
    pace.repair
        .saturating_mul(1 << doublings)
        .min(pace.repair_most)
}

/// How something that is kept was found.
pub(super) enum Found {
    Right,
    /// What to do about it, and who changed it.
    Wrong(Step, Option<String>),
}

impl Draft<'_> {
    /// Takes the step that puts it right, now or later.
    pub(super) fn keep(&mut self, kept: Kept, wanted: &str, found: Found) {
        let (now, pace) = (self.observed.now, self.settings.pace);
        let (step, by) = match found {
            Found::Right => {
                self.memory.upkeep.seen_right(kept, wanted, now, &pace);
                return;
            }
            Found::Wrong(step, by) => (step, by),
        };
        match self.memory.upkeep.when(kept, wanted, now, &pace) {
            When::First => self.steps.push(step),
            When::Again => {
                self.memory.upkeep.repaired(kept, by.clone(), now);
                self.repairs.push(Repair { kept, by });
                self.steps.push(step);
            }
            When::Later(time) => self.wake_at(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_fight_gets_slower_is_said_and_is_forgotten() {
        let pace = Pace::default();
        let kept = Kept::KubeVirt;
        let mut upkeep = Upkeep::default();
        assert_eq!(upkeep.when(kept, "a", at(0), &pace), When::First);
        upkeep.seen_right(kept, "a", at(1), &pace);
        assert_eq!(upkeep.when(kept, "b", at(2), &pace), When::First);

        // Somebody changes it back at once, for an hour.
        let mut repairs = Vec::new();
        for second in 2..3600 {
            if upkeep.when(kept, "a", at(second), &pace) == When::Again {
                upkeep.repaired(kept, Some("argocd".to_owned()), at(second));
                upkeep.seen_right(kept, "a", at(second), &pace);
                repairs.push(second);
            }
        }
        assert_eq!(&repairs[..5], [2, 7, 17, 37, 77]);
        assert!(repairs.len() < 20, "{repairs:?}");
        let gaps = repairs.windows(2).map(|pair| pair[1] - pair[0]);
        assert_eq!(gaps.max(), Some(300));
        let said = upkeep.contested().unwrap();
        assert!(
            said.contains("the KubeVirt object") && said.contains("by argocd"),
            "{said}"
        );

        upkeep.seen_right(kept, "a", at(4500), &pace);
        assert_eq!(upkeep.contested(), None);
        assert_eq!(upkeep.when(kept, "a", at(4501), &pace), When::Again);
    }

    #[test]
    fn a_disable_keeps_only_what_is_wanted_then() {
        let pace = Pace::default();
        let mut upkeep = Upkeep::default();
        let gate = Kept::Policy(Policy::CreationGate);
        for kept in [Kept::Cdi, Kept::Role(UserRole::Edit), gate] {
            upkeep.seen_right(kept, "", at(0), &pace);
        }
        upkeep.forget_engine();
        assert_eq!(upkeep.when(Kept::Cdi, "", at(1), &pace), When::First);
        assert_eq!(upkeep.when(gate, "", at(1), &pace), When::Again);
        upkeep.forget(gate);
        assert_eq!(upkeep.when(gate, "", at(1), &pace), When::First);
    }
}
