//! One command on many clusters: `--contexts`, `--all-contexts`, `--cluster` given several times.
//!
//! Each cluster gets a [`Context`] of its own, so that a command need not know that it is not alone; its result is kept
//! instead of printed, and its lines on stderr say whom they are about. At the end there is one result for all of them,
//! and the worst exit code.

mod scope;

use std::time::Duration;

use futures::StreamExt;

pub use scope::Scope;
use tokio::time::Instant;

use super::{
    Context, consent,
    context::{Ending, InterruptNote},
    dispatch,
    session::LOOKING,
    tree::{Auth, Check, Command, Disable, Enable, Get, Skip, Status, Unskip, Update, Wait},
};
use crate::{
    cli::DryRunChoice,
    cluster::{self, ConnectOptions, Deadline},
    exit::Exit,
    failure::{Failure, Kind, Reason, shown},
    render::{Document, clean, document::ErrorDocument, multi_cluster::MultiClusterReport},
};

/// How many clusters are worked on at the same time.
const AT_ONCE: usize = 8;
/// How many clusters are named where it is asked about them.
const NAMED: usize = 20;
/// How many failures the error tells; the report has them all.
const TOLD: usize = 10;

/// Runs the command on all of them.
pub async fn run(context: &Context, scope: Scope, command: &Command) -> Exit {
    let deadline = Deadline::after(time(command));
    let targets =
        context.unless_interrupted(targets(context, scope, deadline), InterruptNote::nothing);
    let targets = match targets.await {
        Ok(targets) => targets,
        Err(failure) => return context.fail(failure),
    };
    let asked = context
        .unless_interrupted(
            permitted(context, &targets, command),
            InterruptNote::nothing,
        )
        .await;
    if let Err(failure) = asked {
        return context.fail(failure);
    }
    // Since somebody has agreed to it.
    let started = Instant::now();
    let mut documents: Vec<(usize, Document)> = futures::stream::iter(targets.iter().enumerate())
        .map(|(at, target)| async move {
            let child = context.of_cluster(target, started);
            // Only commands that can be repeated come here.
            if let Some(command) = again(command) {
                Box::pin(dispatch(&child, command)).await;
            }
            (at, child.into_document())
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    documents.sort_by_key(|(at, _)| *at);
    let documents = documents.into_iter().map(|(_, document)| document);
    conclude(context, MultiClusterReport::new(documents.collect()))
}

/// One cluster of several, as it is told from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// For people.
    pub label: String,
    pub context: Option<String>,
    pub cluster: Option<String>,
}

/// Names what was asked for; nothing is sent to a cluster.
async fn targets(
    context: &Context,
    scope: Scope,
    deadline: Deadline,
) -> Result<Vec<Target>, Failure> {
    let of_context = |name: String| Target {
        label: clean(&shown(&name)),
        context: Some(name),
        cluster: None,
    };
    let mut targets: Vec<Target> = match scope {
        Scope::One => Vec::new(),
        Scope::Contexts(names) => names.into_iter().map(of_context).collect(),
        Scope::AllContexts => {
            let connection = &context.global.connection;
            let names = cluster::contexts(&ConnectOptions {
                kubeconfig: connection.kubeconfig.clone(),
                cluster: connection.cluster().map(str::to_owned),
                deadline,
                kubeconfigs: context.kubeconfigs.clone(),
                ..ConnectOptions::default()
            })
            .await?;
            names.into_iter().map(of_context).collect()
        }
        Scope::Clusters(names) => names
            .into_iter()
            .map(|name| Target {
                label: clean(&shown(&name)),
                context: context.global.connection.context.clone(),
                cluster: Some(name),
            })
            .collect(),
    };
    let mut seen = std::collections::HashSet::new();
    targets.retain(|target| seen.insert((target.context.clone(), target.cluster.clone())));
    if targets.is_empty() {
        return Err(Failure::new(
            Kind::Usage,
            Reason::ContextNotFound,
            "no cluster was named",
        ));
    }
    Ok(targets)
}

/// May the command work on all of them? What changes something is listed and asked once.
async fn permitted(
    context: &Context,
    targets: &[Target],
    command: &Command,
) -> Result<(), Failure> {
    if again(command).is_none() {
        return Err(Failure::new(
            Kind::Usage,
            Reason::InvalidUsage,
            format!("{} works on no cluster, or on one only", command.id()),
        ));
    }
    if !changes(command) {
        return Ok(());
    }
    let count = targets.len();
    context.ui.note(&format!(
        "{} works on {count} clusters: {}",
        command.id(),
        named(targets)
    ));
    if context.global.output.yes {
        return Ok(());
    }
    let question = format!("Type yes to go on with all {count}");
    consent::given(context, &question, "a change of several clusters").await
}

fn named(targets: &[Target]) -> String {
    let first: Vec<&str> = targets
        .iter()
        .take(NAMED)
        .map(|target| target.label.as_str())
        .collect();
    match targets.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The same command once more, if it is one that works on a cluster.
fn again(command: &Command) -> Option<Command> {
    Some(match command {
        // One after the other has no end.
        Command::Status(Status::Vmruntime(args)) if args.watch => return None,
        Command::Get(Get::Vmruntimepfc(args)) if args.watch => return None,
        Command::Enable(Enable::Vmruntime(args)) => {
            Command::Enable(Enable::Vmruntime(args.clone()))
        }
        Command::Disable(Disable::Vmruntime(args)) => {
            Command::Disable(Disable::Vmruntime(args.clone()))
        }
        Command::Update(Update::Vmruntime(args)) => {
            Command::Update(Update::Vmruntime(args.clone()))
        }
        Command::Wait(Wait::Vmruntime(args)) => Command::Wait(Wait::Vmruntime(*args)),
        Command::Check(Check::Vmruntimepfc(args)) => {
            Command::Check(Check::Vmruntimepfc(args.clone()))
        }
        Command::Status(Status::Vmruntime(args)) => Command::Status(Status::Vmruntime(*args)),
        Command::Get(Get::Vmruntimepfc(args)) => Command::Get(Get::Vmruntimepfc(args.clone())),
        Command::Auth(Auth::Check(args)) => Command::Auth(Auth::Check(args.clone())),
        Command::Skip(Skip::Node(args)) => Command::Skip(Skip::Node(args.clone())),
        Command::Unskip(Unskip::Node(args)) => Command::Unskip(Unskip::Node(args.clone())),
        Command::Check(Check::Host(_))
        | Command::Snapshot(_)
        | Command::Sandbox(_)
        | Command::Controller(_)
        | Command::Explain(_)
        | Command::Restore(_)
        | Command::Completion(_)
        | Command::Man(_)
        | Command::Version
        | Command::Help(_) => return None,
    })
}

/// How long the command may take.
fn time(command: &Command) -> Duration {
    match command {
        Command::Enable(Enable::Vmruntime(args)) => args.waiting.timeout,
        Command::Disable(Disable::Vmruntime(args)) => args.waiting.timeout,
        Command::Update(Update::Vmruntime(args)) => args.waiting.timeout,
        Command::Check(Check::Vmruntimepfc(args)) => args.waiting.timeout,
        Command::Wait(Wait::Vmruntime(args)) => args.timeout,
        Command::Restore(args) => args.timeout,
        Command::Check(Check::Host(_))
        | Command::Status(_)
        | Command::Get(_)
        | Command::Auth(_)
        | Command::Skip(_)
        | Command::Unskip(_)
        | Command::Snapshot(_)
        | Command::Explain(_)
        | Command::Sandbox(_)
        | Command::Controller(_)
        | Command::Completion(_)
        | Command::Man(_)
        | Command::Version
        | Command::Help(_) => LOOKING,
    }
}

/// Is anything different afterwards? A check is a question, though an object is made for it.
fn changes(command: &Command) -> bool {
    match command {
        Command::Disable(Disable::Vmruntime(args)) => args.dry_run.choice() == DryRunChoice::None,
        Command::Enable(Enable::Vmruntime(args)) => args.dry_run.choice() == DryRunChoice::None,
        Command::Update(Update::Vmruntime(args)) => args.dry_run.choice() == DryRunChoice::None,
        Command::Skip(Skip::Node(args)) => args.dry_run.choice() == DryRunChoice::None,
        Command::Unskip(Unskip::Node(args)) => args.dry_run.choice() == DryRunChoice::None,
        Command::Wait(_)
        | Command::Check(_)
        | Command::Status(_)
        | Command::Get(_)
        | Command::Auth(_)
        | Command::Snapshot(_)
        | Command::Explain(_)
        | Command::Restore(_)
        | Command::Sandbox(_)
        | Command::Controller(_)
        | Command::Completion(_)
        | Command::Man(_)
        | Command::Version
        | Command::Help(_) => false,
    }
}

/// The result of all, and the worst of how they ended.
fn conclude(context: &Context, report: MultiClusterReport) -> Exit {
    let exit = report.worst();
    let failure = failure(&report, exit, context.command.words());
    context.end(Ending {
        cluster: None,
        report: Box::new(report),
        exit,
        failure,
    })
}

/// What went wrong on which cluster, under the worst of them; where nothing did, none.
fn failure(report: &MultiClusterReport, exit: Exit, command: &str) -> Option<Failure> {
    let failed: Vec<(&str, &ErrorDocument)> = report
        .clusters()
        .filter_map(|(label, document)| Some((label, document.error.as_ref()?)))
        .collect();
    let worst = failed.iter().find(|(_, error)| error.exit == exit)?;
    let mut failure = Failure::new(
        worst.1.kind,
        Reason::ClustersFailed,
        format!(
            "{command} did not succeed on {} of {} clusters",
            failed.len(),
            report.items.len()
        ),
    );
    failure.causes = failed
        .iter()
        .take(TOLD)
        .map(|(label, error)| format!("{label}: {}", error.message))
        .collect();
    if failed.len() > TOLD {
        let more = failed.len() - TOLD;
        failure
            .causes
            .push(format!("and {more} more, all in the result"));
    }
    Some(failure)
}
