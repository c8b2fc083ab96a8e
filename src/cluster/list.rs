//! Lists, page by page: the one way in which anything of this program reads more than one object.
//!
//! `answer` has seen to it that a page is a page of what was asked for. Here it is seen to that the pages are those of one
//! list: each is asked for once, no object comes twice, and they end.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};

use kube::{
    Api, Client, Resource,
    api::{ListParams, ObjectMeta},
    core::Request,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{
    discovery::{self, Sought},
    retry::{Repeat, Retry},
};
use crate::failure::{self, UnexpectedAnswer};

/// How many objects one page holds: kubectl's own number.
const PAGE: u32 = 500;
/// No cluster has as many objects of a kind: Kubernetes is made for 150,000 pods.
pub const MOST_OBJECTS: usize = 1_000_000;
/// The same of a list that is kept as it came.
const MOST_BYTES: usize = 256 << 20;
/// Pages may be empty, where a selector leaves out all that would be on them.
const MOST_PAGES: usize = 20_000;

/// How much of each object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    All,
    Metadata,
}

/// A list that is being read.
pub struct Pages<'a, T> {
    client: Client,
    retry: &'a Retry<'a>,
    doing: &'a str,
    path: String,
    request: Request,
    fields: Fields,
    parameters: ListParams,
    uid: fn(&T) -> &str,
    /// A 404 for the whole kind is only believed where discovery agrees.
    confirms: bool,
    most_objects: usize,
    most_bytes: usize,
    read: Read,
}

/// What was read of it so far.
#[derive(Default)]
struct Read {
    /// The version of the list: that of its first page.
    version: Option<String>,
    ended: bool,
    pages: usize,
    objects: usize,
    bytes: usize,
    /// Hashes of what may not come twice. With a million objects one in twenty million lists would have two that are equal.
    seen: HashSet<u64>,
    hashes: RandomState,
}

impl<'a, T: DeserializeOwned> Pages<'a, T> {
    /// Of the collection at that path; `uid` is where an object has its own.
    #[must_use]
    pub fn new(
        client: &Client,
        retry: &'a Retry<'a>,
        doing: &'a str,
        path: &str,
        fields: Fields,
        uid: fn(&T) -> &str,
    ) -> Self {
        Self {
            client: client.clone(),
            retry,
            doing,
            path: path.to_owned(),
            request: Request::new(path),
            fields,
            parameters: ListParams::default().limit(PAGE),
            uid,
            confirms: true,
            most_objects: MOST_OBJECTS,
            most_bytes: usize::MAX,
            read: Read::default(),
        }
    }

    /// Only what these select, in pages as large as they say.
    #[must_use]
    pub fn selected(mut self, parameters: &ListParams) -> Self {
        self.parameters = parameters.clone();
        self.parameters.limit.get_or_insert(PAGE);
        self
    }

    /// With more objects than these, or more than fits into memory, it is no list.
    #[must_use]
    pub fn at_most(mut self, objects: usize) -> Self {
        self.most_objects = objects;
        self.most_bytes = MOST_BYTES;
        self
    }

    /// A 404 for the whole kind is handed on: the caller asks discovery.
    #[must_use]
    pub fn unconfirmed(mut self) -> Self {
        self.confirms = false;
        self
    }

    /// From the first page on, as if nothing had been read.
    pub fn begin_again(&mut self) {
        self.parameters.continue_token = None;
        self.read = Read::default();
    }

    /// The next page; `None` after the last one.
    pub async fn next(&mut self) -> kube::Result<Option<Vec<T>>> {
        if self.read.ended {
            return Ok(None);
        }
        let text = match self.page().await {
            Err(error) if self.confirms && failure::kind_is_not_served(&error) => {
                Box::pin(self.page_if_served(error)).await?
            }
            page => page?,
        };
        let Page { metadata, items } =
            serde_json::from_str::<Page<T>>(&text).map_err(kube::Error::SerdeError)?;
        for item in &items {
            let uid = (self.uid)(item);
            if uid.is_empty() || !self.read.is_new("uid", uid) {
                return Err(no_list(format!("one in which the uid {uid:?} comes twice")));
            }
        }
        self.read.pages += 1;
        self.read.objects += items.len();
        self.read.bytes += text.len();
        let token = metadata.token.filter(|token| !token.is_empty());
        if let Some(token) = &token {
            if !self.read.is_new("token", token) {
                return Err(no_list("one whose pages lead back to an earlier page"));
            }
            let Read {
                objects,
                bytes,
                pages,
                ..
            } = self.read;
            if objects >= self.most_objects || bytes >= self.most_bytes || pages >= MOST_PAGES {
                return Err(no_list(format!(
                    "one that has not ended after {objects} objects on {pages} pages"
                )));
            }
        }
        self.read.version.get_or_insert(metadata.resource_version);
        self.read.ended = token.is_none();
        self.parameters.continue_token = token;
        Ok(Some(items))
    }

    async fn page(&self) -> kube::Result<String> {
        let page = self.retry.request(self.doing, Repeat::Safe, || {
            let request = match self.fields {
                Fields::All => self.request.list(&self.parameters),
                Fields::Metadata => self.request.list_metadata(&self.parameters),
            };
            async {
                let request = request.map_err(kube::Error::BuildRequest)?;
                self.client.request_text(request).await
            }
        });
        page.await
    }

    /// What is served by now is read once more.
    async fn page_if_served(&self, error: kube::Error) -> kube::Result<String> {
        let resource = discovery::resource_of(&self.path);
        let sought = Sought::Plural(&resource.plural);
        let served = discovery::find(&self.client, self.retry, &resource.group, sought).await?;
        let Some(served) = served else {
            return Err(error);
        };
        match self.page().await {
            Err(error) if failure::kind_is_not_served(&error) => Err(discovery::hidden(&served)),
            page => page,
        }
    }

    /// All of it, at once.
    pub async fn all(mut self) -> kube::Result<Vec<T>> {
        self.most_bytes = MOST_BYTES;
        self.collect(Some).await
    }

    /// What is kept of all of it. A list whose continuation has expired is begun again, once.
    pub async fn collect<K>(mut self, keep: impl Fn(T) -> Option<K>) -> kube::Result<Vec<K>> {
        let mut kept = Vec::new();
        let mut begun_again = false;
        loop {
            match self.next().await {
                Ok(Some(items)) => kept.extend(items.into_iter().filter_map(&keep)),
                Ok(None) => return Ok(kept),
                Err(kube::Error::Api(status)) if status.code == 410 && !begun_again => {
                    begun_again = true;
                    kept.clear();
                    self.begin_again();
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Are there more pages than were read?
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.read.ended
    }

    /// Where to watch from. All pages are of one version; a server that names none is watched from the earliest.
    #[must_use]
    pub fn version(&self) -> &str {
        self.read.version.as_deref().unwrap_or_default()
    }
}

impl Read {
    fn is_new(&mut self, what: &str, text: &str) -> bool {
        self.seen.insert(self.hashes.hash_one((what, text)))
    }
}

fn no_list(found: impl Into<String>) -> kube::Error {
    UnexpectedAnswer::new("a list", found).into()
}

/// All objects of a kind that these parameters select.
pub async fn objects<K>(
    api: &Api<K>,
    parameters: &ListParams,
    retry: &Retry<'_>,
    doing: &str,
) -> kube::Result<Vec<K>>
where
    K: Resource + Clone + DeserializeOwned,
{
    let client = api.clone().into_client();
    let path = api.resource_url();
    let pages = Pages::new(&client, retry, doing, path, Fields::All, uid_of);
    Box::pin(pages.selected(parameters).all()).await
}

/// The first page of them, as large as the parameters say.
pub async fn first<K>(
    api: &Api<K>,
    parameters: &ListParams,
    retry: &Retry<'_>,
    doing: &str,
) -> kube::Result<Vec<K>>
where
    K: Resource + Clone + DeserializeOwned,
{
    let client = api.clone().into_client();
    let path = api.resource_url();
    let pages = Pages::new(&client, retry, doing, path, Fields::All, uid_of);
    let mut pages = pages.selected(parameters);
    let page = Box::pin(pages.next()).await?;
    Ok(page.unwrap_or_default())
}

/// Their metadata alone.
pub async fn metadata<K: Resource + Clone>(
    api: &Api<K>,
    parameters: &ListParams,
    retry: &Retry<'_>,
    doing: &str,
) -> kube::Result<Vec<ObjectMeta>> {
    let client = api.clone().into_client();
    let all = of_metadata(&client, api, parameters, retry, doing);
    let all = Box::pin(all.all()).await?.into_iter();
    Ok(all.map(|object| object.metadata).collect())
}

/// Is there any object that these parameters select?
pub async fn is_any<K: Resource + Clone>(
    api: &Api<K>,
    parameters: &ListParams,
    retry: &Retry<'_>,
    doing: &str,
) -> kube::Result<bool> {
    let client = api.clone().into_client();
    let one = parameters.clone().limit(1);
    let mut pages = of_metadata(&client, api, &one, retry, doing);
    while let Some(page) = pages.next().await? {
        if !page.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn of_metadata<'a, K: Resource>(
    client: &Client,
    api: &Api<K>,
    parameters: &ListParams,
    retry: &'a Retry<'a>,
    doing: &'a str,
) -> Pages<'a, Metadata> {
    let path = api.resource_url();
    Pages::new(client, retry, doing, path, Fields::Metadata, Metadata::uid).selected(parameters)
}

fn uid_of<K: Resource>(object: &K) -> &str {
    object.meta().uid.as_deref().unwrap_or_default()
}

#[derive(Deserialize)]
struct Metadata {
    metadata: ObjectMeta,
}

impl Metadata {
    fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    metadata: PageMetadata,
    /// Required, but `null` is how an API server writes an empty list of metadata.
    #[serde(deserialize_with = "null_is_empty")]
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    token: Option<String>,
    #[serde(default)]
    resource_version: String,
}

fn null_is_empty<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
