//! What time it is, for what names a moment: the end of a fence, the age of a deletion, the lines of a journal. How long
//! something takes is measured by `tokio::time::Instant`.

use jiff::Timestamp;
use tokio::time::Instant;

/// The time of day, from a clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Timestamp,
    watch: Instant,
}

impl Clock {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Timestamp::now(),
            watch: Instant::now(),
        }
    }

    /// A machine that was asleep has a watch that stood still; a clock that was set back is behind the watch.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let by_watch = self.started.checked_add(self.watch.elapsed());
        by_watch.map_or_else(
            |_| Timestamp::now(),
            |by_watch| by_watch.max(Timestamp::now()),
        )
    }
}
