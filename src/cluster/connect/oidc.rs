//! `auth-provider: oidc` of a kubeconfig: an ID token that is renewed by a refresh token, as client-go does it
//! (OpenID Connect Core 1.0, section 12; OpenID Connect Discovery 1.0, section 4).
//!
//! kube does this as well, but over connections of its own, without a limit for an answer, past every proxy, and with the
//! authorities of this machine only. A refresh token that is replaced is not written back into the kubeconfig.

use std::collections::HashMap;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode::Indifferent, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::STANDARD,
    },
};
use form_urlencoded::{Serializer, byte_serialize};
use http::{
    Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use jiff::{SignedDuration, Timestamp};
use kube::{Config, client::Body};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Mutex;

use super::{
    CONNECT_TIMEOUT,
    configuration::Pem,
    login::{Credential, bearer},
    plugin::Turn,
    proxy::Proxies,
    timeout::RequestTimeout,
    transport,
};
use crate::{
    cluster::Deadline,
    failure::{self, LoginError},
};

/// What the certificates of a provider are called in a message.
const AUTHORITY: &str = "idp-certificate-authority";
/// A token is renewed so long before it expires, because clocks differ.
const EARLIER: SignedDuration = SignedDuration::from_secs(10);

/// Who renews the token, and with what.
pub(super) struct Oidc {
    issuer: String,
    client: (String, String),
    /// Who certifies the provider, DER; `None`: the authorities of this machine.
    authorities: Option<Vec<Vec<u8>>>,
    proxies: Proxies,
    tokens: Mutex<Tokens>,
}

#[derive(Clone, Default, Deserialize)]
struct Tokens {
    id_token: Option<String>,
    refresh_token: Option<String>,
}

impl Oidc {
    /// What the kubeconfig says; a sentence where that cannot be used.
    pub async fn new(
        settings: &HashMap<String, String>,
        proxies: &Proxies,
        deadline: Deadline,
    ) -> Result<Self, String> {
        let given = |key: &str| settings.get(key).filter(|text| !text.is_empty());
        let text = |key: &str| given(key).cloned().unwrap_or_default();
        let authority = Pem::of(
            AUTHORITY,
            given("idp-certificate-authority-data").cloned(),
            given("idp-certificate-authority").cloned(),
            deadline,
        )
        .await?;
        let certificates = |authority: Pem| authority.certificates(AUTHORITY);
        Ok(Self {
            issuer: text("idp-issuer-url"),
            client: (text("client-id"), text("client-secret")),
            authorities: authority.map(certificates).transpose()?,
            proxies: proxies.clone(),
            tokens: Mutex::new(Tokens {
                id_token: given("id-token").cloned(),
                refresh_token: given("refresh-token").cloned(),
            }),
        })
    }

    /// The token as it is; a new one where it has expired, or was not accepted.
    pub async fn credential(
        &self,
        turn: Turn,
        timeout: RequestTimeout,
    ) -> Result<Credential, LoginError> {
        let mut tokens = self.tokens.lock().await;
        let lasts = tokens.id_token.as_deref().is_some_and(lasts);
        let renewable = tokens.refresh_token.is_some();
        let refused = turn == Turn::Renewal;
        if !lasts || (refused && renewable) {
            *tokens = self.renewed(&tokens, timeout).await?;
        }
        let token = tokens.id_token.as_deref().unwrap_or_default();
        Ok(Credential {
            bearer: Some(bearer(token)?),
            pair: None,
            expires: expiry(token).map(|at| at - EARLIER),
        })
    }

    async fn renewed(
        &self,
        tokens: &Tokens,
        timeout: RequestTimeout,
    ) -> Result<Tokens, LoginError> {
        #[derive(Deserialize)]
        struct Provider {
            token_endpoint: String,
        }
        let refresh = tokens.refresh_token.as_deref();
        let refresh = refresh.ok_or_else(|| not("the kubeconfig has no refresh-token"))?;
        let issuer = self.issuer.trim_end_matches('/');
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        let asked = Request::get(discovery).body(Body::empty());
        let Some(provider) = self.answer::<Provider>(asked, timeout).await? else {
            return Err(not("the provider does not say where its tokens are"));
        };
        // Some take the client's secret in a header only, some as a parameter only.
        for in_header in [true, false] {
            let asked = self.refresh(&provider.token_endpoint, refresh, in_header);
            if let Some(answer) = self.answer::<Tokens>(asked, timeout).await? {
                if answer.id_token.is_none() {
                    return Err(not("the provider gave no ID token"));
                }
                let replaced = answer.refresh_token.or_else(|| Some(refresh.to_owned()));
                return Ok(Tokens {
                    refresh_token: replaced,
                    ..answer
                });
            }
        }
        Err(not("the provider does not take the refresh token"))
    }

    fn refresh(&self, endpoint: &str, token: &str, in_header: bool) -> http::Result<Request<Body>> {
        let (id, secret) = &self.client;
        let mut form = Serializer::new(String::new());
        form.extend_pairs([("grant_type", "refresh_token"), ("refresh_token", token)]);
        let mut request =
            Request::post(endpoint).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if in_header {
            // RFC 6749, section 2.3.1.
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let plain = format!("{}:{}", encoded(id), encoded(secret));
            request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(plain)));
        } else {
            form.extend_pairs([("client_id", id), ("client_secret", secret)]);
        }
        request.body(Body::from(form.finish().into_bytes()))
    }

    /// What the provider says; `None` where it says no.
    async fn answer<T: DeserializeOwned>(
        &self,
        request: http::Result<Request<Body>>,
        timeout: RequestTimeout,
    ) -> Result<Option<T>, LoginError> {
        let request = request.map_err(|_| not("the address of the provider is none"))?;
        let config = self.config(request.uri())?;
        let failed = |error: kube::Error| not(failure::from_kube(&error, "ask").root_cause());
        let client = transport::builder(&config)
            .map(|builder| builder.with_layer(&timeout).build())
            .map_err(failed)?;
        let answer = client.send(request).await.map_err(failed)?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        let body = answer.into_body().collect_bytes().await.map_err(failed)?;
        let read = serde_json::from_slice(&body);
        // An error of the parser may quote a token.
        read.map(Some)
            .map_err(|_| not("the answer is not what a provider sends"))
    }

    fn config(&self, url: &Uri) -> Result<Config, LoginError> {
        let (Some("https"), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(not(
                "the address of the provider does not begin with https://",
            ));
        };
        let server: Uri = format!("https://{authority}")
            .parse()
            .map_err(|_| not("the address of the provider is none"))?;
        let proxy = self.proxies.way(None, &server).map_err(not)?;
        let mut config = Config::new(server);
        config.proxy_url = proxy;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.root_cert.clone_from(&self.authorities);
        Ok(config)
    }
}

fn not(why: &str) -> LoginError {
    LoginError::NotRenewed {
        why: why.to_owned(),
    }
}

/// Is it good for a while? What does not say when it expires is for the API server to judge.
fn lasts(token: &str) -> bool {
    expiry(token).is_none_or(|at| Timestamp::now() + EARLIER < at)
}

/// The claim `exp` of a JSON Web Token (RFC 7519, section 4.1.4).
fn expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(Indifferent),
    );
    let claims = ENGINE.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    Timestamp::from_second(claims.exp as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
        format!("e30.{claims}.x")
    }

    #[test]
    fn a_token_says_when_it_expires() {
        for (claims, expected) in [
            (r#"{"exp": 4843640000}"#, Some(4_843_640_000)),
            (r#"{"exp": 17e8, "iss": "x"}"#, Some(1_700_000_000)),
            (r#"{"exp": 1e300}"#, None),
            (r#"{"iss": "x"}"#, None),
            ("[]", None),
        ] {
            let found = expiry(&token(claims)).map(Timestamp::as_second);
            assert_eq!(found, expected, "{claims}");
        }
        assert!(lasts(&token(r#"{"exp": 4843640000}"#)) && lasts("opaque"));
        assert!(!lasts(&token(r#"{"exp": 1700000000}"#)));
    }

    fn settings(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    async fn oidc(settings: &HashMap<String, String>) -> Result<Oidc, String> {
        Oidc::new(settings, &Proxies::default(), Deadline::never()).await
    }

    #[tokio::test]
    async fn what_can_not_be_renewed_says_why_and_quotes_no_token() {
        let expired = token(r#"{"exp": 1}"#);
        let timeout = RequestTimeout {
            limit: None,
            deadline: Deadline::never(),
        };
        for (rest, expected) in [
            (vec![], "has no refresh-token"),
            (
                vec![("refresh-token", "hunter2"), ("idp-issuer-url", "no url")],
                "the address of the provider is none",
            ),
            (
                vec![
                    ("refresh-token", "hunter2"),
                    ("idp-issuer-url", "http://idp"),
                ],
                "does not begin with https://",
            ),
        ] {
            let all = [vec![("id-token", expired.as_str())], rest].concat();
            let oidc = oidc(&settings(&all)).await.unwrap();
            let error = oidc.credential(Turn::First, timeout).await.unwrap_err();
            let said = error.to_string();
            assert!(
                said.contains(expected) && !said.contains("hunter2"),
                "{said}"
            );
        }
        let bad = settings(&[("idp-certificate-authority-data", "%")]);
        assert!(oidc(&bad).await.is_err());
    }
}
