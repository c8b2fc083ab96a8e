//! A controller as a process of its own: what it logs, serves and takes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, ensure};
use bmctl::simulator::OPERATOR_MANIFESTS;
use serde_json::Value;

use super::{stand_in, test_cluster::TestCluster};
use crate::bench::Bench;

/// A folder with what such a process reads.
pub fn bench(cluster: &TestCluster) -> Bench {
    let bench = Bench::new().file("kubeconfig", &cluster.kubeconfig());
    OPERATOR_MANIFESTS
        .into_iter()
        .fold(bench, |bench, (name, text)| {
            bench.file(&format!("engine/{name}"), text)
        })
}

/// What a server answers to one question.
pub fn get(address: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A controller as a process of its own.
pub struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    pub fn start(bench: &Bench, flags: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bmctl"));
        command
            .args(["controller", "run", "--kubeconfig", "kubeconfig"])
            .args(["--engine-manifests", "engine", "--listen", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .args(flags)
            .current_dir(bench.folder());
        Self::of(&mut command)
    }

    /// As quick as the tests are: the same controller in a process of this very binary, as the cluster's owner.
    pub fn quick(bench: &Bench) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(stand_in::WORD).current_dir(bench.folder());
        Self::of(&mut command)
    }

    fn of(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = BufReader::new(child.stderr.take().context("a stderr")?);
        let log: Arc<Mutex<String>> = Arc::default();
        let written = log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Ok(Self { child, log })
    }

    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        let told = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status()?;
        ensure!(told.success(), "kill -{name} {id}");
        Ok(())
    }

    /// Waits until its log says that.
    pub async fn says(&self, text: &str) -> anyhow::Result<()> {
        self.line(|line| line.contains(text).then_some(()), text)
            .await
    }

    /// Where it serves metrics; every line of its log is JSON.
    pub async fn address(&self) -> anyhow::Result<String> {
        let told = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["address"].as_str()?.to_owned())
        };
        self.line(told, "an address").await
    }

    async fn line<T>(&self, wanted: impl Fn(&str) -> Option<T>, what: &str) -> anyhow::Result<T> {
        for _ in 0..600 {
            if let Some(found) = self.log.lock().unwrap().lines().find_map(&wanted) {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{what} was not logged:\n{}", self.log.lock().unwrap())
    }

    /// How much memory it has, in KiB: now, and at most so far.
    pub fn memory(&self) -> anyhow::Result<(usize, usize)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |mark: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(mark));
            let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            number.with_context(|| format!("no {mark} in {status}"))
        };
        Ok((of("VmRSS:")?, of("VmHWM:")?))
    }

    /// How many requests it has made so far.
    pub async fn requests(&self) -> anyhow::Result<u64> {
        self.counted("vmruntime_api_requests_total{").await
    }

    /// How many rounds there were so far.
    pub async fn rounds(&self) -> anyhow::Result<u64> {
        self.counted("vmruntime_reconcile_total{").await
    }

    async fn counted(&self, family: &str) -> anyhow::Result<u64> {
        let text = get(&self.address().await?, "/metrics")?;
        let counted = text
            .lines()
            .filter(|line| line.starts_with(family))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        Ok(counted.sum())
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM")?;
        let ended = tokio::task::block_in_place(|| self.child.wait())?;
        ensure!(
            ended.code() == Some(0),
            "{ended}\n{}",
            self.log.lock().unwrap()
        );
        for line in self.log.lock().unwrap().lines() {
            serde_json::from_str::<Value>(line).with_context(|| format!("no JSON: {line}"))?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is what the test wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
