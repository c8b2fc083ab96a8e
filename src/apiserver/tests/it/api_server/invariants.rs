//! The invariant of lists and watches: whoever lists once and then follows the changes, through watches that are cut and
//! resumed, has at every version that it gets to what a list of exactly that version shows. Lists come in pages, with
//! changes in between.
//!
//! Random operations from a seed that a failure names. `BMCTL_LAW_SEEDS=1000` tries more of them (docs/testing.md).

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use apiserver::{Identity, Options, Server};
use http::Request;
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{call, config_map};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// Matches every selector, so that a follower knows how far it has come.
const MARK: &str = "mark";
const ROUNDS: usize = 12;

pub async fn holds() -> anyhow::Result<()> {
    let seeds = std::env::var("BMCTL_LAW_SEEDS").ok();
    let seeds: u64 = seeds.map_or(Ok(6), |seeds| seeds.parse())?;
    for seed in 1..=seeds {
        test(seed).await.with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

async fn test(seed: u64) -> anyhow::Result<()> {
    let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let options = Options {
        // So short that followers who rest too long have to list again.
        history: 24,
        ..Options::default()
    };
    let sandbox = Server::start(options).await?;
    let client = sandbox.client(&Identity::owner());
    let mut followers = [
        Follower::new(""),
        Follower::new("labelSelector=on%3Dyes"),
        Follower::new("labelSelector=on%21%3Dyes"),
        Follower::new("fieldSelector=metadata.name%21%3Da3"),
        Follower::new("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&labelSelector=on"),
    ];
    for round in 0..ROUNDS {
        for _ in 0..rng.below(10) {
            change(&client, &mut rng).await?;
        }
        let version = mark(&client, round).await?;
        for follower in &mut followers {
            // Some sleep through a round.
            if rng.below(4) > 0 {
                follower.follow(&client, version, &mut rng).await?;
                follower.compare_then(&client).await?;
            }
        }
    }
    let version = mark(&client, ROUNDS).await?;
    for follower in &mut followers {
        follower.is_quiet = true;
        follower.follow(&client, version, &mut rng).await?;
        follower.compare_then(&client).await?;
        follower.compare_now(&client).await?;
    }
    sandbox.stop().await;
    Ok(())
}

/// Creates, changes or deletes one of a few objects; that it is not there, or is, is part of the game.
async fn change(client: &Client, rng: &mut Rng) -> anyhow::Result<()> {
    let name = format!("a{}", rng.below(6));
    let on = ["yes", "no", "maybe"][rng.below(3)];
    let path = format!("{MAPS}/{name}");
    let labels =
        json!({"metadata": {"labels": {"on": on}}, "data": {"roll": rng.below(100).to_string()}});
    let (code, answer) = match rng.below(5) {
        0 | 1 => {
            let mut map = config_map(&name);
            json_patch::merge(&mut map, &labels);
            call(client, "POST", MAPS, map).await?
        }
        2 => call(client, "PATCH", &path, labels).await?,
        3 => {
            let unlabelled = json!({"metadata": {"labels": null}});
            call(client, "PATCH", &path, unlabelled).await?
        }
        _ => call(client, "DELETE", &path, Value::Null).await?,
    };
    ensure!(matches!(code, 200 | 201 | 404 | 409), "{answer}");
    Ok(())
}

/// Brings the mark into every selection anew; returns the version of that write.
async fn mark(client: &Client, round: usize) -> anyhow::Result<u64> {
    // It is in one selection or the other: both have to see it, one after the other.
    for on in ["no", "yes"] {
        let mut map = config_map(MARK);
        map["metadata"]["labels"] = json!({"on": on});
        map["data"] = json!({"round": round.to_string()});
        let (code, answer) = call(client, "PUT", &format!("{MAPS}/{MARK}"), map.clone()).await?;
        if code == 404 {
            call(client, "POST", MAPS, map).await?;
        } else {
            ensure!(code == 200, "{answer}");
        }
    }
    let (_, found) = call(client, "GET", &format!("{MAPS}/{MARK}"), Value::Null).await?;
    version_of(&found)
}

fn version_of(object: &Value) -> anyhow::Result<u64> {
    let version = object["metadata"]["resourceVersion"].as_str();
    Ok(version.context("no version")?.parse()?)
}

/// One who keeps a copy of a selection by watching.
struct Follower {
    query: &'static str,
    copy: BTreeMap<String, Value>,
    /// How far it has come; none: it has to list.
    version: Option<u64>,
    /// Does nothing change between the pages of its lists?
    is_quiet: bool,
}

impl Follower {
    fn new(query: &'static str) -> Self {
        Self {
            query,
            copy: BTreeMap::new(),
            version: None,
            is_quiet: false,
        }
    }

    fn streams(&self) -> bool {
        self.query.starts_with("sendInitialEvents")
    }

    /// The selector alone.
    fn selector(&self) -> &str {
        self.query.rsplit('&').next().unwrap_or_default()
    }

    /// A list in pages of that size. None: its moment was forgotten before the last page.
    async fn list(
        &self,
        client: &Client,
        limit: usize,
        rng: &mut Rng,
    ) -> anyhow::Result<Option<(BTreeMap<String, Value>, u64)>> {
        let mut copy = BTreeMap::new();
        let mut next = String::new();
        loop {
            let path = format!("{MAPS}?{}&limit={limit}&continue={next}", self.selector());
            let (code, page) = call(client, "GET", &path, Value::Null).await?;
            if code == 410 && !next.is_empty() {
                return Ok(None);
            }
            ensure!(code == 200, "{page}");
            take_page(&mut copy, &page);
            match page["metadata"]["continue"].as_str().unwrap_or_default() {
                "" => return Ok(Some((copy, version_of(&page)?))),
                token => token.clone_into(&mut next),
            }
            if !self.is_quiet {
                change(client, rng).await?;
            }
        }
    }

    /// Watches until the selection is known as it was at this version, over watches that are cut.
    async fn follow(&mut self, client: &Client, until: u64, rng: &mut Rng) -> anyhow::Result<()> {
        for _ in 0..200 {
            if self.version.is_some_and(|version| version >= until) {
                return Ok(());
            }
            if self.version.is_none() && !self.streams() {
                let limit = 1 + rng.below(4);
                if let Some((copy, version)) = self.list(client, limit, rng).await? {
                    (self.copy, self.version) = (copy, Some(version));
                }
                continue;
            }
            let patience = 1 + rng.below(7);
            self.watch(client, until, patience).await?;
        }
        bail!("{} does not get to {until}: {:?}", self.query, self.version)
    }

    /// Watches for so many events at most.
    async fn watch(&mut self, client: &Client, until: u64, events: usize) -> anyhow::Result<()> {
        let from = self.version;
        let query = match from {
            None => self.query.to_owned(),
            Some(version) => format!("{}&resourceVersion={version}", self.selector()),
        };
        if from.is_none() {
            self.copy.clear();
        }
        let path = format!("{MAPS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&{query}");
        let mut body = client
            .send(Request::get(path).body(Body::empty())?)
            .await?
            .into_body();
        let (mut text, mut left) = (String::new(), events);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            text.push_str(std::str::from_utf8(&data)?);
            while let Some((line, rest)) = text.split_once('\n') {
                let event: Value = serde_json::from_str(line)?;
                text = rest.to_owned();
                if !self.take(&event)? {
                    self.version = None;
                    return Ok(());
                }
                left = left.saturating_sub(1);
                let arrived = self.version.is_some_and(|version| version >= until);
                // What was begun with the initial objects has to go on until their end.
                if arrived || (left == 0 && self.version.is_some()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Brings an event into the copy; no: the place is forgotten.
    fn take(&mut self, event: &Value) -> anyhow::Result<bool> {
        let object = &event["object"];
        match event["type"].as_str() {
            Some("ADDED" | "MODIFIED") => {
                self.copy.insert(name_of(object), plain(object));
            }
            Some("DELETED") => {
                let gone = self.copy.remove(&name_of(object));
                ensure!(gone.is_some(), "something unknown was deleted: {event}");
            }
            Some("BOOKMARK") => {}
            Some("ERROR") => {
                ensure!(object["code"] == 410, "{event}");
                return Ok(false);
            }
            _ => bail!("an unknown event: {event}"),
        }
        let ends_initial = object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true";
        // The initial objects come in the order of their names: only their end is a place to resume from.
        if self.version.is_some() || ends_initial || !self.streams() {
            self.version = Some(version_of(object)?);
        }
        Ok(true)
    }

    /// Is the copy what a list of exactly its version shows? What is forgotten can not be asked for.
    async fn compare_then(&self, client: &Client) -> anyhow::Result<()> {
        let version = self.version.context("it has not come anywhere")?;
        let exact = format!("resourceVersion={version}&resourceVersionMatch=Exact");
        let path = format!("{MAPS}?{}&{exact}", self.selector());
        match call(client, "GET", &path, Value::Null).await? {
            (200, list) => self.compare(&list),
            (410, _) => Ok(()),
            (_, answer) => bail!("{path}: {answer}"),
        }
    }

    /// Is it what there is?
    async fn compare_now(&self, client: &Client) -> anyhow::Result<()> {
        let path = format!("{MAPS}?{}", self.selector());
        let (_, list) = call(client, "GET", &path, Value::Null).await?;
        self.compare(&list)
    }

    fn compare(&self, list: &Value) -> anyhow::Result<()> {
        let mut expected = BTreeMap::new();
        take_page(&mut expected, list);
        ensure!(
            self.copy == expected,
            "{} at {:?}: rebuilt {:?}, listed {expected:?}",
            self.query,
            self.version,
            self.copy
        );
        Ok(())
    }
}

fn take_page(copy: &mut BTreeMap<String, Value>, page: &Value) {
    let objects = page["items"].as_array().into_iter().flatten();
    copy.extend(objects.map(|object| (name_of(object), plain(object))));
}

fn name_of(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A list of a typed resource does not repeat kind and version; an event does.
fn plain(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    object
}

/// Numbers that look random (splitmix64) and are the same for the same seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap_or_default()
    }
}
