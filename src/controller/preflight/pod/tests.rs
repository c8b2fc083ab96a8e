//! Probe pods as kubelets and API servers leave them.

use super::*;
use crate::failure;

fn probe(deep: bool) -> DynamicObject {
    Probe {
        owner: OwnerReference {
            uid: "check-uid".to_owned(),
            name: "check".to_owned(),
            ..OwnerReference::default()
        },
        node: "n1".to_owned(),
        machine: "n1-uid".to_owned(),
        attempt: 2,
        image: "bmctl:1".to_owned(),
        pull_secrets: vec!["registry".to_owned()],
        deep,
        virtualization: Virtualization::Emulation,
        deadline: Duration::from_secs(120),
    }
    .pod()
}

fn ended(pod: DynamicObject, message: &str) -> Pod {
    let mut pod: Pod = pod.try_parse().unwrap();
    pod.metadata.uid = Some("pod-uid".to_owned());
    pod.status = serde_json::from_value(json!({
        "phase": "Failed",
        "containerStatuses": [{
            "name": CONTAINER, "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 3, "reason": "Error", "message": message}},
        }],
    }))
    .unwrap();
    pod
}

#[test]
fn a_pod_is_restricted_and_says_what_it_is() {
    let pod = probe(false);
    assert_eq!(
        pod.metadata.labels.clone().unwrap()[name::PREFLIGHT_CHECK_LABEL],
        "check-uid"
    );
    let spec = &pod.data["spec"];
    assert_eq!(spec["nodeName"], "n1");
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(spec["volumes"], json!([]));
    let container = &spec["containers"][0];
    let context = &container["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false);
    let arguments: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
    assert_eq!(
        ProbeCommand::parse(&arguments),
        Some(ProbeCommand {
            virtualization: Virtualization::Emulation,
            depth: Depth::Pod
        })
    );
    let deep = probe(true);
    assert_eq!(deep.data["spec"]["volumes"][0]["name"], "dev");
}

#[test]
fn what_is_not_a_report_is_a_failure_and_never_a_pass() {
    for message in ["", "{}", "OK", "{\"passed\": true}"] {
        let facts = PodFacts::read(&ended(probe(false), message), "check-uid").unwrap();
        assert!(matches!(facts.state, PodState::Failed(_)), "{message}");
        assert_eq!(facts.attempt, 2);
    }
}

#[test]
fn what_keeps_a_probe_from_running_is_told_apart_from_the_node() {
    for (reason, final_, expected) in [
        (
            "ErrImagePull",
            false,
            "the image of the probe could not be pulled",
        ),
        (
            "ImagePullBackOff",
            false,
            "the image of the probe could not be pulled",
        ),
        (
            "InvalidImageName",
            true,
            "the image of the probe could not be pulled",
        ),
        (
            "CreateContainerConfigError",
            true,
            "the probe could not be started",
        ),
        ("RunContainerError", false, "the probe could not be started"),
        ("ContainerCreating", false, "ContainerCreating"),
    ] {
        let mut pod = ended(probe(false), "");
        pod.status = serde_json::from_value(json!({
            "phase": "Pending",
            "containerStatuses": [{
                "name": CONTAINER, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": "no such host"}},
            }],
        }))
        .unwrap();
        let state = PodFacts::read(&pod, "check-uid").unwrap().state;
        let said = match &state {
            PodState::Failed(said) if final_ => said,
            PodState::Waiting(Some(said)) if !final_ => said,
            PodState::Pulling(pull) if !final_ && !pull.refused => &pull.why,
            other => panic!("{reason}: {other:?}"),
        };
        assert!(
            said.starts_with(expected) && said.contains("no such host"),
            "{said}"
        );
    }
    let mut evicted = ended(probe(false), "");
    evicted.status =
        serde_json::from_value(json!({"phase": "Failed", "reason": "OutOfpods"})).unwrap();
    let state = PodFacts::read(&evicted, "check-uid").unwrap().state;
    assert_eq!(
        state,
        PodState::Failed("the node did not run the probe: OutOfpods".to_owned())
    );
}

#[test]
fn a_registry_that_has_answered_is_told_from_one_that_has_not() {
    for (said, refused) in [
        (
            "ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image",
            true,
        ),
        (
            "ImagePullBackOff: registry.example/bmctl:1: not found",
            true,
        ),
        ("ErrImagePull: manifest unknown", true),
        (
            "ErrImagePull: pull access denied, repository does not exist",
            true,
        ),
        ("ErrImagePull: 401 Unauthorized", true),
        (
            "ErrImagePull: dial tcp: lookup registry.example: no such host",
            false,
        ),
        ("ErrImagePull: dial tcp 10.0.0.1:443: i/o timeout", false),
        (
            "ImagePullBackOff: Back-off pulling image \"registry.example/bmctl:1\"",
            false,
        ),
    ] {
        assert_eq!(is_refused(said), refused, "{said}");
    }
}

#[test]
fn a_refused_pod_says_who_refused_it() {
    for (said, expected) in [
        (
            "pods \"p\" is forbidden: exceeded quota: few, requested: pods=1",
            "a quota of",
        ),
        (
            "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\"",
            "the Pod security",
        ),
        (
            "admission webhook \"w\" denied the request",
            "the API server did not accept",
        ),
    ] {
        assert!(refusal(said).starts_with(expected), "{said}");
    }
}

#[test]
fn what_may_pass_is_not_believed_at_once() {
    let denied = "pods is forbidden: User \"c\" cannot create resource \"pods\"";
    for (code, message, expected) in [
        (403, "pods \"p\" is forbidden: exceeded quota: few", Some(1)),
        (
            403,
            "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\"",
            Some(1),
        ),
        (
            400,
            "admission webhook \"w\" denied the request: no",
            Some(1),
        ),
        (422, "Pod \"p\" is invalid: spec.nodeName", Some(1)),
        (403, denied, Some(CERTAINTY)),
        (401, "Unauthorized", Some(CERTAINTY)),
        (403, "<html>no</html>", Some(CERTAINTY)),
        (404, "404 page not found", None),
        (500, "failed calling webhook \"w\"", None),
        (503, "", None),
    ] {
        let status = kube::core::Status::failure(message, "").with_code(code);
        let error = kube::Error::Api(Box::new(status));
        let failure = failure::from_kube(&error, "create the probe pod");
        assert_eq!(patience(&failure), expected, "{code} {message}");
    }
}

#[test]
fn a_pod_that_only_looks_like_ours_is_not_read() {
    let pod = ended(probe(false), "");
    assert!(PodFacts::read(&pod, "another-check").is_none());
    let mut renamed = pod.clone();
    renamed.metadata.name = Some("mine".to_owned());
    assert!(PodFacts::read(&renamed, "check-uid").is_none());
    let mut disowned = pod;
    disowned.metadata.owner_references = None;
    assert!(PodFacts::read(&disowned, "check-uid").is_none());
}
