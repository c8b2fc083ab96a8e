//! Devices of the kernel's misc family, such as `/dev/kvm`: what the kernel has registered, and the node in `/dev`.
//!
//! The two differ. Several nodes (`/dev/kvm`, `/dev/vhost-net`, `/dev/net/tun`) are made at boot from the modules'
//! names, before any module is loaded (kmod's static nodes), so a node alone proves nothing; and in a pod there is no
//! host's `/dev`, while `/sys` shows what the kernel has registered.

use std::fmt;

use super::{Depth, facts::Fact, report::Finding, root::Root};

/// The kernel's number of the misc family (Documentation/admin-guide/devices.txt).
const MISC_MAJOR: u32 = 10;
/// Where the kernel registers it.
const MISC: &str = "sys/devices/virtual/misc";
/// Where a pod has the host's `/dev`.
const HOST_DEV_IN_POD: &str = "mnt/dev";

/// The number of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNumber {
    pub major: u32,
    pub minor: u32,
}

impl DeviceNumber {
    /// A device of the misc family.
    #[must_use]
    pub const fn misc(minor: u32) -> Self {
        Self {
            major: MISC_MAJOR,
            minor,
        }
    }

    /// From `st_rdev`, the way Linux packs it (glibc's `gnu_dev_major`, `gnu_dev_minor`).
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the masks leave 32 bits of each"
    )]
    pub(super) const fn from_rdev(rdev: u64) -> Self {
        Self {
            major: (((rdev >> 8) & 0xfff) | ((rdev >> 32) & 0xffff_f000)) as u32,
            minor: ((rdev & 0xff) | ((rdev >> 12) & 0xffff_ff00)) as u32,
        }
    }

    /// From a `dev` file of sysfs: `10:232`.
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once(':')?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// What stands at a path in `/dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    Character(DeviceNumber),
    /// A file, a folder, a block device: not what it should be.
    Other,
}

/// A device that a check asks for.
pub(super) struct Device {
    /// Its name below `/sys/devices/virtual/misc`.
    pub registered_as: &'static str,
    /// Its path below `/dev`.
    pub node: &'static str,
}

impl Device {
    pub(super) fn gather(&self, root: &Root, depth: Depth) -> DeviceFacts {
        DeviceFacts {
            registration: self.registration(root),
            node: match depth {
                Depth::Pod => None,
                Depth::Deep => Some(self.node_in_pod(root)),
                Depth::Host => Some(root.node(&format!("dev/{}", self.node))),
            },
        }
    }

    /// Where the probe sees the node, or would see it if it had the host's `/dev`.
    pub(super) fn path(&self, depth: Depth) -> String {
        match depth {
            Depth::Pod | Depth::Deep => format!("/{HOST_DEV_IN_POD}/{}", self.node),
            Depth::Host => format!("/dev/{}", self.node),
        }
    }

    /// The value of an informational check.
    pub(super) fn tell(&self, facts: &DeviceFacts, depth: Depth) -> Finding {
        match facts.presence() {
            Presence::Registered(number) => Finding::informational(format!("device {number}")),
            Presence::OnDemand(number) => {
                Finding::informational(format!("device {number}, loaded when it is opened"))
            }
            Presence::Missing => {
                Finding::informational("not there, or its module is not loaded yet")
            }
            Presence::Unfit(reason) => {
                Finding::informational(format!("{}: {reason}", self.path(depth)))
            }
            Presence::Unknown(reason) => Finding::unknown(&reason),
        }
    }

    fn registration(&self, root: &Root) -> Fact<DeviceNumber> {
        let read = |folder: &str| {
            let path = format!("{folder}/{}/dev", self.registered_as);
            root.line(&path)
                .and_then(|line| match DeviceNumber::parse(&line) {
                    Some(number) => Fact::Known(number),
                    None => Fact::Unreadable(format!("/{path}: {line:?} is not a device number")),
                })
        };
        match read(MISC) {
            Fact::Known(number) => Fact::Known(number),
            Fact::Absent => match read("sys/class/misc") {
                Fact::Absent if root.is_running_machine() && !root.is_there(MISC) => {
                    Fact::Unreadable(format!("/{MISC}: not visible from here"))
                }
                second => second,
            },
            Fact::Unreadable(reason) => match read("sys/class/misc") {
                Fact::Known(number) => Fact::Known(number),
                Fact::Absent | Fact::Unreadable(_) => Fact::Unreadable(reason),
            },
        }
    }

    /// In a folder that stands for a machine, the host's `/dev` is that folder's own.
    fn node_in_pod(&self, root: &Root) -> Fact<Node> {
        if root.is_there(HOST_DEV_IN_POD) {
            root.node(&format!("{HOST_DEV_IN_POD}/{}", self.node))
        } else if root.is_running_machine() {
            Fact::Unreadable(format!(
                "/{HOST_DEV_IN_POD}: the host's /dev is not mounted"
            ))
        } else {
            root.node(&format!("dev/{}", self.node))
        }
    }
}

/// What was seen of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFacts {
    /// The number under which the kernel has registered it.
    pub registration: Fact<DeviceNumber>,
    /// The node in `/dev`; `None` where the probe has no host's `/dev` to look at.
    pub node: Option<Fact<Node>>,
}

/// Is a device there?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Registered, and the node (where it was looked at) is that device.
    Registered(DeviceNumber),
    /// The node is there and the kernel has not registered it: opening it would load the module, if there is one.
    OnDemand(DeviceNumber),
    Missing,
    /// Something else stands in its place.
    Unfit(String),
    Unknown(String),
}

impl DeviceFacts {
    /// Registered, as a pod sees it.
    #[must_use]
    pub const fn registered(number: DeviceNumber) -> Self {
        Self {
            registration: Fact::Known(number),
            node: None,
        }
    }

    pub(super) fn presence(&self) -> Presence {
        match (&self.registration, &self.node) {
            (Fact::Unreadable(reason), _) | (_, Some(Fact::Unreadable(reason))) => {
                Presence::Unknown(reason.clone())
            }
            (Fact::Known(number), _) if number.major != MISC_MAJOR => Presence::Unfit(format!(
                "registered as {number}, which is not of the misc family ({MISC_MAJOR})"
            )),
            (_, Some(Fact::Known(Node::Other))) => {
                Presence::Unfit("not a character device".to_owned())
            }
            (Fact::Known(number), Some(Fact::Known(Node::Character(node)))) if node != number => {
                Presence::Unfit(format!("device {node}, the kernel registered {number}"))
            }
            (Fact::Known(number), None | Some(Fact::Known(Node::Character(_)))) => {
                Presence::Registered(*number)
            }
            (Fact::Absent, Some(Fact::Known(Node::Character(node))))
                if node.major == MISC_MAJOR =>
            {
                Presence::OnDemand(*node)
            }
            (Fact::Absent, Some(Fact::Known(Node::Character(node)))) => {
                Presence::Unfit(format!("device {node}, which is not of the misc family"))
            }
            (Fact::Known(_), Some(Fact::Absent)) | (Fact::Absent, None | Some(Fact::Absent)) => {
                Presence::Missing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceFacts, DeviceNumber, Fact, Node, Presence};

    const KVM: DeviceNumber = DeviceNumber::misc(232);

    #[test]
    fn packs_and_reads_numbers_as_linux_does() {
        // As `stat -c %t:%T` shows them: /dev/kvm, and one that needs the high bits.
        assert_eq!(DeviceNumber::from_rdev(0x0ae8), KVM);
        let high = DeviceNumber::from_rdev((0x12 << 44) | (0x345 << 8) | (0x678 << 20) | 0x9a);
        assert_eq!((high.major, high.minor), (0x12345, 0x6789a));
        assert_eq!(DeviceNumber::parse("10:232"), Some(KVM));
        for bad in [
            "",
            "10",
            "10:",
            ":232",
            "10:232:1",
            "a:b",
            "-1:2",
            "10:99999999999",
        ] {
            assert_eq!(DeviceNumber::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn tells_a_device_from_what_only_looks_like_one() {
        fn unread<T>() -> Fact<T> {
            Fact::Unreadable("denied".to_owned())
        }
        let unknown = Presence::Unknown("denied".to_owned());
        let node = |number| Some(Fact::Known(Node::Character(number)));
        let other = DeviceNumber { major: 1, minor: 3 };
        let cases = [
            (Fact::Known(KVM), None, Some(Presence::Registered(KVM))),
            (Fact::Known(KVM), node(KVM), Some(Presence::Registered(KVM))),
            (Fact::Absent, node(KVM), Some(Presence::OnDemand(KVM))),
            (Fact::Absent, None, Some(Presence::Missing)),
            (Fact::Absent, Some(Fact::Absent), Some(Presence::Missing)),
            (
                Fact::Known(KVM),
                Some(Fact::Absent),
                Some(Presence::Missing),
            ),
            (unread(), None, Some(unknown.clone())),
            (unread(), node(KVM), Some(unknown.clone())),
            (Fact::Known(KVM), Some(unread()), Some(unknown.clone())),
            (Fact::Absent, Some(unread()), Some(unknown)),
            // None: unfit, in some words.
            (Fact::Known(other), None, None),
            (Fact::Known(KVM), node(other), None),
            (Fact::Known(KVM), node(DeviceNumber::misc(3)), None),
            (Fact::Known(KVM), Some(Fact::Known(Node::Other)), None),
            (Fact::Absent, Some(Fact::Known(Node::Other)), None),
            (Fact::Absent, node(other), None),
        ];
        for (registration, node, expected) in cases {
            let facts = DeviceFacts { registration, node };
            let presence = facts.presence();
            match expected {
                Some(expected) => assert_eq!(presence, expected, "{facts:?}"),
                None => assert!(matches!(presence, Presence::Unfit(_)), "{facts:?}"),
            }
        }
    }
}
