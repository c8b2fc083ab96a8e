//! The kubeconfig that lets kubectl and bmctl in.

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

/// A kubeconfig with one cluster, one user and one context, all called `name`.
pub fn write(name: &str, server: &str, authority: &str, token: &str) -> anyhow::Result<String> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(authority)},
        }],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "current-context": name,
        "preferences": {},
    });
    serde_saphyr::to_string(&config).context("writing the kubeconfig")
}

#[cfg(test)]
mod tests {
    use kube::config::Kubeconfig;

    #[test]
    fn it_is_read_back_by_a_client() {
        let text = super::write("sandbox", "https://127.0.0.1:6443", "PEM", "secret").unwrap();
        let config = Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("sandbox"));
        let cluster = config.clusters[0].cluster.clone().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:6443"));
    }
}
