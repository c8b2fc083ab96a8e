//! One command at work on one cluster: it collects what the result will be made of.

use std::time::Duration;

use super::{
    context::{Context, Ending, WORKSPACE},
    suggestion::Place,
};
use crate::{
    cli::DryRunChoice,
    cluster::{
        self, Cluster, ConnectOptions, Deadline, Mode,
        connect::{IdentityOverride, Terminal},
    },
    exit::Exit,
    failure::Failure,
    render::{ClusterReference, Report, clean, event::Event},
};

/// Does the command change the cluster? Then it says which one, before it does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Read,
    Change,
    /// A service: its stderr is a log.
    Serve,
}

impl Intent {
    /// What a command means to do that changes something, unless it is only asked what it would do.
    pub const fn of_a_change(dry_run: DryRunChoice) -> Self {
        match dry_run {
            DryRunChoice::None => Self::Change,
            DryRunChoice::Client | DryRunChoice::Server => Self::Read,
        }
    }
}

impl From<DryRunChoice> for Mode {
    fn from(dry_run: DryRunChoice) -> Self {
        match dry_run {
            DryRunChoice::None => Self::Change,
            DryRunChoice::Client => Self::Preview,
            DryRunChoice::Server => Self::Rehearse,
        }
    }
}

/// How long a command may take that only looks, or that waits for nothing: retries and logging in included.
pub const LOOKING: Duration = Duration::from_secs(60);

/// The result under construction.
pub struct Session<'a, R> {
    pub context: &'a Context,
    pub report: R,
    deadline: Deadline,
    cluster: Option<ClusterReference>,
}

impl<'a, R: Report + 'static> Session<'a, R> {
    pub fn new(context: &'a Context, report: R) -> Self {
        Self {
            context,
            report,
            deadline: Deadline::after(LOOKING),
            cluster: None,
        }
    }

    /// With the time of a command that waits, since it was started.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.deadline = Deadline::since(self.context.started, timeout);
        self
    }

    /// Without a limit: for a service.
    #[must_use]
    pub fn for_ever(mut self) -> Self {
        self.deadline = Deadline::never();
        self
    }

    /// When the command gives up.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Finds the cluster that the flags name, and logs in where that takes a plugin. Nothing is sent to it yet.
    pub async fn connect(&mut self, intent: Intent) -> Result<Cluster, Failure> {
        let connection = &self.context.global.connection;
        let cluster = cluster::connect(&ConnectOptions {
            kubeconfig: connection.kubeconfig.clone(),
            context: connection.context.clone(),
            cluster: connection.cluster().map(str::to_owned),
            workspace: WORKSPACE.into(),
            request_timeout: Some(connection.request_timeout).filter(|limit| !limit.is_zero()),
            identity: IdentityOverride {
                user: connection.as_user.clone(),
                groups: connection.as_group.clone(),
                uid: connection.as_uid.clone(),
            },
            terminal: if self.context.ui.interactive {
                Terminal::Available
            } else {
                Terminal::Absent
            },
            deadline: self.deadline,
            kubeconfigs: self.context.kubeconfigs.clone(),
        })
        .await?;
        self.context.found(Place::of(&cluster));
        for warning in &cluster.warnings {
            self.context.warn(warning);
        }
        let reference = ClusterReference {
            context: clean(&cluster.context),
            server: clean(&cluster.server),
        };
        let said = match (intent, reference.context.as_str()) {
            (_, "") => format!("Cluster: {}", reference.server),
            (_, context) => format!("Cluster: {context} ({})", reference.server),
        };
        let event = Event::Cluster {
            context: reference.context.clone(),
            server: reference.server.clone(),
        };
        match intent {
            Intent::Change => self.context.ui.say(&event, &said),
            Intent::Read => self.context.ui.say_unless_quiet(&event, &said),
            Intent::Serve => {
                tracing::info!(
                    context = reference.context,
                    server = reference.server,
                    "cluster"
                );
            }
        }
        self.cluster = Some(reference);
        Ok(cluster)
    }

    /// Another look, with the time of one.
    pub fn begin_again(&mut self) {
        self.deadline = Deadline::after(LOOKING);
    }

    /// Shows the result so far, where it is another than `shown`; says whether anybody still reads.
    ///
    /// # Errors
    /// It could not be written.
    pub fn show(
        &self,
        ended: Result<Exit, Failure>,
        shown: &mut Option<String>,
    ) -> Result<bool, Failure>
    where
        R: Clone,
    {
        let (exit, failure) = told(ended);
        let ending = Ending {
            cluster: self.cluster.clone(),
            report: Box::new(self.report.clone()),
            exit,
            failure,
        };
        self.context.show(ending, shown)
    }

    /// Writes the result. A report may come with a failure, and a failure with a report.
    pub fn end(self, ended: Result<Exit, Failure>) -> Exit {
        let (exit, failure) = told(ended);
        self.context.end(Ending {
            cluster: self.cluster,
            report: Box::new(self.report),
            exit,
            failure,
        })
    }
}

fn told(ended: Result<Exit, Failure>) -> (Exit, Option<Failure>) {
    match ended {
        Ok(exit) => (exit, None),
        Err(failure) => (failure.exit(), Some(failure)),
    }
}
