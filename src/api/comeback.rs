//! What the engine brings to a cluster beside VMs and disks: the kinds of KubeVirt and CDI. They go with it, and what
//! people have made of them goes along.

use super::workload::removal_order;

/// The domain that all groups of KubeVirt and CDI are in.
const DOMAIN: &str = "kubevirt.io";

/// The kinds that the engine itself is: it is what people set on them that gets lost.
pub const SETTINGS: [&str; 2] = ["kubevirts.kubevirt.io", "cdis.cdi.kubevirt.io"];

/// Kinds of them that a role has to name. What else a cluster serves in these groups is asked for as well; where that is
/// denied, the failure names the right.
pub const KNOWN: [(&str, &str); 18] = [
    ("kubevirt.io", "kubevirts"),
    ("cdi.kubevirt.io", "cdis"),
    ("cdi.kubevirt.io", "dataimportcrons"),
    ("cdi.kubevirt.io", "datasources"),
    ("cdi.kubevirt.io", "storageprofiles"),
    ("cdi.kubevirt.io", "volumeclonesources"),
    ("cdi.kubevirt.io", "volumeimportsources"),
    ("cdi.kubevirt.io", "volumeuploadsources"),
    ("clone.kubevirt.io", "virtualmachineclones"),
    ("export.kubevirt.io", "virtualmachineexports"),
    (
        "instancetype.kubevirt.io",
        "virtualmachineclusterinstancetypes",
    ),
    (
        "instancetype.kubevirt.io",
        "virtualmachineclusterpreferences",
    ),
    ("instancetype.kubevirt.io", "virtualmachineinstancetypes"),
    ("instancetype.kubevirt.io", "virtualmachinepreferences"),
    ("migrations.kubevirt.io", "migrationpolicies"),
    ("snapshot.kubevirt.io", "virtualmachinerestores"),
    ("snapshot.kubevirt.io", "virtualmachinesnapshotcontents"),
    ("snapshot.kubevirt.io", "virtualmachinesnapshots"),
];

/// Is it a group of the engine?
#[must_use]
pub fn is_group(group: &str) -> bool {
    group == DOMAIN
        || group
            .strip_suffix(DOMAIN)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// What becomes of the objects of a kind when the engine is removed and comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comeback {
    /// It is created again.
    Created,
    /// The engine makes it again; what people have set on it is put back.
    Settings,
    /// It was an order to do something once, or the result of that: creating it again would do it again, to other data.
    /// It is saved for the record.
    Never,
}

/// What becomes of objects of that kind; `None`: it is none that people make, or it is a VM, a disk or a migration.
#[must_use]
pub fn comeback(group: &str, plural: &str) -> Option<Comeback> {
    /// Written by the engine about itself.
    const OF_THE_ENGINE: [&str; 2] = ["cdiconfigs", "objecttransfers"];
    const ORDERS: [&str; 10] = [
        "virtualmachinesnapshots",
        "virtualmachinesnapshotcontents",
        "virtualmachinerestores",
        "virtualmachineexports",
        "virtualmachineclones",
        "virtualmachinebackups",
        "virtualmachinebackuptrackers",
        "volumeimportsources",
        "volumeuploadsources",
        "volumeclonesources",
    ];
    let qualified = format!("{plural}.{group}");
    let known = |kind: &&crate::api::WorkloadKind| kind.plural == plural && kind.group == group;
    if !is_group(group) || removal_order().any(|kind| known(&kind)) {
        return None;
    }
    if SETTINGS.contains(&&*qualified) || plural == "storageprofiles" {
        return Some(Comeback::Settings);
    }
    if OF_THE_ENGINE.contains(&plural) {
        return None;
    }
    Some(if ORDERS.contains(&plural) {
        Comeback::Never
    } else {
        Comeback::Created
    })
}
