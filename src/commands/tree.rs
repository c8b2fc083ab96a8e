//! Every verb and noun, as clap knows them. The arguments of a command live beside it; their doc comments are the help.

use clap::{
    Parser, Subcommand,
    builder::{
        Styles,
        styling::{AnsiColor, Effects},
    },
};

use super::{
    auth_check::AuthCheckArgs,
    check_host::CheckHostArgs,
    check_vmruntimepfc::CheckVmruntimepfcArgs,
    completion::CompletionArgs,
    controller::ControllerArgs,
    disable_vmruntime::DisableVmruntimeArgs,
    enable_vmruntime::EnableVmruntimeArgs,
    explain::ExplainArgs,
    get_vmruntimepfc::GetVmruntimepfcArgs,
    help::HelpArgs,
    man::ManArgs,
    restore::RestoreArgs,
    sandbox::SandboxArgs,
    skip_node::{SkipNodeArgs, UnskipNodeArgs},
    snapshot_vmruntime::SnapshotVmruntimeArgs,
    status_vmruntime::StatusVmruntimeArgs,
    update_vmruntime::UpdateVmruntimeArgs,
    wait_vmruntime::WaitVmruntimeArgs,
};
use crate::{cli::GlobalArgs, command_id::CommandId, ui::LogFormat};

/// Turn the VM Runtime of a Kubernetes cluster on and off, and check its nodes.
///
/// bmctl works against Google Distributed Cloud, against any cluster that runs KubeVirt under bmctl's own controller,
/// and against a sandbox cluster that it carries inside.
#[derive(Parser)]
#[command(
    name = "bmctl",
    bin_name = "bmctl",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    infer_subcommands = false,
    arg_required_else_help = true,
    propagate_version = false,
    max_term_width = 80,
    help_template = TEMPLATE,
    styles = STYLES,
    after_long_help = after_help()
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Print the version.
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags are left out: they are those of every command.
const TEMPLATE: &str = "{about-with-newline}{usage-heading} {usage}\n\n{subcommands}{after-help}";

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const IN_A_SANDBOX: &str = "
  bmctl sandbox run -- enable vmruntime --use-emulation
                                                   try it without a cluster";

fn after_help() -> String {
    let first = if cfg!(feature = "sandbox") {
        IN_A_SANDBOX
    } else {
        ""
    };
    format!("Examples:{first}{AFTER_HELP}")
}

const AFTER_HELP: &str = "
  bmctl enable vmruntime --kubeconfig admin.conf   turn it on, and wait
  bmctl check vmruntimepfc -c my-cluster           can the nodes run VMs?
  bmctl disable vmruntime                          refuses while VMs exist

'bmctl help options' lists the options of every command. What scripts can rely
on: 'bmctl help exit-codes', 'help output', 'help environment'. What a check, a
condition or an error means: 'bmctl explain'.";

/// Every verb. Nouns are accepted as kubectl accepts them: singular, plural, short name, with or without the group.
#[derive(Subcommand)]
pub enum Command {
    /// Turn something on: enable vmruntime.
    #[command(subcommand)]
    Enable(Enable),
    /// Turn something off: disable vmruntime.
    #[command(subcommand)]
    Disable(Disable),
    /// Change the settings of something: update vmruntime.
    #[command(subcommand)]
    Update(Update),
    /// Wait for something: wait vmruntime.
    #[command(subcommand)]
    Wait(Wait),
    /// Check something: check vmruntimepfc, check host.
    #[command(subcommand)]
    Check(Check),
    /// Show how something is: status vmruntime.
    #[command(subcommand)]
    Status(Status),
    /// Show what there is: get vmruntimepfc.
    #[command(subcommand)]
    Get(Get),
    /// Leave something out: skip node.
    #[command(subcommand)]
    Skip(Skip),
    /// Take something in again: unskip node.
    #[command(subcommand)]
    Unskip(Unskip),
    /// Say what the current user may do: auth check.
    #[command(subcommand)]
    Auth(Auth),
    /// Collect a support bundle: snapshot vmruntime.
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Explain a node check, a condition, an error or an exit code.
    Explain(ExplainArgs),
    /// Put back what a disable has saved and deleted.
    Restore(RestoreArgs),
    /// Run a Kubernetes cluster inside bmctl, to try out and to test.
    #[cfg_attr(not(feature = "sandbox"), command(hide = true))]
    Sandbox(SandboxArgs),
    /// The controller, for clusters that are not Google's.
    Controller(ControllerArgs),
    /// Print a script by which a shell completes what is typed.
    Completion(CompletionArgs),
    /// Write the manual pages, one for each command.
    Man(ManArgs),
    /// Print the version.
    Version,
    /// Explain a command, or a topic such as exit-codes.
    Help(HelpArgs),
}

/// What can be turned on.
#[derive(Subcommand)]
pub enum Enable {
    #[command(aliases = VMRUNTIME)]
    Vmruntime(EnableVmruntimeArgs),
}

/// What can be turned off.
#[derive(Subcommand)]
pub enum Disable {
    #[command(aliases = VMRUNTIME)]
    Vmruntime(DisableVmruntimeArgs),
}

/// What can be checked.
#[derive(Subcommand)]
pub enum Check {
    #[command(aliases = VMRUNTIMEPFC)]
    Vmruntimepfc(CheckVmruntimepfcArgs),
    Host(CheckHostArgs),
}

/// What can be shown.
#[derive(Subcommand)]
pub enum Get {
    #[command(aliases = VMRUNTIMEPFC)]
    Vmruntimepfc(GetVmruntimepfcArgs),
}

/// What has settings.
#[derive(Subcommand)]
pub enum Update {
    #[command(aliases = VMRUNTIME)]
    Vmruntime(UpdateVmruntimeArgs),
}

/// What can be waited for.
#[derive(Subcommand)]
pub enum Wait {
    #[command(aliases = VMRUNTIME)]
    Vmruntime(WaitVmruntimeArgs),
}

/// What has a status.
#[derive(Subcommand)]
pub enum Status {
    #[command(aliases = VMRUNTIME)]
    Vmruntime(StatusVmruntimeArgs),
}

/// What can be asked about permissions.
#[derive(Subcommand)]
pub enum Auth {
    Check(AuthCheckArgs),
}

/// What a bundle can be collected of.
#[derive(Subcommand)]
pub enum Snapshot {
    #[command(aliases = VMRUNTIME)]
    Vmruntime(SnapshotVmruntimeArgs),
}

/// What can be left out.
#[derive(Subcommand)]
pub enum Skip {
    #[command(aliases = NODE)]
    Node(SkipNodeArgs),
}

/// What can be taken in again.
#[derive(Subcommand)]
pub enum Unskip {
    #[command(aliases = NODE)]
    Node(UnskipNodeArgs),
}

/// The other names of VMRuntime, as kubectl takes them.
const VMRUNTIME: [&str; 6] = [
    "vmr",
    "vm-runtime",
    "vmruntimes",
    "vmruntime.vm.cluster.gke.io",
    "vmruntimes.vm.cluster.gke.io",
    "vmruntime/vmruntime",
];

/// The other names of VMRuntimePreflightCheck.
const VMRUNTIMEPFC: [&str; 6] = [
    "pfc",
    "vmruntimepfcs",
    "vmruntimepreflightcheck",
    "vmruntimepreflightchecks",
    "vmruntimepreflightcheck.vm.cluster.gke.io",
    "vmruntimepreflightchecks.vm.cluster.gke.io",
];

/// The other names of Node.
const NODE: [&str; 2] = ["nodes", "no"];

impl Command {
    /// Which one it is.
    #[must_use]
    pub const fn id(&self) -> CommandId {
        match self {
            Self::Enable(Enable::Vmruntime(_)) => CommandId::EnableVmruntime,
            Self::Disable(Disable::Vmruntime(_)) => CommandId::DisableVmruntime,
            Self::Check(Check::Vmruntimepfc(_)) => CommandId::CheckVmruntimepfc,
            Self::Check(Check::Host(_)) => CommandId::CheckHost,
            Self::Update(Update::Vmruntime(_)) => CommandId::UpdateVmruntime,
            Self::Wait(Wait::Vmruntime(_)) => CommandId::WaitVmruntime,
            Self::Get(Get::Vmruntimepfc(_)) => CommandId::GetVmruntimepfc,
            Self::Status(Status::Vmruntime(_)) => CommandId::StatusVmruntime,
            Self::Skip(Skip::Node(_)) => CommandId::SkipNode,
            Self::Unskip(Unskip::Node(_)) => CommandId::UnskipNode,
            Self::Auth(Auth::Check(_)) => CommandId::AuthCheck,
            Self::Snapshot(Snapshot::Vmruntime(_)) => CommandId::SnapshotVmruntime,
            Self::Explain(_) => CommandId::Explain,
            Self::Sandbox(args) => args.id(),
            Self::Controller(args) => args.command.id(),
            Self::Restore(_) => CommandId::Restore,
            Self::Completion(_) => CommandId::Completion,
            Self::Man(_) => CommandId::Man,
            Self::Version => CommandId::Version,
            Self::Help(_) => CommandId::Help,
        }
    }
}

impl Command {
    /// How the inner events of the command are logged: only a controller can be told.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        if let Self::Controller(args) = self {
            args.log_format()
        } else {
            LogFormat::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
