//! What operators and controllers ask about each other: is that component up, and where?

use crate::{
    api::engine::COMPONENT_LABEL,
    simulator::cluster_state::{ClusterState, Link, Object, Read as _},
};

/// A Deployment whose wanted replicas are all available, and at least one is.
pub fn is_available(deployment: &Object) -> bool {
    let wanted = deployment
        .value("/spec/replicas")
        .and_then(serde_json::Value::as_i64)
        .unwrap_or(1);
    let available = deployment.number("/status/availableReplicas");
    is_observed(deployment) && available > 0 && available >= wanted
}

/// Does the status speak of the latest spec?
pub fn is_observed(workload: &Object) -> bool {
    workload.number("/status/observedGeneration") >= workload.metadata.generation.unwrap_or(0)
}

/// KubeVirt's component of that name, where it is up. A component acts only while it is.
pub fn kubevirt<'a>(cluster: &'a ClusterState, name: &str) -> Option<&'a Object> {
    cluster.linked(&Link::Component).find(|deployment| {
        deployment.label(COMPONENT_LABEL) == Some(name) && is_available(deployment)
    })
}

/// CDI's Deployment of that name, where it is up.
pub fn cdi<'a>(cluster: &'a ClusterState, name: &str) -> Option<&'a Object> {
    cluster
        .linked(&Link::Component)
        .find(|deployment| deployment.name() == name && is_available(deployment))
}

/// KubeVirt's controller of virtual machines, where it is up.
pub fn virt_controller(cluster: &ClusterState) -> Option<&Object> {
    kubevirt(cluster, "virt-controller")
}

/// CDI's controller of disks, where it is up.
pub fn cdi_controller(cluster: &ClusterState) -> Option<&Object> {
    cdi(cluster, "cdi-deployment")
}

/// Version of an operator, which it takes for that of everything that it installs: the tag of its image.
pub fn version(operator: &Object) -> String {
    operator
        .text("/spec/template/spec/containers/0/image")
        .and_then(|image| image.rsplit_once(':'))
        .map_or_else(|| "unknown".to_owned(), |(_, tag)| tag.to_owned())
}
