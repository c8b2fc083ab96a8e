//! One workload object, kept small: a cluster may have a hundred thousand of them, and a person has one laptop.
//!
//! What many objects share (namespace, state, finalizers) is stored once ([`Words`]), a UID is stored as the 16 bytes
//! that it nearly always is, and a time as the whole seconds that the API knows.

use std::{collections::BTreeSet, fmt, num::NonZeroI64, sync::Arc};

use jiff::Timestamp;

use crate::{
    api::{WorkloadKind, WorkloadRole},
    cluster::event::ObjectName,
};

/// One workload object, without its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub kind: &'static WorkloadKind,
    /// The version that the cluster served it in.
    pub version: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Box<str>,
    pub uid: Uid,
    /// For example `Running`; `None` where the object says nothing (disks are read without their status).
    pub state: Option<Arc<str>>,
    pub created: Option<Second>,
    /// When its deletion was accepted.
    pub deleting: Option<Second>,
    pub finalizers: Arc<[String]>,
    /// The objects that own it.
    pub owners: Box<[Uid]>,
    /// Was it made from another workload, by that one's controller? Its owner may be gone since; what it was stays.
    pub generated: bool,
    /// What it stores its data on, in its namespace.
    pub uses: Box<[Storage]>,
}

/// Storage that a machine names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Storage {
    /// A VirtualMachineDisk of the product.
    Disk(Box<str>),
    /// A DataVolume.
    Volume(Box<str>),
    /// A PersistentVolumeClaim, named directly.
    Claim(Box<str>),
    /// A DataVolume that KubeVirt makes from a template in the machine, and makes again.
    Template(Box<str>),
}

impl Storage {
    /// The name, in the namespace of the machine.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Disk(name) | Self::Volume(name) | Self::Claim(name) | Self::Template(name) => {
                name
            }
        }
    }
}

impl Workload {
    /// As people name it.
    #[must_use]
    pub fn object_name(&self) -> ObjectName {
        ObjectName {
            resource: self.kind.qualified(),
            namespace: Some(self.namespace.to_string()),
            name: self.name.to_string(),
        }
    }

    /// For `kube::Api`, in the version that the cluster serves.
    #[must_use]
    pub fn resource(&self) -> kube::core::ApiResource {
        self.kind.resource_in(&self.version)
    }

    #[must_use]
    pub fn is(&self, role: WorkloadRole) -> bool {
        self.kind.role == role
    }

    /// Names of the VirtualMachineDisks that it uses.
    pub fn disks(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().filter_map(|storage| match storage {
            Storage::Disk(name) => Some(&**name),
            Storage::Volume(_) | Storage::Claim(_) | Storage::Template(_) => None,
        })
    }
}

/// The UID of an object. API servers make UUIDs; what is none is kept as it came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Uid {
    Uuid([u8; 16]),
    Other(Box<str>),
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        // Only the one spelling that is written again in the same way.
        match uuid::Uuid::try_parse(text) {
            Ok(uuid) if uuid.hyphenated().to_string() == text => Self::Uuid(uuid.into_bytes()),
            Ok(_) | Err(_) => Self::Other(text.into()),
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(bytes) => uuid::Uuid::from_bytes(*bytes).hyphenated().fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time of the API: whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Second(NonZeroI64);

impl Second {
    /// Seconds since 1970, moved so that none of them is zero.
    const MOVED: i64 = 1 << 48;

    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.0.get() - Self::MOVED).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl From<Timestamp> for Second {
    fn from(timestamp: Timestamp) -> Self {
        let moved = NonZeroI64::new(timestamp.as_second() + Self::MOVED);
        Self(moved.unwrap_or(NonZeroI64::MIN))
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

/// Words that many objects share, each stored once.
#[derive(Default)]
pub(super) struct Words {
    texts: BTreeSet<Arc<str>>,
    lists: BTreeSet<Arc<[String]>>,
}

impl Words {
    pub fn text(&mut self, text: &str) -> Arc<str> {
        /// A state that is different for each object is none.
        const MANY: usize = 10_000;
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        if self.texts.len() < MANY {
            self.texts.insert(new.clone());
        }
        new
    }

    pub fn list(&mut self, list: Vec<String>) -> Arc<[String]> {
        const MANY: usize = 1_000;
        if let Some(known) = self.lists.get(list.as_slice()) {
            return known.clone();
        }
        let new: Arc<[String]> = list.into();
        if self.lists.len() < MANY {
            self.lists.insert(new.clone());
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_what_it_was() {
        for text in [
            "6f1c8bd2-5f0e-4a53-b6e6-0f3d5a7f1a11",
            "6F1C8BD2-5F0E-4A53-B6E6-0F3D5A7F1A11",
            "6f1c8bd25f0e4a53b6e60f3d5a7f1a11",
            "not-a-uuid",
            "",
        ] {
            assert_eq!(Uid::from(text).to_string(), text);
        }
        assert_ne!(
            Uid::from("6F1C8BD2-5F0E-4A53-B6E6-0F3D5A7F1A11"),
            Uid::from("6f1c8bd2-5f0e-4a53-b6e6-0f3d5a7f1a11")
        );
    }

    #[test]
    fn a_time_is_what_it_was() {
        for text in ["1970-01-01T00:00:00Z", "2026-11-23T08:00:00Z"] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(Second::from(time).timestamp(), time);
        }
    }

    #[test]
    fn an_object_is_small() {
        assert!(size_of::<Workload>() <= 168, "{}", size_of::<Workload>());
    }
}
