//! From what a kubeconfig says of a cluster and its user to what kube takes.
//!
//! Everything in a kubeconfig is somebody's text. kube expects that an address has a scheme and that a token can be
//! sent, and it reads certificates wherever it is called; so every value is checked here, and every file is read, before
//! kube gets them. What is wrong is reported as the end of a sentence, and never quoted.

use std::{io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};
use kube::{
    Config,
    config::{AuthInfo, ExecAuthCluster},
};
use secrecy::ExposeSecret as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use super::{
    ConnectOptions, IdentityOverride, address,
    login::{Source, bearer},
    oidc::Oidc,
    pem,
    plugin::Plugin,
    proxy::Proxies,
};
use crate::{
    api::credential,
    cluster::{Deadline, file, kubeconfig::Chosen},
    failure::shown_path,
};

/// The configuration, and where the credential comes from if it does not last.
pub(super) async fn configuration(
    chosen: Chosen,
    options: &ConnectOptions,
    proxies: &Proxies,
) -> Result<(Config, Option<Source>), String> {
    let Chosen {
        mut way,
        mut user,
        namespace,
        ..
    } = chosen;
    let authority = Pem::of(
        "certificate authority",
        way.certificate_authority_data.take(),
        way.certificate_authority.take(),
        options.deadline,
    )
    .await?;
    let certified = load_pair(&mut user, options.deadline).await?;
    let insecure = way.insecure_skip_tls_verify.unwrap_or(false);
    let speaks_tls = authority.is_some() || certified || insecure;
    let server = way.server.as_deref().ok_or("its cluster has no server")?;
    let mut config = Config::new(address::server(server, speaks_tls)?);
    if let Some(namespace) = namespace.filter(|name| !name.is_empty()) {
        config.default_namespace = namespace;
    }
    config.accept_invalid_certs = insecure;
    config.disable_compression = way.disable_compression.unwrap_or(false);
    config.proxy_url = proxies.way(way.proxy_url.as_deref(), &config.cluster_url)?;
    config.tls_server_name = way.tls_server_name.clone().map(server_name).transpose()?;
    if let Some(authority) = &authority {
        config.root_cert = Some(authority.certificates("certificate authority")?);
        way.certificate_authority_data = Some(STANDARD.encode(&authority.0));
    }
    if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        let told = ExecAuthCluster::try_from(&way);
        exec.cluster =
            Some(told.map_err(|_| "its cluster cannot be described to its login plugin")?);
    }
    impersonate(&mut config, &mut user, &options.identity)?;
    let source = credential(&mut user, options, proxies).await?;
    config.auth_info = user;
    Ok((config, source))
}

/// What stands in a file, or in its place in base64.
pub(super) struct Pem(Vec<u8>);

impl Pem {
    /// The data counts, and the file only where there is none.
    pub async fn of(
        what: &str,
        data: Option<String>,
        file: Option<String>,
        deadline: Deadline,
    ) -> Result<Option<Self>, String> {
        let content = match (data, file) {
            (Some(data), _) => decoded(&data).ok_or("the data is not base64".to_owned()),
            (None, Some(path)) => {
                let path = Path::new(&path);
                let failed = |error: io::Error| format!("file {}: {error}", shown_path(path));
                file::read(path, deadline).await.map_err(failed)
            }
            (None, None) => return Ok(None),
        };
        content
            .map(|content| Some(Self(content)))
            .map_err(|why| format!("{what}: {why}"))
    }

    /// The certificates, DER: at least one.
    pub fn certificates(&self, what: &str) -> Result<Vec<Vec<u8>>, String> {
        let found: Vec<CertificateDer<'_>> = pem::all(&self.0).collect();
        if found.is_empty() {
            return Err(format!("its {what} is not in PEM format"));
        }
        Ok(found.iter().map(|one| one.to_vec()).collect())
    }
}

/// As Go reads it, which passes over line breaks: tools wrap the data at 64 or 76 columns.
fn decoded(data: &str) -> Option<Vec<u8>> {
    STANDARD.decode(data.replace(['\r', '\n'], "")).ok()
}

/// Puts the client certificate and its key where kube finds them without reading a file. Says whether there is one.
async fn load_pair(user: &mut AuthInfo, deadline: Deadline) -> Result<bool, String> {
    let key_data = user.client_key_data.take();
    let key_file = user.client_key.take();
    let certificate = Pem::of(
        "client certificate",
        user.client_certificate_data.take(),
        user.client_certificate.take(),
        deadline,
    )
    .await?;
    let Some(certificate) = certificate else {
        // As client-go, a key that no certificate belongs to is passed over.
        return Ok(false);
    };
    let key = Pem::of(
        "client key",
        key_data.map(|data| data.expose_secret().to_owned()),
        key_file,
        deadline,
    )
    .await?;
    match key {
        Some(key) => {
            user.client_certificate_data = Some(STANDARD.encode(certificate.0));
            user.client_key_data = Some(STANDARD.encode(key.0).into());
            Ok(true)
        }
        None => Err("client key: neither data nor a file".to_owned()),
    }
}

fn server_name(name: String) -> Result<String, String> {
    match ServerName::try_from(name.as_str()) {
        Ok(_) => Ok(name),
        Err(_) => Err("its tls-server-name is no host name".to_owned()),
    }
}

/// The header that names the user to act as.
pub(super) const ACT_AS: &str = "impersonate-user";

/// Whom to act as: of the user, the groups and the UID each what its flag says, else the kubeconfig, as client-go merges
/// them. kube would refuse names that are not ASCII; an API server takes them.
pub(super) fn impersonate(
    config: &mut Config,
    user: &mut AuthInfo,
    flags: &IdentityOverride,
) -> Result<(), String> {
    let own_user = user.impersonate.take().filter(|user| !user.is_empty());
    let own_groups = user.impersonate_groups.take().unwrap_or_default();
    let own_uid = user.impersonate_uid.take().filter(|uid| !uid.is_empty());
    let extra = user.impersonate_user_extra.as_ref();
    let user = flags.user.as_ref().or(own_user.as_ref());
    let uid = flags.uid.as_ref().or(own_uid.as_ref());
    let groups = match flags.groups.as_slice() {
        [] => &own_groups,
        given => given,
    };
    let more = !groups.is_empty() || uid.is_some() || extra.is_some_and(|extra| !extra.is_empty());
    if user.is_none() && more {
        return Err("its user has as-groups, as-uid or as-user-extra, but no as".to_owned());
    }
    // The names of these are encoded by kube, and their values have to be ASCII for it.
    let values = extra.into_iter().flatten().flat_map(|(_, values)| values);
    for value in values {
        HeaderValue::from_str(value).map_err(|_| unsendable("as-user-extra"))?;
    }
    let users = user.into_iter().map(|user| (ACT_AS, user));
    let uids = uid.into_iter().map(|uid| ("impersonate-uid", uid));
    let groups = groups.iter().map(|group| ("impersonate-group", group));
    for (header, value) in users.chain(uids).chain(groups) {
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| unsendable("user, group or UID to act as"))?;
        let header = HeaderName::from_static(header);
        config.headers.push((header, value));
    }
    Ok(())
}

fn unsendable(what: &str) -> String {
    format!("its {what} holds a character that cannot be sent, such as a line break")
}

/// Takes out what [`super::login`] does better than kube, token files, login plugins and OpenID Connect, and checks what it
/// leaves.
async fn credential(
    user: &mut AuthInfo,
    options: &ConnectOptions,
    proxies: &Proxies,
) -> Result<Option<Source>, String> {
    if let Some(provider) = user.auth_provider.take() {
        // The others were removed from client-go in 1.26.
        return match provider.name.as_str() {
            "oidc" => Oidc::new(&provider.config, proxies, options.deadline)
                .await
                .map(|oidc| Some(Source::Oidc(oidc))),
            name => Err(format!(
                "its auth-provider {name:?} is no longer supported by Kubernetes clients; use a login plugin (exec)"
            )),
        };
    }
    let token = match &user.token {
        Some(token) => Some(bearer(token.expose_secret()).map_err(|_| unsendable("token"))?),
        None => None,
    };
    if let Some(path) = user.token_file.take() {
        // As client-go: the file counts, and the token only where the file cannot be read.
        user.token = None;
        return Ok(Some(Source::File {
            path: path.into(),
            instead: token,
        }));
    }
    if user.username.is_some() {
        // client-go sends a user without a password as well.
        let password = user.password.get_or_insert_with(|| String::new().into());
        credential::sent(password.expose_secret());
    }
    let lasts = token.is_some() || user.username.is_some();
    match user.exec.take() {
        Some(exec) if !lasts => {
            Plugin::new(&exec, options.terminal).map(|plugin| Some(Source::Plugin(plugin)))
        }
        Some(_) | None => Ok(None),
    }
}
