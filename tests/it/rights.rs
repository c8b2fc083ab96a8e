//! The table of rights is true: with exactly the printed role every command succeeds, and without any one rule of it the
//! command fails, or warns that it could not verify everything, and says what was missing.

use std::path::{Path, PathBuf};

use bmctl::{
    api::{WorkloadKind, WorkloadRole, dependent::DEPENDENT_KINDS, name, workload},
    cluster::{
        backup::{BackupWriter, Origin, Place, Purpose},
        inventory::{Dependent, Workload},
    },
    runtime::access::Row,
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::test_cluster::{Ended, TestCluster, runtime};

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";

/// One command, as a user without any other right runs it.
#[derive(Clone, Copy)]
struct Scenario {
    /// Verb and noun.
    command: &'static str,
    flags: &'static [&'static str],
    /// What the owner does before, each time.
    before: &'static [&'static [&'static str]],
    scenery: Scenery,
}

/// What else is there, each time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenery {
    Bare,
    /// A virtual machine runs.
    Machine,
    /// It owns disks.
    MachineWithDisks,
    /// A backup with an object of each kind.
    Backup,
}

const ENABLE: &[&str] = &["enable", "vmruntime", "--ensure"];
const DISABLE: &[&str] = &["disable", "vmruntime", "--ensure"];

const SCENARIOS: [Scenario; 12] = [
    scenario("enable vmruntime", &[], &[DISABLE], Scenery::Bare),
    scenario(
        "disable vmruntime",
        &["--force=true"],
        &[ENABLE],
        Scenery::Machine,
    ),
    scenario(
        Row::KeepingDisks.words(),
        &["--force=true"],
        &[ENABLE],
        Scenery::MachineWithDisks,
    ),
    scenario("restore", &["saved"], &[ENABLE], Scenery::Backup),
    scenario(
        "update vmruntime",
        &["--use-emulation=true"],
        &[ENABLE, &["update", "vmruntime", "--use-emulation=false"]],
        Scenery::Bare,
    ),
    scenario("status vmruntime", &[], &[], Scenery::Bare),
    scenario(
        "wait vmruntime",
        &["--for", "disabled"],
        &[DISABLE],
        Scenery::Bare,
    ),
    scenario("check vmruntimepfc", &[], &[], Scenery::Bare),
    scenario("get vmruntimepfc", &[], &[], Scenery::Bare),
    scenario(
        "skip node",
        &["worker-0"],
        &[&["unskip", "node", "worker-0"]],
        Scenery::Bare,
    ),
    scenario(
        "unskip node",
        &["worker-0"],
        &[&["skip", "node", "worker-0"]],
        Scenery::Bare,
    ),
    scenario(
        "snapshot vmruntime",
        &["--output-file", "case"],
        &[],
        Scenery::Bare,
    ),
];

const fn scenario(
    command: &'static str,
    flags: &'static [&'static str],
    before: &'static [&'static [&'static str]],
    scenery: Scenery,
) -> Scenario {
    Scenario {
        command,
        flags,
        before,
        scenery,
    }
}

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = SCENARIOS
        .into_iter()
        .map(|scenario| {
            let name = scenario.command.replace(' ', "_");
            Trial::test(format!("rights::{name}"), move || proven(scenario))
        })
        .collect();
    trials.push(Trial::test(
        "rights::every_command_is_proven",
        every_command_is_proven,
    ));
    trials.push(Trial::test("rights::a_limited_user", a_limited_user));
    trials
}

fn every_command_is_proven() -> Result<(), Failed> {
    let proven = SCENARIOS.map(|scenario| scenario.command);
    let rows = Row::ALL.map(Row::words);
    match rows.iter().find(|row| !proven.contains(row)) {
        Some(command) => Err(format!("nothing proves the rights of {command}").into()),
        None => Ok(()),
    }
}

fn proven(scenario: Scenario) -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let user = account(&test_cluster)?;
    let printed = run(
        &test_cluster,
        &user,
        &words(scenario.command, &["--role"], &["auth", "check"]),
    )
    .exits(0)?;
    let documents: Vec<Value> = printed
        .stdout
        .split("---\n")
        .map(|text| serde_saphyr::from_str(text).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let [role, binding] = documents.as_slice() else {
        return Err(printed.to_string().into());
    };
    test_cluster.create(ROLES, role)?;
    test_cluster.create(BINDINGS, binding)?;
    let rules = role["rules"].as_array().ok_or("no rules")?.clone();
    let path = format!(
        "{ROLES}/{}",
        role["metadata"]["name"].as_str().unwrap_or_default()
    );
    for left_out in chosen(rules.len()) {
        let mut fewer = rules.clone();
        let missing = fewer.remove(left_out);
        if scenario.command == "wait vmruntime"
            && missing["resources"] == json!(["vmruntimepreflightchecks"])
        {
            // Its other states need them.
            continue;
        }
        if !is_served(&test_cluster, &missing) {
            continue;
        }
        test_cluster.patch(&path, &json!({"rules": fewer}))?;
        let ended = attempt(&test_cluster, &user, scenario, &["--timeout", "20s"])?;
        if !is_told(&ended) {
            return Err(format!("without {missing}: {ended}").into());
        }
    }
    test_cluster.patch(&path, &json!({"rules": rules}))?;
    attempt(&test_cluster, &user, scenario, &[])?.exits(0)?;
    let asked = words(scenario.command, &[], &["auth", "check"]);
    run(&test_cluster, &user, &asked).exits(0)?;
    Ok(())
}

/// Does the sandbox serve the group of that rule?
fn is_served(test_cluster: &TestCluster, rule: &Value) -> bool {
    match rule["apiGroups"][0].as_str() {
        Some("") | None => true,
        Some(group) => test_cluster.read(&format!("/apis/{group}")).is_ok(),
    }
}

/// It fails, or at least warns, and says what may not be read or done.
fn is_told(ended: &Ended) -> bool {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    let named = said.contains("is forbidden: User") || said.contains("cannot be read");
    match ended.code {
        Some(5 | 9) => named,
        Some(0) => named && ended.stderr.contains("warning: "),
        _ => false,
    }
}

/// Which rules are left out, one at a time: all of them take long.
fn chosen(rules: usize) -> Vec<usize> {
    if std::env::var_os("BMCTL_EVERY_RIGHT").is_some() {
        return (0..rules).collect();
    }
    let mut chosen = vec![0, rules - 1];
    chosen.dedup();
    chosen
}

/// The owner prepares the cluster, and the user runs the command.
fn attempt(
    test_cluster: &TestCluster,
    user: &Path,
    scenario: Scenario,
    flags: &[&str],
) -> Result<Ended, Failed> {
    for command in scenario.before {
        test_cluster.bmctl(command).exits(0)?;
    }
    match scenario.scenery {
        Scenery::Bare => {}
        Scenery::Machine => machine(test_cluster)?,
        Scenery::MachineWithDisks => {
            machine(test_cluster)?;
            disks(test_cluster)?;
        }
        Scenery::Backup => backup(&test_cluster.folder().join("saved"))?,
    }
    // A bundle is never overwritten.
    let _ = std::fs::remove_file(test_cluster.folder().join("case"));
    let waits = !matches!(
        scenario.command,
        "status vmruntime"
            | "get vmruntimepfc"
            | "skip node"
            | "unskip node"
            | "snapshot vmruntime"
    );
    let flags = if waits {
        [scenario.flags, flags].concat()
    } else {
        scenario.flags.to_vec()
    };
    Ok(run(
        test_cluster,
        user,
        &words(scenario.command, &flags, &[]),
    ))
}

fn machine(test_cluster: &TestCluster) -> Result<(), Failed> {
    let machines = test_cluster.read(crate::test_cluster::MACHINES)?;
    if machines["items"].as_array().is_none_or(Vec::is_empty) {
        test_cluster.run_machine("db")?;
    }
    Ok(())
}

/// Disks of both kinds, which the machine owns.
fn disks(test_cluster: &TestCluster) -> Result<(), Failed> {
    let machine = test_cluster.read(&format!("{}/db", crate::test_cluster::MACHINES))?;
    for kind in workload::WORKLOAD_KINDS
        .iter()
        .filter(|kind| kind.role == WorkloadRole::Disk)
    {
        let path = format!(
            "/apis/{}/{}/namespaces/default/{}",
            kind.group, kind.version, kind.plural
        );
        // Not the name of the data volume that a controller makes for a disk.
        let name = format!("of-db-{}", kind.plural);
        let mut disk = object(kind, &name);
        disk["metadata"]["ownerReferences"] = json!([{
            "apiVersion": machine["apiVersion"], "kind": machine["kind"], "name": "db", "uid": machine["metadata"]["uid"],
        }]);
        // Kept by an earlier attempt.
        if test_cluster.read(&format!("{path}/{name}")).is_ok() {
            test_cluster.patch(&format!("{path}/{name}"), &disk)?;
        } else {
            test_cluster.create(&path, &disk)?;
        }
    }
    Ok(())
}

/// The least that an object of a kind is.
fn object(kind: &WorkloadKind, name: &str) -> Value {
    let spec = match kind.kind {
        "VirtualMachineDisk" => json!({"size": "1Gi"}),
        "DataVolume" => json!({"source": {"blank": {}}, "storage": {}}),
        "VirtualMachine" if kind.group == name::GROUP => json!({"osType": "Linux"}),
        "VirtualMachine" => json!({"runStrategy": "Halted", "template": {"spec": {}}}),
        "VirtualMachineInstance" => json!({"domain": {}}),
        _ => json!({"replicas": 0}),
    };
    json!({
        "apiVersion": format!("{}/{}", kind.group, kind.version), "kind": kind.kind,
        "metadata": {"name": name, "namespace": "default"}, "spec": spec,
    })
}

/// Writes a backup with an object of each kind that is put back.
fn backup(folder: &Path) -> Result<(), Failed> {
    if folder.exists() {
        return Ok(());
    }
    let failed = |failure| Failed::from(format!("{failure:?}"));
    let origin = Origin {
        cluster: "sandbox".to_owned(),
        context: "sandbox".to_owned(),
        server: "https://sandbox".to_owned(),
        vmruntime: "u".to_owned(),
    };
    let place = Place::Exactly(folder.to_owned());
    let mut writer = BackupWriter::open(&place, &origin, jiff::Timestamp::now()).map_err(failed)?;
    for (number, kind) in workload::WORKLOAD_KINDS.iter().enumerate() {
        let name = format!("saved-{number}");
        let workload = Workload {
            kind,
            version: kind.version.into(),
            namespace: "default".into(),
            name: name.as_str().into(),
            uid: name.as_str().into(),
            state: None,
            created: None,
            deleting: None,
            finalizers: [].into(),
            owners: [].into(),
            generated: false,
            uses: [].into(),
        };
        writer
            .save(&(&workload).into(), &object(kind, &name), Purpose::Delete)
            .map_err(failed)?;
    }
    let dependents = DEPENDENT_KINDS.iter();
    for (number, kind) in dependents.filter(|kind| kind.group.is_empty()).enumerate() {
        let name = format!("owned-{number}");
        let dependent = Dependent {
            kind,
            namespace: "default".into(),
            name: name.as_str().into(),
            uid: name.as_str().into(),
            owners: [].into(),
            controller: None,
        };
        let mut object = json!({"metadata": {"name": name, "namespace": "default"}});
        let content = match kind.kind {
            "PersistentVolumeClaim" => json!({"spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
            }}),
            "Service" => json!({"spec": {"ports": [{"port": 22}]}}),
            "ControllerRevision" => json!({"revision": 1}),
            _ => json!({}),
        };
        for (field, value) in content.as_object().into_iter().flatten() {
            object[field] = value.clone();
        }
        writer
            .save(&(&dependent).into(), &object, Purpose::Delete)
            .map_err(failed)?;
    }
    writer.commit(jiff::Timestamp::now()).map_err(failed)
}

fn words<'a>(command: &'a str, flags: &[&'a str], before: &[&'a str]) -> Vec<&'a str> {
    before
        .iter()
        .copied()
        .chain(command.split(' '))
        .chain(flags.iter().copied())
        .collect()
}

fn run(test_cluster: &TestCluster, kubeconfig: &Path, words: &[&str]) -> Ended {
    let mut all = words.to_vec();
    let path = kubeconfig.display().to_string();
    all.extend(["--kubeconfig", &path]);
    test_cluster.bmctl(&all)
}

/// A service account that may do nothing yet, and a kubeconfig with its token.
fn account(test_cluster: &TestCluster) -> Result<PathBuf, Failed> {
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "runner"}});
    test_cluster.create(accounts, &account)?;
    let order =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = test_cluster.create(&format!("{accounts}/runner/token"), &order)?;
    let token = answer["status"]["token"].as_str().ok_or("no token")?;
    let text = std::fs::read_to_string(test_cluster.kubeconfig())?;
    let mut config: Value = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    config["users"] = json!([{"name": "runner", "user": {"token": token}}]);
    let cluster = config["contexts"][0]["context"]["cluster"].clone();
    config["contexts"] =
        json!([{"name": "runner", "context": {"cluster": cluster, "user": "runner"}}]);
    config["current-context"] = json!("runner");
    let path = test_cluster.folder().join("runner-kubeconfig");
    // JSON is YAML.
    std::fs::write(&path, config.to_string())?;
    Ok(path)
}

/// Being refused names who lacks what, and prints the role for the whole command; a policy's refusal does not.
fn a_limited_user() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let refused = test_cluster
        .bmctl(&["enable", "vmruntime", "--context", "limited"])
        .exits(9)?
        .says(r#"User "limited" cannot patch resource "vmruntimes""#)?
        .says("hint: what else is lacking: bmctl auth check enable vmruntime --context limited")?
        .says("kind: ClusterRole\n")?
        .says("name: bmctl-enable-vmruntime\n")?
        .says("name: limited\n")?;
    drop(refused);
    let lacking = test_cluster
        .bmctl(&[
            "auth",
            "check",
            "enable",
            "vmruntime",
            "--context",
            "limited",
            "-o",
            "json",
        ])
        .exits(9)?;
    let lacking: Value = serde_json::from_str(&lacking.stdout)?;
    let no = lacking["commands"][0]["rights"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|right| right["verb"] == "patch" && right["permitted"] == "no");
    if !no || lacking["user"] != "limited" || lacking["exitCode"] != 9 {
        return Err(lacking.to_string().into());
    }
    // The creation gate is a policy: it refuses whoever it is, and no role would help.
    let denied = runtime().block_on(async {
        let request = http::Request::post(crate::test_cluster::MACHINES)
            .header("Content-Type", "application/json")
            .body(crate::test_cluster::machine("db").to_string().into_bytes())
            .map_err(kube::Error::HttpError)?;
        test_cluster.owner().request::<Value>(request).await
    });
    match denied {
        Err(error) => {
            let failure = bmctl::failure::from_kube(&error, "create a machine");
            if failure.exit().code() == 6 {
                Ok(())
            } else {
                Err(format!("{failure:?}").into())
            }
        }
        Ok(_) => Err("a machine was let in while VM Runtime is disabled".into()),
    }
}
