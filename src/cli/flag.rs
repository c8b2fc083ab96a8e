//! The flags that several commands share. Their doc comments are the help.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::{
    Program, StdoutFormat, go_bool, go_duration, identity, label_selector, listed_name, name, path,
    report_target, stdout_format::StdoutFormatParser,
};
use crate::ui::{CiChoice, ColorChoice, ProgressChoice};

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
    #[arg(long, global = true, value_name = "PATH", value_parser = path())]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig. Default: its current context.
    #[arg(long, global = true, value_name = "NAME", value_parser = name)]
    pub context: Option<String>,
    /// Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig. Given several times, the command works on all
    /// of them at once.
    #[arg(short, long = "cluster", global = true, value_name = "NAME", value_parser = name)]
    pub clusters: Vec<String>,
    /// Contexts of the kubeconfig, separated by commas: the command works on all of them at once.
    #[arg(
        long,
        global = true,
        value_name = "NAMES",
        value_delimiter = ',',
        value_parser = listed_name,
        conflicts_with_all = ["context", "all_contexts", "clusters"]
    )]
    pub contexts: Vec<String>,
    /// All contexts of the kubeconfig: the command works on all of them at once.
    #[arg(long, global = true, conflicts_with = "context")]
    pub all_contexts: bool,
    /// Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", global = true, value_name = "USER", value_parser = identity)]
    pub as_user: Option<String>,
    /// Act as a member of this group; repeat it for several.
    #[arg(long, global = true, value_name = "GROUP", value_parser = identity)]
    pub as_group: Vec<String>,
    /// Act with this UID.
    #[arg(long, global = true, value_name = "UID", value_parser = identity)]
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
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text", value_parser = StdoutFormatParser)]
    pub output: StdoutFormat,
    /// Write the result to a file too, in this format, for example junit=r.xml; also markdown, which is added to what the
    /// file has, and html. Repeatable. The file is written on every ending, also on a failure.
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
    #[arg(long, global = true, value_name = "DIR", value_parser = path())]
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

/// Format of a file of `--report`: those of stdout, and pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    Result(OutputFormat),
    /// A section for the summary of a CI job, added to what the file has.
    Markdown,
    /// One page for a browser.
    Html,
}

impl ReportFormat {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let results = OutputFormat::value_variants().iter().copied();
        results
            .map(Self::Result)
            .chain([Self::Markdown, Self::Html])
    }

    /// By its name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "markdown" => Some(Self::Markdown),
            "html" => Some(Self::Html),
            other => OutputFormat::from_str(other, false).ok().map(Self::Result),
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Markdown => "markdown".to_owned(),
            Self::Html => "html".to_owned(),
            Self::Result(format) => format
                .to_possible_value()
                .map(|value| value.get_name().to_owned())
                .unwrap_or_default(),
        }
    }

    /// All names, as a sentence takes them.
    #[must_use]
    pub fn names() -> String {
        Self::all().map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

/// A file that the result is written to beside stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTarget {
    pub format: ReportFormat,
    pub path: PathBuf,
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
    /// Give up waiting after this time. 10m, 1h30m and the like; 0 looks once. The cluster goes on regardless.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = go_duration)]
    pub timeout: Duration,
    /// End early where waiting cannot help. For example after a failed preflight check.
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

/// Which nodes.
#[derive(Args, Clone, Debug, Default)]
pub struct NodeArgs {
    /// Only this node. Repeat it for several.
    #[arg(long, value_name = "NODE", value_parser = name)]
    pub node: Vec<String>,
    /// Only the nodes with these labels. For example rack=a,!spot.
    #[arg(short = 'l', long, value_name = "K=V", value_parser = label_selector, conflicts_with = "node")]
    pub selector: Option<String>,
}

/// Whether anything is changed at all.
#[derive(Args, Clone, Copy, Debug)]
pub struct DryRunArgs {
    /// Show what would be done, and change nothing. client only reads; server also asks the API server whether it would
    /// accept the changes.
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_value = "none",
        default_missing_value = "client",
        hide_default_value = true,
        hide_possible_values = true
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
