//! Folders that stand for machines, for this module's tests.

use std::{fs, path::Path};

use tempfile::TempDir;

/// A machine in the making: each method adds to it.
pub(super) struct Machine(TempDir);

impl Machine {
    pub(super) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(super) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(super) fn folder(self, path: &str) -> Self {
        fs::create_dir_all(self.0.path().join(path)).unwrap();
        self
    }

    pub(super) fn link(self, path: &str, to: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, path).unwrap();
        self
    }

    /// `/proc/cpuinfo` of so many processors with these flags.
    pub(super) fn flags(self, flags: &str, processors: usize) -> Self {
        let processor = format!(
            "processor\t: 0\nvendor_id\t: GenuineIntel\nvmx flags\t: vnmi\n\
             flags\t\t: {flags}\nbugs\t\t: spectre_v1\n\n"
        );
        self.file("proc/cpuinfo", processor.repeat(processors))
    }

    /// KVM as the kernel registers it, with the module that brought it.
    pub(super) fn kvm(self, module: &str) -> Self {
        self.file("sys/devices/virtual/misc/kvm/dev", "10:232\n")
            .folder(&format!("sys/module/{module}"))
    }

    pub(super) fn intel() -> Self {
        Self::new()
            .flags("fpu vme vmx ssse3", 2)
            .kvm("kvm_intel")
            .file("sys/module/kvm_intel/parameters/nested", "Y\n")
            .file("sys/devices/virtual/misc/vhost-vsock/dev", "10:241\n")
            .file("sys/devices/virtual/misc/tun/dev", "10:200\n")
            .file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
            .folder("sys/kernel/iommu_groups/0")
            .folder("sys/kernel/iommu_groups/1")
            .file("proc/sys/fs/inotify/max_user_instances", "128\n")
            .file("proc/sys/fs/inotify/max_user_watches", "65536\n")
            .file("proc/sys/kernel/osrelease", "6.8.0-31-generic\n")
    }

    pub(super) fn arm64() -> Self {
        Self::new().file(
            "proc/cpuinfo",
            "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n",
        )
    }

    pub(super) fn s390x(features: &str) -> Self {
        Self::new().file(
            "proc/cpuinfo",
            format!("vendor_id       : IBM/S390\n# processors    : 2\nfeatures\t: {features} \n"),
        )
    }
}
