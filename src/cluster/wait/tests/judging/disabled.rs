//! When VM Runtime is disabled.

use super::*;

#[test]
fn disabled_is_more_than_not_ready() {
    let wait = || {
        unchanged(
            Target::Disabled,
            with(disabled(), json!({"status": {"observedGeneration": 3}})),
        )
    };
    let controller = || pod("vmruntime-controller-manager-1", "rs-controller");
    let alone = || all_pods(&[controller()]);
    assert_eq!(
        judged(&wait(), vec![]),
        format!("waiting: {LAG}; the pods in vm-system have not been read yet")
    );
    assert_eq!(judged(&wait(), vec![alone(), runtime(disabled())]), "done");
    let cases = [
        (
            json!({"status": {"ready": true}}),
            "waiting: status.ready is still true",
        ),
        (
            json!({"status": {"ready": "no"}}),
            "waiting: status.ready cannot be read",
        ),
        (json!({"spec": {"enabled": true}}), "failed: FlippedBack 11"),
        (
            json!({"status": {"conditions": [{"type": "Progressing", "status": "True", "reason": "EngineUninstalling", "message": "3 pods left"}]}}),
            "waiting: 3 pods left",
        ),
        (
            json!({"status": {"conditions": [{"type": "DisableBlocked", "status": "True", "reason": "WorkloadsExist", "message": "2 VMs"}]}}),
            "waiting: 2 VMs",
        ),
        (json!({"status": null}), "done"),
    ];
    for (change, expected) in cases {
        assert_eq!(
            judged(&wait(), vec![alone(), runtime(with(disabled(), &change))]),
            expected,
            "{change}"
        );
    }
}

#[test]
fn only_the_controllers_own_pods_may_be_left() {
    let wait = unchanged(Target::Disabled, disabled());
    let controller = || pod("vmruntime-controller-manager-1", "rs-controller");
    let mut finished = pod("probe-1", "x");
    finished["status"]["phase"] = "Succeeded".into();
    let bare = json!({"metadata": {"name": "probe-2"}, "status": {"phase": "Running"}});
    let cases = [
        (all_pods(&[controller(), finished]), "done"),
        (all_pods(&[]), "done"),
        (
            all_pods(&[controller(), pod("virt-api-1", "rs-other"), bare]),
            "waiting: pods left in vm-system: 2; probe-2, virt-api-1",
        ),
        // The name alone proves nothing.
        (
            all_pods(&[pod("vmruntime-controller-manager-2", "rs-other")]),
            "waiting: pods left in vm-system: 1; vmruntime-controller-manager-2",
        ),
        (
            all_pods(&[pod("virt-api-1", "rs-secret")]),
            "waiting: pods left in vm-system: 1; virt-api-1",
        ),
        (
            all_pods(&[pod("vmruntime-controller-manager-1", "rs-secret")]),
            "done; unknown: whether pod vmruntime-controller-manager-1 in vm-system is the controller's: its ReplicaSet cannot be read",
        ),
        (
            refused(Seen::Pods),
            "done; unknown: whether only the controller is left in vm-system: forbidden",
        ),
    ];
    for (heard, expected) in cases {
        assert_eq!(judged(&wait, vec![heard]), expected);
    }
    let leaves = vec![
        all_pods(&[controller(), pod("virt-api-1", "rs-other")]),
        (Seen::Pods, Update::Gone(pod("virt-api-1", "rs-other"))),
    ];
    assert_eq!(judged(&wait, leaves), "done");
}
