//! Admission policies decide about writes, dry runs included.

use anyhow::ensure;
use kube::Client;
use serde_json::{Value, json};

use super::{call, config_map, same, until_answered};
use crate::test_server;

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

pub async fn suite(client: &Client) -> anyhow::Result<()> {
    let (_, served) = call(client, "GET", GROUP, Value::Null).await?;
    let has_policies = served["resources"].as_array().is_some_and(|all| {
        all.iter()
            .any(|one| one["name"] == "validatingadmissionpolicies")
    });
    if !has_policies {
        // Older than Kubernetes 1.30; the sandbox is not.
        ensure!(test_server::assets().is_some(), "{served}");
        return Ok(());
    }
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "gate"},
        "spec": {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE", "DELETE"],
            }]},
            "matchConditions": [{"name": "guarded", "expression": "request.name.startsWith('guarded')"}],
            "validations": [{
                "expression": "params.data.open == 'yes'", "reason": "Forbidden",
                "messageExpression": "'the gate is closed for ' + request.name",
            }, {
                "expression": "!(request.name == 'guarded-in-earnest' && request.dryRun)", "message": "not in earnest",
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "gate"},
        "spec": {"policyName": "gate", "validationActions": ["Deny"],
                 "paramRef": {"name": "gate", "namespace": "default", "parameterNotFoundAction": "Deny"}},
    });
    let mut gate = config_map("gate");
    gate["data"] = json!({"open": "no"});
    call(client, "POST", MAPS, gate).await?;
    for (plural, object) in [
        ("validatingadmissionpolicies", policy),
        ("validatingadmissionpolicybindings", binding),
    ] {
        let (code, answer) = call(client, "POST", &format!("{GROUP}/{plural}"), object).await?;
        same(&code, &201, &format!("{plural}: {answer}"))?;
    }

    let dry_run = format!("{MAPS}?dryRun=All");
    let guarded = || config_map("guarded");
    until_answered(client, "POST", &dry_run, guarded(), 403).await?;
    for path in [MAPS, &dry_run] {
        let (code, answer) = call(client, "POST", path, guarded()).await?;
        same(&code, &403, &format!("closed: {answer}"))?;
        let message = answer["message"].as_str().unwrap_or_default();
        ensure!(
            message.contains("the gate is closed for guarded"),
            "{message}"
        );
    }
    let (code, _) = call(client, "POST", MAPS, config_map("free")).await?;
    same(&code, &201, "what the policy does not match")?;
    let open = json!({"data": {"open": "yes"}});
    call(client, "PATCH", &format!("{MAPS}/gate"), open).await?;
    until_answered(client, "POST", &dry_run, guarded(), 201).await?;
    let (code, answer) = call(client, "POST", MAPS, guarded()).await?;
    same(&code, &201, &format!("open: {answer}"))?;
    // Rules know whether it is in earnest.
    let earnest = || config_map("guarded-in-earnest");
    let (code, answer) = call(client, "POST", &dry_run, earnest()).await?;
    same(&code, &422, &format!("a dry run: {answer}"))?;
    let (code, answer) = call(client, "POST", MAPS, earnest()).await?;
    same(&code, &201, &format!("in earnest: {answer}"))?;
    let path = format!("{MAPS}/guarded-in-earnest");
    let (code, answer) = call(client, "DELETE", &path, Value::Null).await?;
    same(&code, &200, &format!("in earnest: {answer}"))?;
    let close = json!({"data": {"open": "no"}});
    call(client, "PATCH", &format!("{MAPS}/gate"), close).await?;
    let dry_run = format!("{MAPS}/guarded?dryRun=All");
    until_answered(client, "DELETE", &dry_run, Value::Null, 403).await?;
    let (code, _) = call(client, "DELETE", &format!("{MAPS}/guarded"), Value::Null).await?;
    same(&code, &403, "a delete while it is closed")?;

    // Without its binding a policy does nothing.
    let binding = format!("{GROUP}/validatingadmissionpolicybindings/gate");
    call(client, "DELETE", &binding, Value::Null).await?;
    until_answered(client, "DELETE", &dry_run, Value::Null, 200).await?;
    for name in ["guarded", "free", "gate"] {
        let (code, answer) = call(client, "DELETE", &format!("{MAPS}/{name}"), Value::Null).await?;
        same(&code, &200, &format!("cleaning up {name}: {answer}"))?;
    }
    call(
        client,
        "DELETE",
        &format!("{GROUP}/validatingadmissionpolicies/gate"),
        Value::Null,
    )
    .await?;
    Ok(())
}
