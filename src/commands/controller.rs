//! `bmctl controller run|manifests|uninstall|probe`: the controller on a real cluster, what installs it, and its node check.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    Context,
    context::{Ending, InterruptNote},
    controller_manifests::{self, ManifestsArgs},
    controller_uninstall::{self, UninstallArgs},
    session::{Intent, Session},
};
use crate::{
    api::name::SYSTEM_NAMESPACE,
    cli::{go_bool, go_duration},
    cluster::{Deadline, file},
    command_id::CommandId,
    controller::{self, ControllerOptions, ElectionOptions, EngineManifests, install::IMAGE},
    exit::Exit,
    failure::{Failure, Kind, Reason, shown_path},
    probe::{self, Depth, ProbeReport, Virtualization},
    render::{
        controller::StoppedReport,
        document::Nothing,
        host::{HostCheck, HostReport, HostVerdict},
    },
    ui::LogFormat,
};

/// Where a container leaves its termination message.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// The controller, for clusters that are not Google's.
#[derive(clap::Args)]
pub struct ControllerArgs {
    #[command(subcommand)]
    pub command: ControllerCommand,
}

#[derive(clap::Subcommand)]
pub enum ControllerCommand {
    /// Run the controller against a cluster until it is told to stop.
    Run(RunArgs),
    /// Print what to apply to install the controller.
    Manifests(ManifestsArgs),
    /// Remove the controller and everything that was installed with it.
    Uninstall(UninstallArgs),
    /// Judge the node that this runs on; the controller's probe pods call it.
    Probe(ProbeArgs),
}

impl ControllerCommand {
    #[must_use]
    pub const fn id(&self) -> CommandId {
        match self {
            Self::Run(_) => CommandId::ControllerRun,
            Self::Manifests(_) => CommandId::ControllerManifests,
            Self::Uninstall(_) => CommandId::ControllerUninstall,
            Self::Probe(_) => CommandId::ControllerProbe,
        }
    }
}

#[derive(clap::Args)]
pub struct RunArgs {
    /// Image of the probe pods. It carries bmctl as its entry point.
    #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
    pub image: String,
    /// Secret in vm-system with which that image is pulled. May be given several times.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub image_pull_secret: Vec<String>,
    /// Release files of the engine's operators. They are applied when VM Runtime is enabled and removed after it is disabled.
    /// Without it the operators have to be installed already.
    #[arg(long, value_name = "DIR", value_parser = crate::cli::path())]
    pub engine_manifests: Option<PathBuf>,
    /// The engine is in this namespace and nowhere else. Default: wherever its operator is found.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub kubevirt_namespace: Option<String>,
    /// Let the API server itself refuse a disable while VMs exist.
    #[arg(long)]
    pub safe_disable: bool,
    /// Mount the host's /dev into the probe pods. They then need a namespace that allows hostPath.
    #[arg(long)]
    pub deep_probe: bool,
    /// Serve /metrics, /livez and /readyz here. For example 0.0.0.0:8080. Default: nowhere.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Form of the log on stderr.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    #[command(flatten)]
    pub election: ElectionArgs,
}

/// Of several controllers one works: the one that holds a Lease.
#[derive(clap::Args)]
#[command(next_help_heading = "Leader election")]
pub struct ElectionArgs {
    /// Namespace of the Lease.
    #[arg(long, value_name = "NAME", default_value = SYSTEM_NAMESPACE)]
    pub namespace: String,
    /// --leader-elect=false: there is no other controller.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        hide_possible_values = true,
        value_parser = go_bool,
        action = clap::ArgAction::Set
    )]
    pub leader_elect: bool,
    /// How long a Lease counts that nobody renews. In whole seconds.
    #[arg(long, value_name = "DURATION", default_value = "15s", hide_short_help = true, value_parser = go_duration)]
    pub leader_elect_lease_duration: Duration,
    /// How long a leader tries to renew its Lease. Then it gives up.
    #[arg(long, value_name = "DURATION", default_value = "10s", hide_short_help = true, value_parser = go_duration)]
    pub leader_elect_renew_deadline: Duration,
    /// How often a Lease is asked for, or renewed.
    #[arg(long, value_name = "DURATION", default_value = "2s", hide_short_help = true, value_parser = go_duration)]
    pub leader_elect_retry_period: Duration,
}

#[derive(clap::Args)]
pub struct ProbeArgs {
    /// Judge for VMs that are emulated in software: hardware virtualization is not required.
    #[arg(long)]
    pub emulation: bool,
    /// The host's /dev is mounted at /mnt/dev: look at the device nodes too.
    #[arg(long, conflicts_with = "host")]
    pub deep: bool,
    /// Not in a container: look at this machine's own /dev.
    #[arg(long)]
    pub host: bool,
    /// Write the report to this file too. In a container the termination log is found by itself.
    #[arg(long, value_name = "PATH", value_parser = crate::cli::path())]
    pub termination_log: Option<PathBuf>,
}

impl ControllerArgs {
    /// How the controller logs.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        match &self.command {
            ControllerCommand::Run(args) => args.log_format,
            ControllerCommand::Manifests(_)
            | ControllerCommand::Uninstall(_)
            | ControllerCommand::Probe(_) => LogFormat::default(),
        }
    }
}

pub async fn run(context: &Context, args: ControllerArgs) -> Result<Exit, Failure> {
    match args.command {
        ControllerCommand::Run(args) => reconcile(context, args).await,
        ControllerCommand::Manifests(args) => Ok(controller_manifests::run(context, &args)),
        ControllerCommand::Uninstall(args) => Ok(controller_uninstall::run(context, &args).await),
        ControllerCommand::Probe(args) => probe(context, &args),
    }
}

async fn reconcile(context: &Context, args: RunArgs) -> Result<Exit, Failure> {
    let prepared = async {
        let options = controller_options(args).await?;
        let mut session = Session::new(context, Nothing {}).for_ever();
        Ok((options, session.connect(Intent::Serve).await?))
    };
    let (options, cluster) = context
        .unless_interrupted(prepared, InterruptNote::nothing)
        .await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "controller starts");
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let interrupts = context.interrupts.clone();
    tokio::spawn(async move {
        interrupts.first().await;
        tracing::info!("told to stop");
        stop.cancel();
    });
    let ended = controller::run(cluster.client, options, shutdown).await;
    // Being told to stop is how a controller is meant to end.
    match ended {
        Ok(()) => Ok(context.end(Ending::well(StoppedReport {}))),
        Err(error) => Err(Failure::new(
            Kind::Other,
            Reason::ControllerEnded,
            "the controller ended by itself",
        )
        .caused_by(format!("{error:#}"))),
    }
}

async fn controller_options(args: RunArgs) -> Result<ControllerOptions, Failure> {
    let mut options = ControllerOptions::new(args.image);
    options.image_pull_secrets = args.image_pull_secret;
    options.safe_disable = args.safe_disable;
    options.deep_probe = args.deep_probe;
    options.kubevirt_namespace = args.kubevirt_namespace;
    options.listen = args.listen;
    if let Some(folder) = args.engine_manifests {
        options.engine_manifests = Some(engine_manifests(folder).await?);
    }
    if args.election.leader_elect {
        let election = ElectionOptions {
            lease: args.election.leader_elect_lease_duration,
            renew: args.election.leader_elect_renew_deadline,
            retry: args.election.leader_elect_retry_period,
            ..ElectionOptions::new(args.election.namespace, identity())
        };
        election
            .validate()
            .map_err(|why| Failure::new(Kind::Usage, Reason::BadElection, why))?;
        options.election = Some(election);
    }
    Ok(options)
}

async fn engine_manifests(folder: PathBuf) -> Result<EngineManifests, Failure> {
    let read = file::apart(Deadline::never(), move || {
        Ok(EngineManifests::read(&folder))
    })
    .await;
    read.map_err(anyhow::Error::from)
        .and_then(|manifests| manifests)
        .map_err(|error| {
            Failure::new(
                Kind::Usage,
                Reason::BadManifests,
                "could not read the engine manifests",
            )
            .caused_by(format!("{error:#}"))
        })
}

/// As client-go's leaders call themselves: the host, which is the pod's name there, and something unique.
fn identity() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), uuid::Uuid::new_v4())
}

fn probe(context: &Context, args: &ProbeArgs) -> Result<Exit, Failure> {
    let virtualization = if args.emulation {
        Virtualization::Emulation
    } else {
        Virtualization::Hardware
    };
    let depth = match (args.deep, args.host) {
        (true, _) => Depth::Deep,
        (false, true) => Depth::Host,
        (false, false) => Depth::Pod,
    };
    let report = probe::judge(&probe::gather(Path::new("/"), depth), virtualization);
    let message = report.to_termination_message();
    leave(args.termination_log.as_deref(), &message)?;
    Ok(context.end(Ending {
        exit: exit_of(&report),
        ..Ending::well(host(&report, message))
    }))
}

/// What the probe says, as a report.
pub(super) fn host(report: &ProbeReport, message: String) -> HostReport {
    let check = |verdict: &probe::Verdict| HostCheck {
        name: verdict.check.to_string(),
        result: match verdict.outcome {
            probe::Outcome::Passed => HostVerdict::Passed,
            probe::Outcome::Failed => HostVerdict::Failed,
            probe::Outcome::Unknown => HostVerdict::Unknown,
            probe::Outcome::NotApplicable => HostVerdict::NotApplicable,
            probe::Outcome::Informational => HostVerdict::Informational,
        },
        blocking: verdict.check.info().blocking,
        message: verdict.message.clone(),
    };
    HostReport {
        architecture: report.architecture.clone(),
        passed: report.unknown().is_none().then(|| report.passed()),
        checks: report.verdicts.iter().map(check).collect(),
        message,
    }
}

/// Leaves the report where the kubelet looks for it.
fn leave(asked: Option<&Path>, message: &str) -> Result<(), Failure> {
    let in_container = Path::new(TERMINATION_LOG);
    let path = asked.or_else(|| in_container.exists().then_some(in_container));
    let Some(path) = path else { return Ok(()) };
    fs::write(path, message).map_err(|error: io::Error| {
        Failure::new(
            Kind::Other,
            Reason::ReportNotWritten,
            format!("could not write the report to {}", shown_path(path)),
        )
        .caused_by(error.to_string())
    })
}

fn exit_of(report: &ProbeReport) -> Exit {
    if report.passed() {
        Exit::Ok
    } else if report.unknown().is_some() {
        Exit::Incomplete
    } else {
        Exit::CheckFailed
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        commands::{Cli, Command},
        probe::command::ProbeCommand,
    };

    /// What the controller puts into a pod is what this program understands.
    #[test]
    fn a_probe_pods_arguments_are_understood() {
        for (virtualization, depth) in [
            (Virtualization::Hardware, Depth::Pod),
            (Virtualization::Emulation, Depth::Deep),
            (Virtualization::Hardware, Depth::Host),
        ] {
            let asked = ProbeCommand {
                virtualization,
                depth,
            };
            let words = std::iter::once("bmctl".to_owned()).chain(asked.arguments());
            let Command::Controller(args) = Cli::try_parse_from(words).unwrap().command else {
                panic!("not the controller")
            };
            let ControllerCommand::Probe(args) = args.command else {
                panic!("not the probe")
            };
            assert_eq!(args.emulation, virtualization == Virtualization::Emulation);
            assert_eq!(args.deep, depth == Depth::Deep);
            assert_eq!(args.host, depth == Depth::Host);
        }
    }

    #[test]
    fn the_report_is_left_where_it_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        leave(Some(&path), "{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        assert!(leave(Some(&folder.path().join("no/such")), "{}").is_err());
    }
}
