//! Every word that `error.reason` of a result document can be: the vocabulary that programs compare.
//!
//! A word is listed once, here, and its first line says what it means; why it happens and what to do about it stands in
//! `explain`, where a test misses the words that nobody explains.

/// The enum, the list of its variants and what each means, from one list.
macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $reason:ident,)+) => {
        /// Why a command could not do what it was asked, as one word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
        pub enum Reason {
            $($(#[doc = $meaning])+ $reason,)+
        }

        impl Reason {
            /// Every reason, by name.
            pub const ALL: &'static [Self] = &[$(Self::$reason),+];

            /// What it means, as one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$reason => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    /// An admission policy, a webhook or a quota of the cluster refused the change.
    AdmissionDenied,
    /// VM Runtime is disabled already, and nothing is left to do.
    AlreadyDisabled,
    /// VM Runtime is enabled and ready already.
    AlreadyEnabled,
    /// An object of that name exists already.
    AlreadyExists,
    /// An answer has more bytes than bmctl reads of any.
    AnswerTooLarge,
    /// A file of the backup is not the one that was written.
    BackupDamaged,
    /// The backup could not be written; what was not saved was not deleted.
    BackupFailed,
    /// The backup folder holds something else than a backup of this cluster.
    BackupFolderInUse,
    /// Another bmctl is at work with the same backup folder.
    BackupInUse,
    /// A certificate or key of the kubeconfig cannot be used.
    BadCertificate,
    /// The times of the leader election could let two controllers lead.
    BadElection,
    /// The kubeconfig cannot be read, is no kubeconfig, or refers to what is not in it.
    BadKubeconfig,
    /// The manifests of the engine cannot be used.
    BadManifests,
    /// The service account of this pod cannot be used.
    BadServiceAccount,
    /// The certificate of the API server has expired.
    CertificateExpired,
    /// The certificate of the API server is not valid yet.
    CertificateNotValidYet,
    /// The certificate of the API server was not accepted.
    CertificateRejected,
    /// The client could not make or read a request.
    ClientError,
    /// There is no cluster of that name in the workspace.
    ClusterNotFound,
    /// The command did not succeed on some of several clusters.
    ClustersFailed,
    /// The command that the sandbox was to run could not be started.
    CommandNotRun,
    /// The object was changed by somebody else at the same time.
    Conflict,
    /// No connection to the API server was made in time.
    ConnectTimedOut,
    /// The connection to the API server broke off.
    ConnectionLost,
    /// Nothing accepts connections at the address of the API server.
    ConnectionRefused,
    /// The kubeconfig has no context of that name.
    ContextNotFound,
    /// The controller ended although nobody asked it to.
    ControllerEnded,
    /// A controller is running that is not part of the installation.
    ControllerRunning,
    /// The controller says that it cannot get where the spec wants it.
    Degraded,
    /// VMRuntime was deleted while it was being waited for.
    Deleted,
    /// VM Runtime is disabled, and disks that were to stay are gone.
    DisksGone,
    /// A list broke off because its continuation had expired.
    Expired,
    /// A file that was asked for could not be written.
    FileNotWritten,
    /// Somebody else set back what was asked for while it was being waited for.
    FlippedBack,
    /// The user is known, and is not permitted to do this (RBAC).
    Forbidden,
    /// A kubeconfig of another cluster is where that of the sandbox would be written.
    ForeignKubeconfig,
    /// Groups or a UID to impersonate were given without a user.
    IncompleteIdentity,
    /// The program itself has made a mistake and has ended.
    InternalError,
    /// The command was ended by Ctrl-C.
    Interrupted,
    /// The API server does not accept a value.
    Invalid,
    /// The name or the nodes of the sandbox make no sense.
    InvalidCluster,
    /// The command line was not understood.
    InvalidUsage,
    /// A kubeconfig file does not exist.
    KubeconfigNotFound,
    /// The kubeconfig of the sandbox could not be written.
    KubeconfigNotWritten,
    /// The log that was asked for cannot be written.
    LogNotWritable,
    /// The login plugin, or the credential of the kubeconfig, gave nothing that can be sent.
    LoginFailed,
    /// The login plugin must ask somebody, and there is no terminal to ask on.
    LoginNeedsTerminal,
    /// The login plugin of the kubeconfig is not installed.
    LoginPluginMissing,
    /// The login plugin did not end in time.
    LoginTimedOut,
    /// The host name of the API server is not known.
    NameNotResolved,
    /// The namespace that objects are to be created in does not exist.
    NamespaceMissing,
    /// The API server did not answer the controller.
    NoAnswer,
    /// The folder holds no backup that can be read.
    NoBackup,
    /// The command lost the state that it was to wait from: a defect of bmctl.
    NoBaseline,
    /// No command was given for the sandbox to run.
    NoCommand,
    /// No kubeconfig was given, and none was found.
    NoKubeconfig,
    /// A preflight check ended without having verified a single node.
    NoNodeVerified,
    /// A preflight check ended without a result.
    NoResult,
    /// The program could not start its inner machinery.
    NoRuntime,
    /// The program could not listen for signals.
    NoSignals,
    /// A preflight check could not verify every node.
    NodesUnknown,
    /// Some objects of a backup could not be created.
    NotAllRestored,
    /// What is waited for was never asked for.
    NotAskedFor,
    /// Something needs a confirmation that was not given.
    NotConfirmed,
    /// The object does not exist.
    NotFound,
    /// The cluster took the change and did not keep all of it.
    NotKept,
    /// The cluster does not serve this kind of object.
    NotServed,
    /// VMs of a backup are there and cannot start, because something that they need is not.
    NotStartable,
    /// What answers does not speak TLS.
    NotTls,
    /// It could not be verified that the state is the wanted one.
    NotVerified,
    /// The result could not be written to stdout.
    OutputFailed,
    /// A preflight check failed on at least one node.
    PreflightFailed,
    /// A preflight check contradicts itself.
    PreflightInconsistent,
    /// A preflight check has not finished.
    PreflightUnfinished,
    /// The proxy did not connect us to the API server.
    ProxyFailed,
    /// A proxy of this kind is not supported.
    ProxyUnsupported,
    /// A report could not be written to its file.
    ReportNotWritten,
    /// The API server did not answer one request in time.
    RequestTimedOut,
    /// A part of the sandbox stopped working.
    SandboxBroken,
    /// The sandbox could not be started.
    SandboxNotStarted,
    /// A sandbox of that name is running already.
    SandboxRunning,
    /// The API server failed to answer (HTTP 5xx), also after retries.
    ServerError,
    /// The API server refused the request for a reason of its own.
    ServerRefused,
    /// There are several clusters, and none was named.
    SeveralClusters,
    /// A support bundle was written without what could not be read.
    SnapshotIncomplete,
    /// The folder that the sandbox was to be kept in cannot be used.
    StateNotUsable,
    /// Part of the status could not be determined.
    StatusIncomplete,
    /// VM Runtime is enabled, or its engine is not gone yet.
    StillEnabled,
    /// The command was ended by SIGTERM, or by SIGHUP.
    Terminated,
    /// The time-out passed before the state was reached; the cluster goes on.
    TimedOut,
    /// The TLS connection could not be made.
    TlsFailed,
    /// The API server ended the TLS handshake.
    TlsRejected,
    /// The API server is busy (HTTP 429), also after retries.
    TooManyRequests,
    /// The API server does not know who is asking (HTTP 401).
    Unauthorized,
    /// What answered is not what an API server sends.
    UnexpectedAnswer,
    /// The certificate of the API server is signed by an authority that the kubeconfig does not name.
    UnknownAuthority,
    /// The backup folder holds manifests that its index does not name.
    UnknownFiles,
    /// The cluster has no node of that name, or none with these labels.
    UnknownNode,
    /// There is nothing of that name to explain.
    UnknownTopic,
    /// The API server could not be reached.
    Unreachable,
    /// The controller could not read an object of the cluster.
    Unreadable,
    /// VMs were created while VM Runtime was being disabled.
    VMsAppeared,
    /// Virtual machines exist, and nothing permits deleting them.
    VMsExist,
    /// It could not be determined whether virtual machines exist.
    VMsUnknown,
    /// The controller's view of the cluster ended.
    WatchStopped,
    /// The workspace folder cannot be written.
    WorkspaceNotWritable,
    /// What was typed to confirm is not the name of the context.
    WrongConfirmation,
    /// The certificate of the API server is for another host name.
    WrongServerName,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn the_list_is_in_order_and_every_meaning_is_a_sentence() {
        assert!(Reason::ALL.is_sorted_by_key(ToString::to_string));
        for reason in Reason::ALL {
            let meaning = reason.meaning();
            assert!(
                meaning.ends_with('.') && !meaning.starts_with(' '),
                "{reason}: {meaning}"
            );
        }
        assert_eq!(Reason::VMsExist.to_string(), "VMsExist");
    }
}
