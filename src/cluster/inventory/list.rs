//! One kind, page by page, in whatever version the cluster serves it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIResourceList, Time};
use kube::{Client, Resource as _, api::ListParams, core::DynamicObject};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::Workload;
use crate::{
    api::{WorkloadKind, WorkloadRole},
    cluster::retry::{Repeat, Retry},
    failure::{self, Failure, Kind, Reason},
};

/// How many objects one page holds: kubectl's own number.
const PAGE: u32 = 500;

/// All objects of that kind; none only where the cluster demonstrably does not serve it.
pub(super) async fn all(
    client: &Client,
    retry: &Retry<'_>,
    kind: WorkloadKind,
) -> Result<Vec<Workload>, Failure> {
    let doing = format!("list {}", kind.qualified());
    let broken = |error: &kube::Error| failure::from_kube(error, &doing);
    match in_version(client, retry, kind, kind.version).await {
        Ok(workloads) => Ok(workloads),
        Err(error) if failure::kind_is_not_served(&error) => {
            let Some(version) = served_version(client, retry, kind).await? else {
                return Ok(Vec::new());
            };
            in_version(client, retry, kind, &version)
                .await
                .map_err(|error| broken(&error))
        }
        Err(error) => Err(broken(&error)),
    }
}

/// All pages of one version. A list whose continuation has expired is begun again, once.
async fn in_version(
    client: &Client,
    retry: &Retry<'_>,
    kind: WorkloadKind,
    version: &str,
) -> kube::Result<Vec<Workload>> {
    match pages(client, retry, kind, version).await {
        Err(kube::Error::Api(status)) if status.code == 410 => {
            pages(client, retry, kind, version).await
        }
        result => result,
    }
}

async fn pages(
    client: &Client,
    retry: &Retry<'_>,
    kind: WorkloadKind,
    version: &str,
) -> kube::Result<Vec<Workload>> {
    let resource = kind.resource_in(version);
    let request = kube::core::Request::new(DynamicObject::url_path(&resource, None));
    let doing = format!("list {}", kind.qualified());
    let mut parameters = ListParams::default().limit(PAGE);
    let mut workloads = Vec::new();
    loop {
        let page: Page = retry
            .request(&doing, Repeat::Safe, || {
                // Disks are deleted, never shown with a state: their metadata is enough.
                let request = match kind.role {
                    WorkloadRole::Machine => request.list(&parameters),
                    WorkloadRole::Disk => request.list_metadata(&parameters),
                };
                async {
                    client
                        .request(request.map_err(kube::Error::BuildRequest)?)
                        .await
                }
            })
            .await?;
        for item in page.items {
            workloads.push(item.workload(kind, version));
        }
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => parameters = parameters.continue_token(&token),
            _ => return Ok(workloads),
        }
    }
}

/// The version to list instead: the preferred one that has the plural. `None`: no version has it, or there is no such
/// group.
async fn served_version(
    client: &Client,
    retry: &Retry<'_>,
    kind: WorkloadKind,
) -> Result<Option<String>, Failure> {
    let doing = format!("find out whether the cluster serves {}", kind.qualified());
    let group: APIGroup = match read(client, retry, &doing, &format!("/apis/{}", kind.group)).await
    {
        Ok(group) => group,
        Err(error) if failure::kind_is_not_served(&error) => return Ok(None),
        Err(error) => return Err(failure::from_kube(&error, &doing)),
    };
    if group.name != kind.group {
        return Err(Failure::new(
            Kind::Incomplete,
            Reason::UnexpectedAnswer,
            format!("could not {doing}"),
        )
        .caused_by(format!(
            "asked for group {}, the answer describes {:?}",
            kind.group, group.name
        )));
    }
    let preferred = group.preferred_version.map(|preferred| preferred.version);
    let others = group.versions.into_iter().map(|served| served.version);
    for version in preferred.into_iter().chain(others) {
        let path = format!("/apis/{}/{version}", kind.group);
        let resources: APIResourceList = match read(client, retry, &doing, &path).await {
            Ok(resources) => resources,
            Err(error) if failure::kind_is_not_served(&error) => continue,
            Err(error) => return Err(failure::from_kube(&error, &doing)),
        };
        let served = |resource: &str| resource == kind.plural;
        if resources
            .resources
            .iter()
            .any(|resource| served(&resource.name))
        {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

async fn read<T: DeserializeOwned>(
    client: &Client,
    retry: &Retry<'_>,
    doing: &str,
    path: &str,
) -> kube::Result<T> {
    retry
        .request(doing, Repeat::Safe, || async {
            let request = http::Request::get(path)
                .body(Vec::new())
                .map_err(kube::Error::HttpError)?;
            client.request(request).await
        })
        .await
}

/// A page of a list. `items` must be there: an answer without them is no list, and must not pass for an empty one.
#[derive(Deserialize)]
struct Page {
    metadata: PageMeta,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    continue_: Option<String>,
}

/// The few fields that we need of an object that may weigh a hundred times as much. What identifies it is required;
/// what is only shown may have any shape.
#[derive(Deserialize)]
struct Item {
    metadata: Meta,
    #[serde(default)]
    spec: Option<Spec>,
    #[serde(default)]
    status: Option<Shown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    namespace: String,
    uid: String,
    resource_version: String,
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
struct Owner {
    uid: String,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    disks: Value,
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
    fn workload(self, kind: WorkloadKind, version: &str) -> Workload {
        let timestamp = |time: Option<Time>| time.map(|Time(at)| -> Timestamp { at });
        let disks = self.spec.map(|spec| spec.disks).unwrap_or_default();
        Workload {
            kind,
            version: version.to_owned(),
            namespace: self.metadata.namespace,
            name: self.metadata.name,
            uid: self.metadata.uid,
            resource_version: self.metadata.resource_version,
            state: self.status.and_then(|status| status.state()),
            created: timestamp(self.metadata.creation_timestamp),
            deleting: timestamp(self.metadata.deletion_timestamp),
            finalizers: self.metadata.finalizers.unwrap_or_default(),
            owners: self
                .metadata
                .owner_references
                .unwrap_or_default()
                .into_iter()
                .map(|owner| owner.uid)
                .collect(),
            uses_disks: disks
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|disk| disk["virtualMachineDiskName"].as_str())
                .map(str::to_owned)
                .collect(),
        }
    }
}
