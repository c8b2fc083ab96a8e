//! The exit codes: one list, the same for every output format. `bmctl help exit-codes` prints it, tests hold each one.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

/// How a command ended. The number is what the shell sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// The target state is reached, all checks passed, or there was nothing to do and `--ensure` was given.
    Ok,
    /// Anything that no other code names.
    Error,
    /// Wrong usage, a bad kubeconfig, an invalid value.
    Usage,
    /// A check failed (also when others are unknown).
    CheckFailed,
    /// Only warnings, with `--fail-on warn`.
    Warnings,
    /// Something could not be determined.
    Incomplete,
    /// Refused: VMs exist, not confirmed, no terminal to ask on, or an admission policy denied it.
    Refused,
    /// Already in that state, and converged. With `--ensure` this is 0.
    Already,
    /// Not installed: the definition, the object or the controller is missing.
    NotInstalled,
    /// Denied: not authenticated (401), not permitted (403), or the login plugin failed.
    Denied,
    /// Unreachable: DNS, TCP, TLS, proxy, or 429/5xx after all retries.
    Unreachable,
    /// Changed by someone else at the same time.
    Conflict,
    /// The operation itself failed and will not heal by waiting.
    OperationFailed,
    /// Timed out; the operation is still going on.
    TimedOut,
    /// Interrupted (Ctrl-C).
    Interrupted,
    /// Terminated (SIGTERM), or the terminal is gone (SIGHUP).
    Terminated,
    /// The code of the command that `sandbox run` ran, where it is none of the above.
    PassedOn(u8),
}

/// As the number.
impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

impl JsonSchema for Exit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Exit".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        u8::json_schema(generator)
    }
}

impl Exit {
    /// Every code of ours, in order.
    pub const ALL: [Self; 16] = [
        Self::Ok,
        Self::Error,
        Self::Usage,
        Self::CheckFailed,
        Self::Warnings,
        Self::Incomplete,
        Self::Refused,
        Self::Already,
        Self::NotInstalled,
        Self::Denied,
        Self::Unreachable,
        Self::Conflict,
        Self::OperationFailed,
        Self::TimedOut,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::CheckFailed => 3,
            Self::Warnings => 4,
            Self::Incomplete => 5,
            Self::Refused => 6,
            Self::Already => 7,
            Self::NotInstalled => 8,
            Self::Denied => 9,
            Self::Unreachable => 10,
            Self::Conflict => 11,
            Self::OperationFailed => 12,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::PassedOn(code) => code,
        }
    }

    /// The exit code of another program as ours.
    #[must_use]
    pub fn passed_on(code: u8) -> Self {
        Self::ALL
            .into_iter()
            .find(|exit| exit.code() == code)
            .unwrap_or(Self::PassedOn(code))
    }

    /// From best to worst, for a command that works on several clusters: what was not wanted, then what was not found
    /// out, then what went wrong in the middle of it.
    pub const BY_SEVERITY: [Self; 16] = [
        Self::Ok,
        Self::Already,
        Self::Warnings,
        Self::Refused,
        Self::CheckFailed,
        Self::Incomplete,
        Self::NotInstalled,
        Self::Usage,
        Self::Denied,
        Self::Unreachable,
        Self::Conflict,
        Self::TimedOut,
        Self::OperationFailed,
        Self::Error,
        Self::Terminated,
        Self::Interrupted,
    ];

    /// The worst of them, as [`Self::BY_SEVERITY`] has it; of none it is [`Self::Ok`].
    #[must_use]
    pub fn worst(exits: impl IntoIterator<Item = Self>) -> Self {
        let severity = |exit: &Self| {
            let known = Self::BY_SEVERITY.iter().position(|known| known == exit);
            known.unwrap_or(usize::MAX)
        };
        exits.into_iter().max_by_key(severity).unwrap_or(Self::Ok)
    }

    /// What the number means, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "reached, all checks passed, or nothing to do with --ensure",
            Self::Error => "any other error",
            Self::Usage => "wrong usage, bad kubeconfig or invalid value",
            Self::CheckFailed => "a check failed",
            Self::Warnings => "only warnings, with --fail-on warn",
            Self::Incomplete => "something could not be determined",
            Self::Refused => "refused: VMs exist, not confirmed, or a policy denied it",
            Self::Already => "already in that state",
            Self::NotInstalled => "not installed: definition, object or controller missing",
            Self::Denied => "denied: 401, 403 or login plugin",
            Self::Unreachable => "unreachable: DNS, TCP, TLS, proxy, or 429/5xx after retries",
            Self::Conflict => "changed by someone else at the same time",
            Self::OperationFailed => "the operation itself failed",
            Self::TimedOut => "timed out, still going on",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
            Self::PassedOn(_) => "of the command that sandbox run ran",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_worst_of_several_is_never_better_than_one_of_them() {
        use Exit::{
            Already, CheckFailed, Denied, Error, Incomplete, Interrupted, Ok, PassedOn, TimedOut,
            Unreachable,
        };
        for (exits, worst) in [
            (&[] as &[Exit], Ok),
            (&[Ok, Ok], Ok),
            (&[Ok, Already, Ok], Already),
            (&[CheckFailed, Incomplete, Ok], Incomplete),
            (&[Denied, Unreachable, CheckFailed], Unreachable),
            (&[TimedOut, Unreachable], TimedOut),
            (&[Interrupted, Error], Interrupted),
            (&[PassedOn(42), Interrupted], PassedOn(42)),
        ] {
            assert_eq!(Exit::worst(exits.iter().copied()), worst, "{exits:?}");
        }
        let mut all = Exit::BY_SEVERITY;
        all.sort();
        assert_eq!(all, Exit::ALL);
    }

    #[test]
    fn every_code_is_listed_once_and_in_order() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(
            codes,
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 124, 130, 143]
        );
    }
}
