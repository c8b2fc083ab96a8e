//! Whoever answers in the place of the API server: nothing is turned off, deleted or called done because of it.

use std::{fs, path::Path};

use http::Method;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{
    faults::{Fault, On, Proxy, Script},
    output::FORMATS,
    test_cluster::{MACHINES, Test, TestCluster},
};

const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const NODE: &str = "/api/v1/nodes/worker-0";

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 6] = [
        ("a_list_that_is_none_counts_no_vms", lists),
        ("a_kind_that_is_hidden_is_not_absent", hidden),
        ("a_name_is_never_a_path", names),
        ("an_answer_to_something_else_is_none", others),
        ("what_is_not_gone_is_waited_for", waits),
        ("a_token_that_is_repeated_is_not_shown", repeats),
    ];
    let told = tests.map(|(name, test)| Trial::test(format!("hostile::{name}"), test));
    told.into_iter().collect()
}

/// Turned on, with a VM, and nothing of either is lost.
fn is_untouched(test_cluster: &TestCluster) -> Result<(), Failed> {
    let enabled = test_cluster.read(RUNTIME)?["spec"]["enabled"] == true;
    let machines = test_cluster.read(MACHINES)?["items"]
        .as_array()
        .map(Vec::len);
    match (enabled, machines) {
        (true, Some(1)) => Ok(()),
        found => Err(format!("enabled and how many VMs: {found:?}").into()),
    }
}

/// What a command answers with in JSON: its exit code is 5, and its last cause holds that.
fn undetermined(proxy: &Proxy, command: &str, cause: &str) -> Result<(), Failed> {
    let mut words: Vec<&str> = command.split(' ').collect();
    words.extend(["-o", "json", "--progress", "none"]);
    let ended = proxy.bmctl(&words).exits(5)?;
    let document: Value = serde_json::from_str(&ended.stdout)?;
    if document["error"].to_string().contains(cause) {
        return Ok(());
    }
    Err(format!("{command}: {cause} was expected: {}", document["error"]).into())
}

fn lists() -> Result<(), Failed> {
    const EMPTY: &str = r#"{"kind": "VirtualMachineList", "apiVersion": "vm.cluster.gke.io/v1", "metadata": {"resourceVersion": "1"}, "items": []}"#;
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("db")?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    #[rustfmt::skip]
    let answers = [
        (Fault::says(301, EMPTY), "HTTP status 301, a redirect"),
        (Fault::says(302, EMPTY), "HTTP status 302, a redirect"),
        (Fault::says(203, EMPTY), "HTTP status 203"),
        (Fault::says(206, EMPTY), "HTTP status 206"),
        (Fault::says(200, r#"{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "etcd leader changed", "items": []}"#), "etcd leader changed"),
        (Fault::says(200, r#"{"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}"#), "expected virtualmachines of vm.cluster.gke.io/v1, the answer is a PodList of v1"),
        (Fault::says(200, r#"{"kind": "VirtualMachineList", "apiVersion": "kubevirt.io/v1", "metadata": {}, "items": []}"#), "a VirtualMachineList of kubevirt.io/v1"),
        (Fault::says(200, r#"{"metadata": {}, "items": []}"#), "a document without a kind"),
        (Fault::says(200, r#"{"kind": "VirtualMachineList", "apiVersion": "vm.cluster.gke.io/v1", "metadata": {}}"#), "a list without items"),
        (Fault::says(200, r#"{"kind": "VirtualMachineList", "apiVersion": "vm.cluster.gke.io/v1", "metadata": {"remainingItemCount": 5}, "items": []}"#), "incomplete: 5 more exist"),
        (Fault::says(200, r#"{"kind": "VirtualMachineList", "apiVersion": "vm.cluster.gke.io/v1", "metadata": {"continue": "again"}, "items": []}"#), "lead back to an earlier page"),
        (Fault::says(200, ""), "the answer is empty"),
        (Fault::says(200, "<html>log in</html>"), "a web page"),
        (Fault::Says { code: 200, media: "text/html", body: EMPTY }, "text/html"),
        (Fault::says(404, r#"{"error": "no route"}"#), "HTTP status 404 from something else"),
        (Fault::no_such_path(), "and answers 404 for it"),
    ];
    for (fault, cause) in answers {
        let on = On::Request(Method::GET, "/apis/vm.cluster.gke.io/v1/virtualmachines");
        proxy.play(Script::none().always(on, fault));
        for command in ["disable vmruntime", "status vmruntime"] {
            undetermined(&proxy, command, cause)?;
        }
        is_untouched(&test_cluster).map_err(|error| format!("{fault:?}: {error:?}"))?;
    }
    Ok(())
}

fn hidden() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("db")?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    let hide = |path| Script::none().always(On::Under(path), Fault::no_such_path());
    let groups = Fault::says(
        200,
        r#"{"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "apps", "versions": []}]}"#,
    );
    let on = |path| On::Request(Method::GET, path);
    for (script, cause) in [
        (
            hide("/apis/kubevirt.io"),
            "/apis/kubevirt.io/v1 should be served, and is answered with a 404",
        ),
        (hide("/apis"), "/apis should be served"),
        (
            hide("/apis/kubevirt.io/v1").always(on("/apis"), groups),
            "/apis does not list kubevirt.io, and /apis/kubevirt.io describes it",
        ),
        (
            hide("/apis/kubevirt.io/v1/virtualmachines"),
            "the cluster says that it serves virtualmachines in kubevirt.io/v1",
        ),
    ] {
        proxy.play(script);
        undetermined(&proxy, "disable vmruntime", cause)?;
        is_untouched(&test_cluster)?;
    }
    Ok(())
}

fn names() -> Result<(), Failed> {
    const VICTIM: &str = r#"{"kind": "VirtualMachineList", "apiVersion": "kubevirt.io/v1", "metadata": {"resourceVersion": "1"}, "items": [
        {"kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1", "metadata": {"name": "../../../../../../api/v1/namespaces/victim", "namespace": "default", "uid": "u"}}]}"#;
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("db")?;
    let list = On::Request(Method::GET, "/apis/kubevirt.io/v1/virtualmachines");
    let proxy = Proxy::before(
        &test_cluster,
        Script::none().always(list, Fault::says(200, VICTIM)),
    );
    for command in [
        "disable vmruntime --force=true --no-backup",
        "disable vmruntime --force=true --backup saved",
    ] {
        undetermined(&proxy, command, "may not contain '/'")?;
        is_untouched(&test_cluster)?;
    }
    match proxy
        .requests()
        .iter()
        .find(|seen| seen.target.contains("victim"))
    {
        Some(led) => Err(format!("{led:?}").into()),
        None => Ok(()),
    }
}

/// One object in the place of another, and writes that nobody has carried out.
fn others() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    let other = r#"{"kind": "VMRuntime", "apiVersion": "vm.cluster.gke.io/v1", "metadata": {"name": "other", "uid": "u", "resourceVersion": "1"}, "spec": {"enabled": false}}"#;
    let node = r#"{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "worker-1", "uid": "u", "resourceVersion": "1"}}"#;
    let nodes = r#"{"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}"#;
    let missing = r#"{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found", "details": {"name": "x", "kind": "pods"}}"#;
    #[rustfmt::skip]
    let cases = [
        ("status vmruntime", Method::GET, RUNTIME, Fault::says(200, other), r#"\"other\" and not \"vmruntime\""#),
        ("status vmruntime", Method::GET, RUNTIME, Fault::says(404, missing), "does not name it"),
        ("status vmruntime", Method::GET, RUNTIME, Fault::no_such_path(), "and answers 404 for it"),
        ("disable vmruntime", Method::PATCH, RUNTIME, Fault::says(302, other), "a redirect"),
        ("disable vmruntime", Method::PATCH, RUNTIME, Fault::says(200, other), "and not"),
        ("update vmruntime --use-emulation", Method::PATCH, RUNTIME, Fault::says(202, "{}"), "HTTP status 202"),
        ("get vmruntimepfc", Method::GET, "/vmruntimepreflightchecks", Fault::says(200, nodes), "a PodList of v1"),
        ("skip node worker-0", Method::GET, "/nodes", Fault::says(200, nodes), "a PodList of v1"),
        ("skip node worker-0", Method::GET, NODE, Fault::says(200, node), r#"\"worker-1\" and not \"worker-0\""#),
        ("skip node worker-0", Method::PATCH, NODE, Fault::says(200, node), r#"\"worker-1\" and not \"worker-0\""#),
        ("check vmruntimepfc", Method::POST, "/vmruntimepreflightchecks", Fault::says(201, other), "a VMRuntime of"),
    ];
    for (command, method, path, fault, cause) in cases {
        proxy.play(Script::none().always(On::Request(method, path), fault));
        undetermined(&proxy, command, cause).map_err(|error| format!("{fault:?}: {error:?}"))?;
        let spec = &test_cluster.read(RUNTIME)?["spec"];
        if spec["enabled"] != true || spec["useEmulation"] == true {
            return Err(format!("{command}: {spec}").into());
        }
        if test_cluster.read(NODE)?["metadata"]["labels"]["kubevm.io/VM-SkipSchedule"]
            != Value::Null
        {
            return Err(format!("{command}: the node has the label").into());
        }
    }
    Ok(())
}

/// A wait that is shown something else waits on.
fn waits() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.patch(RUNTIME, &json!({"spec": {"enabled": false}}))?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    proxy
        .bmctl(&["wait", "vmruntime", "--for", "disabled"])
        .succeeds()?;
    let deployments = r#"{"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {"resourceVersion": "1"}, "items": []}"#;
    let page = r#"{"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1", "continue": "again"}, "items": []}"#;
    for fault in [Fault::says(200, deployments), Fault::says(200, page)] {
        let pods = On::Request(Method::GET, "/vm-system/pods");
        proxy.play(Script::none().always(pods, fault));
        let words = ["wait", "vmruntime", "--for", "disabled", "--timeout", "2s"];
        proxy.bmctl(&words).exits(124)?;
    }
    Ok(())
}

/// Of all files in a folder.
fn texts(folder: &Path) -> Result<String, Failed> {
    let mut all = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        all += &if path.is_dir() {
            texts(&path)?
        } else {
            fs::read_to_string(path)?
        };
    }
    Ok(all)
}

/// A proxy or a webhook may quote the header of a request in its error.
fn repeats() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let kubeconfig = fs::read_to_string(test_cluster.kubeconfig())?;
    let mut lines = kubeconfig.lines().map(str::trim);
    let token = lines.find_map(|line| line.strip_prefix("token: "));
    let token = token.ok_or("no token")?.trim_matches(['"', '\'']);
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": format!("not allowed: Authorization: Bearer {token}"),
    });
    let proxy = Proxy::before(&test_cluster, Script::none());
    for body in [status.to_string(), format!("<html>Bearer {token}")] {
        let body = Box::leak(body.into_boxed_str());
        let script = Script::none().always(On::Under("/apis"), Fault::says(403, body));
        proxy.play(script);
        for format in FORMATS {
            let words = [
                "status",
                "vmruntime",
                "-o",
                format,
                "-vv",
                "--log-dir",
                "log",
            ];
            let ended = proxy.bmctl(&words);
            let log = texts(&test_cluster.folder().join("log"))?;
            let said = [&*ended.stdout, &ended.stderr, &log].concat();
            ended.exits(9)?;
            if said.contains(token) {
                return Err(format!("-o {format}: {said}").into());
            }
            if body.starts_with('{') && !said.contains("Bearer (a credential, not shown)") {
                return Err(format!("-o {format} does not say what was answered: {said}").into());
            }
        }
    }
    Ok(())
}
