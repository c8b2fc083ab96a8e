//! APIServices come and go with what is served; requests for certificates are approved, and not signed by anybody.

use apiserver::{Identity, Options, Server};
use kube::Client;
use serde_json::{Value, json};

use super::{call, same, until_answered};

const SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

pub async fn api_services() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    built_in(&client).await?;
    of_definitions(&client).await?;
    of_others(&client).await
}

/// Every group that is there has an APIService, as a kube-apiserver shows it.
async fn built_in(client: &Client) -> anyhow::Result<()> {
    let (_, groups) = call(client, "GET", "/apis", Value::Null).await?;
    let groups = groups["groups"].as_array().cloned().unwrap_or_default();
    let names = groups.iter().filter_map(|group| group["name"].as_str());
    let names: Vec<&str> = names.collect();
    same(
        &names,
        &vec![
            "apiregistration.k8s.io",
            "apps",
            "events.k8s.io",
            "authentication.k8s.io",
            "authorization.k8s.io",
            "autoscaling",
            "batch",
            "certificates.k8s.io",
            "networking.k8s.io",
            "policy",
            "rbac.authorization.k8s.io",
            "storage.k8s.io",
            "admissionregistration.k8s.io",
            "apiextensions.k8s.io",
            "scheduling.k8s.io",
            "coordination.k8s.io",
            "node.k8s.io",
            "discovery.k8s.io",
            "flowcontrol.apiserver.k8s.io",
        ],
        "groups in the order of their priority",
    )?;
    for group in names
        .iter()
        .filter(|group| **group != "apiregistration.k8s.io")
    {
        let path = format!("{SERVICES}/v1.{group}");
        until_answered(client, "GET", &path, Value::Null, 200).await?;
    }
    let (_, apps) = call(client, "GET", &format!("{SERVICES}/v1.apps"), Value::Null).await?;
    let spec = json!({"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15});
    same(&apps["spec"], &spec, "apps")?;
    let condition = &apps["status"]["conditions"][0];
    let told = ["type", "status", "reason", "message"].map(|field| condition[field].clone());
    let expected = [
        "Available",
        "True",
        "Local",
        "Local APIServices are always available",
    ];
    same(&told, &expected.map(Value::from), "apps")?;
    let core = call(client, "GET", &format!("{SERVICES}/v1."), Value::Null).await?;
    same(
        &core.1["metadata"]["labels"],
        &json!({"kube-aggregator.kubernetes.io/automanaged": "onstart"}),
        "core",
    )
}

async fn of_definitions(client: &Client) -> anyhow::Result<()> {
    let definition = |plural: &str, kind: &str| {
        json!({"metadata": {"name": format!("{plural}.reg.example.com")}, "spec": {
            "group": "reg.example.com", "scope": "Cluster", "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1beta1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
    };
    let path = format!("{SERVICES}/v1beta1.reg.example.com");
    for (plural, kind) in [("as", "A"), ("bs", "B")] {
        let (code, answer) = call(client, "POST", DEFINITIONS, definition(plural, kind)).await?;
        same(&code, &201, &answer.to_string())?;
    }
    let service = until_answered(client, "GET", &path, Value::Null, 200).await?;
    same(
        &service["spec"]["groupPriorityMinimum"],
        &json!(1000),
        "the priority",
    )?;
    let gone = format!("{DEFINITIONS}/as.reg.example.com");
    call(client, "DELETE", &gone, Value::Null).await?;
    until_answered(client, "GET", &gone, Value::Null, 404).await?;
    let (code, _) = call(client, "GET", &path, Value::Null).await?;
    same(&code, &200, "one definition is left")?;
    let gone = format!("{DEFINITIONS}/bs.reg.example.com");
    call(client, "DELETE", &gone, Value::Null).await?;
    until_answered(client, "GET", &path, Value::Null, 404).await?;
    Ok(())
}

/// Whatever somebody else serves is never available: nothing is forwarded.
async fn of_others(client: &Client) -> anyhow::Result<()> {
    let service = |name: &str, port: Value| {
        json!({"metadata": {"name": name}, "spec": {
            "group": "else.example.com", "version": "v1", "groupPriorityMinimum": 2000, "versionPriority": 200,
            "service": {"name": "api", "namespace": "default", "port": port}}})
    };
    let (code, answer) = call(client, "POST", SERVICES, service("wrong", Value::Null)).await?;
    same(&code, &422, "a name")?;
    same(
        &answer["message"],
        &json!(
            "APIService.apiregistration.k8s.io \"wrong\" is invalid: metadata.name: Invalid value: \"wrong\": must be \
             `spec.version+\".\"+spec.group`: \"v1.else.example.com\""
        ),
        "a name",
    )?;
    let given = service("v1.else.example.com", Value::Null);
    let (code, created) = call(client, "POST", SERVICES, given).await?;
    same(&code, &201, &created.to_string())?;
    same(&created["spec"]["service"]["port"], &json!(443), "the port")?;
    let condition = &created["status"]["conditions"][0];
    same(&condition["status"], &json!("False"), "never available")
}

pub async fn certificates() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let who = Identity::new("somebody", ["system:masters".to_owned()]);
    let client = sandbox.client(&who);
    let wrong = json!({"metadata": {"name": "wrong"}, "spec": {"request": "LS0t", "signerName": "example.com/signer"}});
    let (code, answer) = call(&client, "POST", REQUESTS, wrong).await?;
    same(&code, &422, "no request")?;
    same(
        &answer["message"],
        &json!(
            "CertificateSigningRequest.certificates.k8s.io \"wrong\" is invalid: [spec.request: Invalid value: \"LS0t\": PEM \
             block type must be CERTIFICATE REQUEST, spec.usages: Required value]"
        ),
        "no request",
    )?;
    let begin = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K";
    let request = json!({"metadata": {"name": "mine"}, "spec": {
        "request": begin, "signerName": "example.com/signer", "usages": ["client auth"],
        "username": "somebody else"}, "status": {"certificate": "LS0t"}});
    let (code, created) = call(&client, "POST", REQUESTS, request).await?;
    same(&code, &201, &created.to_string())?;
    same(&created["spec"]["username"], &json!("somebody"), "who asks")?;
    same(&created["status"], &json!({}), "nothing is granted yet")?;
    let path = format!("{REQUESTS}/mine");
    let spec = json!({"spec": {"usages": ["server auth"]}, "metadata": {"labels": {"a": "b"}}});
    let (_, patched) = call(&client, "PATCH", &path, spec).await?;
    same(
        &patched["spec"],
        &created["spec"],
        "what was asked for stays",
    )?;
    same(&patched["metadata"]["labels"]["a"], &json!("b"), "a label")?;
    let approved = json!([{"type": "Approved", "status": "True", "reason": "r", "message": "m"}]);
    let patch = json!({"status": {"conditions": approved, "certificate": "LS0t"}});
    let (code, patched) =
        call(&client, "PATCH", &format!("{path}/approval"), patch.clone()).await?;
    same(&code, &200, &patched.to_string())?;
    same(
        &patched["status"]["conditions"][0]["type"],
        &json!("Approved"),
        "approved",
    )?;
    same(
        &patched["status"]["certificate"],
        &Value::Null,
        "no certificate by approval",
    )?;
    let (_, signed) = call(&client, "PATCH", &format!("{path}/status"), patch).await?;
    same(
        &signed["status"]["certificate"],
        &json!("LS0t"),
        "a certificate",
    )?;
    let selected = format!("{REQUESTS}?fieldSelector=spec.signerName=example.com/other");
    let (_, none) = call(&client, "GET", &selected, Value::Null).await?;
    same(&none["items"], &json!([]), "by signer")
}

/// Kinds that nothing acts on have the defaults of a real API server.
pub async fn kinds_with_defaults() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let container = json!({"name": "c", "image": "i"});
    let wrong = json!({"metadata": {"name": "wrong"}, "spec": {"template": {"spec": {"containers": [container]}}}});
    let (_, answer) = call(
        &client,
        "POST",
        "/apis/batch/v1/namespaces/default/jobs",
        wrong,
    )
    .await?;
    same(
        &answer["message"],
        &json!(
            "Job.batch \"wrong\" is invalid: spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \
             \"Never\""
        ),
        "a job that runs forever",
    )?;
    let job = json!({"metadata": {"name": "j"}, "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}});
    let (code, job) = call(
        &client,
        "POST",
        "/apis/batch/v1/namespaces/default/jobs",
        job,
    )
    .await?;
    same(&code, &201, &job.to_string())?;
    let uid = &job["metadata"]["uid"];
    same(
        &job["spec"]["selector"],
        &json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
        "a job",
    )?;
    let labels = json!({"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": "j",
        "controller-uid": uid, "job-name": "j"});
    same(
        &job["spec"]["template"]["metadata"]["labels"],
        &labels,
        "a job",
    )?;
    same(&job["spec"]["completions"], &json!(1), "a job")?;
    let scaled = |version: &str| {
        format!("/apis/autoscaling/{version}/namespaces/default/horizontalpodautoscalers")
    };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"});
    let first = json!({"metadata": {"name": "h"}, "spec": {
        "maxReplicas": 3, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50}});
    let (code, answer) = call(&client, "POST", &scaled("v1"), first).await?;
    same(&code, &201, &answer.to_string())?;
    let (_, second) = call(&client, "GET", &format!("{}/h", scaled("v2")), Value::Null).await?;
    let metric = &second["spec"]["metrics"][0]["resource"]["target"];
    same(
        &metric["averageUtilization"],
        &json!(50),
        "the second version",
    )?;
    let more = json!({"spec": {"maxReplicas": 5}});
    let (code, answer) = call(&client, "PATCH", &format!("{}/h", scaled("v2")), more).await?;
    same(&code, &200, &answer.to_string())?;
    let (_, first) = call(&client, "GET", &format!("{}/h", scaled("v1")), Value::Null).await?;
    let spec = json!({"maxReplicas": 5, "minReplicas": 1, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50});
    same(&first["spec"], &spec, "the first version")?;
    let slice = json!({"metadata": {"name": "e"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.1.2.3"]}],
        "ports": [{"port": 80}]});
    let path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let (_, slice) = call(&client, "POST", path, slice).await?;
    same(
        &slice["ports"],
        &json!([{"name": "", "port": 80, "protocol": "TCP"}]),
        "a slice",
    )
}

/// Mutating policies are kept with their defaults, and change nothing.
pub async fn mutating_policies() -> anyhow::Result<()> {
    const PATH: &str = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies";
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]});
    let policy = json!({"metadata": {"name": "p"}, "spec": {
        "matchConstraints": {"resourceRules": [rule]}, "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}]}});
    let (code, created) = call(&client, "POST", PATH, policy).await?;
    same(&code, &201, &created.to_string())?;
    same(
        &created["spec"]["failurePolicy"],
        &json!("Fail"),
        "a default",
    )?;
    same(
        &created["spec"]["matchConstraints"]["resourceRules"][0]["scope"],
        &json!("*"),
        "a default",
    )
}
