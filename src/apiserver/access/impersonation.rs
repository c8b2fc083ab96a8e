//! Acting as somebody else: the `Impersonate-*` headers, each of them a right of its own
//! (apiserver `pkg/endpoints/filters/impersonation`).

use http::HeaderMap;

use super::{
    auth::{self, ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED},
    authorization::{self, Attributes, Authority, ResourceTarget, Target},
};
use crate::{
    access::identity::Identity, object::go_format, presentation::answer::Answer, request::route,
    status_error::StatusError,
};

const EXTRA: &str = "impersonate-extra-";

/// Why nobody is impersonated.
pub enum Fault {
    /// It is not allowed.
    Refused(StatusError),
    /// The headers make no sense together; the API server answers in plain text.
    Unclear(String),
}

/// Something that the headers want to be.
enum Wish {
    User(String),
    ServiceAccount { namespace: String, name: String },
    Group(String),
    Extra { key: String, value: String },
    Uid(String),
}

/// Whom the headers make of `user`: itself, if they say nothing.
pub fn effective(
    headers: &HeaderMap,
    user: &Identity,
    authority: impl FnOnce() -> std::sync::Arc<Authority>,
) -> Result<Identity, Fault> {
    let wishes = wishes(headers)?;
    if wishes.is_empty() {
        return Ok(user.clone());
    }
    let authority = authority();
    for wish in &wishes {
        let attributes = Attributes {
            user,
            verb: "impersonate".to_owned(),
            target: Target::Resource(wish.target()),
        };
        let decision = authority.decide(&attributes);
        if !decision.allowed {
            let error = authorization::forbidden(&attributes, &decision.reason);
            return Err(Fault::Refused(error));
        }
    }
    Ok(become_them(wishes))
}

/// The plain text that answers headers which make no sense.
pub fn unclear(uri: &str, why: &str) -> Answer {
    let uri = go_format::quote(uri);
    Answer::Text(500, format!("Internal Server Error: {uri}: {why}\n"))
}

fn wishes(headers: &HeaderMap) -> Result<Vec<Wish>, Fault> {
    let all = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    };
    let one = |name: &str| {
        all(name)
            .into_iter()
            .next()
            .filter(|value| !value.is_empty())
    };
    let mut wishes = Vec::new();
    let user = one("impersonate-user");
    let has_user = user.is_some();
    wishes.extend(user.map(|user| match auth::service_account(&user) {
        Some((namespace, name)) => Wish::ServiceAccount {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        },
        None => Wish::User(user),
    }));
    wishes.extend(all("impersonate-group").into_iter().map(Wish::Group));
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            let key = route::decoded(key);
            let values = all(name.as_str()).into_iter();
            wishes.extend(values.map(|value| Wish::Extra {
                key: key.clone(),
                value,
            }));
        }
    }
    wishes.extend(one("impersonate-uid").map(Wish::Uid));
    if wishes.is_empty() || has_user {
        return Ok(wishes);
    }
    let shown: Vec<String> = wishes.iter().map(Wish::shown).collect();
    Err(Fault::Unclear(format!(
        "requested [{}] without impersonating a user",
        shown.join(" ")
    )))
}

impl Wish {
    /// What one has to be allowed to impersonate.
    fn target(&self) -> ResourceTarget {
        let (group, resource, subresource, namespace, name) = match self {
            Self::User(name) => ("", "users", "", "", name),
            Self::ServiceAccount { namespace, name } => {
                ("", "serviceaccounts", "", namespace.as_str(), name)
            }
            Self::Group(name) => ("", "groups", "", "", name),
            Self::Extra { key, value } => (
                "authentication.k8s.io",
                "userextras",
                key.as_str(),
                "",
                value,
            ),
            Self::Uid(uid) => ("authentication.k8s.io", "uids", "", "", uid),
        };
        ResourceTarget {
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.clone(),
        }
    }

    /// As Go prints the `ObjectReference` that the API server makes of it.
    fn shown(&self) -> String {
        const REVIEWS: &str = "authentication.k8s.io/v1";
        let (kind, namespace, name, version, path) = match self {
            Self::User(name) => ("User", "", name, "", ""),
            Self::ServiceAccount { namespace, name } => {
                ("ServiceAccount", namespace.as_str(), name, "", "")
            }
            Self::Group(name) => ("Group", "", name, "", ""),
            Self::Extra { key, value } => ("UserExtra", "", value, REVIEWS, key.as_str()),
            Self::Uid(uid) => ("UID", "", uid, REVIEWS, ""),
        };
        format!("{{{kind} {namespace} {name}  {version}  {path}}}")
    }
}

fn become_them(wishes: Vec<Wish>) -> Identity {
    let mut identity = Identity::default();
    let mut usual_groups = Vec::new();
    for wish in wishes {
        match wish {
            Wish::User(name) => identity.username = name,
            Wish::ServiceAccount { namespace, name } => {
                identity.username = format!("system:serviceaccount:{namespace}:{name}");
                usual_groups = auth::service_account_groups(&namespace);
            }
            Wish::Group(group) => identity.groups.push(group),
            Wish::Extra { key, value } => identity.extra.entry(key).or_default().push(value),
            Wish::Uid(uid) => identity.uid = uid,
        }
    }
    if identity.groups.is_empty() {
        identity.groups = usual_groups;
    }
    let is_in = |group: &str| identity.groups.iter().any(|own| own == group);
    let missing = if identity.username == ANONYMOUS {
        (!is_in(UNAUTHENTICATED)).then_some(UNAUTHENTICATED)
    } else {
        (!is_in(AUTHENTICATED) && !is_in(UNAUTHENTICATED)).then_some(AUTHENTICATED)
    };
    identity.groups.extend(missing.map(str::to_owned));
    identity
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderName, HeaderValue};

    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn as_owner(pairs: &[(&'static str, &'static str)]) -> Result<Identity, Fault> {
        let nobody = || Arc::new(Authority::default());
        effective(&asked(pairs), &Identity::owner(), nobody)
    }

    #[test]
    fn the_owner_may_be_anybody() {
        let account = "system:serviceaccount:vm-system:controller";
        let cases: [(&[_], Identity); 5] = [
            (&[], Identity::owner()),
            (
                &[("impersonate-user", account)],
                Identity::service_account("vm-system", "controller"),
            ),
            (
                &[("impersonate-user", "jane"), ("impersonate-group", "dev")],
                Identity::new("jane", ["dev", AUTHENTICATED].map(str::to_owned)),
            ),
            (&[("impersonate-user", ANONYMOUS)], Identity::anonymous()),
            (
                &[
                    ("impersonate-user", "jane"),
                    ("impersonate-uid", "7"),
                    ("impersonate-extra-acme.com%2fproject", "x"),
                ],
                Identity {
                    uid: "7".to_owned(),
                    extra: [("acme.com/project".to_owned(), vec!["x".to_owned()])].into(),
                    ..Identity::new("jane", [AUTHENTICATED.to_owned()])
                },
            ),
        ];
        for (headers, expected) in cases {
            assert_eq!(as_owner(headers).ok(), Some(expected), "{headers:?}");
        }
    }

    #[test]
    fn a_group_alone_is_nobody() {
        let Err(Fault::Unclear(why)) = as_owner(&[("impersonate-group", "dev")]) else {
            panic!("it was understood");
        };
        assert_eq!(
            why,
            "requested [{Group  dev    }] without impersonating a user"
        );
    }

    #[test]
    fn others_need_the_right_to() {
        let headers = asked(&[("impersonate-user", "jane")]);
        let nobody = || Arc::new(Authority::default());
        let Err(Fault::Refused(error)) = effective(&headers, &Identity::limited(), nobody) else {
            panic!("it was allowed");
        };
        assert_eq!(
            error.message,
            r#"users "jane" is forbidden: User "limited" cannot impersonate resource "users" in API group "" at the cluster scope"#
        );
    }
}
