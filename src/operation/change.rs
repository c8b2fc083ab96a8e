//! `enable` and `update`: read the VMRuntime, patch what differs from what is asked, wait until VMs can be run.
//!
//! ```text
//! read ─▶ decide ─▶ (rehearse) ─▶ patch ─▶ wait
//! ```

use std::cell::{Cell, RefCell};

use kube::Client;

use crate::{
    cluster::{
        Mode, Retry,
        vmruntime::{self, DryRun, RuntimeObject, SpecChange},
        wait::{self, Baseline, Outcome, Target, Wait},
    },
    failure::Failure,
    runtime::{
        difference::{self, Difference},
        observed,
    },
};

/// A change of the VMRuntime's spec: where, and how.
pub struct Change<'a> {
    pub client: &'a Client,
    pub retry: &'a Retry<'a>,
    pub mode: Mode,
    pub wait: bool,
    pub fail_fast: bool,
    pub progress: &'a ChangeProgress,
}

/// How far it came and what was done, also when it is dropped in the middle.
#[derive(Default)]
pub struct ChangeProgress {
    pub step: Cell<Step>,
    /// The VMRuntime as it was read.
    pub before: RefCell<Option<RuntimeObject>>,
    /// What was sent, once the API server has taken any of it.
    pub sent: Cell<Option<SpecChange>>,
    /// What differs since, or would.
    pub changed: RefCell<Vec<Difference>>,
}

/// How far it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    #[default]
    Untouched,
    /// The API server was told, and has not answered.
    Asked,
    /// Everything is as asked, and the cluster acts on it.
    Taken,
}

/// How a change ends that does not fail.
pub enum Ending {
    /// Everything was as asked before, and nothing is waited for.
    AlreadySo,
    /// It was only asked what would be changed.
    Previewed,
    /// It was not waited for.
    Unattended,
    Waited(Box<Outcome>),
}

impl Change<'_> {
    /// Turns VM Runtime on with what is asked. Where it is on and ready already, that is all, unless `ensure` asks to
    /// apply settings and to wait all the same.
    pub async fn enable(&self, asked: SpecChange, ensure: bool) -> Result<Ending, Failure> {
        let before = self.read().await?;
        let spec = &before.object.spec;
        if spec.enabled && observed::is_ready(&before.object) && !ensure {
            return Ok(Ending::AlreadySo);
        }
        if self.mode != Mode::Change {
            return self.preview(&before, asked).await;
        }
        if asked.differing_from(spec) == SpecChange::default() {
            let note = "VM Runtime is already enabled; nothing is changed";
            return self.until_ready_as_it_is(before, asked, note).await;
        }
        let baseline = self.patch(before, asked, "Turning VM Runtime on").await?;
        self.until_ready(baseline).await
    }

    /// Changes these settings, whether VM Runtime is enabled or not. Where they are as asked and it is enabled, it is looked
    /// whether it is ready with them: an earlier run may not have seen the end of it, or a failed check.
    pub async fn update(&self, asked: SpecChange) -> Result<Ending, Failure> {
        let before = self.read().await?;
        if asked.differing_from(&before.object.spec) == SpecChange::default() {
            if !self.wait || self.mode != Mode::Change || !before.object.spec.enabled {
                return Ok(Ending::AlreadySo);
            }
            let note = "The settings are already as asked; nothing is changed";
            return self.until_ready_as_it_is(before, asked, note).await;
        }
        if self.mode != Mode::Change {
            return self.preview(&before, asked).await;
        }
        let baseline = self.patch(before, asked, "Changing VM Runtime").await?;
        if baseline.object.object.spec.enabled {
            self.until_ready(baseline).await
        } else {
            Ok(Ending::Unattended)
        }
    }

    async fn read(&self) -> Result<RuntimeObject, Failure> {
        self.retry.observer().step("Reading VM Runtime");
        let before = vmruntime::get(self.client, self.retry).await?;
        self.progress.before.replace(Some(before.clone()));
        Ok(before)
    }

    /// What the change would do; nothing is stored. Where the API server is asked, its policies have their say.
    async fn preview(&self, before: &RuntimeObject, asked: SpecChange) -> Result<Ending, Failure> {
        let change = asked.differing_from(&before.object.spec);
        let after = if self.mode == Mode::Rehearse {
            self.retry.observer().step("Asking the API server");
            let patched =
                vmruntime::patch(self.client, self.retry, before, &change, DryRun::Server).await?;
            vmruntime::kept(asked, &patched.runtime)?;
            patched.runtime.raw
        } else {
            vmruntime::rehearsed(before, change)
        };
        let changed = difference::of_object(&before.raw, &after);
        self.progress.changed.replace(changed);
        Ok(Ending::Previewed)
    }

    /// Patches what of the VMRuntime that was read is not as asked. `headline` says it to people.
    async fn patch(
        &self,
        before: RuntimeObject,
        asked: SpecChange,
        headline: &str,
    ) -> Result<Baseline, Failure> {
        let change = asked.differing_from(&before.object.spec);
        self.retry.observer().step(headline);
        self.progress.step.set(Step::Asked);
        let after = vmruntime::patch(self.client, self.retry, &before, &change, DryRun::No).await?;
        self.progress.step.set(Step::Taken);
        let changed = difference::of_object(&before.raw, &after.runtime.raw);
        self.progress
            .sent
            .set((!changed.is_empty()).then_some(change));
        self.progress.changed.replace(changed);
        vmruntime::kept(asked, &after.runtime)?;
        Ok(Baseline::patched(&before, after).asking(asked))
    }

    /// Without a change, of which people are told this.
    async fn until_ready_as_it_is(
        &self,
        before: RuntimeObject,
        asked: SpecChange,
        note: &str,
    ) -> Result<Ending, Failure> {
        self.retry.observer().note(note);
        self.progress.step.set(Step::Taken);
        let baseline = Baseline::unchanged(before).asking(asked);
        self.until_ready(baseline).await
    }

    async fn until_ready(&self, baseline: Baseline) -> Result<Ending, Failure> {
        if !self.wait {
            return Ok(Ending::Unattended);
        }
        let wait = Wait {
            target: Target::Ready,
            baseline: Some(baseline),
            fail_fast: self.fail_fast,
        };
        let outcome = wait::until(self.client, &wait, self.retry).await?;
        Ok(Ending::Waited(Box::new(outcome)))
    }
}
