//! Login plugins: `exec` of a kubeconfig, by the protocol `client.authentication.k8s.io` as client-go speaks it.
//!
//! kube runs them as well, but twice for one client, without a limit, and with their errors in the middle of our output.
//! Here a plugin has so much time, may ask only where somebody can answer, and what it writes to stdout is nobody's to
//! read: it holds credentials. What it says on stderr is shown where it fails, as far as [`said`] lets it.

mod child;
mod program;
mod said;

use std::{
    collections::HashMap,
    io,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::{Value, json};
use serde_saphyr::options::DuplicateKeyPolicy;
use tokio::sync::Mutex;

use self::child::Group;
use super::login::{Credential, Pair, bearer};
use crate::failure::LoginError;

/// May somebody be asked?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// There is a terminal, and somebody who may be asked on it.
    Available,
    #[default]
    Absent,
}

/// Which run of a plugin it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Before anything else happens.
    First,
    /// In the middle of the work, when progress is on the screen.
    Renewal,
}

/// A plugin, ready to be run.
#[derive(Debug)]
pub(super) struct Plugin {
    command: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    version: String,
    /// Connection information for it, where the kubeconfig provides that.
    cluster: Option<Value>,
    mode: ExecInteractiveMode,
    terminal: Terminal,
    hint: Option<String>,
}

/// The versions of the protocol; v1alpha1 was removed from client-go in 1.24.
const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];

/// Plugins that ask take turns on the one terminal.
static ASKING: Mutex<()> = Mutex::const_new(());

impl Plugin {
    /// What the kubeconfig describes; a sentence where that is no plugin.
    pub fn new(exec: &ExecConfig, terminal: Terminal) -> Result<Self, String> {
        let command = exec.command.clone().filter(|command| !command.is_empty());
        let version = exec.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            return Err(format!(
                "its login plugin has apiVersion {version:?}; known are {}",
                VERSIONS.join(" and ")
            ));
        }
        let variable = |pair: &HashMap<String, String>| {
            let name = pair.get("name").filter(|name| !name.is_empty());
            let name = name.ok_or("its login plugin has an env variable without a name")?;
            Ok((name.clone(), pair.get("value").cloned().unwrap_or_default()))
        };
        let environment = exec.env.iter().flatten().map(variable);
        let mode = match &exec.interactive_mode {
            Some(mode) => mode.clone(),
            None if version == VERSIONS[0] => {
                return Err(format!(
                    "its login plugin has no interactiveMode, which {version} asks for (Never, IfAvailable or Always)"
                ));
            }
            None => ExecInteractiveMode::IfAvailable,
        };
        Ok(Self {
            command: command.ok_or("its login plugin has no command")?,
            arguments: exec.args.clone().unwrap_or_default(),
            environment: environment.collect::<Result<_, String>>()?,
            version,
            cluster: exec
                .provide_cluster_info
                .then(|| json!(exec.cluster.clone().unwrap_or_default())),
            mode,
            terminal,
            hint: exec.install_hint.clone().filter(|hint| !hint.is_empty()),
        })
    }

    /// Runs it; it has so much time.
    pub async fn run(&self, turn: Turn, limit: Duration) -> Result<Credential, LoginError> {
        let terminal = self.terminal(turn)?;
        let started = tokio::time::Instant::now();
        let timed_out = |said| LoginError::TimedOut {
            command: self.command.clone(),
            after: whole_seconds(limit),
            said,
        };
        let turn = async {
            match terminal {
                Terminal::Available => Some(ASKING.lock().await),
                Terminal::Absent => None,
            }
        };
        let _turn = tokio::time::timeout(limit, turn)
            .await
            .map_err(|_| timed_out(Vec::new()))?;
        let group = match terminal {
            // Only who is in our group may read from the terminal.
            Terminal::Available => Group::Ours,
            Terminal::Absent => Group::Own,
        };
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(timed_out(Vec::new()));
        }
        let ended = async { child::run(self.process(terminal)?, group, left).await }
            .await
            .map_err(|error| self.not_started(error))?;
        let said = said::last_lines(&ended.stderr);
        match ended.status {
            None => Err(timed_out(said)),
            Some(status) if !status.success() => Err(LoginError::Failed {
                command: self.command.clone(),
                status,
                said,
            }),
            Some(_) => self
                .credential(&ended.stdout)
                .map_err(|why| LoginError::NoCredential {
                    command: self.command.clone(),
                    why,
                    said,
                }),
        }
    }

    /// May it ask? In the middle of the work only one that cannot do otherwise.
    fn terminal(&self, turn: Turn) -> Result<Terminal, LoginError> {
        match (&self.mode, self.terminal, turn) {
            (ExecInteractiveMode::Never, _, _)
            | (ExecInteractiveMode::IfAvailable, Terminal::Absent, _)
            | (ExecInteractiveMode::IfAvailable, Terminal::Available, Turn::Renewal) => {
                Ok(Terminal::Absent)
            }
            (ExecInteractiveMode::IfAvailable, Terminal::Available, Turn::First)
            | (ExecInteractiveMode::Always, Terminal::Available, _) => Ok(Terminal::Available),
            (ExecInteractiveMode::Always, Terminal::Absent, _) => Err(LoginError::NoTerminal {
                command: self.command.clone(),
            }),
        }
    }

    fn process(&self, terminal: Terminal) -> io::Result<Command> {
        let interactive = terminal == Terminal::Available;
        let mut spec = json!({"interactive": interactive});
        if let Some(cluster) = &self.cluster {
            spec["cluster"] = cluster.clone();
        }
        let input = json!({"kind": "ExecCredential", "apiVersion": self.version, "spec": spec});
        // A person who is asked reads the question from the plugin itself, not from us.
        let (stdin, stderr) = if interactive {
            (Stdio::inherit(), Stdio::inherit())
        } else {
            (Stdio::null(), Stdio::piped())
        };
        let mut process = Command::new(program::find(&self.command)?);
        process
            .arg0(&self.command)
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .env("KUBERNETES_EXEC_INFO", input.to_string())
            .stdin(stdin)
            .stderr(stderr)
            .stdout(Stdio::piped());
        Ok(process)
    }

    fn not_started(&self, error: io::Error) -> LoginError {
        let command = self.command.clone();
        if error.kind() == io::ErrorKind::NotFound {
            let hint = self.hint.clone();
            LoginError::NotInstalled { command, hint }
        } else {
            LoginError::NotStarted { command, error }
        }
    }

    /// Reads what it wrote, or says why that is none. Errors of the parser would quote it.
    fn credential(&self, written: &[u8]) -> Result<Credential, &'static str> {
        // client-go takes YAML as well, and some plugins write it.
        let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
        let answer: Answer = serde_saphyr::from_slice_with_options(written, options)
            .map_err(|_| "it wrote something else than an ExecCredential")?;
        if answer.api_version != self.version {
            return Err("it answered in another apiVersion than it was asked in");
        }
        let status = answer.status.ok_or("it has no status")?;
        let expires = match given(status.expiration_timestamp) {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| "its expirationTimestamp is no time")?,
            ),
        };
        let token = given(status.token);
        let certificate = given(status.client_certificate_data);
        let key = given(status.client_key_data);
        let pair = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Pair { certificate, key }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err("it has a certificate or a key, but not both");
            }
        };
        if token.is_none() && pair.is_none() {
            return Err("it has neither a token nor a certificate");
        }
        let bearer = token.as_deref().map(bearer).transpose();
        Ok(Credential {
            bearer: bearer.map_err(|_| "its token holds characters that cannot be sent")?,
            pair,
            expires,
        })
    }
}

/// For people: never less than it was.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// Empty is as good as absent.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// `ExecCredential`, as far as it is an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: String,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

#[cfg(test)]
mod tests;
