//! The rules: what each component of a cluster does, one file each.
//!
//! A rule is a pure function from what is known to what is to be done. It is asked again whenever its subject or
//! something that it looks at has changed, so it must answer with nothing once nothing is left to do.

mod cdi_operator;
mod daemon_set;
mod deployment;
mod disk;
mod disruption_budget;
mod gdc;
mod instance;
mod kubelet;
mod machine;
mod namespace;
mod node;
mod product;
mod replicas;
mod scheduler;
mod virt_handler;
mod virt_operator;

mod component;

pub use product::disks;

use super::{
    cluster_state::{ClusterState, Key, Link, Object, Read as _},
    engine,
    kind::Kind,
    step::Step,
};

/// What a component does about objects of one kind.
pub struct Rule {
    /// Field manager of its writes: the real component's name.
    pub component: &'static str,
    /// The kind of object that it looks after.
    pub subject: Kind,
    /// Other kinds whose changes concern it, and which subjects they concern.
    pub also: &'static [(Kind, Related)],
    pub plan: fn(&ClusterState, &Object) -> Vec<Step>,
}

/// Which subjects a changed object concerns.
pub type Related = fn(&ClusterState, Kind, &Object) -> Vec<Key>;

/// What runs on each machine.
pub const KUBELET: &str = "kubelet";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const VIRT_CONTROLLER: &str = "virt-controller";
const VIRT_OPERATOR: &str = "virt-operator";
const CDI_CONTROLLER: &str = "cdi-controller";
const VMRUNTIME_CONTROLLER: &str = "vmruntime-controller-manager";

/// Every rule of the world.
pub static RULES: &[Rule] = &[
    Rule {
        component: KUBELET,
        subject: Kind::Node,
        also: &[],
        plan: node::plan,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::Node,
        also: &[],
        plan: node::taint,
    },
    Rule {
        component: "kube-scheduler",
        subject: Kind::Pod,
        also: &[(Kind::Node, unbound_pods)],
        plan: scheduler::plan,
    },
    Rule {
        component: KUBELET,
        subject: Kind::Pod,
        also: &[(Kind::Node, pods_of)],
        plan: kubelet::plan,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::Pod,
        also: &[(Kind::Node, pods_of)],
        plan: kubelet::collect,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::Deployment,
        also: &[(Kind::ReplicaSet, owner)],
        plan: deployment::plan,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::ReplicaSet,
        also: &[(Kind::Pod, owner)],
        plan: replicas::pods,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::ReplicationController,
        also: &[(Kind::Pod, owner)],
        plan: replicas::controlled_pods,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::Namespace,
        also: &[
            (Kind::ServiceAccount, namespace_of),
            (Kind::RootCertificate, namespace_of),
        ],
        plan: namespace::plan,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::DaemonSet,
        also: &[(Kind::Pod, owner), (Kind::Node, every)],
        plan: daemon_set::plan,
    },
    Rule {
        component: CONTROLLER_MANAGER,
        subject: Kind::DisruptionBudget,
        also: &[(Kind::Pod, disruption_budget::of_pod)],
        plan: disruption_budget::plan,
    },
    Rule {
        component: VIRT_OPERATOR,
        subject: Kind::KubeVirt,
        also: &[
            (Kind::Deployment, served),
            (Kind::DaemonSet, every),
            (Kind::Definition, every),
            (Kind::AdmissionPolicy, every),
            (Kind::AdmissionBinding, every),
            (Kind::VirtualMachine, every),
            (Kind::Instance, every),
            (Kind::InstanceReplicaSet, every),
            (Kind::Pool, every),
        ],
        plan: virt_operator::plan,
    },
    Rule {
        component: "cdi-operator",
        subject: Kind::Cdi,
        also: &[
            (Kind::Deployment, served),
            (Kind::Definition, every),
            (Kind::DataVolume, every),
        ],
        plan: cdi_operator::plan,
    },
    Rule {
        component: "virt-handler",
        subject: Kind::Node,
        also: &[(Kind::Pod, node_of)],
        plan: virt_handler::plan,
    },
    Rule {
        component: VMRUNTIME_CONTROLLER,
        subject: Kind::ProductMachine,
        also: &[
            (Kind::VirtualMachine, owner),
            (Kind::ProductDisk, users_of),
            (Kind::Deployment, served),
        ],
        plan: product::machine,
    },
    Rule {
        component: VMRUNTIME_CONTROLLER,
        subject: Kind::ProductDisk,
        also: &[(Kind::DataVolume, owner), (Kind::Deployment, served)],
        plan: product::disk,
    },
    Rule {
        component: CDI_CONTROLLER,
        subject: Kind::DataVolume,
        also: &[
            (Kind::PersistentVolumeClaim, owner),
            (Kind::Deployment, served),
        ],
        plan: disk::plan,
    },
    Rule {
        component: CDI_CONTROLLER,
        subject: Kind::PersistentVolumeClaim,
        also: &[],
        plan: disk::bind,
    },
    Rule {
        component: VIRT_CONTROLLER,
        subject: Kind::Pool,
        also: &[(Kind::VirtualMachine, owner), (Kind::Deployment, served)],
        plan: replicas::machines,
    },
    Rule {
        component: VIRT_CONTROLLER,
        subject: Kind::InstanceReplicaSet,
        also: &[(Kind::Instance, owner), (Kind::Deployment, served)],
        plan: replicas::instances,
    },
    Rule {
        component: VIRT_CONTROLLER,
        subject: Kind::VirtualMachine,
        also: &[(Kind::Instance, owner), (Kind::Deployment, served)],
        plan: machine::plan,
    },
    Rule {
        component: VIRT_CONTROLLER,
        subject: Kind::Instance,
        also: &[
            (Kind::Pod, owner),
            (Kind::VirtualMachine, controlled),
            (Kind::Deployment, served),
        ],
        plan: instance::plan,
    },
    // Google's, where it is played.
    Rule {
        component: VMRUNTIME_CONTROLLER,
        subject: Kind::Runtime,
        also: &[
            (Kind::PreflightCheck, every),
            (Kind::Node, every),
            (Kind::Definition, every),
            (Kind::ClusterRole, every),
            (Kind::KubeVirt, every),
            (Kind::Cdi, every),
            (Kind::Deployment, every),
            (Kind::Pool, every),
            (Kind::InstanceReplicaSet, every),
            (Kind::ProductMachine, every),
            (Kind::VirtualMachine, every),
            (Kind::Instance, every),
        ],
        plan: gdc::runtime,
    },
    Rule {
        component: VMRUNTIME_CONTROLLER,
        subject: Kind::PreflightCheck,
        also: &[(Kind::Node, every), (Kind::Deployment, gdc::of_controller)],
        plan: gdc::check,
    },
];

/// The subject that controls the changed object.
fn owner(_: &ClusterState, subject: Kind, changed: &Object) -> Vec<Key> {
    changed
        .controller()
        .filter(|owner| owner.kind == subject.name() && owner.api_version == subject.api_version())
        .map(|owner| Key {
            kind: subject,
            namespace: changed.namespace().to_owned(),
            name: owner.name.clone(),
        })
        .into_iter()
        .collect()
}

/// The subjects that the changed object controls.
fn controlled(cluster: &ClusterState, subject: Kind, changed: &Object) -> Vec<Key> {
    keys(subject, cluster.controlled(changed, subject))
}

/// The namespace that the changed object is in.
fn namespace_of(_: &ClusterState, subject: Kind, changed: &Object) -> Vec<Key> {
    vec![Key {
        kind: subject,
        namespace: String::new(),
        name: changed.namespace().to_owned(),
    }]
}

/// All subjects there are: for changes that are rare, or where there are few subjects.
fn every(cluster: &ClusterState, subject: Kind, _: &Object) -> Vec<Key> {
    cluster.keys(subject).cloned().collect()
}

/// The pods on a changed node.
fn pods_of(cluster: &ClusterState, subject: Kind, node: &Object) -> Vec<Key> {
    keys(subject, cluster.pods_on(node.name()))
}

/// The pods that a changed node could take.
fn unbound_pods(cluster: &ClusterState, subject: Kind, _: &Object) -> Vec<Key> {
    keys(subject, cluster.pods_on(""))
}

fn keys<'a>(kind: Kind, objects: impl Iterator<Item = &'a Object>) -> Vec<Key> {
    objects.map(|object| Key::of(kind, object)).collect()
}

/// The product's machines that use a changed disk.
fn users_of(cluster: &ClusterState, subject: Kind, disk: &Object) -> Vec<Key> {
    let used = Link::Disk(disk.namespace().to_owned(), disk.name().to_owned());
    keys(subject, cluster.linked(&used))
}

/// All subjects, where the changed Deployment is one of KubeVirt's or CDI's: they act only while it is up.
fn served(cluster: &ClusterState, subject: Kind, deployment: &Object) -> Vec<Key> {
    if engine::is_component(deployment) {
        every(cluster, subject, deployment)
    } else {
        Vec::new()
    }
}

/// The node of a changed pod.
fn node_of(_: &ClusterState, subject: Kind, pod: &Object) -> Vec<Key> {
    pod.text("/spec/nodeName")
        .map(|node| Key {
            kind: subject,
            namespace: String::new(),
            name: node.to_owned(),
        })
        .into_iter()
        .collect()
}

/// A pod that serves: ready, and not on its way out.
fn is_ready(pod: &Object) -> bool {
    !pod.deleting() && pod.condition("Ready") == Some("True")
}

/// A pod whose containers have ended for good.
fn is_finished(pod: &Object) -> bool {
    matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests;
