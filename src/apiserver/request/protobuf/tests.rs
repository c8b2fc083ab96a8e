use super::*;
use proptest::prelude::*;
use serde_json::json;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [
        varint(field << 3 | 2),
        varint(value.len() as u64),
        value.to_vec(),
    ]
    .concat()
}

fn text(field: u64, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [text(1, api_version), text(2, kind)].concat();
    [
        MAGIC.to_vec(),
        bytes(1, &type_meta),
        bytes(2, raw),
        text(3, ""),
        text(4, ""),
    ]
    .concat()
}

#[test]
fn what_kubectl_sends_is_read() {
    let pair = |key: &str, value: &str| [text(1, key), text(2, value)].concat();
    let metadata = [
        text(1, "x"),
        text(2, ""),
        number(7, 0),
        bytes(8, &[]),
        bytes(11, &pair("a", "b")),
    ]
    .concat();
    let attributes = [
        text(2, "patch"),
        text(3, "vm.cluster.gke.io"),
        text(5, "vmruntimes"),
    ]
    .concat();
    for (api_version, kind, raw, expected) in [
        (
            "v1",
            "Namespace",
            [bytes(1, &metadata), bytes(2, &[]), bytes(3, &text(1, ""))].concat(),
            json!({"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {}, "status": {}}),
        ),
        (
            "authorization.k8s.io/v1",
            "SelfSubjectAccessReview",
            bytes(2, &bytes(1, &attributes)),
            json!({"spec": {"resourceAttributes": {"verb": "patch", "group": "vm.cluster.gke.io", "resource": "vmruntimes"}}}),
        ),
        (
            "authorization.k8s.io/v1",
            "SelfSubjectRulesReview",
            bytes(2, &text(1, "default")),
            json!({"spec": {"namespace": "default"}}),
        ),
        (
            "authentication.k8s.io/v1",
            "SelfSubjectReview",
            [
                bytes(1, &[]),
                bytes(2, &bytes(1, &[text(1, ""), text(2, "")].concat())),
            ]
            .concat(),
            json!({"metadata": {}}),
        ),
        (
            "v1",
            "ConfigMap",
            [
                bytes(1, &text(1, "c")),
                bytes(2, &pair("k", "v")),
                bytes(3, &pair("b", "abc")),
            ]
            .concat(),
            json!({"metadata": {"name": "c"}, "data": {"k": "v"}, "binaryData": {"b": "YWJj"}}),
        ),
        (
            "meta.k8s.io/v1",
            "DeleteOptions",
            [
                number(1, 0),
                bytes(2, &text(1, "u")),
                text(4, "Background"),
                text(5, "All"),
            ]
            .concat(),
            json!({"gracePeriodSeconds": 0, "preconditions": {"uid": "u"}, "propagationPolicy": "Background", "dryRun": ["All"]}),
        ),
        (
            "v1",
            "Event",
            [
                text(3, "Tested"),
                bytes(6, &number(1, 1_704_067_200)),
                number(8, 2),
                number(99, 0),
            ]
            .concat(),
            json!({"reason": "Tested", "firstTimestamp": "2024-01-01T00:00:00Z", "count": 2}),
        ),
    ] {
        let mut expected = expected;
        expected["apiVersion"] = api_version.into();
        expected["kind"] = kind.into();
        assert_eq!(
            decode(&envelope(api_version, kind, &raw)),
            Ok(expected),
            "{kind}"
        );
    }
}

#[test]
fn a_deployment_is_read() {
    let pair = |key: &str, value: &str| [text(1, key), text(2, value)].concat();
    let port = [number(3, 80), number(2, 0), text(4, "")].concat();
    let limits = bytes(1, &[text(1, "cpu"), bytes(2, &text(1, "2"))].concat());
    let container = [
        text(1, "c"),
        text(2, "i"),
        bytes(6, &port),
        bytes(8, &limits),
    ]
    .concat();
    let pods = [bytes(2, &container), text(3, ""), number(11, 0)].concat();
    let template = [bytes(1, &bytes(11, &pair("app", "x"))), bytes(2, &pods)].concat();
    let surge = [number(1, 1), number(2, 0), text(3, "25%")].concat();
    let strategy = [text(1, ""), bytes(2, &bytes(2, &surge))].concat();
    let selector = bytes(1, &pair("app", "x"));
    let spec = [
        number(1, 0),
        bytes(2, &selector),
        bytes(3, &template),
        bytes(4, &strategy),
        number(7, 0),
    ];
    let status = [number(1, 0), number(2, 0)].concat();
    let raw = [
        bytes(1, &text(1, "d")),
        bytes(2, &spec.concat()),
        bytes(3, &status),
    ]
    .concat();
    assert_eq!(
        decode(&envelope("apps/v1", "Deployment", &raw)),
        Ok(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {
                "replicas": 0, "selector": {"matchLabels": {"app": "x"}},
                "strategy": {"rollingUpdate": {"maxSurge": "25%"}},
                "template": {
                    "metadata": {"labels": {"app": "x"}},
                    "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}],
                        "resources": {"limits": {"cpu": "2"}}}]},
                },
            },
        }))
    );
}

#[test]
fn what_can_not_be_read_is_said() {
    assert!(decode(b"{}").unwrap_err().contains("expected prefix"));
    let unknown = decode(&envelope("batch/v1", "Job", &[])).unwrap_err();
    assert!(unknown.contains("batch/v1, Kind=Job"), "{unknown}");
    let lost = decode(&envelope("v1", "ConfigMap", &text(9, "x"))).unwrap_err();
    assert!(lost.starts_with("field 9 "), "{lost}");
    let too_long = [MAGIC.to_vec(), vec![10, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert_eq!(
        decode(&too_long),
        Err("a length goes beyond the end".to_owned())
    );
}

proptest! {
    #[test]
    fn no_bytes_bring_it_down(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&[MAGIC, &body].concat());
        for kind in ["Namespace", "ConfigMap", "Event", "Secret"] {
            let _ = decode(&envelope("v1", kind, &body));
        }
    }
}
