//! Who is asking: one bearer token for the owner, and impersonation for whoever holds it. There is no authorization
//! behind it: who is known may do everything.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header};
use rand::Rng;
use sha2::{Digest, Sha256};

use super::{Identity, refusal::Refusal};

const AUTHENTICATED: &str = "system:authenticated";

/// The owner's secret.
pub struct Token {
    text: String,
    digest: [u8; 32],
}

impl Token {
    /// A new secret of 256 bits.
    pub fn generate() -> Self {
        let bytes: [u8; 32] = rand::rng().random();
        let text = URL_SAFE_NO_PAD.encode(bytes);
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

/// The identity behind a request's headers.
pub fn authenticate(headers: &HeaderMap, token: &Token) -> Result<Identity, Refusal> {
    let given = text(headers, header::AUTHORIZATION.as_str()).and_then(bearer);
    if !given.is_some_and(|given| token.is(given)) {
        return Err(Refusal::unauthorized());
    }
    impersonate(headers, Identity::owner())
}

/// Whom the headers say that `user` wants to be taken for; itself, if they say nothing.
pub fn impersonate(headers: &HeaderMap, user: Identity) -> Result<Identity, Refusal> {
    let mut groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    let Some(username) = text(headers, "impersonate-user") else {
        if groups.is_empty() {
            return Ok(user);
        }
        return Err(Refusal::other(
            500,
            "InternalError",
            "requested groups without impersonating a user",
        ));
    };
    if groups.is_empty() && username.starts_with("system:serviceaccount:") {
        groups.extend(service_account_groups(username));
    }
    if !groups.iter().any(|group| group == AUTHENTICATED) {
        groups.push(AUTHENTICATED.to_owned());
    }
    Ok(Identity {
        username: username.to_owned(),
        groups,
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn service_account_groups(username: &str) -> Vec<String> {
    let mut groups = vec!["system:serviceaccounts".to_owned()];
    if let Some(namespace) = username.split(':').nth(2) {
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    groups
}

impl Identity {
    /// The one who started the sandbox.
    #[must_use]
    pub fn owner() -> Self {
        Self {
            username: "kubernetes-admin".to_owned(),
            groups: vec!["system:masters".to_owned(), AUTHENTICATED.to_owned()],
        }
    }

    /// A service account, as its pods would be known.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let username = format!("system:serviceaccount:{namespace}:{name}");
        let mut groups = service_account_groups(&username);
        groups.push(AUTHENTICATED.to_owned());
        Self { username, groups }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn only_the_token_lets_in() {
        let token = Token::generate();
        let good = format!("Bearer {}", token.text());
        let owner = authenticate(&headers(&[("authorization", &good)]), &token).unwrap();
        assert_eq!(owner.username, "kubernetes-admin");
        for bad in ["", "Bearer", "Bearer ", "Bearer 123", "Basic abc"] {
            let refused = authenticate(&headers(&[("authorization", bad)]), &token);
            assert_eq!(refused.unwrap_err().code, 401, "{bad:?}");
        }
        assert_eq!(
            authenticate(&HeaderMap::new(), &token).unwrap_err().code,
            401
        );
    }

    #[test]
    fn the_owner_may_be_somebody_else() {
        let token = Token::generate();
        let good = format!("bearer {}", token.text());
        let asked = headers(&[
            ("authorization", &good),
            (
                "impersonate-user",
                "system:serviceaccount:vm-system:controller",
            ),
        ]);
        let identity = authenticate(&asked, &token).unwrap();
        let expected = Identity::service_account("vm-system", "controller");
        assert_eq!(identity.groups, expected.groups);
    }
}
