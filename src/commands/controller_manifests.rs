//! `bmctl controller manifests`: what to apply to install the controller.

use super::{Context, context::Ending};
use crate::{
    api::name::SYSTEM_NAMESPACE,
    controller::install::{self, IMAGE, InstallOptions, Profile},
    exit::Exit,
    render::manifests::ManifestsReport,
};

#[derive(clap::Args)]
pub struct ManifestsArgs {
    /// Image of the controller and of its probe pods.
    #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
    pub image: String,
    /// Secret with which the image is pulled. In the controller's namespace and in vm-system. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub image_pull_secret: Vec<String>,
    /// Namespace of the controller. Checks and their pods stay in vm-system, where bmctl looks for the controller too.
    #[arg(long, value_name = "NAME", default_value = SYSTEM_NAMESPACE)]
    pub namespace: String,
    /// The engine is in this namespace and nowhere else. Rights on it end there (profile standard). The namespace itself is
    /// not printed: it is KubeVirt's. Default: wherever its operator is.
    #[arg(long, value_name = "NAME")]
    pub kubevirt_namespace: Option<String>,
    /// How much the controller may do.
    #[arg(long, value_enum, value_name = "PROFILE", default_value_t = ProfileArg::Standard)]
    pub profile: ProfileArg,
    /// Probe pods mount the host's /dev. The system namespace then allows privileged pods.
    #[arg(long)]
    pub deep_probe: bool,
    /// Let the API server itself refuse a disable while VMs exist.
    #[arg(long)]
    pub safe_disable: bool,
    /// Add a PodMonitor, so that the Prometheus operator finds the controller's metrics. Its definitions have to be there.
    #[arg(long, hide_short_help = true)]
    pub pod_monitor: bool,
}

/// How much the controller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProfileArg {
    /// It uses the engine's operators that somebody else has installed.
    Standard,
    /// It also installs and removes them, from ConfigMaps with their release files. That takes rights to escalate.
    EngineManifests,
}

pub fn run(context: &Context, args: &ManifestsArgs) -> Exit {
    let objects = install::manifests(&InstallOptions {
        image_pull_secrets: args.image_pull_secret.clone(),
        namespace: args.namespace.clone(),
        kubevirt_namespace: args.kubevirt_namespace.clone(),
        profile: match args.profile {
            ProfileArg::Standard => Profile::Standard,
            ProfileArg::EngineManifests => Profile::EngineManifests,
        },
        deep_probe: args.deep_probe,
        safe_disable: args.safe_disable,
        pod_monitor: args.pod_monitor,
        ..InstallOptions::new(&args.image)
    });
    context.end(Ending::well(ManifestsReport::new(objects)))
}
