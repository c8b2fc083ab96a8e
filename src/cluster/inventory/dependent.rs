//! Objects of any other kind that a VM or a disk owns.

use std::sync::Arc;

use super::Uid;
use crate::{api::dependent::DependentKind, cluster::event::ObjectName};

/// One such object, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    pub kind: &'static DependentKind,
    pub namespace: Arc<str>,
    pub name: Box<str>,
    pub uid: Uid,
    pub owners: Box<[Uid]>,
    /// The one of them whose controller made it; `None` where somebody else has tied it to its owners.
    pub controller: Option<Uid>,
}

impl Dependent {
    /// As people name it.
    #[must_use]
    pub fn object_name(&self) -> ObjectName {
        ObjectName {
            resource: self.kind.qualified(),
            namespace: Some(self.namespace.to_string()),
            name: self.name.to_string(),
        }
    }
}
