//! Getting help: the support bundle, what a user lacks, and that no credential is ever shown on any of these ways.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use base64::Engine as _;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{bench::Bench, test_cluster::TestCluster};

pub fn trials() -> Vec<Trial> {
    tests![
        "support":
        a_bundle_holds_what_the_list_says,
        a_dry_run_lists_and_asks_nobody,
        a_bundle_is_never_overwritten,
        a_bundle_holds_no_credential,
        no_bundle_of_a_cluster_that_is_away,
        what_is_permitted_is_asked,
        a_role_is_printed_for_kubectl,
        no_credential_is_ever_shown,
    ]
}

/// The files of a bundle, by name without their folder.
fn unpacked(path: &Path) -> Result<BTreeMap<String, String>, Failed> {
    let packed = fs::read(path)?;
    let decoder = ruzstd::decoding::StreamingDecoder::new(packed.as_slice())
        .map_err(|error| error.to_string())?;
    let mut archive = tar::Archive::new(decoder);
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry
            .path()?
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        files.insert(name, text);
    }
    Ok(files)
}

fn a_bundle_holds_what_the_list_says() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("very-private-name")?;
    let document = test_cluster
        .bmctl(&[
            "snapshot",
            "vmruntime",
            "-o",
            "json",
            "--output-file",
            "case.tar.zst",
        ])
        .exits(0)?;
    let document: Value = serde_json::from_str(&document.stdout)?;
    let path = test_cluster.folder().join("case.tar.zst");
    if fs::metadata(&path)?.permissions().mode() & 0o777 != 0o600 {
        return Err("others may read the bundle".into());
    }
    let files = unpacked(&path)?;
    let manifest: Value = serde_json::from_str(&files["manifest.json"])?;
    if manifest["files"] != document["files"]
        || manifest["cluster"]["context"] != document["cluster"]["context"]
    {
        return Err(format!("the manifest says {manifest}, the document {document}").into());
    }
    for file in manifest["files"].as_array().ok_or("no files")? {
        let name = file["file"].as_str().unwrap_or_default();
        let there = files.contains_key(name);
        if there != (file["outcome"] == "collected") {
            return Err(format!("{file}, but in the bundle: {there}").into());
        }
    }
    for (file, text) in [
        ("vmruntime.json", "\"enabled\": true"),
        ("nodes.json", "\"worker-0\""),
        ("machines.json", "\"machines\": 1"),
        ("preflight-checks.json", "\"pass\": true"),
        ("deployments.json", "vmruntime-controller-manager"),
    ] {
        if !files
            .get(file)
            .is_some_and(|content| content.contains(text))
        {
            return Err(format!("{text} is not in {file}: {:?}", files.get(file)).into());
        }
    }
    match files
        .iter()
        .find(|(_, text)| text.contains("very-private-name"))
    {
        Some((file, text)) => Err(format!("{file} names a VM: {text}").into()),
        None => Ok(()),
    }
}

fn a_dry_run_lists_and_asks_nobody() -> Result<(), Failed> {
    let bench = Bench::new();
    let listed = bench.bmctl("snapshot vmruntime --dry-run").code(0)?;
    let document = bench
        .bmctl("snapshot vmruntime --dry-run -o json")
        .code(0)?
        .json()?;
    for file in document["files"].as_array().ok_or("no files")? {
        let name = file["file"].as_str().unwrap_or_default();
        if !listed.stdout.contains(name) || file["outcome"] != "listed" {
            return Err(format!("{file}\n{}", listed.stdout).into());
        }
    }
    match fs::read_dir(bench.folder())?.count() {
        0 => Ok(()),
        _ => Err("a dry run leaves files".into()),
    }
}

fn a_bundle_is_never_overwritten() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let path = test_cluster.folder().join("case");
    fs::write(&path, "mine")?;
    test_cluster
        .bmctl(&["snapshot", "vmruntime", "--output-file", "case"])
        .exits(6)?
        .says("case exists, and is not overwritten")?;
    if fs::read_to_string(&path)? == "mine" {
        Ok(())
    } else {
        Err("it was overwritten".into())
    }
}

/// What somebody planted where it does not belong is taken out, or was never on the list.
fn a_bundle_holds_no_credential() -> Result<(), Failed> {
    const CANARY: &str = "canary0123456789";
    let test_cluster = TestCluster::without_controller();
    test_cluster.create(
        "/api/v1/namespaces/vm-system/pods",
        &json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "odd", "annotations": {"note": CANARY}, "labels": {"note": CANARY}},
            "spec": {"containers": [{
                "name": "c", "image": "registry/x",
                "args": [format!("--token={CANARY}")], "env": [{"name": "A", "value": CANARY}],
            }]},
        }),
    )?;
    test_cluster.create(
        "/api/v1/namespaces/vm-system/events",
        &json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": "odd", "namespace": "vm-system"},
            "involvedObject": {"kind": "Pod", "name": "odd", "namespace": "vm-system"},
            "reason": "Failed", "type": "Warning",
            "message": format!("could not pull https://eve:{CANARY}@registry/x: password={CANARY}"),
        }),
    )?;
    test_cluster.create(
        "/api/v1/namespaces/vm-system/configmaps",
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"}, "data": {"a": CANARY},
        }),
    )?;
    let document = test_cluster
        .bmctl(&[
            "snapshot",
            "vmruntime",
            "-o",
            "json",
            "--output-file",
            "case",
        ])
        .exits(0)?;
    let document: Value = serde_json::from_str(&document.stdout)?;
    let files = unpacked(&test_cluster.folder().join("case"))?;
    if let Some((file, text)) = files.iter().find(|(_, text)| text.contains(CANARY)) {
        return Err(format!("{file}: {text}").into());
    }
    if files["events.json"].contains("could not pull https://[redacted]@registry/x")
        && document["redacted"].as_u64() > Some(0)
    {
        Ok(())
    } else {
        Err(format!("{document}\n{}", files["events.json"]).into())
    }
}

fn no_bundle_of_a_cluster_that_is_away() -> Result<(), Failed> {
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let bench = Bench::new().file(
        "config",
        &kubeconfig(&format!("http://{closed}"), "token: x"),
    );
    let ended = bench
        .bmctl("snapshot vmruntime --kubeconfig config -o json --output-file case")
        .code(10)?;
    if ended.json()?["path"].is_null() && !bench.folder().join("case").exists() {
        Ok(())
    } else {
        Err("a bundle of nothing".into())
    }
}

fn what_is_permitted_is_asked() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let one = test_cluster
        .bmctl(&["auth", "check", "enable", "vmruntime", "-o", "json"])
        .exits(0)?;
    let one: Value = serde_json::from_str(&one.stdout)?;
    let rights = one["commands"][0]["rights"].as_array().ok_or("no rights")?;
    if rights.is_empty() || !rights.iter().all(|right| right["permitted"] == "yes") {
        return Err(one.to_string().into());
    }
    if one["manifests"][0]["kind"] != "ClusterRole" {
        return Err(one.to_string().into());
    }
    test_cluster
        .bmctl(&["auth", "check"])
        .prints("disable vmruntime")?;
    test_cluster
        .bmctl(&["auth", "check", "enabel", "vmruntime"])
        .exits(2)?
        .says("did you mean: bmctl auth check enable vmruntime")?;
    Ok(())
}

fn a_role_is_printed_for_kubectl() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let printed = test_cluster
        .bmctl(&["auth", "check", "disable", "--role"])
        .exits(0)?
        .stdout;
    let documents: Vec<Value> = printed
        .split("---\n")
        .map(|text| serde_saphyr::from_str(text).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    match documents.as_slice() {
        [role, binding]
            if role["kind"] == "ClusterRole"
                && role["metadata"]["name"] == "bmctl-disable-vmruntime"
                && binding["roleRef"]["name"] == "bmctl-disable-vmruntime" =>
        {
            Ok(())
        }
        _ => Err(printed.into()),
    }
}

fn kubeconfig(server: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: one\n\
         clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: one, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n"
    )
}

/// A secret is planted wherever a kubeconfig or the environment can hold one; no command shows it anywhere, however it
/// ends.
fn no_credential_is_ever_shown() -> Result<(), Failed> {
    const CANARY: &str = "canary0123456789";
    const COMMANDS: [&str; 4] = [
        "status vmruntime -vv",
        "enable vmruntime --timeout 0 -o json -vv",
        "auth check",
        "snapshot vmruntime --output-file case",
    ];
    let encoded = base64::engine::general_purpose::STANDARD.encode(CANARY);
    let test_cluster = TestCluster::bare();
    let good = fs::read_to_string(test_cluster.kubeconfig())?;
    let token = good
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .ok_or("the sandbox's kubeconfig has no token")?
        .trim_matches(['"', '\''])
        .to_owned();
    let server = test_cluster.sandbox().url();
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let plugin = |script: &str| {
        format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['-c', '{script}', '{CANARY}'], \
             env: [{{name: A, value: {CANARY}}}], interactiveMode: Never, installHint: 'install it'}}"
        )
    };
    let configs = [
        ("good", good),
        (
            "wrong token",
            kubeconfig(&server, &format!("token: {CANARY}")),
        ),
        (
            "basic",
            kubeconfig(&server, &format!("username: eve, password: {CANARY}")),
        ),
        (
            "url",
            kubeconfig(&format!("https://eve:{CANARY}@{closed}"), "token: x"),
        ),
        (
            "away",
            kubeconfig(&format!("http://{closed}"), &format!("token: {CANARY}")),
        ),
        (
            "key",
            kubeconfig(
                &server,
                &format!("client-certificate-data: {encoded}, client-key-data: {encoded}"),
            ),
        ),
        (
            "no base64",
            kubeconfig(
                &server,
                &format!("client-key-data: '{CANARY}!', client-certificate-data: '{CANARY}!'"),
            ),
        ),
        (
            "token file",
            kubeconfig(&server, "tokenFile: /nowhere/at/all"),
        ),
        ("no YAML", kubeconfig(&server, &format!("token: [{CANARY}"))),
        (
            "no string",
            kubeconfig(&server, &format!("token: {{a: {CANARY}}}")),
        ),
        (
            "failing plugin",
            kubeconfig(&server, &plugin("echo $A; echo $A >&2; exit 3")),
        ),
        (
            "babbling plugin",
            kubeconfig(&server, &plugin("echo no json: $A; echo $A >&2")),
        ),
        (
            "missing plugin",
            kubeconfig(
                &server,
                &plugin("").replace("command: sh", "command: no-such-plugin"),
            ),
        ),
    ];
    for (name, config) in configs {
        let bench = Bench::new()
            .file("config", &config)
            .environment("HTTPS_PROXY", &format!("http://eve:{CANARY}@127.0.0.1:1"))
            .environment("NO_PROXY", "nowhere.example");
        for command in COMMANDS {
            let ended = bench.bmctl(&format!("{command} --kubeconfig config --log-dir log"));
            let mut shown = vec![
                (PathBuf::from("stdout"), ended.stdout.clone()),
                (PathBuf::from("stderr"), ended.stderr.clone()),
            ];
            shown.extend(written(bench.folder())?);
            for (place, text) in shown {
                for secret in [CANARY, &encoded, &token] {
                    if text.contains(secret) {
                        return Err(format!(
                            "{name}: {command} shows a credential in {}:\n{text}",
                            place.display()
                        )
                        .into());
                    }
                }
            }
        }
    }
    Ok(())
}

/// Every file that a command left, bundles unpacked. The kubeconfig is ours.
fn written(folder: &Path) -> Result<Vec<(PathBuf, String)>, Failed> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("case") {
                let files = unpacked(&path)?;
                found.extend(
                    files
                        .into_iter()
                        .map(|(name, text)| (path.join(name), text)),
                );
            } else if !path.ends_with("config") {
                found.push((
                    path.clone(),
                    String::from_utf8_lossy(&fs::read(&path)?).into_owned(),
                ));
            }
        }
    }
    Ok(found)
}
