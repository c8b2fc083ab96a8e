//! What the controller is granted is what it does: everything that it ever does is carried out, each request is written
//! down, and the list is compared with the roles of the manifests, both ways.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::ensure;
use bmctl::{
    api::{
        WorkloadRole,
        condition::{ConditionStatus, kind},
        name::{self, SYSTEM_NAMESPACE},
        workload::WORKLOAD_KINDS,
    },
    controller::{
        ControllerOptions, ElectionOptions, EngineManifests,
        install::{
            InstallOptions, Profile,
            rights::{ENGINE_MANIFESTS_ROLE, Grant, HANDED_ON_ROLE, Reach, grants},
        },
    },
    simulator::OPERATOR_MANIFESTS,
};
use http::{Method, Request, header::CONTENT_TYPE};
use kube::{Api, Client, ResourceExt, api::PostParams, client::Body, core::DynamicObject};
use libtest_mimic::Trial;
use serde_json::json;

use super::{
    enable::install_by_hand,
    eventually::settles,
    test_cluster::{Answer, Controller, TestCluster, run, until},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "controller", run:
        the_standard_rights_are_used_and_suffice,
        the_engine_rights_are_used_and_suffice,
    ]
}

/// One request, as the API server authorizes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    verb: &'static str,
    group: String,
    /// With the subresource.
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_any = |text: &Option<String>| text.clone().unwrap_or_else(|| "*".to_owned());
        write!(
            f,
            "{} {}.{} {}/{}",
            self.verb,
            self.resource,
            self.group,
            or_any(&self.namespace),
            or_any(&self.name)
        )
    }
}

impl Asked {
    /// Nothing for discovery, which everybody may do. A server-side apply may create.
    fn read(request: &Request<Body>) -> Vec<Self> {
        let path = request.uri().path();
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, rest) = match words.as_slice() {
            ["api", _, rest @ ..] if !rest.is_empty() => ("", rest),
            ["apis", group, _, rest @ ..] if !rest.is_empty() => (*group, rest),
            _ => return Vec::new(),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let (resource, name) = match rest {
            [resource] => ((*resource).to_owned(), None),
            [resource, name] => ((*resource).to_owned(), Some(*name)),
            [resource, name, sub] => (format!("{resource}/{sub}"), Some(*name)),
            other => panic!("what is {other:?}?"),
        };
        let watched = request
            .uri()
            .query()
            .unwrap_or_default()
            .contains("watch=true");
        let applied = request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/apply-patch+yaml");
        let verbs: &[&'static str] = match (request.method(), name) {
            (&Method::GET, Some(_)) => &["get"],
            (&Method::GET, None) if watched => &["watch"],
            (&Method::GET, None) => &["list"],
            (&Method::POST, _) => &["create"],
            (&Method::PUT, _) => &["update"],
            (&Method::PATCH, _) if applied => &["patch", "create"],
            (&Method::PATCH, _) => &["patch"],
            (&Method::DELETE, Some(_)) => &["delete"],
            (&Method::DELETE, None) => &["deletecollection"],
            (method, _) => panic!("what is {method}?"),
        };
        verbs
            .iter()
            .map(|verb| Self {
                verb,
                group: group.to_owned(),
                resource: resource.clone(),
                namespace: namespace.map(str::to_owned),
                name: name.map(str::to_owned),
            })
            .collect()
    }

    fn is_covered_by(&self, right: &Right) -> bool {
        self.verb == right.verb
            && self.group == right.group
            && self.resource == right.resource
            && match &right.reach {
                Reach::Cluster => true,
                Reach::Namespace(place) => self.namespace.as_ref() == Some(place),
            }
            && right
                .name
                .is_none_or(|name| self.name.as_deref() == Some(name))
    }
}

/// A grant for one verb, one resource and (where it is limited to names) one name.
#[derive(Clone, Debug)]
struct Right {
    role: &'static str,
    reach: Reach,
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
    name: Option<&'static str>,
}

fn rights(grants: &[Grant]) -> Vec<Right> {
    let mut rights = Vec::new();
    for grant in grants {
        for resource in &grant.resources {
            for verb in grant.verbs {
                let names: Vec<Option<&'static str>> = match grant.names.as_slice() {
                    [] => vec![None],
                    names => names.iter().copied().map(Some).collect(),
                };
                rights.extend(names.into_iter().map(|name| Right {
                    role: grant.role,
                    reach: grant.reach.clone(),
                    group: grant.group,
                    resource,
                    verb,
                    name,
                }));
            }
        }
    }
    rights
}

/// A client of the controller's account that writes down what it asks.
fn witnessed(test_cluster: &TestCluster, asked: &Arc<Mutex<BTreeSet<Asked>>>) -> Client {
    let inner = test_cluster.account();
    let asked = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        asked.lock().unwrap().extend(Asked::read(&request));
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Client::new(service, SYSTEM_NAMESPACE)
}

/// Compares, both ways. `beside` is what is granted for another reason than a request.
fn compare(
    asked: &BTreeSet<Asked>,
    rights: &[Right],
    beside: impl Fn(&Right) -> bool,
) -> anyhow::Result<()> {
    let denied: Vec<String> = asked
        .iter()
        .filter(|asked| !rights.iter().any(|right| asked.is_covered_by(right)))
        .map(ToString::to_string)
        .collect();
    ensure!(denied.is_empty(), "not granted: {denied:#?}");
    // A request counts for the narrowest right that covers it.
    let narrowness = |right: &Right| {
        let wide = matches!(right.reach, Reach::Cluster);
        (
            wide,
            right.name.is_none(),
            right.role == ENGINE_MANIFESTS_ROLE,
        )
    };
    let used: BTreeSet<usize> = asked
        .iter()
        .filter_map(|asked| {
            (0..rights.len())
                .filter(|at| asked.is_covered_by(&rights[*at]))
                .min_by_key(|at| narrowness(&rights[*at]))
        })
        .collect();
    let idle: Vec<&Right> = rights
        .iter()
        .enumerate()
        .filter(|(at, right)| !used.contains(at) && !beside(right))
        .map(|(_, right)| right)
        .collect();
    ensure!(idle.is_empty(), "granted and never used: {idle:#?}");
    Ok(())
}

fn election() -> ElectionOptions {
    ElectionOptions {
        retry: Duration::from_millis(100),
        ..ElectionOptions::new(SYSTEM_NAMESPACE, "it")
    }
}

async fn the_standard_rights_are_used_and_suffice(test_cluster: TestCluster) -> anyhow::Result<()> {
    let asked = Arc::default();
    let client = witnessed(&test_cluster, &asked);
    let operators = EngineManifests::from_parts(OPERATOR_MANIFESTS)?;
    let mut options = ControllerOptions {
        engine_manifests: None,
        safe_disable: true,
        election: Some(election()),
        ..TestCluster::options()?
    };
    // What does not go is looked into at once.
    options.pace.explain = Duration::ZERO;
    install_by_hand(&test_cluster, &operators).await?;

    let controller = Controller::start(client.clone(), options.clone());
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    test_cluster
        .patch_runtime(json!({"spec": {"useEmulation": true}}))
        .await?;
    test_cluster.ready().await?;
    every_workload(&test_cluster).await?;
    super::kept::cdi_is_put_right(&test_cluster).await?;
    test_cluster.force("true").await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;

    // Once more, and a change of mind in the middle of the check.
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;
    test_cluster.nodes.say("n1", Answer::Silent);
    test_cluster.enable(true).await?;
    until(test_cluster.pods(), "a probe pod", |pods| {
        pods.iter()
            .any(|pod| pod.labels().contains_key(name::PREFLIGHT_CHECK_LABEL))
            .then_some(())
    })
    .await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;
    controller.stop().await?;

    // Without the safe disable its policy goes.
    let controller = Controller::start(
        client,
        ControllerOptions {
            safe_disable: false,
            ..options
        },
    );
    let policies = test_cluster.api(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
    );
    until(policies, "no policy of the safe disable", |policies| {
        let safe = |policy: &DynamicObject| policy.name_any().starts_with("safe-disable");
        (!policies.iter().any(safe)).then_some(())
    })
    .await?;
    controller.stop().await?;

    let rights = rights(&grants(&InstallOptions::new("bmctl:1")));
    let asked = asked.lock().unwrap().clone();
    // What is only handed on is never asked for: the API server looks for it when the roles of users are written.
    compare(&asked, &rights, |right| right.role == HANDED_ON_ROLE)
}

/// One virtual machine of every kind, and the disk of one.
async fn every_workload(test_cluster: &TestCluster) -> anyhow::Result<()> {
    test_cluster
        .condition(kind::VM_CREATION_ALLOWED, ConditionStatus::True)
        .await?;
    let machine = json!({"spec": {"domain": {"devices": {}}}});
    let labels = json!({"matchLabels": {"it": "it"}});
    for workload in WORKLOAD_KINDS {
        let spec = match (workload.group, workload.kind) {
            ("vm.cluster.gke.io", "VirtualMachine") => json!({
                "osType": "Linux",
                "disks": [{"virtualMachineDiskName": "product", "boot": true}],
            }),
            ("vm.cluster.gke.io", _) => json!({"size": "1Gi"}),
            (_, "VirtualMachine") => json!({"running": false, "template": machine}),
            (_, "VirtualMachineInstance") => machine["spec"].clone(),
            (_, "VirtualMachineInstanceReplicaSet") => {
                json!({"replicas": 0, "selector": labels, "template": machine})
            }
            (_, "VirtualMachinePool") => json!({
                "replicas": 0,
                "selector": labels,
                "virtualMachineTemplate": {"spec": {"running": false, "template": machine}},
            }),
            (_, _) => continue,
        };
        // The product's machines get KubeVirt machines of the same name.
        let name = if workload.group == name::GROUP {
            "product"
        } else {
            "it"
        };
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": format!("{}/{}", workload.group, workload.version),
            "kind": workload.kind,
            "metadata": {"name": name},
            "spec": spec,
        }))?;
        let api: Api<DynamicObject> =
            Api::namespaced_with(test_cluster.client.clone(), "default", &workload.resource());
        settles("a machine is accepted", async || {
            Ok(api
                .create(&PostParams::default(), &object)
                .await
                .map(drop)?)
        })
        .await?;
    }
    let machines = WORKLOAD_KINDS
        .iter()
        .filter(|kind| kind.role == WorkloadRole::Machine)
        .count();
    let machines = i64::try_from(machines)?;
    test_cluster
        .status("every machine is counted", |_, status| {
            status.workload_count >= Some(machines)
        })
        .await?;
    Ok(())
}

async fn the_engine_rights_are_used_and_suffice(test_cluster: TestCluster) -> anyhow::Result<()> {
    let asked = Arc::default();
    let client = witnessed(&test_cluster, &asked);
    let mut options = ControllerOptions {
        engine_manifests: Some(EngineManifests::from_parts(
            [("release.yaml", RELEASE)]
                .into_iter()
                .chain(OPERATOR_MANIFESTS),
        )?),
        ..TestCluster::options()?
    };
    options.pace.explain = Duration::ZERO;
    let controller = Controller::start(client, options);
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;
    controller.stop().await?;

    let all = rights(&grants(&InstallOptions {
        profile: Profile::EngineManifests,
        ..InstallOptions::new("bmctl:1")
    }));
    let asked = asked.lock().unwrap().clone();
    // These are not asked for by a request of their own: the API server looks for them when roles are written.
    let beside = |right: &Right| {
        right.role != ENGINE_MANIFESTS_ROLE || matches!(right.verb, "escalate" | "bind")
    };
    compare(&asked, &all, beside)
}

/// The kinds that a release of the operators holds beside what the sandbox's own set holds.
const RELEASE: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: engine}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: engine-critical}
value: 1000000000
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator, namespace: engine}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: engine-operator}
rules: [{apiGroups: [''], resources: [pods], verbs: ['*']}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: engine-operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: engine-operator}
subjects: [{kind: ServiceAccount, name: operator, namespace: engine}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: engine-operator, namespace: engine}
rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: engine-operator, namespace: engine}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: engine-operator}
subjects: [{kind: ServiceAccount, name: operator, namespace: engine}]
";
