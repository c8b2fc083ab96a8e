//! What can be typed: the clap types of the whole program, and nothing that acts.
//!
//! The arguments of a single command live beside the command, in `commands/<verb>_<noun>.rs`; their doc comments are
//! the help. A new command is one line in one of the enums here.

mod program;

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{
        Styles,
        styling::{AnsiColor, Effects},
    },
};

pub use program::Program;

use crate::{
    api::ImageFormat,
    commands::{
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
    },
    ui::{CiChoice, ColorChoice, LogFormat, ProgressChoice},
};

/// Turn the VM Runtime of a Kubernetes cluster on and off, and check that its nodes can run virtual machines.
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
    max_term_width = 100,
    styles = STYLES,
    after_help = AFTER_HELP
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Examples:
  bmctl sandbox run -- enable vmruntime --use-emulation   try everything without a cluster
  bmctl enable vmruntime --kubeconfig admin.conf          turn VM Runtime on and wait until it is ready
  bmctl check vmruntimepfc -c my-cluster                  can the nodes run VMs?
  bmctl disable vmruntime                                 turn it off; refuses while VMs exist

'bmctl help exit-codes', 'help output' and 'help environment' say what scripts can rely on; 'bmctl explain'\nsays what every check, condition and error means.";

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
    /// Run a Kubernetes cluster inside bmctl, to try things out and to test scripts.
    Sandbox(SandboxArgs),
    /// The controller: what makes VM Runtime work on a cluster that is not Google's.
    Controller(ControllerArgs),
    /// Print a script that completes commands, flags and values in a shell.
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
const VMRUNTIME: [&str; 4] = [
    "vmruntimes",
    "vmruntime.vm.cluster.gke.io",
    "vmruntimes.vm.cluster.gke.io",
    "vmruntime/vmruntime",
];

/// The other names of VMRuntimePreflightCheck.
const VMRUNTIMEPFC: [&str; 4] = [
    "vmruntimepreflightcheck",
    "vmruntimepreflightchecks",
    "vmruntimepreflightcheck.vm.cluster.gke.io",
    "vmruntimepreflightchecks.vm.cluster.gke.io",
];

/// The other names of Node.
const NODE: [&str; 2] = ["nodes", "no"];

impl Command {
    /// Verb and noun, as they stand in documents and in the name of the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Enable(Enable::Vmruntime(_)) => "enable vmruntime",
            Self::Disable(Disable::Vmruntime(_)) => "disable vmruntime",
            Self::Check(Check::Vmruntimepfc(_)) => "check vmruntimepfc",
            Self::Check(Check::Host(_)) => "check host",
            Self::Update(Update::Vmruntime(_)) => "update vmruntime",
            Self::Wait(Wait::Vmruntime(_)) => "wait vmruntime",
            Self::Get(Get::Vmruntimepfc(_)) => "get vmruntimepfc",
            Self::Status(Status::Vmruntime(_)) => "status vmruntime",
            Self::Skip(Skip::Node(_)) => "skip node",
            Self::Unskip(Unskip::Node(_)) => "unskip node",
            Self::Auth(Auth::Check(_)) => "auth check",
            Self::Snapshot(Snapshot::Vmruntime(_)) => "snapshot vmruntime",
            Self::Explain(_) => "explain",
            Self::Sandbox(args) => args.command.name(),
            Self::Controller(args) => args.command.name(),
            Self::Restore(_) => "restore",
            Self::Completion(_) => "completion",
            Self::Man(_) => "man",
            Self::Version => "version",
            Self::Help(_) => "help",
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

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub struct GlobalArgs {
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// By which name the program was started.
    #[arg(skip)]
    pub program: Program,
}

/// Which cluster, as whom.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster options")]
pub struct ConnectionArgs {
    /// Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in
    /// bmctl-workspace; else in-cluster.
    #[arg(long, global = true, value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig. Default: its current context.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig. Given several times, the command works on all
    /// of them at once.
    #[arg(short, long = "cluster", global = true, value_name = "NAME")]
    pub clusters: Vec<String>,
    /// Contexts of the kubeconfig, separated by commas: the command works on all of them at once.
    #[arg(
        long,
        global = true,
        value_name = "NAMES",
        value_delimiter = ',',
        conflicts_with_all = ["context", "all_contexts", "clusters"]
    )]
    pub contexts: Vec<String>,
    /// All contexts of the kubeconfig: the command works on all of them at once.
    #[arg(long, global = true, conflicts_with = "context")]
    pub all_contexts: bool,
    /// Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Act as a member of this group; repeat it for several.
    #[arg(long, global = true, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// Act with this UID.
    #[arg(long, global = true, value_name = "UID")]
    pub as_uid: Option<String>,
    /// How long one request may take, as 15s or 1m; 0 means no limit.
    #[arg(long, global = true, value_name = "DURATION", default_value = "15s", value_parser = go_duration)]
    pub request_timeout: Duration,
}

impl ConnectionArgs {
    /// The one cluster, where it is named.
    #[must_use]
    pub fn cluster(&self) -> Option<&str> {
        match self.clusters.as_slice() {
            [one] => Some(one),
            [] | [_, ..] => None,
        }
    }
}

/// How results and progress are shown.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output options")]
pub struct OutputArgs {
    /// Format of the result on stdout; everything else goes to stderr.
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// Write the result to a file too, in this format, for example junit=r.xml. Repeatable. The file is written on every
    /// ending, also on a failure.
    #[arg(long = "report", global = true, value_name = "FORMAT=PATH", value_parser = report_target)]
    pub reports: Vec<ReportTarget>,
    /// When to use colour. NO_COLOR and CLICOLOR_FORCE are respected.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// How progress is shown on stderr.
    #[arg(long, global = true, value_enum, value_name = "HOW", default_value_t = ProgressChoice::Auto)]
    pub progress: ProgressChoice,
    /// Whether warnings and errors are written for a CI system too, as annotations on stderr.
    #[arg(long, global = true, value_enum, value_name = "SYSTEM", default_value_t = CiChoice::Auto)]
    pub ci: CiChoice,
    /// Print the result, warnings and errors only.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on stderr; twice: what the program does inside.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Never ask anything: what needs an answer is refused.
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Answer yes to plain questions. It never confirms the deletion of VMs.
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Write a log of the command below this folder. Default: bmctl-workspace, where it exists.
    #[arg(long, global = true, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
}

/// Format of the result document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// The same with more columns and all rows.
    Wide,
    /// One JSON document, also for errors.
    Json,
    /// The same document as YAML.
    Yaml,
    /// The objects that were changed or found, as resource.group/name.
    Name,
    /// For CI systems: a suite for each node and a case for each check; other commands are one case.
    Junit,
}

/// A file that the result is written to beside stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTarget {
    pub format: OutputFormat,
    pub path: PathBuf,
}

/// A `FORMAT=PATH` as `--report` takes it.
///
/// # Errors
/// No format of that name, or no path.
pub fn report_target(text: &str) -> Result<ReportTarget, String> {
    let (format, path) = text.split_once('=').unwrap_or((text, ""));
    let format = OutputFormat::from_str(format, false).map_err(|_| {
        let names = OutputFormat::value_variants()
            .iter()
            .filter_map(OutputFormat::to_possible_value)
            .map(|value| value.get_name().to_owned());
        format!(
            "expected FORMAT=PATH, where FORMAT is one of {}",
            names.collect::<Vec<_>>().join(", ")
        )
    })?;
    if path.is_empty() {
        return Err("expected FORMAT=PATH, for example junit=r.xml".into());
    }
    Ok(ReportTarget {
        format,
        path: path.into(),
    })
}

/// How long a command that changes or starts something stays with it.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Waiting")]
pub struct WaitArgs {
    /// Wait until the state is reached. --wait=false returns as soon as the cluster has accepted the change.
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
    pub wait: bool,
    /// Give up waiting after this time, as 10m or 1h30m; 0 looks once. The cluster goes on regardless.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = go_duration)]
    pub timeout: Duration,
    /// End early where waiting can not help any more, for example after a failed preflight check.
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
    pub fail_fast: bool,
}

/// Whether anything is changed at all.
#[derive(Args, Clone, Copy, Debug)]
pub struct DryRunArgs {
    /// Show what would be done, and change nothing: client only reads; server also asks the API server whether it would
    /// accept the changes.
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_value = "none",
        default_missing_value = "client",
        hide_default_value = true
    )]
    pub dry_run: DryRunChoice,
}

impl DryRunArgs {
    #[must_use]
    pub const fn choice(self) -> DryRunChoice {
        self.dry_run
    }
}

/// How a dry run is made. kubectl's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRunChoice {
    None,
    Client,
    Server,
}

impl ValueEnum for ColorChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }))
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let (name, help) = match self {
            Self::Text => ("text", "A line for people"),
            Self::Json => ("json", "A JSON object a line"),
        };
        Some(clap::builder::PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for CiChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Github, Self::None]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let (name, help) = match self {
            Self::Auto => ("auto", "GitHub, where GITHUB_ACTIONS is true"),
            Self::Github => ("github", "GitHub Actions: groups and annotations"),
            Self::None => ("none", "Nobody"),
        };
        Some(clap::builder::PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for ProgressChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Plain, Self::Json, Self::None]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let (name, help) = match self {
            Self::Auto => ("auto", "Live on a terminal, plain lines elsewhere"),
            Self::Plain => ("plain", "A line with the time for each change"),
            Self::Json => (
                "json",
                "A JSON event a line, also for warnings and errors; nothing is asked",
            ),
            Self::None => ("none", "Nothing"),
        };
        Some(clap::builder::PossibleValue::new(name).help(help))
    }
}

/// A boolean as Go's flag package reads it, because `--force=1` and `--force=TRUE` are habits that people bring along.
///
/// # Errors
/// Anything else.
pub fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

/// A disk image format by the name that the resource has for it.
///
/// # Errors
/// Anything else.
pub fn image_format(text: &str) -> Result<ImageFormat, String> {
    [ImageFormat::Raw, ImageFormat::Qcow2]
        .into_iter()
        .find(|format| format.to_string() == text)
        .ok_or_else(|| "expected raw or qcow2".to_owned())
}

/// A duration as Go writes it: `10m`, `1h30m`, `90s`, or a bare `0`.
///
/// # Errors
/// No unit, an unknown unit, a negative or an absurdly long time.
pub fn go_duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || "expected a duration such as 90s, 10m or 1h30m".to_owned();
    if text.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(parsed).map_err(|_| "must not be negative".to_owned())?;
    // Timers add it to "now"; a century is where that stays far from overflowing.
    if duration > Duration::from_secs(100 * 366 * 24 * 3600) {
        return Err("too long".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("10m", Some(600_000)),
            ("1h30m", Some(5_400_000)),
            ("90s", Some(90_000)),
            ("1.5s", Some(1_500)),
            ("250ms", Some(250)),
            ("", None),
            ("10", None),
            ("-1s", None),
            ("ten", None),
            ("10 m", None),
            ("99999999999999999999h", None),
            ("9000000h", None),
        ] {
            assert_eq!(
                go_duration(text).ok().map(|duration| duration.as_millis()),
                expected,
                "{text:?}"
            );
        }
    }
}
