//! What a machine of the cluster is: its name and what the kubelet would report of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One machine of the cluster. A kept state remembers it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeProfile {
    pub name: String,
    /// Folder that stands for the root of the machine (`proc`, `sys`, `dev` inside), `/` for the machine that we run
    /// on; `None` for a machine that exists on paper alone and is healthy.
    pub host: Option<PathBuf>,
    /// In Kubernetes' words: amd64, arm64, s390x.
    pub architecture: String,
    /// Has it the role of a control plane? It takes pods nevertheless, as in every one-node cluster.
    pub control_plane: bool,
    /// Does its kubelet report? A machine that does not is registered as NotReady and runs nothing.
    pub ready: bool,
    /// Is it registered as unschedulable?
    pub cordoned: bool,
    /// Has it the hardware for virtual machines? Of a machine with a folder it is what the kernel has registered there.
    pub kvm: bool,
    /// So much longer than elsewhere everything takes that its kubelet does.
    pub delay: Duration,
    /// Can its kubelet pull images? Where it cannot, no pod starts.
    pub pulls_images: bool,
    pub gpus: u32,
    /// Labels beside those that every node has.
    pub labels: BTreeMap<String, String>,
}

impl NodeProfile {
    /// A healthy machine that exists on paper alone.
    pub fn pretend(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            host: None,
            architecture: own_architecture().to_owned(),
            control_plane: false,
            ready: true,
            cordoned: false,
            kvm: true,
            delay: Duration::ZERO,
            pulls_images: true,
            gpus: 0,
            labels: BTreeMap::new(),
        }
    }

    /// A machine whose facts lie under `host`.
    pub fn real(name: impl Into<String>, host: impl Into<PathBuf>) -> Self {
        let host = host.into();
        let kvm = has_kvm(&host);
        Self {
            host: Some(host),
            kvm,
            ..Self::pretend(name)
        }
    }

    /// The Node object as its kubelet registers it.
    pub fn node(&self) -> Value {
        let mut labels = json!({
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": self.architecture,
            "beta.kubernetes.io/os": "linux",
            "beta.kubernetes.io/arch": self.architecture,
        });
        if self.control_plane {
            labels["node-role.kubernetes.io/control-plane"] = "".into();
        }
        if self.gpus > 0 {
            labels["nvidia.com/gpu.present"] = "true".into();
        }
        for (key, value) in &self.labels {
            labels[key] = value.as_str().into();
        }
        let mut spec = json!({"providerID": format!("sandbox://{}", self.name)});
        if self.cordoned {
            spec["unschedulable"] = true.into();
        }
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": self.name, "labels": labels},
            "spec": spec,
        })
    }

    /// Has it the device now? What a folder says may have changed since the node was registered.
    pub fn has_kvm(&self) -> bool {
        self.host.as_deref().map_or(self.kvm, has_kvm)
    }

    /// Offers its processor virtualization? Intel's and AMD's say so in their flags; of others nothing is known there, and
    /// a machine on paper lacks the device alone.
    pub fn has_virtualization(&self) -> bool {
        let Some(root) = self.host.as_deref() else {
            return true;
        };
        let text = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
        let mut flags = text.lines().filter(|line| line.starts_with("flags"));
        flags.next().is_none_or(|line| {
            line.split_whitespace()
                .any(|flag| flag == "vmx" || flag == "svm")
        })
    }

    /// `status.nodeInfo`.
    pub fn info(&self, kubelet_version: &str) -> Value {
        let root = self.host.as_deref();
        let first_line = |inside: &str, otherwise: &str| {
            root.and_then(|root| fs::read_to_string(root.join(inside)).ok())
                .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
                .filter(|line| !line.is_empty())
                .unwrap_or_else(|| otherwise.to_owned())
        };
        json!({
            "architecture": self.architecture,
            "bootID": first_line("proc/sys/kernel/random/boot_id", ""),
            "containerRuntimeVersion": "sandbox://1",
            "kernelVersion": first_line("proc/sys/kernel/osrelease", "6.8.0-sandbox"),
            "kubeProxyVersion": "",
            "kubeletVersion": kubelet_version,
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": root.and_then(os_image).unwrap_or_else(|| "Sandbox Linux".to_owned()),
            "systemUUID": "",
        })
    }

    /// `status.capacity`.
    pub fn capacity(&self) -> Value {
        let root = self.host.as_deref();
        let cpus = root.and_then(processors).unwrap_or(4);
        let memory = root
            .and_then(memory)
            .unwrap_or_else(|| "16384000Ki".to_owned());
        let mut capacity = json!({
            "cpu": cpus.to_string(), "memory": memory, "pods": "110", "ephemeral-storage": "100Gi",
        });
        if self.gpus > 0 {
            capacity["nvidia.com/gpu"] = self.gpus.to_string().into();
        }
        capacity
    }
}

fn has_kvm(root: &Path) -> bool {
    ["sys/devices/virtual/misc/kvm/dev", "sys/class/misc/kvm/dev"]
        .iter()
        .any(|registered| root.join(registered).exists())
}

/// Of the machine that this program was built for, in Kubernetes' words.
fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn processors(root: &Path) -> Option<usize> {
    let text = fs::read_to_string(root.join("proc/cpuinfo")).ok()?;
    let count = text
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    (count > 0).then_some(count)
}

fn memory(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(format!("{kibibytes}Ki"))
}

fn os_image(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("etc/os-release")).ok()?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}
