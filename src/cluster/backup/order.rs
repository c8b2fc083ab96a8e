//! Which kinds a backup holds, and in which order they are put back: what others refer to comes first.

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use crate::api::{
    WorkloadKind, comeback,
    dependent::{DEPENDENT_KINDS, DependentRole},
    workload::removal_order,
};

/// The kind of a manifest, if `qualified` (`plural.group`) names it and it is one that a backup may hold: whoever puts a
/// folder into our hands does not make us create a role in the cluster.
pub fn resource(qualified: &str, manifest: &Value) -> Option<ApiResource> {
    let (plural, group) = qualified.split_once('.').unwrap_or((qualified, ""));
    let kind = manifest["kind"].as_str()?;
    let api_version = manifest["apiVersion"].as_str()?;
    let (of, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = removal_order().any(|known| known.qualified() == qualified && known.kind == kind)
        || DEPENDENT_KINDS
            .iter()
            .any(|known| known.qualified() == qualified && known.kind == kind)
        || comeback::is_group(group);
    (known && of == group).then(|| {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    })
}

/// Where among the others a kind is put back.
pub fn of(qualified: &str) -> usize {
    const OTHERS: usize = 0;
    const REVISIONS: usize = 1;
    const DEPENDENTS: usize = 2;
    const CLAIMS: usize = 3;
    const WORKLOADS: usize = 4;
    let kinds: Vec<String> = removal_order().map(WorkloadKind::qualified).collect();
    if let Some(place) = kinds.iter().position(|kind| kind == qualified) {
        // Disks before machines, and what makes machines last.
        return WORKLOADS + kinds.len() - place;
    }
    let dependent = DEPENDENT_KINDS.iter();
    let role = dependent
        .filter(|kind| kind.qualified() == qualified)
        .map(|kind| kind.role)
        .next();
    match role {
        Some(DependentRole::Claim) => CLAIMS,
        Some(DependentRole::Revision) => REVISIONS,
        // A token is refused without the account that it is of.
        Some(DependentRole::Other) if qualified == "serviceaccounts" => OTHERS,
        Some(DependentRole::Other | DependentRole::Snapshot) => DEPENDENTS,
        None => OTHERS,
    }
}
