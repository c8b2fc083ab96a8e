//! Transcripts: what the real binary says, word for word, over the main stories. They are kept in `tests/it/transcripts`
//! and read like documentation; what differs from run to run (times, ports, ids) is replaced by a name for it.

use libtest_mimic::{Failed, Trial};

use crate::{
    bench::Bench,
    golden,
    stage::{Host, Stage, Story},
};

pub fn trials() -> Vec<Trial> {
    let stories: [(&str, Story); 4] = [
        ("on_and_off", on_and_off),
        ("a_node_without_kvm", a_node_without_kvm),
        ("machines_in_the_way", machines_in_the_way),
        ("nothing_installed", nothing_installed),
    ];
    stories
        .map(|(name, story)| Trial::test(format!("transcript::{name}"), story))
        .into()
}

/// Runs the commands one after the other on the stage, and compares everything that they say with the kept file.
fn tell(name: &str, stage: &Stage, commands: &[&str]) -> Result<(), Failed> {
    let kubeconfig = stage.kubeconfig().display().to_string();
    let bench = Bench::new().environment("KUBECONFIG", &kubeconfig);
    let mut text = String::new();
    for command in commands {
        // Which states are seen on the way depends on the machine; that is `vertical`'s matter.
        let ended = bench.bmctl(&format!("{command} --progress none"));
        text.push_str(&ended.whole(&format!("bmctl {command}")));
    }
    golden::is_current(&format!("tests/it/transcripts/{name}.txt"), &text)
}

fn on_and_off() -> Result<(), Failed> {
    let stage = Stage::new();
    tell(
        "on_and_off",
        &stage,
        &[
            "check vmruntimepfc",
            "enable vmruntime",
            "enable vmruntime",
            "enable vmruntime -o json",
            "enable vmruntime --ensure",
            "check vmruntimepfc -o yaml",
            "disable vmruntime",
            "disable vmruntime",
            "disable vmruntime --ensure -o json",
        ],
    )
}

fn a_node_without_kvm() -> Result<(), Failed> {
    let stage = Stage::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    tell(
        "a_node_without_kvm",
        &stage,
        &[
            "check vmruntimepfc",
            "check vmruntimepfc -o json",
            "enable vmruntime",
            "enable vmruntime --use-emulation --ensure",
        ],
    )
}

fn machines_in_the_way() -> Result<(), Failed> {
    let stage = Stage::enabled()?;
    for name in ["db", "web"] {
        stage.run_machine(name)?;
    }
    tell(
        "machines_in_the_way",
        &stage,
        &[
            "disable vmruntime",
            "disable vmruntime -o json",
            "disable vmruntime --force=true --dry-run",
            "disable vmruntime --force=true",
        ],
    )
}

fn nothing_installed() -> Result<(), Failed> {
    let stage = Stage::bare();
    tell(
        "nothing_installed",
        &stage,
        &[
            "enable vmruntime",
            "disable vmruntime -o json",
            "check vmruntimepfc -o yaml",
        ],
    )
}
