//! How long a command may take: one value, made where the command starts, and handed down to everything in it.
//!
//! Nothing but the start of a command makes one. What is left of it may be nothing; no limit is another value
//! ([`Deadline::never`]), so that the one is never taken for the other.

use std::time::Duration;

use tokio::time::Instant;

/// The moment when a whole command gives up. Copied freely: retries, waits, logins and clean-ups share the one budget.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    started: Instant,
    /// When requests are given up as well; `None`: never.
    end: Option<Instant>,
    looks_once: bool,
}

/// What "look once" may take, requests and login included.
const LOOK: Duration = Duration::from_secs(30);
/// What is allowed for clean-ups after the end.
const GRACE: Duration = Duration::from_secs(5);
/// Timers add a time to "now", which has an end.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl Deadline {
    /// From now on this long; zero means "look once".
    #[must_use]
    pub fn after(budget: Duration) -> Self {
        Self::since(Instant::now(), budget)
    }

    /// As [`after`](Self::after), from a moment that has passed: when the command started.
    #[must_use]
    pub fn since(started: Instant, budget: Duration) -> Self {
        let looks_once = budget.is_zero();
        let budget = if looks_once { LOOK } else { budget.min(FAR) };
        Self {
            started,
            end: Some(started + budget),
            looks_once,
        }
    }

    /// No limit of its own: for a controller.
    #[must_use]
    pub fn never() -> Self {
        Self {
            started: Instant::now(),
            end: None,
            looks_once: false,
        }
    }

    /// The same end, for a question that is asked once and not waited for.
    #[must_use]
    pub const fn looking_once(self) -> Self {
        Self {
            looks_once: true,
            ..self
        }
    }

    /// A moment more, to leave in order what was begun. It counts from the end, so that several clean-ups share it.
    #[must_use]
    pub fn with_grace(self) -> Self {
        Self {
            started: self.started,
            end: self.end.map(|end| end + GRACE),
            looks_once: false,
        }
    }

    /// How long ago the command started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What was allowed in all; `None` without a limit.
    #[must_use]
    pub fn budget(&self) -> Option<Duration> {
        self.end.map(|end| end - self.started)
    }

    /// What a request or a login may still take; `None` without a limit.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.end
            .map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Nothing more is asked.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// Nothing more is waited for. Where it looks once, that is so from the start.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.looks_once || self.expired()
    }

    /// Can so long be waited, and something be asked afterwards?
    #[must_use]
    pub fn allows(&self, pause: Duration) -> bool {
        !self.looks_once && self.remaining().is_none_or(|left| left > pause)
    }

    /// Was it set to "look once"?
    #[must_use]
    pub const fn looks_once(&self) -> bool {
        self.looks_once
    }

    /// When nothing more is asked, for `tokio::time::sleep_until`: far away where there is no limit.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.end.unwrap_or_else(|| self.started + FAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ago(seconds: u64) -> Instant {
        Instant::now()
            .checked_sub(Duration::from_secs(seconds))
            .unwrap()
    }

    #[test]
    fn nothing_left_is_not_no_limit() {
        let over = Deadline::since(ago(10), Duration::from_secs(3));
        assert_eq!(over.remaining(), Some(Duration::ZERO));
        assert!(over.passed() && over.expired() && !over.allows(Duration::ZERO));
        let never = Deadline::never();
        assert_eq!(never.remaining(), None);
        assert!(!never.passed() && never.allows(FAR * 100));
    }

    #[test]
    fn looking_once_waits_for_nothing_and_ends_when_the_command_does() {
        let once = Deadline::after(Duration::ZERO);
        assert!(once.looks_once() && once.passed() && !once.expired());
        assert!(!once.allows(Duration::ZERO));
        assert_eq!(once.budget(), Some(LOOK));
        let command = Deadline::since(ago(10), Duration::from_secs(3));
        let once = command.looking_once();
        assert!(once.looks_once() && once.expired());
        assert_eq!(once.end(), command.end());
    }

    #[test]
    fn clean_ups_share_one_grace() {
        let over = Deadline::since(ago(5), Duration::from_secs(3));
        let grace = over.with_grace();
        assert!(!grace.passed() && grace.end() == over.end() + GRACE);
        assert!(
            Deadline::since(ago(10), Duration::from_secs(3))
                .with_grace()
                .expired()
        );
        assert_eq!(Deadline::never().with_grace().remaining(), None);
    }
}
