//! What can be done about it, as a value: a reason and a command. Which cluster the command is for is added last, by
//! `commands::suggestion`, so that no hint that changes something can leave it out.

use std::fmt;

use crate::command_id::{CommandId, Effect};

/// One way on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What the command is for; or all that there is to say. May be empty where the command speaks for itself.
    pub why: String,
    pub command: Option<Suggested>,
    /// What the command prints, of many lines. It is said in place of the command wherever nothing can leave a screen.
    pub printed: Option<String>,
}

impl Hint {
    /// A way on with a command.
    pub fn run(why: impl Into<String>, command: impl Into<Suggested>) -> Self {
        Self {
            why: why.into(),
            command: Some(command.into()),
            printed: None,
        }
    }

    /// With what the command would print, for a reader that has room.
    #[must_use]
    pub fn printing(self, text: String) -> Self {
        Self {
            printed: Some(text),
            ..self
        }
    }
}

/// Words alone: no command may stand in them, because nobody would add its cluster. A test holds that.
impl From<&str> for Hint {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<String> for Hint {
    fn from(why: String) -> Self {
        Self {
            why,
            command: None,
            printed: None,
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(printed) = &self.printed {
            return write!(f, "{}:\n{printed}", self.why);
        }
        match (&*self.why, &self.command) {
            (why, None) => f.write_str(why),
            ("", Some(command)) => command.fmt(f),
            (why, Some(command)) if why.ends_with('?') => write!(f, "{why} {command}"),
            (why, Some(command)) => write!(f, "{why}: {command}"),
        }
    }
}

/// Tests compare with what is read.
#[cfg(test)]
impl PartialEq<&str> for Hint {
    fn eq(&self, text: &&str) -> bool {
        let whole = self.to_string();
        whole == **text
    }
}

/// A command that a person may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suggested {
    Own(Own),
    Kubectl(Kubectl),
    /// As it is pasted, with everything that names its cluster.
    Ready(String),
}

impl Suggested {
    /// What running it does to a cluster.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Own(own) => own.command.effect(),
            Self::Kubectl(kubectl) => kubectl.effect(),
            Self::Ready(_) => Effect::Offline,
        }
    }
}

impl fmt::Display for Suggested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(own) => write!(f, "bmctl {own}"),
            Self::Kubectl(kubectl) => f.write_str(&kubectl.line("bmctl", "kubectl")),
            Self::Ready(line) => f.write_str(line),
        }
    }
}

/// A command of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    pub command: CommandId,
    /// What follows its words, as a shell takes it.
    pub arguments: String,
    /// For this cluster of the workspace, whichever the run is about.
    pub cluster: Option<String>,
    /// It shows more to root.
    pub as_root: bool,
}

impl CommandId {
    /// With these words behind it, as a shell takes them.
    #[must_use]
    pub fn with(self, arguments: impl Into<String>) -> Own {
        Own {
            arguments: arguments.into(),
            ..Own::from(self)
        }
    }
}

impl From<CommandId> for Own {
    fn from(command: CommandId) -> Self {
        Self {
            command,
            arguments: String::new(),
            cluster: None,
            as_root: false,
        }
    }
}

impl From<CommandId> for Suggested {
    fn from(command: CommandId) -> Self {
        Self::Own(command.into())
    }
}

impl From<Own> for Suggested {
    fn from(own: Own) -> Self {
        Self::Own(own)
    }
}

/// Without the name of the program.
impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command.words())?;
        if !self.arguments.is_empty() {
            write!(f, " {}", self.arguments)?;
        }
        Ok(())
    }
}

/// Commands of kubectl, each only if the one before succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubectl {
    /// What the first one reads on stdin.
    pub input: Option<Own>,
    /// What follows `kubectl`.
    pub commands: Vec<String>,
    /// Somebody with more rights is to run it: nobody whom this run has acted as.
    pub by_administrator: bool,
}

/// One command of kubectl: what follows its name.
#[must_use]
pub fn kubectl(words: impl Into<String>) -> Kubectl {
    Kubectl {
        input: None,
        commands: vec![words.into()],
        by_administrator: false,
    }
}

/// What installs VM Runtime and its controller.
#[must_use]
pub fn installing() -> Kubectl {
    Kubectl {
        input: Some(CommandId::ControllerManifests.with("--image IMAGE")),
        ..kubectl("apply -f -")
    }
}

/// Shows the log of the controller. Of several pods only the leader's says anything: it shows them all, each line with the
/// name of its pod.
pub const CONTROLLER_LOG: &str = "kubectl logs --namespace=vm-system --selector=app=vmruntime-controller-manager --prefix --tail=50";

/// The same as a command for a cluster.
#[must_use]
pub fn controller_log() -> Kubectl {
    let words = CONTROLLER_LOG.strip_prefix("kubectl ");
    kubectl(words.unwrap_or(CONTROLLER_LOG))
}

impl Kubectl {
    /// Not for whoever has seen the error.
    #[must_use]
    pub fn by_administrator(self) -> Self {
        Self {
            by_administrator: true,
            ..self
        }
    }

    /// Then this one.
    #[must_use]
    pub fn then(mut self, words: impl Into<String>) -> Self {
        self.commands.push(words.into());
        self
    }

    /// What is not known to read only may change something.
    fn effect(&self) -> Effect {
        const READING: [&str; 11] = [
            "api-resources",
            "auth",
            "cluster-info",
            "config",
            "describe",
            "diff",
            "events",
            "explain",
            "get",
            "logs",
            "version",
        ];
        let reads = |words: &String| READING.contains(&words.split(' ').next().unwrap_or_default());
        if self.commands.iter().all(reads) {
            Effect::Reads
        } else {
            Effect::Changes
        }
    }

    /// As a shell takes it: `own` is our program, `kubectl` the other one with its flags.
    #[must_use]
    pub fn line(&self, own: &str, kubectl: &str) -> String {
        let input = self.input.as_ref();
        let input = input.map_or_else(String::new, |input| format!("{own} {input} | "));
        let commands: Vec<String> = self
            .commands
            .iter()
            .map(|words| format!("{kubectl} {words}"))
            .collect();
        format!("{input}{}", commands.join(" && "))
    }
}

impl From<Kubectl> for Suggested {
    fn from(kubectl: Kubectl) -> Self {
        Self::Kubectl(kubectl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_words_a_colon_and_a_command() {
        for (hint, expected) in [
            (Hint::from("is it up?"), "is it up?"),
            (Hint::run("", CommandId::Help), "bmctl help"),
            (
                Hint::run("to undo", CommandId::EnableVmruntime.with("--ensure")),
                "to undo: bmctl enable vmruntime --ensure",
            ),
            (
                Hint::run("is it running?", kubectl("get pods")),
                "is it running? kubectl get pods",
            ),
            (
                Hint::run("to permit it", kubectl("create a").then("create b")),
                "to permit it: kubectl create a && kubectl create b",
            ),
            (
                Hint::run("to install it", installing()),
                "to install it: bmctl controller manifests --image IMAGE | kubectl apply -f -",
            ),
        ] {
            assert_eq!(hint.to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_known_to_read_may_change() {
        for (command, expected) in [
            (kubectl("get nodes"), Effect::Reads),
            (kubectl("describe pod x"), Effect::Reads),
            (kubectl("apply -f -"), Effect::Changes),
            (kubectl("annotate node x a=b"), Effect::Changes),
            (kubectl("get nodes").then("delete node x"), Effect::Changes),
            (kubectl("frobnicate"), Effect::Changes),
            (installing(), Effect::Changes),
        ] {
            assert_eq!(
                Suggested::from(command.clone()).effect(),
                expected,
                "{command:?}"
            );
        }
    }
}
