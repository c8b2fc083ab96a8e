//! What an update may not change, in the words of a kube-apiserver 1.36.

use serde_json::{Value, json};

use super::found;

const POD: &str = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
    tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
const CLAIM: &str = "spec: Forbidden: spec is immutable after creation except resources.requests and \
    volumeAttributesClassName for bound claims";

/// An object, and merge patches of it with what each is answered; empty: nothing is wrong with it.
fn hold(group: &str, plural: &str, object: Value, changes: &[(Value, &str)]) {
    for (patch, expected) in changes {
        let mut new = object.clone();
        json_patch::merge(&mut new, patch);
        let expected: Vec<&str> = expected
            .split(" | ")
            .filter(|one| !one.is_empty())
            .collect();
        assert_eq!(
            found(group, plural, new, Some(object.clone())),
            expected,
            "{plural} {patch}"
        );
    }
}

#[test]
fn of_a_pod() {
    let toleration = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute"});
    let gate = |name: &str| json!({"name": name});
    let pod = json!({"spec": {
        "nodeName": "n9", "containers": [{"name": "c", "image": "x"}], "initContainers": [{"name": "i", "image": "y"}],
        "tolerations": [toleration("a")], "terminationGracePeriodSeconds": 30, "activeDeadlineSeconds": 100,
    }});
    let kept = "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds";
    let spec = |field: &str, value: Value| json!({"spec": {field: value}});
    hold(
        "",
        "pods",
        pod,
        &[
            (spec("nodeName", json!("other")), POD),
            (spec("nodeName", Value::Null), POD),
            (spec("tolerations", json!([])), kept),
            (spec("tolerations", json!([toleration("b")])), kept),
            (
                spec("tolerations", json!([toleration("a"), toleration("b")])),
                "",
            ),
            (
                spec(
                    "tolerations",
                    json!([{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]),
                ),
                "",
            ),
            (spec("terminationGracePeriodSeconds", json!(5)), POD),
            (spec("terminationGracePeriodSeconds", json!(1)), POD),
            (
                spec("activeDeadlineSeconds", json!(200)),
                "spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value",
            ),
            (spec("activeDeadlineSeconds", json!(50)), ""),
            (
                spec("activeDeadlineSeconds", Value::Null),
                "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value",
            ),
            (
                spec("schedulingGates", json!([gate("x/y")])),
                "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'x/y'",
            ),
            (spec("containers", json!([{"name": "c", "image": "z"}])), ""),
            (
                spec("containers", json!([{"name": "d", "image": "x"}])),
                POD,
            ),
            (
                spec(
                    "containers",
                    json!([{"name": "c", "image": "x", "imagePullPolicy": "Never"}]),
                ),
                POD,
            ),
            (
                spec("initContainers", json!([])),
                "spec.initContainers: Forbidden: pod updates may not add or remove containers",
            ),
            (spec("restartPolicy", json!("Never")), POD),
            (spec("serviceAccountName", json!("other")), POD),
            (spec("priority", json!(5)), POD),
            (spec("nodeSelector", json!({"a": "b"})), POD),
        ],
    );
    let gated = json!({"spec": {
        "containers": [{"name": "c", "image": "x"}], "schedulingGates": [gate("x/y"), gate("x/z")], "nodeSelector": {"a": "b"},
    }});
    let fewer = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
    hold(
        "",
        "pods",
        gated,
        &[
            (spec("schedulingGates", json!([gate("x/z")])), ""),
            (spec("schedulingGates", Value::Null), ""),
            (
                spec("schedulingGates", json!([gate("x/y"), gate("x/q")])),
                "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'x/q'",
            ),
            (spec("nodeSelector", json!({"c": "d"})), ""),
            (
                spec("nodeSelector", json!({"a": "c"})),
                &format!("spec.nodeSelector: Invalid value: {{\"a\":\"c\"}}: {fewer}"),
            ),
            (
                spec("nodeSelector", json!({"a": null})),
                &format!("spec.nodeSelector: Invalid value: {{}}: {fewer}"),
            ),
            (spec("nodeName", json!("n")), POD),
        ],
    );
    let forgotten = json!({"spec": {
        "containers": [{"name": "c", "image": "x"}], "terminationGracePeriodSeconds": -1,
    }});
    hold(
        "",
        "pods",
        forgotten,
        &[(spec("terminationGracePeriodSeconds", json!(1)), "")],
    );
}

#[test]
fn of_settings_and_services() {
    let why = "Forbidden: field is immutable when `immutable` is set";
    let map = json!({"immutable": true, "data": {"a": "b"}, "binaryData": {"c": "YQ=="}});
    hold(
        "",
        "configmaps",
        map,
        &[
            (json!({"immutable": false}), &format!("immutable: {why}")),
            (json!({"data": {"a": "c"}}), &format!("data: {why}")),
            (json!({"binaryData": null}), &format!("binaryData: {why}")),
            (json!({"metadata": {"labels": {"a": "b"}}}), ""),
        ],
    );
    let secret = json!({"type": "Opaque", "immutable": true, "data": {"a": "YQ=="}});
    hold(
        "",
        "secrets",
        secret,
        &[
            (
                json!({"type": "x/y"}),
                "type: Invalid value: \"x/y\": field is immutable",
            ),
            (json!({"immutable": null}), &format!("immutable: {why}")),
            (json!({"data": {"b": "YQ=="}}), &format!("data: {why}")),
        ],
    );
    let service = json!({"spec": {
        "type": "LoadBalancer", "loadBalancerClass": "a/b", "ports": [{"port": 80}], "clusterIP": "10.0.0.5", "clusterIPs": ["10.0.0.5"],
        "ipFamilies": ["IPv4"],
    }});
    hold(
        "",
        "services",
        service,
        &[
            (
                json!({"spec": {"clusterIP": "10.0.0.77"}}),
                "spec.clusterIPs[0]: Invalid value: [\"10.0.0.77\"]: may not change once set",
            ),
            (
                json!({"spec": {"loadBalancerClass": "c/d"}}),
                "spec.loadBalancerClass: Invalid value: \"c/d\": may not change once set",
            ),
            (
                json!({"spec": {"ipFamilies": ["IPv6"]}}),
                "spec.clusterIPs[0]: Invalid value: \"10.0.0.5\": expected an IPv6 value as indicated by `ipFamilies[0]`",
            ),
            (
                json!({"spec": {"ipFamilyPolicy": "RequireDualStack"}}),
                "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services",
            ),
            (
                json!({"spec": {"healthCheckNodePort": 3333}}),
                "spec.healthCheckNodePort: Invalid value: 3333: may only be set when `type` is 'LoadBalancer' and \
             `externalTrafficPolicy` is 'Local'",
            ),
        ],
    );
    let node = json!({"spec": {"podCIDRs": ["10.1.0.0/24"], "providerID": "a"}});
    hold(
        "",
        "nodes",
        node,
        &[
            (
                json!({"spec": {"podCIDRs": ["10.2.0.0/24"]}}),
                "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
            ),
            (
                json!({"spec": {"providerID": "b"}}),
                "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
            ),
            (
                json!({"spec": {"externalID": "x"}}),
                "spec.externalID: Forbidden: may not be updated",
            ),
        ],
    );
    let quota = json!({"spec": {"hard": {"pods": "1"}, "scopes": ["BestEffort"]}});
    hold(
        "",
        "resourcequotas",
        quota,
        &[
            (
                json!({"spec": {"scopes": ["NotBestEffort"]}}),
                "spec.scopes: Invalid value: [\"NotBestEffort\"]: field is immutable",
            ),
            (
                json!({"spec": {"hard": {"pods": "-1"}}}),
                "spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0",
            ),
            (
                json!({"spec": {"hard": {"foo": "1"}}}),
                "spec.hard[foo]: Invalid value: \"foo\": must be a standard resource type or fully qualified | \
             spec.hard[foo]: Invalid value: \"foo\": must be a standard resource for quota",
            ),
            (
                json!({"spec": {"hard": {"count/vms.x.y": "1", "x/y": "3"}}}),
                "",
            ),
            (
                json!({"spec": {"hard": {"requests.cpu": "2"}}}),
                "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource",
            ),
        ],
    );
}

#[test]
fn of_storage() {
    let claim = |phase: &str| {
        json!({"status": {"phase": phase}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "s",
        }})
    };
    let size = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
    let mode = format!("{CLAIM} | volumeMode: Invalid value: \"Block\": field is immutable");
    hold(
        "",
        "persistentvolumeclaims",
        claim("Pending"),
        &[
            (json!({"spec": {"accessModes": ["ReadWriteMany"]}}), CLAIM),
            (json!({"spec": {"storageClassName": "t"}}), CLAIM),
            (json!({"spec": {"storageClassName": null}}), CLAIM),
            (json!({"spec": {"volumeName": "v"}}), ""),
            (json!({"spec": {"volumeMode": "Block"}}), &mode),
            (size("2Gi"), CLAIM),
            (json!({"spec": {"volumeAttributesClassName": "q"}}), CLAIM),
        ],
    );
    hold(
        "",
        "persistentvolumeclaims",
        claim("Bound"),
        &[
            (size("2Gi"), ""),
            (
                size("500Mi"),
                "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
            ),
            (json!({"spec": {"volumeAttributesClassName": "q"}}), ""),
            (json!({"spec": {"accessModes": ["ReadWriteMany"]}}), CLAIM),
        ],
    );
    let mut classless = claim("Pending");
    json_patch::merge(
        &mut classless,
        &json!({"spec": {"storageClassName": null, "volumeName": "v"}}),
    );
    hold(
        "",
        "persistentvolumeclaims",
        classless,
        &[
            (json!({"spec": {"storageClassName": "t"}}), ""),
            (json!({"spec": {"storageClassName": ""}}), ""),
            (json!({"spec": {"volumeName": null}}), CLAIM),
        ],
    );
    let volume = json!({"spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}, "storageClassName": "s",
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchFields": []}]}},
    }});
    let source = "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation";
    hold(
        "",
        "persistentvolumes",
        volume,
        &[
            (json!({"spec": {"hostPath": {"path": "/y"}}}), source),
            (
                json!({"spec": {"hostPath": null, "nfs": {"server": "a", "path": "/b"}}}),
                source,
            ),
            (
                json!({"spec": {"volumeMode": "Block"}}),
                "volumeMode: Invalid value: \"Block\": field is immutable",
            ),
            (
                json!({"spec": {"nodeAffinity": null}}),
                "nodeAffinity: Invalid value: null: field is immutable, except for updating from beta label to GA",
            ),
            (
                json!({"spec": {"capacity": {"storage": "2Gi"}, "storageClassName": "t", "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Delete", "mountOptions": ["a"], "claimRef": {"name": "c"}}}),
                "",
            ),
        ],
    );
    let class = json!({"provisioner": "a/b", "parameters": {"x": "y"}, "reclaimPolicy": "Delete"});
    hold(
        "storage.k8s.io",
        "storageclasses",
        class,
        &[
            (
                json!({"provisioner": "c/d", "parameters": null, "reclaimPolicy": "Retain"}),
                "parameters: Invalid value: null: field is immutable | provisioner: Invalid value: \"c/d\": field is immutable | \
             reclaimPolicy: Invalid value: \"Retain\": field is immutable",
            ),
            (
                json!({"allowVolumeExpansion": true, "mountOptions": ["a"]}),
                "",
            ),
        ],
    );
}

#[test]
fn of_everything_else() {
    let labels = |labels: Value| json!({"selector": {"matchLabels": labels}});
    let workload = json!({"spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b", "c": "d"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
    }});
    for plural in ["daemonsets", "deployments", "replicasets"] {
        hold(
            "apps",
            plural,
            workload.clone(),
            &[(
                json!({"spec": labels(json!({"c": "d"}))}),
                "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"c\":\"d\"}}: field is immutable",
            )],
        );
    }
    let rbac = "rbac.authorization.k8s.io";
    let binding = json!({"roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "view"}});
    let shown = format!("{{\"APIGroup\":\"{rbac}\",\"Kind\":\"ClusterRole\",\"Name\":\"edit\"}}");
    let kept = format!("roleRef: Invalid value: {shown}: cannot change roleRef");
    for plural in ["clusterrolebindings", "rolebindings"] {
        hold(
            rbac,
            plural,
            binding.clone(),
            &[(json!({"roleRef": {"name": "edit"}}), &kept)],
        );
    }
    let priority = json!({"value": 5});
    hold(
        "scheduling.k8s.io",
        "priorityclasses",
        priority,
        &[
            (
                json!({"value": 6}),
                "value: Forbidden: may not be changed in an update.",
            ),
            (
                json!({"preemptionPolicy": "Never"}),
                "preemptionPolicy: Invalid value: \"Never\": field is immutable",
            ),
            (json!({"description": "x"}), ""),
        ],
    );
    let budget = json!({"spec": {"minAvailable": 1}});
    hold(
        "policy",
        "poddisruptionbudgets",
        budget,
        &[
            (
                json!({"spec": {"maxUnavailable": 1}}),
                "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":null,\"MaxUnavailable\":1,\
             \"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
            ),
            (
                json!({"spec": {"minAvailable": "101%"}}),
                "spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%",
            ),
            (
                json!({"spec": {"minAvailable": -1}}),
                "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    );
    let event = json!({
        "metadata": {"namespace": "default"}, "regarding": {"namespace": "default", "kind": "Pod", "name": "x"},
        "reason": "a", "type": "Normal", "eventTime": "2026-01-01T00:00:00.000000Z",
    });
    hold(
        "events.k8s.io",
        "events",
        event.clone(),
        &[
            (
                json!({"reason": "b", "note": "n", "type": "Warning"}),
                "reason: Invalid value: \"b\": field is immutable | message: Invalid value: \"n\": field is immutable | \
             type: Invalid value: \"Warning\": field is immutable",
            ),
            (
                json!({"regarding": {"name": "y"}}),
                "involvedObject: Invalid value: {\"Kind\":\"Pod\",\"Namespace\":\"default\",\"Name\":\"y\",\"UID\":\"\",\
             \"APIVersion\":\"\",\"ResourceVersion\":\"\",\"FieldPath\":\"\"}: field is immutable",
            ),
            (json!({"series": {"count": 2}}), ""),
        ],
    );
    // Through the core group it can still be rewritten.
    hold("", "events", event, &[(json!({"reason": "b"}), "")]);
}
