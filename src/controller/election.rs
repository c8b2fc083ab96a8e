//! One leader at a time, by a Lease: the same rules and the same fields as client-go's leader election, so that people
//! and tools read it as they read any other.
//!
//! A holder renews its Lease; whoever sees one that has not changed for its duration may take it. Clocks of different
//! machines are never compared: what counts is how long *we* have been looking at the same Lease. A holder that could
//! not renew stops before others may take over, and everything that it writes looks at that time ([`Leadership`]).

mod claim;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::Patch};
use rand::Rng;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::request::{Doing, creating, patching, within};
use crate::{
    api::name,
    failure::{Failure, Kind},
};
use claim::{Claim, Seen};

/// How much longer than the retry period a candidate may wait, so that candidates do not ask in step (client-go's
/// `JitterFactor`).
const JITTER: f64 = 1.2;

/// Where and how leaders are elected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionOptions {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Who we are: no two processes may say the same.
    pub identity: String,
    /// How long a Lease counts that nobody renews.
    pub lease: Duration,
    /// How long a leader tries to renew before it gives up.
    pub renew: Duration,
    /// How often it is tried.
    pub retry: Duration,
}

impl ElectionOptions {
    /// With client-go's usual times.
    pub fn new(namespace: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            identity: identity.into(),
            lease: Duration::from_secs(15),
            renew: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }

    /// What client-go demands too: a leader must have given up before others take over, and have tried more than once.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.lease < Duration::from_secs(1) {
            Err("the lease duration must be at least 1s: a Lease counts in whole seconds")
        } else if self.lease <= self.renew {
            Err("the lease duration must be longer than the renew deadline")
        } else if self.renew <= self.retry.mul_f64(JITTER) {
            Err("the renew deadline must be longer than 1.2 times the retry period")
        } else if self.retry.is_zero() {
            Err("the retry period must not be zero")
        } else {
            Ok(())
        }
    }
}

/// Until when we lead. Shared by everything that writes.
#[derive(Clone, Debug)]
pub(super) struct Leadership(Arc<Mutex<Term>>);

#[derive(Clone, Copy, Debug)]
enum Term {
    /// Nobody is elected: a single controller always leads.
    Unlimited,
    Until(Instant),
    None,
}

impl Leadership {
    /// Without an election.
    pub(super) fn unlimited() -> Self {
        Self(Arc::new(Mutex::new(Term::Unlimited)))
    }

    pub(super) fn none() -> Self {
        Self(Arc::new(Mutex::new(Term::None)))
    }

    /// Do we lead at this very moment?
    pub(super) fn holds(&self) -> bool {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Term::Unlimited => true,
            Term::Until(end) => Instant::now() < end,
            Term::None => false,
        }
    }

    /// Returns when we do not lead any more; renewing the Lease puts it off.
    pub(super) async fn lost(&self) {
        loop {
            let term = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match term {
                Term::Unlimited => std::future::pending().await,
                Term::Until(end) if Instant::now() < end => {
                    tokio::time::sleep_until(end.into()).await;
                }
                Term::Until(_) | Term::None => return,
            }
        }
    }

    fn set(&self, term: Term) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = term;
    }
}

/// Takes part in the election.
pub(super) struct Candidate<'a> {
    api: Api<Lease>,
    options: &'a ElectionOptions,
    leadership: Leadership,
    seen: Option<Seen>,
    /// A request that would make it ours has been made, and it is not known that it failed.
    claiming: bool,
}

impl<'a> Candidate<'a> {
    /// `client` must not go through the gate: a candidate writes before it leads.
    pub(super) fn new(
        client: Client,
        options: &'a ElectionOptions,
        leadership: Leadership,
    ) -> Self {
        Self {
            api: Api::namespaced(client, &options.namespace),
            options,
            leadership,
            seen: None,
            claiming: false,
        }
    }

    /// Waits for the Lease, does the work while it is held, and starts anew when it is lost. `asked` is called whenever
    /// the API server has answered. Returns when `stop` is cancelled and the work has ended, with the Lease given back.
    pub(super) async fn campaign<W: Future<Output = anyhow::Result<()>>>(
        &mut self,
        stop: &CancellationToken,
        asked: impl Fn(),
        work: impl Fn() -> W,
    ) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    // It may be ours by a request whose answer nobody waits for any more.
                    if self.claiming {
                        self.release().await;
                    }
                    return Ok(());
                }
                () = self.acquire(&asked) => {}
            }
            tracing::info!(identity = self.options.identity, "leading");
            let ended = {
                let working = work();
                tokio::pin!(working);
                tokio::select! {
                    ended = &mut working => Some(ended),
                    // Whatever the work was in the middle of is dropped here, at once.
                    () = self.keep(&asked) => None,
                }
            };
            self.leadership.set(Term::None);
            if let Some(ended) = ended {
                self.release().await;
                return ended;
            }
            tracing::warn!("leadership was lost: everything is stopped");
        }
    }

    /// Tries until we hold the Lease.
    async fn acquire(&mut self, asked: &impl Fn()) {
        loop {
            match self.attempt().await {
                Ok(holds) => {
                    asked();
                    if holds {
                        return;
                    }
                }
                Err(failure) => {
                    tracing::warn!(%failure, "could not ask for the Lease");
                }
            }
            let jitter = 1.0 + JITTER * rand::rng().random::<f64>();
            tokio::time::sleep(self.options.retry.mul_f64(jitter)).await;
        }
    }

    /// Renews until that has not worked for too long, or somebody else holds the Lease.
    async fn keep(&mut self, asked: &impl Fn()) {
        while self.leadership.holds() {
            tokio::time::sleep(self.options.retry).await;
            match self.attempt().await {
                Ok(true) => asked(),
                Ok(false) => return,
                Err(failure) => tracing::warn!(%failure, "could not renew the Lease"),
            }
        }
    }

    /// Asks once. Do we hold the Lease now?
    async fn attempt(&mut self) -> Result<bool, Failure> {
        // From before the request: until others may take over is counted from when they see it.
        let end = Instant::now() + self.options.renew;
        let holds = within(self.options.renew / 2, "ask for the Lease", self.claim()).await?;
        self.claiming = holds;
        self.leadership
            .set(if holds { Term::Until(end) } else { Term::None });
        Ok(holds)
    }

    async fn claim(&mut self) -> Result<bool, Failure> {
        let lease = self
            .api
            .get_opt(name::CONTROLLER_DEPLOYMENT)
            .await
            .doing("read the Lease")?;
        let now = Instant::now();
        let Some(lease) = lease else {
            self.seen = None;
            self.claiming = true;
            let spec = claim::spec(self.options, Timestamp::now(), &Claim::New);
            return self.create(&spec).await;
        };
        let seen = Seen::of(&lease, self.seen.take(), now);
        let claim = seen.claim(&self.options.identity, now);
        self.seen = Some(seen);
        match claim {
            Claim::Wait => Ok(false),
            Claim::New | Claim::Renew | Claim::TakeOver { .. } => {
                self.claiming = true;
                let spec = claim::spec(self.options, Timestamp::now(), &claim);
                self.write(&lease, &spec).await
            }
        }
    }

    async fn create(&self, spec: &Value) -> Result<bool, Failure> {
        let lease: Lease = serde_json::from_value(json!({
            "metadata": {"name": name::CONTROLLER_DEPLOYMENT, "namespace": self.options.namespace},
            "spec": spec,
        }))
        .expect("a literal of the Lease's own fields");
        match self.api.create(&creating(), &lease).await {
            Ok(_) => Ok(true),
            // Somebody was quicker.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
            Err(error) => Err(error).doing("create the Lease"),
        }
    }

    /// Only onto the very version that was read: of two who want it, one gets it.
    async fn write(&self, lease: &Lease, spec: &Value) -> Result<bool, Failure> {
        let patch = json!({
            "metadata": {
                "uid": lease.metadata.uid,
                "resourceVersion": lease.metadata.resource_version,
            },
            "spec": spec,
        });
        let parameters = patching();
        let written = self
            .api
            .patch(
                name::CONTROLLER_DEPLOYMENT,
                &parameters,
                &Patch::Merge(&patch),
            )
            .await
            .doing("write the Lease");
        match written {
            Ok(_) => Ok(true),
            Err(failure) if failure.kind == Kind::Conflict => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Gives the Lease back, so that the next one need not wait for it to run out.
    async fn release(&self) {
        let released = async {
            loop {
                let lease = self.api.get(name::CONTROLLER_DEPLOYMENT).await;
                let lease = lease.doing("read the Lease")?;
                let holder = lease
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.holder_identity.as_ref());
                if holder != Some(&self.options.identity)
                    || self
                        .write(&lease, &claim::released(Timestamp::now()))
                        .await?
                {
                    return Ok(());
                }
                // A renewal that was still under way came between.
            }
        };
        match within(self.options.renew / 2, "give the Lease back", released).await {
            Ok(()) => {}
            Err(failure) => tracing::info!(%failure, "the Lease runs out by itself"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_could_let_two_lead_are_refused() {
        let times = |lease: u64, renew: u64, retry: u64| {
            ElectionOptions {
                lease: Duration::from_millis(lease),
                renew: Duration::from_millis(renew),
                retry: Duration::from_millis(retry),
                ..ElectionOptions::new("vm-system", "me")
            }
            .validate()
        };
        assert!(ElectionOptions::new("vm-system", "me").validate().is_ok());
        assert!(times(1_000, 600, 100).is_ok());
        for (lease, renew, retry) in [
            (900, 600, 100),
            (15_000, 15_000, 2_000),
            (15_000, 2_400, 2_000),
            (15_000, 10_000, 0),
        ] {
            assert!(
                times(lease, renew, retry).is_err(),
                "{lease} {renew} {retry}"
            );
        }
    }

    #[tokio::test]
    async fn leading_ends_when_nobody_renews() {
        let leadership = Leadership::none();
        leadership.lost().await;
        let soon = |milliseconds| Instant::now() + Duration::from_millis(milliseconds);
        leadership.set(Term::Until(soon(20)));
        let waiting = leadership.clone();
        let lost = tokio::spawn(async move {
            waiting.lost().await;
            Instant::now()
        });
        tokio::task::yield_now().await;
        let renewed = soon(60);
        leadership.set(Term::Until(renewed));
        assert!(lost.await.unwrap() >= renewed && !leadership.holds());
        let unlimited = Leadership::unlimited();
        let lost = tokio::time::timeout(Duration::from_millis(10), unlimited.lost());
        assert!(lost.await.is_err());
    }

    #[test]
    fn leading_ends_by_itself() {
        let leadership = Leadership::none();
        assert!(!leadership.holds());
        leadership.set(Term::Until(Instant::now() + Duration::from_secs(60)));
        assert!(leadership.clone().holds());
        leadership.set(Term::Until(Instant::now()));
        assert!(!leadership.holds());
        assert!(Leadership::unlimited().holds());
    }
}
