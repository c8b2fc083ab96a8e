//! Who is asking: bearer tokens of the users that the kubeconfig knows and of service accounts, and nobody in
//! particular where there is none. What they may do is not decided here.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header};
use rand::Rng;
use sha2::{Digest, Sha256};

use crate::{access::identity::Identity, status_error::StatusError};

pub const AUTHENTICATED: &str = "system:authenticated";
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
pub const ANONYMOUS: &str = "system:anonymous";

/// A user's secret.
#[derive(Debug)]
pub struct Token {
    text: String,
    digest: [u8; 32],
}

impl Token {
    /// A new secret of 256 bits.
    pub fn generate() -> Self {
        let bytes: [u8; 32] = rand::rng().random();
        Self::known(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// One that was kept.
    pub fn known(text: String) -> Self {
        let digest = Sha256::digest(&text).into();
        Self { text, digest }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Compares digests without stopping at the first difference, so that time tells nothing about the secret.
    fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        let differences = given.iter().zip(self.digest);
        differences.fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

/// The users of the kubeconfig, each with a secret of its own.
#[derive(Debug)]
pub struct Users {
    pub owner: Token,
    pub limited: Token,
}

impl Users {
    pub fn generate() -> Self {
        Self {
            owner: Token::generate(),
            limited: Token::generate(),
        }
    }

    fn find(&self, token: &str) -> Option<Identity> {
        // Both are compared in any case, and so take the same time.
        match (self.owner.is(token), self.limited.is(token)) {
            (true, _) => Some(Identity::owner()),
            (false, true) => Some(Identity::limited()),
            (false, false) => None,
        }
    }
}

/// The identity behind a request's headers. `account` knows the tokens of service accounts.
pub fn authenticate(
    headers: &HeaderMap,
    users: &Users,
    account: impl FnOnce(&str) -> Option<Identity>,
) -> Result<Identity, StatusError> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let Some(token) = given.and_then(bearer) else {
        return Ok(Identity::anonymous());
    };
    let known = users.find(token).or_else(|| account(token));
    known.ok_or_else(StatusError::unauthorized)
}

/// The token of an `Authorization` header; none where it is of another kind or empty.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The groups that every service account of a namespace is in.
pub fn service_account_groups(namespace: &str) -> Vec<String> {
    vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
    ]
}

/// Namespace and name of a service account's user name.
pub fn service_account(username: &str) -> Option<(&str, &str)> {
    let (namespace, name) = username
        .strip_prefix("system:serviceaccount:")?
        .split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn who(users: &Users, header: Option<&str>) -> Result<String, u16> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("authorization", HeaderValue::from_str(header).unwrap());
        }
        authenticate(&headers, users, |_| None)
            .map(|identity| identity.username)
            .map_err(|error| error.code)
    }

    #[test]
    fn a_token_names_its_user_and_no_token_nobody() {
        let users = Users::generate();
        let owner = format!("Bearer {}", users.owner.text());
        let limited = format!("bearer  {}", users.limited.text());
        assert_eq!(who(&users, Some(&owner)).as_deref(), Ok("kubernetes-admin"));
        assert_eq!(who(&users, Some(&limited)).as_deref(), Ok("limited"));
        for nobody in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("Basic abc"),
        ] {
            assert_eq!(who(&users, nobody).as_deref(), Ok(ANONYMOUS), "{nobody:?}");
        }
        assert_eq!(who(&users, Some("Bearer 123")), Err(401));
    }

    #[test]
    fn a_service_account_is_told_by_its_name() {
        for (name, expected) in [
            ("system:serviceaccount:a:b", Some(("a", "b"))),
            ("system:serviceaccount:a", None),
            ("system:serviceaccount::b", None),
            ("someone", None),
        ] {
            assert_eq!(service_account(name), expected, "{name}");
        }
    }
}
