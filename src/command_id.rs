//! Which commands there are, as values: what a document, a log, a role and a hint mean by one.
//!
//! Everyone may use it; it uses nobody. `cli` says which one was typed.

use std::fmt;

/// What running a command does to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It may change the cluster that it finds.
    Changes,
    Reads,
    /// It talks to no cluster of the user's.
    Offline,
}

/// The commands, their words and their effects, from one list.
macro_rules! commands {
    ($($name:ident = $words:literal, $effect:ident;)+) => {
        /// A command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CommandId {
            $(#[doc = $words] $name,)+
        }

        impl CommandId {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Verb and noun, as they are typed.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }

            #[must_use]
            pub const fn effect(self) -> Effect {
                match self {
                    $(Self::$name => Effect::$effect,)+
                }
            }
        }
    };
}

commands! {
    EnableVmruntime = "enable vmruntime", Changes;
    DisableVmruntime = "disable vmruntime", Changes;
    UpdateVmruntime = "update vmruntime", Changes;
    WaitVmruntime = "wait vmruntime", Reads;
    CheckVmruntimepfc = "check vmruntimepfc", Changes;
    CheckHost = "check host", Offline;
    StatusVmruntime = "status vmruntime", Reads;
    GetVmruntimepfc = "get vmruntimepfc", Reads;
    SkipNode = "skip node", Changes;
    UnskipNode = "unskip node", Changes;
    AuthCheck = "auth check", Reads;
    SnapshotVmruntime = "snapshot vmruntime", Reads;
    Explain = "explain", Offline;
    Restore = "restore", Changes;
    SandboxStart = "sandbox start", Offline;
    SandboxRun = "sandbox run", Offline;
    ControllerRun = "controller run", Changes;
    ControllerManifests = "controller manifests", Offline;
    ControllerUninstall = "controller uninstall", Changes;
    ControllerProbe = "controller probe", Offline;
    Completion = "completion", Offline;
    Man = "man", Offline;
    Version = "version", Offline;
    Help = "help", Offline;
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
