//! Who may do what: roles, bindings, impersonation, reviews, tokens.

use anyhow::{Context, ensure};
use apiserver::{Identity, Options, Server};
use http::Request;
use http_body_util::BodyExt;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::{call, config_map, same};

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const AUTHORIZATION: &str = "/apis/authorization.k8s.io/v1";

/// The limited user sees much and changes nothing; what it is told is what a real API server tells.
pub async fn limited() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let limited = of_context(&sandbox, "limited").await?;
    for path in [
        "/api",
        "/apis",
        "/openapi/v3",
        "/version",
        CONFIG_MAPS,
        "/api/v1/nodes",
    ] {
        let (code, answer) = call(&limited, "GET", path, Value::Null).await?;
        ensure!(code == 200, "{path}: {answer}");
    }
    for (method, path, message) in [
        (
            "GET",
            "/api/v1/namespaces/default/secrets",
            r#"secrets is forbidden: User "limited" cannot list resource "secrets" in API group "" in the namespace "default""#,
        ),
        (
            "DELETE",
            "/api/v1/nodes/a",
            r#"nodes "a" is forbidden: User "limited" cannot delete resource "nodes" in API group "" at the cluster scope"#,
        ),
        (
            "PATCH",
            "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime",
            r#"vmruntimes.vm.cluster.gke.io "vmruntime" is forbidden: User "limited" cannot patch resource "vmruntimes" in API group "vm.cluster.gke.io" at the cluster scope"#,
        ),
        (
            "GET",
            "/metrics",
            r#"forbidden: User "limited" cannot get path "/metrics""#,
        ),
    ] {
        let (code, answer) = call(&limited, method, path, json!({})).await?;
        same(&code, &403, path)?;
        same(&answer["message"], &json!(message), path)?;
        same(&answer["reason"], &json!("Forbidden"), path)?;
    }
    Ok(())
}

/// What a role and a binding give can be used at once, and is gone with them.
pub async fn granted_and_taken() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = sandbox.client(&Identity::owner());
    let jane = sandbox.client(&Identity::new("jane", ["system:authenticated".to_owned()]));
    let may = async || anyhow::Ok(call(&jane, "POST", CONFIG_MAPS, config_map("a")).await?.0);
    same(&may().await?, &403, "before")?;
    let role = json!({
        "metadata": {"name": "writer"},
        "rules": [
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create", "update"]},
        ],
    });
    let binding = json!({
        "metadata": {"name": "jane"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writer"},
        "subjects": [{"kind": "User", "name": "jane"}],
    });
    let roles = format!("{ROLES}/namespaces/default/roles");
    let bindings = format!("{ROLES}/namespaces/default/rolebindings");
    create(&owner, &roles, role).await?;
    create(&owner, &bindings, binding).await?;
    same(&may().await?, &201, "with the binding")?;

    // She hands on what she has, and no more.
    let rule = |verbs: Value| json!({"metadata": {"name": "more"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]});
    let (code, answer) = call(&jane, "POST", &roles, rule(json!(["create", "delete"]))).await?;
    same(&code, &403, "escalation")?;
    same(
        &answer["message"],
        &json!(
            "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"jane\" (groups=[\"system:authenticated\"]) is \
             attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], \
             Verbs:[\"delete\"]}"
        ),
        "escalation",
    )?;
    create(&jane, &roles, rule(json!(["create"]))).await?;
    let (code, _) = call(&jane, "PUT", &format!("{roles}/more"), rule(json!(["get"]))).await?;
    same(&code, &403, "escalation by update")?;

    call(&owner, "DELETE", &format!("{bindings}/jane"), Value::Null).await?;
    same(&may().await?, &403, "without the binding")
}

/// Labels alone make a rule part of `view`.
pub async fn aggregated() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = sandbox.client(&Identity::owner());
    let path = "/apis/vm.cluster.gke.io/v1/namespaces/default/things";
    let role = json!({
        "metadata": {"name": "things", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["vm.cluster.gke.io"], "resources": ["things"], "verbs": ["list"]}],
    });
    create(&owner, &format!("{ROLES}/clusterroles"), role).await?;
    let binding = json!({
        "metadata": {"name": "jane"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"kind": "Group", "name": "admins"}],
    });
    create(
        &owner,
        &format!("{ROLES}/namespaces/default/rolebindings"),
        binding,
    )
    .await?;
    let jane = sandbox.client(&Identity::new("jane", ["admins".to_owned()]));
    // Allowed, and not there.
    let (code, _) = call(&jane, "GET", path, Value::Null).await?;
    same(&code, &404, "gathered by view, edit and admin")
}

pub async fn reviews() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = sandbox.client(&Identity::owner());
    let limited = of_context(&sandbox, "limited").await?;
    let pods = |verb: &str| json!({"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default"}});
    let path = format!("{AUTHORIZATION}/selfsubjectaccessreviews");
    let asked = async |client: &Client, kind: &str, spec: Value| {
        let plural = format!("{AUTHORIZATION}/{}s", kind.to_lowercase());
        let (code, answer) = call(
            client,
            "POST",
            &plural,
            json!({"kind": kind, "apiVersion": "authorization.k8s.io/v1", "spec": spec}),
        )
        .await?;
        ensure!(code == 201, "{answer}");
        Ok(answer["status"].clone())
    };
    let own = "SelfSubjectAccessReview";
    same(
        &asked(&owner, own, pods("delete")).await?,
        &json!({"allowed": true}),
        "owner",
    )?;
    same(
        &asked(&limited, own, pods("delete")).await?,
        &json!({"allowed": false}),
        "limited",
    )?;
    let granted = r#"RBAC: allowed by ClusterRoleBinding "sandbox:limited:view" of ClusterRole "view" to User "limited""#;
    same(
        &asked(&limited, own, pods("get")).await?,
        &json!({"allowed": true, "reason": granted}),
        "limited",
    )?;
    let mut other = pods("get");
    other["user"] = "jane".into();
    same(
        &asked(&owner, "SubjectAccessReview", other).await?,
        &json!({"allowed": false}),
        "jane",
    )?;
    let (code, answer) = call(&limited, "POST", &path, json!({"spec": {}})).await?;
    same(&code, &422, "nothing asked")?;
    same(
        &answer["message"],
        &json!(
            r#".authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"#
        ),
        "nothing asked",
    )?;
    let rules = asked(
        &limited,
        "SelfSubjectRulesReview",
        json!({"namespace": "default"}),
    )
    .await?;
    let resources = rules["resourceRules"].as_array().context("no rules")?;
    ensure!(
        resources
            .iter()
            .any(|rule| rule["resources"] == json!(["namespaces"])),
        "{rules}"
    );
    ensure!(
        !resources.iter().any(|rule| rule["verbs"] == json!(["*"])),
        "{rules}"
    );
    Ok(())
}

pub async fn impersonated() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let question = json!({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"});
    let asked = async |user: &Identity, headers: &[(&str, &str)]| -> anyhow::Result<(u16, Value)> {
        let mut request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(question.to_string().into_bytes()))?;
        let response = sandbox.client(user).send(request).await?;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((
            code,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        ))
    };
    let owner = Identity::owner();
    let (_, answer) = asked(
        &owner,
        &[
            ("Impersonate-User", "jane"),
            ("Impersonate-Extra-Scopes", "view"),
        ],
    )
    .await?;
    same(
        &answer["status"]["userInfo"],
        &json!({"username": "jane", "groups": ["system:authenticated"], "extra": {"scopes": ["view"]}}),
        "jane",
    )?;
    let (code, answer) = asked(
        &Identity::limited(),
        &[("Impersonate-User", "system:serviceaccount:a:b")],
    )
    .await?;
    same(&code, &403, "limited")?;
    same(
        &answer["message"],
        &json!(
            r#"serviceaccounts "b" is forbidden: User "limited" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "a""#
        ),
        "limited",
    )?;
    let (code, _) = asked(&owner, &[("Impersonate-Group", "dev")]).await?;
    same(&code, &500, "a group alone")
}

/// A service account's token is good for what is bound to the account, as long as the account is there.
pub async fn tokens() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = sandbox.client(&Identity::owner());
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    create(&owner, accounts, json!({"metadata": {"name": "robot"}})).await?;
    let path = format!("{accounts}/robot/token");
    let spec = json!({"spec": {"expirationSeconds": 600}});
    let request = create(&owner, &path, spec).await?;
    same(&request["kind"], &json!("TokenRequest"), "kind")?;
    let token = request["status"]["token"].as_str().context("no token")?;
    let (code, answer) = call(
        &owner,
        "POST",
        &path,
        json!({"spec": {"expirationSeconds": 5}}),
    )
    .await?;
    same(&code, &422, "too short")?;
    let fault =
        "spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes";
    ensure!(
        answer["message"]
            .as_str()
            .unwrap_or_default()
            .ends_with(fault),
        "{answer}"
    );

    let review = json!({"spec": {"token": token}});
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let name = "system:serviceaccount:default:robot";
    let review = create(&owner, path, review).await?;
    same(
        &review["status"]["user"]["username"],
        &json!(name),
        "token review",
    )?;

    let robot = with_token(&sandbox, token).await?;
    let (code, answer) = call(&robot, "GET", CONFIG_MAPS, Value::Null).await?;
    same(&code, &403, "nothing is bound")?;
    ensure!(
        answer["message"]
            .as_str()
            .unwrap_or_default()
            .contains(name),
        "{answer}"
    );
    call(&owner, "DELETE", &format!("{accounts}/robot"), Value::Null).await?;
    let (code, _) = call(&robot, "GET", "/version", Value::Null).await?;
    same(&code, &401, "the account is gone")
}

async fn create(client: &Client, path: &str, object: Value) -> anyhow::Result<Value> {
    let (code, answer) = call(client, "POST", path, object).await?;
    ensure!(code == 201, "{path}: {answer}");
    Ok(answer)
}

async fn of_context(sandbox: &Server, context: &str) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&sandbox.kubeconfig())?;
    let options = KubeConfigOptions {
        context: Some(context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn with_token(sandbox: &Server, token: &str) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&sandbox.kubeconfig())?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    config.default_retry = false;
    config.auth_info.token = Some(token.to_owned().into());
    Ok(Client::try_from(config)?)
}
