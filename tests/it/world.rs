//! The pretend machinery, seen through the API: what a user of the sandbox would see with kubectl.

mod test_cluster;

use std::{future::Future, time::Duration};

use bmctl::simulator::{NodeProfile, Pace};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use test_cluster::{
    BINDING, CDI, Cluster, DAEMON_SET, DATA_VOLUME, DEFINITION, DEPLOYMENT, INSTANCE, INSTANCE_SET,
    KUBEVIRT, MACHINE, MIGRATION, NODE, PATIENCE, POD, POLICY, POOL, PRODUCT_DISK, PRODUCT_MACHINE,
    condition, create, deployed, get, gone, kubevirt_machine, merge, seen,
};

pub fn trials() -> Vec<Trial> {
    vec![
        test("deployment_rolls_out", deployment_rolls_out),
        test(
            "a_probe_pod_ends_with_its_message",
            a_probe_pod_ends_with_its_message,
        ),
        test(
            "a_node_that_is_deleted_stays_away",
            a_node_that_is_deleted_stays_away,
        ),
        test("a_silent_node_runs_nothing", a_silent_node_runs_nothing),
        test("the_engine_comes_and_goes", the_engine_comes_and_goes),
        test(
            "a_machine_runs_stops_and_goes",
            a_machine_runs_stops_and_goes,
        ),
        test(
            "machines_need_hardware_or_emulation",
            machines_need_hardware_or_emulation,
        ),
        test(
            "a_node_without_images_starts_nothing",
            a_node_without_images_starts_nothing,
        ),
        test(
            "uninstalling_waits_for_machines",
            uninstalling_waits_for_machines,
        ),
        test(
            "pools_and_replica_sets_keep_their_number",
            pools_and_replica_sets_keep_their_number,
        ),
        test(
            "an_engine_is_as_particular_as_the_real_one",
            an_engine_is_as_particular_as_the_real_one,
        ),
    ]
}

fn test<F>(name: &str, tell: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Result<(), Failed>>,
{
    Trial::test(format!("world::{name}"), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE * 2, tell())
                .await
                .map_err(|_| "the test did not end in time")?
        })
    })
}

async fn deployment_rolls_out() -> Result<(), Failed> {
    let cluster = Cluster::start(&["a", "b"], Pace::INSTANT).await;
    let deployments = cluster.namespaced(DEPLOYMENT, "default");
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    });
    create(&deployments, &deployment).await;
    let rolled_out = |image: &'static str| {
        move |deployment: &Value| {
            deployment["status"]["availableReplicas"] == 3
                && deployment["status"]["updatedReplicas"] == 3
                && deployment["status"]["replicas"] == 3
                && deployment["status"]["observedGeneration"]
                    == deployment["metadata"]["generation"]
                && deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image
        }
    };
    seen(&deployments, "web", rolled_out("web:1")).await?;
    let next = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}});
    merge(&deployments, "web", &next).await;
    seen(&deployments, "web", rolled_out("web:2")).await?;

    let pods = cluster.namespaced(POD, "default");
    let list = pods
        .list(&kube::api::ListParams::default().labels("app=web"))
        .await?;
    assert_eq!(list.items.len(), 3);
    assert!(
        list.iter()
            .all(|pod| pod.data["spec"]["nodeName"].is_string())
    );
    let victim = list.items[0].name_any();
    pods.delete(&victim, &DeleteParams::default()).await?;
    gone(&pods, &victim).await?;
    seen(&deployments, "web", rolled_out("web:2")).await?;
    cluster.stop().await;
    Ok(())
}

async fn a_probe_pod_ends_with_its_message() -> Result<(), Failed> {
    let cluster = Cluster::start(&["a"], Pace::INSTANT).await;
    let pods = cluster.namespaced(POD, "default");
    let pod = |name: &str, node: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {
                "nodeName": node, "restartPolicy": "Never",
                "containers": [{"name": "main", "image": "job", "args": ["fail"]}],
            },
        })
    };
    create(&pods, &pod("job", "a")).await;
    let ended = seen(&pods, "job", |pod| pod["status"]["phase"] == "Failed").await?;
    let state = &ended["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(state["exitCode"], 3);
    assert_eq!(state["message"], "on a");
    pods.delete("job", &DeleteParams::default()).await?;
    gone(&pods, "job").await?;
    cluster.stop().await;
    Ok(())
}

async fn a_node_that_is_deleted_stays_away() -> Result<(), Failed> {
    let cluster = Cluster::start(&["a", "b"], Pace::INSTANT).await;
    let (nodes, pods) = (cluster.global(NODE), cluster.namespaced(POD, "default"));
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bound"},
        "spec": {"nodeName": "b", "containers": [{"name": "main", "image": "web"}]},
    });
    create(&pods, &pod).await;
    seen(&pods, "bound", |pod| pod["status"]["phase"] == "Running").await?;
    nodes.delete("b", &DeleteParams::default()).await?;
    gone(&pods, "bound").await?;
    assert!(nodes.get_opt("b").await?.is_none());
    cluster.stop().await;
    Ok(())
}

async fn a_silent_node_runs_nothing() -> Result<(), Failed> {
    let silent = NodeProfile {
        ready: false,
        ..NodeProfile::pretend("b")
    };
    let first = NodeProfile {
        control_plane: true,
        ..NodeProfile::pretend("a")
    };
    let cluster = Cluster::with(vec![first, silent], Pace::INSTANT).await;
    let nodes = cluster.global(NODE);
    seen(&nodes, "b", |node| condition(node, "Ready") == "False").await?;
    cluster.install_engine().await?;
    let kubevirts = cluster.namespaced(KUBEVIRT, "vm-system");
    // Nothing is put on a node that is not ready, and so nothing is missing there.
    let kubevirt = get(&kubevirts, "kubevirt").await?;
    assert_eq!(condition(&kubevirt, "Available"), "True");
    assert_eq!(kubevirt["status"]["observedKubeVirtVersion"], "v1.6.3");
    let handlers = cluster.namespaced(DAEMON_SET, "vm-system");
    let numbers = |desired: i64, ready: i64| {
        move |set: &Value| {
            set["status"]["desiredNumberScheduled"] == desired
                && set["status"]["numberReady"] == ready
        }
    };
    seen(&handlers, "virt-handler", numbers(1, 1)).await?;

    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    nodes
        .patch_status("b", &PatchParams::default(), &Patch::Merge(&ready))
        .await?;
    seen(&handlers, "virt-handler", numbers(2, 2)).await?;
    // A taint that comes later drives nobody away, unless it says so.
    let tainted = |effect: &str| json!({"spec": {"taints": [{"key": "dedicated", "value": "vm", "effect": effect}]}});
    let taint = |effect: &str| Patch::Merge(tainted(effect));
    let params = PatchParams::default();
    nodes.patch("b", &params, &taint("NoSchedule")).await?;
    let set = seen(&handlers, "virt-handler", |set| {
        set["status"]["numberMisscheduled"] == 1
    })
    .await?;
    assert_eq!(set["status"]["desiredNumberScheduled"], 1);
    let pods = cluster.namespaced(POD, "vm-system");
    let all = pods.list(&ListParams::default()).await?;
    let there = all.items.iter().find(|pod| {
        pod.data["spec"]["nodeName"] == "b" && pod.name_any().starts_with("virt-handler")
    });
    let there = there.expect("the handler stays").name_any();
    nodes.patch("b", &params, &taint("NoExecute")).await?;
    gone(&pods, &there).await?;
    seen(&handlers, "virt-handler", |set| {
        set["status"]["numberMisscheduled"] == 0
    })
    .await?;
    cluster.stop().await;
    Ok(())
}

async fn the_engine_comes_and_goes() -> Result<(), Failed> {
    let cluster = Cluster::start(&["a"], Pace::INSTANT).await;
    cluster.install_engine().await?;
    let definitions = cluster.global(DEFINITION);
    let machines = "virtualmachines.kubevirt.io";
    assert_eq!(
        condition(&get(&definitions, machines).await?, "Established"),
        "True"
    );
    seen(&cluster.global(NODE), "a", |node| {
        node["metadata"]["labels"]["kubevirt.io/schedulable"] == "true"
    })
    .await?;

    let (kubevirts, cdis) = (
        cluster.namespaced(KUBEVIRT, "vm-system"),
        cluster.global(CDI),
    );
    kubevirts
        .delete("kubevirt", &DeleteParams::default())
        .await?;
    gone(&kubevirts, "kubevirt").await?;
    gone(&definitions, machines).await?;
    cdis.delete("cdi", &DeleteParams::default()).await?;
    gone(&cdis, "cdi").await?;
    gone(&definitions, "datavolumes.cdi.kubevirt.io").await?;
    for name in ["virt-api", "virt-controller", "cdi-deployment"] {
        gone(&cluster.namespaced(DEPLOYMENT, "vm-system"), name).await?;
    }
    // The operators are whoever installed them's to remove.
    get(
        &cluster.namespaced(DEPLOYMENT, "vm-system"),
        "virt-operator",
    )
    .await?;

    cluster.order_engine().await;
    seen(&kubevirts, "kubevirt", deployed).await?;
    cluster.stop().await;
    Ok(())
}

/// What real engines do beside VMs: KubeVirt refuses labels that are its own, serves migrations, and an operator edits
/// what its release brought.
async fn an_engine_is_as_particular_as_the_real_one() -> Result<(), Failed> {
    let cluster = Cluster::start(&["a"], Pace::INSTANT).await;
    cluster.install_engine().await?;
    let instances = cluster.namespaced(INSTANCE, "default");
    let instance = |name: &str, label: &str| {
        serde_json::from_value(json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
            "metadata": {"name": name, "labels": {label: "a"}}, "spec": {"domain": {}},
        }))
    };
    let by = PostParams::default();
    let reserved = instance("taken-over", "kubevirt.io/nodeName")?;
    let refused = instances.create(&by, &reserved).await.unwrap_err();
    let said =
        "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited";
    assert!(refused.to_string().contains(said), "{refused}");
    let free = instance("free", "kubevirt.io/size")?;
    instances.create(&by, &free).await?;
    seen(&instances, "free", |instance| {
        instance["metadata"]["labels"]["kubevirt.io/nodeName"] == "a"
    })
    .await?;
    instances.delete("free", &DeleteParams::default()).await?;
    gone(&instances, "free").await?;

    let migrations = cluster.namespaced(MIGRATION, "default");
    let migration = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "m"}, "spec": {"vmiName": "free"},
    });
    create(&migrations, &migration).await;

    let definition = seen(&cluster.global(DEFINITION), "cdis.cdi.kubevirt.io", |cdi| {
        cdi["spec"]["versions"]
            .as_array()
            .is_some_and(|versions| versions.len() == 1)
    })
    .await?;
    assert_eq!(definition["spec"]["versions"][0]["name"], "v1beta1");
    let writers = definition["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        writers
            .iter()
            .any(|writer| writer["manager"] == "cdi-operator")
    );

    let kubevirts = cluster.namespaced(KUBEVIRT, "vm-system");
    kubevirts
        .delete("kubevirt", &DeleteParams::default())
        .await?;
    gone(&kubevirts, "kubevirt").await?;
    gone(&cluster.global(POLICY), "virt-api-validator").await?;
    gone(&cluster.global(BINDING), "virt-api-validator").await?;
    cluster.stop().await;
    Ok(())
}

async fn a_machine_runs_stops_and_goes() -> Result<(), Failed> {
    let pace = Pace {
        transition: Duration::from_millis(50),
    };
    let cluster = Cluster::start(&["a"], pace).await;
    let machines = cluster.namespaced(PRODUCT_MACHINE, "default");
    let disk = json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachineDisk",
        "metadata": {"name": "vm1-boot"}, "spec": {"size": "20Gi"},
    });
    let machine = json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine", "metadata": {"name": "vm1"},
        "spec": {"osType": "Linux", "disks": [
            {"virtualMachineDiskName": "vm1-boot", "boot": true, "autoDelete": true},
        ]},
    });
    create(&cluster.namespaced(PRODUCT_DISK, "default"), &disk).await;
    create(&machines, &machine).await;
    seen(&machines, "vm1", |machine| {
        machine["status"]["state"] == "Pending"
    })
    .await?;
    cluster.install_engine().await?;
    let running = seen(&machines, "vm1", |machine| {
        machine["status"]["state"] == "Running"
    })
    .await?;
    assert!(running["status"]["interfaces"][0]["ipAddresses"][0].is_string());
    let instances = cluster.namespaced(INSTANCE, "default");
    assert_eq!(get(&instances, "vm1").await?["status"]["nodeName"], "a");
    let volumes = cluster.namespaced(DATA_VOLUME, "default");
    seen(&volumes, "vm1-boot", |volume| {
        volume["status"]["phase"] == "Succeeded"
    })
    .await?;

    merge(
        &machines,
        "vm1",
        &json!({"spec": {"runningState": "Stopped"}}),
    )
    .await;
    seen(&machines, "vm1", |machine| {
        machine["status"]["state"] == "Stopped"
    })
    .await?;
    gone(&instances, "vm1").await?;
    merge(
        &machines,
        "vm1",
        &json!({"spec": {"runningState": "Running"}}),
    )
    .await;
    seen(&machines, "vm1", |machine| {
        machine["status"]["state"] == "Running"
    })
    .await?;

    let kubevirt_machines = cluster.namespaced(MACHINE, "default");
    machines.delete("vm1", &DeleteParams::default()).await?;
    // Its finalizer holds the machine until its instance is gone.
    let leaving = seen(&kubevirt_machines, "vm1", |machine| {
        machine["status"]["printableStatus"] == "Terminating"
    })
    .await?;
    assert!(leaving["metadata"]["deletionTimestamp"].is_string());
    gone(&instances, "vm1").await?;
    gone(&kubevirt_machines, "vm1").await?;
    gone(&cluster.namespaced(PRODUCT_DISK, "default"), "vm1-boot").await?;
    gone(&volumes, "vm1-boot").await?;
    cluster.stop().await;
    Ok(())
}

async fn machines_need_hardware_or_emulation() -> Result<(), Failed> {
    let bare = NodeProfile {
        kvm: false,
        control_plane: true,
        ..NodeProfile::pretend("a")
    };
    let cluster = Cluster::with(vec![bare], Pace::INSTANT).await;
    cluster.install_engine().await?;
    let machines = cluster.namespaced(MACHINE, "default");
    let machine = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": "vm"},
        "spec": {"runStrategy": "Always", "template": {"spec": {"domain": {"devices": {}}}}},
    });
    create(&machines, &machine).await;
    seen(&machines, "vm", |vm| {
        vm["status"]["printableStatus"] == "ErrorUnschedulable"
    })
    .await?;
    let emulation =
        json!({"spec": {"configuration": {"developerConfiguration": {"useEmulation": true}}}});
    merge(
        &cluster.namespaced(KUBEVIRT, "vm-system"),
        "kubevirt",
        &emulation,
    )
    .await;
    // As on a real cluster: what waits keeps waiting for what it asked for.
    let instances = cluster.namespaced(INSTANCE, "default");
    instances.delete("vm", &DeleteParams::default()).await?;
    seen(&machines, "vm", |vm| {
        vm["status"]["printableStatus"] == "Running"
    })
    .await?;
    cluster.stop().await;
    Ok(())
}

async fn a_node_without_images_starts_nothing() -> Result<(), Failed> {
    let cut_off = NodeProfile {
        pulls_images: false,
        ..NodeProfile::pretend("a")
    };
    let cluster = Cluster::with(vec![cut_off], Pace::INSTANT).await;
    let pods = cluster.namespaced(POD, "default");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main", "image": "web"}]},
    });
    create(&pods, &pod).await;
    let waiting = seen(&pods, "p", |pod| {
        let state = &pod["status"]["containerStatuses"][0]["state"];
        state["waiting"]["reason"] == "ImagePullBackOff"
    });
    assert_eq!(waiting.await?["status"]["phase"], "Pending");
    pods.delete("p", &DeleteParams::default()).await?;
    gone(&pods, "p").await?;
    cluster.stop().await;
    Ok(())
}

async fn uninstalling_waits_for_machines() -> Result<(), Failed> {
    let cluster = Cluster::start(&["a"], Pace::INSTANT).await;
    cluster.install_engine().await?;
    let machines = cluster.namespaced(MACHINE, "default");
    create(&machines, &kubevirt_machine("vm1", "Halted")).await;
    seen(&machines, "vm1", |machine| {
        machine["status"]["printableStatus"] == "Stopped"
    })
    .await?;
    let kubevirts = cluster.namespaced(KUBEVIRT, "vm-system");
    kubevirts
        .delete("kubevirt", &DeleteParams::default())
        .await?;
    let blocked = seen(&kubevirts, "kubevirt", |kubevirt| {
        condition(kubevirt, "UninstallBlocked") == "True"
    })
    .await?;
    assert_eq!(blocked["status"]["phase"], "Deployed");
    machines.delete("vm1", &DeleteParams::default()).await?;
    gone(&kubevirts, "kubevirt").await?;
    cluster.stop().await;
    Ok(())
}

async fn pools_and_replica_sets_keep_their_number() -> Result<(), Failed> {
    let cluster = Cluster::start(&["a"], Pace::INSTANT).await;
    cluster.install_engine().await?;
    let pools = cluster.namespaced(POOL, "default");
    let pool = json!({
        "apiVersion": "pool.kubevirt.io/v1beta1", "kind": "VirtualMachinePool",
        "metadata": {"name": "pool"},
        "spec": {"replicas": 2, "virtualMachineTemplate": {
            "metadata": {"labels": {"pool": "pool"}},
            "spec": {"runStrategy": "Always", "template": {"spec": {"domain": {}}}},
        }},
    });
    create(&pools, &pool).await;
    seen(&pools, "pool", |pool| pool["status"]["readyReplicas"] == 2).await?;
    merge(&pools, "pool", &json!({"spec": {"replicas": 1}})).await;
    seen(&pools, "pool", |pool| pool["status"]["replicas"] == 1).await?;

    let sets = cluster.namespaced(INSTANCE_SET, "default");
    let set = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceReplicaSet",
        "metadata": {"name": "set"},
        "spec": {"replicas": 2, "template": {
            "metadata": {"labels": {"set": "set"}}, "spec": {"domain": {}},
        }},
    });
    create(&sets, &set).await;
    seen(&sets, "set", |set| set["status"]["readyReplicas"] == 2).await?;
    cluster.stop().await;
    Ok(())
}
