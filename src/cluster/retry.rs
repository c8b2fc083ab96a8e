//! Requests that are made again when that may help, within one deadline, and never silently.
//!
//! kube's own retries are off (they are silent and nearly endless); every request of this module goes through [`Retry`].

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use rand::Rng;

use super::{
    clock::Clock,
    deadline::Deadline,
    event::{Event, Observer, Silent},
};
use crate::failure::{self, OutOfTime, RequestTimedOut, Transience};

/// May a request be sent again after a failure that leaves open whether the server carried it out?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Reads, and writes with a precondition that a second execution would fail.
    Safe,
    /// A write that must not happen twice: only where it surely was not carried out.
    OnlyIfNotCarriedOut,
}

/// How requests are repeated: until when, and before whose eyes.
pub struct Retry<'a> {
    deadline: Deadline,
    clock: Clock,
    observer: &'a dyn Observer,
    /// Has this cluster ever answered? Before that, an unreachable one is a wrong address more often than an outage.
    contacted: AtomicBool,
    pace: Pace,
    /// How many tries one request gets; `None`: as many as fit before the deadline.
    tries: Option<u32>,
}

/// How many tries a request gets that nobody waits for in earnest: about a quarter of a minute.
const TRIES: u32 = 8;

/// Delays between tries and looks. The defaults are for people; tests use shorter ones.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Before the second try; doubled for each further one, and then jittered.
    pub first: Duration,
    pub longest: Duration,
    /// How many tries an address gets that has never answered.
    pub first_contact_tries: u32,
    /// Between two looks that must agree.
    pub settle: Duration,
    /// How long a deletion may take before it is looked what is in its way. What is found is said.
    pub explain: Duration,
    /// How long a deletion may take before it is called stuck, whether a cause is found or not.
    pub stuck: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(5),
            first_contact_tries: 3,
            settle: Duration::from_secs(1),
            explain: Duration::from_secs(10),
            stuck: Duration::from_secs(120),
        }
    }
}

#[cfg(test)]
impl Pace {
    /// So short that no test notices.
    pub(crate) const QUICK: Self = Self {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(2),
        first_contact_tries: 3,
        settle: Duration::from_millis(1),
        explain: Duration::from_millis(10),
        stuck: Duration::from_millis(20),
    };
}

impl Pace {
    /// The delay after so many failed tries: exponential, with half of it left to chance so that clients spread out.
    #[must_use]
    pub fn delay(&self, tried: u32) -> Duration {
        let full = self
            .first
            .saturating_mul(1 << tried.saturating_sub(1).min(16))
            .min(self.longest);
        full.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

impl<'a> Retry<'a> {
    #[must_use]
    pub fn new(deadline: Deadline, observer: &'a dyn Observer) -> Self {
        Self {
            deadline,
            clock: Clock::start(),
            observer,
            contacted: AtomicBool::new(false),
            pace: Pace::default(),
            tries: Some(TRIES),
        }
    }

    /// The same, but as long as the deadline allows: for requests in the middle of an operation that cannot be left
    /// half done.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self {
            deadline: self.deadline,
            clock: self.clock,
            observer: self.observer,
            contacted: AtomicBool::new(true),
            pace: self.pace,
            tries: None,
        }
    }

    /// The same, but a little longer: for what has to be left in order.
    #[must_use]
    pub fn with_grace(&self) -> Self {
        self.until(self.deadline.with_grace())
    }

    /// The same, for a question that is asked once, before nobody's eyes.
    #[must_use]
    pub fn looking_once(&self) -> Self {
        Self {
            observer: &Silent,
            ..self.until(self.deadline.looking_once())
        }
    }

    fn until(&self, deadline: Deadline) -> Self {
        Self {
            deadline,
            clock: self.clock,
            observer: self.observer,
            contacted: AtomicBool::new(self.contacted.load(Ordering::Relaxed)),
            pace: self.pace,
            tries: self.tries,
        }
    }

    /// With other delays.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    #[must_use]
    pub fn observer(&self) -> &'a dyn Observer {
        self.observer
    }

    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Makes a request, and makes it again as long as that may help and there is time. The error that is returned is
    /// the last one seen.
    ///
    /// `doing` says what is done, for example `read vmruntime`.
    pub async fn request<T, F>(
        &self,
        doing: &str,
        repeat: Repeat,
        mut request: impl FnMut() -> F,
    ) -> kube::Result<T>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let mut tried = 0;
        let mut before = None;
        loop {
            tried += 1;
            let answer = match self.in_time(Box::pin(request())).await {
                Ok(answer) => answer,
                // The time was over before this try told anything; what the one before met says more.
                Err(over) => return Err(before.unwrap_or(over)),
            };
            if matches!(answer, Ok(_) | Err(kube::Error::Api(_))) {
                self.contacted.store(true, Ordering::Relaxed);
            }
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(after) = self.next_delay(&error, repeat, tried) else {
                return Err(error);
            };
            self.observer.event(&Event::Retrying {
                doing: doing.to_owned(),
                tried,
                after,
                why: failure::from_kube(&error, doing).root_cause().to_owned(),
            });
            before = Some(error);
            tokio::time::sleep(after).await;
        }
    }

    /// The command's own time is over for every request in it: an error then, with no answer. Where nothing is left,
    /// nothing is sent.
    async fn in_time<T>(
        &self,
        request: impl Future<Output = kube::Result<T>>,
    ) -> kube::Result<kube::Result<T>> {
        let (Some(left), Some(budget)) = (self.deadline.remaining(), self.deadline.budget()) else {
            return Ok(request.await);
        };
        if left.is_zero() {
            return Err(kube::Error::Service(OutOfTime { budget }.into()));
        }
        let error = RequestTimedOut { after: budget };
        tokio::time::timeout(left, request)
            .await
            .map_err(|_| kube::Error::Service(error.into()))
    }

    /// How long to wait before the next try; `None` if there is none.
    fn next_delay(&self, error: &kube::Error, repeat: Repeat, tried: u32) -> Option<Duration> {
        let asked = match (failure::transience(error), repeat) {
            (Transience::Permanent, _)
            | (Transience::MayBeCarriedOut { .. }, Repeat::OnlyIfNotCarriedOut) => return None,
            (Transience::NotCarriedOut { retry_after }, _)
            | (Transience::MayBeCarriedOut { retry_after }, Repeat::Safe) => retry_after,
        };
        if self.tries.is_some_and(|tries| tried >= tries) {
            return None;
        }
        let first_contact = !self.contacted.load(Ordering::Relaxed);
        if first_contact && tried >= self.pace.first_contact_tries {
            return None;
        }
        let delay = asked.unwrap_or_default().max(self.pace.delay(tried));
        self.deadline.allows(delay).then_some(delay)
    }
}

impl Retry<'static> {
    /// Nothing is repeated: for a controller, which comes round again anyway.
    #[must_use]
    pub fn once() -> Self {
        let mut retry = Self::new(Deadline::never(), &Silent);
        retry.tries = Some(1);
        retry
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use kube::core::Status;
    use proptest::prelude::*;

    use super::*;
    use crate::cluster::script::Recorder;

    type Fails = fn() -> kube::Error;

    fn answer(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(Status::failure("no", "").with_code(code)))
    }

    fn broken() -> kube::Error {
        kube::Error::Service(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
    }

    /// How often a request is made that fails like this for ever, after `successes` that went well.
    async fn tries(retry: &Retry<'_>, repeat: Repeat, successes: u32, error: Fails) -> u32 {
        for _ in 0..successes {
            let ok = retry.request("x", repeat, || async { Ok(()) }).await;
            assert!(ok.is_ok());
        }
        let tried = AtomicU32::new(0);
        let result: kube::Result<()> = retry
            .request("x", repeat, || {
                tried.fetch_add(1, Ordering::Relaxed);
                async { Err(error()) }
            })
            .await;
        assert!(result.is_err());
        tried.load(Ordering::Relaxed)
    }

    fn quick(observer: &dyn Observer) -> Retry<'_> {
        Retry::new(Deadline::after(Duration::from_secs(60)), observer).with_pace(Pace::QUICK)
    }

    #[tokio::test]
    async fn how_often_what_is_tried() {
        use Repeat::{OnlyIfNotCarriedOut, Safe};
        let cases: [(u32, Repeat, Fails, u32); 8] = [
            // An address that has never answered gets little time.
            (0, Safe, broken, 3),
            // One that answers is there.
            (0, Safe, || answer(503), TRIES),
            (1, Safe, broken, TRIES),
            (1, Safe, || answer(503), TRIES),
            (1, Safe, || answer(403), 1),
            (1, OnlyIfNotCarriedOut, || answer(503), 1),
            (1, OnlyIfNotCarriedOut, broken, 1),
            (1, OnlyIfNotCarriedOut, || answer(429), TRIES),
        ];
        for (successes, repeat, error, expected) in cases {
            let retry = quick(&Silent);
            let tried = tries(&retry, repeat, successes, error).await;
            assert_eq!(tried, expected, "{successes} {repeat:?} {}", error());
        }
        assert_eq!(tries(&Retry::once(), Safe, 1, broken).await, 1);
    }

    #[tokio::test]
    async fn no_try_is_begun_that_could_not_end_in_time() {
        let retry = Retry::new(Deadline::after(Duration::ZERO), &Silent).patient();
        assert_eq!(tries(&retry, Repeat::Safe, 1, broken).await, 1);
        let soon = Deadline::after(Duration::from_millis(50));
        let retry = Retry::new(soon, &Silent).with_pace(Pace::QUICK).patient();
        let tried = tries(&retry, Repeat::Safe, 1, broken).await;
        assert!(tried > TRIES || soon.passed(), "{tried} tries");
    }

    #[tokio::test]
    async fn no_request_outlives_the_deadline() {
        let deadline = Deadline::after(Duration::from_millis(50));
        let retry = Retry::new(deadline, &Silent);
        let never = || std::future::pending::<kube::Result<()>>();
        let error = retry.request("x", Repeat::Safe, never).await.unwrap_err();
        let failure = failure::from_kube(&error, "x");
        assert_eq!(failure.kind, failure::Kind::Unreachable);
        assert_eq!(failure.causes, ["no answer within 50ms"]);
    }

    #[tokio::test]
    async fn nothing_is_sent_when_the_time_is_over() {
        let deadline = Deadline::after(Duration::from_nanos(1));
        while !deadline.expired() {
            tokio::task::yield_now().await;
        }
        let retry = Retry::new(deadline, &Silent).patient();
        for retry in [&retry, &retry.looking_once()] {
            let sent = AtomicU32::new(0);
            let request = || async {
                sent.fetch_add(1, Ordering::Relaxed);
                Ok(())
            };
            let error = retry.request("x", Repeat::Safe, request).await.unwrap_err();
            assert_eq!(
                failure::from_kube(&error, "x").kind,
                failure::Kind::TimedOut
            );
            assert_eq!(sent.into_inner(), 0);
        }
        let in_order = || async { Ok(()) };
        let grace = retry.with_grace();
        assert!(grace.request("x", Repeat::Safe, in_order).await.is_ok());
    }

    #[tokio::test]
    async fn every_retry_is_told() {
        let recorder = Recorder::default();
        tries(&quick(&recorder), Repeat::Safe, 0, broken).await;
        let events = recorder.events();
        assert_eq!(events.len(), 2);
        assert!(matches!(&events[1], Event::Retrying { doing, tried: 2, .. } if doing == "x"));
    }

    proptest! {
        #[test]
        fn delays_grow_up_to_the_longest_and_are_never_nothing(tried in 1u32..1000) {
            let pace = Pace::default();
            let delay = pace.delay(tried);
            prop_assert!(delay >= pace.first / 2 && delay <= pace.longest);
        }
    }
}
