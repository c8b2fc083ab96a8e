//! `bmctl sandbox start|run`: a Kubernetes cluster inside this program, to try things out and to test scripts.
//!
//! [`assembly`] puts the cluster together, [`start`] keeps one in the foreground, [`run`] runs one command in one.

pub mod assembly;
pub mod boot;
pub mod controller;
pub mod profile;
pub mod run;
pub mod runner;
pub mod start;
pub mod workspace;
pub mod world_file;

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use assembly::{AssemblyOptions, Composition};
use world_file::WorldFile;

use super::Context;
use crate::{
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Given, Kind, Reason, shown, shown_path},
    simulator::{NodeProfile, Pace},
};

/// Run a Kubernetes cluster inside bmctl.
#[derive(clap::Args)]
pub struct SandboxArgs {
    #[command(subcommand)]
    pub command: SandboxCommand,
}

#[derive(clap::Subcommand)]
pub enum SandboxCommand {
    /// Start a cluster and keep it until Ctrl-C.
    ///
    /// The kubeconfig is written to bmctl-workspace/NAME/NAME-kubeconfig, so that 'bmctl … --cluster NAME' finds the
    /// cluster, and removed at the end. Nothing of the cluster remains.
    Start(ClusterArgs),
    /// Start a cluster, run one command in it, and take it down again.
    ///
    /// The command is one of bmctl's own ('-- enable vmruntime'), or any program: KUBECONFIG points it to the cluster.
    /// Its exit code is passed on.
    Run(RunArgs),
}

impl SandboxArgs {
    #[must_use]
    pub const fn id(&self) -> CommandId {
        match self.command {
            SandboxCommand::Start(_) => CommandId::SandboxStart,
            SandboxCommand::Run(_) => CommandId::SandboxRun,
        }
    }
}

/// What the cluster looks like.
#[derive(clap::Args)]
pub struct ClusterArgs {
    /// How many nodes the cluster has. The first is this machine, judged by what it really has; the others exist on
    /// paper and are healthy. Default: 1, or 0 where --world declares the nodes.
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,
    // The words are listed where they are defined.
    #[arg(
        long,
        value_name = "NAME[=WORD,…]",
        value_parser = profile::parse,
        help = format!("Add a node that exists on paper. It is described by words: {}. Repeatable", profile::words())
    )]
    pub node: Vec<NodeProfile>,
    /// Describe the cluster in a YAML file. See docs/sandbox.md.
    #[arg(long, value_name = "FILE", value_parser = crate::cli::path())]
    pub world: Option<PathBuf>,
    /// Add a node that a folder describes. It has proc, sys and dev in it. Repeatable.
    #[arg(long, value_name = "NAME=DIR", value_parser = node_facts)]
    pub node_facts: Vec<(String, PathBuf)>,
    /// Keep the cluster in this folder. The next start with it goes on where this one ended, also after a crash.
    #[arg(long, value_name = "DIR", value_parser = crate::cli::path())]
    pub state: Option<PathBuf>,
    /// Address to listen on. Everybody who reaches another one than a loopback address can try to get in.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1", value_parser = address)]
    pub address: IpAddr,
    /// Port to listen on. Default: one that is free; with --state the one of before.
    #[arg(
        long,
        default_value_t = 0,
        hide_default_value = true,
        value_name = "PORT"
    )]
    pub port: u16,
    /// How long each transition takes. normal (200ms), instant, or a duration such as 2s.
    #[arg(long, value_name = "PACE", value_parser = pace)]
    pub pace: Option<Pace>,
    /// Name of the cluster, its context and its user.
    #[arg(long, default_value = "sandbox", value_name = "NAME", value_parser = cluster_name)]
    pub name: String,
    // What is documented of Google's, what is inferred and what nobody outside can know stands in docs/sandbox.md.
    #[arg(
        long,
        value_name = "KIND",
        value_parser = controller::parse,
        conflicts_with = "no_controller",
        help = "bmctl, gdc, gdc=RELEASE or gdc-admin",
        long_help = format!(
            "Which controller acts on VMRuntime. Default: bmctl.\n\n\
             bmctl: its own.\n\
             gdc, gdc=RELEASE: what is published of Google's on Google Distributed Cloud, as of that release or of the newest of {}.\n\
             gdc-admin: none; an admin cluster of GDC has no VM Runtime.\n\n\
             Documented by Google: the two kinds and their fields, the object that is there and disabled, what the annotation does, when checks are made \
             and the form of their results, the engine in vm-system, the roles. Inferred: in which release a field came, that ready does not wait for the \
             check, which checks are made under emulation. Known to nobody outside Google: conditions, events, times, how the checks run on the nodes. \
             docs/sandbox.md has the whole list",
            controller::releases()
        )
    )]
    pub controller: Option<Composition>,
    /// Leave the controller out. VMRuntime is defined, but nothing acts on it. Run your own with 'bmctl controller run'.
    #[arg(long)]
    pub no_controller: bool,
    /// The API server alone. No definitions, no nodes, no machinery.
    #[arg(long, conflicts_with_all = ["controller", "no_controller", "node_facts", "node", "nodes", "world"])]
    pub bare: bool,
}

#[derive(clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The command and its arguments. For example: enable vmruntime --use-emulation.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

pub async fn run(context: &Context, args: SandboxArgs) -> Result<Exit, Failure> {
    match args.command {
        SandboxCommand::Start(args) => start::run(context, &args).await,
        SandboxCommand::Run(args) => run::run(context, &args).await,
    }
}

impl ClusterArgs {
    /// The cluster that was asked for.
    ///
    /// # Errors
    /// No node at all, two nodes of one name, facts that are no folder, or a world file that cannot be used.
    pub async fn options(&self) -> Result<AssemblyOptions, Failure> {
        let world = match &self.world {
            Some(path) => WorldFile::read(path).await?,
            None => WorldFile::default(),
        };
        Ok(AssemblyOptions {
            listen: SocketAddr::new(self.address, self.port),
            name: self.name.clone(),
            nodes: if self.bare {
                Vec::new()
            } else {
                self.profiles(&world)?
            },
            pace: self.pace.or(world.pace).unwrap_or_default(),
            state: self.state.clone(),
            delays: world.delays,
            faults: world.faults,
            composition: if self.bare {
                Composition::ApiServer
            } else if self.no_controller {
                Composition::Machinery
            } else {
                self.controller.unwrap_or(Composition::Everyone)
            },
        })
    }

    /// What there is to be said about these options.
    pub fn warning(&self) -> Option<String> {
        (!self.address.is_loopback()).then(|| {
            format!(
                "the cluster listens on {}: whoever reaches that address can try to get in",
                self.address
            )
        })
    }

    fn profiles(&self, world: &WorldFile) -> Result<Vec<NodeProfile>, Failure> {
        let mut profiles = Vec::new();
        // A state remembers its own nodes.
        let kept = self
            .state
            .as_ref()
            .is_some_and(|folder| apiserver::has_state(folder));
        let nodes = self
            .nodes
            .unwrap_or(usize::from(!world.has_nodes() && !kept));
        if nodes > 0 {
            profiles.push(NodeProfile::real(own_name(), "/"));
        }
        profiles.extend((2..=nodes).map(|number| NodeProfile::pretend(format!("node-{number}"))));
        if let Some(path) = &self.world {
            profiles.extend(world.profiles(path)?);
        }
        profiles.extend(self.node.iter().cloned());
        for (name, folder) in &self.node_facts {
            if !folder.is_dir() {
                return Err(usage(format!(
                    "--node-facts {name}: {} is not a folder",
                    shown_path(folder)
                )));
            }
            profiles.push(NodeProfile::real(name, folder));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = profiles
            .iter()
            .find(|node| !names.insert(node.name.as_str()))
        {
            return Err(usage(format!("two nodes of the same name: {}", twice.name)));
        }
        if !kept && !profiles.iter().any(|node| node.control_plane) {
            match profiles.first_mut() {
                Some(first) => first.control_plane = true,
                None => return Err(usage("a cluster needs a node".to_owned())),
            }
        }
        Ok(profiles)
    }
}

fn usage(message: String) -> Failure {
    Failure::new(Kind::Usage, Reason::InvalidCluster, message)
}

/// This machine's host name as the name of a node, or `sandbox` where it does not lend itself to one.
fn own_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .and_then(|name| as_node_name(&name))
        .unwrap_or_else(|| "sandbox".to_owned())
}

/// Lower case letters, digits and dashes of the first label, as RFC 1123 has it.
fn as_node_name(host: &str) -> Option<String> {
    let label = host.trim().split('.').next()?.to_ascii_lowercase();
    let dashed: String = label
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    let name = dashed.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

fn node_facts(text: &str) -> Result<(String, PathBuf), String> {
    let (name, folder) = text.split_once('=').ok_or("expected NAME=DIR")?;
    if folder.is_empty() {
        return Err("expected NAME=DIR".into());
    }
    if let Some(objection) = Given::of(folder).objection() {
        return Err(format!("{objection}, not a folder"));
    }
    Ok((node_name(name)?, PathBuf::from(folder)))
}

fn node_name(name: &str) -> Result<String, String> {
    if as_node_name(name).as_deref() == Some(name) {
        Ok(name.to_owned())
    } else {
        Err(format!(
            "{:?} is no name of a node: lower case letters, digits and dashes",
            shown(name)
        ))
    }
}

/// It becomes a folder and a context, so it must be a plain word.
fn cluster_name(text: &str) -> Result<String, String> {
    if as_node_name(text).as_deref() == Some(text) {
        Ok(text.to_owned())
    } else {
        Err("expected lower case letters, digits and dashes".into())
    }
}

/// The kubeconfig and the certificate name it, so it must be one.
fn address(text: &str) -> Result<IpAddr, String> {
    match text.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => {
            Err("clients need one address to find the cluster at, for example 192.168.1.5".into())
        }
        Ok(address) => Ok(address),
        Err(_) => Err("expected an IP address".into()),
    }
}

fn pace(text: &str) -> Result<Pace, String> {
    match text {
        "normal" => Ok(Pace::NORMAL),
        "instant" => Ok(Pace::INSTANT),
        other => crate::cli::go_duration(other)
            .map(|transition| Pace { transition })
            .map_err(|_| "expected normal, instant or a duration such as 2s".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_become_names_of_nodes() {
        for (host, expected) in [
            ("worker-0\n", Some("worker-0")),
            ("Build_Box.example.com", Some("build-box")),
            ("-odd-", Some("odd")),
            ("", None),
            ("___", None),
        ] {
            assert_eq!(as_node_name(host).as_deref(), expected, "{host:?}");
        }
    }

    #[test]
    fn facts_need_a_name_and_a_folder() {
        assert!(node_facts("worker-0=/tmp/facts").is_ok());
        for text in ["worker-0", "=/tmp", "worker-0=", "Worker=/tmp", "a/b=/tmp"] {
            assert!(node_facts(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_pace_is_a_word_or_a_duration() {
        assert_eq!(pace("normal"), Ok(Pace::NORMAL));
        assert_eq!(pace("instant"), Ok(Pace::INSTANT));
        assert_eq!(pace("2s").map(|pace| pace.transition.as_secs()), Ok(2));
        assert!(pace("slow").is_err());
    }
}
