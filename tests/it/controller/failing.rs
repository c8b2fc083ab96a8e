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
    rbac::v1::{ClusterRole, Role},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject},
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    table::trial,
    test_cluster::{TestCluster, refuses, run},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_cluster_that_can_not_be_seen_is_not_ready", blind),
        trial("a_refused_step_is_said", refused),
        Trial::test(
            "controller::a_check_that_can_not_be_written_is_said",
            || run(unwritten),
        ),
    ]
}

/// Looks again soon, so that a test need not wait for it.
fn options() -> anyhow::Result<ControllerOptions> {
    let mut options = TestCluster::options()?;
    options.pace.retry_most = Duration::from_millis(500);
    Ok(options)
}

async fn said(cluster: &TestCluster, because: &str) -> anyhow::Result<Condition> {
    let runtime = cluster
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

/// A role of the controller's that was made smaller, and what it held.
struct Lessened {
    roles: Api<DynamicObject>,
    rules: Value,
}

impl Lessened {
    /// Takes the rules away that name the resource.
    async fn by(roles: Api<DynamicObject>, resource: &str) -> anyhow::Result<Self> {
        let role = roles.get(CONTROLLER_DEPLOYMENT).await?;
        let rules = role.data["rules"].clone();
        let all = rules.as_array().context("the controller's rules")?;
        let names = |rule: &Value| rule["resources"].as_array().cloned().unwrap_or_default();
        let fewer: Vec<Value> = all
            .iter()
            .filter(|rule| !names(rule).contains(&json!(resource)))
            .cloned()
            .collect();
        ensure!(fewer.len() < all.len(), "nothing names {resource}");
        let lessened = Self { roles, rules };
        lessened.hold(&json!(fewer)).await?;
        Ok(lessened)
    }

    /// Gives them back.
    async fn restore(self) -> anyhow::Result<()> {
        self.hold(&self.rules).await
    }

    async fn hold(&self, rules: &Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"rules": rules}));
        let parameters = PatchParams::default();
        self.roles
            .patch(CONTROLLER_DEPLOYMENT, &parameters, &patch)
            .await?;
        Ok(())
    }
}

async fn blind(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.start(options()?);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    let kind = ApiResource::erase::<ClusterRole>(&());
    let roles = Api::all_with(cluster.client.clone(), &kind);
    let role = Lessened::by(roles, "kubevirts").await?;
    // Something rings, so that it is looked.
    cluster.force("false ").await?;
    let degraded = said(&cluster, reason::FORBIDDEN).await?;
    ensure!(degraded.message.contains("list kubevirts"), "{degraded:?}");
    let runtime = cluster.runtime().get("vmruntime").await?;
    let status = runtime.status.unwrap_or_default();
    ensure!(status.ready == Some(false), "{status:?}");
    let ready = condition::find(&status.conditions, kind::READY).context("Ready")?;
    ensure!(ready.status == ConditionStatus::Unknown, "{ready:?}");
    ensure!(
        condition::is_true(&status.conditions, kind::VM_CREATION_ALLOWED),
        "what was found out before still holds: {status:?}"
    );

    role.restore().await?;
    cluster.ready().await?;
    cluster
        .condition(kind::DEGRADED, ConditionStatus::False)
        .await?;
    controller.stop().await
}

async fn refused(cluster: TestCluster) -> anyhow::Result<()> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(cluster.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client.clone());
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
    let maps = cluster.api("", "v1", "ConfigMap", "configmaps");
    let map = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "engine"},
    }))?;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    refuses(&maps, &map, &dry_run, "before the audit").await?;
    let controller = cluster.start(options()?);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    let degraded = said(&cluster, reason::REFUSED).await?;
    ensure!(
        degraded.message.contains("no engine before the audit"),
        "{degraded:?}"
    );
    bindings
        .delete("no-engine", &DeleteParams::default())
        .await?;
    cluster.ready().await?;
    cluster
        .condition(kind::DEGRADED, ConditionStatus::False)
        .await?;
    controller.stop().await
}

async fn unwritten(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.start(options()?);
    cluster.phase("Disabled").await?;
    let kind = ApiResource::erase::<Role>(&());
    let roles = Api::namespaced_with(cluster.client.clone(), SYSTEM_NAMESPACE, &kind);
    let role = Lessened::by(roles, "vmruntimepreflightchecks/status").await?;
    cluster.create_check("unwritten").await?;
    let degraded = said(&cluster, reason::FORBIDDEN).await?;
    ensure!(
        degraded.message.contains("preflight check unwritten"),
        "{degraded:?}"
    );
    role.restore().await?;
    cluster.finished("unwritten").await?;
    cluster
        .condition(kind::DEGRADED, ConditionStatus::False)
        .await?;
    controller.stop().await
}
