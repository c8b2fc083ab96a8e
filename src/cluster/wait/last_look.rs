//! The end of a wait whose time is over. A watch may have been silent because nothing happened, or because something on
//! the way swallows what it says: so everything is read once more, and what is reported is not older than that.

use std::time::Duration;

use futures::future::join_all;

use super::{
    Engine, Outcome,
    judge::{Verdict, Waiting},
    snapshot::Seen,
    timeout::{self, Silence},
};
use crate::{
    cluster::{
        stuck::with_next_steps,
        watch::{self, Update},
    },
    failure::{self, Failure},
};

/// The wait is over: nobody waits long for this.
const LIMIT: Duration = Duration::from_secs(3);

impl Engine<'_> {
    /// Reads everything once more, and concludes.
    pub(super) async fn look_a_last_time(&mut self) -> Result<Outcome, Failure> {
        let client = self.client;
        let looks = self
            .subjects()
            .into_iter()
            .map(|(seen, subject)| async move {
                let read = tokio::time::timeout(LIMIT, watch::list(client, &subject)).await;
                let read = match read {
                    Ok(Ok((items, _))) => Ok(items),
                    Ok(Err(error)) => {
                        Err(failure::from_kube(&error, "look").root_cause().to_owned())
                    }
                    Err(_) => Err("no answer".to_owned()),
                };
                (seen, read)
            });
        let quiet = self.heard.elapsed();
        let mut silence = None;
        for (seen, read) in join_all(looks).await {
            match read {
                Ok(items) => self.take(seen, Update::All(items)),
                Err(why) => {
                    self.snapshot.checks_lost |= seen == Seen::Checks;
                    silence = Some(Silence { quiet, why });
                }
            }
        }
        let retry = self.retry.with_grace().looking_once();
        self.snapshot.resolve_owners(client, &retry).await;
        match self.look() {
            Verdict::Waiting(waiting) => Err(self.timed_out(waiting, silence).await),
            Verdict::Ended(conclusion) => self.conclude(conclusion),
        }
    }

    /// What is still missing, and for how long nothing has been heard where that is not known now. However little time there
    /// was: what is still there is in the way.
    pub(super) async fn timed_out(
        &mut self,
        waiting: Waiting,
        silence: Option<Silence>,
    ) -> Failure {
        let elapsed = self.retry.deadline().elapsed();
        let end = self.retry.deadline().with_grace().end();
        let look = self
            .hindrances
            .look(self.client, self.retry, Duration::ZERO, end);
        let warning = timeout::latest_warning(self.client, self.wait, &self.snapshot);
        let ((), warning) = futures::join!(look, warning);
        let phase = self.snapshot.phase();
        let hindrances = self
            .hindrances
            .lines(&waiting.missing, &self.snapshot, self.wait);
        let mut failure = timeout::summary(self.wait, elapsed, phase, waiting, silence);
        for line in hindrances {
            failure = failure.caused_by(format!("in the way: {line}"));
        }
        if let Some(warning) = warning {
            failure = failure.caused_by(format!("latest warning: {warning}"));
        }
        with_next_steps(failure, self.hindrances.next_steps(self.wait))
    }
}
