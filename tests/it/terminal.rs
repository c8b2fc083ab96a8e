//! What a person sees: the real binary on a terminal of 40, 80 and 200 columns.

mod session;

use libtest_mimic::{Failed, Trial};
use serde_json::json;

pub use session::{Chunk, Session};

use crate::test_cluster::{Host, TestCluster};

pub fn trials() -> Vec<Trial> {
    tests![
        "terminal":
        a_role_does_not_hide_the_error,
        tables_fit_the_terminal,
        enabling_leaves_a_clean_screen,
        a_question_can_be_declined,
        ctrl_c_leaves_a_clean_screen,
        what_is_quick_shows_no_progress,
    ]
}

const WIDTHS: [u16; 3] = [40, 80, 200];
fn tables_fit_the_terminal() -> Result<(), Failed> {
    let test_cluster = TestCluster::with_hosts(&[
        ("worker-0", Host::WithKvm),
        ("a-worker-with-a-rather-long-name-1", Host::WithoutKvm),
    ]);
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(3)?;
    for width in WIDTHS {
        let check = Session::start(&test_cluster, width, "check vmruntimepfc")?.ends(3)?;
        check.shows("worker-0")?;
        check.shows("error: the preflight check failed")?;
        check.fits(&["✓", "✗ failed", "RESULT", "cause:", "fix:"])?;
        check.shows_no("Waiting for the preflight check")?;
        let history = Session::start(&test_cluster, width, "get vmruntimepfc")?.ends(0)?;
        // The name is whole, however narrow it is.
        history.fits(&["failed", "worker"])?;
        let documents = test_cluster
            .bmctl(&["get", "vmruntimepfc", "-o", "json"])
            .exits(0)?;
        let documents: serde_json::Value = serde_json::from_str(&documents.stdout)?;
        history.shows(documents["checks"][0]["name"].as_str().unwrap_or("no name"))?;
        let status = Session::start(&test_cluster, width, "status vmruntime")?.ends(0)?;
        status.shows("VM Runtime is enabled and not ready.")?;
        status.fits(&["Generation", "What blocks", "CONDITION", "False"])?;
    }
    Ok(())
}

fn enabling_leaves_a_clean_screen() -> Result<(), Failed> {
    for width in WIDTHS {
        let test_cluster = TestCluster::new();
        let enabled = Session::start(&test_cluster, width, "enable vmruntime")?.ends(0)?;
        enabled.shows("✓ VM Runtime is enabled and ready")?;
        enabled.shows_no("Waiting until")?;
        enabled.shows_no("Reading VM Runtime")?;
        let again = Session::start(&test_cluster, width, "enable vmruntime")?.ends(7)?;
        again.shows("error: VM Runtime is already enabled and ready")?;
    }
    Ok(())
}

fn a_question_can_be_declined() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("db")?;
    test_cluster.patch(
        "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime",
        &json!({"metadata": {"annotations": {"baremetal.cluster.gke.io/vmrumtime-force-disable": "true"}}}),
    )?;
    for width in WIDTHS {
        for (keys, code) in [
            ("nothing\rnothing\r", 6),
            ("\r\r", 6),
            ("nothing\r\x03", 130),
        ] {
            let mut asked = Session::start(&test_cluster, width, "disable vmruntime")?;
            asked.waits_for("sandbox, to go on")?;
            asked.types(keys)?;
            let seen = asked.ends(code)?;
            seen.fits(&["Running", "RESOURCE"])?;
            seen.shows("nothing was changed")?;
        }
    }
    let machines = test_cluster.read(crate::test_cluster::MACHINES)?;
    match machines["items"].as_array().map(Vec::len) {
        Some(1) => Ok(()),
        count => Err(format!("{count:?} machines are left").into()),
    }
}

fn ctrl_c_leaves_a_clean_screen() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    for width in WIDTHS {
        let mut waiting = Session::start(&test_cluster, width, "check vmruntimepfc")?;
        waiting.waits_for("Waiting for the ")?;
        waiting.types("\x03")?;
        let seen = waiting.ends(130)?;
        seen.shows("error: interrupted: the cluster goes on with preflight check")?;
        seen.shows_no("Waiting for the ")?;
    }
    Ok(())
}

/// On a screen the command that prints it stands for the role; where nothing can leave a screen, the role is there.
fn a_role_does_not_hide_the_error() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let seen = Session::start(&test_cluster, 80, "disable vmruntime --as eve")?.ends(9)?;
    seen.shows("error: ")?;
    seen.shows("auth check --role disable vmruntime")?;
    seen.shows_no("kind: ClusterRole")?;
    let words = ["disable", "vmruntime", "--as", "eve"];
    test_cluster
        .bmctl(&words)
        .exits(9)?
        .says("kind: ClusterRole")?;
    let document = test_cluster
        .bmctl(&[&words[..], &["-o", "json"]].concat())
        .exits(9)?;
    if document.stdout.contains("kind: ClusterRole") {
        Ok(())
    } else {
        Err(format!("no role: {document}").into())
    }
}

fn what_is_quick_shows_no_progress() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    for words in [
        "version",
        "enable vmruntime --nonsense",
        "explain KVM",
        "version -o json",
    ] {
        let code = i32::from(words.contains("nonsense")) * 2;
        let seen = Session::start(&test_cluster, 80, words)?.ends(code)?;
        // Colour is no movement: whatever moves the cursor or hides it would be a live region.
        for sequence in ["\x1b[?25l", "\x1b[A", "\x1b[1A", "\x1b[2K", "\r\x1b"] {
            if seen.raw.contains(sequence) {
                return Err(format!("{words} moves the cursor: {:?}", seen.raw).into());
            }
        }
    }
    Ok(())
}
