//! What a pod finds in itself: where the API server is, and the token of its service account. As `rest.InClusterConfig`
//! of client-go.

use std::{net::IpAddr, path::PathBuf};

use http::Uri;
use kube::Config;

use super::login::Source;
use crate::{
    cluster::{Deadline, file},
    failure::{Failure, Kind, Reason},
};

/// What makes a process a pod's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Pod {
    /// `KUBERNETES_SERVICE_HOST`
    pub host: String,
    /// `KUBERNETES_SERVICE_PORT`
    pub port: String,
    /// Where token, authority and namespace are mounted.
    pub folder: PathBuf,
}

impl Pod {
    pub fn of_process() -> Option<Self> {
        let folder = PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
        let pod = Self {
            host: std::env::var("KUBERNETES_SERVICE_HOST").ok()?,
            port: std::env::var("KUBERNETES_SERVICE_PORT").ok()?,
            folder,
        };
        pod.folder.join("token").exists().then_some(pod)
    }

    /// Authority and token are rotated: both are read again.
    pub(super) async fn configuration(
        &self,
        deadline: Deadline,
    ) -> Result<(Config, Source), Failure> {
        let bad = |why: String| {
            Failure::new(
                Kind::Usage,
                Reason::BadServiceAccount,
                "could not use the service account of this pod",
            )
            .caused_by(why)
        };
        let server = self
            .server()
            .ok_or_else(|| bad("KUBERNETES_SERVICE_HOST and _PORT name no address".to_owned()))?;
        let authority = self.folder.join("ca.crt");
        // kube reads it itself, again and again; here it is seen that it can.
        file::read(&authority, deadline)
            .await
            .map_err(|error| bad(format!("file {}: {error}", authority.display())))?;
        let mut config = Config::new(server);
        config.root_cert = Some(Vec::new());
        config.root_cert_file = Some(authority);
        let namespace = file::read(&self.folder.join("namespace"), deadline).await;
        let namespace = namespace.and_then(file::text).unwrap_or_default();
        if !namespace.trim().is_empty() {
            namespace.trim().clone_into(&mut config.default_namespace);
        }
        let token = Source::File {
            path: self.folder.join("token"),
            instead: None,
        };
        Ok((config, token))
    }

    fn server(&self) -> Option<Uri> {
        let port: u16 = self.port.parse().ok()?;
        let host = match self.host.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(_)) | Err(_) => self.host.clone(),
        };
        format!("https://{host}:{port}").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(host: &str, port: &str) -> (tempfile::TempDir, Pod) {
        let folder = tempfile::tempdir().unwrap();
        let pod = Pod {
            host: host.to_owned(),
            port: port.to_owned(),
            folder: folder.path().to_owned(),
        };
        (folder, pod)
    }

    #[test]
    fn the_api_server_is_where_the_environment_says() {
        for (host, port, expected) in [
            ("10.0.0.1", "443", Some("https://10.0.0.1:443/")),
            ("fd00::1", "6443", Some("https://[fd00::1]:6443/")),
            (
                "kubernetes.default.svc",
                "443",
                Some("https://kubernetes.default.svc:443/"),
            ),
            ("10.0.0.1", "", None),
            ("not a host", "443", None),
        ] {
            let (_folder, pod) = pod(host, port);
            let server = pod.server().map(|server| server.to_string());
            assert_eq!(server.as_deref(), expected, "{host} {port}");
        }
    }

    #[tokio::test]
    async fn namespace_authority_and_token_are_what_is_mounted() {
        let (folder, pod) = pod("10.0.0.1", "443");
        let failure = pod.configuration(Deadline::never()).await.err().unwrap();
        assert_eq!(failure.kind, Kind::Usage);
        for (file, text) in [("ca.crt", "x"), ("token", "t\n"), ("namespace", "ci\n")] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let (config, source) = pod.configuration(Deadline::never()).await.unwrap();
        assert_eq!(config.default_namespace, "ci");
        assert_eq!(config.root_cert_file, Some(folder.path().join("ca.crt")));
        let token = folder.path().join("token");
        assert!(matches!(source, Source::File { path, instead: None } if path == token));
    }
}
