//! What was seen of a machine. Plain data: tests write it down, [`super::judge`] reads it.

use std::{collections::BTreeSet, path::Path};

use super::{
    Architecture, Depth,
    cgroup::CgroupVersion,
    cpu::Processor,
    device::{DeviceFacts, DeviceNumber},
    hugepages::HugePages,
    inotify::InotifyLimits,
    kvm,
    nested::NestedSetting,
    root::Root,
    trial::Trial,
    tun, vhost_net, vsock,
};

/// Something that we looked for. Absent and unreadable are different answers: what we could not read may well be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    Known(T),
    Absent,
    /// It could not be read, and why.
    Unreadable(String),
}

impl<T> Fact<T> {
    /// Goes on with what was read; what was not read stays as it is.
    pub(super) fn and_then<U>(self, next: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::Known(value) => next(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(reason) => Fact::Unreadable(reason),
        }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        self.and_then(|value| Fact::Known(change(value)))
    }

    /// The value where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

/// Everything that the checks look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Where it was looked at from.
    pub depth: Depth,
    pub architecture: Fact<Architecture>,
    /// The first processor of `/proc/cpuinfo`; Linux uses no other kind beside it on the architectures with a rule.
    pub processor: Fact<Processor>,
    pub kvm: DeviceFacts,
    /// What KVM said when it was asked.
    pub kvm_trial: Trial,
    /// Kernel modules called `kvm_…`: the ones that bring virtualization, for example `kvm_intel`.
    pub kvm_backends: Vec<String>,
    pub vsock: DeviceFacts,
    pub tun: DeviceFacts,
    pub vhost_net: DeviceFacts,
    pub nested: Fact<Vec<NestedSetting>>,
    pub cgroup: Fact<CgroupVersion>,
    /// How many IOMMU groups the kernel has made.
    pub iommu_groups: Fact<usize>,
    pub inotify: Fact<InotifyLimits>,
    pub huge_pages: Fact<Vec<HugePages>>,
    /// The kernel's release, as `uname -r` says it.
    pub kernel: Fact<String>,
}

/// Reads what the checks need to know of the machine whose root folder is `root`: `/`, or a folder with `proc`, `sys`
/// and `dev` in it. Never fails: what cannot be read becomes [`Fact::Unreadable`], with the reason.
#[must_use]
pub fn gather(root: &Path, depth: Depth) -> Facts {
    let root = &Root::open(root);
    let processor = Processor::gather(root);
    let kvm_backends = kvm::backends(root);
    let device = kvm::DEVICE.gather(root, depth);
    Facts {
        depth,
        architecture: Architecture::gather(root, &processor),
        processor,
        kvm_trial: Trial::gather(root, depth, &device),
        kvm: device,
        vsock: vsock::DEVICE.gather(root, depth),
        tun: tun::DEVICE.gather(root, depth),
        vhost_net: vhost_net::DEVICE.gather(root, depth),
        nested: NestedSetting::gather(root, &kvm_backends),
        cgroup: CgroupVersion::gather(root),
        iommu_groups: super::iommu::gather(root),
        inotify: InotifyLimits::gather(root),
        huge_pages: super::hugepages::gather(root),
        kernel: super::kernel::gather(root),
        kvm_backends,
    }
}

impl Facts {
    /// A healthy machine that exists nowhere: what the sandbox's nodes without a folder of their own are judged by.
    #[must_use]
    pub fn pretend() -> Self {
        Self {
            depth: Depth::Pod,
            architecture: Fact::Known(Architecture::Amd64),
            processor: Fact::Known(Processor {
                architecture: Some(Architecture::Amd64),
                features: Some(BTreeSet::from(["fpu".to_owned(), "vmx".to_owned()])),
            }),
            kvm: DeviceFacts::registered(DeviceNumber::misc(232)),
            kvm_trial: Trial::NotTried("this machine exists nowhere".to_owned()),
            kvm_backends: vec!["kvm_intel".to_owned()],
            vsock: DeviceFacts::registered(DeviceNumber::misc(241)),
            tun: DeviceFacts::registered(DeviceNumber::misc(200)),
            vhost_net: DeviceFacts::registered(DeviceNumber::misc(238)),
            nested: Fact::Known(vec![NestedSetting {
                module: "kvm_intel".to_owned(),
                value: "Y".to_owned(),
            }]),
            cgroup: Fact::Known(CgroupVersion::V2),
            iommu_groups: Fact::Known(0),
            inotify: Fact::Known(InotifyLimits {
                instances: 8192,
                watches: 524_288,
            }),
            huge_pages: Fact::Known(Vec::new()),
            kernel: Fact::Known("6.8.0-sandbox".to_owned()),
        }
    }

    /// The same machine without the hardware for virtual machines, or with it switched off in the firmware.
    #[must_use]
    pub fn without_kvm(mut self) -> Self {
        if let Fact::Known(Processor {
            features: Some(features),
            ..
        }) = &mut self.processor
        {
            features.retain(|feature| feature != "vmx" && feature != "svm");
        }
        self.kvm.registration = Fact::Absent;
        self.kvm_backends.clear();
        self.nested = Fact::Absent;
        self
    }

    pub(super) fn architecture_name(&self) -> String {
        self.architecture
            .known()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }
}
