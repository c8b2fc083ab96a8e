//! How much memory a large cluster costs: the peak of the real binary against a server that makes machines up.
//! `BMCTL_MACHINES=100000` counts as many; the limit grows with the number. `BMCTL_MEASURED=PATH` measures another build.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::test_cluster::clean;

pub fn trials() -> Vec<Trial> {
    tests!["disable": many_machines_take_little_memory]
}

/// So many in the ordinary suite.
const MACHINES: usize = 10_000;
/// What each may cost, in bytes: a hundred thousand of them, the program itself and a page of a list fit into 40 MiB.
const EACH: usize = 260;
/// What a page of a list and the fragments around it may cost, in KiB.
const SLACK: usize = 4 * 1024;
/// What a hundred thousand of them may cost a build that is given to people, all in all, in KiB.
const ALL_IN_ALL: usize = 40 * 1024;

fn many_machines_take_little_memory() -> Result<(), Failed> {
    let wanted = std::env::var("BMCTL_MACHINES").ok();
    let machines = wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or(MACHINES);
    for arguments in [
        &["disable", "vmruntime"] as &[_],
        &["disable", "vmruntime", "--force", "--dry-run"],
    ] {
        let few = peak(1000, arguments)?;
        let all = peak(machines, arguments)?;
        let mut limit = few + SLACK + machines * EACH / 1024;
        if measured().is_some() && machines <= 100_000 {
            limit = limit.min(ALL_IN_ALL);
        }
        if all > limit {
            return Err(format!("{arguments:?}: {all} KiB with {machines} VMs, {few} KiB with 1000, limit {limit} KiB").into());
        }
        if std::env::var_os("BMCTL_MACHINES").is_some() {
            #[allow(clippy::print_stderr, reason = "a measurement that was asked for")]
            {
                eprintln!("{arguments:?}: peak {all} KiB with {machines} VMs, {few} KiB with 1000");
            }
        }
    }
    Ok(())
}

/// The build that is to be measured instead of the one under test.
fn measured() -> Option<std::ffi::OsString> {
    std::env::var_os("BMCTL_MEASURED")
}

/// The most memory that it had, in KiB.
fn peak(machines: usize, arguments: &[&str]) -> Result<usize, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(stream, machines));
        }
    });
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "many",
        "clusters": [{"name": "many", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "many", "user": {}}],
        "contexts": [{"name": "many", "context": {"cluster": "many", "user": "many"}}],
    });
    fs::write(&kubeconfig, config.to_string())?;
    let program = match measured() {
        Some(program) => std::path::absolute(program)?,
        None => env!("CARGO_BIN_EXE_bmctl").into(),
    };
    let child = clean(program, folder.path())
        .args(arguments)
        .env("KUBECONFIG", &kubeconfig)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let peak = watch(&child);
    let output = child.wait_with_output()?;
    let peak = peak.join().map_err(|_| "the watcher broke down")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !said.contains("default/machine-000000") || peak == 0 {
        return Err(format!(
            "{arguments:?} ended with {:?} and a peak of {peak}:\n{said}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(peak)
}

/// Reads the high-water mark until the process has ended; it only ever grows.
fn watch(child: &Child) -> thread::JoinHandle<usize> {
    let status = format!("/proc/{}/status", child.id());
    thread::spawn(move || {
        let mut peak = 0;
        while let Ok(text) = fs::read_to_string(&status) {
            let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            match mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok()) {
                Some(mark) => peak = mark,
                // It has ended, and nobody has asked how yet.
                None if peak > 0 => break,
                None => {}
            }
            thread::sleep(Duration::from_millis(1));
        }
        peak
    })
}

/// Answers one connection.
fn serve(mut stream: TcpStream, machines: usize) {
    let Ok(reading) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(reading);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let mut header = String::new();
        while reader.read_line(&mut header).unwrap_or(0) > 2 {
            header.clear();
        }
        let target = request.split(' ').nth(1).unwrap_or_default();
        let (code, kind, body) = answer(target, machines);
        let head = format!(
            "HTTP/1.1 {code}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .is_err()
        {
            return;
        }
    }
}

fn answer(target: &str, machines: usize) -> (&'static str, &'static str, String) {
    const JSON: &str = "application/json";
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path {
        "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime" => {
            let runtime = json!({
                "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
                "metadata": {"name": "vmruntime", "uid": "u", "resourceVersion": "1", "generation": 1},
                "spec": {"enabled": true}, "status": {"ready": true},
            });
            ("200 OK", JSON, runtime.to_string())
        }
        "/apis/vm.cluster.gke.io/v1/virtualmachines" => {
            let number = |name: &str| {
                let value = query.split('&').find_map(|pair| pair.strip_prefix(name));
                value.and_then(|value| value.parse::<usize>().ok())
            };
            let (limit, start) = (
                number("limit=").unwrap_or(500),
                number("continue=").unwrap_or(0),
            );
            let end = (start + limit).min(machines);
            let items: Vec<Value> = (start..end).map(machine).collect();
            let token = if end < machines {
                end.to_string()
            } else {
                String::new()
            };
            let list = json!({
                "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachineList",
                "metadata": {"resourceVersion": "1", "continue": token}, "items": items,
            });
            ("200 OK", JSON, list.to_string())
        }
        "/apis" => {
            let groups = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group()]});
            ("200 OK", JSON, groups.to_string())
        }
        "/apis/vm.cluster.gke.io" => ("200 OK", JSON, group().to_string()),
        "/apis/vm.cluster.gke.io/v1" => {
            let resources = json!({
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "vm.cluster.gke.io/v1",
                "resources": [{"name": "virtualmachines", "kind": "VirtualMachine", "namespaced": true}],
            });
            ("200 OK", JSON, resources.to_string())
        }
        // What every cluster serves, and what has nothing in it here.
        path if path.starts_with("/api/v1/") || path.starts_with("/apis/apps/v1/") => {
            let list = json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                "metadata": {"resourceVersion": "1"}, "items": [],
            });
            ("200 OK", JSON, list.to_string())
        }
        _ => (
            "404 Not Found",
            "text/plain",
            "404 page not found\n".to_owned(),
        ),
    }
}

fn group() -> Value {
    let version = json!({"groupVersion": "vm.cluster.gke.io/v1", "version": "v1"});
    json!({"kind": "APIGroup", "apiVersion": "v1", "name": "vm.cluster.gke.io", "versions": [version]})
}

/// About as heavy as a machine of a real cluster is.
fn machine(number: usize) -> Value {
    json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine",
        "metadata": {
            "name": format!("machine-{number:06}"), "namespace": "default",
            "uid": format!("00000000-0000-4000-8000-{number:012x}"), "resourceVersion": "1",
            "creationTimestamp": "2026-11-23T08:00:00Z", "finalizers": ["vm.cluster.gke.io/finalizer"],
            "labels": {"app": "x"}, "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:compute": {}, "f:disks": {}}}}],
        },
        "spec": {"compute": {"cpu": {"vcpus": 2}, "memory": {"capacity": "4Gi"}}, "osType": "Linux", "interfaces": [{"name": "eth0"}]},
        "status": {"state": "Running", "interfaces": [{"ipAddresses": ["10.0.0.1"]}], "message": "x".repeat(300)},
    })
}
