//! The loop around `judge`, against a scripted API server.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;
use crate::{
    cluster::{
        Deadline, Observer,
        retry::Pace,
        script::{self, Answer, Call, Recorder},
    },
    failure::Kind,
};

const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";
const LATER: &str = "2026-11-22T10:00:20Z";

fn quick(observer: &dyn Observer, budget: Duration) -> Retry<'_> {
    Retry::new(Deadline::after(budget), observer).with_pace(Pace::QUICK)
}

/// A server that gives, for each path, one answer after the other, and the last one for ever.
struct Server {
    calls: Arc<Mutex<Vec<Call>>>,
    client: Client,
}

fn server(answers: &[(&'static str, &[Answer])]) -> Server {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let answers: BTreeMap<&str, (AtomicUsize, Vec<Answer>)> = answers
        .iter()
        .map(|(path, answers)| (*path, (AtomicUsize::new(0), answers.to_vec())))
        .collect();
    let client = script::client(move |call| {
        seen.lock().unwrap().push(call.clone());
        let Some((next, answers)) = answers.get(call.path.as_str()) else {
            return Answer::status(404, "NotFound", "not found");
        };
        let at = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        answers[at].clone()
    });
    Server { calls, client }
}

fn list(items: &[Value]) -> Answer {
    Answer::json(&json!({"metadata": {"resourceVersion": "60"}, "items": items}))
}

async fn waited(server: &Server, wait: &Wait) -> Result<Outcome, Failure> {
    until(
        &server.client,
        wait,
        &quick(&crate::cluster::Silent, Duration::from_secs(20)),
    )
    .await
}

#[tokio::test]
async fn two_watches_from_the_version_of_the_patch_are_all_that_enabling_takes() {
    let server = server(&[
        (RUNTIMES, &[Answer::watch(&[("MODIFIED", ready())])]),
        (
            CHECKS,
            &[Answer::watch(&[
                ("ADDED", check("new", LATER, None)),
                ("MODIFIED", check("new", LATER, Some(true))),
            ])],
        ),
    ]);
    let recorder = Recorder::default();
    let outcome = until(
        &server.client,
        &after_enabling(),
        &quick(&recorder, Duration::from_secs(20)),
    )
    .await;
    let Outcome::Reached(reached) = outcome.unwrap() else {
        panic!("the check has passed");
    };
    assert_eq!(reached.check.unwrap().metadata.name.as_deref(), Some("new"));
    assert_eq!(
        reached
            .runtime
            .unwrap()
            .metadata
            .resource_version
            .as_deref(),
        Some("50")
    );
    let calls = server.calls.lock().unwrap();
    // A machine that is busy takes so long that what is in the way is looked for, too.
    let calls = calls
        .iter()
        .filter(|call| [RUNTIMES, CHECKS].contains(&call.path.as_str()));
    let calls: Vec<&Call> = calls.collect();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.watches()));
    assert!(
        calls
            .iter()
            .all(|call| call.query("resourceVersion").as_deref() == Some("40"))
    );
    let events = recorder.events();
    for expected in [
        Event::CheckStarted { name: "new".into() },
        Event::CheckFinished {
            name: "new".into(),
            verdict: crate::runtime::verdict::Verdict::Passed,
        },
    ] {
        assert!(events.contains(&expected), "{events:?}");
    }
}

/// The VMRuntime is not believed alone: the check that it names is read, and nothing else.
#[tokio::test]
async fn what_holds_already_takes_a_look_at_the_check() {
    let server = server(&[
        (RUNTIMES, &[Answer::watch(&[])]),
        (CHECKS, &[list(&[check("new", LATER, Some(true))])]),
    ]);
    let outcome = waited(&server, &unchanged(Target::Ready, ready())).await;
    assert!(matches!(outcome, Ok(Outcome::Reached(_))));
    let calls = server.calls.lock().unwrap();
    // A machine that is busy takes so long that what is in the way is looked for, too.
    let lists = calls
        .iter()
        .filter(|call| !call.watches() && call.path == CHECKS);
    assert_eq!(lists.count(), 1);
}

#[tokio::test]
async fn outages_expired_versions_and_cut_streams_do_not_end_a_wait() {
    let expired = json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"});
    let server = server(&[
        (
            RUNTIMES,
            &[
                Answer::Broken,
                Answer::status(503, "ServiceUnavailable", "starting"),
                Answer::status(401, "Unauthorized", "rotating"),
                list(&[enabled()]),
                Answer::cut_watch(&[("ERROR", expired)]),
                list(&[enabled()]),
                Answer::cut_watch(&[]),
                list(&[ready()]),
                Answer::watch(&[]),
            ],
        ),
        (
            CHECKS,
            &[
                Answer::cut_watch(&[("ADDED", check("new", LATER, None))]),
                list(&[check("new", LATER, Some(true))]),
                Answer::watch(&[]),
            ],
        ),
    ]);
    let outcome = waited(&server, &after_enabling()).await;
    assert!(matches!(outcome, Ok(Outcome::Reached(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_failed_check_comes_back_in_full() {
    let server = server(&[
        (RUNTIMES, &[Answer::watch(&[])]),
        (
            CHECKS,
            &[Answer::watch(&[(
                "ADDED",
                check("new", LATER, Some(false)),
            )])],
        ),
    ]);
    let Ok(Outcome::CheckFailed(reached)) = waited(&server, &after_enabling()).await else {
        panic!("the check has failed");
    };
    assert!(!reached.check.unwrap().status.unwrap().checks["n1"].passed);
}

#[tokio::test]
async fn a_timeout_says_what_is_missing_and_the_latest_warning() {
    let warning = |reason, at| {
        json!({"metadata": {"name": reason}, "involvedObject": {"name": "vmruntime"}, "type": "Warning",
        "reason": reason, "message": "image cannot be pulled", "lastTimestamp": at})
    };
    let events = Answer::json(
        &json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": [
            warning("EngineInstallSlow", LATER), warning("Forbidden", "2026-11-22T10:00:30Z"),
        ]}),
    );
    let slow = with(
        enabled(),
        json!({"status": {"conditions": [
            {"type": "Degraded", "status": "True", "reason": "EngineInstallSlow", "message": "", "observedGeneration": 3},
        ]}}),
    );
    let server = server(&[
        (
            RUNTIMES,
            &[Answer::watch(&[("MODIFIED", slow.clone())]), list(&[slow])],
        ),
        (CHECKS, &[Answer::watch(&[]), list(&[])]),
        ("/api/v1/namespaces/default/events", &[events]),
    ]);
    let retry = quick(&crate::cluster::Silent, Duration::from_millis(30));
    let failure = until(&server.client, &after_enabling(), &retry)
        .await
        .unwrap_err();
    assert_eq!((failure.kind, failure.exit().code()), (Kind::TimedOut, 124));
    assert_eq!(
        failure.message,
        "timed out after 0s waiting for vmruntime to be ready"
    );
    assert_eq!(
        failure.causes,
        [
            "last state: Ready",
            "still missing: the controller has not looked at the change yet (generation 4, it has seen 3)",
            "still missing: no preflight check has started since the change",
            "in the way: no controller is to be seen: there is no deployment vmruntime-controller-manager in vm-system",
            "latest warning: EngineInstallSlow: image cannot be pulled (2026-11-22T10:00:20Z)",
        ]
    );
    assert_eq!(
        failure.hints,
        [
            "see whether it is there: kubectl get deployment vmruntime-controller-manager --namespace=vm-system"
        ]
    );
}

/// A pod that nobody ends, on a node that does not answer, and an engine whose operator is away: while it is waited, and
/// when the time is over. What the controller has said of an object is not said again.
#[tokio::test]
async fn what_hangs_is_explained_on_the_way_and_at_the_end() {
    const GONE: &str = "2026-11-22T10:00:06Z";
    let mut hanging = pod("virt-api-1", "rs");
    hanging["metadata"]["namespace"] = "vm-system".into();
    hanging["metadata"]["uid"] = "p1".into();
    hanging["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:36Z".into();
    hanging["metadata"]["deletionGracePeriodSeconds"] = 30.into();
    hanging["spec"] = json!({"nodeName": "w1", "containers": []});
    let node = json!({"metadata": {"name": "w1"}, "status": {"conditions": [{
        "type": "Ready", "status": "Unknown", "lastTransitionTime": GONE,
    }]}});
    let kubevirt = json!({"metadata": {
        "name": "kubevirt", "namespace": "vm-system", "uid": "k1", "deletionTimestamp": GONE,
        "finalizers": ["foregroundDeleteKubeVirt"],
    }});
    let deployment = |name: &str, replicas: u32| {
        json!({
            "metadata": {"name": name, "namespace": "vm-system", "labels": {"kubevirt.io": name}},
            "status": {"availableReplicas": replicas},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {}},
        })
    };
    let of_engine = "kubevirts.kubevirt.io vm-system/kubevirt, being deleted since 2026-11-22T10:00:06Z, held by \
                     foregroundDeleteKubeVirt; virt-operator in vm-system has to remove the finalizer, and is scaled to 0";
    let said_already = format!("KubeVirt is being removed; still there: {of_engine}");
    for (message, engine_is_said) in [("", true), (said_already.as_str(), false)] {
        let going = with(
            disabled(),
            json!({"status": {"conditions": [
                {"type": "Progressing", "status": "True", "reason": "EngineUninstalling", "message": message, "observedGeneration": 4},
            ]}}),
        );
        let controller = deployment("vmruntime-controller-manager", 1);
        let server = server(&[
            (RUNTIMES, &[Answer::watch(&[])]),
            (
                "/api/v1/namespaces/vm-system/pods",
                &[
                    list(std::slice::from_ref(&hanging)),
                    Answer::watch(&[]),
                    list(std::slice::from_ref(&hanging)),
                ],
            ),
            ("/api/v1/nodes", &[list(std::slice::from_ref(&node))]),
            (
                "/apis/kubevirt.io/v1/kubevirts",
                &[list(std::slice::from_ref(&kubevirt))],
            ),
            (
                "/apis/kubevirt.io/v1/namespaces/vm-system/kubevirts",
                &[list(std::slice::from_ref(&kubevirt))],
            ),
            (
                "/apis/apps/v1/namespaces/vm-system/deployments",
                &[list(&[deployment("virt-operator", 0)])],
            ),
            (
                "/apis/apps/v1/namespaces/vm-system/deployments/vmruntime-controller-manager",
                &[Answer::json(&controller)],
            ),
        ]);
        let recorder = Recorder::default();
        let retry = quick(&recorder, Duration::from_secs(1));
        let wait = unchanged(Target::Disabled, going);
        let failure = until(&server.client, &wait, &retry).await.unwrap_err();
        let of_pod = "pods vm-system/virt-api-1, being deleted since 2026-11-22T10:00:06Z; it runs on node w1, which is not \
                      ready since 2026-11-22T10:00:06Z";
        let said = |text: &str| {
            let told = recorder.events().into_iter().any(|event| match event {
                Event::Waiting { missing, .. } => missing.iter().any(|line| line == text),
                _ => false,
            });
            let end = format!("in the way: {text}");
            (told, failure.causes.contains(&end))
        };
        assert_eq!(
            said(of_pod),
            (true, true),
            "{failure:?} {:?}",
            recorder.events()
        );
        assert_eq!(
            said(of_engine),
            (engine_is_said, engine_is_said),
            "{failure:?}"
        );
        let commands: Vec<String> = failure.hints.iter().map(ToString::to_string).collect();
        let commands = commands.join("\n");
        for command in [
            "kubectl get node w1 --output=wide",
            "kubectl delete pod virt-api-1 --namespace=vm-system --force --grace-period=0",
            "kubectl scale deployment virt-operator --namespace=vm-system --replicas=1",
        ] {
            assert!(commands.contains(command), "{command}: {commands}");
        }
    }
}

#[tokio::test]
async fn a_timeout_of_zero_looks_once() {
    let pods = "/api/v1/namespaces/vm-system/pods";
    let off = || (RUNTIMES, vec![list(&[disabled()]), Answer::watch(&[])]);
    let wait = unchanged(Target::Disabled, disabled());
    for (left, done) in [(vec![], true), (vec![pod("virt-api-1", "rs")], false)] {
        let (path, runtimes) = off();
        let server = server(&[
            (path, &runtimes),
            (pods, &[list(&left), Answer::watch(&[])]),
        ]);
        let retry = quick(&crate::cluster::Silent, Duration::ZERO);
        let outcome = until(&server.client, &wait, &retry).await;
        assert_eq!(outcome.is_ok(), done, "{outcome:?}");
        if let Err(failure) = outcome {
            assert_eq!(failure.kind, Kind::TimedOut);
        }
    }
}

#[tokio::test]
async fn the_controllers_pods_are_known_by_their_replica_set() {
    let sets = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": [
        {"metadata": {"name": "set", "uid": "rs-1", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "vmruntime-controller-manager", "uid": "d"},
        ]}},
    ]});
    let server = server(&[
        (RUNTIMES, &[Answer::watch(&[("MODIFIED", disabled())])]),
        (
            "/api/v1/namespaces/vm-system/pods",
            &[
                list(&[
                    pod("vmruntime-controller-manager-1", "rs-1"),
                    pod("virt-api-1", "rs-2"),
                ]),
                Answer::watch(&[("DELETED", pod("virt-api-1", "rs-2"))]),
            ],
        ),
        (
            "/apis/apps/v1/namespaces/vm-system/replicasets",
            &[Answer::json(&sets)],
        ),
    ]);
    let wait = unchanged(Target::Disabled, disabled());
    let Ok(Outcome::Reached(reached)) = waited(&server, &wait).await else {
        panic!("only the controller is left");
    };
    assert!(reached.unknown.is_empty(), "{:?}", reached.unknown);
}

#[tokio::test]
async fn waiting_is_told_once_per_change() {
    let server = server(&[
        (
            RUNTIMES,
            &[Answer::watch(&[
                ("MODIFIED", enabled()),
                ("MODIFIED", enabled()),
                ("MODIFIED", ready()),
            ])],
        ),
        (
            CHECKS,
            &[Answer::watch(&[(
                "ADDED",
                check("new", LATER, Some(false)),
            )])],
        ),
    ]);
    let recorder = Recorder::default();
    until(
        &server.client,
        &after_enabling(),
        &quick(&recorder, Duration::from_secs(20)),
    )
    .await
    .unwrap();
    let events = recorder.events();
    let waits: Vec<_> = events
        .iter()
        .filter(|event| matches!(event, Event::Waiting { .. }))
        .collect();
    assert!(waits.windows(2).all(|pair| pair[0] != pair[1]), "{waits:?}");
}

/// Something on the way swallows what watches say: what is told at the end is read, not remembered.
#[tokio::test]
async fn before_it_is_said_that_time_is_out_everything_is_looked_at_once_more() {
    let swallowed = || {
        server(&[
            (RUNTIMES, &[Answer::watch(&[]), list(&[ready()])]),
            (
                CHECKS,
                &[Answer::watch(&[]), list(&[check("new", LATER, Some(true))])],
            ),
        ])
    };
    let short = || quick(&crate::cluster::Silent, Duration::from_millis(50));
    let outcome = until(&swallowed().client, &after_enabling(), &short()).await;
    assert!(matches!(outcome, Ok(Outcome::Reached(_))), "{outcome:?}");
    // Nor is what was remembered told as if it were so now, where even that is not answered.
    let server = server(&[
        (RUNTIMES, &[Answer::watch(&[]), Answer::Broken]),
        (CHECKS, &[Answer::watch(&[]), list(&[])]),
    ]);
    let failure = until(&server.client, &after_enabling(), &short())
        .await
        .unwrap_err();
    assert_eq!(failure.kind, Kind::TimedOut);
    let said = &failure.causes[0];
    assert!(
        said.starts_with("nothing heard for 0s, and the last look failed: "),
        "{said}"
    );
}
