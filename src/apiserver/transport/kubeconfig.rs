//! The kubeconfig that lets clients in.

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::access::auth::{Token, Users};

/// The context, and user, of somebody who may look and not touch.
pub const LIMITED: &str = "limited";

/// A kubeconfig with one cluster, called `name`, and a context for each of its users: the owner's is called `name` too
/// and is the current one, the other is [`LIMITED`].
pub fn write(name: &str, server: &str, authority: &str, users: &Users) -> anyhow::Result<String> {
    let context = |user: &str| json!({"name": user, "context": {"cluster": name, "user": user, "namespace": "default"}});
    let user = |name: &str, token: &Token| json!({"name": name, "user": {"token": token.text()}});
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(authority)},
        }],
        "users": [user(name, &users.owner), user(LIMITED, &users.limited)],
        "contexts": [context(name), context(LIMITED)],
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
        let users = super::Users::generate();
        let text = super::write("sandbox", "https://127.0.0.1:6443", "PEM", &users).unwrap();
        let config = Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("sandbox"));
        let contexts: Vec<&str> = config
            .contexts
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(contexts, ["sandbox", "limited"]);
        let cluster = config.clusters[0].cluster.clone().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:6443"));
    }
}
