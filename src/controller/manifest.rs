//! The engine's operators as release files: multi-document YAML that is applied in order and removed in reverse.
//!
//! `commands` reads them from a folder or from text; `release` applies them. Nothing in here talks to a cluster.

use std::{fs, path::Path};

use anyhow::{Context, anyhow, bail};
use kube::core::DynamicObject;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    api::{engine, name},
    cluster::{file, segment},
    failure::shown_path,
};

/// The release files of the operators, in the order in which they are applied.
#[derive(Clone, Debug, Default)]
pub struct EngineManifests {
    parts: Vec<Part>,
}

/// One release file.
#[derive(Clone, Debug)]
pub struct Part {
    /// For messages: the file's name.
    pub name: String,
    /// Namespaces, then definitions, then everything else in the order of the file.
    pub objects: Vec<DynamicObject>,
}

impl EngineManifests {
    /// Is that what one of these operators calls itself when it writes? Clients of Kubernetes take the name of their
    /// program, which is the Deployment's, mostly with something before it.
    #[must_use]
    pub fn is_operator(&self, manager: &str) -> bool {
        self.objects()
            .filter(|object| is_kind(object, "Deployment"))
            .filter_map(|object| object.metadata.name.as_deref())
            .any(|deployment| manager.ends_with(deployment))
    }

    /// One file's text.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Self::from_parts([("manifests", text)])
    }

    /// Several files' texts, each with a name for messages.
    pub fn from_parts<'a>(
        parts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> anyhow::Result<Self> {
        let parts = parts
            .into_iter()
            .map(|(name, text)| Part::parse(name, text))
            .collect::<anyhow::Result<Vec<Part>>>()?;
        if parts.iter().all(|part| part.objects.is_empty()) {
            bail!("the engine manifests hold no object");
        }
        Ok(Self { parts })
    }

    /// Every `.yaml`, `.yml` and `.json` file of a folder, by name. It takes as long as the file system takes.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut files = fs::read_dir(folder)
            .with_context(|| format!("could not read {}", shown_path(folder)))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()?;
        files.retain(|file| {
            file.extension()
                .is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json")
        });
        if files.is_empty() {
            bail!(
                "there is no .yaml, .yml or .json file in {}",
                shown_path(folder)
            );
        }
        files.sort();
        let mut texts = Vec::new();
        for file in &files {
            let text = file::whole(file)
                .and_then(file::text)
                .with_context(|| format!("could not read {}", shown_path(file)))?;
            texts.push((shown_path(file), text));
        }
        Self::from_parts(
            texts
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        )
        .with_context(|| format!("in {}", shown_path(folder)))
    }

    /// What to apply, in order.
    pub fn objects(&self) -> impl Iterator<Item = &DynamicObject> {
        self.parts.iter().flat_map(|part| &part.objects)
    }

    /// Names this set of files: another one that holds the same has the same name. Fits into a label.
    #[must_use]
    pub fn digest(&self) -> String {
        const DIGITS: usize = 8;
        let mut digest = Sha256::new();
        for object in self.objects() {
            digest.update(serde_json::to_vec(object).expect("it was JSON before"));
        }
        let mut id = [0; DIGITS];
        id.copy_from_slice(&digest.finalize()[..DIGITS]);
        format!("{:016x}", u64::from_be_bytes(id))
    }

    /// Where they put virt-operator.
    #[must_use]
    pub fn engine_namespace(&self) -> Option<&str> {
        self.objects()
            .filter(|object| is_kind(object, "Deployment"))
            .find(|object| {
                let labels = object.metadata.labels.as_ref();
                labels.is_some_and(|labels| {
                    labels.get(engine::COMPONENT_LABEL).map(String::as_str)
                        == Some(engine::VIRT_OPERATOR)
                })
            })
            .and_then(|operator| operator.metadata.namespace.as_deref())
    }

    /// What to remove, in order: the reverse of applying. A part that defines the disks' kinds stays while disks are
    /// kept, because the API server deletes every disk with the definition. The system namespace always stays.
    pub fn removal(&self, disks: Disks) -> impl Iterator<Item = &DynamicObject> {
        self.parts
            .iter()
            .rev()
            .filter(move |part| match disks {
                Disks::Kept => !part.defines_disks(),
                Disks::None => true,
            })
            .flat_map(|part| part.objects.iter().rev())
            .filter(|object| !is_system_namespace(object))
    }
}

/// Are there disks that a disable leaves in place?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disks {
    None,
    Kept,
}

impl Part {
    fn parse(name: &str, text: &str) -> anyhow::Result<Self> {
        // What stands around a mistake may be a Secret.
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| anyhow!("{}", error.without_snippet()))
            .with_context(|| format!("{name} is not YAML of Kubernetes objects"))?;
        let mut objects: Vec<DynamicObject> = Vec::new();
        for document in documents.into_iter().flat_map(unfold) {
            let object: DynamicObject = serde_json::from_value(document)
                .with_context(|| format!("{name} holds something that is no Kubernetes object"))?;
            if object.types.is_none() || object.metadata.name.is_none() {
                bail!("{name} holds an object without apiVersion, kind or name");
            }
            let metadata = &object.metadata;
            for part in metadata.name.iter().chain(&metadata.namespace) {
                if let Some(fault) = segment::fault(part) {
                    bail!("{name} holds an object with {part:?} as its name or namespace: {fault}");
                }
            }
            // As with two applies, one after the other, the second one stays.
            match objects.iter_mut().find(|earlier| is_same(earlier, &object)) {
                Some(earlier) => *earlier = object,
                None => objects.push(object),
            }
        }
        objects.sort_by_key(rank);
        Ok(Self {
            name: name.to_owned(),
            objects,
        })
    }

    fn defines_disks(&self) -> bool {
        self.objects.iter().any(|object| {
            is_kind(object, "CustomResourceDefinition")
                && object.data["spec"]["group"] == engine::CDI_GROUP
        })
    }
}

/// The documents of a `List`, or the document itself; nothing of an empty one.
fn unfold(document: Value) -> Vec<Value> {
    let is_list = document["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Null => Vec::new(),
        Value::Object(mut list) if is_list && list.get("items").is_some_and(Value::is_array) => {
            let items = list.remove("items").unwrap_or_default();
            let items = items.as_array().cloned().unwrap_or_default();
            items.into_iter().flat_map(unfold).collect()
        }
        document => vec![document],
    }
}

fn is_same(one: &DynamicObject, other: &DynamicObject) -> bool {
    one.types == other.types
        && one.metadata.name == other.metadata.name
        && one.metadata.namespace == other.metadata.namespace
}

/// What others need comes first, wherever it stands in the file.
fn rank(object: &DynamicObject) -> u8 {
    if is_kind(object, "Namespace") {
        0
    } else if is_kind(object, "CustomResourceDefinition") {
        1
    } else {
        2
    }
}

fn is_kind(object: &DynamicObject, kind: &str) -> bool {
    object
        .types
        .as_ref()
        .is_some_and(|types| types.kind == kind)
}

fn is_system_namespace(object: &DynamicObject) -> bool {
    is_kind(object, "Namespace") && object.metadata.name.as_deref() == Some(name::SYSTEM_NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBEVIRT: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: vm-system}
---
# a comment alone is no object
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: virt-operator, namespace: vm-system}
";
    const CDI: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: cdis.cdi.kubevirt.io}
spec: {group: cdi.kubevirt.io}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cdi-operator, namespace: vm-system}
";

    fn names<'a>(objects: impl Iterator<Item = &'a DynamicObject>) -> Vec<&'a str> {
        objects
            .filter_map(|object| object.metadata.name.as_deref())
            .collect()
    }

    #[test]
    fn applied_in_order_removed_in_reverse_without_the_system_namespace() {
        let manifests = EngineManifests::from_parts([("a", KUBEVIRT), ("b", CDI)]).unwrap();
        assert_eq!(
            names(manifests.objects()),
            [
                "vm-system",
                "virt-operator",
                "cdis.cdi.kubevirt.io",
                "cdi-operator"
            ]
        );
        assert_eq!(
            names(manifests.removal(Disks::None)),
            ["cdi-operator", "cdis.cdi.kubevirt.io", "virt-operator"]
        );
    }

    #[test]
    fn what_defines_disks_stays_while_disks_are_kept() {
        let manifests = EngineManifests::from_parts([("a", KUBEVIRT), ("b", CDI)]).unwrap();
        assert_eq!(names(manifests.removal(Disks::Kept)), ["virt-operator"]);
    }

    #[test]
    fn lists_are_unfolded_doubles_are_one_and_definitions_come_first() {
        let text = "
# A release file, as such files are.
---
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ServiceAccount
  metadata: {name: operator, namespace: cdi}
- apiVersion: v1
  kind: Namespace
  metadata: {name: cdi}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleList
items: []
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: cdis.cdi.kubevirt.io}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator, namespace: cdi, labels: {second: one}}
---
";
        let manifests = EngineManifests::parse(text).unwrap();
        assert_eq!(
            names(manifests.objects()),
            ["cdi", "cdis.cdi.kubevirt.io", "operator"]
        );
        let account = manifests.objects().last().unwrap();
        assert!(account.metadata.labels.is_some(), "the second one stays");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "# nothing",
            "a: [",
            "kind: Pod",
            "apiVersion: v1\nkind: Pod\nmetadata: {}",
        ] {
            assert!(EngineManifests::parse(text).is_err(), "{text:?}");
        }
    }
}
