//! The facts of one node, read from below a root folder: `/` on a node, another folder for a node that is described
//! by files. Reading is bounded, and a path that leads out of such a folder counts as unreadable.

use std::{
    fmt, fs,
    io::{self, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::Depth;

/// Something that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    Known(T),
    /// Surely not there.
    Absent,
    /// There or not: it could not be read, for this reason.
    Unreadable(String),
}

impl<T: fmt::Display> fmt::Display for Fact<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Absent => f.write_str("absent"),
            Self::Unreadable(why) => write!(f, "could not be read: {why}"),
        }
    }
}

/// Whether a device is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    Present,
    Absent,
    Unreadable(String),
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("present"),
            Self::Absent => f.write_str("absent"),
            Self::Unreadable(why) => write!(f, "could not be looked at: {why}"),
        }
    }
}

/// Processor architecture, in Kubernetes' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
    S390x,
    /// One that the engine does not run on.
    Other(String),
    /// Could not be told.
    Unknown,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::S390x => "s390x",
            Self::Other(name) => name,
            Self::Unknown => "unknown",
        })
    }
}

/// What `/proc/cpuinfo` says of the first processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// The words of `flags` (amd64), `Features` (arm64) or `features` (s390x).
    pub flags: Vec<String>,
}

impl Processor {
    /// Is that flag set?
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }
}

/// A device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    pub major: u32,
    pub minor: u32,
}

/// What lies at a path in `/dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceNode {
    Character(Device),
    Other,
}

/// All that the checks judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub architecture: Architecture,
    pub processor: Fact<Processor>,
    /// What the kernel registered kvm as.
    pub kvm: Fact<Device>,
    /// Loaded modules that KVM can run through, such as `kvm_intel`.
    pub kvm_backends: Vec<String>,
    /// The host's `/dev/kvm`; `None` where the probe does not see the host's `/dev`.
    pub kvm_node: Option<Fact<DeviceNode>>,
    pub vhost_vsock: Presence,
    pub vhost_net: Presence,
    pub tun: Presence,
    pub nested: Fact<String>,
    pub cgroup: Fact<String>,
    pub iommu: Fact<String>,
    pub inotify: Fact<String>,
    pub kernel: Fact<String>,
}

/// Reads the facts of the node whose files lie below `root`.
#[must_use]
pub fn gather(root: &Path, depth: Depth) -> Facts {
    let host = Host { root };
    let cpuinfo = host.read("proc/cpuinfo", CPUINFO_LIMIT);
    let kvm_backends = host.kvm_backends();
    Facts {
        architecture: match &cpuinfo {
            Fact::Known(text) => architecture(text, host.is_this_machine()),
            Fact::Absent | Fact::Unreadable(_) => Architecture::Unknown,
        },
        processor: cpuinfo.map(|text| processor(&text)),
        kvm: host.registration("kvm"),
        kvm_node: match depth {
            Depth::Pod => None,
            Depth::Deep => Some(host.node("mnt/dev/kvm")),
        },
        vhost_vsock: host.presence("vhost-vsock", depth),
        vhost_net: host.presence("vhost-net", depth),
        tun: host.presence("tun", depth),
        nested: host.nested(&kvm_backends),
        cgroup: host.cgroup(),
        iommu: host.iommu(),
        inotify: host.inotify(),
        kernel: host.line("proc/sys/kernel/osrelease"),
        kvm_backends,
    }
}

/// One processor's block is a few kilobytes; the first is enough, and a machine may have hundreds.
const CPUINFO_LIMIT: u64 = 64 * 1024;
/// More than any single value of `/proc` or `/sys` that is read here.
const VALUE_LIMIT: u64 = 4 * 1024;

impl<T> Fact<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(change(value)),
            Self::Absent => Fact::Absent,
            Self::Unreadable(why) => Fact::Unreadable(why),
        }
    }

    fn and_then<U>(self, change: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::Known(value) => change(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(why) => Fact::Unreadable(why),
        }
    }
}

fn unreadable<T>(error: &io::Error) -> Fact<T> {
    match error.kind() {
        // A component that is not a folder is as absent as a missing one.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Fact::Absent,
        _ => Fact::Unreadable(error.to_string()),
    }
}

/// A root folder and what can be asked of it.
struct Host<'a> {
    root: &'a Path,
}

impl Host<'_> {
    fn is_this_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The real path of a file below the root. On another root than `/` a link may not lead out of it: the files of a
    /// described node must not be answered by this machine's.
    fn resolve(&self, path: &str) -> Fact<PathBuf> {
        let real = match self.root.join(path).canonicalize() {
            Ok(real) => real,
            Err(error) => return unreadable(&error),
        };
        match self.root.canonicalize() {
            Ok(root) if real.starts_with(&root) => Fact::Known(real),
            Ok(_) => Fact::Unreadable(format!("/{path} leads out of the folder")),
            Err(error) => Fact::Unreadable(error.to_string()),
        }
    }

    fn read(&self, path: &str, limit: u64) -> Fact<String> {
        self.resolve(path).and_then(|real| {
            // Opening a pipe would wait for its other end; facts are regular files.
            match fs::metadata(&real) {
                Ok(metadata) if metadata.is_file() => {}
                Ok(_) => return Fact::Unreadable(format!("/{path} is not a file")),
                Err(error) => return unreadable(&error),
            }
            let mut bytes = Vec::new();
            match fs::File::open(&real).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
                Ok(_) => Fact::Known(String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) => unreadable(&error),
            }
        })
    }

    fn line(&self, path: &str) -> Fact<String> {
        self.read(path, VALUE_LIMIT)
            .map(|text| text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// The device number that the kernel gave a misc device.
    fn registration(&self, name: &str) -> Fact<Device> {
        let device = self.line(&format!("sys/devices/virtual/misc/{name}/dev"));
        let device = match device {
            Fact::Absent => self.line(&format!("sys/class/misc/{name}/dev")),
            found @ (Fact::Known(_) | Fact::Unreadable(_)) => found,
        };
        device.and_then(
            |text| match text.split_once(':').map(|(a, b)| (a.parse(), b.parse())) {
                Some((Ok(major), Ok(minor))) => Fact::Known(Device { major, minor }),
                _ => Fact::Unreadable(format!("{text:?} is not a device number")),
            },
        )
    }

    fn node(&self, path: &str) -> Fact<DeviceNode> {
        self.resolve(path)
            .and_then(|real| match fs::metadata(real) {
                Ok(metadata) if metadata.file_type().is_char_device() => {
                    Fact::Known(DeviceNode::Character(device(metadata.rdev())))
                }
                Ok(_) => Fact::Known(DeviceNode::Other),
                Err(error) => unreadable(&error),
            })
    }

    fn presence(&self, name: &str, depth: Depth) -> Presence {
        let registered = presence(self.registration(name));
        match (registered, depth) {
            // The node in /dev loads the module when it is opened.
            (Presence::Absent, Depth::Deep) => {
                let path = if name == "tun" {
                    "mnt/dev/net/tun".to_owned()
                } else {
                    format!("mnt/dev/{name}")
                };
                presence(self.node(&path))
            }
            (found, Depth::Pod | Depth::Deep) => found,
        }
    }

    fn kvm_backends(&self) -> Vec<String> {
        let Fact::Known(modules) = self.resolve("sys/module") else {
            return Vec::new();
        };
        let Ok(entries) = fs::read_dir(modules) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("kvm_") && name.len() <= 64)
            .collect();
        names.sort();
        names
    }

    fn nested(&self, backends: &[String]) -> Fact<String> {
        for backend in backends {
            match self.line(&format!("sys/module/{backend}/parameters/nested")) {
                Fact::Absent => {}
                Fact::Known(value) => {
                    let on = matches!(value.as_str(), "Y" | "y" | "1");
                    return Fact::Known(format!("{} ({backend})", if on { "on" } else { "off" }));
                }
                Fact::Unreadable(why) => return Fact::Unreadable(why),
            }
        }
        Fact::Absent
    }

    fn cgroup(&self) -> Fact<String> {
        match self.resolve("sys/fs/cgroup/cgroup.controllers") {
            Fact::Known(_) => Fact::Known("v2".to_owned()),
            Fact::Absent => self
                .resolve("sys/fs/cgroup/memory")
                .map(|_| "v1".to_owned()),
            Fact::Unreadable(why) => Fact::Unreadable(why),
        }
    }

    fn iommu(&self) -> Fact<String> {
        self.resolve("sys/kernel/iommu_groups")
            .and_then(|folder| match fs::read_dir(folder) {
                Ok(entries) => Fact::Known(format!("{} groups", entries.count())),
                Err(error) => unreadable(&error),
            })
    }

    fn inotify(&self) -> Fact<String> {
        let limit = |name: &str| self.line(&format!("proc/sys/fs/inotify/{name}"));
        limit("max_user_instances").and_then(|instances| {
            limit("max_user_watches")
                .map(|watches| format!("{instances} instances, {watches} watches"))
        })
    }
}

fn presence<T>(fact: Fact<T>) -> Presence {
    match fact {
        Fact::Known(_) => Presence::Present,
        Fact::Absent => Presence::Absent,
        Fact::Unreadable(why) => Presence::Unreadable(why),
    }
}

/// Splits a device number as Linux packs it (`gnu_dev_major` and `gnu_dev_minor` of the C library).
fn device(packed: u64) -> Device {
    let major = ((packed >> 8) & 0xfff) | ((packed >> 32) & 0xffff_f000);
    let minor = (packed & 0xff) | ((packed >> 12) & 0xffff_ff00);
    let fits = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or(u32::MAX);
    Device {
        major: fits(major),
        minor: fits(minor),
    }
}

/// The first block of `/proc/cpuinfo` as (key, value) lines.
fn fields(cpuinfo: &str) -> impl Iterator<Item = (&str, &str)> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim(), value.trim()))
}

fn processor(cpuinfo: &str) -> Processor {
    let flags = fields(cpuinfo)
        .find(|(key, _)| key.eq_ignore_ascii_case("flags") || key.eq_ignore_ascii_case("features"))
        .map(|(_, value)| value.split_whitespace().map(str::to_owned).collect());
    Processor {
        flags: flags.unwrap_or_default(),
    }
}

/// Each architecture writes its own kind of `/proc/cpuinfo`, which tells a described node's as well.
fn architecture(cpuinfo: &str, this_machine: bool) -> Architecture {
    let has = |wanted: &str| fields(cpuinfo).any(|(key, _)| key == wanted);
    if fields(cpuinfo).any(|(key, value)| key == "vendor_id" && value == "IBM/S390") {
        Architecture::S390x
    } else if has("CPU implementer") {
        Architecture::Arm64
    } else if has("flags") {
        Architecture::Amd64
    } else if this_machine {
        match std::env::consts::ARCH {
            "x86_64" => Architecture::Amd64,
            "aarch64" => Architecture::Arm64,
            other => Architecture::Other(other.to_owned()),
        }
    } else {
        Architecture::Unknown
    }
}
