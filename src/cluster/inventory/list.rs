//! One kind, in whatever version the cluster serves it.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Client, Resource as _, core::DynamicObject};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::workload::{Second, Storage, Uid, Words, Workload};
use crate::{
    api::{WorkloadKind, WorkloadRole, workload::WORKLOAD_KINDS},
    cluster::{
        discovery::{self, Sought},
        list::{Fields, Pages},
        retry::Retry,
    },
    failure::{self, Failure},
};

/// How much of each object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Machines with their spec and status, everything else without.
    AsNeeded,
    Metadata,
}

/// Takes the objects of a list one by one, so that nobody has to have them all at once.
pub trait Sink {
    /// The list begins, or begins again: what was taken before does not count.
    fn begin(&mut self);
    fn take(&mut self, workload: Workload);
}

impl Sink for Vec<Workload> {
    fn begin(&mut self) {
        self.clear();
    }

    fn take(&mut self, workload: Workload) {
        self.push(workload);
    }
}

/// What is known after a list: the version of the kind, and the one of the list, to watch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub version: Arc<str>,
    pub resource_version: String,
}

/// Lists all objects of that kind. `None` only where the cluster demonstrably does not serve it.
pub async fn each(
    client: &Client,
    retry: &Retry<'_>,
    kind: &'static WorkloadKind,
    detail: Detail,
    sink: &mut (dyn Sink + Send),
) -> Result<Option<Listed>, Failure> {
    let mut lister = Lister {
        client,
        retry,
        kind,
        detail,
        doing: format!("list {}", kind.qualified()),
        words: Words::default(),
    };
    sink.begin();
    let error = match lister.in_version(kind.version, sink).await {
        Ok(listed) => return Ok(Some(listed)),
        Err(error) => error,
    };
    if !failure::kind_is_not_served(&error) {
        return Err(failure::from_kube(&error, &lister.doing));
    }
    let sought = Sought::Plural(kind.plural);
    let found = discovery::find(client, retry, kind.group, sought).await;
    let found = found.map_err(|error| failure::from_kube(&error, &lister.doing))?;
    let Some(served) = found else {
        return Ok(None);
    };
    // In another version, or in this one by now.
    let listed = match lister.in_version(&served.resource.version, sink).await {
        Err(error) if failure::kind_is_not_served(&error) => Err(discovery::hidden(&served)),
        listed => listed,
    };
    listed
        .map(Some)
        .map_err(|error| failure::from_kube(&error, &lister.doing))
}

struct Lister<'a> {
    client: &'a Client,
    retry: &'a Retry<'a>,
    kind: &'static WorkloadKind,
    detail: Detail,
    doing: String,
    words: Words,
}

impl Lister<'_> {
    /// All pages of one version. A list whose continuation has expired is begun again, once.
    async fn in_version(
        &mut self,
        version: &str,
        sink: &mut (dyn Sink + Send),
    ) -> kube::Result<Listed> {
        let version = self.words.text(version);
        let path = DynamicObject::url_path(&self.kind.resource_in(&version), None);
        let whole = self.detail == Detail::AsNeeded && self.kind.role == WorkloadRole::Machine;
        let fields = if whole { Fields::All } else { Fields::Metadata };
        let (client, retry, doing) = (self.client, self.retry, self.doing.clone());
        let mut pages = Pages::new(client, retry, &doing, &path, fields, Item::uid)
            .selected(&self.kind.selected())
            .unconfirmed();
        let mut expired = false;
        loop {
            let items = match pages.next().await {
                Ok(Some(items)) => items,
                Ok(None) => break,
                Err(kube::Error::Api(status)) if status.code == 410 && !expired => {
                    expired = true;
                    sink.begin();
                    pages.begin_again();
                    continue;
                }
                Err(error) => return Err(error),
            };
            for item in items {
                sink.take(item.workload(self.kind, &version, &mut self.words));
            }
        }
        Ok(Listed {
            version,
            resource_version: pages.version().to_owned(),
        })
    }
}

/// The few fields that we need of an object that may weigh a hundred times as much. What identifies it is required;
/// what is only shown may have any shape.
#[derive(Deserialize)]
struct Item {
    metadata: Meta,
    #[serde(default)]
    spec: Option<Lenient<Spec>>,
    #[serde(default)]
    status: Option<Shown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    namespace: String,
    uid: String,
    #[serde(default)]
    creation_timestamp: Option<Time>,
    #[serde(default)]
    deletion_timestamp: Option<Time>,
    #[serde(default)]
    finalizers: Option<Vec<String>>,
    #[serde(default)]
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    uid: String,
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    /// By Kubernetes' convention, a controller sets it on what it makes.
    #[serde(default)]
    controller: Option<bool>,
}

impl Owner {
    /// Did the owner's controller make the object of that name, rather than somebody who has only tied it to the owner?
    /// What bears the name of its owner is surely that one's.
    fn has_made(&self, name: &str) -> bool {
        self.controller == Some(true) || self.name == name
    }

    fn is_workload(&self) -> bool {
        let group = self.api_version.split('/').next().unwrap_or_default();
        WORKLOAD_KINDS
            .iter()
            .any(|kind| kind.group == group && kind.kind == self.kind)
    }
}

/// Only what names storage, in the places where the kinds have it. Anything else there may have any shape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// VirtualMachine of the product.
    #[serde(default)]
    disks: Value,
    /// VirtualMachineInstance.
    #[serde(default)]
    volumes: Value,
    /// VirtualMachine of KubeVirt.
    #[serde(default)]
    template: Option<Lenient<Template>>,
    #[serde(default)]
    data_volume_templates: Value,
}

/// What cannot be read as expected names no storage that we know of.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Readable(T),
    Odd(IgnoredAny),
}

#[derive(Deserialize)]
struct Template {
    #[serde(default)]
    spec: Option<TemplateSpec>,
}

#[derive(Deserialize)]
struct TemplateSpec {
    #[serde(default)]
    volumes: Value,
}

impl Spec {
    fn storage(&self) -> Box<[Storage]> {
        let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
        let disks = list(&self.disks).into_iter().filter_map(|disk| {
            let name = disk["virtualMachineDiskName"].as_str()?;
            Some(Storage::Disk(name.into()))
        });
        let volumes = match &self.template {
            Some(Lenient::Readable(Template { spec: Some(spec) })) => &spec.volumes,
            Some(Lenient::Readable(Template { spec: None }) | Lenient::Odd(_)) | None => {
                &self.volumes
            }
        };
        let volumes = list(volumes).into_iter().filter_map(|volume| {
            let volume_name = volume["dataVolume"]["name"].as_str();
            let claim = volume["persistentVolumeClaim"]["claimName"].as_str();
            volume_name
                .map(|name| Storage::Volume(name.into()))
                .or_else(|| claim.map(|name| Storage::Claim(name.into())))
        });
        let templates = list(&self.data_volume_templates)
            .into_iter()
            .filter_map(|template| {
                let name = template["metadata"]["name"].as_str()?;
                Some(Storage::Template(name.into()))
            });
        disks.chain(volumes).chain(templates).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// VirtualMachine of KubeVirt.
    #[serde(default)]
    printable_status: Value,
    /// VirtualMachineInstance.
    #[serde(default)]
    phase: Value,
    /// VirtualMachine of the product.
    #[serde(default)]
    state: Value,
    /// Replica sets and pools.
    #[serde(default)]
    replicas: Value,
    #[serde(default)]
    ready_replicas: Value,
}

impl Shown {
    fn state(&self) -> Option<String> {
        let text = [&self.printable_status, &self.state, &self.phase]
            .into_iter()
            .find_map(Value::as_str)
            .map(str::to_owned);
        text.or_else(|| {
            let replicas = self.replicas.as_u64()?;
            let ready = self.ready_replicas.as_u64().unwrap_or(0);
            Some(format!("{ready}/{replicas} ready"))
        })
    }
}

impl Item {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    fn workload(
        self,
        kind: &'static WorkloadKind,
        version: &Arc<str>,
        words: &mut Words,
    ) -> Workload {
        let second = |time: Option<Time>| time.map(|Time(at)| Second::from(at));
        let state = self.status.and_then(|status| status.state());
        let owners = self.metadata.owner_references.unwrap_or_default();
        let name = self.metadata.name;
        let generated = owners
            .iter()
            .any(|owner| owner.is_workload() && owner.has_made(&name));
        Workload {
            kind,
            version: version.clone(),
            namespace: words.text(&self.metadata.namespace),
            name: name.into(),
            uid: Uid::from(self.metadata.uid.as_str()),
            state: state.map(|state| words.text(&state)),
            created: second(self.metadata.creation_timestamp),
            deleting: second(self.metadata.deletion_timestamp),
            finalizers: words.list(self.metadata.finalizers.unwrap_or_default()),
            generated,
            owners: owners
                .into_iter()
                .map(|owner| Uid::from(owner.uid.as_str()))
                .collect(),
            uses: match self.spec {
                Some(Lenient::Readable(spec)) => spec.storage(),
                Some(Lenient::Odd(_)) | None => Box::default(),
            },
        }
    }
}
