//! `--timeout` is one budget for a whole command: whatever hangs in it, and however long one request may take.
//!
//! Nothing is measured here: what outlives its time is ended by [`finish`](crate::test_cluster::finish), and has no exit code.

use http::Method;
use kube::config::NamedContext;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::{
    faults::{Fault, On, Proxy, Script},
    test_cluster::{Test, TestCluster},
};

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 3] = [
        ("no_request_outlives_the_command", no_request_outlives_it),
        ("a_look_at_the_start_does_not_either", no_look_outlives_it),
        ("clusters_share_it", clusters_share_it),
    ];
    let named = |(name, test)| Trial::test(format!("outages::{name}"), test);
    tests.map(named).into()
}

const TIMES: [&str; 4] = ["--timeout", "2s", "--request-timeout", "0"];

fn hanging(method: Method, path: &'static str) -> Script {
    Script::none().always(On::Request(method, path), Fault::Hang)
}

fn no_request_outlives_it() -> Result<(), Failed> {
    let cluster = TestCluster::new();
    let proxy = Proxy::before(&cluster, Script::none());
    for (command, method, path, code) in [
        ("wait vmruntime --for disabled", Method::GET, "/pods", 124),
        (
            "wait vmruntime --for disabled",
            Method::GET,
            "/vmruntime",
            10,
        ),
        ("enable vmruntime", Method::PATCH, "/vmruntime", 10),
        (
            "check vmruntimepfc",
            Method::POST,
            "/vmruntimepreflightchecks",
            10,
        ),
        (
            "controller uninstall",
            Method::GET,
            "/clusterrolebindings",
            10,
        ),
    ] {
        proxy.play(hanging(method, path));
        let words: Vec<&str> = command.split(' ').chain(TIMES).collect();
        proxy.bmctl(&words).exits(code)?;
    }
    Ok(())
}

/// It looks once whether there is anything to do, and that look has no time of its own.
fn no_look_outlives_it() -> Result<(), Failed> {
    let cluster = TestCluster::new();
    let proxy = Proxy::before(&cluster, Script::none());
    let command = ["disable", "vmruntime", "--ensure"];
    let off = "waiting for vmruntime to be disabled";
    // Whose the pods are is not known: then nothing is off for sure, and nobody can be asked any more whether VMs exist.
    let over = "the time was over (2s) before the API server could be asked";
    for (path, code, said) in [("/vm-system/pods", 124, off), ("/replicasets", 5, over)] {
        proxy.play(hanging(Method::GET, path));
        let words: Vec<&str> = command.into_iter().chain(TIMES).collect();
        proxy.bmctl(&words).exits(code)?.says(said)?;
        if !proxy.paths().iter().any(|asked| asked.ends_with(path)) {
            return Err(format!("{path} was not asked for").into());
        }
    }
    Ok(())
}

/// Eight are worked on at a time; where all of them hang, no time is left for the ninth.
fn clusters_share_it() -> Result<(), Failed> {
    const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let cluster = TestCluster::bare();
    let proxy = Proxy::before(&cluster, Script::none().always(On::Any, Fault::Hang));
    proxy.edit(|kubeconfig| {
        let context = kubeconfig.contexts[0].clone();
        let named = |name: &str| NamedContext {
            name: name.to_owned(),
            ..context.clone()
        };
        kubeconfig.contexts = NAMES.map(named).into();
    });
    let contexts = NAMES.join(",");
    let command = ["wait", "vmruntime", "--for", "ready", "-o", "json"];
    let which = ["--contexts", contexts.as_str()];
    let words: Vec<&str> = command.into_iter().chain(which).chain(TIMES).collect();
    let ended = proxy.bmctl(&words).exits(124)?;
    let document: Value = serde_json::from_str(&ended.stdout)?;
    let reasons = document["items"].as_array().ok_or("no items")?;
    let count = |reason: &str| {
        let of = |item: &&Value| item["error"]["reason"] == reason;
        reasons.iter().filter(of).count()
    };
    match (count("RequestTimedOut"), count("TimedOut")) {
        (8, 1) => Ok(()),
        counts => Err(format!("{counts:?}\n{document:#}").into()),
    }
}
