//! What people have made of the engine's other kinds (instance types, snapshots, golden images, …) and what they have set
//! on the engine itself. All of it goes with the engine, whether VMs exist or not.
//!
//! The kinds are those that the cluster serves in the groups of KubeVirt and CDI, not a list of ours.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    Client, Resource as _,
    core::{DynamicObject, ObjectMeta},
};
use serde::Deserialize;
use serde_json::Value;

use super::Uid;
use crate::{
    api::{
        comeback::{self, Comeback},
        name::{CONTROLLER_DEPLOYMENT, CONTROLLER_FIELD_MANAGER, MANAGED_BY},
    },
    cluster::{
        discovery::{self, Served},
        event::ObjectName,
        list::{Fields, Pages},
        retry::Retry,
        subject::Subject,
    },
    failure::{self, Failure},
};

/// So many lists are read at once.
const IN_FLIGHT: usize = 8;

/// An object that goes with the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineObject {
    pub subject: Subject,
    pub comeback: Comeback,
}

impl EngineObject {
    /// Did somebody make it, and may have made it the owner of other things? The engine itself owns what its operators
    /// have made.
    #[must_use]
    pub fn is_of_people(&self) -> bool {
        self.comeback != Comeback::Settings && comeback::is_group(&self.subject.resource.group)
    }

    /// Where it is, and what it owns.
    #[must_use]
    pub fn namespace(&self) -> Option<Arc<str>> {
        let namespace = self.subject.name.namespace.as_deref();
        namespace.filter(|_| self.is_of_people()).map(Arc::from)
    }
}

/// All of them. What cannot be determined is a failure, never a nothing.
pub async fn list(client: &Client, retry: &Retry<'_>) -> Result<Vec<EngineObject>, Failure> {
    let doing = "find out which kinds of KubeVirt and CDI the cluster serves";
    let served = discovery::in_groups(client, retry, comeback::is_group, doing).await;
    let served = served.map_err(|error| failure::from_kube(&error, doing))?;
    let kinds = served.into_iter().filter_map(|served| {
        let comeback = comeback::comeback(&served.resource.group, &served.resource.plural)?;
        Some((Arc::new(served), comeback))
    });
    let mut all: Vec<EngineObject> = stream::iter(kinds)
        .map(|(served, comeback)| of_kind(client, retry, served, comeback))
        .buffer_unordered(IN_FLIGHT)
        .try_concat()
        .await?;
    all.sort_by(|one, other| one.subject.name.cmp(&other.subject.name));
    Ok(all)
}

async fn of_kind(
    client: &Client,
    retry: &Retry<'_>,
    served: Arc<Served>,
    comeback: Comeback,
) -> Result<Vec<EngineObject>, Failure> {
    let resource = &served.resource;
    let qualified = format!("{}.{}", resource.plural, resource.group);
    let doing = format!("list {qualified}");
    let path = DynamicObject::url_path(resource, None);
    // What people have set is told from the content; there are few objects that it is set on.
    let fields = match comeback {
        Comeback::Settings => Fields::All,
        Comeback::Created | Comeback::Never => Fields::Metadata,
    };
    let pages = Pages::new(client, retry, &doing, &path, fields, Item::uid);
    let of_people = pages.collect(|item| {
        let is_of_people = match comeback {
            Comeback::Settings => item.is_set_by_people(),
            Comeback::Created | Comeback::Never => !item.is_of_the_engine(),
        };
        is_of_people.then(|| EngineObject {
            subject: Subject {
                resource: resource.clone(),
                uid: Uid::from(item.uid()),
                name: ObjectName {
                    resource: qualified.clone(),
                    namespace: item.metadata.namespace,
                    name: item.metadata.name.unwrap_or_default(),
                },
            },
            comeback,
        })
    });
    match of_people.await {
        Err(error) if failure::kind_is_not_served(&error) => Ok(Vec::new()),
        found => found.map_err(|error| failure::from_kube(&error, &doing)),
    }
}

#[derive(Deserialize)]
struct Item {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
}

impl Item {
    fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Did an operator of the engine make it, and has nobody else written to it? A copy that somebody has made of such an
    /// object has the same labels and owners.
    fn is_of_the_engine(&self) -> bool {
        let labels = self.metadata.labels.iter().flatten();
        let mut managers = labels.filter(|(label, _)| *label == MANAGED_BY);
        let mut owners = self.metadata.owner_references.iter().flatten();
        let is_marked = managers.any(|(_, manager)| is_component(manager))
            || owners.any(|owner| {
                matches!(&*owner.kind, "KubeVirt" | "CDI")
                    && comeback::is_group(owner.api_version.split('/').next().unwrap_or_default())
            });
        let mut writers = self.metadata.managed_fields.iter().flatten();
        is_marked
            && !writers.any(|entry| {
                entry.subresource.is_none()
                    && is_people(entry.manager.as_deref().unwrap_or_default())
            })
    }

    /// Has anybody but the engine and its controller, ours or Google's, written to its spec? Where nobody is named,
    /// somebody may have.
    fn is_set_by_people(&self) -> bool {
        let has_spec = self.spec.as_object().is_some_and(|spec| !spec.is_empty());
        let mut managers = self.metadata.managed_fields.iter().flatten().peekable();
        if !has_spec || managers.peek().is_none() {
            return has_spec;
        }
        managers.any(|entry| {
            let manager = entry.manager.as_deref().unwrap_or_default();
            let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
            let writes = fields.is_some_and(|fields| fields.get("f:spec").is_some());
            writes && is_people(manager)
        })
    }
}

fn is_people(manager: &str) -> bool {
    !is_controller(manager) && !is_component(manager)
}

/// Ours, or Google's by the name of its Deployment. What it calls itself as a writer is not published; by another name what
/// it has set is saved like what people have set, and put back to no harm.
fn is_controller(manager: &str) -> bool {
    manager == CONTROLLER_FIELD_MANAGER || manager == CONTROLLER_DEPLOYMENT
}

/// A component of KubeVirt or CDI, as it calls itself in labels and as a writer of fields.
fn is_component(name: &str) -> bool {
    name == "kubevirt" || name.starts_with("virt-") || name.starts_with("cdi-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_copy_of_an_object_of_the_engine_is_somebodys() {
        let label = json!({MANAGED_BY: "virt-operator"});
        let owner = json!([{
            "apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "name": "kubevirt", "uid": "1",
        }]);
        let by = |managers: &[&str]| {
            let entries = managers.iter().map(|manager| json!({"manager": manager}));
            Value::Array(entries.collect())
        };
        let of_status = json!([
            {"manager": "virt-operator"},
            {"manager": "somebody", "subresource": "status"},
        ]);
        for (case, labels, owners, managed, expected) in [
            (
                "nothing says so",
                json!({}),
                json!([]),
                by(&["virt-operator"]),
                false,
            ),
            (
                "the label",
                label.clone(),
                json!([]),
                by(&["virt-operator"]),
                true,
            ),
            (
                "the owner",
                json!({}),
                owner.clone(),
                by(&["virt-operator"]),
                true,
            ),
            (
                "no writer is named",
                label.clone(),
                json!([]),
                by(&[]),
                true,
            ),
            (
                "our controller",
                label.clone(),
                json!([]),
                by(&[CONTROLLER_FIELD_MANAGER]),
                true,
            ),
            ("its status", label.clone(), json!([]), of_status, true),
            (
                "a copy",
                label.clone(),
                json!([]),
                by(&["kubectl-client-side-apply"]),
                false,
            ),
            (
                "a copy with its owner",
                json!({}),
                owner,
                by(&["kubectl-create"]),
                false,
            ),
            (
                "edited",
                label,
                json!([]),
                by(&["virt-operator", "kubectl-edit"]),
                false,
            ),
        ] {
            let item: Item = serde_json::from_value(json!({"metadata": {
                "name": "u1.small", "labels": labels, "ownerReferences": owners, "managedFields": managed,
            }}))
            .unwrap();
            assert_eq!(item.is_of_the_engine(), expected, "{case}");
        }
    }
}
