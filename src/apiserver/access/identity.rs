//! Who makes a request, once that is known.

use std::collections::BTreeMap;

use super::{
    auth::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, service_account_groups},
    authorization::MASTERS,
};

/// Who makes a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub username: String,
    /// Empty where it is not known.
    pub uid: String,
    pub groups: Vec<String>,
    /// What else whoever authenticated it knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Identity {
    /// A user by name and groups.
    #[must_use]
    pub fn new(username: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        Self {
            username: username.into(),
            groups: groups.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The one who started the server.
    #[must_use]
    pub fn owner() -> Self {
        let groups = [MASTERS, AUTHENTICATED];
        Self::new("kubernetes-admin", groups.map(str::to_owned))
    }

    /// One who may look at most things and change nothing.
    #[must_use]
    pub fn limited() -> Self {
        Self::new("limited", [AUTHENTICATED.to_owned()])
    }

    /// One who did not say who it is.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, [UNAUTHENTICATED.to_owned()])
    }

    /// Did it not say who it is?
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.username == ANONYMOUS
    }

    /// A service account, as its pods would be known.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let mut groups = service_account_groups(namespace);
        groups.push(AUTHENTICATED.to_owned());
        Self::new(format!("system:serviceaccount:{namespace}:{name}"), groups)
    }
}
