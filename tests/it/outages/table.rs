//! Every fault × every command that changes something or waits. A cell holds when the command says nothing that a fresh
//! read contradicts, ends within its own time-out, and is at work again soon after the last fault.

use std::{
    env,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use apiserver::fault::{Effect, Fault as ServerFault, Party};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{
    faults::{Fault, On, Proxy, Script},
    test_cluster::{Ended, MACHINES, TestCluster, eventually, finish},
};

const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";
/// After the last fault a command is at work again within this.
const RECOVERY: Duration = Duration::from_secs(5);
/// Long, so that only what hangs meets it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Short, for what does not pass.
const HOPELESS: Duration = Duration::from_secs(3);

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Enable,
    Update,
    Check,
    Disable,
    Wait,
}

const JOBS: [(&str, Job); 5] = [
    ("enable", Job::Enable),
    ("update", Job::Update),
    ("check", Job::Check),
    ("disable", Job::Disable),
    ("wait", Job::Wait),
];

/// How a row ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It passes, and the job is done.
    Well,
    /// It does not pass: this exit code.
    With(i32),
}

/// A row: what breaks on the way, or in the server itself.
struct Row {
    name: &'static str,
    script: fn() -> Script,
    server: Option<fn() -> Effect>,
    end: End,
}

const fn on_the_way(name: &'static str, script: fn() -> Script, end: End) -> Row {
    Row {
        name,
        script,
        server: None,
        end,
    }
}

fn twice(fault: Fault) -> Script {
    Script::none().then(2, On::Any, fault)
}

fn for_ever(fault: Fault) -> Script {
    Script::none().always(On::Any, fault)
}

#[rustfmt::skip]
const ROWS: [Row; 17] = [
    on_the_way("connection refused", || twice(Fault::Refuse), End::Well),
    on_the_way("reset in TLS", || twice(Fault::ResetInTls), End::Well),
    on_the_way("half-open connection", || Script::none().then(1, On::Any, Fault::Silence), End::Well),
    on_the_way("request lost", || twice(Fault::Drop), End::Well),
    on_the_way("answer lost", || Script::none().then(1, On::Any, Fault::DropAnswer), End::Well),
    on_the_way("no answer", || Script::none().then(1, On::Any, Fault::Hang), End::Well),
    on_the_way("delay", || twice(Fault::Delay(Duration::from_millis(300))), End::Well),
    on_the_way("429, come back in a second", || Script::none().then(1, On::Any, Fault::Answer { code: 429, retry_after: Some(1) }), End::Well),
    on_the_way("500", || twice(Fault::answer(500)), End::Well),
    on_the_way("503", || twice(Fault::answer(503)), End::Well),
    on_the_way("watch cut", || twice(Fault::CutWatch(0)), End::Well),
    on_the_way("410 in a watch", || twice(Fault::ErrorInWatch(0, 410)), End::Well),
    on_the_way("500 in a watch", || twice(Fault::ErrorInWatch(0, 500)), End::Well),
    on_the_way("credential expired", || for_ever(Fault::answer(401)), End::With(9)),
    on_the_way("503 for ever", || for_ever(Fault::answer(503)), End::With(10)),
    Row { name: "API server restarts at a watch", script: Script::none, server: Some(restart), end: End::Well },
    Row { name: "410 from the API server", script: Script::none, server: Some(gone), end: End::Well },
];

fn restart() -> Effect {
    Effect::Restart {
        downtime: Duration::from_millis(300).into(),
    }
}

fn gone() -> Effect {
    Effect::Error {
        code: 410,
        after: Duration::ZERO.into(),
    }
}

pub fn trials() -> Vec<Trial> {
    let columns = JOBS
        .map(|(name, job)| Trial::test(format!("outages::table_of_{name}"), move || column(job)));
    columns.into_iter().chain([clock_trial()]).collect()
}

/// One cluster for all the rows of a job.
fn column(job: Job) -> Result<(), Failed> {
    let theatre = Theatre::new(job)?;
    let broken: Vec<String> = ROWS
        .iter()
        .enumerate()
        .filter_map(|(at, row)| {
            let error = theatre.play(at, row).err()?;
            Some(format!(
                "{} × {job:?}: {}",
                row.name,
                error.message().unwrap_or_default()
            ))
        })
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n").into())
    }
}

/// A cluster, the way to it, and a job that is done there again and again.
struct Theatre {
    proxy: Proxy,
    test_cluster: TestCluster,
    job: Job,
}

impl Theatre {
    fn new(job: Job) -> Result<Self, Failed> {
        let test_cluster = TestCluster::enabled()?;
        Ok(Self {
            proxy: Proxy::before(&test_cluster, Script::none()),
            test_cluster,
            job,
        })
    }

    fn play(&self, at: usize, row: &Row) -> Result<(), Failed> {
        let words = self.prepare(at)?;
        let checks = self.checks()?;
        let before = self.proxy.requests().len();
        if let Some(effect) = row.server {
            self.test_cluster.sandbox().arm(ServerFault {
                name: "row".to_owned(),
                target: Party::Clients,
                verbs: vec!["watch".to_owned()],
                resources: Vec::new(),
                users: Vec::new(),
                skip: 0,
                times: Some(1),
                probability: 1.0,
                seed: 0,
                effect: effect(),
            })?;
        }
        self.proxy.play((row.script)());
        let timeout = match row.end {
            End::Well => TIMEOUT,
            End::With(_) => HOPELESS,
        };
        let ended = self.run(&words, timeout, |_| {})?;
        self.proxy.play(Script::none());
        let seen = self.proxy.requests().split_off(before);
        let told = || format!("{ended}\n{seen:#?}");
        match row.end {
            End::Well => self.is_true(&ended, at, &checks)?,
            End::With(code) if ended.code == Some(code) => return Ok(()),
            End::With(code) => return Err(format!("{code} was expected: {}", told()).into()),
        }
        let Some(last) = seen.iter().rposition(|seen| seen.fault.is_some()) else {
            return Ok(());
        };
        let pause = seen.get(last + 1).map(|next| next.at - seen[last].at);
        // What was broken was answered, or given up, before its successor came.
        let given_up = if matches!(seen[last].fault, Some(Fault::Hang)) {
            REQUEST_TIMEOUT
        } else {
            Duration::ZERO
        };
        match pause {
            Some(pause) if pause > RECOVERY + given_up => {
                Err(format!("at work again after {pause:?}: {}", told()).into())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Brings the cluster to where the job begins, and says its words.
    fn prepare(&self, at: usize) -> Result<String, Failed> {
        let emulation = at.is_multiple_of(2);
        Ok(match self.job {
            Job::Enable => {
                self.set(&json!({"enabled": false}))?;
                self.comes_to("disabled", |runtime| {
                    runtime["status"]["phase"] == "Disabled"
                })?;
                "enable vmruntime".to_owned()
            }
            Job::Update => format!("update vmruntime --use-emulation={emulation}"),
            Job::Check => "check vmruntimepfc".to_owned(),
            Job::Disable => {
                self.set(&json!({"enabled": true}))?;
                self.comes_to("ready", |runtime| runtime["status"]["ready"] == true)?;
                // Where the last row did not pass, it is still there.
                if self.test_cluster.read(MACHINES)?["items"] == json!([]) {
                    self.test_cluster.run_machine("db")?;
                }
                format!("disable vmruntime --force=true --backup saved-{at}")
            }
            Job::Wait => {
                self.set(&json!({"useEmulation": emulation}))?;
                "wait vmruntime --for ready".to_owned()
            }
        })
    }

    fn set(&self, spec: &Value) -> Result<(), Failed> {
        self.test_cluster
            .patch(RUNTIME, &json!({ "spec": spec }))
            .map(drop)
    }

    fn comes_to(&self, what: &str, holds: fn(&Value) -> bool) -> Result<(), Failed> {
        eventually(what, || {
            let runtime = self
                .test_cluster
                .read(RUNTIME)
                .map_err(|error| format!("{error:?}"))?;
            let current =
                runtime["status"]["observedGeneration"] == runtime["metadata"]["generation"];
            if current && holds(&runtime) {
                Ok(())
            } else {
                Err(runtime.to_string())
            }
        })
    }

    fn run(
        &self,
        words: &str,
        timeout: Duration,
        change: impl FnOnce(&mut Command),
    ) -> Result<Ended, Failed> {
        let within = format!("{}s", timeout.as_secs());
        let request = format!("{}s", REQUEST_TIMEOUT.as_secs());
        let mut all: Vec<&str> = words.split(' ').collect();
        all.extend([
            "--progress",
            "plain",
            "--timeout",
            &within,
            "--request-timeout",
            &request,
        ]);
        let mut command = self.proxy.bmctl_command(&all);
        change(&mut command);
        let start = Instant::now();
        let ended = finish(command, "bmctl", &all, "");
        if start.elapsed() > timeout + RECOVERY {
            return Err(format!("a hang past its time-out: {ended}").into());
        }
        Ok(ended)
    }

    /// It says that it succeeded, and whoever reads again finds it so.
    fn is_true(&self, ended: &Ended, at: usize, before: &[String]) -> Result<(), Failed> {
        let emulation = at.is_multiple_of(2);
        let runtime = self.test_cluster.read(RUNTIME)?;
        let (spec, status) = (&runtime["spec"], &runtime["status"]);
        let ready = spec["enabled"] == true && status["ready"] == true;
        let holds = match self.job {
            Job::Enable | Job::Wait => ready,
            Job::Update => ready && spec["useEmulation"] == emulation,
            Job::Check => {
                let fresh = self
                    .checks()?
                    .into_iter()
                    .filter(|name| !before.contains(name));
                let passed = fresh.map(|name| self.test_cluster.read(&format!("{CHECKS}/{name}")));
                passed
                    .collect::<Result<Vec<_>, _>>()?
                    .iter()
                    .any(|check| check["status"]["pass"] == true)
            }
            Job::Disable => {
                let machines = self.test_cluster.read(MACHINES)?;
                let saved = self
                    .test_cluster
                    .folder()
                    .join(format!("saved-{at}"))
                    .is_dir();
                machines["items"] == json!([])
                    && saved
                    && spec["enabled"] == false
                    && status["ready"] != true
            }
        };
        if ended.code == Some(0) && holds {
            return Ok(());
        }
        Err(format!("true: {holds}; {ended}\n{runtime:#}").into())
    }

    fn checks(&self) -> Result<Vec<String>, Failed> {
        let list = self.test_cluster.read(CHECKS)?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        Ok(items
            .iter()
            .filter_map(|check| Some(check["metadata"]["name"].as_str()?.to_owned()))
            .collect())
    }
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Changes what a program takes for the time of day; what it measures with is left alone.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

fn clock_trial() -> Trial {
    const NAME: &str = "outages::a_clock_that_is_wrong";
    let insist =
        env::var_os("BMCTL_REQUIRE_CLIENTS").is_some_and(|value| !value.is_empty() && value != "0");
    if Path::new(FAKETIME).exists() || insist {
        return Trial::test(NAME, a_clock_that_is_wrong);
    }
    Trial::test(format!("{NAME} (needs libfaketime)"), a_clock_that_is_wrong)
        .with_ignored_flag(true)
}

/// The operator's machine is ten minutes ahead of the cluster, or behind it.
fn a_clock_that_is_wrong() -> Result<(), Failed> {
    for (name, job) in JOBS {
        let theatre = Theatre::new(job)?;
        for (at, skew) in ["+600", "-600"].into_iter().enumerate() {
            let words = theatre.prepare(at)?;
            let checks = theatre.checks()?;
            let ended = theatre.run(&words, TIMEOUT, |command| {
                command
                    .env("LD_PRELOAD", FAKETIME)
                    .env("FAKETIME", skew)
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            })?;
            let held = theatre.is_true(&ended, at, &checks);
            held.map_err(|error| format!("{name} {skew} s: {error:?}"))?;
        }
    }
    Ok(())
}
