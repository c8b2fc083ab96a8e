//! A write whose rules may cost much is tried before anybody has to wait for it.
//!
//! Rules of definitions and policies are evaluated in a dry run beside all other writers. What they said is taken over
//! by the write itself, unless the object, its old state or the policies have changed meanwhile: then they are
//! evaluated once more, with the lock in hand. Parameters of policies are those of the try.

use std::sync::Arc;

use serde_json::Value;

use super::{Call, decode};
use crate::{
    access::admission::{Operation, Policies},
    endpoint::strategy::{self, Part},
    presentation::answer::Answer,
    request::route::Verb,
    status_error::StatusError,
    store::Writer,
};

/// What a call knows from its dry run.
#[derive(Debug, Default)]
pub struct Rehearsal {
    is_on: bool,
    /// Has the client asked for a dry run? Rules are told that.
    pub asked: bool,
    /// What the server made up for a new object: its uid, and its name where it had none.
    pub uid: Option<String>,
    pub name: Option<String>,
    passed: Option<Passed>,
}

impl Rehearsal {
    /// Is the write only tried?
    pub const fn is_on(&self) -> bool {
        self.is_on
    }
}

/// What all rules let pass.
#[derive(Debug)]
struct Passed {
    new: Option<Value>,
    old: Option<Arc<Value>>,
    policies: Arc<Policies>,
    warnings: Vec<String>,
}

/// A write that is judged.
pub struct Judged<'a> {
    pub operation: Operation,
    pub part: Part,
    pub name: &'a str,
    /// None: it is deleted.
    pub new: Option<&'a Value>,
    pub old: Option<&'a Arc<Value>>,
}

/// Tries a write that may cost much. An error is its answer.
pub fn rehearse(
    call: &mut Call<'_>,
    verb: Verb,
    act: impl FnOnce(Verb, &mut Call<'_>) -> Result<Answer, StatusError>,
) -> Result<(), StatusError> {
    let writes = matches!(
        verb,
        Verb::Create | Verb::Update | Verb::Patch | Verb::Delete
    );
    let is_whole = matches!(call.path.subresource.as_deref(), None | Some("status"));
    let schema = call.resource.schema.as_deref();
    let has_rules = schema.is_some_and(crate::schema::Schema::has_rules);
    if !(writes && is_whole && (has_rules || call.core.policies().are_there())) {
        return Ok(());
    }
    let (dry_run, warnings) = (call.query.dry_run, call.warnings.len());
    call.query.dry_run = true;
    call.rehearsal.asked = dry_run;
    call.rehearsal.is_on = true;
    let tried = act(verb, call);
    call.query.dry_run = dry_run;
    call.rehearsal.is_on = false;
    if tried.is_ok() {
        call.warnings.truncate(warnings);
    }
    tried.map(drop)
}

impl<'a> Call<'a> {
    /// Is it a dry run for whoever asks?
    pub(super) fn is_dry_run(&self) -> bool {
        if self.rehearsal.is_on {
            self.rehearsal.asked
        } else {
            self.query.dry_run
        }
    }

    /// The lock that a write holds; a rehearsal needs none.
    pub(super) fn writer(&self) -> Writer<'a> {
        let core = self.core;
        if self.rehearsal.is_on {
            core.store.rehearsal()
        } else {
            core.store.write()
        }
    }

    /// Do the rules of the kind, of its schema and of the policies let the write pass?
    pub(super) fn judge(&mut self, write: &Judged<'_>) -> Result<(), StatusError> {
        let policies = self.core.policies();
        let known = self.rehearsal.passed.take().filter(|known| {
            known.new.as_ref() == write.new
                && known.old.as_ref() == write.old
                && Arc::ptr_eq(&known.policies, &policies)
        });
        if let Some(known) = known {
            self.warnings.extend(known.warnings);
            return Ok(());
        }
        let before = self.warnings.len();
        let old = write.old.map(Arc::as_ref);
        let causes = match (write.new, old) {
            (None, _) => Vec::new(),
            (Some(new), None) => strategy::validate_create(&self.resource, new),
            (Some(new), Some(old)) => {
                strategy::validate_update(&self.resource, write.part, new, old)
            }
        };
        if !causes.is_empty() {
            let (group, kind) = (self.resource.storage_key().0, &self.resource.kind);
            return Err(StatusError::invalid(group, kind, write.name, &causes));
        }
        if let Some(new) = write.new {
            decode::warn_of_finalizers(self, new, old);
        }
        self.admit(write.operation, write.name, write.new, old)?;
        if self.rehearsal.is_on {
            self.rehearsal.passed = Some(Passed {
                new: write.new.cloned(),
                old: write.old.cloned(),
                policies,
                warnings: self.warnings.split_off(before),
            });
        }
        Ok(())
    }
}
