//! Credentials that do not last: of a login plugin, of an OpenID provider, or in a file that somebody rewrites. They are
//! renewed when they expire, and once more where the API server does not accept them; the request is then made again.
//!
//! Credentials that last (tokens, certificates and passwords of the kubeconfig) are kube's affair.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use kube::{Client, Config, client::Body};
use tokio::sync::Mutex;
use tower::BoxError;

use super::{
    oidc::Oidc,
    plugin::{Plugin, Turn},
    timeout::RequestTimeout,
    transport,
    unseen::CredentialCheck,
};
use crate::{
    api::credential,
    cluster::{Deadline, file},
    failure::{LoginError, Unseen},
};

/// As whom requests are made, for a while.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    /// The `Authorization` header.
    pub bearer: Option<HeaderValue>,
    pub pair: Option<Pair>,
    pub expires: Option<Timestamp>,
}

/// Secrets are not even for debugging.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A client certificate and its key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub certificate: String,
    pub key: String,
}

/// Where credentials come from.
pub(super) enum Source {
    Plugin(Plugin),
    File {
        path: PathBuf,
        /// The credential where the file cannot be read.
        instead: Option<HeaderValue>,
    },
    Oidc(Oidc),
}

/// The longest that a login may take where nothing else limits it.
const LONGEST: Duration = Duration::from_secs(60);
/// client-go reads a token file again after a minute, and ten seconds earlier to be safe.
const FILE_LIFETIME: SignedDuration = SignedDuration::from_secs(50);

impl Source {
    async fn credential(
        &self,
        turn: Turn,
        timeout: RequestTimeout,
    ) -> Result<Credential, LoginError> {
        let deadline = match turn {
            Turn::First => timeout.deadline,
            // Also for what is left in order after the end.
            Turn::Renewal => timeout.deadline.with_grace(),
        };
        match self {
            Self::Plugin(plugin) => {
                let left = deadline.remaining();
                plugin.run(turn, left.unwrap_or(LONGEST)).await
            }
            Self::Oidc(oidc) => Box::pin(oidc.credential(turn, timeout)).await,
            Self::File { path, instead } => {
                let bearer = match (read(path, deadline).await, instead) {
                    // As client-go: such files end with a line break.
                    (Ok(token), _) => bearer(token.trim())?,
                    (Err(_), Some(instead)) => instead.clone(),
                    (Err(error), None) => return Err(error),
                };
                Ok(Credential {
                    bearer: Some(bearer),
                    pair: None,
                    expires: Some(Timestamp::now() + FILE_LIFETIME),
                })
            }
        }
    }

    /// A file that is gone is no reason to forget what was in it: some hosts show it only at the start.
    const fn outlives_failure(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

async fn read(path: &Path, deadline: Deadline) -> Result<String, LoginError> {
    let failed = |error| LoginError::TokenFile {
        path: path.to_owned(),
        error,
    };
    let bytes = file::read(path, deadline).await.map_err(failed)?;
    let token = file::text(bytes).map_err(failed)?;
    if token.trim().is_empty() {
        return Err(failed(io::Error::other("it is empty")));
    }
    Ok(token)
}

/// The header for a token.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, LoginError> {
    credential::sent(token);
    let mut header =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| LoginError::NotSendable)?;
    header.set_sensitive(true);
    Ok(header)
}

/// What a login is made for: the cluster, without any credential, and how long things may take.
pub(super) struct Connector {
    pub config: Config,
    pub request_timeout: RequestTimeout,
    pub check: CredentialCheck,
}

impl Connector {
    /// A client that shows that certificate.
    fn client(&self, pair: Option<&Pair>) -> kube::Result<Client> {
        let mut config = self.config.clone();
        let presented = match pair {
            Some(_) => Unseen::Certificate,
            None => Unseen::Header,
        };
        let check = CredentialCheck {
            had: self.check.had.and(Some(presented)),
        };
        if let Some(pair) = pair {
            let auth = &mut config.auth_info;
            auth.client_certificate_data = Some(STANDARD.encode(&pair.certificate));
            auth.client_key_data = Some(STANDARD.encode(&pair.key).into());
        }
        Ok(transport::builder(&config)?
            .with_layer(&self.request_timeout)
            .with_layer(&check)
            .build())
    }
}

/// Somebody who is logged in, and stays so.
pub(super) struct Login {
    connector: Connector,
    source: Source,
    session: Mutex<Session>,
}

/// As whom, and by which client.
#[derive(Clone)]
struct Session {
    client: Client,
    credential: Credential,
    /// Counted up whenever the credential changes.
    number: u32,
}

impl Session {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if let Some(bearer) = &self.credential.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        Ok(self.client.send(request).await?)
    }
}

impl Login {
    /// Logs in for the first time.
    pub async fn new(connector: Connector, source: Source) -> kube::Result<Self> {
        let credential = source
            .credential(Turn::First, connector.request_timeout)
            .await
            .map_err(|error| kube::Error::Service(error.into()))?;
        let session = Session {
            client: connector.client(credential.pair.as_ref())?,
            credential,
            number: 0,
        };
        Ok(Self {
            connector,
            source,
            session: Mutex::new(session),
        })
    }

    /// A client whose requests are made as whoever is logged in then.
    pub fn client(self) -> Client {
        let namespace = self.connector.config.default_namespace.clone();
        let login = Arc::new(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let login = Arc::clone(&login);
            async move { login.send(request).await }
        });
        Client::new(service, namespace)
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let spare = spare(&request);
        let session = self.session(None).await?;
        let answer = session.send(request).await?;
        let Some(spare) = spare.filter(|_| answer.status() == StatusCode::UNAUTHORIZED) else {
            return Ok(answer);
        };
        let renewed = self.session(Some(session.number)).await?;
        if renewed.number == session.number {
            return Ok(answer);
        }
        renewed.send(spare).await
    }

    /// Who is logged in now: renewed where that has expired, or where it is the one that was not accepted.
    async fn session(&self, refused: Option<u32>) -> Result<Session, BoxError> {
        let mut session = self.session.lock().await;
        let expired = session
            .credential
            .expires
            .is_some_and(|at| at <= Timestamp::now());
        if expired || refused == Some(session.number) {
            let timeout = self.connector.request_timeout;
            let renewed = self.source.credential(Turn::Renewal, timeout);
            match renewed.await {
                Ok(credential) => self.take_over(&mut session, credential)?,
                Err(_) if self.source.outlives_failure() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(session.clone())
    }

    fn take_over(&self, session: &mut Session, credential: Credential) -> kube::Result<()> {
        let old = &session.credential;
        if credential.pair != old.pair {
            session.client = self.connector.client(credential.pair.as_ref())?;
        }
        if credential.pair != old.pair || credential.bearer != old.bearer {
            session.number += 1;
        }
        session.credential = credential;
        Ok(())
    }
}

/// The same request once more; `None` where its body is a stream, which ours never are.
fn spare(request: &Request<Body>) -> Option<Request<Body>> {
    let mut spare = Request::new(request.body().try_clone()?);
    spare.method_mut().clone_from(request.method());
    spare.uri_mut().clone_from(request.uri());
    spare.headers_mut().clone_from(request.headers());
    Some(spare)
}
