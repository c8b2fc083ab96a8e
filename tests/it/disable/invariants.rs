//! What goes with VMs and with the engine: named, saved, put back, or kept.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::{KUBEVIRT, VOLUMES, count, disable_into, equal};
use crate::test_cluster::{Ended, MACHINES, TestCluster, eventually, machine};

const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";
const NAMESPACES: &str = "/api/v1/namespaces";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const ENGINE: &str = "/apis/kubevirt.io/v1/namespaces/vm-system/kubevirts/kubevirt";

pub fn trials() -> Vec<Trial> {
    tests![
        "disable":
        what_a_vm_owns_is_named_saved_and_put_back,
        secrets_can_be_left_out,
        one_refusal_keeps_everything,
        objects_of_the_engine_are_named_and_saved,
        settings_of_the_engine_come_back,
        a_namespace_that_is_gone_is_said,
        children_of_kept_disks_are_not_put_back,
    ]
}

/// A stopped VM of KubeVirt's with these volumes and templates of disks.
fn virtual_machine(name: &str, volumes: &Value, templates: &Value) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": name},
        "spec": {
            "runStrategy": "Halted", "dataVolumeTemplates": templates,
            "template": {"spec": {"domain": {"devices": {}}, "volumes": volumes}},
        },
    })
}

fn volume(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}}})
}

/// `object` with its kind, as something that `owner` owns.
fn owned_by(owner: &Value, kind: (&str, &str), mut object: Value) -> Value {
    (object["apiVersion"], object["kind"]) = (json!(kind.0), json!(kind.1));
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
    }]);
    object
}

/// A VM with a disk from a template, one without, a claim that somebody made for it, and a Secret.
fn with_owned() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::enabled()?;
    let volumes = json!([
        {"name": "root", "dataVolume": {"name": "erp-root"}},
        {"name": "data", "dataVolume": {"name": "erp-data"}},
        {"name": "old", "persistentVolumeClaim": {"claimName": "erp-old"}},
        {"name": "ci", "cloudInitNoCloud": {"secretRef": {"name": "erp-ci"}}},
    ]);
    let erp = test_cluster.create(
        KUBEVIRT,
        &virtual_machine("erp", &volumes, &json!([volume("erp-root")])),
    )?;
    let data = owned_by(
        &erp,
        ("cdi.kubevirt.io/v1beta1", "DataVolume"),
        volume("erp-data"),
    );
    test_cluster.create(VOLUMES, &data)?;
    let claim = json!({
        "metadata": {"name": "erp-old"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}},
    });
    test_cluster.create(
        CLAIMS,
        &owned_by(&erp, ("v1", "PersistentVolumeClaim"), claim),
    )?;
    let secret =
        json!({"metadata": {"name": "erp-ci"}, "stringData": {"userdata": "#cloud-config"}});
    test_cluster.create(SECRETS, &owned_by(&erp, ("v1", "Secret"), secret))?;
    for claim in ["erp-root", "erp-data"] {
        there(&test_cluster, &format!("{CLAIMS}/{claim}"))?;
    }
    Ok(test_cluster)
}

fn there(test_cluster: &TestCluster, path: &str) -> Result<Value, Failed> {
    eventually(path, || {
        test_cluster.read(path).map_err(|_| "not there".to_owned())
    })
}

fn what_a_vm_owns_is_named_saved_and_put_back() -> Result<(), Failed> {
    let test_cluster = with_owned()?;
    let old = test_cluster.read(&format!("{CLAIMS}/erp-old"))?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--force=true", "--dry-run"])
        .exits(0)?
        .prints("  secrets default/erp-ci\n")?
        .prints("  persistentvolumeclaims default/erp-root, with its contents\n")?
        .prints(
            "  persistentvolumeclaims default/erp-old: your own data, released from what owns it\n",
        )?
        .prints("2 disks are deleted with all data")?
        .prints("Secrets are saved with them")?;
    disable_into(&test_cluster, "saved")?
        .prints("Gone with them, because they owned it:\n")?
        .prints("  secrets default/erp-ci\n")?;
    equal(&json!(count(&test_cluster, CLAIMS)?), &json!(1), "claims")?;
    let now = test_cluster.read(&format!("{CLAIMS}/erp-old"))?;
    equal(
        &now["metadata"]["uid"],
        &old["metadata"]["uid"],
        "the claim",
    )?;
    equal(
        &now["metadata"]["ownerReferences"],
        &Value::Null,
        "its owners",
    )?;
    equal(
        &json!(test_cluster.read(&format!("{SECRETS}/erp-ci")).is_err()),
        &json!(true),
        "gone",
    )?;

    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster
        .bmctl(&["restore", "saved", "--halted"])
        .exits(0)?;
    let secret = test_cluster.read(&format!("{SECRETS}/erp-ci"))?;
    equal(
        &secret["data"]["userdata"],
        &json!("I2Nsb3VkLWNvbmZpZw=="),
        "the Secret",
    )?;
    there(&test_cluster, &format!("{VOLUMES}/erp-data"))?;
    // KubeVirt makes it from the template.
    there(&test_cluster, &format!("{VOLUMES}/erp-root"))?;
    Ok(())
}

fn secrets_can_be_left_out() -> Result<(), Failed> {
    let test_cluster = with_owned()?;
    let flags = [
        "disable",
        "vmruntime",
        "--force=true",
        "--backup-secrets=false",
    ];
    test_cluster
        .bmctl(&[&flags[..], &["--dry-run"]].concat())
        .exits(0)?
        .prints("Secrets are not saved (--backup-secrets=false): those that go are lost.")?;
    test_cluster
        .bmctl(&[&flags[..], &["--backup", "saved", "--timeout", "50s"]].concat())
        .exits(0)?;
    let index = std::fs::read_to_string(test_cluster.folder().join("saved/INDEX"))?;
    equal(
        &json!(index.contains("erp-ci")),
        &json!(false),
        "in the index",
    )?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    // It is created, and what it lacks is said, however often.
    for _ in 0..2 {
        test_cluster.bmctl(&["restore", "saved"]).exits(5)?.says(
            "caused by: virtualmachines.kubevirt.io default/erp needs secrets default/erp-ci",
        )?;
    }
    Ok(())
}

fn one_refusal_keeps_everything() -> Result<(), Failed> {
    const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    let test_cluster = TestCluster::enabled()?;
    for name in ["a", "b", "c"] {
        test_cluster.create(KUBEVIRT, &virtual_machine(name, &json!([]), &json!([])))?;
    }
    test_cluster.create(
        POLICIES,
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "protect"},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["kubevirt.io"], "apiVersions": ["*"], "operations": ["DELETE"],
                    "resources": ["virtualmachines"],
                }]},
                "validations": [{"expression": "oldObject.metadata.name != 'b'", "message": "b is protected"}],
            },
        }),
    )?;
    test_cluster.create(
        &POLICIES.replace("policies", "policybindings"),
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "protect"},
            "spec": {"policyName": "protect", "validationActions": ["Deny"]},
        }),
    )?;
    let force = ["disable", "vmruntime", "--force=true", "--timeout", "50s"];
    for flags in [&["--dry-run=server"] as &[&str], &[]] {
        test_cluster
            .bmctl(&[&force[..], flags].concat())
            .exits(6)?
            .says("error: 1 deletion would be refused; nothing was deleted")?
            .says("b is protected")?;
        equal(&json!(count(&test_cluster, KUBEVIRT)?), &json!(3), "VMs")?;
    }
    Ok(())
}

/// Disables without a VM.
fn saving(test_cluster: &TestCluster) -> Result<Ended, Failed> {
    let disable = [
        "disable",
        "vmruntime",
        "--backup",
        "saved",
        "--timeout",
        "50s",
    ];
    test_cluster.bmctl(&disable).exits(0)
}

/// Instance types and snapshots, as KubeVirt's operator and CDI's define them.
fn with_kinds_of_the_engine(test_cluster: &TestCluster) -> Result<(), Failed> {
    for (group, kind, plural, scope) in [
        (
            "instancetype.kubevirt.io",
            "VirtualMachineClusterInstancetype",
            "virtualmachineclusterinstancetypes",
            "Cluster",
        ),
        (
            "snapshot.kubevirt.io",
            "VirtualMachineSnapshot",
            "virtualmachinesnapshots",
            "Namespaced",
        ),
    ] {
        test_cluster.create(
            DEFINITIONS,
            &json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.{group}")},
                "spec": {
                    "group": group, "scope": scope,
                    "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
                    "versions": [{
                        "name": "v1beta1", "served": true, "storage": true,
                        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                    }],
                },
            }),
        )?;
        there(test_cluster, &format!("/apis/{group}/v1beta1/{plural}"))?;
    }
    Ok(())
}

const TYPES: &str = "/apis/instancetype.kubevirt.io/v1beta1/virtualmachineclusterinstancetypes";
const SNAPSHOTS: &str =
    "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots";

fn objects_of_the_engine_are_named_and_saved() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    with_kinds_of_the_engine(&test_cluster)?;
    let large = json!({
        "apiVersion": "instancetype.kubevirt.io/v1beta1", "kind": "VirtualMachineClusterInstancetype",
        "metadata": {"name": "large"}, "spec": {"cpu": {"guest": 8}},
    });
    test_cluster.create(TYPES, &large)?;
    // What an operator has made is none of people's.
    let mut own = large.clone();
    own["metadata"] =
        json!({"name": "u1.small", "labels": {"app.kubernetes.io/managed-by": "virt-operator"}});
    test_cluster.create(&format!("{TYPES}?fieldManager=virt-operator"), &own)?;
    // A copy of it is somebody's, whatever its labels say.
    own["metadata"]["name"] = json!("copy");
    test_cluster.create(TYPES, &own)?;
    test_cluster.create(
        SNAPSHOTS,
        &json!({
            "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
            "metadata": {"name": "before"}, "spec": {"source": {"name": "db"}},
        }),
    )?;
    let named = [
        "  virtualmachineclusterinstancetypes.instancetype.kubevirt.io copy\n",
        "  virtualmachineclusterinstancetypes.instancetype.kubevirt.io large\n",
        "  virtualmachinesnapshots.snapshot.kubevirt.io default/before: cannot be brought back\n",
    ];
    let mut planned = test_cluster
        .bmctl(&["disable", "vmruntime", "--dry-run"])
        .exits(0)?;
    let mut ended = saving(&test_cluster)?.prints("Manifests saved in saved")?;
    for line in named {
        planned = planned.prints(line)?;
        ended = ended.prints(line)?;
    }
    if planned.stdout.contains("u1.small") {
        return Err(format!("what an operator made is called somebody's: {planned}").into());
    }
    // As the operator does; the sandbox's knows these kinds not.
    for path in [format!("{TYPES}/large"), format!("{SNAPSHOTS}/before")] {
        test_cluster.delete(&path)?;
    }
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster.bmctl(&["restore", "saved"]).exits(0)?;
    let found = test_cluster.read(&format!("{TYPES}/large"))?;
    equal(&found["spec"], &large["spec"], "the instance type")?;
    let snapshot = test_cluster.read(&format!("{SNAPSHOTS}/before"));
    equal(
        &json!(snapshot.is_err()),
        &json!(true),
        "a snapshot is not taken again",
    )
}

fn settings_of_the_engine_come_back() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let set = json!({"spec": {
        "imagePullSecrets": [{"name": "mirror"}],
        "configuration": {"developerConfiguration": {"featureGates": ["HostDevices"]}},
    }});
    test_cluster.patch(ENGINE, &set)?;
    saving(&test_cluster)?
        .prints("  kubevirts.kubevirt.io vm-system/kubevirt: what people have set on it\n")?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster
        .bmctl(&["restore", "saved"])
        .exits(0)?
        .prints("Settings put back: 1")?;
    let spec = &test_cluster.read(ENGINE)?["spec"];
    equal(
        &spec["imagePullSecrets"],
        &set["spec"]["imagePullSecrets"],
        "pull secrets",
    )?;
    let gates = &spec["configuration"]["developerConfiguration"]["featureGates"];
    let has_it = gates
        .as_array()
        .is_some_and(|gates| gates.contains(&json!("HostDevices")));
    equal(&json!(has_it), &json!(true), "feature gates")?;
    // Once more there is nothing to put back.
    let again = test_cluster
        .bmctl(&["restore", "saved", "-o", "json"])
        .exits(0)?;
    equal(&super::document(&again)?["changed"], &json!([]), "changed")
}

fn a_namespace_that_is_gone_is_said() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let tenant = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tenant"}});
    test_cluster.create(NAMESPACES, &tenant)?;
    let machines = KUBEVIRT.replace("default", "tenant");
    test_cluster.create(&machines, &virtual_machine("one", &json!([]), &json!([])))?;
    disable_into(&test_cluster, "saved")?;
    test_cluster.delete(&format!("{NAMESPACES}/tenant"))?;
    eventually("the namespace is gone", || {
        match test_cluster.read(&format!("{NAMESPACES}/tenant")) {
            Ok(_) => Err("it is there".to_owned()),
            Err(_) => Ok(()),
        }
    })?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    for flags in [&["--dry-run"] as &[&str], &["--dry-run=server"], &[]] {
        test_cluster
            .bmctl(&[&["restore", "saved"], flags].concat())
            .exits(6)?
            .says("virtualmachines.kubevirt.io tenant/one: namespace tenant does not exist")?
            .says("create namespace tenant")?;
    }
    test_cluster
        .bmctl(&["restore", "saved", "--create-namespaces"])
        .exits(0)?
        .prints("  namespaces tenant\n")?;
    equal(&json!(count(&test_cluster, &machines)?), &json!(1), "VMs")
}

fn children_of_kept_disks_are_not_put_back() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.create(MACHINES, &machine("db"))?;
    eventually("the guest runs", || {
        let path = KUBEVIRT.replace("virtualmachines", "virtualmachineinstances");
        let found = test_cluster
            .read(&format!("{path}/db"))
            .map_err(|failed| format!("{failed:?}"))?;
        if found["status"]["phase"] == "Running" {
            Ok(())
        } else {
            Err(found.to_string())
        }
    })?;
    test_cluster
        .bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "--keep-disks",
            "--backup",
            "saved",
            "--timeout",
            "50s",
        ])
        .exits(0)?;
    let saved = std::fs::read_dir(test_cluster.folder().join("saved/namespaces/default"))?;
    let mut kinds: Vec<String> = saved
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, std::io::Error>>()?;
    kinds.sort();
    equal(
        &json!(kinds),
        &json!(["virtualmachines.vm.cluster.gke.io"]),
        "what is put back",
    )
}
