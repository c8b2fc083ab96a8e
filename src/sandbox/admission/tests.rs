//! The three policies of a real cluster, every validation both ways, and what a policy can get wrong.
#![allow(clippy::needless_pass_by_value)] // so that tables can use json! in place

use super::*;
use crate::sandbox::resource::ALL_VERBS;

const VM_CREATE: &str = include_str!("../../../tests/policies/vap-vm-create.yaml");
const SAFE_DISABLE: &str = include_str!("../../../tests/policies/vap-safe-disable.yaml");
const PROTECT_ENGINE: &str = include_str!("../../../tests/policies/vap-protect-engine.yaml");

fn policies(texts: &[&str]) -> Policies {
    let documents: Vec<Arc<Value>> = texts
        .iter()
        .flat_map(|text| serde_saphyr::from_multiple::<Value>(text).unwrap())
        .map(Arc::new)
        .collect();
    of_objects(documents)
}

fn of_objects(objects: Vec<Arc<Value>>) -> Policies {
    let (policies, bindings): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| object["kind"] == "ValidatingAdmissionPolicy");
    for policy in &policies {
        assert_eq!(faults(policy), []);
    }
    Policies::compile(&policies, &bindings)
}

fn resource(group: &str, plural: &str, kind: &str, namespaced: bool) -> ResourceType {
    ResourceType {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: ALL_VERBS,
        status_subresource: true,
        scale_subresource: false,
        counts_generation: true,
        custom: true,
        schema: None,
        columns: Vec::new(),
        selectable_fields: Vec::new(),
    }
}

/// A cluster with at most one VMRuntime and one labelled namespace.
struct Fake {
    runtime: Option<Value>,
}

impl Cluster for Fake {
    fn resource_of(&self, api_version: &str, kind: &str) -> Option<Arc<ResourceType>> {
        match (api_version, kind) {
            ("vm.cluster.gke.io/v1", "VMRuntime") => Some(Arc::new(resource(
                "vm.cluster.gke.io",
                "vmruntimes",
                "VMRuntime",
                false,
            ))),
            ("v1", "Namespace") => Some(Arc::new(resource("", "namespaces", "Namespace", false))),
            _ => None,
        }
    }

    fn get(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        assert_eq!(namespace, None);
        match (resource.plural.as_str(), name) {
            ("vmruntimes", "vmruntime") => self.runtime.clone().map(Arc::new),
            ("namespaces", "default") => Some(Arc::new(
                json!({"metadata": {"name": name, "labels": {"env": "prod"}}}),
            )),
            _ => None,
        }
    }

    fn list(&self, _: &ResourceType, _: Option<&str>) -> Vec<Arc<Value>> {
        self.runtime.clone().map(Arc::new).into_iter().collect()
    }
}

fn someone(name: &str) -> Identity {
    Identity::new(name, ["system:authenticated".to_owned()])
}

struct Asked {
    operation: Operation,
    resource: ResourceType,
    namespace: Option<&'static str>,
    name: &'static str,
    object: Option<Value>,
    old: Option<Value>,
    user: Identity,
}

impl Asked {
    fn of(&self, policies: &Policies, runtime: Option<Value>) -> Result<Vec<String>, Refusal> {
        let request = AdmissionRequest {
            operation: self.operation,
            resource: &self.resource,
            subresource: None,
            name: self.name,
            namespace: self.namespace,
            object: self.object.as_ref(),
            old_object: self.old.as_ref(),
            identity: &self.user,
            dry_run: false,
        };
        policies.admit(&request, &Fake { runtime })
    }
}

fn create_vm() -> Asked {
    Asked {
        operation: Operation::Create,
        resource: resource(
            "vm.cluster.gke.io",
            "virtualmachines",
            "VirtualMachine",
            true,
        ),
        namespace: Some("default"),
        name: "x",
        object: Some(json!({"metadata": {"name": "x"}})),
        old: None,
        user: someone("kubernetes-admin"),
    }
}

fn runtime(enabled: bool, conditions: Value) -> Value {
    json!({"apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime", "metadata": {"name": "vmruntime"},
        "spec": {"enabled": enabled}, "status": {"conditions": conditions}})
}

fn gate(status: &str, message: Option<&str>) -> Value {
    match message {
        Some(message) => {
            json!([{"type": "VMCreationAllowed", "status": status, "message": message}])
        }
        None => json!([{"type": "VMCreationAllowed", "status": status}]),
    }
}

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
            outcome.err().map(|refusal| refusal.message),
            message,
            "{runtime:?}"
        );
    }
}

#[test]
fn a_denial_is_a_status_of_the_validations_reason() {
    let refusal = create_vm()
        .of(&policies(&[VM_CREATE]), Some(runtime(false, json!([]))))
        .unwrap_err();
    assert_eq!((refusal.code, refusal.reason), (403, "Forbidden"));
    let details = refusal.details.unwrap_or_default();
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
        if let Err(refusal) = outcome {
            let why = "VM Runtime cannot be disabled: 2 virtual machine(s) still exist. Delete them first, or run: bmctl disable vmruntime --force=true";
            assert!(refusal.message.ends_with(why), "{}", refusal.message);
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

/// A policy on everything, with the given spec members, and its binding.
fn own(spec: Value, binding: Value) -> Policies {
    let mut policy =
        json!({"kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"}, "spec": spec});
    if policy["spec"].get("matchConstraints").is_none() {
        policy["spec"]["matchConstraints"] = json!({"resourceRules": [
            {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]});
    }
    let mut binding = json!({"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"}, "spec": binding});
    binding["spec"]["policyName"] = "p".into();
    if binding["spec"].get("validationActions").is_none() {
        binding["spec"]["validationActions"] = json!(["Deny"]);
    }
    of_objects(vec![Arc::new(policy), Arc::new(binding)])
}

fn message(policies: &Policies) -> String {
    let refusal = create_vm().of(policies, None).unwrap_err();
    let at = refusal
        .message
        .find("denied request: ")
        .map_or(0, |at| at + "denied request: ".len());
    refusal.message[at..].to_owned()
}

#[test]
fn what_can_not_be_evaluated_denies_unless_failures_are_ignored() {
    let spec = |policy: &str| json!({"failurePolicy": policy, "validations": [{"expression": "object.spec.gone == 1"}]});
    assert_eq!(
        message(&own(spec("Fail"), json!({}))),
        "expression 'object.spec.gone == 1' resulted in error: no such key: spec"
    );
    assert!(
        create_vm()
            .of(&own(spec("Ignore"), json!({})), None)
            .is_ok()
    );
}

#[test]
fn variables_are_as_if_lazy_and_see_those_before_them() {
    let variables = json!([
        {"name": "broken", "expression": "object.spec.gone"},
        {"name": "one", "expression": "1"},
        {"name": "two", "expression": "variables.one + 1"},
    ]);
    let with = |expression: &str| {
        own(
            json!({"variables": variables, "validations": [{"expression": expression}]}),
            json!({}),
        )
    };
    assert!(
        create_vm()
            .of(&with("variables.two == 2 || variables.broken"), None)
            .is_ok()
    );
    assert_eq!(
        message(&with("variables.broken == 1")),
        "expression 'variables.broken == 1' resulted in error: composited variable \"broken\" fails to evaluate: no such key: spec"
    );
    assert_eq!(
        message(&with("variables.two == 3")),
        "failed expression: variables.two == 3"
    );
}

#[test]
fn conditions_selectors_and_scopes_limit_a_policy() {
    let never = json!([{"expression": "false"}]);
    let denies = |mut spec: Value, binding: Value| {
        spec["validations"] = never.clone();
        create_vm().of(&own(spec, binding), None).is_err()
    };
    let rule = |change: Value| {
        let mut rule = json!({"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]});
        for (name, value) in change.as_object().into_iter().flatten() {
            rule[name] = value.clone();
        }
        json!({"matchConstraints": {"resourceRules": [rule]}})
    };
    assert!(denies(json!({}), json!({})));
    assert!(!denies(
        json!({"matchConditions": [{"name": "n", "expression": "request.operation == 'UPDATE'"}]}),
        json!({})
    ));
    assert!(denies(rule(json!({"scope": "Namespaced"})), json!({})));
    assert!(!denies(rule(json!({"scope": "Cluster"})), json!({})));
    assert!(!denies(
        rule(json!({"resources": ["virtualmachines/status"]})),
        json!({})
    ));
    assert!(denies(rule(json!({"resources": ["*/*"]})), json!({})));
    assert!(!denies(
        rule(json!({"resourceNames": ["other"]})),
        json!({})
    ));
    assert!(!denies(rule(json!({"apiVersions": ["v2"]})), json!({})));
    let matching = |resources: Value| json!({ "matchResources": resources });
    assert!(denies(
        json!({}),
        matching(json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}}))
    ));
    assert!(!denies(
        json!({}),
        matching(json!({"namespaceSelector": {"matchLabels": {"env": "test"}}}))
    ));
    assert!(!denies(
        json!({}),
        matching(json!({"objectSelector": {"matchLabels": {"a": "b"}}}))
    ));
    let excluded = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["virtualmachines"]}]);
    assert!(!denies(
        json!({}),
        matching(json!({"excludeResourceRules": excluded}))
    ));
}

#[test]
fn a_binding_may_only_warn() {
    let spec =
        json!({"validations": [{"expression": "request.dryRun", "message": "not like this"}]});
    let warned = create_vm().of(
        &own(
            spec.clone(),
            json!({"validationActions": ["Warn", "Audit"]}),
        ),
        None,
    );
    assert_eq!(
        warned.unwrap(),
        ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': not like this"]
    );
    assert!(
        create_vm()
            .of(&own(spec, json!({"validationActions": ["Audit"]})), None)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn parameters_of_an_unknown_kind_deny() {
    let spec = json!({"paramKind": {"apiVersion": "x.io/v1", "kind": "X"}, "validations": [{"expression": "true"}]});
    assert_eq!(
        message(&own(spec, json!({"paramRef": {"name": "x"}}))),
        "failed to configure policy: failed to find resource referenced by paramKind: 'x.io/v1, Kind=X'"
    );
}

#[test]
fn broken_expressions_are_found_when_a_policy_is_stored() {
    let validation = json!({"expression": "params.x", "messageExpression": "'a' +"});
    let policy = json!({"spec": {"validations": [validation]}});
    let fields: Vec<String> = faults(&policy)
        .into_iter()
        .map(|cause| cause.field)
        .collect();
    assert_eq!(
        fields,
        [
            "spec.validations[0].expression",
            "spec.validations[0].messageExpression"
        ]
    );
}
