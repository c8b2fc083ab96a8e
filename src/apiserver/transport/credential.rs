//! The secrets of a cluster: its certificate authority, the tokens of its users, what it signs tokens with. Made once,
//! and kept with the state where there is one, so that a kubeconfig stays good.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::certificate::Authority;
use crate::access::{
    account_token::Signer,
    auth::{Token, Users},
};

/// Where the state remembers them.
pub const MEMO: &str = "credentials";

/// The secrets, ready for use.
pub struct Credentials {
    pub authority: Authority,
    pub users: Users,
    pub signer: Signer,
}

/// The same as they are written down.
#[derive(Serialize, Deserialize)]
struct Written {
    authority_key: String,
    authority_certificate: String,
    owner: String,
    limited: String,
    signer: [u8; 32],
}

impl Credentials {
    pub fn generate() -> anyhow::Result<Self> {
        Ok(Self {
            authority: Authority::generate()?,
            users: Users::generate(),
            signer: Signer::generate(),
        })
    }

    pub fn to_memo(&self) -> anyhow::Result<Vec<u8>> {
        Ok(serde_json::to_vec(&Written {
            authority_key: self.authority.key(),
            authority_certificate: self.authority.certificate.clone(),
            owner: self.users.owner.text().to_owned(),
            limited: self.users.limited.text().to_owned(),
            signer: self.signer.secret(),
        })?)
    }

    pub fn from_memo(memo: &[u8]) -> anyhow::Result<Self> {
        // What can not be read is not shown either: it is full of secrets.
        let written: Written = serde_json::from_slice(memo)
            .ok()
            .context("the credentials in the state can not be read")?;
        Ok(Self {
            authority: Authority::restore(&written.authority_key, &written.authority_certificate)?,
            users: Users {
                owner: Token::known(written.owner),
                limited: Token::known(written.limited),
            },
            signer: Signer::known(written.signer),
        })
    }
}
