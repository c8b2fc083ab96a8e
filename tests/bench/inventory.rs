//! Counting the VMs of a cluster, as a disable does before anything else.

use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    process::{COLUMNS, Place, bmctl, compare},
    sheet::{Sheet, exponent, time},
    test_server,
};

const SIZES: &[usize] = &[1_000, 10_000, 100_000];
const REAL_SIZES: &[usize] = &[1_000, 20_000];
const KINDS: &str = "get virtualmachines.kubevirt.io,virtualmachineinstances.kubevirt.io,\
    virtualmachineinstancereplicasets.kubevirt.io,virtualmachinepools.pool.kubevirt.io,datavolumes.cdi.kubevirt.io -A -o name";

pub const MACHINES: &str = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines";

/// One that nobody has started.
pub fn machine(number: usize) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": format!("machine-{number:06}"), "namespace": "default"},
        "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": {"devices": {}}}}},
    })
}

pub fn sheet() -> Sheet {
    let cluster = Cluster::complete();
    let place: Place<'_> = cluster.place();
    place.run(&bmctl(), "enable vmruntime --quiet", &[0]);
    let mut lines = Vec::new();
    let mut points = Vec::new();
    let mut there = 0;
    for &size in test_server::sizes(SIZES, REAL_SIZES) {
        let made = cluster.create(MACHINES, there..size, machine);
        eprintln!("  {} VMs made in {}", size - there, time(made));
        there = size;
        let runs = if size > 10_000 { 3 } else { 7 };
        // A refusal: there are VMs.
        let line = compare(
            &place,
            &format!("inventory of {size} VMs · `kubectl get -A -o name`"),
            (&["disable vmruntime"], &[6]),
            &[KINDS],
            runs,
            || {},
        );
        let one = place.run(&bmctl(), "disable vmruntime", &[6]);
        #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
        points.push((size as f64, one.wall.as_secs_f64()));
        lines.push(line);
    }
    lines.push(vec![
        format!("grows as VMs^{:.2}", exponent(&points)),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ]);
    Sheet {
        columns: COLUMNS.into(),
        lines,
    }
}
