//! What of the engine's release files is in the cluster: found with one list of each kind, and told apart (purely) into what
//! stays, what an upgrade takes away and what a disable removes.

use std::collections::BTreeMap;

use futures::future;
use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};

use crate::{
    api::name,
    cluster::{
        discovery::{self, Served, Sought},
        list,
        retry::Retry,
        stuck::Leaving,
    },
    controller::{
        manifest::{Disks, EngineManifests},
        request::Doing,
    },
    failure::{Failure, Kind, Reason},
};

/// Group, version, kind, plural.
type Row = (&'static str, &'static str, &'static str, &'static str);

const RBAC: &str = "rbac.authorization.k8s.io";

/// The kinds that releases of the operators hold, in the order in which they go: each before what it needs.
const ROWS: [Row; 9] = [
    ("apps", "v1", "Deployment", "deployments"),
    (RBAC, "v1", "RoleBinding", "rolebindings"),
    (RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings"),
    (RBAC, "v1", "Role", "roles"),
    (RBAC, "v1", "ClusterRole", "clusterroles"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    (
        "scheduling.k8s.io",
        "v1",
        "PriorityClass",
        "priorityclasses",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        DEFINITION,
        "customresourcedefinitions",
    ),
    ("", "v1", NAMESPACE, "namespaces"),
];
const DEFINITION: &str = "CustomResourceDefinition";
const NAMESPACE: &str = "Namespace";
/// Where an object goes whose file names no namespace.
pub(super) const DEFAULT: &str = "default";

/// Which object it is, whatever version it is read in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    group: String,
    kind: String,
    pub namespace: Option<String>,
    pub name: String,
}

impl Key {
    pub(super) fn of(object: &DynamicObject) -> Self {
        let types = object.types.clone().unwrap_or_default();
        let group = types.api_version.rsplit_once('/');
        Self {
            group: group.map_or_else(String::new, |(group, _)| group.to_owned()),
            kind: types.kind,
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// Is it this object of a file? A file may leave out the namespace.
    fn is(&self, of_file: &Self) -> bool {
        let place = of_file.namespace.as_deref().unwrap_or(DEFAULT);
        (&self.group, &self.kind, &self.name) == (&of_file.group, &of_file.kind, &of_file.name)
            && self.namespace.as_deref().is_none_or(|found| found == place)
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    /// Whatever is defined by it, or is in it, goes with it.
    fn holds_others(&self) -> bool {
        self.kind == DEFINITION || self.kind == NAMESPACE
    }

    fn is_system_namespace(&self) -> bool {
        self.kind == NAMESPACE && self.name == name::SYSTEM_NAMESPACE
    }

    fn rank(&self) -> usize {
        let is = |row: &Row| row.0 == self.group && row.2 == self.kind;
        ROWS.iter().position(is).unwrap_or(0)
    }
}

/// An object of ours that came from release files.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub key: Key,
    pub leaving: Leaving,
    /// The set that it came from.
    set: Option<String>,
}

/// How kinds are reached, asked once each.
#[derive(Default)]
pub(super) struct Kinds(BTreeMap<(String, String), Served>);

impl Kinds {
    /// `None` if the kind is not served (yet).
    pub(super) async fn find(
        &mut self,
        client: &Client,
        object: &DynamicObject,
    ) -> Result<Option<Served>, Failure> {
        let types = object.types.clone().unwrap_or_default();
        let id = (types.api_version.clone(), types.kind.clone());
        if let Some(known) = self.0.get(&id) {
            return Ok(Some(known.clone()));
        }
        let kind = GroupVersionKind::try_from(&types).map_err(|error| {
            Failure::new(
                Kind::Usage,
                Reason::BadManifests,
                format!("{} is no apiVersion", types.api_version),
            )
            .caused_by(error.to_string())
        })?;
        let (once, sought) = (Retry::once(), Sought::Kind(&kind.kind));
        let found = discovery::find_in(client, &once, &kind.group, &kind.version, sought).await;
        let found = found.doing(&format!("look up kind {}", kind.kind))?;
        if let Some(found) = &found {
            self.0.insert(id, found.clone());
        }
        Ok(found)
    }
}

/// Everything of ours that came from release files: of the kinds that releases hold, and of those that this one holds.
pub(super) async fn find(
    client: &Client,
    manifests: &EngineManifests,
) -> Result<Vec<Found>, Failure> {
    let mut resources: Vec<ApiResource> = ROWS
        .iter()
        .map(|(group, version, kind, plural)| {
            let kind = GroupVersionKind::gvk(group, version, kind);
            ApiResource::from_gvk_with_plural(&kind, plural)
        })
        .collect();
    let mut kinds = Kinds::default();
    for object in manifests.objects() {
        let key = Key::of(object);
        let known =
            |resource: &ApiResource| resource.group == key.group && resource.kind == key.kind;
        if !resources.iter().any(known)
            && let Some(served) = kinds.find(client, object).await?
        {
            resources.push(served.resource);
        }
    }
    let ours: Vec<Key> = manifests.objects().map(Key::of).collect();
    let lists = resources
        .iter()
        .map(|resource| list(client, resource, &ours));
    let lists = future::try_join_all(lists).await?;
    Ok(lists.into_iter().flatten().collect())
}

async fn list(
    client: &Client,
    resource: &ApiResource,
    ours: &[Key],
) -> Result<Vec<Found>, Failure> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let made = ListParams::default().labels(&format!("{}={}", name::MANAGED_BY, name::MANAGER));
    let (doing, once) = (
        format!("list the engine's {}", resource.plural),
        Retry::once(),
    );
    let listed = list::metadata(&api, &made, &once, &doing).await;
    let served = discovery::if_served(listed).doing(&doing)?;
    let found = served.unwrap_or_default().into_iter().map(|metadata| {
        let leaving = Leaving::new(resource, &metadata);
        let labels = metadata.labels.unwrap_or_default();
        Found {
            key: Key {
                group: resource.group.clone(),
                kind: resource.kind.clone(),
                namespace: metadata.namespace,
                name: metadata.name.unwrap_or_default(),
            },
            leaving,
            set: labels.get(name::ENGINE_MANIFESTS).cloned(),
        }
    });
    // The controller makes other things too.
    Ok(found
        .filter(|found| found.set.is_some() || ours.iter().any(|key| found.key.is(key)))
        .collect())
}

/// What a disable removes, in order: what no file holds any more, then the files' objects in reverse. The system
/// namespace stays, and while disks are kept so does everything that they depend on.
pub(super) fn removal<'a>(
    found: &'a [Found],
    manifests: &EngineManifests,
    disks: Disks,
) -> Vec<&'a Found> {
    let all: Vec<Key> = manifests.objects().map(Key::of).collect();
    let wanted: Vec<Key> = manifests.removal(disks).map(Key::of).collect();
    let mut removal: Vec<(usize, usize, &Found)> = found
        .iter()
        .filter(|found| !found.key.is_system_namespace())
        .filter_map(|found| {
            match wanted.iter().position(|key| found.key.is(key)) {
                Some(place) => Some((1, place, found)),
                None if all.iter().any(|key| found.key.is(key)) => None,
                // Of a set that is not known any more: nobody knows which of its files defined the disks.
                None if disks == Disks::Kept => None,
                None => Some((0, found.key.rank(), found)),
            }
        })
        .collect();
    removal.sort_by_key(|(known, place, _)| (*known, *place));
    removal.into_iter().map(|(_, _, found)| found).collect()
}

/// What the present set no longer holds. A definition and a namespace stay until a disable: all that is in them would go too.
pub(super) fn outdated<'a>(
    found: &'a [Found],
    manifests: &EngineManifests,
    set: &str,
) -> Vec<&'a Found> {
    let held: Vec<Key> = manifests.objects().map(Key::of).collect();
    let mut outdated: Vec<&Found> = found
        .iter()
        .filter(|found| found.set.as_deref().is_some_and(|from| from != set))
        .filter(|found| !held.iter().any(|key| found.key.is(key)) && !found.key.holds_others())
        .collect();
    outdated.sort_by_key(|found| found.key.rank());
    outdated
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: vm-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: engine}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: virt-operator, namespace: engine}
";
    const DISKS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: cdis.cdi.kubevirt.io}
spec: {group: cdi.kubevirt.io}
";

    fn manifests() -> EngineManifests {
        EngineManifests::from_parts([("10", SET), ("20", DISKS)]).unwrap()
    }

    fn found(kind: &str, namespace: Option<&str>, name: &str, set: &str) -> Found {
        let row = ROWS.iter().find(|row| row.2 == kind).unwrap();
        let gvk = GroupVersionKind::gvk(row.0, row.1, row.2);
        Found {
            key: Key {
                group: row.0.to_owned(),
                kind: kind.to_owned(),
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            },
            leaving: Leaving::new(
                &ApiResource::from_gvk_with_plural(&gvk, row.3),
                &kube::core::ObjectMeta::default(),
            ),
            set: Some(set.to_owned()),
        }
    }

    /// As the present set and an earlier one have left it.
    fn cluster(set: &str) -> Vec<Found> {
        vec![
            found(NAMESPACE, None, "vm-system", set),
            found(NAMESPACE, None, "engine", set),
            found(NAMESPACE, None, "engine-of-before", "before"),
            found("Deployment", Some("engine"), "virt-operator", set),
            found("ClusterRole", None, "of-before", "before"),
            found("ClusterRoleBinding", None, "of-before", "before"),
            found("Deployment", Some("elsewhere"), "virt-operator", "before"),
            found(DEFINITION, None, "cdis.cdi.kubevirt.io", set),
            found(DEFINITION, None, "of-before.cdi.kubevirt.io", "before"),
        ]
    }

    fn described(found: &[&Found]) -> Vec<String> {
        found.iter().map(|found| found.key.describe()).collect()
    }

    #[test]
    fn a_disable_removes_what_is_held_and_what_was() {
        let manifests = manifests();
        let cluster = cluster(&manifests.digest());
        assert_eq!(
            described(&removal(&cluster, &manifests, Disks::None)),
            [
                "Deployment virt-operator",
                "ClusterRoleBinding of-before",
                "ClusterRole of-before",
                "CustomResourceDefinition of-before.cdi.kubevirt.io",
                "Namespace engine-of-before",
                "CustomResourceDefinition cdis.cdi.kubevirt.io",
                "Deployment virt-operator",
                "Namespace engine",
            ]
        );
        assert_eq!(
            described(&removal(&cluster, &manifests, Disks::Kept)),
            ["Deployment virt-operator", "Namespace engine"]
        );
    }

    #[test]
    fn an_upgrade_removes_what_the_release_no_longer_holds_but_nothing_that_holds_others() {
        let manifests = manifests();
        let set = manifests.digest();
        assert_eq!(
            described(&outdated(&cluster(&set), &manifests, &set)),
            [
                "Deployment virt-operator",
                "ClusterRoleBinding of-before",
                "ClusterRole of-before",
            ]
        );
    }

    #[test]
    fn a_set_is_told_from_another_by_what_it_holds() {
        let set = |text: &str| EngineManifests::parse(text).unwrap().digest();
        assert_eq!(set(SET), set(&format!("# the same\n{SET}")));
        assert_ne!(set(SET), set(DISKS));
        // It has to fit into a label.
        assert!(set(SET).len() <= 63 && set(SET).chars().all(char::is_alphanumeric));
    }
}
