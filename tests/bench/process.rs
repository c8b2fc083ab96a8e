//! Programs as processes: how long they take, and how much memory at the most.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::sheet;

/// The program that is measured: the one that cargo built, or `BMCTL_MEASURED`.
pub fn bmctl() -> PathBuf {
    env::var_os("BMCTL_MEASURED").map_or_else(|| env!("CARGO_BIN_EXE_bmctl").into(), PathBuf::from)
}

/// The kubectl to compare with: `BMCTL_KUBECTL`, else the one on the PATH.
pub fn kubectl() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let named = env::var_os("BMCTL_KUBECTL").unwrap_or_else(|| "kubectl".into());
            let runs = Command::new(&named)
                .args(["version", "--client"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
            runs.then(|| named.into())
        })
        .as_deref()
}

/// What one run took.
#[derive(Clone, Copy)]
pub struct Run {
    pub wall: Duration,
    /// The largest part of it that was ever in memory, in KiB.
    pub peak: u64,
}

/// Where programs are run, and what they find there.
pub struct Place<'a> {
    pub folder: &'a Path,
    pub kubeconfig: Option<&'a Path>,
}

impl Place<'_> {
    pub fn command(&self, program: &Path, words: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(words.split(' ').filter(|word| !word.is_empty()))
            .current_dir(self.folder)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder)
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        if let Some(kubeconfig) = self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command
    }

    /// Runs it to its end, which must be one of these codes.
    pub fn run(&self, program: &Path, words: &str, codes: &[i32]) -> Run {
        let begin = Instant::now();
        let mut child = self
            .command(program, words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let watcher = thread::spawn(move || {
            let mut peak = 0;
            while let Some(now) = high_water(&status) {
                peak = now;
                thread::sleep(Duration::from_micros(500));
            }
            peak
        });
        let ended = child.wait().unwrap();
        let wall = begin.elapsed();
        assert!(
            ended.code().is_some_and(|code| codes.contains(&code)),
            "{} {words} ended with {ended}",
            program.display()
        );
        Run {
            wall,
            peak: watcher.join().unwrap(),
        }
    }
}

/// In KiB; it only ever grows. Nothing where the process has ended.
pub fn high_water(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    mark.trim().trim_end_matches(" kB").parse().ok()
}

/// One way to do a job: the commands, one after the other.
pub struct Way<'a> {
    pub program: &'a Path,
    pub commands: &'a [&'a str],
    pub codes: &'a [i32],
}

/// Does the job in every way, one way after the other and all of them again, so that a slow moment hits all alike. Before
/// each, `prepare` brings everything back to where it was. The median time and the highest peak of each way.
pub fn interleaved(
    place: &Place<'_>,
    ways: &[Way<'_>],
    runs: usize,
    mut prepare: impl FnMut(),
) -> Vec<Run> {
    let mut seen: Vec<Vec<Run>> = ways.iter().map(|_| Vec::new()).collect();
    for _ in 0..runs {
        for (way, seen) in ways.iter().zip(&mut seen) {
            prepare();
            let all = way
                .commands
                .iter()
                .map(|words| place.run(way.program, words, way.codes));
            let whole = all.fold(
                Run {
                    wall: Duration::ZERO,
                    peak: 0,
                },
                |sum, run| Run {
                    wall: sum.wall + run.wall,
                    peak: sum.peak.max(run.peak),
                },
            );
            seen.push(whole);
        }
    }
    seen.into_iter()
        .map(|runs| Run {
            wall: sheet::median(runs.iter().map(|run| run.wall).collect()),
            peak: runs.iter().map(|run| run.peak).max().unwrap_or_default(),
        })
        .collect()
}

pub const COLUMNS: [&str; 7] = [
    "job",
    "bmctl",
    "kubectl",
    "time, bmctl : kubectl",
    "memory of bmctl",
    "of kubectl",
    "memory, bmctl : kubectl",
];

/// One line of a comparison; where there is no kubectl, only our side.
pub fn line(job: &str, runs: &[Run]) -> Vec<String> {
    let ours = runs[0];
    let theirs = runs.get(1);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
    let peaks = |run: &Run| sheet::ratio(ours.peak as f64, run.peak as f64);
    vec![
        job.to_owned(),
        sheet::time(ours.wall),
        or_none(theirs.map(|run| sheet::time(run.wall))),
        or_none(theirs.map(|run| sheet::ratio(ours.wall.as_secs_f64(), run.wall.as_secs_f64()))),
        sheet::memory(ours.peak),
        or_none(theirs.map(|run| sheet::memory(run.peak))),
        or_none(theirs.map(peaks)),
    ]
}

/// Compares one command line of ours with one of kubectl's.
pub fn compare(
    place: &Place<'_>,
    job: &str,
    (ours, our_codes): (&[&str], &[i32]),
    theirs: &[&str],
    runs: usize,
    prepare: impl FnMut(),
) -> Vec<String> {
    let bmctl = bmctl();
    let mut ways = vec![Way {
        program: &bmctl,
        commands: ours,
        codes: our_codes,
    }];
    if let Some(kubectl) = kubectl() {
        ways.push(Way {
            program: kubectl,
            commands: theirs,
            codes: &[0],
        });
    }
    line(job, &interleaved(place, &ways, runs, prepare))
}
