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
    meddler::{Meddler, Refusal},
    news::settles,
    stage::{Controller, Stage, refuses, run, until},
    table::told,
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
        told("old_kubernetes_has_no_policies", old_kubernetes),
        told("a_gate_that_lets_vms_pass_is_not_believed", not_enforced),
    ]
}

/// While the controller starts, the API server does not tell which kinds there are.
async fn asked_later(stage: Stage) -> anyhow::Result<()> {
    let meddler = Meddler::default();
    meddler.refuse(|request| {
        let asks = request.uri().path() == "/apis/admissionregistration.k8s.io/v1";
        asks.then_some(Refusal(503, "ServiceUnavailable", "not yet"))
    });
    let controller = Controller::start(meddler.before(stage.account()), Stage::options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    // What follows from being ready is over by then: nothing else rings any more.
    tokio::time::sleep(Duration::from_secs(3)).await;
    meddler.relent();
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    stage
        .bindings()
        .delete(gate, &DeleteParams::default())
        .await?;
    // Long before it looks by itself, which is every five minutes.
    until(stage.bindings(), "the binding again", |bindings| {
        bindings
            .iter()
            .any(|binding| binding.name_any() == gate)
            .then_some(())
    })
    .await?;
    controller.stop().await
}

async fn repaired(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    until(stage.policies(), "a gate that fails closed", |policies| {
        let gate = policies.iter().find(|policy| policy.name_any() == gate)?;
        (gate.data["spec"]["failurePolicy"] == "Fail").then_some(())
    })
    .await?;
    let parameters = PatchParams::default();
    // Opened by hand in three ways.
    let harmless = json!({"spec": {"validations": [{"expression": "true"}]}});
    stage
        .policies()
        .patch(gate, &parameters, &Patch::Merge(&harmless))
        .await?;
    until(stage.policies(), "the policy's own words", |policies| {
        let gate = policies.iter().find(|policy| policy.name_any() == gate)?;
        (gate.data["spec"]["validations"][0]["expression"] != "true").then_some(())
    })
    .await?;
    let warn = json!({"spec": {"validationActions": ["Warn"]}});
    stage
        .bindings()
        .patch(gate, &parameters, &Patch::Merge(&warn))
        .await?;
    until(stage.bindings(), "a binding that denies", |bindings| {
        let gate = bindings.iter().find(|binding| binding.name_any() == gate)?;
        (gate.data["spec"]["validationActions"] == json!(["Deny", "Audit"])).then_some(())
    })
    .await?;
    stage
        .policies()
        .delete(gate, &DeleteParams::default())
        .await?;
    until(stage.policies(), "the policy again", |policies| {
        policies
            .iter()
            .any(|policy| policy.name_any() == gate)
            .then_some(())
    })
    .await?;
    stage.enable(false).await?;
    stage.phase("Disabled").await?;
    controller.stop().await
}

/// An earlier release was taken out badly: its policy and its binding are there, and nothing else.
async fn left_over(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.enable(false).await?;
    stage.phase("Disabled").await?;
    controller.stop().await?;
    stage
        .runtime()
        .delete(name::VMRUNTIME, &DeleteParams::default())
        .await?;
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    let old = json!({"spec": {"validations": [{"expression": "false", "message": "of before"}]}});
    stage
        .policies()
        .patch(gate, &PatchParams::default(), &Patch::Merge(&old))
        .await?;
    stage.bindings().get(gate).await?;
    let controller = stage.start(Stage::options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    stage.machine("vm").await?;
    controller.stop().await
}

async fn old_kubernetes(stage: Stage) -> anyhow::Result<()> {
    let meddler = Meddler::default();
    meddler.answer(|request| match request.uri().path() {
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
    let controller = Controller::start(meddler.before(stage.account()), Stage::options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    let missing = stage
        .condition(kind::ADMISSION_MISSING, ConditionStatus::True)
        .await?;
    ensure!(missing.message.contains("1.30"), "{missing:?}");
    // Nothing gates creation, and everything else is as ever.
    stage.machine("vm").await?;
    stage.enable(false).await?;
    stage.phase("DisableBlocked").await?;
    stage.force("true").await?;
    stage.phase("Disabled").await?;
    // The cluster is upgraded.
    meddler.relent();
    stage.enable(true).await?;
    stage.ready().await?;
    stage
        .condition(kind::ADMISSION_MISSING, ConditionStatus::False)
        .await?;
    controller.stop().await
}

/// Policies can be made, and the API server's plugin is off.
async fn not_enforced(stage: Stage) -> anyhow::Result<()> {
    let meddler = Meddler::default();
    meddler.answer(|request| {
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
    let controller = Controller::start(meddler.before(stage.account()), Stage::options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    stage.machine("vm").await?;
    stage.enable(false).await?;
    stage.phase("DisableBlocked").await?;
    let missing = stage
        .condition(kind::ADMISSION_MISSING, ConditionStatus::True)
        .await?;
    ensure!(missing.message.contains("plugin"), "{missing:?}");
    // It is no reason to wait for ever either.
    stage.force("true").await?;
    stage.phase("Disabled").await?;
    // Somebody switches it on.
    meddler.relent();
    stage.nodes.say("n1", super::stage::Answer::NoKvm);
    stage.enable(true).await?;
    stage
        .condition(kind::ADMISSION_MISSING, ConditionStatus::False)
        .await?;
    controller.stop().await
}

/// Somebody opens the gate by hand while the engine is being removed, and a VM gets through.
async fn slips_in(stage: Stage) -> anyhow::Result<()> {
    const HOLD: &str = "example.com/hold";
    let meddler = Meddler::default();
    let client = meddler.before(stage.account());
    let controller = Controller::start(client, Stage::options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    let hold = |finalizers: Vec<String>| {
        let kubevirt = stage.kubevirt();
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        async move {
            kubevirt
                .patch("kubevirt", &PatchParams::default(), &patch)
                .await
        }
    };
    let mut finalizers = stage
        .kubevirt()
        .get("kubevirt")
        .await?
        .finalizers()
        .to_vec();
    finalizers.push(HOLD.to_owned());
    hold(finalizers).await?;
    stage.enable(false).await?;
    stage.phase("Uninstalling").await?;
    // KubeVirt's kinds are gone, and the fence stays until KubeVirt itself is.
    stage.gone(stage.machines(), "no kind of VM").await?;
    let product = stage.api(
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
    meddler.refuse(|request| {
        let repairs = request.method() == Method::PATCH
            && request.uri().path().contains("/admissionregistration");
        repairs.then_some(Refusal(500, "InternalError", "not now"))
    });
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    stage
        .bindings()
        .delete(gate, &DeleteParams::default())
        .await?;
    until(stage.bindings(), "no binding", |bindings| {
        (!bindings.iter().any(|binding| binding.name_any() == gate)).then_some(())
    })
    .await?;
    settles("the gate is open", async || {
        let created = product.create(&PostParams::default(), &machine).await;
        Ok(created.map(drop)?)
    })
    .await?;
    meddler.relent();
    stage.phase("DisableBlocked").await?;
    until(stage.bindings(), "the binding again", |bindings| {
        let back = bindings.iter().any(|binding| binding.name_any() == gate);
        back.then_some(())
    })
    .await?;
    product.get("late").await?;
    product.delete("late", &DeleteParams::default()).await?;
    stage.phase("Uninstalling").await?;
    hold(Vec::new()).await?;
    stage.phase("Disabled").await?;
    controller.stop().await
}
