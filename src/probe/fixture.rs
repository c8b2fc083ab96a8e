//! Nodes described by files, for the tests of this room.

use std::{fs, path::Path};

use tempfile::TempDir;

/// A folder with `proc`, `sys` and `dev`.
pub(super) struct Node {
    folder: TempDir,
}

impl Node {
    pub(super) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// An amd64 node with these flags.
    pub(super) fn amd64(flags: &str) -> Self {
        Self::empty().with(
            "proc/cpuinfo",
            &format!("processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu sse {flags}\n\nprocessor\t: 1\n"),
        )
    }

    pub(super) fn arm64() -> Self {
        Self::empty().with(
            "proc/cpuinfo",
            "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n",
        )
    }

    pub(super) fn s390x(features: &str) -> Self {
        Self::empty().with(
            "proc/cpuinfo",
            &format!("vendor_id       : IBM/S390\nfeatures\t: esan3 {features}\n"),
        )
    }

    pub(super) fn with(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// KVM registered, through this module.
    pub(super) fn with_kvm(self, backend: &str) -> Self {
        self.with("sys/devices/virtual/misc/kvm/dev", "10:232\n")
            .with(&format!("sys/module/{backend}/parameters/nested"), "Y\n")
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}
