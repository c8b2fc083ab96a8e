//! Clusters on which one thing or another comes about.

use std::{
    fs,
    process::{Command, Stdio},
    sync::OnceLock,
};

use http::Method;
use libtest_mimic::Failed;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    faults::{Authority, Fault, On, Proxy, Script},
    test_cluster::{Ended, Host, TestCluster, eventually},
};

/// Which cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// VM Runtime is ready.
    Ready,
    /// It is enabled, and the latest check has failed on the only node.
    WithoutKvm,
    /// The latest check could not verify the node.
    Unverified,
    /// A virtual machine runs.
    WithMachines,
    /// Nothing is installed.
    Bare,
    /// Enabled, and nobody acts.
    Still,
    /// Ready, and nobody acts.
    Stopping,
    /// Ready, for somebody who may do nothing.
    Stranger,
    /// Somebody else answers there.
    Away,
    /// Ready; whoever changes something meets somebody else's change.
    Contested,
    /// Disabled, and a policy refuses every change.
    Frozen,
    /// Ready, and the virtual machines may not be listed, nor is it told what may.
    Uncountable,
    /// There is no answer to anything.
    Silent,
}

/// A cluster, and the way to it.
pub struct Stand {
    // Dropped before the cluster that it stands before.
    proxy: Proxy,
    _stage: TestCluster,
    flags: &'static str,
}

const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";

impl Stand {
    pub fn set(situation: Situation) -> Result<Self, Failed> {
        let test_cluster = match situation {
            Situation::Ready
            | Situation::Stranger
            | Situation::Contested
            | Situation::Uncountable => TestCluster::enabled()?,
            Situation::WithoutKvm => without_kvm()?,
            Situation::Unverified => unverified()?,
            Situation::WithMachines => with_machines()?,
            Situation::Still => still()?,
            Situation::Stopping => stopping()?,
            Situation::Bare | Situation::Away | Situation::Silent => TestCluster::bare(),
            Situation::Frozen => frozen()?,
        };
        let script = match situation {
            Situation::Contested => {
                Script::none().always(On::Request(Method::PATCH, ""), Fault::answer(409))
            }
            Situation::Uncountable => Script::none()
                .always(
                    On::Request(Method::GET, "/virtualmachines"),
                    Fault::answer(403),
                )
                .always(
                    On::Request(Method::POST, "/selfsubjectaccessreviews"),
                    Fault::answer(403),
                ),
            Situation::Silent => Script::none().always(On::Any, Fault::Hang),
            _ => Script::none(),
        };
        let proxy = Proxy::before(&test_cluster, script);
        if situation == Situation::Away {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            let authority = Authority::new("of another cluster").pem();
            proxy.edit(|kubeconfig| {
                let cluster = kubeconfig.clusters[0].cluster.as_mut().unwrap();
                cluster.certificate_authority_data = Some(STANDARD.encode(authority));
            });
        }
        let flags = match situation {
            Situation::Stranger => " --as stranger --as-group strangers",
            _ => "",
        };
        Ok(Self {
            proxy,
            _stage: test_cluster,
            flags,
        })
    }

    /// The words that are typed, with the flags of the situation.
    fn words(&self, words: &str) -> Vec<String> {
        let words = if words.contains("{backup}") {
            words.replace("{backup}", &backup())
        } else {
            words.to_owned()
        };
        let line = format!("{words}{} --progress none", self.flags);
        line.split(' ').map(str::to_owned).collect()
    }

    /// Runs the words to their end.
    pub fn run(&self, words: &str) -> Ended {
        let words = self.words(words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.proxy.bmctl(&words)
    }

    /// Runs the words, and interrupts them as soon as they have asked for something.
    pub fn interrupt(&self, words: &str) -> Ended {
        let words = self.words(words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let before = self.proxy.requests().len();
        let child = self
            .proxy
            .bmctl_command(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id().to_string();
        // A request of the one before may still be on its way: alone, it says nothing of this one.
        let listens = eventually("somebody who hears Ctrl-C", || hears_interrupts(&id));
        let asked = eventually("a request", || match self.proxy.requests().len() {
            seen if seen > before => Ok(()),
            seen => Err(format!("{seen} requests")),
        });
        // Where it never asked, its own end tells more.
        drop((listens, asked));
        let _ = Command::new("kill").args(["-INT", &id]).status();
        Ended::of(child, words.join(" "))
    }
}

/// Has that process a handler for SIGINT? See proc(5): signal N is bit N-1.
fn hears_interrupts(id: &str) -> Result<(), String> {
    let status = fs::read_to_string(format!("/proc/{id}/status"));
    let status = status.map_err(|error| error.to_string())?;
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    match caught {
        Some(bits) if bits & 0b10 != 0 => Ok(()),
        // It has ended by itself.
        Some(_) | None if status.contains("State:\tZ") => Ok(()),
        Some(_) | None => Err(status),
    }
}

/// A backup of one virtual machine, made once for all.
fn backup() -> String {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let test_cluster = with_machines().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("backup").display().to_string();
        test_cluster
            .bmctl(&["disable", "vmruntime", "--force=true", "--backup", &place])
            .exits(0)
            .unwrap();
        folder
    });
    folder.path().join("backup").display().to_string()
}

fn without_kvm() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(3)?;
    Ok(test_cluster)
}

fn with_machines() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("db")?;
    Ok(test_cluster)
}

fn still() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::without_controller();
    test_cluster.create(
        RUNTIMES,
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {"enabled": true},
        }),
    )?;
    Ok(test_cluster)
}

/// It was ready once, and nobody takes that back.
fn stopping() -> Result<TestCluster, Failed> {
    let test_cluster = still()?;
    let status = json!({"ready": true, "observedGeneration": 1});
    test_cluster.patch(
        &format!("{RUNTIMES}/vmruntime/status"),
        &json!({"status": status}),
    )?;
    Ok(test_cluster)
}

/// Nobody acts, so what stands there stays.
fn unverified() -> Result<TestCluster, Failed> {
    let test_cluster = still()?;
    test_cluster.create(
        CHECKS,
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": "unverified", "namespace": "vm-system"}, "spec": {},
        }),
    )?;
    let node = json!({"passed": false, "unknown": true, "message": "the node is not ready", "results": []});
    let status = json!({"pass": false, "unknownNodeNum": 1, "checks": {"worker-0": node}});
    test_cluster.patch(
        &format!("{CHECKS}/unverified/status"),
        &json!({"status": status}),
    )?;
    Ok(test_cluster)
}

fn frozen() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::new();
    let rules = json!([
        {
            "apiGroups": ["vm.cluster.gke.io"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
            "resources": ["vmruntimes", "vmruntimepreflightchecks"],
        },
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["nodes"]},
    ]);
    test_cluster.freeze(&rules, "false")?;
    Ok(test_cluster)
}
