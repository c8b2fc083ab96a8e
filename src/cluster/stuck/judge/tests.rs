//! What is found → what is said, as tables.

use super::*;
use crate::cluster::{
    event::ObjectName,
    stuck::finalizer::{VIRT_CONTROLLER, VIRT_OPERATOR},
};

const SINCE: &str = "2026-11-23T10:00:00Z";

fn object(resource: &str, namespace: &str, name: &str) -> ObjectName {
    ObjectName {
        resource: resource.to_owned(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        name: name.to_owned(),
    }
}

fn facts(kind: &str, object: ObjectName) -> Facts {
    Facts {
        object,
        kind: kind.to_owned(),
        deleting_since: Some(SINCE.parse().unwrap()),
        finalizers: Vec::new(),
        conditions: Vec::new(),
        workers: Vec::new(),
        place: None,
        webhook: None,
        definitions: Vec::new(),
    }
}

fn kubevirt(state: State) -> Facts {
    Facts {
        finalizers: vec!["foregroundDeleteKubeVirt".to_owned()],
        workers: vec![(Worker::Engine(VIRT_OPERATOR), state)],
        ..facts(
            "KubeVirt",
            object("kubevirts.kubevirt.io", "kubevirt", "kubevirt"),
        )
    }
}

fn pods(wanted: i32, available: i32) -> State {
    State::Pods {
        namespace: "kubevirt".to_owned(),
        wanted,
        available,
        selector: "kubevirt.io=virt-operator".to_owned(),
        pod_failure: None,
    }
}

/// None of two pods is available, and this is why.
fn none_available(pod: &str, node: Option<NodeState>) -> State {
    let State::Pods {
        namespace,
        selector,
        ..
    } = pods(2, 0)
    else {
        panic!("pods")
    };
    let place = node.map(|state| Place {
        node: "w1".to_owned(),
        state,
        pods: Vec::new(),
    });
    State::Pods {
        namespace,
        wanted: 2,
        available: 0,
        selector,
        pod_failure: Some((pod.to_owned(), place)),
    }
}

fn instance(state: NodeState) -> Facts {
    Facts {
        finalizers: vec!["foregroundDeleteVirtualMachine".to_owned()],
        workers: vec![(Worker::Engine(VIRT_CONTROLLER), pods(2, 2))],
        place: Some(Place {
            node: "w1".to_owned(),
            state,
            pods: vec![object("pods", "default", "virt-launcher-one-x")],
        }),
        ..facts(
            "VirtualMachineInstance",
            object("virtualmachineinstances.kubevirt.io", "default", "one"),
        )
    }
}

fn lost() -> NodeState {
    NodeState::NotReady {
        since: Some("2026-11-23T09:00:00Z".parse().unwrap()),
        why: "NodeStatusUnknown: Kubelet stopped posting node status.".to_owned(),
    }
}

fn condition(type_: &str, status: ConditionStatus, reason: &str, message: &str) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
        ..Condition::default()
    }
}

fn namespace(conditions: Vec<Condition>) -> Facts {
    Facts {
        finalizers: vec!["kubernetes".to_owned()],
        workers: vec![(Worker::Namespaces, State::NotLooked)],
        conditions,
        ..facts("Namespace", object("namespaces", "", "eng"))
    }
}

/// What was found, whether that explains it, what is said, and the commands.
type Row = (Facts, bool, &'static str, &'static [&'static str]);

#[test]
fn what_holds_an_object_is_said_with_what_to_do() {
    use ConditionStatus::{False, True};
    const DESCRIBE_KUBEVIRT: &str = "describe kubevirts.kubevirt.io kubevirt --namespace=kubevirt";
    const DESCRIBE_INSTANCE: &str =
        "describe virtualmachineinstances.kubevirt.io one --namespace=default";
    const LOGS: &str =
        "logs --namespace=kubevirt --selector=kubevirt.io=virt-operator --prefix --tail=50";
    let rows: Vec<Row> = vec![
        (
            kubevirt(pods(0, 0)),
            true,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator in kubevirt has to remove the finalizer, and is scaled to 0",
            &[
                "scale deployment virt-operator --namespace=kubevirt --replicas=1",
                DESCRIBE_KUBEVIRT,
            ],
        ),
        (
            kubevirt(pods(2, 0)),
            true,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator in kubevirt has to remove the finalizer, and 0 of 2 of its pods \
             are available",
            &[
                "describe pods --namespace=kubevirt --selector=kubevirt.io=virt-operator",
                DESCRIBE_KUBEVIRT,
            ],
        ),
        (
            kubevirt(none_available(
                "virt-operator-x: ImagePullBackOff: no",
                None,
            )),
            true,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator in kubevirt has to remove the finalizer, and 0 of 2 of its pods \
             are available (virt-operator-x: ImagePullBackOff: no)",
            &[
                "describe pods --namespace=kubevirt --selector=kubevirt.io=virt-operator",
                DESCRIBE_KUBEVIRT,
            ],
        ),
        (
            kubevirt(none_available("virt-operator-x", Some(lost()))),
            true,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator in kubevirt has to remove the finalizer, and 0 of 2 of its pods \
             are available (virt-operator-x on node w1, which is not ready since 2026-11-23T09:00:00Z \
             (NodeStatusUnknown: Kubelet stopped posting node status.))",
            &[
                "get node w1 --output=wide",
                "describe pods --namespace=kubevirt --selector=kubevirt.io=virt-operator",
                DESCRIBE_KUBEVIRT,
            ],
        ),
        (
            kubevirt(State::NotInstalled),
            true,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator has to remove the finalizer, and is not installed",
            &[
                "get deployments --all-namespaces --selector=kubevirt.io=virt-operator",
                DESCRIBE_KUBEVIRT,
            ],
        ),
        (
            kubevirt(State::Unreadable("forbidden".to_owned())),
            false,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator has to remove the finalizer; how it is could not be read: forbidden",
            &[DESCRIBE_KUBEVIRT],
        ),
        // At work, as in every removal: its conditions say so, and that is no complaint.
        (
            Facts {
                conditions: vec![
                    condition("Available", False, "Deleting", "Deletion was triggered"),
                    condition("Degraded", True, "Deleting", "Deletion was triggered"),
                ],
                ..kubevirt(pods(2, 2))
            },
            false,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator in kubevirt has to remove the finalizer, and 2 of 2 of its pods \
             are available",
            &[LOGS, DESCRIBE_KUBEVIRT],
        ),
        (
            Facts {
                conditions: vec![condition(
                    "Synchronized",
                    False,
                    "DeletionFailed",
                    "An error occurred during deletion: no",
                )],
                definitions: vec![(
                    "virtualmachines.kubevirt.io".to_owned(),
                    vec![condition(
                        "Terminating",
                        True,
                        "InstanceDeletionInProgress",
                        "CustomResource deletion is in progress",
                    )],
                )],
                ..kubevirt(pods(2, 2))
            },
            true,
            "kubevirts.kubevirt.io kubevirt/kubevirt, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteKubeVirt; virt-operator in kubevirt has to remove the finalizer, and 2 of 2 of its pods \
             are available; Synchronized: An error occurred during deletion: no; definition virtualmachines.kubevirt.io \
             is still being deleted: CustomResource deletion is in progress",
            &[
                LOGS,
                "get virtualmachines.kubevirt.io --all-namespaces",
                DESCRIBE_KUBEVIRT,
            ],
        ),
        (
            namespace(vec![
                condition(
                    "NamespaceDeletionDiscoveryFailure",
                    False,
                    "ResourcesDiscovered",
                    "All resources successfully discovered",
                ),
                condition(
                    "NamespaceContentRemaining",
                    True,
                    "SomeResourcesRemain",
                    "Some resources are remaining: configmaps. has 1 resource instances",
                ),
                condition(
                    "NamespaceFinalizersRemaining",
                    True,
                    "SomeFinalizersRemain",
                    "Some content in the namespace has finalizers remaining: example.com/x in 1 resource instances",
                ),
            ]),
            true,
            "namespaces eng, being deleted since 2026-11-23T10:00:00Z, held by kubernetes; the namespace controller waits \
             for what is in the namespace; NamespaceContentRemaining: Some resources are remaining: configmaps. has 1 \
             resource instances; NamespaceFinalizersRemaining: Some content in the namespace has finalizers remaining: \
             example.com/x in 1 resource instances",
            &["describe namespaces eng"],
        ),
        (
            namespace(vec![condition(
                "NamespaceDeletionDiscoveryFailure",
                True,
                "DiscoveryFailed",
                "Discovery failed for some groups, 1 failing: subresources.kubevirt.io/v1",
            )]),
            true,
            "namespaces eng, being deleted since 2026-11-23T10:00:00Z, held by kubernetes; the namespace controller waits \
             for what is in the namespace; NamespaceDeletionDiscoveryFailure: Discovery failed for some groups, 1 failing: \
             subresources.kubevirt.io/v1",
            &["describe namespaces eng"],
        ),
        (
            instance(lost()),
            true,
            "virtualmachineinstances.kubevirt.io default/one, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteVirtualMachine; virt-controller in kubevirt has to remove the finalizer, and 2 of 2 of its \
             pods are available; it runs on node w1, which is not ready since 2026-11-23T09:00:00Z (NodeStatusUnknown: \
             Kubelet stopped posting node status.)",
            &[
                "get node w1 --output=wide",
                "delete pod virt-launcher-one-x --namespace=default --force --grace-period=0",
                LOGS,
                DESCRIBE_INSTANCE,
            ],
        ),
        (
            instance(NodeState::Gone),
            true,
            "virtualmachineinstances.kubevirt.io default/one, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteVirtualMachine; virt-controller in kubevirt has to remove the finalizer, and 2 of 2 of its \
             pods are available; it runs on node w1, which is not there any more",
            &["get nodes", LOGS, DESCRIBE_INSTANCE],
        ),
        // A guest that takes its time.
        (
            instance(NodeState::Ready),
            false,
            "virtualmachineinstances.kubevirt.io default/one, being deleted since 2026-11-23T10:00:00Z, held by \
             foregroundDeleteVirtualMachine; virt-controller in kubevirt has to remove the finalizer, and 2 of 2 of its \
             pods are available",
            &[LOGS, DESCRIBE_INSTANCE],
        ),
        (
            Facts {
                place: Some(Place {
                    node: "w1".to_owned(),
                    state: NodeState::Ready,
                    pods: Vec::new(),
                }),
                ..facts("Pod", object("pods", "vm-system", "p"))
            },
            false,
            "pods vm-system/p, being deleted since 2026-11-23T10:00:00Z; the kubelet of node w1 has not ended it yet",
            &["describe pods p --namespace=vm-system"],
        ),
        (
            Facts {
                finalizers: vec!["example.com/x".to_owned()],
                workers: vec![(Worker::Somebody("example.com".to_owned()), State::NotLooked)],
                webhook: Some("failed calling webhook \"x\"".to_owned()),
                deleting_since: None,
                ..facts("CDI", object("cdis.cdi.kubevirt.io", "", "cdi"))
            },
            true,
            "cdis.cdi.kubevirt.io cdi, not deleted yet, held by example.com/x; whoever works for example.com has to remove \
             the finalizer; failed calling webhook \"x\"",
            &["describe cdis.cdi.kubevirt.io cdi"],
        ),
        // An interrupted run has left it; the controller cannot help.
        (
            Facts {
                finalizers: vec!["vm.cluster.gke.io/release-disks".to_owned()],
                workers: vec![(Worker::Bmctl, State::NotLooked)],
                ..facts(
                    "VirtualMachine",
                    object("virtualmachines.kubevirt.io", "default", "one"),
                )
            },
            false,
            "virtualmachines.kubevirt.io default/one, being deleted since 2026-11-23T10:00:00Z, held by \
             vm.cluster.gke.io/release-disks; a disable of bmctl has put the finalizer there, and has to come to its end",
            &[
                "bmctl disable vmruntime --ensure",
                "describe virtualmachines.kubevirt.io one --namespace=default",
            ],
        ),
    ];
    for (facts, evident, said, commands) in rows {
        let stuck = judge(&facts);
        assert_eq!(stuck.to_string(), said);
        assert_eq!(stuck.evident, evident, "{said}");
        let found: Vec<String> = stuck
            .next_steps
            .iter()
            .map(|step| step.command.to_string().replacen("kubectl ", "", 1))
            .collect();
        assert_eq!(found, commands, "{said}");
    }
}

#[test]
fn a_pod_of_a_lost_node_is_never_let_go_without_a_warning() {
    let stuck = judge(&instance(lost()));
    let forced = stuck
        .next_steps
        .iter()
        .find(|step| step.command.to_string().contains("--force"));
    assert!(forced.unwrap().why.starts_with("only if it is known"));
    // Nothing ever tells to take away a finalizer.
    for step in &stuck.next_steps {
        assert!(!step.command.to_string().contains("finalizers"), "{step:?}");
    }
}

#[test]
fn what_a_condition_says_at_length_is_cut() {
    let stuck = judge(&namespace(vec![condition(
        "NamespaceDeletionContentFailure",
        ConditionStatus::True,
        "ContentDeletionFailed",
        &"ä".repeat(10_000),
    )]));
    assert!(stuck.to_string().chars().count() < 600);
}
