//! Everything that can go wrong between a command and its API server, and passes: the command goes on, and says so.

mod budget;
mod table;

use std::time::Duration;

use http::Method;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::{
    faults::{Fault, On, Proxy, Script},
    test_cluster::{Test, TestCluster},
};

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 4] = [
        ("changing_goes_on", changing_goes_on),
        ("reading_goes_on", reading_goes_on),
        ("what_does_not_pass_is_told", what_does_not_pass_is_told),
        ("faults_at_random_end_well", faults_at_random_end_well),
    ];
    let told = tests.map(|(name, test)| Trial::test(format!("outages::{name}"), test));
    told.into_iter()
        .chain(table::trials())
        .chain(budget::trials())
        .collect()
}

/// Faults of requests and connections, and faults of watches.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Requests,
    Watches,
}

/// Faults that pass, and what is said about each.
fn passing() -> Vec<(Of, Script, &'static str)> {
    let first = |times, fault| Script::none().then(times, On::Any, fault);
    let on = |method, fault| {
        let request = On::Request(method, "/vmruntimes/vmruntime");
        Script::none().then(1, request, fault)
    };
    let retried = "could not read vmruntime (try 1)";
    let lost = "reading it again";
    vec![
        (Of::Requests, first(2, Fault::Refuse), retried),
        (Of::Requests, first(2, Fault::ResetInTls), retried),
        (Of::Requests, first(1, Fault::Silence), retried),
        (Of::Requests, first(2, Fault::Drop), retried),
        (Of::Requests, first(1, Fault::Hang), retried),
        (Of::Requests, first(2, Fault::answer(500)), retried),
        (Of::Requests, first(2, Fault::answer(502)), retried),
        (Of::Requests, first(2, Fault::answer(503)), retried),
        (Of::Requests, first(2, Fault::answer(504)), retried),
        (Of::Requests, on(Method::GET, Fault::DropAnswer), retried),
        (
            Of::Requests,
            first(1, Fault::Delay(Duration::from_millis(300))),
            "",
        ),
        // It is open whether it was carried out, so it is read again, and seen.
        (
            Of::Watches,
            on(Method::PATCH, Fault::DropAnswer),
            "could not change vmruntime (try 1)",
        ),
        (Of::Requests, on(Method::PATCH, Fault::answer(409)), ""),
        (Of::Watches, first(1, Fault::CutWatch(0)), lost),
        // Whether the first event is the last one that is needed is a matter of time.
        (Of::Watches, first(1, Fault::CutWatch(1)), ""),
        (Of::Watches, first(2, Fault::EndWatch(0)), ""),
        (Of::Watches, first(2, Fault::EndWatch(1)), ""),
        (Of::Watches, first(2, Fault::ErrorInWatch(0, 410)), ""),
        (Of::Watches, first(1, Fault::ErrorInWatch(1, 500)), ""),
    ]
}

fn changing_goes_on() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    for (at, (of, script, said)) in passing().into_iter().enumerate() {
        proxy.play(script);
        let emulation = format!("--use-emulation={}", at % 2 == 0);
        let wait = format!("--wait={}", of == Of::Watches);
        let ended = proxy
            .bmctl(&[
                "update",
                "vmruntime",
                &emulation,
                &wait,
                "--progress",
                "plain",
                "--request-timeout",
                "1s",
            ])
            .exits(0)
            .and_then(|ended| ended.says(said));
        ended.map_err(|error| format!("test {at}: {error:?}"))?;
        let spec = &test_cluster.read("/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime")?["spec"];
        if spec["useEmulation"] != (at % 2 == 0) {
            return Err(format!("test {at}: {spec}").into());
        }
    }
    Ok(())
}

fn reading_goes_on() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    for (command, fault) in [
        ("status vmruntime", Fault::Refuse),
        ("status vmruntime", Fault::answer(503)),
        ("get vmruntimepfc", Fault::Drop),
        ("skip node worker-0", Fault::answer(500)),
        ("unskip node worker-0", Fault::Drop),
        ("wait vmruntime --for ready", Fault::ResetInTls),
        ("check vmruntimepfc", Fault::answer(504)),
    ] {
        proxy.play(Script::none().then(1, On::Any, fault));
        let words: Vec<&str> = command.split(' ').chain(["--progress", "plain"]).collect();
        proxy.bmctl(&words).exits(0)?.says("trying again in")?;
    }
    Ok(())
}

fn what_does_not_pass_is_told() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let proxy = Proxy::before(&test_cluster, Script::none());
    for (fault, code, reason) in [
        (Fault::Refuse, 10, "ConnectionLost"),
        (Fault::ResetInTls, 10, "ConnectionLost"),
        (Fault::Silence, 10, "ConnectTimedOut"),
        (Fault::Drop, 10, "ConnectionLost"),
        (Fault::Hang, 10, "RequestTimedOut"),
        (Fault::answer(429), 10, "TooManyRequests"),
        (Fault::answer(500), 10, "ServerError"),
        (Fault::answer(503), 10, "ServerError"),
        (Fault::answer(401), 9, "Unauthorized"),
        (Fault::answer(403), 9, "Forbidden"),
    ] {
        proxy.play(Script::none().always(On::Any, fault));
        let ended = proxy
            .bmctl(&[
                "enable",
                "vmruntime",
                "-o",
                "json",
                "--timeout",
                "2s",
                "--request-timeout",
                "1s",
            ])
            .exits(code)
            .map_err(|error| format!("{fault:?}: {error:?}"))?;
        if let Some(whole) = proxy.requests().iter().find(|seen| seen.fault.is_none()) {
            return Err(format!("{fault:?} was not played: {whole:?}").into());
        }
        let document: Value = serde_json::from_str(&ended.stdout)?;
        if document["error"]["reason"] != reason {
            return Err(format!("{fault:?}: {}", document["error"]).into());
        }
    }
    Ok(())
}

/// How many seeds are played; more find more.
const SEEDS: &str = "BMCTL_FAULT_SEEDS";

fn faults_at_random_end_well() -> Result<(), Failed> {
    let seeds = std::env::var(SEEDS).map_or(3, |seeds| seeds.parse().unwrap());
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    for seed in 0..seeds {
        proxy.play(Script::seeded(seed, 5));
        let emulation = format!("--use-emulation={}", seed % 2 == 0);
        let ended = proxy.bmctl(&["update", "vmruntime", &emulation]);
        let spec = &test_cluster.read("/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime")?["spec"];
        let changed = spec["useEmulation"] == (seed % 2 == 0);
        match ended.code {
            Some(0) if changed => {}
            // It may give up on an address that never answers, but it may not be wrong.
            Some(10) => {}
            _ => {
                let seen = proxy.requests();
                return Err(format!("seed {seed}: changed: {changed}; {ended}\n{seen:#?}").into());
            }
        }
    }
    Ok(())
}
