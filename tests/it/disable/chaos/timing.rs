//! How fast things go: in milliseconds, or as in the real program on a clock of our own.

use std::time::Duration;

use bmctl::cluster::retry::Pace;

/// How fast things go.
pub struct Timing {
    pub pace: Pace,
    /// Between two looks of the machinery.
    pub tick: Duration,
    /// What a disturbed attempt gets at least, and at most.
    pub least: Duration,
    pub most: Duration,
    /// What an attempt gets that is not disturbed.
    pub calm: Duration,
    /// The longest that a run may take.
    pub patience: Duration,
}

#[cfg(feature = "virtual-time")]
pub fn timing() -> Timing {
    Timing {
        pace: Pace::default(),
        tick: Duration::from_millis(500),
        least: Duration::from_secs(1),
        most: Duration::from_secs(400),
        calm: Duration::from_secs(600),
        patience: Duration::from_secs(3600),
    }
}

/// The longest times are for a machine that has other things to do; most runs take a fraction of a second.
#[cfg(not(feature = "virtual-time"))]
pub fn timing() -> Timing {
    Timing {
        pace: Pace {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(2),
            first_contact_tries: 3,
            settle: Duration::from_millis(2),
            explain: Duration::from_millis(20),
            stuck: Duration::from_millis(40),
        },
        tick: Duration::from_millis(3),
        least: Duration::from_millis(100),
        most: Duration::from_secs(1),
        calm: Duration::from_secs(200),
        patience: Duration::from_secs(300),
    }
}
