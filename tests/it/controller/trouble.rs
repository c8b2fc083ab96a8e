//! What keeps the controller from its work, and does not pass by itself: it is said, and it is over when it is over.

use std::time::Duration;

use anyhow::{Context, ensure};
use bmctl::{
    api::{
        Condition,
        condition::{self, ConditionStatus, kind, reason},
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
    },
    controller::ControllerOptions,
};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    rbac::v1::{ClusterRole, PolicyRule, Role},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use libtest_mimic::Trial;
use serde_json::json;

use super::{
    stage::{Stage, refuses, run},
    table::told,
};

pub fn trials() -> Vec<Trial> {
    vec![
        told("a_cluster_that_can_not_be_seen_is_not_ready", blind),
        told("a_refused_step_is_said", refused),
        Trial::test(
            "controller::a_check_that_can_not_be_written_is_said",
            || run(unwritten),
        ),
    ]
}

/// Looks again soon, so that a story need not wait for it.
fn options() -> anyhow::Result<ControllerOptions> {
    let mut options = Stage::options()?;
    options.pace.retry_most = Duration::from_millis(500);
    Ok(options)
}

async fn said(stage: &Stage, because: &str) -> anyhow::Result<Condition> {
    let runtime = stage
        .status(&format!("Degraded because {because}"), |_, status| {
            condition::find(&status.conditions, kind::DEGRADED).is_some_and(|degraded| {
                degraded.status == ConditionStatus::True && degraded.reason == because
            })
        })
        .await?;
    let conditions = runtime.status.unwrap_or_default().conditions;
    condition::find(&conditions, kind::DEGRADED)
        .cloned()
        .context("the condition was there")
}

fn without(rules: &[PolicyRule], resource: &str) -> Vec<PolicyRule> {
    let lost = |rule: &&PolicyRule| {
        let resources = rule.resources.iter().flatten();
        !resources.into_iter().any(|found| found == resource)
    };
    rules.iter().filter(lost).cloned().collect()
}

async fn blind(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.start(options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    let roles: Api<ClusterRole> = Api::all(stage.client.clone());
    let rules = roles.get(CONTROLLER_DEPLOYMENT).await?.rules;
    let rules = rules.context("the controller's rules")?;
    let patch = |rules: &[PolicyRule]| Patch::Merge(json!({"rules": rules}));
    let parameters = PatchParams::default();
    let fewer = without(&rules, "kubevirts");
    roles
        .patch(CONTROLLER_DEPLOYMENT, &parameters, &patch(&fewer))
        .await?;
    // Something rings, so that it is looked.
    stage.force("false ").await?;
    let degraded = said(&stage, reason::FORBIDDEN).await?;
    ensure!(degraded.message.contains("list kubevirts"), "{degraded:?}");
    let runtime = stage.runtime().get("vmruntime").await?;
    let status = runtime.status.unwrap_or_default();
    ensure!(status.ready == Some(false), "{status:?}");
    let ready = condition::find(&status.conditions, kind::READY).context("Ready")?;
    ensure!(ready.status == ConditionStatus::Unknown, "{ready:?}");
    ensure!(
        condition::is_true(&status.conditions, kind::VM_CREATION_ALLOWED),
        "what was found out before still holds: {status:?}"
    );

    roles
        .patch(CONTROLLER_DEPLOYMENT, &parameters, &patch(&rules))
        .await?;
    stage.ready().await?;
    stage
        .condition(kind::DEGRADED, ConditionStatus::False)
        .await?;
    controller.stop().await
}

async fn refused(stage: Stage) -> anyhow::Result<()> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(stage.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(stage.client.clone());
    let policy = serde_json::from_value(json!({
        "metadata": {"name": "no-engine"},
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["kubevirt.io"], "apiVersions": ["*"],
                "operations": ["CREATE"], "resources": ["kubevirts"],
            }, {
                "apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["configmaps"],
            }]},
            "validations": [{
                "expression": "request.resource.resource == 'configmaps' && request.name != 'engine'",
                "message": "no engine before the audit",
            }],
        },
    }))?;
    let binding = serde_json::from_value(json!({
        "metadata": {"name": "no-engine"},
        "spec": {"policyName": "no-engine", "validationActions": ["Deny"]},
    }))?;
    let parameters = PostParams::default();
    policies.create(&parameters, &policy).await?;
    bindings.create(&parameters, &binding).await?;
    // The API server learns of it a moment later. There is no KubeVirt yet that it could be asked with.
    let maps = stage.api("", "v1", "ConfigMap", "configmaps");
    let map = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "engine"},
    }))?;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    refuses(&maps, &map, &dry_run, "before the audit").await?;
    let controller = stage.start(options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    let degraded = said(&stage, reason::REFUSED).await?;
    ensure!(
        degraded.message.contains("no engine before the audit"),
        "{degraded:?}"
    );
    bindings
        .delete("no-engine", &DeleteParams::default())
        .await?;
    stage.ready().await?;
    stage
        .condition(kind::DEGRADED, ConditionStatus::False)
        .await?;
    controller.stop().await
}

async fn unwritten(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.start(options()?);
    stage.phase("Disabled").await?;
    let roles: Api<Role> = Api::namespaced(stage.client.clone(), SYSTEM_NAMESPACE);
    let rules = roles.get(CONTROLLER_DEPLOYMENT).await?.rules;
    let rules = rules.context("the controller's rules")?;
    let patch = |rules: &[PolicyRule]| Patch::Merge(json!({"rules": rules}));
    let parameters = PatchParams::default();
    let fewer = without(&rules, "vmruntimepreflightchecks/status");
    roles
        .patch(CONTROLLER_DEPLOYMENT, &parameters, &patch(&fewer))
        .await?;
    stage.create_check("unwritten").await?;
    let degraded = said(&stage, reason::FORBIDDEN).await?;
    ensure!(
        degraded.message.contains("preflight check unwritten"),
        "{degraded:?}"
    );
    roles
        .patch(CONTROLLER_DEPLOYMENT, &parameters, &patch(&rules))
        .await?;
    stage.finished("unwritten").await?;
    stage
        .condition(kind::DEGRADED, ConditionStatus::False)
        .await?;
    controller.stop().await
}
