//! The disks that were shown to stay: that they do is looked at in the end, as it is not for bmctl alone to say.
//!
//! Of our own controller it is known that it leaves CDI where there are disks. Another one may remove CDI with its
//! definitions, and with these all DataVolumes and what they own. So their claims are released from them before.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;

use super::newcomer::naming;
use crate::{
    api::engine::CDI_GROUP,
    cluster::{
        Retry,
        event::ObjectName,
        inventory::{Dependent, Inventory, Uid, Workload},
        removal::{self, At, Plan},
    },
    failure::{Failure, Kind, Reason},
    runtime::verdict,
};

pub(super) struct Staying {
    /// By UID.
    disks: BTreeMap<Uid, ObjectName>,
    /// Those of them that would go with CDI.
    of_cdi: BTreeMap<Uid, At>,
    /// What was released from them, by the disks that owned it.
    contents: Vec<Dependent>,
}

impl Staying {
    pub fn of(plan: &Plan) -> Self {
        let disks = plan.kept().map(|(disk, _)| disk);
        // What somebody else deletes does not stay.
        let disks: Vec<_> = disks.filter(|disk| disk.deleting.is_none()).collect();
        let of_cdi = disks.iter().filter(|disk| disk.kind.group == CDI_GROUP);
        let at = |disk: &Workload| (disk.namespace.clone(), disk.name.clone());
        Self {
            of_cdi: of_cdi.map(|disk| (disk.uid.clone(), at(disk))).collect(),
            disks: disks
                .iter()
                .map(|disk| (disk.uid.clone(), disk.object_name()))
                .collect(),
            contents: Vec::new(),
        }
    }

    /// What a controller that is not ours may do to them; `None`: there is nothing of that kind.
    pub fn danger(&self) -> Option<String> {
        let disks = match self.of_cdi.len() {
            0 => return None,
            1 => "1 DataVolume is".to_owned(),
            count => format!("{count} DataVolumes are"),
        };
        Some(format!(
            "{disks} to stay; whether the controller of this cluster leaves CDI is not known: their claims are released \
             from them, and stay without them"
        ))
    }

    /// Releases what they hold from them.
    pub async fn release(&mut self, client: &Client, retry: &Retry<'_>) -> Result<(), Failure> {
        if !self.of_cdi.is_empty() {
            retry
                .observer()
                .step("Releasing the claims of disks that stay");
            let retry = retry.patient();
            self.contents = removal::release_contents(client, &retry, &self.of_cdi).await?;
        }
        Ok(())
    }

    /// Looks whether every one of them is left, or what it holds; of these it is said.
    pub async fn are_there(
        &self,
        inventory: &Inventory,
        client: &Client,
        retry: &Retry<'_>,
    ) -> Result<(), Failure> {
        let there: BTreeSet<&Uid> = inventory.disks.iter().map(|disk| &disk.uid).collect();
        if self.disks.keys().all(|uid| there.contains(uid)) {
            return Ok(());
        }
        let contents = removal::still_there(client, retry, &self.contents).await?;
        let (gone, left) = self.without(&there, &contents);
        if !left.is_empty() {
            let named = verdict::listed(left.iter().map(String::as_str));
            retry.observer().warn(&format!(
                "disks are gone with CDI, and what they hold is left: {named}"
            ));
        }
        refuse(&gone)
    }

    /// The disks that are gone, and what is left of others that are.
    fn without(&self, there: &BTreeSet<&Uid>, left: &[Dependent]) -> (Vec<String>, Vec<String>) {
        let (mut gone, mut remains) = (Vec::new(), Vec::new());
        for (uid, name) in &self.disks {
            let of_disk = |content: &&Dependent| content.owners.contains(uid);
            let held = self.contents.iter().filter(of_disk).count();
            let holds: Vec<_> = left.iter().filter(of_disk).collect();
            if there.contains(uid) {
            } else if held == 0 || holds.len() < held {
                gone.push(name.to_string());
            } else {
                remains.extend(
                    holds
                        .iter()
                        .map(|content| content.object_name().to_string()),
                );
            }
        }
        (gone, remains)
    }
}

fn refuse(gone: &[String]) -> Result<(), Failure> {
    if gone.is_empty() {
        return Ok(());
    }
    let message = match gone.len() {
        1 => "1 disk that was to stay is gone".to_owned(),
        count => format!("{count} disks that were to stay are gone"),
    };
    let failure = Failure::new(Kind::OperationFailed, Reason::DisksGone, message);
    Err(naming(failure, "gone", gone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{dependent::CLAIM, workload::removal_order},
        cluster::removal::{Disks, LeftOver},
    };

    fn disk(uid: &str) -> Workload {
        Workload {
            kind: removal_order()
                .find(|kind| kind.group == CDI_GROUP)
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

    fn claim(name: &str, owner: &str) -> Dependent {
        Dependent {
            kind: &CLAIM,
            namespace: "ns".into(),
            name: name.into(),
            uid: name.into(),
            owners: Box::new([owner.into()]),
            controller: None,
        }
    }

    #[test]
    fn a_disk_that_was_to_stay_and_is_gone_is_named() {
        let plan = Plan::new(of(&["a", "b", "c"]), Disks::Delete, &LeftOver::default());
        let mut staying = Staying::of(&plan);
        staying.contents = vec![claim("of-b", "b"), claim("of-c", "c")];
        let (a, b, c): (Uid, Uid, Uid) = ("a".into(), "b".into(), "c".into());
        let all = || staying.contents.clone();
        for (there, left, expected) in [
            (&[&a, &b, &c][..], vec![], ""),
            (&[&b, &c], all(), "gone: ns/a"),
            (&[&a], all(), "left: ns/of-b ns/of-c"),
            (&[&a], vec![claim("of-c", "c")], "gone: ns/b left: ns/of-c"),
        ] {
            let there = there.iter().copied().collect();
            let (gone, remains) = staying.without(&there, &left);
            let mut said = Vec::new();
            for (what, names) in [("gone:", gone), ("left:", remains)] {
                let names = names.iter().map(|name| name.rsplit(' ').next().unwrap());
                let names: Vec<_> = names.map(str::to_owned).collect();
                said.extend((!names.is_empty()).then(|| format!("{what} {}", names.join(" "))));
            }
            assert_eq!(said.join(" "), expected);
        }
        let failure = refuse(&["a".to_owned()]).unwrap_err();
        assert_eq!(failure.reason, Reason::DisksGone);
        assert_eq!(failure.causes, ["gone: a"]);
    }

    #[test]
    fn only_what_goes_with_cdi_is_in_danger() {
        let plan = |disks| Plan::new(of(disks), Disks::Delete, &LeftOver::default());
        assert_eq!(Staying::of(&plan(&[])).danger(), None);
        let said = Staying::of(&plan(&["a"])).danger().unwrap();
        assert!(said.starts_with("1 DataVolume is to stay"), "{said}");
    }
}
