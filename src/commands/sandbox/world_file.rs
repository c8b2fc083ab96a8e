//! `--world FILE`: a cluster described in one small YAML file. Strict: a word that means nothing is an error, with its
//! line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use apiserver::fault::Fault;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    cluster::{Deadline, file},
    failure::{Failure, Given, Kind, Reason, shown_path},
    simulator::{self, NodeProfile, Pace},
};

/// Stands for the number of a node in its name.
const NUMBER: &str = "{n}";
/// More than this nobody means.
const MOST_NODES: usize = 20_000;

/// What a world file says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorldFile {
    /// How long a transition of the machinery takes: `normal`, `instant`, or a duration.
    #[serde(default, deserialize_with = "pace")]
    pub pace: Option<Pace>,
    /// So much longer than others these components of the machinery take for each transition.
    #[serde(default, deserialize_with = "delays")]
    pub delays: BTreeMap<String, Duration>,
    #[serde(default)]
    nodes: Vec<NodeEntry>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// One machine, or several equal ones.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NodeEntry {
    name: String,
    count: Option<usize>,
    #[serde(default = "yes")]
    ready: bool,
    #[serde(default)]
    cordoned: bool,
    kvm: Option<bool>,
    /// A folder that stands for the machine's root, relative to the file.
    host: Option<PathBuf>,
    architecture: Option<String>,
    #[serde(default)]
    control_plane: bool,
    #[serde(default, deserialize_with = "duration")]
    delay: Option<Duration>,
    #[serde(default = "yes")]
    pulls_images: bool,
    #[serde(default)]
    gpus: u32,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl WorldFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or says something that means nothing.
    pub async fn read(path: &Path) -> Result<Self, Failure> {
        let read = file::read(path, Deadline::never()).await;
        let text = read
            .and_then(file::text)
            .map_err(|error| bad(path, &error.to_string()))?;
        Self::parse(&text).map_err(|why| bad(path, &why))
    }

    /// Reads the text of a file. An empty one is a world without anything special.
    fn parse(text: &str) -> Result<Self, String> {
        let world: Option<Self> = serde_saphyr::from_str(text).map_err(|error| {
            // The lines around a mistake are shown, but not those of another kind of file.
            match Given::of_list(text) {
                Given::Kubeconfig => error.without_snippet().to_string(),
                Given::Plausible | Given::Text | Given::Credential => error.to_string(),
            }
        })?;
        let world = world.unwrap_or_default();
        match world.faults.iter().find_map(Fault::objection) {
            None => Ok(world),
            Some(objection) => Err(format!("faults: {objection}")),
        }
    }

    /// Does it say which machines there are?
    pub fn has_nodes(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The machines. `path` is where the file lies.
    ///
    /// # Errors
    /// A name is none, a folder is not there, or there are too many.
    pub fn profiles(&self, path: &Path) -> Result<Vec<NodeProfile>, Failure> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut profiles = Vec::new();
        for entry in &self.nodes {
            if entry.count.unwrap_or(1).saturating_add(profiles.len()) > MOST_NODES {
                return Err(bad(path, &format!("more than {MOST_NODES} nodes")));
            }
            let made = entry.profiles(folder).map_err(|why| bad(path, &why))?;
            profiles.extend(made);
        }
        Ok(profiles)
    }
}

impl NodeEntry {
    fn profiles(&self, folder: &Path) -> Result<Vec<NodeProfile>, String> {
        let names: Vec<String> = match self.count {
            None => vec![self.name.clone()],
            Some(count) => (1..=count).map(|number| self.numbered(number)).collect(),
        };
        let host = self.host.as_ref().map(|host| folder.join(host));
        if let Some(host) = host.as_ref().filter(|host| !host.is_dir()) {
            return Err(format!(
                "host of {}: {} is not a folder",
                self.name,
                shown_path(host)
            ));
        }
        if host.is_some() && self.kvm.is_some() {
            return Err(format!(
                "{}: what a machine with a host can do its folder says; leave kvm out",
                self.name
            ));
        }
        names
            .into_iter()
            .map(|name| Ok(self.profile(super::node_name(&name)?, host.clone())))
            .collect()
    }

    fn numbered(&self, number: usize) -> String {
        if self.name.contains(NUMBER) {
            self.name.replace(NUMBER, &number.to_string())
        } else {
            format!("{}-{number}", self.name)
        }
    }

    fn profile(&self, name: String, host: Option<PathBuf>) -> NodeProfile {
        let plain = match host {
            Some(host) => NodeProfile::real(name, host),
            None => NodeProfile::pretend(name),
        };
        NodeProfile {
            host: plain.host,
            architecture: self.architecture.clone().unwrap_or(plain.architecture),
            control_plane: self.control_plane,
            ready: self.ready,
            cordoned: self.cordoned,
            kvm: self.kvm.unwrap_or(plain.kvm),
            delay: self.delay.unwrap_or_default(),
            pulls_images: self.pulls_images,
            gpus: self.gpus,
            labels: self.labels.clone(),
            name: plain.name,
        }
    }
}

const fn yes() -> bool {
    true
}

fn pace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pace>, D::Error> {
    let text = String::deserialize(deserializer)?;
    super::pace(&text).map(Some).map_err(D::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = crate::cli::go_duration(&text);
    duration.map(Some).map_err(D::Error::custom)
}

/// Names of components, each with a duration.
fn delays<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Duration>, D::Error> {
    let given = BTreeMap::<String, String>::deserialize(deserializer)?;
    let known = simulator::components();
    let delay = |(component, delay): (String, String)| {
        if !known.contains(component.as_str()) {
            let known: Vec<&str> = known.iter().copied().collect();
            let known = known.join(", ");
            return Err(format!("{component} is none of the components {known}"));
        }
        Ok((component, crate::cli::go_duration(&delay)?))
    };
    let delays: Result<_, String> = given.into_iter().map(delay).collect();
    delays.map_err(D::Error::custom)
}

fn bad(path: &Path, why: &str) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::InvalidCluster,
        format!("cannot use the world file {}", shown_path(path)),
    )
    .caused_by(why)
    .hint("docs/sandbox.md tells what it may say")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_docs_is_read() {
        let docs = include_str!("../../../docs/sandbox.md");
        let (_, rest) = docs.split_once("```yaml\n# world.yaml\n").unwrap();
        let (example, _) = rest.split_once("```").unwrap();
        let world = WorldFile::parse(example).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("facts")).unwrap();
        let nodes = world.profiles(&folder.path().join("world.yaml")).unwrap();
        let find = |name: &str| nodes.iter().find(|node| node.name == name).unwrap();
        assert!(find("control").control_plane);
        assert!(find("worker-3").kvm && find("worker-3").host.is_none());
        assert_eq!(find("worker-3").labels["rack"], "a");
        assert!(!find("bare").kvm);
        assert!(!find("silent").ready);
        assert_eq!(world.faults.len(), 3);
        assert_eq!(world.delays["virt-operator"], Duration::from_secs(30));
        assert_eq!(find("copied").host, Some(folder.path().join("facts")));
    }

    #[test]
    fn a_kubeconfig_is_not_quoted() {
        let text = "users:\n- user:\n    token: canary\nclusters: []\napiVersion: v1\n";
        let error = WorldFile::parse(text).unwrap_err();
        assert!(
            error.contains("line 1") && !error.contains("canary"),
            "{error}"
        );
    }

    #[test]
    fn what_means_nothing_is_an_error_with_its_line() {
        for (text, expected) in [
            ("nodes:\n- name: a\n  kmv: false\n", ["kmv", "3"]),
            ("nodes:\n- name: a\npase: instant\n", ["pase", "3"]),
            ("nodes:\n- name: a\n  delay: soon\n", ["soon", "3"]),
            ("pace: slow\n", ["normal, instant", "1"]),
            ("delays: {virt-operator: soon}\n", ["soon", "1"]),
            (
                "delays: {virt-oprator: 1s}\n",
                ["virt-oprator", "virt-operator"],
            ),
            ("nodes:\n- count: 3\n", ["name", "2"]),
            ("- name: a\n", ["", "1"]),
            ("faults:\n- do: explode\n", ["explode", "2"]),
            ("faults:\n- do: reset\n  verbs: [post]\n", ["post", "verbs"]),
        ] {
            let error = WorldFile::parse(text).unwrap_err();
            for part in expected {
                assert!(error.contains(part), "{text:?}: {error}");
            }
        }
        assert!(!WorldFile::parse("").unwrap().has_nodes());
        assert!(!WorldFile::parse("# nothing\n").unwrap().has_nodes());
    }

    #[test]
    fn a_machine_has_a_folder_or_a_word_for_what_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.yaml");
        for text in [
            "nodes: [{name: a, host: missing}]",
            "nodes: [{name: a, host: ., kvm: true}]",
            "nodes: [{name: A}]",
            "nodes: [{name: a, count: 30000}]",
        ] {
            let world = WorldFile::parse(text).unwrap();
            let failure = world.profiles(&path).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{text}");
        }
    }
}
