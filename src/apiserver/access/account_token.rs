//! Tokens of service accounts: signed claims (RFC 7519), good until they expire or the account is gone. The secret that
//! they are signed with lives as long as the server, or its state.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{access::identity::Identity, object::metadata::text, request::body};

/// Whom tokens are from and for, where nothing else was asked for.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const BLOCK: usize = 64;

/// Signs tokens and knows its own again.
#[derive(Debug)]
pub struct Signer {
    secret: [u8; 32],
}

/// What a token is made for.
#[derive(Clone, Debug)]
pub struct Order {
    pub namespace: String,
    pub name: String,
    /// Of the account.
    pub uid: String,
    pub audiences: Vec<String>,
    pub lifetime: SignedDuration,
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub namespace: String,
    pub name: String,
    /// Of the account that it was made for.
    pub uid: String,
    pub audiences: Vec<String>,
    id: String,
}

impl Claims {
    /// The account that the token stands for.
    pub fn identity(&self) -> Identity {
        let credential = ("authentication.kubernetes.io/credential-id", &self.id);
        Identity {
            uid: self.uid.clone(),
            extra: [(
                credential.0.to_owned(),
                vec![format!("JTI={}", credential.1)],
            )]
            .into(),
            ..Identity::service_account(&self.namespace, &self.name)
        }
    }
}

impl Signer {
    /// With a new secret.
    pub fn generate() -> Self {
        Self {
            secret: rand::rng().random(),
        }
    }

    /// With one that was kept.
    pub const fn known(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    pub const fn secret(&self) -> [u8; 32] {
        self.secret
    }

    /// A token, good from `now` on.
    pub fn sign(&self, order: &Order, now: Timestamp) -> String {
        let claims = json!({
            "aud": order.audiences, "iss": ISSUER, "jti": Uuid::new_v4().to_string(),
            "iat": now.as_second(), "nbf": now.as_second(), "exp": (now + order.lifetime).as_second(),
            "sub": format!("system:serviceaccount:{}:{}", order.namespace, order.name),
            "kubernetes.io": {
                "namespace": order.namespace,
                "serviceaccount": {"name": order.name, "uid": order.uid},
            },
        });
        let encoded = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let head = encoded(json!({"alg": "HS256", "typ": "JWT"}));
        let signed = format!("{head}.{}", encoded(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.code(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// What a token says, where it is one of ours and still good.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let expected = self.code(signed.as_bytes());
        // Without stopping at the first difference: time tells nothing.
        let differences = signature
            .iter()
            .zip(expected)
            .fold(0, |all, (a, b)| all | (a ^ b));
        if signature.len() != expected.len() || differences != 0 {
            return None;
        }
        let (_, claims) = signed.split_once('.')?;
        let claims = body::json(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        if claims["exp"].as_i64()? <= now.as_second() {
            return None;
        }
        let own = &claims["kubernetes.io"];
        let audiences = claims["aud"].as_array()?.iter();
        Some(Claims {
            namespace: text(own, "namespace").to_owned(),
            name: text(&own["serviceaccount"], "name").to_owned(),
            uid: text(&own["serviceaccount"], "uid").to_owned(),
            audiences: audiences
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            id: text(&claims, "jti").to_owned(),
        })
    }

    /// HMAC-SHA256 (RFC 2104).
    fn code(&self, message: &[u8]) -> [u8; 32] {
        let padded = |with: u8| {
            let mut block = [with; BLOCK];
            for (byte, secret) in block.iter_mut().zip(self.secret) {
                *byte ^= secret;
            }
            block
        };
        let inner = Sha256::new()
            .chain_update(padded(0x36))
            .chain_update(message)
            .finalize();
        Sha256::new()
            .chain_update(padded(0x5c))
            .chain_update(inner)
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order {
            namespace: "default".to_owned(),
            name: "robot".to_owned(),
            uid: "7".to_owned(),
            audiences: vec![ISSUER.to_owned()],
            lifetime: SignedDuration::from_hours(1),
        }
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let (signer, now) = (Signer::generate(), Timestamp::UNIX_EPOCH);
        let token = signer.sign(&order(), now);
        let claims = signer.verify(&token, now).unwrap();
        let name = "system:serviceaccount:default:robot";
        assert_eq!(claims.identity().username, name);
        let later = now + SignedDuration::from_hours(1);
        assert_eq!(signer.verify(&token, later), None);
    }

    #[test]
    fn a_changed_or_foreign_token_is_none() {
        let (signer, now) = (Signer::generate(), Timestamp::UNIX_EPOCH);
        let token = signer.sign(&order(), now);
        assert_eq!(Signer::generate().verify(&token, now), None);
        for bad in ["", ".", "a.b.c", &token[1..], &token[..token.len() - 1]] {
            assert_eq!(signer.verify(bad, now), None, "{bad}");
        }
    }

    /// RFC 4231, test case 2, with a key of our length (the key is padded with zeros anyway).
    #[test]
    fn the_code_is_that_of_the_rfc() {
        let mut secret = [0; 32];
        secret[..4].copy_from_slice(b"Jefe");
        let code = Signer { secret }.code(b"what do ya want for nothing?");
        let hex: Vec<String> = code.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex.concat(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
