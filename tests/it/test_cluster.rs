//! A cluster for tests: one assembled sandbox in this process, a private folder, and the real binaries run against it.

use std::{
    cell::Cell,
    collections::BTreeMap,
    ffi::OsStr,
    fmt, fs,
    io::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    time::{Duration, Instant},
};

use apiserver::{Identity, Server};
use bmctl::{
    commands::sandbox::assembly::{Assembly, AssemblyOptions, Composition},
    simulator::{NodeProfile, Pace, gdc::Release},
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{components::Components, test_server};

/// Longer than any step of a test takes on a slow machine; a wait that reaches it has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The same on a real control plane is longer.
fn patience() -> Duration {
    PATIENCE.max(test_server::patience())
}

/// Where the product's own virtual machines of namespace default are.
pub const MACHINES: &str = "/apis/vm.cluster.gke.io/v1/namespaces/default/virtualmachines";

/// The least that a virtual machine is.
pub fn machine(name: &str) -> Value {
    json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"osType": "Linux"},
    })
}

/// What a trial runs.
pub type Test = fn() -> Result<(), Failed>;

/// The one runtime that all stages of this process share.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// What a node of the cluster can do. None of them is this machine: the tests must end the same everywhere.
#[derive(Clone, Copy, Debug)]
pub enum Host {
    WithKvm,
    WithoutKvm,
}

/// One sandbox and a folder of its own.
pub struct TestCluster {
    folder: TempDir,
    kubeconfig: PathBuf,
    cluster: Option<Cluster>,
}

/// What a cluster stands on.
enum Cluster {
    Sandbox(Box<Assembly>),
    RealControlPlane(Box<Components>),
}

impl Cluster {
    /// With the kubeconfig of its owner.
    async fn of(
        composition: Composition,
        nodes: Vec<NodeProfile>,
        pace: Pace,
    ) -> anyhow::Result<(Self, String)> {
        if let Some(assets) = test_server::assets() {
            let components = Components::gather(&assets, composition, nodes, pace).await?;
            let text = components.control_plane().kubeconfig();
            return Ok((Self::RealControlPlane(Box::new(components)), text));
        }
        let options = AssemblyOptions {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            name: "sandbox".to_owned(),
            nodes,
            pace,
            delays: BTreeMap::new(),
            composition,
            faults: Vec::new(),
            state: None,
        };
        let assembly = Assembly::start(options).await?;
        let text = assembly.sandbox.kubeconfig();
        Ok((Self::Sandbox(Box::new(assembly)), text))
    }
}

thread_local! {
    /// Whose controller the stages of this thread have, where it is not ours.
    static CONTROLLER: Cell<Option<&'static Release>> = const { Cell::new(None) };
}

/// Threads tell other tests afterwards.
struct Played;

impl Drop for Played {
    fn drop(&mut self) {
        CONTROLLER.set(None);
    }
}

/// Tells a test with Google's controller of that release in the place of ours.
pub fn with_gdc(
    release: &'static Release,
    test: impl FnOnce() -> Result<(), Failed>,
) -> Result<(), Failed> {
    CONTROLLER.set(Some(release));
    let _played = Played;
    test()
}

impl TestCluster {
    /// One node, `worker-0`, that has KVM; VM Runtime installed and disabled.
    pub fn new() -> Self {
        Self::with_hosts(&[("worker-0", Host::WithKvm)])
    }

    /// These nodes; VM Runtime installed and disabled.
    pub fn with_hosts(hosts: &[(&str, Host)]) -> Self {
        Self::of(Composition::Everyone, hosts, Pace::INSTANT)
    }

    /// As [`TestCluster::new`], but each transition of the machinery takes this long.
    pub fn at_pace(transition: Duration) -> Self {
        Self::with_hosts_at_pace(&[("worker-0", Host::WithKvm)], transition)
    }

    pub fn with_hosts_at_pace(hosts: &[(&str, Host)], transition: Duration) -> Self {
        Self::of(Composition::Everyone, hosts, Pace { transition })
    }

    /// An API server without VM Runtime.
    pub fn bare() -> Self {
        Self::of(Composition::ApiServer, &[], Pace::INSTANT)
    }

    /// VM Runtime's resources, but nobody who acts on them.
    pub fn without_controller() -> Self {
        Self::of(
            Composition::Machinery,
            &[("worker-0", Host::WithKvm)],
            Pace::INSTANT,
        )
    }

    /// An admin cluster of Google Distributed Cloud.
    pub fn gdc_admin() -> Self {
        Self::of(
            Composition::GdcAdmin,
            &[("worker-0", Host::WithKvm)],
            Pace::INSTANT,
        )
    }

    fn of(composition: Composition, hosts: &[(&str, Host)], pace: Pace) -> Self {
        let composition = match (composition, CONTROLLER.get()) {
            (Composition::Everyone, Some(release)) => Composition::Gdc(release),
            (composition, _) => composition,
        };
        let folder = tempfile::tempdir().unwrap();
        let nodes = hosts
            .iter()
            .map(|(name, host)| {
                NodeProfile::real(*name, describe(&folder.path().join(name), *host))
            })
            .collect();
        let (cluster, text) = runtime()
            .block_on(Cluster::of(composition, nodes, pace))
            .unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, text).unwrap();
        Self {
            folder,
            kubeconfig,
            cluster: Some(cluster),
        }
    }

    /// Reads an object or a list, behind everybody's back.
    pub fn read(&self, path: &str) -> Result<Value, Failed> {
        self.send(http::Request::get(path), "", &Value::Null)
    }

    /// Creates an object as the cluster's owner.
    pub fn create(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.send(http::Request::post(path), "application/json", body)
    }

    /// Merges this into an object as the cluster's owner.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.send(
            http::Request::patch(path),
            "application/merge-patch+json",
            body,
        )
    }

    /// Lets an admission policy refuse what these rules match, unless the expression holds.
    pub fn freeze(&self, rules: &Value, expression: &str) -> Result<(), Failed> {
        let admission = "/apis/admissionregistration.k8s.io/v1";
        self.create(
            &format!("{admission}/validatingadmissionpolicies"),
            &json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
                "metadata": {"name": "frozen"},
                "spec": {
                    "failurePolicy": "Fail",
                    "matchConstraints": {"resourceRules": rules},
                    "validations": [{"expression": expression, "message": "changes are frozen"}],
                },
            }),
        )?;
        self.create(
            &format!("{admission}/validatingadmissionpolicybindings"),
            &json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": "frozen"},
                "spec": {"policyName": "frozen", "validationActions": ["Deny"]},
            }),
        )?;
        Ok(())
    }

    /// Deletes an object as the cluster's owner.
    pub fn delete(&self, path: &str) -> Result<Value, Failed> {
        self.send(http::Request::delete(path), "", &Value::Null)
    }

    fn send(
        &self,
        request: http::request::Builder,
        kind: &str,
        body: &Value,
    ) -> Result<Value, Failed> {
        let request = match body {
            Value::Null => request.body(Vec::new()),
            body => request
                .header("Content-Type", kind)
                .body(body.to_string().into_bytes()),
        };
        let request = request.unwrap();
        let what = format!("{} {}", request.method(), request.uri());
        runtime()
            .block_on(self.owner().request(request))
            .map_err(|error| format!("{what}: {error:?}").into())
    }

    /// Creates a virtual machine in namespace default, and waits until it runs.
    pub fn run_machine(&self, name: &str) -> Result<(), Failed> {
        // The API server learns a moment later that it may.
        eventually("a machine that is accepted", || {
            let created = self.create(MACHINES, &machine(name));
            created.map(drop).map_err(|error| format!("{error:?}"))
        })?;
        eventually("a running machine", || {
            let found = self
                .read(&format!("{MACHINES}/{name}"))
                .map_err(|error| format!("{error:?}"))?;
            if found["status"]["state"] == "Running" {
                Ok(())
            } else {
                Err(found.to_string())
            }
        })
    }

    /// VM Runtime is enabled and ready.
    pub fn enabled() -> Result<Self, Failed> {
        let test_cluster = Self::new();
        test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
        Ok(test_cluster)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// For tests that are told on the sandbox alone.
    pub fn sandbox(&self) -> &Server {
        match self.cluster() {
            Cluster::Sandbox(assembly) => &assembly.sandbox,
            Cluster::RealControlPlane(_) => panic!("there is no sandbox"),
        }
    }

    fn cluster(&self) -> &Cluster {
        self.cluster
            .as_ref()
            .expect("taken only when the test_cluster is dropped")
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The cluster's owner, behind everybody's back and without a socket.
    pub fn owner(&self) -> kube::Client {
        let _inside = runtime().enter();
        match self.cluster() {
            Cluster::Sandbox(assembly) => assembly.sandbox.client(&Identity::owner()),
            Cluster::RealControlPlane(components) => components.control_plane().client(None),
        }
    }

    /// Runs bmctl against this cluster to its end.
    pub fn bmctl(&self, arguments: &[&str]) -> Ended {
        finish(self.bmctl_command(arguments), "bmctl", arguments, "")
    }

    /// bmctl against this cluster, not started yet.
    pub fn bmctl_command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(env!("CARGO_BIN_EXE_bmctl"), self.folder());
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        command
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Ended {
        self.run_kubectl(arguments, &[], "")
    }

    pub fn kubectl_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        self.run_kubectl(arguments, environment, "")
    }

    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        self.run_kubectl(arguments, &[], input)
    }

    /// A value of an object, by kubectl's JSONPath.
    pub fn jsonpath(&self, object: &str, path: &str) -> Result<String, Failed> {
        let got = self
            .kubectl(&["get", object, "-o", &format!("jsonpath={path}")])
            .succeeds()?;
        Ok(got.stdout)
    }

    fn run_kubectl(&self, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ended {
        let program = kubectl().expect("tests that need kubectl are ignored without it");
        let mut command = clean(program, self.folder());
        command
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .envs(environment.iter().copied());
        finish(command, "kubectl", arguments, input)
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        let _inside = runtime().enter();
        match self.cluster.take() {
            Some(Cluster::Sandbox(assembly)) => runtime().block_on(assembly.stop()),
            Some(Cluster::RealControlPlane(components)) => drop(components),
            None => {}
        }
    }
}

/// A program with nothing of this process's environment that could change what it says.
pub fn clean(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// Runs a program to its end, with this on its standard input.
pub fn finish(mut command: Command, program: &str, arguments: &[&str], input: &str) -> Ended {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read all of it says so itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    Ended::of(child, format!("{program} {}", arguments.join(" ")))
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Ended {
    pub what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Waits for a started program, and ends it where it does not end by itself.
    pub fn of(child: Child, what: String) -> Self {
        let id = child.id().to_string();
        let (done, ended) = mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if ended.recv_timeout(patience()) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(done);
        watchdog.join().unwrap();
        Self {
            what,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn exits(self, code: i32) -> Result<Self, Failed> {
        if self.code == Some(code) {
            Ok(self)
        } else {
            Err(format!("exit code {code} was expected of {self}").into())
        }
    }

    pub fn succeeds(self) -> Result<Self, Failed> {
        self.exits(0)
    }

    /// Succeeds, with that on stdout.
    pub fn prints(self, text: &str) -> Result<Self, Failed> {
        let ended = self.succeeds()?;
        if ended.stdout.contains(text) {
            Ok(ended)
        } else {
            Err(format!("{text:?} was expected on the stdout of {ended}").into())
        }
    }

    /// Prints that, however it ends.
    pub fn prints_anyway(self, text: &str) -> Result<Self, Failed> {
        if self.stdout.contains(text) {
            Ok(self)
        } else {
            Err(format!("{text:?} was expected on the stdout of {self}").into())
        }
    }

    /// Says that on stderr, however it ends.
    pub fn says(self, text: &str) -> Result<Self, Failed> {
        if self.stderr.contains(text) {
            Ok(self)
        } else {
            Err(format!("{text:?} was expected on the stderr of {self}").into())
        }
    }

    /// Fails, with that on stderr.
    pub fn fails_with(&self, text: &str) -> Result<(), Failed> {
        if self.code != Some(0) && self.stderr.contains(text) {
            Ok(())
        } else {
            Err(format!("a failure that says {text:?} was expected of {self}").into())
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self
            .code
            .map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        write!(
            f,
            "{} (ended with {code})\n--- stdout\n{}--- stderr\n{}---",
            self.what, self.stdout, self.stderr
        )
    }
}

/// Looks again and again until it holds; the last finding is in the error. For what has no watch, such as output.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> Result<T, Failed> {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(last) if start.elapsed() > patience() => {
                return Err(format!("{what} did not come about; last: {last}").into());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A trial that is ignored where there is no usable kubectl, unless the environment insists on it.
pub fn needs_kubectl(name: &str, test: Test) -> Trial {
    let insist = std::env::var_os("BMCTL_REQUIRE_KUBECTL")
        .is_some_and(|value| !value.is_empty() && value != "0");
    match kubectl() {
        Some(_) => Trial::test(name, test),
        None if insist => Trial::test(name, || {
            Err("BMCTL_REQUIRE_KUBECTL is set, but no kubectl 1.27 or newer was found".into())
        }),
        None => Trial::test(format!("{name} (needs kubectl 1.27 or newer)"), test)
            .with_ignored_flag(true),
    }
}

/// The kubectl to test with: `BMCTL_KUBECTL`, else the one on the PATH, if it is 1.27 or newer.
fn kubectl() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let program = std::env::var_os("BMCTL_KUBECTL").unwrap_or_else(|| "kubectl".into());
            let output = Command::new(&program)
                .args(["version", "--client", "-o", "json"])
                .output()
                .ok()?;
            let version: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
            let minor = version["clientVersion"]["minor"]
                .as_str()?
                .trim_end_matches('+')
                .parse::<u32>()
                .ok()?;
            (minor >= 27).then(|| program.into())
        })
        .as_deref()
}

/// Describes a node by files, as `--node-facts` reads them.
pub fn describe(folder: &Path, host: Host) -> PathBuf {
    let flags = match host {
        Host::WithKvm => "fpu vmx",
        Host::WithoutKvm => "fpu hypervisor",
    };
    write(
        folder,
        "proc/cpuinfo",
        &format!("processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: {flags}\n"),
    );
    write(folder, "proc/sys/kernel/osrelease", "6.1.0-test\n");
    match host {
        Host::WithKvm => {
            write(folder, "sys/devices/virtual/misc/kvm/dev", "10:232\n");
            write(
                folder,
                "sys/devices/virtual/misc/vhost-vsock/dev",
                "10:241\n",
            );
            write(folder, "sys/module/kvm_intel/parameters/nested", "Y\n");
        }
        Host::WithoutKvm => {}
    }
    folder.to_owned()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
