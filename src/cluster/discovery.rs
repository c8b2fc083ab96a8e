//! Does the cluster serve a kind? Asked only where something was answered with a 404, which alone says nothing: whatever
//! stands between here and the API server answers in the same words. Only where the list of groups, the group and each
//! of its versions agree that there is no such kind is there none. Every authenticated user may ask (`system:discovery`).

use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{
    answer,
    retry::{Repeat, Retry},
    segment,
};
use crate::failure::{self, Contradiction, UnexpectedAnswer};

/// So often a contradiction is looked at, within about a second: where definitions come or go, the parts of an API server
/// hear of it one after the other.
const LOOKS: u32 = 4;

/// A kind, and how it is reached.
#[derive(Clone, Debug)]
pub struct Served {
    pub resource: ApiResource,
    pub namespaced: bool,
}

/// What is looked for in a group.
#[derive(Clone, Copy, Debug)]
pub enum Sought<'a> {
    Plural(&'a str),
    Kind(&'a str),
}

impl Sought<'_> {
    fn is(self, resource: &Resource) -> bool {
        match self {
            Self::Plural(plural) => resource.name == plural,
            // A subresource may be of the same kind.
            Self::Kind(kind) => resource.kind == kind && !resource.name.contains('/'),
        }
    }
}

/// Finds a kind in the version that the cluster prefers. `None`: no version has it, or there is no such group.
pub async fn find(
    client: &Client,
    retry: &Retry<'_>,
    group: &str,
    sought: Sought<'_>,
) -> kube::Result<Option<Served>> {
    Box::pin(look(client, retry, group, None, sought)).await
}

/// The same in this very version.
pub async fn find_in(
    client: &Client,
    retry: &Retry<'_>,
    group: &str,
    version: &str,
    sought: Sought<'_>,
) -> kube::Result<Option<Served>> {
    Box::pin(look(client, retry, group, Some(version), sought)).await
}

/// Every kind that can be listed in the groups that are wanted, each in the version that the cluster prefers.
///
/// Groups that an API server of their own answers for (`subresources.`, `upload.`) hold no objects.
pub async fn in_groups(
    client: &Client,
    retry: &Retry<'_>,
    is_wanted: impl Fn(&str) -> bool,
    doing: &str,
) -> kube::Result<Vec<Served>> {
    let is_apart = |group: &str| group.starts_with("subresources.") || group.starts_with("upload.");
    let groups: Groups = get(client, retry, "/apis", doing).await?;
    let mut all = Vec::new();
    let wanted = groups
        .groups
        .into_iter()
        .filter(|group| is_wanted(&group.name) && !is_apart(&group.name));
    for group in wanted {
        is_segment(&group.name)?;
        let Some(version) = group.versions().into_iter().next() else {
            continue;
        };
        is_segment(&version)?;
        let path = format!("/apis/{}/{version}", group.name);
        let found: Resources = match get(client, retry, &path, doing).await {
            // The definitions may be going at this moment.
            Err(error) if failure::kind_is_not_served(&error) => continue,
            found => found?,
        };
        let listable = found.resources.into_iter().filter(Resource::is_listable);
        for resource in listable {
            is_segment(&resource.name)?;
            let kind = GroupVersionKind::gvk(&group.name, &version, &resource.kind);
            all.push(Served {
                resource: ApiResource::from_gvk_with_plural(&kind, &resource.name),
                namespaced: resource.namespaced,
            });
        }
    }
    Ok(all)
}

async fn get<T: DeserializeOwned>(
    client: &Client,
    retry: &Retry<'_>,
    path: &str,
    doing: &str,
) -> kube::Result<T> {
    let asked = retry.request(doing, Repeat::Safe, || async {
        let request = http::Request::get(path).body(Vec::new());
        client
            .request(request.map_err(kube::Error::HttpError)?)
            .await
    });
    asked.await
}

/// An answer whose 404 was confirmed: `None` where the kind is not served.
pub fn if_served<T>(answer: kube::Result<T>) -> kube::Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if failure::kind_is_not_served(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An answer whose 404, where it is one for a kind, is one that discovery agrees with.
pub async fn confirmed<T>(
    answer: kube::Result<T>,
    client: &Client,
    retry: &Retry<'_>,
    resource: &ApiResource,
) -> kube::Result<T> {
    let error = match answer {
        Err(error) if failure::kind_is_not_served(&error) => error,
        answer => return answer,
    };
    let sought = Sought::Plural(&resource.plural);
    match find(client, retry, &resource.group, sought).await? {
        None => Err(error),
        Some(served) => Err(hidden(&served)),
    }
}

/// What the path of a collection, or of an object in it, is about, as far as discovery is asked for it.
#[must_use]
pub fn resource_of(path: &str) -> ApiResource {
    let (group, version, plural) = answer::collection(path);
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(&group, &version, ""), &plural)
}

/// It was answered with a 404, and discovery lists it.
#[must_use]
pub fn hidden(Served { resource, .. }: &Served) -> kube::Error {
    Contradiction(format!(
        "the cluster says that it serves {} in {}, and answers 404 for it",
        resource.plural, resource.api_version
    ))
    .into()
}

async fn look(
    client: &Client,
    retry: &Retry<'_>,
    group: &str,
    version: Option<&str>,
    sought: Sought<'_>,
) -> kube::Result<Option<Served>> {
    let (Sought::Plural(what) | Sought::Kind(what)) = sought;
    let dot = if group.is_empty() { "" } else { "." };
    let doing = format!("find out whether the cluster serves {what}{dot}{group}");
    let looker = Looker {
        client,
        group,
        version,
        sought,
    };
    let mut looks = 1;
    loop {
        let looked = retry.request(&doing, Repeat::Safe, || looker.look()).await;
        let contradicts = looked.as_ref().is_err_and(failure::is_contradiction);
        if !contradicts || looks == LOOKS || retry.deadline().passed() {
            return looked;
        }
        tokio::time::sleep(retry.pace().delay(looks)).await;
        looks += 1;
    }
}

struct Looker<'a> {
    client: &'a Client,
    group: &'a str,
    version: Option<&'a str>,
    sought: Sought<'a>,
}

impl Looker<'_> {
    async fn look(&self) -> kube::Result<Option<Served>> {
        if self.group.is_empty() {
            return self.in_versions("/api", &["v1".to_owned()]).await;
        }
        let path = format!("/apis/{}", self.group);
        let all: Groups = self
            .get("/apis")
            .await?
            .ok_or_else(|| not_served("/apis"))?;
        if all.groups.is_empty() {
            return Err(Contradiction("/apis lists no group at all".to_owned()).into());
        }
        let listed = all
            .groups
            .into_iter()
            .find(|group| group.name == self.group);
        let Some(listed) = listed else {
            return match self.get::<Group>(&path).await? {
                None => Ok(None),
                Some(_) => Err(Contradiction(format!(
                    "/apis does not list {}, and {path} describes it",
                    self.group
                ))
                .into()),
            };
        };
        let versions = listed.versions();
        if let Some(found) = self.in_versions(&path, &versions).await? {
            return Ok(Some(found));
        }
        // The group itself has a second word.
        let group: Group = self.get(&path).await?.ok_or_else(|| not_served(&path))?;
        let mut more = group.versions();
        more.retain(|version| !versions.contains(version));
        self.in_versions(&path, &more).await
    }

    async fn in_versions(&self, path: &str, versions: &[String]) -> kube::Result<Option<Served>> {
        let wanted = |version: &&String| self.version.is_none_or(|wanted| wanted == *version);
        for version in versions.iter().filter(wanted) {
            is_segment(version)?;
            let path = format!("{path}/{version}");
            let found: Option<Resources> = self.get(&path).await?;
            let resources = found.ok_or_else(|| not_served(&path))?.resources;
            if let Some(found) = resources.iter().find(|found| self.sought.is(found)) {
                is_segment(&found.name)?;
                let kind = GroupVersionKind::gvk(self.group, version, &found.kind);
                return Ok(Some(Served {
                    resource: ApiResource::from_gvk_with_plural(&kind, &found.name),
                    namespaced: found.namespaced,
                }));
            }
        }
        Ok(None)
    }

    /// `None`: answered with a 404, as an API server words it.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> kube::Result<Option<T>> {
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(kube::Error::HttpError)?;
        match self.client.request(request).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if failure::kind_is_not_served(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Everything that comes here is listed elsewhere.
fn not_served(path: &str) -> kube::Error {
    Contradiction(format!(
        "{path} should be served, and is answered with a 404"
    ))
    .into()
}

/// It becomes a part of a URL.
fn is_segment(text: &str) -> kube::Result<()> {
    match segment::fault(text) {
        None => Ok(()),
        Some(fault) => {
            Err(UnexpectedAnswer::new("a version or a plural", format!("{text:?}: {fault}")).into())
        }
    }
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    versions: Vec<Version>,
    preferred_version: Option<Version>,
}

#[derive(Clone, Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(deserialize_with = "null_is_empty")]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

impl Resource {
    fn is_listable(&self) -> bool {
        !self.name.contains('/') && self.verbs.iter().any(|verb| verb == "list")
    }
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Resource>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Group {
    /// Each once, the preferred one first.
    fn versions(&self) -> Vec<String> {
        let mut versions: Vec<String> = Vec::new();
        for Version { version } in self.preferred_version.iter().chain(&self.versions) {
            if !versions.contains(version) {
                versions.push(version.clone());
            }
        }
        versions
    }
}

#[cfg(test)]
mod tests;
