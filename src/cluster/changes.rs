//! That something has changed of what `status` and `get` show: they look again then. What it was they read themselves.
//!
//! `commands::watching` calls it.

use std::time::Duration;

use kube::Client;

use super::{
    feed::{Feeds, Subject},
    retry::Pace,
};

/// How long what changes at once is taken for one change.
const TOGETHER: Duration = Duration::from_millis(300);

/// The VMRuntime and its preflight checks, as they change.
pub struct Changes {
    feeds: Feeds<()>,
}

impl Changes {
    /// Starts to listen.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        let mut feeds = Feeds::new(Pace::default());
        for subject in [Subject::runtime(), Subject::checks()] {
            feeds.listen((), client, subject, None);
        }
        Self { feeds }
    }

    /// Returns when something has changed, or may have.
    pub async fn next(&mut self) {
        self.feeds.next().await;
        tokio::time::sleep(TOGETHER).await;
        while self.feeds.ready().is_some() {}
    }
}
