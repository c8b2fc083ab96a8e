//! The fence: while VMs are being deleted, an annotation on the VMRuntime asks the controller to let no new ones in.
//!
//! It names the time when it ends, so that a bmctl that dies leaves no cluster closed. A foreign controller ignores it;
//! the removal then finds what was created meanwhile when it lists again. There is one fence for all who work on a
//! cluster: nobody names an earlier end than the one that stands, and whoever ends gives back what others have named.

use std::{cell::RefCell, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    api::{
        condition::{self, ConditionStatus, kind},
        name::CREATION_FENCE_UNTIL,
    },
    cluster::{
        Retry,
        vmruntime::{self, RuntimeObject},
    },
    failure::Failure,
};

/// How long a fence stands by itself.
pub const LENGTH: Duration = Duration::from_secs(5 * 60);
/// How often it is put up again.
const RENEWAL: Duration = Duration::from_secs(2 * 60);
/// How soon that is tried again where it failed.
const RETRIAL: Duration = Duration::from_secs(20);
/// How long a controller that knows fences may take to close.
const CLOSING: Duration = Duration::from_secs(15);

/// The fence of one run.
pub struct Fence<'a> {
    client: &'a kube::Client,
    retry: &'a Retry<'a>,
    claim: RefCell<Claim>,
}

/// What of the fence is ours. Several bmctl may be at work: whoever ends leaves the others theirs.
#[derive(Debug, Default)]
struct Claim {
    /// The ends that we have named.
    ours: Vec<Timestamp>,
    /// The last end that somebody else has named.
    others: Option<Timestamp>,
}

impl Claim {
    /// The end to name now. Never an earlier one than somebody else has named.
    fn renew(&mut self, stands: Option<Timestamp>, until: Timestamp) -> Timestamp {
        self.meet(stands);
        let until = self.others.map_or(until, |others| others.max(until));
        if !self.ours.contains(&until) {
            self.ours.push(until);
        }
        until
    }

    /// What is to stand when we have ended: somebody else's fence, as long as that one would stand by itself.
    fn end(&mut self, stands: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        self.meet(stands);
        self.others.filter(|others| *others > now)
    }

    fn meet(&mut self, stands: Option<Timestamp>) {
        if let Some(stands) = stands.filter(|stands| !self.ours.contains(stands)) {
            self.others = Some(stands);
        }
    }
}

impl<'a> Fence<'a> {
    /// Puts it up. Also returns the VMRuntime as it is now.
    pub async fn put_up(
        client: &'a kube::Client,
        retry: &'a Retry<'a>,
    ) -> Result<(Self, RuntimeObject), Failure> {
        let fence = Self {
            client,
            retry,
            claim: RefCell::default(),
        };
        let runtime = fence.renew().await?;
        Ok((fence, runtime))
    }

    async fn renew(&self) -> Result<RuntimeObject, Failure> {
        let until = self.retry.now() + LENGTH;
        vmruntime::fence(self.client, self.retry, |stands| {
            Some(self.claim.borrow_mut().renew(stands, until))
        })
        .await
    }

    /// Does the work behind the fence, which is renewed meanwhile. That it cannot be renewed is no reason to stop: what
    /// gets in is seen by the next list.
    pub async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        let renewal = async {
            let mut pause = RENEWAL;
            loop {
                tokio::time::sleep(pause).await;
                pause = match self.renew().await {
                    Ok(_) => RENEWAL,
                    Err(failure) => {
                        let warning = format!("could not keep VM creation closed: {failure}");
                        self.retry.observer().warn(&warning);
                        RETRIAL
                    }
                };
            }
        };
        tokio::select! {
            biased;
            ended = work => ended,
            never = renewal => never,
        }
    }

    /// Waits until the controller lets no VM in, if it is one that says so.
    pub async fn closed(&self, runtime: &RuntimeObject) -> Result<(), Failure> {
        if is_open(runtime) != Some(true) {
            return Ok(());
        }
        let until = Instant::now() + CLOSING;
        let pause = self.retry.pace().settle / 4;
        while Instant::now() < until && self.retry.deadline().allows(pause) {
            tokio::time::sleep(pause).await;
            let now = vmruntime::get(self.client, self.retry).await?;
            if is_open(&now) != Some(true) {
                return Ok(());
            }
        }
        self.retry.observer().warn(
            "the controller has not closed VM creation; VMs that appear now are deleted as well",
        );
        Ok(())
    }

    /// Takes ours away, and leaves standing what somebody else has put up. Where that fails it ends by itself, and it is
    /// said.
    pub async fn lift(self) {
        let now = self.retry.now();
        open(self.client, self.retry, |stands| {
            self.claim.borrow_mut().end(stands, now)
        })
        .await;
    }
}

/// Has somebody put one up?
pub fn stands(runtime: &RuntimeObject) -> bool {
    let annotations = &runtime.raw["metadata"]["annotations"];
    annotations[CREATION_FENCE_UNTIL].is_string()
}

/// Takes the fence away, whoever has put it up. Only where VM Runtime is turned off: the controller then keeps VM creation
/// closed by itself, and a fence that a dead program left would outlast the next enable.
pub async fn clear(client: &kube::Client, retry: &Retry<'_>) {
    open(client, retry, |_| None).await;
}

async fn open(
    client: &kube::Client,
    retry: &Retry<'_>,
    decide: impl FnMut(Option<Timestamp>) -> Option<Timestamp>,
) {
    // Also where the command has run out of time.
    if let Err(failure) = vmruntime::fence(client, &retry.with_grace(), decide).await {
        retry.observer().warn(&format!(
            "could not open VM creation again; it opens by itself within {} minutes: {failure}",
            LENGTH.as_secs() / 60
        ));
    }
}

/// Does the controller let VMs in? `None` where it does not say.
fn is_open(runtime: &RuntimeObject) -> Option<bool> {
    condition::find(&runtime.status().conditions, kind::VM_CREATION_ALLOWED)
        .map(|condition| condition.status == ConditionStatus::True)
}

#[cfg(test)]
mod tests;
