//! What every cluster has from its first moment: written by the server itself, as by a client.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::Core;
use crate::{
    access::identity::Identity,
    endpoint::verb,
    object::metadata::text,
    request::{
        body::RequestBody,
        route::{ResourcePath, Verb},
    },
};

/// The classes of what a cluster needs itself.
const SYSTEM_PRIORITIES: [(&str, i64, &str); 2] = [
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
];

impl Core {
    /// Tells the cluster where this server is, as every API server does.
    pub(super) fn publish(&self) {
        let Ok(address) = self.address.parse::<SocketAddr>() else {
            return;
        };
        let (port, metadata) = (
            address.port(),
            |labels: Value| json!({"name": "kubernetes", "namespace": "default", "labels": labels}),
        );
        self.set(&json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": metadata(json!({"component": "apiserver", "provider": "kubernetes"})),
            "spec": {
                "clusterIP": "10.96.0.1", "type": "ClusterIP",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
            },
        }));
        self.set(&json!({
            "apiVersion": "v1", "kind": "Endpoints",
            "metadata": metadata(json!({"endpointslice.kubernetes.io/skip-mirror": "true"})),
            "subsets": [{
                "addresses": [{"ip": address.ip().to_string()}],
                "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
            }],
        }));
    }

    /// Brings an object of ours to what it should be; it is made where it is not there.
    fn set(&self, object: &Value) {
        let registry = self.registry();
        let kind = registry.find_kind(text(object, "apiVersion"), text(object, "kind"));
        let Some(resource) = kind else {
            return;
        };
        let metadata = |field| Some(text(&object["metadata"], field).to_owned());
        let path = ResourcePath {
            namespace: metadata("namespace"),
            name: metadata("name"),
            ..ResourcePath::default()
        };
        let owner = Identity::owner();
        let mut call = self.internal(&owner, resource.clone(), path);
        "kube-apiserver".clone_into(&mut call.user_agent);
        call.body = RequestBody::new(object.to_string().into(), "application/json");
        if let Err(error) = verb::perform(Verb::Update, &mut call) {
            tracing::warn!(
                message = error.message,
                "an object of every cluster cannot be written"
            );
        }
    }

    /// Priorities that every cluster has.
    pub(super) fn ensure_priorities(&self) {
        for (name, value, description) in SYSTEM_PRIORITIES {
            self.ensure(&json!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
                "value": value, "description": description,
            }));
        }
    }

    /// Creates an object that every cluster has, where it is not there yet.
    pub(super) fn ensure(&self, object: &Value) {
        let registry = self.registry();
        let kind = registry.find_kind(text(object, "apiVersion"), text(object, "kind"));
        let Some(resource) = kind else {
            return;
        };
        let owner = Identity::owner();
        let mut call = self.internal(&owner, resource.clone(), ResourcePath::default());
        call.body = RequestBody::new(object.to_string().into(), "application/json");
        // The only thing that can go wrong is that it is there already.
        let _ = verb::perform(Verb::Create, &mut call);
    }
}
