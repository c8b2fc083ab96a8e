//! What must hold when a run is over, however it went.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::saved::{saved, verifies},
    End,
    people::{ALL, CLAIM, GDISK, MACHINES, OWNED, POD, RUNTIME, World, items, send, uid},
};

impl World {
    /// After the last attempt: what is off has no VMs, what was deleted is saved, and nothing else is gone.
    pub async fn holds_the_law(&self, end: End, spare: &[String]) -> Result<(), String> {
        let runtime = send(&self.owner, "GET", RUNTIME, Value::Null)
            .await
            .unwrap_or_default();
        if end == End::Disabled && runtime["spec"]["enabled"] != false {
            return Err(format!("not disabled: {runtime}"));
        }
        let mut there = BTreeSet::new();
        for kind in ALL {
            let found = items(&self.owner, kind).await;
            if end == End::Disabled && MACHINES.contains(&kind) && !found.is_empty() {
                return Err(format!("disabled, and left over: {found:?}"));
            }
            there.extend(found.iter().map(uid));
        }
        let guests = items(&self.owner, POD).await;
        if end == End::Disabled && !guests.is_empty() {
            return Err(format!("disabled, and guests run: {guests:?}"));
        }
        for kind in OWNED {
            there.extend(items(&self.owner, kind).await.iter().map(uid));
        }
        let surroundings = self.surroundings.borrow();
        verifies(&surroundings.folder)?;
        for deleted in &surroundings.ever_deleted {
            let accounted_for = surroundings.accounts_for(deleted);
            accounted_for.map_err(|why| format!("{deleted} is lost: {why}"))?;
        }
        // What somebody else has deleted the machine of may be here or gone.
        let ours = surroundings.made.iter();
        let ours = ours.filter(|(_, (_, machine))| !surroundings.is_orphaned(machine));
        for (made, (kind, machine)) in ours {
            let is_there = there.contains(made);
            if !is_there {
                saved(&surroundings.folder, made).map_err(|why| {
                    format!("{} {made} of {machine} is gone, and lost: {why}", kind.2)
                })?;
            }
            if *kind == CLAIM && !is_there {
                return Err(format!(
                    "claim {made} of {machine} was somebody's, and is gone"
                ));
            }
            if *kind == GDISK && surroundings.keep && !is_there {
                return Err(format!("disk {made} of {machine} was to stay, and is gone"));
            }
            if *kind == GDISK && !surroundings.keep && surroundings.forced && is_there {
                return Err(format!("disk {made} of {machine} is left over"));
            }
        }
        if let Some(gone) = spare.iter().find(|spare| !there.contains(*spare)) {
            return Err(format!("{gone} belonged to no VM, and is gone"));
        }
        Ok(())
    }
}
