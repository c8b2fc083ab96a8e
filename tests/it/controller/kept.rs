//! What the controller keeps as it should be while VM Runtime is enabled, and what it leaves behind after a disable:
//! nothing that was its own.

use std::time::Duration;

use anyhow::ensure;
use bmctl::{
    api::condition::{ConditionStatus, find, kind, reason},
    controller::role::UserRole,
};
use k8s_openapi::api::{core::v1::Node, rbac::v1::ClusterRole};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject},
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    table::trial,
    test_cluster::{TestCluster, run, until},
};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("controller::roles_of_users_exist_while_enabled", || {
            run(roles)
        }),
        trial("nodes_are_left_as_they_were", nodes),
        Trial::test("controller::what_others_change_is_put_right", || {
            run(put_right)
        }),
        trial("a_fight_is_told_and_gets_slower", fight),
    ]
}

fn cluster_roles(test_cluster: &TestCluster) -> Api<ClusterRole> {
    Api::all(test_cluster.client.clone())
}

fn is_for_users(role: &ClusterRole) -> bool {
    UserRole::ALL
        .iter()
        .any(|wanted| wanted.name() == role.name_any())
}

async fn roles(test_cluster: TestCluster) -> anyhow::Result<()> {
    // Somebody had one of that name: it is theirs.
    let theirs: ClusterRole =
        serde_json::from_value(json!({"metadata": {"name": UserRole::View.name()}, "rules": []}))?;
    let api = cluster_roles(&test_cluster);
    let theirs = api.create(&PostParams::default(), &theirs).await?;
    let controller = test_cluster.enabled().await?;
    until(cluster_roles(&test_cluster), "all four roles", |roles| {
        (roles.iter().filter(|role| is_for_users(role)).count() == 4).then_some(())
    })
    .await?;
    let view = api.get(UserRole::View.name()).await?;
    ensure!(view.resource_version() == theirs.resource_version());
    // Kubernetes' own roles gather them: who may edit in a namespace may make the product's machines there.
    let edit = until(cluster_roles(&test_cluster), "edit has gathered", |roles| {
        let edit = roles.iter().find(|role| role.name_any() == "edit")?;
        let gathered = edit.rules.iter().flatten();
        let mut gathered = gathered.filter(|rule| {
            let groups = rule.api_groups.iter().flatten();
            groups.into_iter().any(|group| group == "vm.cluster.gke.io")
        });
        gathered.next().cloned()
    })
    .await?;
    ensure!(
        !edit.verbs.contains(&"deletecollection".to_owned()),
        "{edit:?}"
    );

    // As long as VMs keep a disable from ending, people need their rights.
    test_cluster.machine("vm").await?;
    test_cluster.enable(false).await?;
    test_cluster.phase("DisableBlocked").await?;
    api.get(UserRole::Admin.name()).await?;
    let machines = test_cluster.machines();
    machines.delete("vm", &DeleteParams::default()).await?;
    test_cluster.phase("Disabled").await?;
    let left = api.list(&ListParams::default()).await?;
    let left: Vec<String> = left
        .iter()
        .filter(|role| is_for_users(role))
        .map(ResourceExt::name_any)
        .collect();
    ensure!(left == [UserRole::View.name()], "{left:?}");
    controller.stop().await
}

async fn nodes(test_cluster: TestCluster) -> anyhow::Result<()> {
    let controller = test_cluster.enabled().await?;
    let nodes: Api<Node> = Api::all(test_cluster.client.clone());
    let marks = json!({"metadata": {
        "labels": {
            "cpu-model.node.kubevirt.io/Skylake-Server": "true",
            "hyperv.node.kubevirt.io/vpindex": "true",
            "kubevirt.io/my-own": "mine",
            "cpumanager": "true",
        },
        "annotations": {
            "kubevirt.io/heartbeat": "2026-11-23T08:00:00Z",
            "node-labeller.kubevirt.io/skip-node": "true",
        },
    }});
    nodes
        .patch("n1", &PatchParams::default(), &Patch::Merge(&marks))
        .await?;
    let before = nodes.get("n1").await?;
    ensure!(before.labels().contains_key("kubevirt.io/schedulable"));
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;
    let after = nodes.get("n1").await?;
    let kubevirts = |node: &Node| -> Vec<String> {
        let keys = node.labels().keys().chain(node.annotations().keys());
        keys.filter(|key| key.contains("kubevirt.io"))
            .cloned()
            .collect()
    };
    ensure!(
        kubevirts(&after) == ["kubevirt.io/my-own", "node-labeller.kubevirt.io/skip-node"],
        "{:?}",
        kubevirts(&after)
    );
    ensure!(after.labels().contains_key("cpumanager"));
    ensure!(after.uid() == before.uid());
    test_cluster
        .condition(kind::ENGINE_OWNED, ConditionStatus::False)
        .await?;
    controller.stop().await
}

/// Waits until the object holds that value; `change` is what somebody else does to it first.
async fn is_put_right(
    api: Api<DynamicObject>,
    name: &str,
    change: &Value,
    holds: impl Fn(&DynamicObject) -> bool,
) -> anyhow::Result<()> {
    let by = PatchParams {
        field_manager: Some("somebody-else".to_owned()),
        ..PatchParams::default()
    };
    let changed = api.patch(name, &by, &Patch::Merge(change)).await?;
    ensure!(!holds(&changed), "nothing was changed: {changed:?}");
    until(api, &format!("{name} is put right"), |objects| {
        objects
            .iter()
            .any(|object| object.name_any() == name && holds(object))
            .then_some(())
    })
    .await
}

pub async fn cdi_is_put_right(test_cluster: &TestCluster) -> anyhow::Result<()> {
    let cdis = test_cluster.api("cdi.kubevirt.io", "v1beta1", "CDI", "cdis");
    let change = json!({"spec": {"uninstallStrategy": "RemoveWorkloads"}});
    is_put_right(cdis, "cdi", &change, |cdi| {
        cdi.data["spec"]["uninstallStrategy"] == "BlockUninstallIfWorkloadsExist"
    })
    .await
}

async fn put_right(test_cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = TestCluster::options()?;
    // Nobody watches roles: they are looked at now and then.
    options.pace.resync = Duration::from_millis(200);
    let controller = test_cluster.start(options);
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    cdi_is_put_right(&test_cluster).await?;
    let change = json!({"spec": {"uninstallStrategy": null}});
    is_put_right(test_cluster.kubevirt(), "kubevirt", &change, |kubevirt| {
        kubevirt.data["spec"]["uninstallStrategy"] == "BlockUninstallIfWorkloadsExist"
    })
    .await?;
    let roles = Api::all_with(
        test_cluster.client.clone(),
        &ApiResource::erase::<ClusterRole>(&()),
    );
    let change = json!({"rules": []});
    is_put_right(roles, UserRole::Edit.name(), &change, |role| {
        role.data["rules"]
            .as_array()
            .is_some_and(|rules| rules.len() == 1)
    })
    .await?;
    let gate = "vm-create.vmruntime.vm.cluster.gke.io";
    let bindings = || {
        test_cluster.api(
            "admissionregistration.k8s.io",
            "v1",
            "ValidatingAdmissionPolicyBinding",
            "validatingadmissionpolicybindings",
        )
    };
    let change = json!({"spec": {"validationActions": ["Warn"]}});
    is_put_right(bindings(), gate, &change, |binding| {
        binding.data["spec"]["validationActions"] == json!(["Deny", "Audit"])
    })
    .await?;
    // Nothing of it is changed, but some namespaces would be let through.
    let selector = json!({"matchLabels": {"let": "through"}});
    let change = json!({"spec": {"matchResources": {"namespaceSelector": selector}}});
    is_put_right(bindings(), gate, &change, |binding| {
        binding.data["spec"]["matchResources"] == Value::Null
    })
    .await?;
    test_cluster
        .put_right_is_told("the CDI object was changed by somebody-else")
        .await?;
    controller.stop().await
}

async fn fight(test_cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = TestCluster::options()?;
    options.pace.repair = Duration::from_millis(50);
    // And it is soon over, and seen to be over.
    options.pace.repair_most = Duration::from_secs(1);
    options.pace.resync = Duration::from_millis(500);
    let controller = test_cluster.start(options);
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    let kubevirts = test_cluster.kubevirt();
    // Somebody who undoes each repair, as a GitOps tool does.
    let fighter = tokio::spawn(async move {
        let settings = json!({"developerConfiguration": {"useEmulation": true}});
        let back = json!({"spec": {"configuration": settings}});
        let by = PatchParams {
            field_manager: Some("gitops".to_owned()),
            ..PatchParams::default()
        };
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        loop {
            beat.tick().await;
            let undone = kubevirts.patch("kubevirt", &by, &Patch::Merge(&back)).await;
            undone.expect("a patch without a condition");
        }
    });
    // Where the controller was the last to write, it does not know who will be the next.
    test_cluster
        .status("gitops is told to fight", |_, status| {
            find(&status.conditions, kind::CONTESTED).is_some_and(|told| {
                let by_others = told.reason == reason::CHANGED_BY_OTHERS;
                told.status == ConditionStatus::True && by_others && told.message.contains("gitops")
            })
        })
        .await?;
    fighter.abort();
    // It gives in at some time: then the object is as VMRuntime wants it.
    until(
        test_cluster.kubevirt(),
        "KubeVirt is put right",
        |kubevirts| {
            kubevirts
                .iter()
                .any(|kubevirt| {
                    kubevirt.data["spec"]["configuration"]["developerConfiguration"]["useEmulation"]
                        == false
                })
                .then_some(())
        },
    )
    .await?;
    test_cluster
        .condition(kind::CONTESTED, ConditionStatus::False)
        .await?;
    controller.stop().await
}
