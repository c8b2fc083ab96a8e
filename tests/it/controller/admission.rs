//! The admission policies on clusters that are not as the controller left them, or have none.

use std::time::Duration;

use anyhow::ensure;
use bmctl::api::{
    condition::{ConditionStatus, kind},
    name,
};
use http::Method;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use libtest_mimic::Trial;
use serde_json::json;

use super::{
    eventually::settles,
    interference::{Interference, Refusal},
    table::trial,
    test_cluster::{TestCluster, refuses, run, until},
};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("controller::vm_that_slips_in_stops_the_removal", || {
            run(slips_in)
        }),
        Trial::test("controller::admission_is_repaired", || run(repaired)),
        Trial::test(
            "controller::what_could_not_be_asked_for_is_watched_later",
            || run(asked_later),
        ),
        Trial::test("controller::policies_of_before_are_taken_over", || {
            run(left_over)
        }),
        trial("old_kubernetes_has_no_policies", old_kubernetes),
        trial("a_gate_that_lets_vms_pass_is_not_believed", not_enforced),
    ]
}

/// While the controller starts, the API server does not tell which kinds there are.
async fn asked_later(test_cluster: TestCluster) -> anyhow::Result<()> {
    let interference = Interference::default();
    interference.refuse(|request| {
        let asks = request.uri().path() == "/apis/admissionregistration.k8s.io/v1";
        asks.then_some(Refusal(503, "ServiceUnavailable", "not yet"))
    });
    let client = interference.before(test_cluster.account());
    let controller = test_cluster.enabled_by(client).await?;
    // What follows from being ready is over by then: nothing else rings any more.
    tokio::time::sleep(Duration::from_secs(3)).await;
    interference.relent();
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    test_cluster
        .bindings()
        .delete(gate, &DeleteParams::default())
        .await?;
    // Long before it looks by itself, which is every five minutes.
    until(test_cluster.bindings(), "the binding again", |bindings| {
        bindings
            .iter()
            .any(|binding| binding.name_any() == gate)
            .then_some(())
    })
    .await?;
    controller.stop().await
}

async fn repaired(test_cluster: TestCluster) -> anyhow::Result<()> {
    let controller = test_cluster.enabled().await?;
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    until(
        test_cluster.policies(),
        "a gate that fails closed",
        |policies| {
            let gate = policies.iter().find(|policy| policy.name_any() == gate)?;
            (gate.data["spec"]["failurePolicy"] == "Fail").then_some(())
        },
    )
    .await?;
    let parameters = PatchParams::default();
    // Opened by hand in three ways.
    let harmless = json!({"spec": {"validations": [{"expression": "true"}]}});
    test_cluster
        .policies()
        .patch(gate, &parameters, &Patch::Merge(&harmless))
        .await?;
    until(
        test_cluster.policies(),
        "the policy's own words",
        |policies| {
            let gate = policies.iter().find(|policy| policy.name_any() == gate)?;
            (gate.data["spec"]["validations"][0]["expression"] != "true").then_some(())
        },
    )
    .await?;
    let warn = json!({"spec": {"validationActions": ["Warn"]}});
    test_cluster
        .bindings()
        .patch(gate, &parameters, &Patch::Merge(&warn))
        .await?;
    until(
        test_cluster.bindings(),
        "a binding that denies",
        |bindings| {
            let gate = bindings.iter().find(|binding| binding.name_any() == gate)?;
            (gate.data["spec"]["validationActions"] == json!(["Deny", "Audit"])).then_some(())
        },
    )
    .await?;
    test_cluster
        .policies()
        .delete(gate, &DeleteParams::default())
        .await?;
    until(test_cluster.policies(), "the policy again", |policies| {
        policies
            .iter()
            .any(|policy| policy.name_any() == gate)
            .then_some(())
    })
    .await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;
    controller.stop().await
}

/// An earlier release was taken out badly: its policy and its binding are there, and nothing else.
async fn left_over(test_cluster: TestCluster) -> anyhow::Result<()> {
    let controller = test_cluster.enabled().await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;
    controller.stop().await?;
    test_cluster
        .runtime()
        .delete(name::VMRUNTIME, &DeleteParams::default())
        .await?;
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    let old = json!({"spec": {"validations": [{"expression": "false", "message": "of before"}]}});
    test_cluster
        .policies()
        .patch(gate, &PatchParams::default(), &Patch::Merge(&old))
        .await?;
    test_cluster.bindings().get(gate).await?;
    let controller = test_cluster.start(TestCluster::options()?);
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    test_cluster.machine("vm").await?;
    controller.stop().await
}

async fn old_kubernetes(test_cluster: TestCluster) -> anyhow::Result<()> {
    let interference = Interference::default();
    interference.answer(|request| match request.uri().path() {
        path if path.contains("/validatingadmissionpolic") => {
            let message = "the server could not find the requested resource";
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": "NotFound", "code": 404,
            });
            Some((404, status))
        }
        "/apis/admissionregistration.k8s.io/v1" => {
            let resources = json!({
                "kind": "APIResourceList", "apiVersion": "v1",
                "groupVersion": "admissionregistration.k8s.io/v1", "resources": [],
            });
            Some((200, resources))
        }
        _ => None,
    });
    let client = interference.before(test_cluster.account());
    let controller = test_cluster.enabled_by(client).await?;
    let missing = test_cluster
        .condition(kind::ADMISSION_MISSING, ConditionStatus::True)
        .await?;
    ensure!(missing.message.contains("1.30"), "{missing:?}");
    // Nothing gates creation, and everything else is as ever.
    test_cluster.machine("vm").await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("DisableBlocked").await?;
    test_cluster.force("true").await?;
    test_cluster.phase("Disabled").await?;
    // The cluster is upgraded.
    interference.relent();
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    test_cluster
        .condition(kind::ADMISSION_MISSING, ConditionStatus::False)
        .await?;
    controller.stop().await
}

/// Policies can be made, and the API server's plugin is off.
async fn not_enforced(test_cluster: TestCluster) -> anyhow::Result<()> {
    let interference = Interference::default();
    interference.answer(|request| {
        let tries = request.method() == Method::POST
            && request
                .uri()
                .path()
                .ends_with("/virtualmachineinstancereplicasets");
        tries.then(|| {
            let created = json!({
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceReplicaSet",
                "metadata": {"name": "creation-is-tried", "namespace": "vm-system", "uid": "u"},
            });
            (201, created)
        })
    });
    let client = interference.before(test_cluster.account());
    let controller = test_cluster.enabled_by(client).await?;
    test_cluster.machine("vm").await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("DisableBlocked").await?;
    let missing = test_cluster
        .condition(kind::ADMISSION_MISSING, ConditionStatus::True)
        .await?;
    ensure!(missing.message.contains("plugin"), "{missing:?}");
    // It is no reason to wait for ever either.
    test_cluster.force("true").await?;
    test_cluster.phase("Disabled").await?;
    // Somebody switches it on.
    interference.relent();
    test_cluster
        .nodes
        .say("n1", super::test_cluster::Answer::NoKvm);
    test_cluster.enable(true).await?;
    test_cluster
        .condition(kind::ADMISSION_MISSING, ConditionStatus::False)
        .await?;
    controller.stop().await
}

/// Somebody opens the gate by hand while the engine is being removed, and a VM gets through.
async fn slips_in(test_cluster: TestCluster) -> anyhow::Result<()> {
    const HOLD: &str = "example.com/hold";
    let interference = Interference::default();
    let client = interference.before(test_cluster.account());
    let controller = test_cluster.enabled_by(client).await?;
    let hold = |finalizers: Vec<String>| {
        let kubevirt = test_cluster.kubevirt();
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        async move {
            kubevirt
                .patch("kubevirt", &PatchParams::default(), &patch)
                .await
        }
    };
    let mut finalizers = test_cluster
        .kubevirt()
        .get("kubevirt")
        .await?
        .finalizers()
        .to_vec();
    finalizers.push(HOLD.to_owned());
    hold(finalizers).await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("Uninstalling").await?;
    // KubeVirt's kinds are gone, and the fence stays until KubeVirt itself is.
    test_cluster
        .gone(test_cluster.machines(), "no kind of VM")
        .await?;
    let product = test_cluster.api(
        "vm.cluster.gke.io",
        "v1",
        "VirtualMachine",
        "virtualmachines",
    );
    let machine: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": "late"}, "spec": {"osType": "Linux"},
    }))?;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    refuses(&product, &machine, &dry_run, "is not enabled").await?;
    // The controller is kept from repairing the gate for the moment that it takes.
    interference.refuse(|request| {
        let repairs = request.method() == Method::PATCH
            && request.uri().path().contains("/admissionregistration");
        repairs.then_some(Refusal(500, "InternalError", "not now"))
    });
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    test_cluster
        .bindings()
        .delete(gate, &DeleteParams::default())
        .await?;
    until(test_cluster.bindings(), "no binding", |bindings| {
        (!bindings.iter().any(|binding| binding.name_any() == gate)).then_some(())
    })
    .await?;
    settles("the gate is open", async || {
        let created = product.create(&PostParams::default(), &machine).await;
        Ok(created.map(drop)?)
    })
    .await?;
    interference.relent();
    test_cluster.phase("DisableBlocked").await?;
    until(test_cluster.bindings(), "the binding again", |bindings| {
        let back = bindings.iter().any(|binding| binding.name_any() == gate);
        back.then_some(())
    })
    .await?;
    product.get("late").await?;
    product.delete("late", &DeleteParams::default()).await?;
    test_cluster.phase("Uninstalling").await?;
    hold(Vec::new()).await?;
    test_cluster.phase("Disabled").await?;
    controller.stop().await
}
