//! The three policies of a real cluster, every validation both ways.

use super::*;

const VM_CREATE: &str = include_str!("../../../tests/policies/vap-vm-create.yaml");
const SAFE_DISABLE: &str = include_str!("../../../tests/policies/vap-safe-disable.yaml");
const PROTECT_ENGINE: &str = include_str!("../../../tests/policies/vap-protect-engine.yaml");

#[test]
fn machines_are_created_only_while_the_gate_is_open() {
    let policies = policies(&[VM_CREATE]);
    let denied = |why: &str| {
        let policy = "vm-create.vmruntime.vm.cluster.gke.io";
        Some(format!(
            "ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request: {why}"
        ))
    };
    let disabled = "VM Runtime is not enabled: VM creation is blocked. Run 'bmctl enable vmruntime' (or set spec.enabled: true on vmruntime/vmruntime) and retry.";
    let not_passed = "VM Runtime preflight has not passed: VM creation is blocked. See: kubectl get vmruntimepfc -n vm-system";
    for (runtime, expected) in [
        (Some(runtime(true, gate("True", None))), None),
        (Some(runtime(false, gate("True", None))), denied(disabled)),
        (
            Some(json!({"metadata": {"name": "vmruntime"}})),
            denied(disabled),
        ),
        (Some(runtime(true, json!([]))), denied(not_passed)),
        (Some(runtime(true, gate("False", None))), denied(not_passed)),
        (
            Some(runtime(true, gate("False", Some("worker-0 has no KVM")))),
            denied("worker-0 has no KVM"),
        ),
        (
            None,
            denied(
                "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
            ),
        ),
    ] {
        let outcome = create_vm().of(&policies, runtime.clone());
        let message = expected
            .map(|why| format!("virtualmachines.vm.cluster.gke.io \"x\" is forbidden: {why}"));
        assert_eq!(
            outcome.err().map(|error| error.message),
            message,
            "{runtime:?}"
        );
    }
}

#[test]
fn a_denial_is_a_status_of_the_validations_reason() {
    let error = create_vm()
        .of(&policies(&[VM_CREATE]), Some(runtime(false, json!([]))))
        .unwrap_err();
    assert_eq!((error.code, error.reason), (403, "Forbidden"));
    let details = error.details.unwrap_or_default();
    assert_eq!(details["name"], "x");
    let message = details["causes"][0]["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("ValidatingAdmissionPolicy 'vm-create"),
        "{message}"
    );
    let missing = create_vm().of(&policies(&[VM_CREATE]), None).unwrap_err();
    assert_eq!((missing.code, missing.reason), (422, "Invalid"));
}

#[test]
fn only_the_resources_and_operations_of_a_rule_are_gated() {
    let policies = policies(&[VM_CREATE]);
    let closed = || Some(runtime(false, json!([])));
    let with = |change: fn(&mut Asked)| {
        let mut asked = create_vm();
        change(&mut asked);
        asked.of(&policies, closed()).is_ok()
    };
    assert!(!with(|_| {}));
    assert!(with(|asked| asked.operation = Operation::Update));
    assert!(with(|asked| asked.resource.group = "example.com".to_owned()));
    assert!(with(
        |asked| asked.resource.plural = "virtualmachinedisks".to_owned()
    ));
    let instance = |asked: &mut Asked, user: &str| {
        asked.resource = resource(
            "kubevirt.io",
            "virtualmachineinstances",
            "VirtualMachineInstance",
            true,
        );
        asked.user = someone(user);
    };
    let mut by_controller = create_vm();
    instance(
        &mut by_controller,
        "system:serviceaccount:kubevirt:kubevirt-controller",
    );
    assert!(by_controller.of(&policies, closed()).is_ok());
    let mut by_person = create_vm();
    instance(&mut by_person, "jane");
    assert!(by_person.of(&policies, closed()).is_err());
}

fn change_runtime(operation: Operation, old: Value, new: Option<Value>) -> Asked {
    Asked {
        operation,
        resource: resource("vm.cluster.gke.io", "vmruntimes", "VMRuntime", false),
        namespace: None,
        name: "vmruntime",
        object: new,
        old: Some(old),
        user: someone("jane"),
    }
}

#[test]
fn the_runtime_is_disabled_only_when_that_is_safe() {
    let policies = policies(&[SAFE_DISABLE]);
    let real = "baremetal.cluster.gke.io/vmrumtime-force-disable";
    let corrected = "baremetal.cluster.gke.io/vmruntime-force-disable";
    let old = |enabled: bool, workloads: i64| json!({"spec": {"enabled": enabled}, "status": {"workloadCount": workloads}});
    let new = |enabled: bool, annotations: Value| json!({"metadata": {"annotations": annotations}, "spec": {"enabled": enabled}});
    let plain = |enabled: bool| json!({"metadata": {}, "spec": {"enabled": enabled}});
    for (old, new, allowed) in [
        (old(true, 2), plain(false), false),
        (old(true, 0), plain(false), true),
        (old(true, 2), plain(true), true),
        (old(false, 2), plain(false), true),
        (json!({"spec": {"enabled": true}}), plain(false), true),
        (json!({}), plain(false), true),
        (old(true, 2), new(false, json!({ real: "true" })), true),
        (
            old(true, 2),
            new(false, json!({ real: "false", corrected: "true" })),
            false,
        ),
        (old(true, 2), new(false, json!({ corrected: "true" })), true),
        (old(true, 2), json!({"metadata": {}}), false),
    ] {
        let outcome =
            change_runtime(Operation::Update, old.clone(), Some(new.clone())).of(&policies, None);
        assert_eq!(outcome.is_ok(), allowed, "{old} -> {new}");
        if let Err(error) = outcome {
            let why = "VM Runtime cannot be disabled: 2 virtual machine(s) still exist. Delete them first, or run: bmctl disable vmruntime --force=true";
            assert!(error.message.ends_with(why), "{}", error.message);
        }
    }
    let delete = |enabled| {
        change_runtime(
            Operation::Delete,
            json!({"metadata": {}, "spec": {"enabled": enabled}}),
            None,
        )
        .of(&policies, None)
    };
    assert!(delete(false).is_ok());
    let message = delete(true).unwrap_err().message;
    assert!(
        message.ends_with(
            "VMRuntime is enabled and cannot be deleted: run 'bmctl disable vmruntime' first."
        ),
        "{message}"
    );
}

#[test]
fn the_engine_is_protected_while_it_runs_machines() {
    let policies = policies(&[PROTECT_ENGINE]);
    let delete = |resource: ResourceType, name: &'static str, old: Value| Asked {
        operation: Operation::Delete,
        resource,
        namespace: None,
        name,
        object: None,
        old: Some(old),
        user: someone("jane"),
    };
    let kubevirt = || {
        delete(
            resource("kubevirt.io", "kubevirts", "KubeVirt", true),
            "kubevirt",
            json!({}),
        )
    };
    let counted =
        |count: i64| Some(json!({"spec": {"enabled": true}, "status": {"workloadCount": count}}));
    let message = kubevirt().of(&policies, counted(3)).unwrap_err().message;
    assert!(
        message.ends_with(
            "deleting kubevirt would destroy 3 virtual machine(s). Use: bmctl disable vmruntime"
        ),
        "{message}"
    );
    let message = kubevirt().of(&policies, counted(0)).unwrap_err().message;
    assert!(
        message
            .ends_with("kubevirt is managed by VMRuntime (enabled). Use: bmctl disable vmruntime"),
        "{message}"
    );
    assert!(
        kubevirt()
            .of(&policies, Some(json!({"spec": {"enabled": false}})))
            .is_ok()
    );
    assert!(
        kubevirt().of(&policies, None).is_ok(),
        "parameterNotFoundAction: Allow"
    );
    let namespace = |name| {
        delete(
            resource("", "namespaces", "Namespace", false),
            name,
            json!({"metadata": {}}),
        )
        .of(&policies, counted(1))
    };
    assert!(namespace("default").is_ok());
    assert!(namespace("vm-system").is_err());
    let crd = |group: &str| {
        let crds = resource(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            false,
        );
        delete(crds, "x", json!({"spec": {"group": group}})).of(&policies, counted(1))
    };
    assert!(crd("example.com").is_ok());
    assert!(crd("kubevirt.io").is_err());
}
