//! That something has changed of what `status` and `get` show: they look again then. What it was they read themselves.
//!
//! `commands::watching` calls it.

use std::time::Duration;

use kube::Client;

use super::{
    retry::Pace,
    watch::{Watched, Watches},
};

/// How long what changes at once is taken for one change.
const TOGETHER: Duration = Duration::from_millis(300);

/// The VMRuntime and its preflight checks, as they change.
pub struct Changes {
    watches: Watches<()>,
}

impl Changes {
    /// Starts to listen.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        let mut watches = Watches::new(Pace::default());
        for subject in [Watched::runtime(), Watched::checks()] {
            watches.start((), client, subject, None);
        }
        Self { watches }
    }

    /// Returns when something has changed, or may have.
    pub async fn next(&mut self) {
        self.watches.next().await;
        tokio::time::sleep(TOGETHER).await;
        while self.watches.ready().is_some() {}
    }
}
