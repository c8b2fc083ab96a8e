//! The exit codes: one list, the same for every output format. `bmctl help exit-codes` prints it, tests hold each one.

use serde::Serialize;

/// How a command ended. The number is what the shell sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[repr(u8)]
pub enum Exit {
    /// The target state is reached, all checks passed, or there was nothing to do and `--ensure` was given.
    Ok = 0,
    /// Anything that no other code names.
    Error = 1,
    /// Wrong usage, a bad kubeconfig, an invalid value.
    Usage = 2,
    /// A check failed (also when others are unknown).
    CheckFailed = 3,
    /// Only warnings, with `--fail-on warn`.
    Warnings = 4,
    /// Something could not be determined.
    Incomplete = 5,
    /// Refused: VMs exist, not confirmed, no terminal to ask on, or an admission policy denied it.
    Refused = 6,
    /// Already in that state, and converged. With `--ensure` this is 0.
    Already = 7,
    /// Not installed: the definition, the object or the controller is missing.
    NotInstalled = 8,
    /// Denied: not authenticated (401), not permitted (403), or the login plugin failed.
    Denied = 9,
    /// Unreachable: DNS, TCP, TLS, proxy, or 429/5xx after all retries.
    Unreachable = 10,
    /// Changed by someone else at the same time.
    Conflict = 11,
    /// The operation itself failed and will not heal by waiting.
    OperationFailed = 12,
    /// Timed out; the operation is still going on.
    TimedOut = 124,
    /// Interrupted (Ctrl-C).
    Interrupted = 130,
    /// Terminated (SIGTERM).
    Terminated = 143,
}

impl Exit {
    /// Every code, in order.
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
        self as u8
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
    fn every_code_is_listed_once_and_in_order() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(
            codes,
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 124, 130, 143]
        );
    }
}
