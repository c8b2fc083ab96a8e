//! Where VMs are, and whether anybody keeps them away from nodes with the skip label: what `skip node` may promise.
//!
//! Both are extras of that command: what cannot be read is unknown, and no failure.

use std::collections::BTreeSet;

use kube::{Api, Client, api::ListParams, core::ObjectMeta};

use super::{list, retry::Retry, vmruntime};
use crate::api::{
    Condition,
    condition::{self, kind},
    kubernetes::Pod,
};

/// KubeVirt's label of the pods that guests run in.
const LAUNCHERS: &str = "kubevirt.io=virt-launcher";

/// Who keeps VMs away from nodes that are left out?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Our controller, on a KubeVirt object of its own, or as soon as it makes one.
    Controller,
    /// Whoever owns the KubeVirt object.
    Owner,
}

/// By what the controller publishes; `None` where it says nothing, or cannot be asked.
pub async fn keeper(client: &Client, retry: &Retry<'_>) -> Option<Keeper> {
    let runtime = vmruntime::get(client, retry).await.ok()?;
    judge(&runtime.status().conditions)
}

fn judge(conditions: &[Condition]) -> Option<Keeper> {
    if conditions.is_empty() {
        None
    } else if condition::is_true(conditions, kind::ENGINE_FOREIGN) {
        Some(Keeper::Owner)
    } else {
        Some(Keeper::Controller)
    }
}

/// The instances that run on these nodes, as namespace/name; `None` where that cannot be read. Told by their launcher
/// pods: an instance cannot be selected by its node.
pub async fn running(client: &Client, retry: &Retry<'_>, nodes: &[String]) -> Option<Vec<String>> {
    let pods: Api<Pod> = Api::all(client.clone());
    let mut running = BTreeSet::new();
    for node in nodes {
        let on_node = ListParams::default()
            .labels(LAUNCHERS)
            .fields(&format!("spec.nodeName={node},status.phase=Running"));
        let listed = list::metadata(&pods, &on_node, retry, "list the launcher pods").await;
        running.extend(listed.ok()?.into_iter().filter_map(instance));
    }
    Some(running.into_iter().collect())
}

fn instance(pod: ObjectMeta) -> Option<String> {
    let owners = pod.owner_references.unwrap_or_default();
    let owner = owners
        .into_iter()
        .find(|owner| owner.kind == "VirtualMachineInstance")?;
    Some(format!("{}/{}", pod.namespace?, owner.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ConditionStatus;

    #[test]
    fn only_what_is_published_is_promised() {
        let of = |type_: &str, status| Condition {
            type_: type_.to_owned(),
            status,
            ..Condition::default()
        };
        let ready = of(kind::READY, ConditionStatus::True);
        let foreign = |status| of(kind::ENGINE_FOREIGN, status);
        for (conditions, expected) in [
            (vec![], None),
            (vec![ready.clone()], Some(Keeper::Controller)),
            (
                vec![ready.clone(), foreign(ConditionStatus::True)],
                Some(Keeper::Owner),
            ),
            (
                vec![ready, foreign(ConditionStatus::False)],
                Some(Keeper::Controller),
            ),
        ] {
            assert_eq!(judge(&conditions), expected, "{conditions:?}");
        }
    }
}
