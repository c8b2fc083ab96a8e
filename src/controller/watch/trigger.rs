//! What tells the loop that something changed, however often that is.

use futures::future::select_all;
use tokio::sync::watch;

/// Fired when something changed. Firings that nobody has seen yet count as one.
#[derive(Clone)]
pub(in crate::controller) struct Trigger(watch::Sender<()>);

/// Waits for one [`Trigger`] or more.
pub(in crate::controller) struct Listener(Vec<watch::Receiver<()>>);

impl Trigger {
    pub(in crate::controller) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(in crate::controller) fn fire(&self) {
        self.0.send_modify(|()| ());
    }

    pub(in crate::controller) fn listen(&self) -> Listener {
        Listener(vec![self.0.subscribe()])
    }
}

impl Listener {
    /// Waits for that one too.
    pub(in crate::controller) fn and(mut self, trigger: &Trigger) -> Self {
        self.0.push(trigger.0.subscribe());
        self
    }

    /// Returns at once if one of them fired since the last time.
    pub(in crate::controller) async fn fired(&mut self) {
        let all = self.0.iter_mut().map(|trigger| Box::pin(trigger.changed()));
        if select_all(all).await.0.is_err() {
            // Nobody can fire it any more; a timer or the shutdown goes on.
            std::future::pending::<()>().await;
        }
    }
}
