//! Disks that stay are taken off their owners before these go, so that nothing collects them.

use kube::{
    Api,
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use serde_json::{Value, json};

use super::{Fate, Removal, Why};
use crate::{
    api::name::FIELD_MANAGER,
    cluster::{
        inventory::{Uid, Workload},
        retry::Repeat,
    },
    failure::{self, Failure, Kind, Reason},
};

impl Removal<'_, '_> {
    /// Takes every disk that is to stay off the objects that go.
    pub(super) async fn detach(&mut self) -> Result<(), Failure> {
        let mut detached = false;
        for at in 0..self.plan.objects.len() {
            let planned = &self.plan.objects[at];
            if planned.fate == Fate::Kept(Why::Asked) && self.has_living_owner(&planned.workload) {
                let owners = self.detach_one(&planned.workload).await?;
                self.plan.objects[at].workload.owners = owners;
                detached = true;
            }
        }
        if detached {
            // A controller that wants the owner back puts it back now, as long as that one is there: once it is gone,
            // the disk would be collected with it.
            tokio::time::sleep(self.retry.pace().settle).await;
        }
        Ok(())
    }

    /// Returns who still owns it. The controller that put the owner there may put it back as long as that exists; the
    /// deletion of the owner therefore leaves its dependents behind as well.
    async fn detach_one(&self, disk: &Workload) -> Result<Box<[Uid]>, Failure> {
        /// More conflicts than this mean that somebody rewrites the object all the time.
        const ROUNDS: u32 = 10;
        let doing = format!("detach {} from its owner", disk.object_name());
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &disk.namespace, &disk.resource());
        let broken = |error: &kube::Error| failure::from_kube(error, &doing);
        for _ in 0..ROUNDS {
            let found = self
                .retry
                .request(&doing, Repeat::Safe, || api.get_metadata_opt(&disk.name))
                .await
                .map_err(|error| broken(&error))?;
            let metadata = match found {
                Some(found) if found.metadata.uid == Some(disk.uid.to_string()) => found.metadata,
                // It is gone, or another one: nothing of ours to keep.
                Some(_) | None => return Ok(Box::default()),
            };
            let (goes, stays): (Vec<_>, Vec<_>) = metadata
                .owner_references
                .unwrap_or_default()
                .into_iter()
                .partition(|owner| self.is_doomed(&Uid::from(owner.uid.as_str())));
            let left = stays
                .iter()
                .map(|owner| Uid::from(owner.uid.as_str()))
                .collect();
            if goes.is_empty() {
                return Ok(left);
            }
            let owners = if stays.is_empty() {
                Value::Null
            } else {
                json!(stays)
            };
            let patch = Patch::Merge(json!({"metadata": {
                "uid": disk.uid.to_string(),
                "resourceVersion": metadata.resource_version,
                "ownerReferences": owners,
            }}));
            let parameters = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patched = self
                .retry
                .request(&doing, Repeat::Safe, || {
                    api.patch_metadata(&disk.name, &parameters, &patch)
                })
                .await;
            match patched {
                Ok(_) => return Ok(left),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        Err(Failure::new(
            Kind::Conflict,
            Reason::Conflict,
            format!("could not {doing}"),
        )
        .caused_by(format!(
            "somebody else changed it at the same time, {ROUNDS} times in a row"
        )))
    }

    fn is_doomed(&self, uid: &Uid) -> bool {
        self.places
            .find(uid)
            .is_some_and(|at| !matches!(self.plan.objects[at].fate, Fate::Kept(_)))
    }
}
