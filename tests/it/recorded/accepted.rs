//! The differences that are accepted, each with the reason.

use super::fact::Difference;

/// Differences of one kind.
pub struct Accepted {
    /// In words, for the documentation.
    pub what: &'static str,
    pub reason: &'static str,
    /// A subject or, with `*` at its end, how subjects begin; and how the differences begin.
    pub cases: &'static [(&'static str, &'static str)],
}

impl Accepted {
    pub fn covers(&self, difference: &Difference) -> bool {
        self.cases.iter().any(|(subject, fact)| {
            let fits = match subject.strip_suffix('*') {
                Some(beginning) => difference.subject.starts_with(beginning),
                None => difference.subject == *subject,
            };
            fits && difference.fact.starts_with(fact)
        })
    }

    /// As the table of docs/sandbox.md has it.
    pub fn row(&self) -> String {
        format!("| {} | {} |", self.what, self.reason)
    }
}

pub static ACCEPTED: &[Accepted] = &[
    Accepted {
        what: "a pod that starts or ends goes through `ContainersNotReady`, `Succeeded` or `Failed`",
        reason: "no container runs: a pod starts in one step, and goes in one",
        cases: &[
            ("pods/*", "-condition ContainersReady=False"),
            ("pods/*", "-condition Ready=False"),
            ("pods/*", "-condition Initialized="),
            ("pods/*", "-condition PodReadyToStartContainers=False"),
            ("pods/*", "-phase "),
            ("pods/*", "+phase Running → gone"),
            ("pods/virt-launcher", "+condition "),
        ],
    },
    Accepted {
        what: "a probe pod goes while it is `Running`; here it is `Succeeded` before",
        reason: "the recorded controller deleted it as soon as its container had ended",
        cases: &[("pods/probe", "+phase ")],
    },
    Accepted {
        what: "labels of components and launchers (`app.kubernetes.io/…`, `prometheus.…`, `np.kubevirt.io/…`)",
        reason: "nothing here selects by them",
        cases: &[
            ("pods/*", "-label "),
            ("deployments/*", "-label "),
            ("daemonsets/*", "-label "),
        ],
    },
    Accepted {
        what: "further kinds of KubeVirt and CDI: snapshots, instance types, exports, clones, backups, migration policies, …",
        reason: "their objects would do nothing here; a test that needs one defines it",
        cases: &[("crds/*", "-it is there")],
    },
    Accepted {
        what: "webhooks of KubeVirt and CDI",
        reason: "the API server of the sandbox calls none",
        cases: &[("webhooks/*", "-it is there")],
    },
    Accepted {
        what: "virt-exportproxy, virt-synchronization-controller, the Job with the install strategy",
        reason: "they do nothing for VMs here",
        cases: &[
            ("deployments/virt-exportproxy", "-it is there"),
            (
                "deployments/virt-synchronization-controller",
                "-it is there",
            ),
            ("pods/virt-exportproxy", "-it is there"),
            ("pods/virt-synchronization-controller", "-it is there"),
            ("pods/virt-operator-strategy-dumper", "-it is there"),
        ],
    },
    Accepted {
        what: "virt-api and CDI's controller are replaced once while they are installed",
        reason: "their settings do not change here in the middle of the installation",
        cases: &[("pods/virt-api", "-gone"), ("pods/cdi-deployment", "-gone")],
    },
    Accepted {
        what: "virt-api is not ready for a moment while VMs start",
        reason: "the recorded machine was small",
        cases: &[
            ("deployments/virt-api", "-it is there"),
            ("pods/virt-api", "-it is there"),
            ("kubevirts", "-it is there"),
        ],
    },
    Accepted {
        what: "the controller's pod is replaced while VMs are deleted",
        reason: "a new one was deployed on the recorded cluster",
        cases: &[
            ("deployments/vmruntime-controller-manager", "-it is there"),
            ("pods/vmruntime-controller-manager", "-it is there"),
        ],
    },
    Accepted {
        what: "an importer pod, and a VM that is `Provisioning`",
        reason: "a disk is filled at once",
        cases: &[
            ("pods/importer", "-it is there"),
            ("vms", "-phase Stopped → Provisioning"),
        ],
    },
    Accepted {
        what: "conditions `LiveMigratable`, `StorageLiveMigratable`",
        reason: "there is no migration",
        cases: &[
            ("vms", "-condition LiveMigratable"),
            ("vms", "-condition StorageLiveMigratable"),
            ("vmis", "-condition LiveMigratable"),
            ("vmis", "-condition StorageLiveMigratable"),
        ],
    },
    Accepted {
        what: "the readiness gate `kubevirt.io/virtual-machine-unpaused` of a launcher",
        reason: "no guest runs, so none is paused",
        cases: &[(
            "pods/virt-launcher",
            "-condition kubevirt.io/virtual-machine-unpaused",
        )],
    },
    Accepted {
        what: "the finalizer `pool.kubevirt.io/finalizer`, and the label with the revision of a pool",
        reason: "pools keep no revisions here (nothing makes ControllerRevisions), and their machines go by their owner reference",
        cases: &[
            ("vms", "-finalizer pool.kubevirt.io/finalizer"),
            ("vms", "-label kubevirt.io/vm-pool-revision-name"),
            ("vmis", "-label kubevirt.io/vm-pool-revision-name"),
        ],
    },
    Accepted {
        what: "a Deployment says `NewReplicaSetCreated` first",
        reason: "its first status is written when the set has pods",
        cases: &[(
            "deployments/*",
            "-condition Progressing=True NewReplicaSetCreated",
        )],
    },
    Accepted {
        what: "an instance ends as `Failed`",
        reason: "no guest ignores its shutdown here: each ends as `Succeeded`",
        cases: &[
            ("vmis", "-phase Running → Failed"),
            ("vmis", "-phase Failed → gone"),
        ],
    },
    Accepted {
        what: "here VMs are seen running before they are deleted, and what their condition `Ready` says after",
        reason: "the recording of the deletion begins in the middle of it",
        cases: &[
            ("vmis", "+condition Ready=True"),
            ("vms", "+condition Ready="),
            ("vms", "+phase Running → Terminating"),
        ],
    },
];
