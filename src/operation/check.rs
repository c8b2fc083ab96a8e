//! `check`: find the preflight check that is asked for, or create one, wait for its result, and look at what stands
//! beside it.
//!
//! ```text
//! find or create ─▶ wait ─▶ compare with the nodes ─▶ read the other checks ─▶ (delete old ones)
//! ```

use std::cell::RefCell;

use kube::{Client, ResourceExt as _};

use crate::{
    api::{VMRuntimePreflightCheck, name::SYSTEM_NAMESPACE},
    cluster::{
        Mode, Retry, node,
        preflight_check::{self, Naming},
        vmruntime::{self, DryRun},
        wait::{self, Outcome, Reached, Target, Wait, difference},
    },
    command_id::CommandId,
    failure::{Failure, Hint, Kind, Reason},
    runtime::{
        preflight::{CheckFacts, superfluous},
        selection,
        verdict::{self, Verdict},
    },
};

/// A preflight check: where, and which.
pub struct Check<'a> {
    pub client: &'a Client,
    pub retry: &'a Retry<'a>,
    pub which: Which,
    /// How the check that is created is called.
    pub naming: Naming,
    pub mode: Mode,
    pub wait: bool,
    pub fail_fast: bool,
    /// The nodes that are judged; `None`: all.
    pub selected: Option<&'a [String]>,
    /// All finished checks but so many are deleted.
    pub keep: Option<usize>,
    /// Are the other checks asked for, whatever this one says?
    pub with_history: bool,
    pub progress: &'a CheckProgress,
}

/// Which check it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    New,
    /// The newest that runs; a new one where none does.
    Running,
    /// The newest that there is, finished or not.
    Latest,
}

/// How far it came, also when it is dropped in the middle.
#[derive(Default)]
pub struct CheckProgress {
    /// The check that was created.
    pub created: RefCell<Option<String>>,
    /// The check that is waited for.
    pub followed: RefCell<Option<String>>,
}

/// How a check ends that does not fail.
pub enum Ending {
    /// It was only asked whether it could be created.
    Previewed,
    /// It was not waited for.
    Unattended,
    Finished(Box<Finished>),
}

/// The result, and what stands beside it. None of that changes the verdict, so what cannot be read is a warning.
#[derive(Default)]
pub struct Finished {
    pub reached: Reached,
    /// The nodes that get no check; `None`: not known.
    pub skipped: Option<Vec<String>>,
    /// All checks, the newest first; empty where they are of no interest.
    pub all: Vec<VMRuntimePreflightCheck>,
    /// The checks that were deleted.
    pub removed: Vec<String>,
    pub warnings: Vec<String>,
}

/// The check that is judged.
enum Found {
    /// It has to finish yet.
    Running(String),
    /// As it was read.
    Read(Box<VMRuntimePreflightCheck>),
}

impl Check<'_> {
    /// Does all of it, or says why not.
    pub async fn run(&self) -> Result<Ending, Failure> {
        let found = match self.existing().await? {
            Some(found) => found,
            None => match self.create().await? {
                Some(name) => Found::Running(name),
                None => return Ok(Ending::Previewed),
            },
        };
        let reached = match found {
            Found::Read(check) => self.compared(*check).await,
            Found::Running(name) => {
                self.progress.followed.replace(Some(name.clone()));
                if !self.wait {
                    return Ok(Ending::Unattended);
                }
                self.until_finished(name).await?
            }
        };
        let finished = self.look_beside(reached).await;
        Ok(Ending::Finished(Box::new(finished)))
    }

    /// The check that is there already, where one is asked for.
    async fn existing(&self) -> Result<Option<Found>, Failure> {
        if self.which == Which::New {
            return Ok(None);
        }
        self.retry.observer().step("Reading the preflight checks");
        let checks = preflight_check::list(self.client, self.retry).await?;
        let finished = |check: &VMRuntimePreflightCheck| {
            check
                .status
                .as_ref()
                .is_some_and(|status| status.pass.is_some())
        };
        let mut living = checks
            .into_iter()
            .filter(|check| check.metadata.deletion_timestamp.is_none());
        if self.which == Which::Running {
            let running = living.find(|check| !finished(check));
            let note = match &running {
                Some(check) => format!("following {}", check.name_any()),
                None => "no preflight check is running; starting one".to_owned(),
            };
            self.retry.observer().note(&note);
            return Ok(running.map(|check| Found::Running(check.name_any())));
        }
        match living.next() {
            Some(check) if finished(&check) || !self.wait => Ok(Some(Found::Read(Box::new(check)))),
            Some(check) => Ok(Some(Found::Running(check.name_any()))),
            None => Err(Failure::new(
                Kind::NotInstalled,
                Reason::NotFound,
                format!("there is no preflight check in namespace {SYSTEM_NAMESPACE} yet"),
            )
            .hint(Hint::run("to start one", CommandId::CheckVmruntimepfc))),
        }
    }

    /// The name of the new check; `None` where none is to be created.
    async fn create(&self) -> Result<Option<String>, Failure> {
        let dry_run = match self.mode {
            Mode::Change => DryRun::No,
            Mode::Preview => return Ok(None),
            Mode::Rehearse => DryRun::Server,
        };
        self.retry.observer().step("Starting a preflight check");
        preflight_check::create(self.client, self.retry, &self.naming, dry_run).await?;
        if dry_run == DryRun::Server {
            return Ok(None);
        }
        let name = self.naming.name().to_owned();
        let note = format!("check created: {name}");
        self.retry.observer().note(&note);
        self.progress.created.replace(Some(name.clone()));
        Ok(Some(name))
    }

    async fn compared(&self, check: VMRuntimePreflightCheck) -> Reached {
        let mut reached = Reached {
            warnings: difference(&check).into_iter().collect(),
            check: Some(check),
            ..Reached::default()
        };
        wait::nodes::compare(self.client, self.retry, &mut reached).await;
        reached
    }

    async fn until_finished(&self, name: String) -> Result<Reached, Failure> {
        let wait = Wait {
            target: Target::Preflight { name },
            baseline: None,
            fail_fast: self.fail_fast,
        };
        let outcome = wait::until(self.client, &wait, self.retry).await?;
        let (Outcome::Reached(reached) | Outcome::CheckFailed(reached)) = outcome;
        Ok(reached)
    }

    /// Which nodes were left out, and the other checks, where they are of interest.
    async fn look_beside(&self, reached: Reached) -> Finished {
        let mut finished = Finished::default();
        let mut warn = |what: &str, failure: &Failure| {
            let warning = format!("{what}: {}", failure.root_cause());
            finished.warnings.push(warning);
        };
        match node::skipped(self.client, self.retry).await {
            Ok(names) => finished.skipped = Some(names),
            Err(failure) => warn("which nodes are left out could not be read", &failure),
        }
        let keep = self.keep.filter(|_| self.mode == Mode::Change);
        let failed = reached.check.as_ref().is_some_and(|check| {
            let judged = selection::judged(check, self.selected);
            verdict::judge(judged.status.as_ref()).verdict == Verdict::Failed
        });
        let wanted = reached.check.is_some() && (failed || keep.is_some() || self.with_history);
        if wanted {
            match preflight_check::list(self.client, self.retry).await {
                Ok(checks) => finished.all = checks,
                Err(failure) => warn("the earlier preflight checks could not be read", &failure),
            }
        }
        if let Some(keep) = keep.filter(|_| !finished.all.is_empty()) {
            match self.remove(keep, &finished.all).await {
                Ok(removed) => finished.removed = removed,
                Err(failure) => warn("old preflight checks could not be deleted", &failure),
            }
        }
        finished.reached = reached;
        finished
    }

    /// Deletes what nobody needs; the names of what is gone.
    async fn remove(
        &self,
        keep: usize,
        checks: &[VMRuntimePreflightCheck],
    ) -> Result<Vec<String>, Failure> {
        let stood_on = match vmruntime::get(self.client, self.retry).await {
            Ok(runtime) => runtime.check_name(),
            Err(failure) if failure.kind == Kind::NotInstalled => None,
            Err(failure) => return Err(failure),
        };
        let facts: Vec<CheckFacts> = checks.iter().map(CheckFacts::read).collect();
        let needed: Vec<&str> = stood_on.as_deref().into_iter().collect();
        let mut removed = Vec::new();
        for check in superfluous(&facts, keep, &needed) {
            preflight_check::delete(self.client, self.retry, &check.name, &check.uid).await?;
            removed.push(check.name.clone());
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;
    use crate::cluster::script::{self, Answer};

    /// Two finished checks, of which one is to stay. Which were deleted?
    async fn deleted(mode: Mode) -> Vec<String> {
        let check = |name: &str, second: u8| {
            let time = format!("2026-11-23T08:00:0{second}Z");
            json!({
                "metadata": {"name": name, "uid": name, "creationTimestamp": time},
                "spec": {},
                "status": {
                    "pass": true, "completionTime": time,
                    "checks": {"n1": {"passed": true, "results": [{"checkName": "CPU", "passed": true}]}},
                },
            })
        };
        let gone = Arc::new(Mutex::new(Vec::new()));
        let seen = gone.clone();
        let client = script::client(move |call| match (call.method.as_str(), &*call.path) {
            ("DELETE", path) => {
                seen.lock().unwrap().push(path.to_owned());
                Answer::json(&json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
            }
            (_, path) if path.ends_with("/vmruntimepreflightchecks") => Answer::json(&json!({
                "metadata": {"resourceVersion": "9"}, "items": [check("old", 1), check("new", 2)],
            })),
            _ => Answer::nothing_served(call),
        });
        let progress = CheckProgress::default();
        let check = Check {
            client: &client,
            retry: &Retry::once(),
            which: Which::Latest,
            naming: Naming::Unique("unused".to_owned()),
            mode,
            wait: true,
            fail_fast: true,
            selected: None,
            keep: Some(1),
            with_history: false,
            progress: &progress,
        };
        assert!(matches!(check.run().await, Ok(Ending::Finished(_))));
        let gone = gone.lock().unwrap();
        gone.iter()
            .map(|path| path.rsplit('/').next().unwrap_or_default().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_dry_run_deletes_no_old_check() {
        assert_eq!(deleted(Mode::Change).await, ["old"]);
        assert!(deleted(Mode::Preview).await.is_empty());
        assert!(deleted(Mode::Rehearse).await.is_empty());
    }
}
