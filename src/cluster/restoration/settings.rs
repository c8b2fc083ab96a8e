//! What people had set on objects that a controller has made again without it: KubeVirt, CDI, storage profiles.
//!
//! What the object says now stays; what it does not say is added from the backup. Items of a list that are missing are
//! added to it, as feature gates and host devices are.

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Restoration, leaving};
use crate::{
    api::name::FIELD_MANAGER,
    cluster::{backup::Entry, event::ObjectName, mode::Mode, retry::Repeat, subject},
    command_id::CommandId,
    failure::{self, Failure, Hint, Kind, Reason},
};

impl Restoration<'_> {
    pub(super) async fn settings(&mut self) {
        for entry in &self.backup.settings {
            let name = entry.object_name();
            match self.set(entry, &name).await {
                Ok(true) => self.restored.changed.push(name),
                Ok(false) => self.restored.existing.push(name),
                Err(failure) => self.restored.failed.push((name, failure)),
            }
        }
    }

    /// Was anything to be put back?
    async fn set(&self, entry: &Entry, name: &ObjectName) -> Result<bool, Failure> {
        /// More conflicts than this mean that somebody rewrites the object all the time.
        const ROUNDS: u32 = 5;
        let doing = format!("put back what was set on {name}");
        let broken = |error: &kube::Error| failure::from_kube(error, &doing);
        let (resource, saved) = self.backup.manifest(entry)?;
        let api = subject::api(self.client, &resource, name);
        for _ in 0..ROUNDS {
            let found = self
                .retry
                .request(&doing, Repeat::Safe, || api.get_opt(&entry.name))
                .await
                .map_err(|error| broken(&error))?;
            let Some(found) = found else {
                return Err(not_there(name));
            };
            if found.metadata.deletion_timestamp.is_some() {
                return Err(leaving("it"));
            }
            let spec = &found.data["spec"];
            let mut wanted = spec.clone();
            let mut ignored = Vec::new();
            add(&mut wanted, &saved["spec"], "spec", &mut ignored);
            for field in ignored {
                let warning =
                    format!("{name}: {field} is set to something else by now, and stays so");
                self.retry.observer().warn(&warning);
            }
            if wanted == *spec {
                return Ok(false);
            }
            if self.wish.mode == Mode::Preview {
                return Ok(true);
            }
            let parameters = PatchParams {
                dry_run: self.wish.mode == Mode::Rehearse,
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patch: Patch<Value> = Patch::Merge(json!({
                "metadata": {
                    "uid": found.metadata.uid,
                    "resourceVersion": found.metadata.resource_version,
                },
                "spec": wanted,
            }));
            let patched: kube::Result<DynamicObject> = self
                .retry
                .request(&doing, Repeat::Safe, || {
                    api.patch(&entry.name, &parameters, &patch)
                })
                .await;
            match patched {
                Ok(_) => return Ok(true),
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        let message = format!("could not {doing}");
        Err(Failure::new(Kind::Conflict, Reason::Conflict, message))
    }
}

/// Adds to a value what only the saved one says; `ignored` takes the fields in which both say something different.
fn add(now: &mut Value, saved: &Value, path: &str, ignored: &mut Vec<String>) {
    match (now, saved) {
        (Value::Object(now), Value::Object(saved)) => {
            for (field, saved) in saved {
                match now.get_mut(field) {
                    Some(now) => add(now, saved, &format!("{path}.{field}"), ignored),
                    None => {
                        now.insert(field.clone(), saved.clone());
                    }
                }
            }
        }
        (Value::Array(now), Value::Array(saved)) => {
            for item in saved {
                if !now.contains(item) {
                    now.push(item.clone());
                }
            }
        }
        (now, saved) if now.is_null() => *now = saved.clone(),
        (now, saved) if now != saved && !saved.is_null() => ignored.push(path.to_owned()),
        _ => {}
    }
}

fn not_there(name: &ObjectName) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::NotFound,
        format!("{name} is not there"),
    )
    .hint(Hint::run(
        "it is made when VM Runtime is turned on",
        CommandId::EnableVmruntime.with("--ensure"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_added_and_what_differs_stays() {
        let mut now = json!({
            "a": {"gates": ["x"], "mine": 1},
            "infra": {},
        });
        let saved = json!({
            "a": {"gates": ["x", "y"], "mine": 2, "more": {"deep": true}},
            "pullSecrets": [{"name": "mirror"}],
        });
        let mut ignored = Vec::new();
        add(&mut now, &saved, "spec", &mut ignored);
        assert_eq!(
            now,
            json!({
                "a": {"gates": ["x", "y"], "mine": 1, "more": {"deep": true}},
                "infra": {},
                "pullSecrets": [{"name": "mirror"}],
            })
        );
        assert_eq!(ignored, ["spec.a.mine"]);
    }
}
