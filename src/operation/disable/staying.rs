//! The disks that were shown to stay: that they do is looked at in the end, as it is not for bmctl alone to say.

use std::collections::{BTreeMap, BTreeSet};

use super::newcomer::naming;
use crate::{
    cluster::{
        Observer,
        event::ObjectName,
        inventory::{Inventory, Uid},
        removal::Plan,
    },
    failure::{Failure, Kind, Reason},
};

/// By UID.
pub(super) struct Staying(BTreeMap<Uid, ObjectName>);

impl Staying {
    pub fn of(plan: &Plan) -> Self {
        let disks = plan.kept().map(|(disk, _)| disk);
        // What somebody else deletes does not stay.
        let disks = disks.filter(|disk| disk.deleting.is_none());
        let named = disks.map(|disk| (disk.uid.clone(), disk.object_name()));
        Self(named.collect())
    }

    /// Only of our own controller it is known that it leaves CDI where there are disks.
    pub fn warn(&self, observer: &dyn Observer) {
        let disks = match self.0.len() {
            0 => return,
            1 => "1 disk is".to_owned(),
            count => format!("{count} disks are"),
        };
        observer.warn(&format!(
            "{disks} to stay; whether the controller of this cluster leaves CDI is not known: if it does not, the \
             contents are lost"
        ));
    }

    pub fn are_there(&self, inventory: &Inventory) -> Result<(), Failure> {
        let there: BTreeSet<&Uid> = inventory.disks.iter().map(|disk| &disk.uid).collect();
        let gone: Vec<String> = self
            .0
            .iter()
            .filter(|(uid, _)| !there.contains(uid))
            .map(|(_, name)| name.to_string())
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let message = match gone.len() {
            1 => "1 disk that was to stay is gone".to_owned(),
            count => format!("{count} disks that were to stay are gone"),
        };
        let failure = Failure::new(Kind::OperationFailed, Reason::DisksGone, message);
        Err(naming(failure, "gone", &gone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{WorkloadRole, workload::removal_order},
        cluster::{
            inventory::Workload,
            removal::{Disks, LeftOver},
        },
    };

    fn disk(uid: &str) -> Workload {
        Workload {
            kind: removal_order()
                .find(|kind| kind.role == WorkloadRole::Disk)
                .unwrap(),
            version: "v1".into(),
            namespace: "ns".into(),
            name: uid.into(),
            uid: uid.into(),
            state: None,
            created: None,
            deleting: None,
            finalizers: [].into(),
            owners: Box::default(),
            generated: false,
            uses: Box::default(),
        }
    }

    fn of(disks: &[&str]) -> Inventory {
        Inventory {
            disks: disks.iter().map(|uid| disk(uid)).collect(),
            ..Inventory::default()
        }
    }

    #[test]
    fn a_disk_that_was_to_stay_and_is_gone_is_named() {
        let plan = Plan::new(of(&["a", "b"]), Disks::Delete, &LeftOver::default());
        let staying = Staying::of(&plan);
        assert!(staying.are_there(&of(&["c", "b", "a"])).is_ok());
        let failure = staying.are_there(&of(&["b"])).unwrap_err();
        assert_eq!(failure.reason, Reason::DisksGone);
        assert!(failure.causes[0].ends_with(" ns/a"), "{failure:?}");
        assert_eq!(failure.causes.len(), 1);
    }
}
