//! What the cluster looks like, as far as the watches have told: the only thing that rules read.
//!
//! What a rule asks for often is found by a [`Link`], never by looking through everything, so that a change costs the
//! same in a cluster of any size. How much is looked at is counted: see [`ClusterState::looks`].

mod load;
mod read;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use kube::core::DynamicObject;

pub use self::read::Read;

use self::load::Loads;
use super::{NodeProfile, PodExit, engine, gdc::Release, kind::Kind, rule::disks};

/// An object as the API server sent it.
pub type Object = Arc<DynamicObject>;

/// Where an object is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub kind: Kind,
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn of(kind: Kind, object: &DynamicObject) -> Self {
        Self {
            kind,
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
        }
    }
}

/// What a node's runner said about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs until somebody deletes it.
    Runs,
    Ends(PodExit),
}

/// What an object can be found by, besides its own key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// uid of what controls it.
    Controller(String),
    /// Name of the node that a pod is on; empty for one that waits for a node.
    Node(String),
    /// Namespace and name of a disk that one of the product's machines uses.
    Disk(String, String),
    /// It is a Deployment of KubeVirt or CDI.
    Component,
}

/// The cluster as it is known to be.
pub struct ClusterState {
    /// Time of this moment, for the times that rules write.
    pub now: Timestamp,
    /// Version of the API server, which the kubelets claim for themselves too.
    pub version: String,
    /// The certificate that the API server's is signed with, PEM, where it is known.
    pub authority: Option<String>,
    /// The release of Google's controller, where it is played.
    pub gdc: Option<&'static Release>,
    profiles: BTreeMap<String, NodeProfile>,
    objects: BTreeMap<Kind, BTreeMap<Key, Object>>,
    links: HashMap<Link, BTreeSet<Key>>,
    loads: Loads,
    /// What no node has, as long as no node changes.
    hopeless: RefCell<HashSet<String>>,
    looks: Cell<usize>,
    /// uid of a pod → what becomes of it.
    fates: HashMap<String, Fate>,
    /// The newest resourceVersion that the watch of a kind has told.
    told: HashMap<Kind, u64>,
    /// Every preflight check that was ever there: one that somebody deletes is not made again.
    checks: HashSet<String>,
}

impl ClusterState {
    pub fn new(profiles: Vec<NodeProfile>, version: String) -> Self {
        Self {
            now: this_second(),
            version,
            authority: None,
            gdc: None,
            profiles: profiles
                .into_iter()
                .map(|profile| (profile.name.clone(), profile))
                .collect(),
            objects: BTreeMap::new(),
            links: HashMap::new(),
            loads: Loads::default(),
            hopeless: RefCell::default(),
            looks: Cell::new(0),
            fates: HashMap::new(),
            told: HashMap::new(),
            checks: HashSet::new(),
        }
    }

    /// Sets the clock.
    pub fn tick(&mut self) {
        self.now = this_second();
    }

    /// The machine behind a node that we registered.
    pub fn profile(&self, node: &str) -> Option<&NodeProfile> {
        self.profiles.get(node)
    }

    pub fn get(&self, key: &Key) -> Option<&Object> {
        self.objects.get(&key.kind)?.get(key)
    }

    pub fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Object> {
        self.get(&Key {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let objects = self.objects.get(&kind);
        let objects = objects.into_iter().flat_map(BTreeMap::values);
        objects.inspect(|_| self.look())
    }

    /// What lies in a namespace.
    pub fn within<'a>(
        &'a self,
        kind: Kind,
        namespace: &str,
    ) -> impl Iterator<Item = &'a Object> + use<'a> {
        let first = Key {
            kind,
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let namespace = first.namespace.clone();
        let objects = self.objects.get(&kind);
        objects
            .into_iter()
            .flat_map(move |objects| objects.range(first.clone()..))
            .take_while(move |(key, _)| key.namespace == namespace)
            .map(|(_, object)| object)
            .inspect(|_| self.look())
    }

    pub fn keys(&self, kind: Kind) -> impl Iterator<Item = &Key> {
        let objects = self.objects.get(&kind);
        let keys = objects.into_iter().flat_map(BTreeMap::keys);
        keys.inspect(|_| self.look())
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.objects.get(&kind).map_or(0, BTreeMap::len)
    }

    pub fn linked<'a>(&'a self, link: &Link) -> impl Iterator<Item = &'a Object> + use<'a> {
        self.links
            .get(link)
            .into_iter()
            .flatten()
            .filter_map(|key| self.get(key))
            .inspect(|_| self.look())
    }

    /// What `owner` controls of that kind.
    pub fn controlled<'a>(
        &'a self,
        owner: &DynamicObject,
        kind: Kind,
    ) -> impl Iterator<Item = &'a Object> {
        self.links
            .get(&Link::Controller(owner.uid().to_owned()))
            .into_iter()
            .flatten()
            .filter(move |key| key.kind == kind)
            .filter_map(|key| self.get(key))
            .inspect(|_| self.look())
    }

    /// The pods on a node; of the empty name, those that wait for one.
    pub fn pods_on(&self, node: &str) -> impl Iterator<Item = &Object> {
        self.linked(&Link::Node(node.to_owned()))
    }

    /// All nodes, the emptiest first; `seed` decides between equals.
    pub fn emptiest_nodes(&self, seed: &str) -> impl Iterator<Item = &Object> {
        self.loads
            .emptiest_first(seed)
            .filter_map(|node| self.find(Kind::Node, "", node))
            .inspect(|_| self.look())
    }

    /// Has it been found, since a node last changed, that none has this?
    pub fn is_hopeless(&self, wish: &str) -> bool {
        self.hopeless.borrow().contains(wish)
    }

    pub fn note_hopeless(&self, wish: String) {
        self.hopeless.borrow_mut().insert(wish);
    }

    /// How many objects have been looked at so far, all in all: what the work of the rules is measured by.
    pub fn looks(&self) -> usize {
        self.looks.get()
    }

    fn look(&self) {
        self.looks.set(self.looks.get() + 1);
    }

    /// Is there a definition of that kind, established?
    pub fn serves(&self, kind: Kind) -> bool {
        kind.definition().is_none_or(|name| {
            self.find(Kind::Definition, "", &name)
                .is_some_and(|definition| definition.condition("Established") == Some("True"))
        })
    }

    /// Is the kind watched in this cluster?
    pub fn watches(&self, kind: Kind) -> bool {
        self.gdc.is_some() || !kind.is_googles()
    }

    /// Was there ever a preflight check of that name?
    pub fn has_had_check(&self, name: &str) -> bool {
        self.checks.contains(name)
    }

    pub fn fate(&self, pod: &DynamicObject) -> Option<&Fate> {
        self.fates.get(pod.metadata.uid.as_deref()?)
    }

    /// Remembers what becomes of a pod, as long as it is there.
    pub fn decide_fate(&mut self, pod: &DynamicObject, fate: Fate) {
        let there = self
            .get(&Key::of(Kind::Pod, pod))
            .is_some_and(|known| known.metadata.uid == pod.metadata.uid);
        if let (true, Some(uid)) = (there, pod.metadata.uid.clone()) {
            self.fates.insert(uid, fate);
        }
    }

    /// What a watch told about one object.
    pub fn tell(&mut self, kind: Kind, object: &Object) {
        self.hear(kind, object);
        self.put(kind, object.clone());
    }

    /// What a watch told about an object that is gone.
    pub fn tell_gone(&mut self, kind: Kind, object: &Object) {
        self.hear(kind, object);
        self.remove(&Key::of(kind, object));
    }

    /// The whole of a kind, as listed. Returns what is no longer there.
    pub fn tell_all(&mut self, kind: Kind, objects: &[Object]) -> Vec<Object> {
        let present: BTreeSet<Key> = objects.iter().map(|object| Key::of(kind, object)).collect();
        let gone: Vec<Key> = self
            .keys(kind)
            .filter(|key| !present.contains(key))
            .cloned()
            .collect();
        for object in objects {
            self.tell(kind, object);
        }
        gone.iter().filter_map(|key| self.remove(key)).collect()
    }

    /// Forgets a kind that is no longer served. Returns what there was.
    pub fn forget(&mut self, kind: Kind) -> Vec<Object> {
        self.told.remove(&kind);
        self.tell_all(kind, &[])
    }

    /// The answer to a write of ours, before the watch tells the same; so that the next decision knows of this one.
    /// Returns whether it is news: the watch may have told this or something later already.
    pub fn answer(&mut self, kind: Kind, object: &Object) -> bool {
        let Some(version) = version(object) else {
            return false;
        };
        if self.told.get(&kind).is_some_and(|told| version <= *told) {
            return false;
        }
        let known = self
            .get(&Key::of(kind, object))
            .and_then(|known| version_of(known.metadata.resource_version.as_deref()));
        if known.is_some_and(|known| version <= known) {
            return false;
        }
        let finished = object.metadata.deletion_timestamp.is_some()
            && object
                .metadata
                .finalizers
                .as_ref()
                .is_none_or(Vec::is_empty)
            && kind != Kind::Pod;
        if finished {
            return false;
        }
        self.put(kind, object.clone());
        true
    }

    fn hear(&mut self, kind: Kind, object: &DynamicObject) {
        if let Some(version) = version(object) {
            let told = self.told.entry(kind).or_default();
            *told = version.max(*told);
        }
    }

    fn put(&mut self, kind: Kind, object: Object) {
        let key = Key::of(kind, &object);
        let before = self.get(&key).map(|known| links_of(kind, known));
        if let Some(known) = self.get(&key).cloned()
            && known.uid() != object.uid()
        {
            self.fates.remove(known.uid());
        }
        if kind == Kind::PreflightCheck {
            self.checks.insert(key.name.clone());
        }
        let links = links_of(kind, &object);
        self.objects
            .entry(kind)
            .or_default()
            .insert(key.clone(), object);
        self.relink(&key, &before.unwrap_or_default(), &links);
    }

    fn remove(&mut self, key: &Key) -> Option<Object> {
        let known = self.objects.get_mut(&key.kind)?.remove(key)?;
        self.fates.remove(known.uid());
        self.relink(key, &links_of(key.kind, &known), &[]);
        Some(known)
    }

    /// Follows a change of what links to an object.
    fn relink(&mut self, key: &Key, before: &[Link], after: &[Link]) {
        for link in before.iter().filter(|link| !after.contains(link)) {
            if let Some(linked) = self.links.get_mut(link) {
                linked.remove(key);
                if linked.is_empty() {
                    self.links.remove(link);
                }
            }
        }
        for link in after.iter().filter(|link| !before.contains(link)) {
            let linked = self.links.entry(link.clone()).or_default();
            linked.insert(key.clone());
        }
        if key.kind == Kind::Node {
            self.hopeless.get_mut().clear();
            self.weigh(&key.name);
        }
        for link in before.iter().chain(after) {
            if let Link::Node(node) = link {
                self.weigh(node);
            }
        }
    }

    /// Counts the pods of a node.
    fn weigh(&mut self, node: &str) {
        let there = self.find(Kind::Node, "", node).is_some();
        let pods = self.links.get(&Link::Node(node.to_owned()));
        let pods = pods.map_or(0, BTreeSet::len);
        self.loads.set(node, there.then_some(pods));
    }
}

fn links_of(kind: Kind, object: &Object) -> Vec<Link> {
    let mut links = Vec::new();
    if let Some(owner) = object.controller() {
        links.push(Link::Controller(owner.uid.clone()));
    }
    match kind {
        Kind::Pod => {
            let node = object.text("/spec/nodeName").unwrap_or_default();
            links.push(Link::Node(node.to_owned()));
        }
        Kind::ProductMachine => links.extend(
            disks(object)
                .map(|disk| Link::Disk(object.namespace().to_owned(), disk.name.to_owned())),
        ),
        Kind::Deployment if engine::is_component(object) => links.push(Link::Component),
        Kind::Deployment
        | Kind::Namespace
        | Kind::ServiceAccount
        | Kind::RootCertificate
        | Kind::ReplicationController
        | Kind::Node
        | Kind::PersistentVolumeClaim
        | Kind::ReplicaSet
        | Kind::DaemonSet
        | Kind::DisruptionBudget
        | Kind::Definition
        | Kind::AdmissionPolicy
        | Kind::AdmissionBinding
        | Kind::KubeVirt
        | Kind::Cdi
        | Kind::VirtualMachine
        | Kind::Instance
        | Kind::InstanceReplicaSet
        | Kind::Pool
        | Kind::Migration
        | Kind::DataVolume
        | Kind::ProductDisk
        | Kind::Runtime
        | Kind::PreflightCheck
        | Kind::ClusterRole => {}
    }
    links
}

/// Kubernetes writes whole seconds.
pub fn this_second() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn version(object: &DynamicObject) -> Option<u64> {
    version_of(object.metadata.resource_version.as_deref())
}

/// Versions of one resource may be compared as numbers (KEP-5504); what is not a number is never news.
fn version_of(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}
