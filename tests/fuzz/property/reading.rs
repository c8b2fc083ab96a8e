//! What is read from files, from a cluster and from the machine.

use std::{cell::LazyCell, fs, path::Path};

use bmctl::{
    api::{VMRuntime, VMRuntimePreflightCheck},
    cluster::{self, ConnectOptions},
    commands::sandbox::world_file::WorldFile,
    failure::Failure,
    probe::{self, Depth, ProbeReport, Virtualization},
    render::clean::{clean, clean_lines},
    runtime::{
        blockers, observed,
        verdict::{self, Verdict},
    },
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// More than this no file of these kinds has, and a fuzzer only gets slow by it.
const LARGEST: usize = 64 * 1024;

thread_local! {
    static FOLDER: LazyCell<TempDir> = LazyCell::new(|| tempfile::tempdir().expect("a temporary folder"));
}

/// It is read, or what is wrong is said in a failure that may be shown.
pub fn kubeconfig(data: &[u8]) {
    FOLDER.with(|folder| {
        let path = folder.path().join("kubeconfig");
        fs::write(&path, data).expect("a file");
        let options = ConnectOptions {
            kubeconfig: Some(path),
            ..ConnectOptions::default()
        };
        if let Err(failure) = waited_for(cluster::contexts(&options)) {
            may_be_shown(&failure, data);
        }
    });
}

/// Reading is asynchronous, because it may take for ever.
pub fn waited_for<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| {
            Builder::new_current_thread().enable_all().build().expect("a runtime")
        });
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

/// A machine that does not exist costs nothing, and a description says what is wrong with it.
pub fn world(data: &[u8]) {
    // The count of nodes is bounded by the file's own rules; its size is bounded here.
    if data.len() > LARGEST {
        return;
    }
    FOLDER.with(|folder| {
        let path = folder.path().join("world.yaml");
        fs::write(&path, data).expect("a file");
        if let Ok(world) = waited_for(WorldFile::read(&path)) {
            let _said = world.profiles(&path);
        }
    });
}

/// Whatever a VMRuntime or a check says of itself: nothing is taken for ready or passed that its own words contradict,
/// and no word of it can steer a terminal.
pub fn status(data: &[u8]) {
    if let Ok(runtime) = serde_json::from_slice::<VMRuntime>(data) {
        let reported = runtime.status.as_ref().and_then(|status| status.ready);
        let current = observed::is_current(&runtime);
        assert!(!observed::is_ready(&runtime) || (reported == Some(true) && current));
        assert!(observed::ready(&runtime) != Some(true) || (reported == Some(true) && current));
        let conditions = blockers::noteworthy(&runtime).into_iter();
        let said =
            conditions.flat_map(|condition| [condition.type_, condition.reason, condition.message]);
        said.chain(blockers::blockers(&runtime))
            .for_each(|text| is_harmless(&text));
    }
    if let Ok(check) = serde_json::from_slice::<VMRuntimePreflightCheck>(data) {
        let status = check.status.unwrap_or_default();
        let judgement = verdict::judge(Some(&status));
        if judgement.suffices() {
            let mut nodes = status.checks.values().chain(status.failures.values());
            assert_eq!(status.pass, Some(true));
            assert!(nodes.clone().any(|node| node.passed));
            assert!(
                nodes.all(|node| node.passed
                    || node.unknown == Some(true)
                    || node.results.is_empty())
            );
        }
        if judgement.verdict == Verdict::Passed {
            let mut nodes = status.checks.values().chain(status.failures.values());
            assert!(judgement.suffices());
            assert_eq!(status.unknown_node_num.unwrap_or(0), 0);
            assert!(nodes.all(|node| node.passed && node.unknown != Some(true)));
        }
        for node in status.checks.values() {
            node.results
                .iter()
                .for_each(|result| is_harmless(&result.check_name));
        }
    }
}

/// What the probe left behind is a report that a probe could have written, or none.
pub fn message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    is_harmless(text);
    match ProbeReport::parse_termination_message(text) {
        Err(error) => is_harmless(&error.to_string()),
        Ok(report) => comes_back(&report),
    }
}

/// A machine of files: sections of the input that begin with `--- proc/…` or `--- sys/…`. It is judged, whatever they
/// say, and the report can be sent.
pub fn machine(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for section in text.split("--- ").skip(1).take(32) {
        let (path, content) = section.split_once('\n').unwrap_or((section, ""));
        let path = Path::new(path);
        let inside = path.starts_with("proc") || path.starts_with("sys");
        let plain = path
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        let file = folder.path().join(path);
        let made = || -> std::io::Result<()> {
            fs::create_dir_all(file.parent().unwrap_or(folder.path()))?;
            fs::write(&file, content)
        };
        // A name that is too long, or a file where a folder should be, is left out.
        let _left_out = (inside && plain).then(made);
    }
    for depth in [Depth::Pod, Depth::Deep] {
        let facts = probe::gather(folder.path(), depth);
        for virtualization in [Virtualization::Hardware, Virtualization::Emulation] {
            comes_back(&probe::judge(&facts, virtualization));
        }
    }
}

/// The probe that wrote the report and the controller that reads it mean the same.
fn comes_back(report: &ProbeReport) {
    let text = report.to_termination_message();
    assert!(text.len() <= probe::message::TERMINATION_MESSAGE_LIMIT);
    let read = ProbeReport::parse_termination_message(&text).expect("our own reports are read");
    assert_eq!(read.passed(), report.passed());
    assert_eq!(read.unknown().is_some(), report.unknown().is_some());
    assert_eq!(read.to_termination_message(), text);
}

/// Cleaned text has nothing in it that a terminal obeys, and cleaning again changes nothing.
fn is_harmless(text: &str) {
    let lines = clean_lines(text);
    assert!(
        lines.chars().all(|c| c == '\n' || !c.is_control()),
        "{lines:?}"
    );
    assert_eq!(clean_lines(&lines), lines);
    let line = clean(text);
    assert!(!line.contains('\n'), "{line:?}");
    assert_eq!(clean(&line), line);
}

/// A kubeconfig holds credentials: a failure may name the file and its contexts, and quotes no long word of a user.
pub fn may_be_shown(failure: &Failure, data: &[u8]) {
    let shown = format!("{failure:?}");
    is_harmless(&failure.message);
    let text = String::from_utf8_lossy(data);
    let secret = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .find(|word| word.starts_with("secret-") && word.len() > 16);
    assert!(
        secret.is_none_or(|secret| !shown.contains(secret)),
        "{shown}"
    );
}
