use http::Request;

use super::*;
use crate::access::{authorization::of_request, identity::Identity};

fn faults(text: &str) -> Faults {
    let faults = Faults::new(mpsc::unbounded_channel().0);
    for fault in serde_saphyr::from_str::<Vec<Fault>>(text).unwrap() {
        faults.arm(fault).unwrap();
    }
    faults
}

/// How many of `count` requests are hit.
fn hits(faults: &Faults, party: Party, method: &str, path: &str, count: usize) -> usize {
    let user = Identity::owner();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(bytes::Bytes::new())
        .unwrap();
    let attributes = of_request(&user, &request);
    (0..count)
        .filter(|_| !faults.effects(party, &attributes).is_empty())
        .count()
}

#[test]
fn a_fault_hits_what_it_is_for() {
    const PODS: &str = "/api/v1/namespaces/default/pods";
    const VMS: &str = "/apis/kubevirt.io/v1/virtualmachines";
    let (clients, machinery) = (Party::Clients, Party::Machinery);
    for (fault, party, method, path, expected) in [
        ("do: reset", clients, "GET", PODS, 9),
        ("do: reset", clients, "GET", "/version", 9),
        ("do: reset", machinery, "GET", PODS, 0),
        ("do: reset\n  target: machinery", machinery, "GET", PODS, 9),
        ("do: reset\n  target: machinery", clients, "GET", PODS, 0),
        ("do: reset\n  target: everyone", clients, "GET", PODS, 9),
        ("do: reset\n  verbs: [list]", clients, "GET", PODS, 9),
        ("do: reset\n  verbs: [list]", clients, "POST", PODS, 0),
        (
            "do: reset\n  verbs: [watch]",
            clients,
            "GET",
            "/api/v1/pods?watch=true",
            9,
        ),
        ("do: reset\n  resources: [pods]", clients, "GET", PODS, 9),
        (
            "do: reset\n  resources: [pods]",
            clients,
            "GET",
            "/version",
            0,
        ),
        (
            "do: reset\n  resources: [virtualmachines]",
            clients,
            "GET",
            VMS,
            9,
        ),
        (
            "do: reset\n  resources: [virtualmachines.kubevirt.io]",
            clients,
            "GET",
            VMS,
            9,
        ),
        (
            "do: reset\n  resources: [virtualmachines.vm.cluster.gke.io]",
            clients,
            "GET",
            VMS,
            0,
        ),
        ("do: reset\n  users: [jane]", clients, "GET", PODS, 0),
        (
            "do: reset\n  users: [kubernetes-admin]",
            clients,
            "GET",
            PODS,
            9,
        ),
        ("do: reset\n  times: 2", clients, "GET", PODS, 2),
        ("do: reset\n  skip: 4", clients, "GET", PODS, 5),
        ("do: reset\n  skip: 4\n  times: 2", clients, "GET", PODS, 2),
        ("do: reset\n  probability: 0", clients, "GET", PODS, 0),
        ("do: {error: {}}", clients, "GET", PODS, 0),
    ] {
        let faults = faults(&format!("- {fault}"));
        assert_eq!(
            hits(&faults, party, method, path, 9),
            expected,
            "{fault} {method} {path}"
        );
    }
}

#[test]
fn the_same_seed_draws_the_same() {
    let drawn = |seed: u64| {
        let faults = faults(&format!("- {{do: reset, probability: 0.5, seed: {seed}}}"));
        (0..64)
            .map(|_| hits(&faults, Party::Clients, "GET", "/api/v1/pods", 1))
            .collect::<Vec<_>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
fn what_makes_no_sense_is_not_armed() {
    for (text, expected) in [
        ("{do: reset, verbs: [post]}", "verbs"),
        ("{do: reset, probability: 2}", "probability"),
        ("{do: {answer: {code: 200}}}", "code"),
    ] {
        let fault: Fault = serde_saphyr::from_str(text).unwrap();
        let faults = Faults::new(mpsc::unbounded_channel().0);
        assert!(faults.arm(fault).unwrap_err().contains(expected), "{text}");
    }
    for text in [
        "{do: explode}",
        "{do: {delay: soon}}",
        "{do: {cut: {code: 3}}}",
        "{do: reset, verb: [get]}",
        "{}",
    ] {
        assert!(serde_saphyr::from_str::<Fault>(text).is_err(), "{text}");
    }
}

#[test]
fn delays_add_up_and_the_first_other_fault_wins() {
    let faults = faults(
        "- do: {delay: 1s}\n- do: {delay: 2s}\n- do: {answer: {code: 503, retryAfter: 1s}}\n- do: reset\n",
    );
    let user = Identity::owner();
    let request = Request::get("/api/v1/pods")
        .body(bytes::Bytes::new())
        .unwrap();
    let effects = faults.effects(Party::Clients, &of_request(&user, &request));
    assert_eq!(effects.len(), 3);
    assert!(matches!(effects[2], Effect::Answer { code: 503, .. }));
}
