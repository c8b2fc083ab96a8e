//! What a restored VM refers to: it is created all the same, but a VM that cannot start is said to be one.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use super::Restoration;
use crate::{
    api::name::GROUP,
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
            let mut wanted = referred(&resource, &manifest, &entry.namespace);
            let disks = wanted.iter().flatten().map(|(kind, name)| (kind, name));
            let disks = disks.filter(|(_, name)| created.contains(name) || existing.contains(name));
            let classes = self.classes(disks).await;
            wanted.extend(classes.into_iter().map(|class| vec![class]));
            let mut missing = Vec::new();
            for alternatives in wanted {
                let name = self.missing(&mut known, alternatives).await;
                // Several disks may be of one class.
                missing.extend(name.filter(|name| !missing.contains(name)));
            }
            if !missing.is_empty() {
                unstartable.push(Unstartable { machine, missing });
            }
        }
        self.restored.unstartable = unstartable;
    }

    /// The first of these, if none of them is there.
    async fn missing(
        &self,
        known: &mut BTreeMap<ObjectName, bool>,
        alternatives: Alternatives,
    ) -> Option<ObjectName> {
        for (kind, name) in &alternatives {
            let there = match known.get(name) {
                Some(there) => *there,
                None => self.is_there(kind, name).await,
            };
            known.insert(name.clone(), there);
            if there {
                return None;
            }
        }
        alternatives.into_iter().next().map(|(_, name)| name)
    }

    /// The storage classes that restored disks wait for: a claim stays unbound without its class, and so does its VM.
    async fn classes(
        &self,
        disks: impl Iterator<Item = (&ApiResource, &ObjectName)>,
    ) -> Vec<(ApiResource, ObjectName)> {
        let mut classes = Vec::new();
        for (kind, name) in disks.filter(|(kind, _)| is_disk(kind)) {
            // As it is now: a disk that is filled does not need its class any more.
            if let Some(disk) = self.as_it_is(kind, name).await {
                classes.extend(class(kind, &disk));
            }
        }
        classes
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
    matches!(&*resource.group, "kubevirt.io" | "pool.kubevirt.io" | GROUP)
}

/// Is it of a kind that names the storage class of a disk?
fn is_disk(resource: &ApiResource) -> bool {
    [CLAIM.2, DISK.2].contains(&&*resource.kind)
}

/// The storage class that a disk names and still needs.
fn class(resource: &ApiResource, disk: &Value) -> Option<(ApiResource, ObjectName)> {
    let spec = &disk["spec"];
    let (filled, places) = if resource.kind == DISK.2 {
        ("Succeeded", vec![&spec["storage"], &spec["pvc"]])
    } else {
        ("Bound", vec![spec])
    };
    if disk["status"]["phase"] == filled {
        return None;
    }
    let mut names = places.into_iter().map(|place| &place["storageClassName"]);
    // Empty, it wants none.
    let name = names.find(|name| name.as_str().is_some_and(|name| !name.is_empty()))?;
    object(CLASS, name, "")
}

/// One of these must be there.
type Alternatives = Vec<(ApiResource, ObjectName)>;

/// What a VM needs to start, beside what it makes itself.
fn referred(resource: &ApiResource, manifest: &Value, namespace: &str) -> Vec<Alternatives> {
    let spec = &manifest["spec"];
    if (&*resource.group, &*resource.kind) == (GROUP, "VirtualMachine") {
        let disks = items(&spec["disks"]).map(|disk| &disk["virtualMachineDiskName"]);
        let disks = disks.filter_map(|name| object(PRODUCT_DISK, name, namespace));
        return disks.map(|disk| vec![disk]).collect();
    }
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
    for credentials in items(&template["accessCredentials"]) {
        for way in ["sshPublicKey", "userPassword"] {
            let secret = &credentials[way]["source"]["secret"]["secretName"];
            needs(("", "v1", "Secret", "secrets"), secret);
        }
    }
    let is_needed = |source: &&Value| source["optional"] != true;
    for volume in items(&template["volumes"]) {
        needs(CLAIM, &volume["persistentVolumeClaim"]["claimName"]);
        let behind = &volume["ephemeral"]["persistentVolumeClaim"];
        needs(CLAIM, &behind["claimName"]);
        let account = ("", "v1", "ServiceAccount", "serviceaccounts");
        needs(account, &volume["serviceAccount"]["serviceAccountName"]);
        let secret = Some(&volume["secret"]).filter(is_needed);
        let secrets = [
            secret.map_or(&Value::Null, |secret| &secret["secretName"]),
            &volume["cloudInitNoCloud"]["secretRef"]["name"],
            &volume["cloudInitNoCloud"]["networkDataSecretRef"]["name"],
            &volume["cloudInitConfigDrive"]["secretRef"]["name"],
            &volume["sysprep"]["secret"]["name"],
        ];
        for secret in secrets {
            needs(("", "v1", "Secret", "secrets"), secret);
        }
        let map = Some(&volume["configMap"]).filter(is_needed);
        for map in [
            map.map_or(&Value::Null, |map| &map["name"]),
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
    for template in items(&machine["dataVolumeTemplates"]) {
        let spec = &template["spec"];
        let classes = [&spec["storage"], &spec["pvc"]].map(|storage| &storage["storageClassName"]);
        // Without a name it is the default one, or none is wanted.
        let classes = classes.into_iter().filter(|class| **class != "");
        let from = &spec["source"]["pvc"];
        let golden = &spec["sourceRef"];
        let elsewhere = |named: &Value| named["namespace"].as_str().unwrap_or(namespace).to_owned();
        let sources = [
            object(CLAIM, &from["name"], &elsewhere(from)),
            object(SOURCE, &golden["name"], &elsewhere(golden)),
        ];
        // A claim that was kept is filled already.
        let filled = object(CLAIM, &template["metadata"]["name"], namespace);
        let sources = sources.into_iter().flatten();
        all.extend(sources.map(|source| {
            [Some(source), filled.clone()]
                .into_iter()
                .flatten()
                .collect()
        }));
        let classes = classes.filter_map(|class| object(CLASS, class, namespace));
        all.extend(classes.map(|class| vec![class]));
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
const SOURCE: Named<'_> = ("cdi.kubevirt.io", "v1beta1", "DataSource", "datasources");
const CLASS: Named<'_> = ("storage.k8s.io", "v1", "StorageClass", "storageclasses");
const PRODUCT_DISK: Named<'_> = (GROUP, "v1", "VirtualMachineDisk", "virtualmachinedisks");

/// The object that a manifest names, if it names one.
fn object(
    (group, version, kind, plural): Named<'_>,
    name: &Value,
    namespace: &str,
) -> Option<(ApiResource, ObjectName)> {
    let name = name.as_str()?;
    let whole = kind.contains("Cluster") || kind == CLASS.2;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(group: &str, kind: &str, manifest: &Value) -> Vec<Vec<String>> {
        let gvk = GroupVersionKind::gvk(group, "v1", kind);
        let resource = ApiResource::from_gvk(&gvk);
        let name = |(_, name): (ApiResource, ObjectName)| name.to_string();
        referred(&resource, manifest, "ns")
            .into_iter()
            .map(|alternatives| alternatives.into_iter().map(name).collect())
            .collect()
    }

    #[test]
    fn a_disk_needs_its_storage_class_until_it_is_filled() {
        let named = |kind: Named<'_>, disk: Value| {
            let (resource, _) = object(kind, &json!("a"), "ns").unwrap();
            assert!(is_disk(&resource));
            class(&resource, &disk).map(|(_, name)| name.to_string())
        };
        let fast = Some("storageclasses.storage.k8s.io fast".to_owned());
        let spec = json!({"storageClassName": "fast"});
        assert_eq!(named(CLAIM, json!({"spec": spec})), fast);
        assert_eq!(named(DISK, json!({"spec": {"storage": spec}})), fast);
        assert_eq!(named(DISK, json!({"spec": {"pvc": spec}})), fast);
        let none = json!({"spec": {"storageClassName": ""}});
        assert_eq!(named(CLAIM, none), None);
        assert_eq!(named(DISK, json!({"spec": {"storage": {}}})), None);
        let bound = json!({"spec": spec, "status": {"phase": "Bound"}});
        assert_eq!(named(CLAIM, bound), None);
        let filled = json!({"spec": {"pvc": spec}, "status": {"phase": "Succeeded"}});
        assert_eq!(named(DISK, filled), None);
        let (source, _) = object(SOURCE, &json!("a"), "ns").unwrap();
        assert!(!is_disk(&source));
    }

    #[test]
    fn everything_that_a_vm_names_is_looked_for() {
        let machine = json!({"spec": {
            "dataVolumeTemplates": [
                {"metadata": {"name": "a"}, "spec": {
                    "source": {"pvc": {"namespace": "images", "name": "golden"}},
                    "storage": {"storageClassName": "fast"},
                }},
                {"metadata": {"name": "b"}, "spec": {
                    "sourceRef": {"kind": "DataSource", "name": "linux"},
                    "pvc": {"storageClassName": ""},
                }},
            ],
            "template": {"spec": {
                "accessCredentials": [{"sshPublicKey": {"source": {"secret": {"secretName": "keys"}}}}],
                "volumes": [
                    {"ephemeral": {"persistentVolumeClaim": {"claimName": "base"}}},
                    {"serviceAccount": {"serviceAccountName": "app"}},
                    {"secret": {"secretName": "perhaps", "optional": true}},
                    {"configMap": {"name": "surely"}},
                    {"dataVolume": {"name": "a"}},
                ],
            }},
        }});
        let expected = [
            vec!["secrets ns/keys"],
            vec!["persistentvolumeclaims ns/base"],
            vec!["serviceaccounts ns/app"],
            vec!["configmaps ns/surely"],
            vec![
                "persistentvolumeclaims images/golden",
                "persistentvolumeclaims ns/a",
            ],
            vec!["storageclasses.storage.k8s.io fast"],
            vec![
                "datasources.cdi.kubevirt.io ns/linux",
                "persistentvolumeclaims ns/b",
            ],
        ];
        assert_eq!(named("kubevirt.io", "VirtualMachine", &machine), expected);
        let product = json!({"spec": {"disks": [{"virtualMachineDiskName": "boot"}]}});
        let expected = [["virtualmachinedisks.vm.cluster.gke.io ns/boot"]];
        assert_eq!(named(GROUP, "VirtualMachine", &product), expected);
    }
}
