//! Whose a finalizer is. The domain before the slash says so; some older ones have none.

use crate::api::{engine, name};

/// Who has to remove a finalizer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worker {
    /// A Deployment of the engine.
    Engine(Component),
    /// Our controller, or Google's.
    Controller,
    /// A disable of bmctl's, which holds machines until their disks are released.
    Bmctl,
    /// The garbage collector: it waits for dependents.
    Collector,
    /// The namespace controller: it waits for what is in the namespace.
    Namespaces,
    /// The API server: it waits for the objects of the definition.
    Definitions,
    /// Nobody whom we know; the domain says whose it is.
    Somebody(String),
}

/// A Deployment, and how it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Component {
    pub name: &'static str,
    pub by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Label(&'static str),
    /// Its labels differ between releases.
    Name,
}

pub(super) const VIRT_OPERATOR: Component = Component {
    name: "virt-operator",
    by: By::Label("kubevirt.io=virt-operator"),
};
pub(super) const VIRT_CONTROLLER: Component = Component {
    name: "virt-controller",
    by: By::Label("kubevirt.io=virt-controller"),
};
pub(super) const CDI_OPERATOR: Component = Component {
    name: "cdi-operator",
    by: By::Name,
};
pub(super) const CDI_DEPLOYMENT: Component = Component {
    name: "cdi-deployment",
    by: By::Label("cdi.kubevirt.io=cdi-deployment"),
};

/// On the KubeVirt object and on instances; newer releases put KubeVirt's domain in front.
const OF_KUBEVIRT: &str = "foregroundDeleteKubeVirt";
const OF_INSTANCES: &str = "foregroundDeleteVirtualMachine";

pub(super) fn worker(finalizer: &str) -> Worker {
    let (domain, word) = finalizer.split_once('/').unwrap_or((finalizer, finalizer));
    let below = |group: &str| {
        let above = domain.strip_suffix(group);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    match finalizer {
        "foregroundDeletion" | "orphan" => Worker::Collector,
        "kubernetes" => Worker::Namespaces,
        name::RELEASE_FINALIZER => Worker::Bmctl,
        "customresourcecleanup.apiextensions.k8s.io" => Worker::Definitions,
        "operator.cdi.kubevirt.io" => Worker::Engine(CDI_OPERATOR),
        _ if word == OF_KUBEVIRT => Worker::Engine(VIRT_OPERATOR),
        _ if word == OF_INSTANCES => Worker::Engine(VIRT_CONTROLLER),
        _ if below(engine::CDI_GROUP) => Worker::Engine(CDI_DEPLOYMENT),
        _ if below(engine::KUBEVIRT_GROUP) => Worker::Engine(VIRT_CONTROLLER),
        _ if below(name::GROUP) || domain.ends_with(".cluster.gke.io") => Worker::Controller,
        _ => Worker::Somebody(domain.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finalizers_name_who_put_them() {
        for (finalizer, expected) in [
            ("foregroundDeleteKubeVirt", Worker::Engine(VIRT_OPERATOR)),
            (
                "kubevirt.io/foregroundDeleteKubeVirt",
                Worker::Engine(VIRT_OPERATOR),
            ),
            ("operator.cdi.kubevirt.io", Worker::Engine(CDI_OPERATOR)),
            (
                "kubevirt.io/virtualMachineControllerFinalize",
                Worker::Engine(VIRT_CONTROLLER),
            ),
            (
                "foregroundDeleteVirtualMachine",
                Worker::Engine(VIRT_CONTROLLER),
            ),
            (
                "kubevirt.io/foregroundDeleteVirtualMachine",
                Worker::Engine(VIRT_CONTROLLER),
            ),
            (
                "pool.kubevirt.io/finalizer",
                Worker::Engine(VIRT_CONTROLLER),
            ),
            (
                "cdi.kubevirt.io/dataVolumeFinalizer",
                Worker::Engine(CDI_DEPLOYMENT),
            ),
            ("foregroundDeletion", Worker::Collector),
            ("orphan", Worker::Collector),
            ("kubernetes", Worker::Namespaces),
            (
                "customresourcecleanup.apiextensions.k8s.io",
                Worker::Definitions,
            ),
            ("vm.cluster.gke.io/x", Worker::Controller),
            ("vm.cluster.gke.io/release-disks", Worker::Bmctl),
            ("baremetal.cluster.gke.io/x", Worker::Controller),
            ("example.com/hold", Worker::Somebody("example.com".into())),
            ("hold", Worker::Somebody("hold".into())),
            (
                "notkubevirt.io/x",
                Worker::Somebody("notkubevirt.io".into()),
            ),
            ("", Worker::Somebody(String::new())),
        ] {
            assert_eq!(worker(finalizer), expected, "{finalizer}");
        }
    }
}
