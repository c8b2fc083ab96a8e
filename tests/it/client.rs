//! Other people's clients against the sandbox: a script of somebody else's must not notice the difference. Two releases
//! of kubectl, Kubernetes' own libraries for Python and Node, and kube for Rust.
//!
//! All but the last are not part of the repository: `.ci/run` fetches them and names them in the environment.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use libtest_mimic::{Failed, Trial};

use crate::test_cluster::{Ended, Host, Test, TestCluster, clean};

mod kube_rs;

pub fn trials() -> Vec<Trial> {
    let insist = std::env::var_os("BMCTL_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
    let tests: [(&str, &str, Test); 4] = [
        ("kubectl_of_today", "BMCTL_KUBECTL", || {
            kubectl("BMCTL_KUBECTL")
        }),
        ("kubectl_of_1_27", "BMCTL_OLD_KUBECTL", || {
            kubectl("BMCTL_OLD_KUBECTL")
        }),
        ("python", "BMCTL_PYTHON_CLIENT", python),
        ("node", "BMCTL_NODE_CLIENT", node),
    ];
    let trial = |(name, variable, test): (&str, &str, Test)| {
        if std::env::var_os(variable).is_some() || insist {
            return Trial::test(format!("client::{name}"), test);
        }
        Trial::test(format!("client::{name} (needs {variable})"), test).with_ignored_flag(true)
    };
    let mut trials: Vec<Trial> = tests.map(trial).into();
    trials.push(Trial::test("client::kube_rs", kube_rs::flow));
    trials
}

fn named(variable: &str) -> Result<String, Failed> {
    std::env::var(variable).map_err(|_| format!("{variable} is not set").into())
}

/// Runs a program against the cluster.
fn run(
    test_cluster: &TestCluster,
    program: impl AsRef<OsStr>,
    words: &[&str],
    environment: &[(&str, &str)],
) -> Ended {
    let mut command: Command = clean(&program, test_cluster.folder());
    command
        .args(words)
        .env("KUBECONFIG", test_cluster.kubeconfig())
        .envs(environment.iter().copied())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let what = format!("{} {}", program.as_ref().display(), words.join(" "));
    Ended::of(command.spawn().unwrap(), what)
}

/// Runs a program against the cluster that ends only when it is told to.
fn start(test_cluster: &TestCluster, program: &str, words: &[&str]) -> Running {
    let mut command: Command = clean(program, test_cluster.folder());
    let child = command
        .args(words)
        .env("KUBECONFIG", test_cluster.kubeconfig())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    Running(child.unwrap())
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    folder.join(name).display().to_string()
}

fn python() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let library = named("BMCTL_PYTHON_CLIENT")?;
    let ended = run(
        &test_cluster,
        "python3",
        &[&script("flow.py")],
        &[("PYTHONPATH", &library)],
    );
    let expected = "\
nodes: ['worker-0']
events: [('MODIFIED', '2'), ('DELETED', '2')]
ready: True
pages: True
refused: 403 Forbidden
";
    same(&ended.succeeds()?, expected)
}

fn node() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let library = named("BMCTL_NODE_CLIENT")?;
    let ended = run(
        &test_cluster,
        "node",
        &[&script("flow.mjs")],
        &[("BMCTL_NODE_CLIENT", &library)],
    );
    let expected = "\
nodes: worker-0
events: MODIFIED=2,DELETED=2
ready: true
refused: 403
";
    same(&ended.succeeds()?, expected)
}

fn same(ended: &Ended, expected: &str) -> Result<(), Failed> {
    if ended.stdout == expected {
        return Ok(());
    }
    Err(format!("expected\n{expected}of {ended}").into())
}

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "nginx:1", ports: [{containerPort: 80}]}]}
"#;

const MISSPELT: &str = r"
apiVersion: v1
kind: Pod
metadata: {name: misspelt}
spec: {containers: [{name: c, image: x, imag: y}]}
";

const CHECK: &str = r"
apiVersion: vm.cluster.gke.io/v1
kind: VMRuntimePreflightCheck
metadata: {name: check, namespace: vm-system, labels: {by: them}}
";

/// What a command is expected to do: end with this code, and say this somewhere.
type Step = (&'static str, i32, &'static str);

/// A day with kubectl, word for word as people type it.
const DAY: &[Step] = &[
    ("get nodes -o wide", 0, "worker-0"),
    ("get pods -A -o wide", 0, "vmruntime-controller-manager"),
    (
        "get ns default -o yaml",
        0,
        "kubernetes.io/metadata.name: default",
    ),
    (
        "get pods -A -o custom-columns=N:.metadata.name",
        0,
        "vmruntime-controller-manager",
    ),
    (
        "create configmap cm --from-literal=a=one",
        0,
        "configmap/cm created",
    ),
    ("edit configmap cm", 0, "configmap/cm edited"),
    ("get cm cm -o jsonpath={.data.a}", 0, "two"),
    ("apply -f web.yaml", 0, "deployment.apps/web created"),
    (
        "rollout status deployment/web --timeout=60s",
        0,
        "successfully rolled out",
    ),
    ("diff -f web2.yaml", 1, "nginx:2"),
    ("apply -f web2.yaml", 0, "deployment.apps/web configured"),
    ("diff -f web2.yaml", 0, ""),
    (
        "apply --server-side --force-conflicts -f web2.yaml",
        0,
        "serverside-applied",
    ),
    (
        "apply --server-side --dry-run=server -f web2.yaml",
        0,
        "serverside-applied (server dry run)",
    ),
    ("rollout restart deployment/web", 0, "restarted"),
    (
        "rollout status deployment/web --timeout=60s",
        0,
        "successfully rolled out",
    ),
    ("rollout history deployment/web", 0, "REVISION"),
    ("scale deployment/web --replicas=3", 0, "scaled"),
    (
        "wait --for=jsonpath={.status.readyReplicas}=3 deployment/web --timeout=60s",
        0,
        "condition met",
    ),
    ("set image deployment/web c=nginx:3", 0, "image updated"),
    // The list of containers is merged by name: the image stays.
    (
        r#"patch deployment web -p {"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"b"}]}]}}}}"#,
        0,
        "patched",
    ),
    (
        "get deployment web -o jsonpath={.spec.template.spec.containers[0].image}",
        0,
        "nginx:3",
    ),
    (
        r#"patch deployment web --type=json -p [{"op":"replace","path":"/spec/replicas","value":1}]"#,
        0,
        "patched",
    ),
    (
        r#"patch deployment web --type=merge -p {"spec":{"replicas":2}}"#,
        0,
        "patched",
    ),
    ("label deployment web x=y", 0, "labeled"),
    ("annotate deployment web x=y", 0, "annotate"),
    ("describe deployment web", 0, "RollingUpdateStrategy"),
    ("describe node worker-0", 0, "Allocated resources"),
    ("get events", 0, "Successfully assigned default/web-"),
    (
        "events --types=Normal",
        0,
        "Successfully assigned default/web-",
    ),
    (
        "explain pod.spec.containers.resources",
        0,
        "maximum amount of compute resources",
    ),
    ("explain vmruntime.spec", 0, "enabled"),
    ("api-resources", 0, "vmruntimes"),
    (
        "api-resources --api-group=apps -o wide",
        0,
        "create,delete,deletecollection,get,list,patch,update,watch",
    ),
    ("auth can-i delete nodes", 0, "yes"),
    ("auth can-i delete nodes --context limited", 1, "no"),
    (
        "auth can-i --list --context limited",
        0,
        "selfsubjectaccessreviews.authorization.k8s.io",
    ),
    (
        "get secrets --context limited",
        1,
        r#"User "limited" cannot list resource "secrets" in API group "" in the namespace "default""#,
    ),
    (
        "get pods --as jane",
        1,
        r#"User "jane" cannot list resource "pods""#,
    ),
    (
        "create role r --verb=get,list --resource=pods",
        0,
        "created",
    ),
    ("create rolebinding rb --role=r --user=jane", 0, "created"),
    ("get pods --as jane", 0, "web-"),
    ("create deployment d2 --image=nginx", 0, "created"),
    ("expose deployment d2 --port 80", 0, "exposed"),
    ("get svc d2", 0, "ClusterIP"),
    ("create serviceaccount sa", 0, "created"),
    ("create token sa", 0, "ey"),
    ("create job j --image=busybox", 0, "created"),
    // Cron jobs are not served, and kubectl says so.
    ("create cronjob c --image=busybox --schedule=@daily", 1, ""),
    ("create quota q --hard=pods=10", 0, "created"),
    (
        "create -f misspelt.yaml",
        1,
        r#"unknown field "spec.containers[0].imag""#,
    ),
    (
        "create -f misspelt.yaml --validate=warn",
        0,
        r#"Warning: unknown field "spec.containers[0].imag""#,
    ),
    ("cordon worker-0", 0, "cordoned"),
    (
        "drain worker-0 --ignore-daemonsets --force --delete-emptydir-data --timeout=60s",
        0,
        "drained",
    ),
    ("uncordon worker-0", 0, "uncordoned"),
    ("taint node worker-0 a=b:NoSchedule", 0, "tainted"),
    ("taint node worker-0 a-", 0, "untainted"),
    (
        "delete deployment web d2 --wait --timeout=60s",
        0,
        "deleted",
    ),
    ("wait --for=delete pod -l app=web --timeout=60s", 0, ""),
    ("create ns n1", 0, "created"),
    ("delete ns n1 --timeout=60s", 0, "deleted"),
    // The same with kinds that a definition brings.
    ("get vmruntime -o wide", 0, "PREFLIGHTCHECK"),
    ("edit vmruntime vmruntime", 0, "edited"),
    (
        "get vmruntime vmruntime -o custom-columns=F:.spec.vmImageFormat",
        0,
        "qcow2",
    ),
    ("apply -f check.yaml", 0, "check created"),
    ("diff -f check2.yaml", 1, "+    by: us"),
    ("apply -f check2.yaml", 0, "check configured"),
    ("apply -f check2.yaml", 0, "check unchanged"),
    (
        "apply --server-side -f check2.yaml --field-manager=other",
        0,
        "serverside-applied",
    ),
    (
        "apply --server-side -f check3.yaml --field-manager=third",
        1,
        "conflict",
    ),
    (
        "wait --for=jsonpath={.status.pass}=true vmruntimepfc/check -n vm-system --timeout=60s",
        0,
        "condition met",
    ),
    (
        "describe vmruntimepfc check -n vm-system",
        0,
        "Completion Time:",
    ),
    ("label vmruntimepfc check x=y -n vm-system", 0, "labeled"),
    // Version 1.27 says "annotate".
    (
        "annotate vmruntimepfc check x=y -n vm-system",
        0,
        "check annotate",
    ),
    // KubeVirt's and ours are merged by JSON merge patch alone.
    (
        "patch vmruntimepfc check -n vm-system -p {}",
        1,
        "application/strategic-merge-patch+json is not supported",
    ),
    (
        "events --for vmruntimepfc/check -n vm-system",
        0,
        "No events found in vm-system namespace.",
    ),
    (
        "delete vmruntimepfc check -n vm-system --wait",
        0,
        "deleted",
    ),
    ("get --raw /readyz", 0, "ok"),
];

fn kubectl(variable: &str) -> Result<(), Failed> {
    let program = named(variable)?;
    let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithKvm)]);
    for (name, text) in [
        ("web.yaml", DEPLOYMENT.to_owned()),
        ("web2.yaml", DEPLOYMENT.replace("nginx:1", "nginx:2")),
        ("misspelt.yaml", MISSPELT.to_owned()),
        ("check.yaml", CHECK.to_owned()),
        ("check2.yaml", CHECK.replace("by: them", "by: us")),
        ("check3.yaml", CHECK.replace("by: them", "by: others")),
    ] {
        fs::write(test_cluster.folder().join(name), text)?;
    }
    for step in DAY {
        take(&test_cluster, &program, step)?;
    }
    follow(&test_cluster, &program)
}

fn take(
    test_cluster: &TestCluster,
    program: &str,
    (line, code, said): &Step,
) -> Result<(), Failed> {
    let editor = [("KUBE_EDITOR", "sed -i -e s/one/two/ -e s/raw/qcow2/")];
    let words: Vec<&str> = line.split(' ').collect();
    let ended = run(test_cluster, program, &words, &editor).exits(*code)?;
    let all = format!("{}{}", ended.stdout, ended.stderr);
    if all.contains(said) {
        return Ok(());
    }
    Err(format!("{said:?} was expected of {ended}").into())
}

/// `get -w`, in three of its shapes: every change is seen as it comes.
fn follow(test_cluster: &TestCluster, program: &str) -> Result<(), Failed> {
    take(test_cluster, program, &("create configmap w", 0, "created"))?;
    let shapes: [&[&str]; 3] = [
        &["get", "configmaps", "-w", "--output-watch-events"],
        &["get", "configmap", "w", "-w", "-o", "yaml"],
        &[
            "get",
            "cm",
            "-w",
            "-o",
            "custom-columns=N:.metadata.name,V:.data.v",
        ],
    ];
    let mut watches = Vec::new();
    for words in shapes {
        let mut watch = start(test_cluster, program, words);
        let output = watch.0.stdout.take().ok_or("no stdout")?;
        watches.push((watch, words, BufReader::new(output).lines()));
    }
    // Whoever has shown what there is follows from there.
    let mut until = |wanted: [&str; 3]| -> Result<(), Failed> {
        for ((_, words, lines), wanted) in watches.iter_mut().zip(wanted) {
            let mut seen = String::new();
            while !seen.contains(wanted) {
                let line = lines.next().ok_or(format!("{words:?} ended"))??;
                seen += &(line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n");
            }
        }
        Ok(())
    };
    until(["ADDED w 0", "name: w", "w <none>"])?;
    let patch = r#"patch cm w --type=merge -p {"data":{"v":"changed"}}"#;
    take(test_cluster, program, &(patch, 0, "patched"))?;
    until(["MODIFIED w 1", "v: changed", "w changed"])?;
    take(test_cluster, program, &("delete cm w", 0, "deleted"))?;
    until(["DELETED w 1", "v: changed", "w changed"])
}
