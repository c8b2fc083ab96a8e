//! What a restored VM refers to: it is created all the same, but a VM that cannot start is said to be one.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use super::Restoration;
use crate::{
    cluster::{event::ObjectName, mode::Mode, retry::Repeat, segment, subject},
    failure,
};

/// A VM of the backup that is there, and what is not there that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unstartable {
    pub machine: ObjectName,
    pub missing: Vec<ObjectName>,
}

impl Restoration<'_> {
    /// Looks for what the VMs of the backup refer to, each object once; also for those that an earlier run has created, so
    /// that running it again ends the same. Not in a dry run: what is restored with them is not there yet.
    pub(super) async fn references(&mut self) {
        if self.wish.mode != Mode::Change {
            return;
        }
        let created: BTreeSet<&ObjectName> = self.restored.created.iter().collect();
        let existing: BTreeSet<&ObjectName> = self.restored.existing.iter().collect();
        let mut known: BTreeMap<ObjectName, bool> = BTreeMap::new();
        let mut unstartable = Vec::new();
        for entry in &self.backup.entries {
            let machine = entry.object_name();
            // It was read when it was created.
            let Ok((resource, saved)) = self.backup.manifest(entry) else {
                continue;
            };
            let manifest = if created.contains(&machine) {
                Some(saved)
            } else if existing.contains(&machine) && is_machine(&resource) {
                // It may have been changed since.
                self.as_it_is(&resource, &machine).await
            } else {
                None
            };
            let Some(manifest) = manifest else {
                continue;
            };
            let mut missing = Vec::new();
            for alternatives in referred(&resource, &manifest, &entry.namespace) {
                let mut there = false;
                for (kind, name) in &alternatives {
                    there = match known.get(name) {
                        Some(there) => *there,
                        None => self.is_there(kind, name).await,
                    };
                    known.insert(name.clone(), there);
                    if there {
                        break;
                    }
                }
                let first = alternatives.into_iter().next().filter(|_| !there);
                missing.extend(first.map(|(_, name)| name));
            }
            if !missing.is_empty() {
                unstartable.push(Unstartable { machine, missing });
            }
        }
        self.restored.unstartable = unstartable;
    }

    /// What it is like now, if it is there and can be read.
    async fn as_it_is(&self, kind: &ApiResource, name: &ObjectName) -> Option<Value> {
        let doing = format!("look at {name}");
        let api = subject::api(self.client, kind, name);
        let found = self
            .retry
            .request(&doing, Repeat::Safe, || api.get_opt(&name.name))
            .await;
        match found {
            Ok(found) => Some(found?.data),
            Err(error) => {
                let failure = failure::from_kube(&error, &doing);
                let warning = format!("{}: {}", failure.message, failure.root_cause());
                self.retry.observer().warn(&warning);
                None
            }
        }
    }

    /// What cannot be looked for is said, and not called missing. What is being deleted will not be there.
    async fn is_there(&self, kind: &ApiResource, name: &ObjectName) -> bool {
        let doing = format!("look for {name}");
        let mut parts = name.namespace.iter().chain([&name.name]);
        if let Some(fault) = parts.find_map(|part| segment::fault(part)) {
            let warning = format!("could not {doing}: {fault}");
            self.retry.observer().warn(&warning);
            return true;
        }
        let api = subject::api(self.client, kind, name);
        let found = self
            .retry
            .request(&doing, Repeat::Safe, || api.get_metadata_opt(&name.name))
            .await;
        match found {
            Ok(found) => found.is_some_and(|found| found.metadata.deletion_timestamp.is_none()),
            Err(error) if failure::kind_is_not_served(&error) => false,
            Err(error) => {
                let failure = failure::from_kube(&error, &doing);
                let warning = format!("{}: {}", failure.message, failure.root_cause());
                self.retry.observer().warn(&warning);
                true
            }
        }
    }
}

/// Has it a guest that refers to other objects?
fn is_machine(resource: &ApiResource) -> bool {
    matches!(&*resource.group, "kubevirt.io" | "pool.kubevirt.io")
}

/// One of these must be there.
type Alternatives = Vec<(ApiResource, ObjectName)>;

/// What a VM needs to start, beside what it makes itself.
fn referred(resource: &ApiResource, manifest: &Value, namespace: &str) -> Vec<Alternatives> {
    let spec = &manifest["spec"];
    let (machine, template) = match (&*resource.group, &*resource.kind) {
        ("kubevirt.io", "VirtualMachine" | "VirtualMachineInstanceReplicaSet") => {
            (spec, &spec["template"]["spec"])
        }
        ("kubevirt.io", "VirtualMachineInstance") => (&Value::Null, spec),
        ("pool.kubevirt.io", "VirtualMachinePool") => {
            let machine = &spec["virtualMachineTemplate"]["spec"];
            (machine, &machine["template"]["spec"])
        }
        _ => return Vec::new(),
    };
    let mut all = Vec::new();
    let mut needs = |(group, version, kind, plural): Named<'_>, name: &Value| {
        all.extend(object((group, version, kind, plural), name, namespace).map(|one| vec![one]));
    };
    for (field, kind, plural) in [
        ("instancetype", "Instancetype", "instancetypes"),
        ("preference", "Preference", "preferences"),
    ] {
        let matcher = &machine[field];
        let is_namespaced = matcher["kind"]
            .as_str()
            .is_some_and(|named| named.eq_ignore_ascii_case(&format!("VirtualMachine{kind}")));
        let cluster = if is_namespaced {
            ("", "")
        } else {
            ("Cluster", "cluster")
        };
        let kind = format!("VirtualMachine{}{kind}", cluster.0);
        let plural = format!("virtualmachine{}{plural}", cluster.1);
        let revision = ("apps", "v1", "ControllerRevision", "controllerrevisions");
        // What a revision remembers is not looked at again.
        if matcher["revisionName"].is_string() {
            needs(revision, &matcher["revisionName"]);
        } else {
            let kind = ("instancetype.kubevirt.io", "v1beta1", &*kind, &*plural);
            needs(kind, &matcher["name"]);
        }
    }
    let templates: BTreeSet<&str> = items(&machine["dataVolumeTemplates"])
        .filter_map(|template| template["metadata"]["name"].as_str())
        .collect();
    for volume in items(&template["volumes"]) {
        needs(CLAIM, &volume["persistentVolumeClaim"]["claimName"]);
        let secrets = [
            &volume["secret"]["secretName"],
            &volume["cloudInitNoCloud"]["secretRef"]["name"],
            &volume["cloudInitNoCloud"]["networkDataSecretRef"]["name"],
            &volume["cloudInitConfigDrive"]["secretRef"]["name"],
            &volume["sysprep"]["secret"]["name"],
        ];
        for secret in secrets {
            needs(("", "v1", "Secret", "secrets"), secret);
        }
        for map in [
            &volume["configMap"]["name"],
            &volume["sysprep"]["configMap"]["name"],
        ] {
            needs(("", "v1", "ConfigMap", "configmaps"), map);
        }
    }
    for network in items(&template["networks"]) {
        let name = network["multus"]["networkName"].as_str();
        // `NAMESPACE/NAME` names one elsewhere, which is none of this backup's business.
        if let Some(name) = name.filter(|name| !name.contains('/')) {
            let kind = (
                "k8s.cni.cncf.io",
                "v1",
                "NetworkAttachmentDefinition",
                "network-attachment-definitions",
            );
            needs(kind, &Value::from(name));
        }
    }
    // CDI may have removed the DataVolume of a claim that it has filled; both have the same name.
    let disks = items(&template["volumes"]).map(|volume| &volume["dataVolume"]["name"]);
    let disks = disks.filter(|name| name.as_str().is_some_and(|name| !templates.contains(name)));
    all.extend(disks.map(|name| {
        let alternatives = [DISK, CLAIM].into_iter();
        alternatives
            .filter_map(|kind| object(kind, name, namespace))
            .collect()
    }));
    all
}

/// Group, version, kind and plural.
type Named<'a> = (&'a str, &'a str, &'a str, &'a str);

const CLAIM: Named<'_> = ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims");
const DISK: Named<'_> = ("cdi.kubevirt.io", "v1beta1", "DataVolume", "datavolumes");

/// The object that a manifest names, if it names one.
fn object(
    (group, version, kind, plural): Named<'_>,
    name: &Value,
    namespace: &str,
) -> Option<(ApiResource, ObjectName)> {
    let name = name.as_str()?;
    let whole = kind.contains("Cluster");
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let dot = if group.is_empty() { "" } else { "." };
    let object = ObjectName {
        resource: format!("{plural}{dot}{group}"),
        namespace: (!whole).then(|| namespace.to_owned()),
        name: name.to_owned(),
    };
    Some((resource, object))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
