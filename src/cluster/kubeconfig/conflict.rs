//! Fields that are given together and of which only one can count. Clients choose differently between them, so whoever
//! chose would connect somewhere else, or as somebody else, than kubectl. Refused as kubectl does (client-go,
//! tools/clientcmd/validation.go, and `rest.TLSConfigFor`).

use kube::config::{AuthInfo, Cluster};

/// # Errors
/// Which fields exclude each other, as the end of a sentence.
pub(super) fn between(cluster: &Cluster, user: &AuthInfo) -> Result<(), String> {
    let authority = cluster.certificate_authority.is_some();
    let authority_data = cluster.certificate_authority_data.is_some();
    let insecure = cluster.insecure_skip_tls_verify == Some(true);
    let basic = user.username.is_some() || user.password.is_some();
    let conflicts = [
        (
            authority && authority_data,
            "its cluster has both certificate-authority and certificate-authority-data",
        ),
        (
            insecure && (authority || authority_data),
            "its cluster has both insecure-skip-tls-verify and a certificate authority",
        ),
        (
            user.client_certificate.is_some() && user.client_certificate_data.is_some(),
            "its user has both client-certificate and client-certificate-data",
        ),
        (
            user.client_key.is_some() && user.client_key_data.is_some(),
            "its user has both client-key and client-key-data",
        ),
        (
            user.token.is_some() && basic,
            "its user has both a token and a username or password",
        ),
        (
            user.exec.is_some() && user.auth_provider.is_some(),
            "its user has both a login plugin (exec) and an auth-provider",
        ),
    ];
    let found = conflicts.into_iter().find(|(conflict, _)| *conflict);
    match found {
        Some((_, which)) => Err(format!("{which}, and clients choose differently")),
        None => Ok(()),
    }
}
