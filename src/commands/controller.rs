//! `bmctl controller run|manifests|probe`: the controller on a real cluster, what installs it, and its node check.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio_util::sync::CancellationToken;

use super::{
    Context,
    context::Ending,
    session::{Intent, Session},
};
use crate::{
    controller::{self, ControllerOptions, EngineManifests, install},
    exit::Exit,
    failure::{Failure, Kind, Reason},
    probe::{self, Depth, ProbeReport, Virtualization},
    render::{
        controller::StoppedReport,
        document::Nothing,
        host::{HostCheck, HostReport, HostVerdict},
        manifests::ManifestsReport,
    },
};

/// The image that carries this program.
const IMAGE: &str = concat!("bmctl:", env!("CARGO_PKG_VERSION"));
/// Where a container leaves its termination message.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// The controller: what makes VM Runtime work on a cluster that is not Google's.
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
    /// Judge the node that this runs on; the controller's probe pods call it.
    Probe(ProbeArgs),
}

impl ControllerCommand {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "controller run",
            Self::Manifests(_) => "controller manifests",
            Self::Probe(_) => "controller probe",
        }
    }
}

#[derive(clap::Args)]
pub struct RunArgs {
    /// Image of the probe pods: one that carries bmctl as its entry point.
    #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
    pub image: String,
    /// Release files of the engine's operators, applied when VM Runtime is enabled and removed after it is disabled.
    /// Without it the operators have to be installed already.
    #[arg(long, value_name = "DIR")]
    pub engine_manifests: Option<PathBuf>,
    /// Let the API server itself refuse a disable while VMs exist.
    #[arg(long)]
    pub safe_disable: bool,
    /// Mount the host's /dev into the probe pods. They then need a namespace that allows hostPath.
    #[arg(long)]
    pub deep_probe: bool,
}

#[derive(clap::Args)]
pub struct ManifestsArgs {
    /// Image of the controller and of its probe pods.
    #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
    pub image: String,
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
    #[arg(long, value_name = "PATH")]
    pub termination_log: Option<PathBuf>,
}

pub async fn run(context: &Context, args: ControllerArgs) -> Result<Exit, Failure> {
    match args.command {
        ControllerCommand::Run(args) => reconcile(context, args).await,
        ControllerCommand::Manifests(args) => Ok(manifests(context, &args)),
        ControllerCommand::Probe(args) => probe(context, &args),
    }
}

async fn reconcile(context: &Context, args: RunArgs) -> Result<Exit, Failure> {
    let mut options = ControllerOptions::new(args.image);
    options.safe_disable = args.safe_disable;
    options.deep_probe = args.deep_probe;
    options.engine_manifests = args
        .engine_manifests
        .map(|folder| EngineManifests::read(&folder))
        .transpose()
        .map_err(|error| {
            Failure::new(
                Kind::Usage,
                Reason::BadManifests,
                "could not read the engine manifests",
            )
            .caused_by(format!("{error:#}"))
        })?;
    let cluster = Session::new(context, Nothing {})
        .connect(Intent::Change)
        .await?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let interrupts = context.interrupts.clone();
    tokio::spawn(async move {
        interrupts.first().await;
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

fn manifests(context: &Context, args: &ManifestsArgs) -> Exit {
    context.end(Ending::well(ManifestsReport::new(install::manifests(
        &args.image,
    ))))
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

fn host(report: &ProbeReport, message: String) -> HostReport {
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
            format!("could not write the report to {}", path.display()),
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
        cli::{Cli, Command},
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
