//! What pods and their templates get (`pkg/apis/core/v1/defaults.go`).

use serde_json::{Map, Value, json};

use super::{at, default, items};
use crate::object::{metadata::text, quantity::Quantity};

/// What only a new pod gets.
pub fn new(object: &mut Value) {
    let class = quality(&object["spec"]);
    default(&mut object["status"], "phase", "Pending");
    default(&mut object["status"], "qosClass", class);
    let spec = &mut object["spec"];
    default(spec, "serviceAccountName", "default");
    default(spec, "serviceAccount", "default");
    default(spec, "priority", 0);
    default(spec, "preemptionPolicy", "PreemptLowerPriority");
    if spec["terminationGracePeriodSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds < 0)
    {
        spec["terminationGracePeriodSeconds"] = 1.into();
    }
    tolerate(spec);
}

/// For so long a pod stays on a node that is lost (admission plugin DefaultTolerationSeconds).
fn tolerate(spec: &mut Value) {
    const SECONDS: u32 = 300;
    if !spec["tolerations"].is_array() {
        spec["tolerations"] = json!([]);
    }
    let Some(tolerations) = spec["tolerations"].as_array_mut() else {
        return;
    };
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        let tolerates = |one: &Value| {
            matches!(text(one, "effect"), "" | "NoExecute")
                && (one["key"] == key || text(one, "key").is_empty())
        };
        if !tolerations.iter().any(tolerates) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS,
            }));
        }
    }
}

/// The spec of a pod or of a template.
pub fn spec(spec: &mut Value) {
    default(spec, "restartPolicy", "Always");
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "schedulerName", "default-scheduler");
    default(spec, "securityContext", json!({}));
    // The field has had another name, which says the same.
    for (name, other) in [
        ("serviceAccountName", "serviceAccount"),
        ("serviceAccount", "serviceAccountName"),
    ] {
        if !text(spec, name).is_empty() && (name == "serviceAccountName" || spec[other].is_null()) {
            spec[other] = spec[name].clone();
        }
    }
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            self::container(container);
        }
    }
    for volume in items(spec, "volumes") {
        self::volume(volume);
    }
}

fn container(container: &mut Value) {
    let policy = pull_policy(text(container, "image"));
    default(container, "imagePullPolicy", policy);
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    for port in items(container, "ports") {
        default(port, "protocol", "TCP");
    }
    for variable in items(container, "env") {
        at(variable, "/valueFrom/fieldRef", |field| {
            default(field, "apiVersion", "v1");
        });
    }
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        at(container, &format!("/{kind}"), probe);
    }
    at(container, "/resources", requests);
}

/// `Always` for `latest` and for images without a tag, else `IfNotPresent`.
fn pull_policy(image: &str) -> &'static str {
    let last = image.rsplit('/').next().unwrap_or_default();
    let pinned = last.contains('@') || last.split_once(':').is_some_and(|(_, tag)| tag != "latest");
    if pinned { "IfNotPresent" } else { "Always" }
}

fn probe(probe: &mut Value) {
    for (field, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        default(probe, field, value);
    }
    at(probe, "/httpGet", |get| {
        default(get, "path", "/");
        default(get, "scheme", "HTTP");
    });
    at(probe, "/grpc", |call| {
        default(call, "service", "");
    });
}

/// Who has a limit and asks for nothing asks for that.
fn requests(resources: &mut Value) {
    let limits = resources["limits"].as_object().cloned();
    for (resource, limit) in limits.unwrap_or_default() {
        default(&mut resources["requests"], &resource, limit);
    }
}

/// The mode of the files in a volume: 0644.
fn volume(volume: &mut Value) {
    const MODE: u32 = 0o644;
    for kind in ["configMap", "secret", "downwardAPI", "projected"] {
        at(volume, &format!("/{kind}"), |source| {
            default(source, "defaultMode", MODE);
        });
    }
    at(volume, "/hostPath", |path| {
        default(path, "type", "");
    });
    at(volume, "/downwardAPI", fields);
    at(volume, "/projected", |projected| {
        for source in items(projected, "sources") {
            at(source, "/serviceAccountToken", |token| {
                default(token, "expirationSeconds", 3600);
            });
            at(source, "/downwardAPI", fields);
        }
    });
    let kinds = volume.as_object().map_or(0, Map::len);
    if kinds == 1 && volume["name"].is_string() {
        volume["emptyDir"] = json!({});
    }
}

fn fields(source: &mut Value) {
    for item in items(source, "items") {
        at(item, "/fieldRef", |field| {
            default(field, "apiVersion", "v1");
        });
    }
}

/// The quality of service class, from the cpu and the memory that the containers ask for.
fn quality(spec: &Value) -> &'static str {
    const COUNTED: [&str; 2] = ["cpu", "memory"];
    let lists = ["initContainers", "containers"].map(|list| spec[list].as_array());
    let containers: Vec<&Value> = lists.into_iter().flatten().flatten().collect();
    let amount = |container: &Value, kind: &str, resource: &str| {
        let given = container["resources"][kind][resource].as_str();
        given
            .and_then(Quantity::parse)
            .filter(|amount| amount.sign() > 0)
    };
    let asks = |kind: &str| {
        containers.iter().any(|one| {
            COUNTED
                .iter()
                .any(|resource| amount(one, kind, resource).is_some())
        })
    };
    let is_guaranteed = |container: &Value| {
        COUNTED.iter().all(|resource| {
            let limit = amount(container, "limits", resource);
            limit.is_some() && limit == amount(container, "requests", resource)
        })
    };
    if !(asks("requests") || asks("limits")) {
        "BestEffort"
    } else if containers.iter().all(|container| is_guaranteed(container)) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_pulled_by_their_tag() {
        for (image, policy) in [
            ("a", "Always"),
            ("a:latest", "Always"),
            ("r:5000/a", "Always"),
            ("a:v1", "IfNotPresent"),
            ("a@sha256:0", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn probes_volumes_and_variables_are_completed() {
        let mut pod = json!({
            "containers": [{
                "image": "a:1", "livenessProbe": {"httpGet": {"port": 80}},
                "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                "resources": {"limits": {"cpu": "1"}},
            }],
            "volumes": [{"name": "a", "configMap": {"name": "c"}}, {"name": "b"}],
        });
        spec(&mut pod);
        let container = &pod["containers"][0];
        assert_eq!(
            container["livenessProbe"],
            json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
                "successThreshold": 1, "failureThreshold": 3})
        );
        assert_eq!(
            container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"],
            "v1"
        );
        assert_eq!(container["resources"]["requests"], json!({"cpu": "1"}));
        assert_eq!(
            pod["volumes"],
            json!([{"name": "a", "configMap": {"name": "c", "defaultMode": 420}}, {"name": "b", "emptyDir": {}}])
        );
    }

    #[test]
    fn the_class_of_a_pod() {
        for (resources, class) in [
            (json!({}), "BestEffort"),
            (json!({"limits": {"example.com/gpu": "1"}}), "BestEffort"),
            (json!({"requests": {"cpu": "1"}}), "Burstable"),
            (
                json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}}),
                "Guaranteed",
            ),
        ] {
            let spec = json!({"containers": [{"resources": resources}]});
            assert_eq!(quality(&spec), class, "{spec}");
        }
    }
}
