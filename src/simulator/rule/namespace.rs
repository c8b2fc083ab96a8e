//! What kube-controller-manager puts into each namespace: the account that pods run as where they name none, and the
//! certificate by which they know the API server.

use serde_json::{Value, json};

use crate::simulator::{
    builder::known,
    cluster_state::{ClusterState, Object, Read as _},
    kind::{Kind, ROOT_CERTIFICATE},
    step::{Action, Step, Target},
};

const ACCOUNT: &str = "default";

pub fn plan(cluster: &ClusterState, namespace: &Object) -> Vec<Step> {
    if namespace.deleting() {
        return Vec::new();
    }
    let name = namespace.name();
    let mut steps = Vec::new();
    if cluster.find(Kind::ServiceAccount, name, ACCOUNT).is_none() {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": name},
        });
        steps.push(Action::create(Kind::ServiceAccount, known(account)).now());
    }
    let Some(authority) = &cluster.authority else {
        return steps;
    };
    let data = json!({"ca.crt": authority});
    match cluster.find(Kind::RootCertificate, name, ROOT_CERTIFICATE) {
        None => {
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": {
                    "name": ROOT_CERTIFICATE, "namespace": name,
                    "annotations": {
                        "kubernetes.io/description": "Contains a CA bundle that can be used to verify the \
                            kube-apiserver when using internal endpoints such as the internal service IP or \
                            kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes \
                            clusters.",
                    },
                },
            });
            steps.push(Action::create(Kind::RootCertificate, known(map)).now());
        }
        Some(map) if map.value("/data") != Some(&data) && !map.deleting() => {
            let mut patch = data;
            let known = map.value("/data").and_then(Value::as_object);
            for key in known.into_iter().flat_map(serde_json::Map::keys) {
                if patch.get(key).is_none() {
                    patch[key] = Value::Null;
                }
            }
            let patch = json!({"metadata": {"uid": map.uid()}, "data": patch});
            let of = Target::of(Kind::RootCertificate, map);
            steps.push(Action::Patch { of, patch }.now());
        }
        Some(_) => {}
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::simulator::NodeProfile;

    #[test]
    fn a_namespace_gets_what_every_namespace_has() {
        let namespace = json!({"metadata": {"name": "n", "uid": "n", "resourceVersion": "1"}});
        let mut cluster = ClusterState::new(vec![NodeProfile::pretend("a")], "v1".to_owned());
        cluster.authority = Some("PEM".to_owned());
        let look = |cluster: &ClusterState, namespace: &Value| -> Vec<String> {
            let steps = plan(cluster, &Arc::new(known(namespace.clone())));
            let words = steps.iter().map(|step| match &step.action {
                Action::Create { kind, .. } => format!("create {}", kind.name()),
                Action::Patch { patch, .. } => patch["data"].to_string(),
                other => format!("{other:?}"),
            });
            words.collect()
        };
        assert_eq!(
            look(&cluster, &namespace),
            ["create ServiceAccount", "create ConfigMap"]
        );
        let meta = |name: &str| json!({"name": name, "namespace": "n", "uid": name, "resourceVersion": "2"});
        let mut tell = |kind, object: Value| cluster.tell(kind, &Arc::new(known(object)));
        tell(Kind::ServiceAccount, json!({"metadata": meta("default")}));
        let map = |data: Value| json!({"metadata": meta(ROOT_CERTIFICATE), "data": data});
        tell(
            Kind::RootCertificate,
            map(json!({"ca.crt": "else", "x": "y"})),
        );
        assert_eq!(look(&cluster, &namespace), [r#"{"ca.crt":"PEM","x":null}"#]);
        let leaving = json!({"metadata": {"name": "n", "uid": "n", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert_eq!(look(&cluster, &leaving), [""; 0]);
    }
}
