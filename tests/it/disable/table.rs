//! The five rows of the table that decides what a disable does, at a terminal and in a pipe: what is on the screen, how it
//! ends, which VMs are left. And what answers the question of the fourth: only the name of the context, typed or given.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{RUNTIME, count};
use crate::{
    terminal::Session,
    test_cluster::{MACHINES, Test, TestCluster},
};

pub fn trials() -> Vec<Trial> {
    tests()
        .into_iter()
        .map(|(name, test)| Trial::test(format!("disable::{name}"), test))
        .collect()
}

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("each_row_of_the_table_in_a_pipe", in_a_pipe),
        ("each_row_of_the_table_at_a_terminal", at_a_terminal),
    ]
}

/// One row, and how it is gone through.
#[derive(Debug)]
struct Row {
    /// VMs exist.
    machines: bool,
    flags: &'static str,
    annotation: bool,
    /// At the question, which is asked if this is not empty.
    typed: &'static str,
    end: End,
}

/// How it ends.
#[derive(Debug)]
struct End {
    code: i32,
    /// VMs afterwards.
    left: usize,
    shows: &'static [&'static str],
    shows_no: &'static [&'static str],
}

const FORCE: &str = "--force=true";
const INTERRUPT: &str = "\u{3}";
const QUESTION: &str = "Type the context name, sandbox, to go on";

/// What dies, what of it is saved, and where: before the question.
const ASKED: &[&str] = &[
    "Cluster: sandbox (https://127.0.0.1:",
    "default/db   Running",
    "To be deleted, in this order:",
    "  1 virtualmachines.vm.cluster.gke.io",
    "  1 virtualmachines.kubevirt.io (with what owns them)",
    "  1 virtualmachineinstances.kubevirt.io (with what owns them)",
    "The manifests of all that goes are saved before, in bmctl-workspace/sandbox/backup/",
    "This deletes 1 VM.",
];

const NOTHING_TO_DELETE: End = End {
    code: 0,
    left: 0,
    shows: &[
        "Cluster: sandbox (https://127.0.0.1:",
        "Changed spec.enabled: true → false",
        "✓ VM Runtime is disabled (",
        "Only its controller is left in vm-system.",
        "To undo: bmctl enable vmruntime",
    ],
    shows_no: &["Deleted", "Manifests saved", "creation-fence", "error:"],
};

const DELETED: End = End {
    code: 0,
    left: 0,
    shows: &[
        "Cluster: sandbox (https://127.0.0.1:",
        "Deleted, and gone: 3 objects",
        "  virtualmachines.vm.cluster.gke.io default/db",
        "  virtualmachines.kubevirt.io default/db",
        "  virtualmachineinstances.kubevirt.io default/db",
        "Manifests saved in bmctl-workspace/sandbox/backup/2",
        "To put the VMs back (without the data of disks): bmctl restore bmctl-workspace/sandbox/backup/2",
        "Changed spec.enabled: true → false",
        "✓ VM Runtime is disabled (",
        "Only its controller is left in vm-system.",
        "To turn it on again: bmctl enable vmruntime",
    ],
    shows_no: &["still there", "creation-fence", "error:"],
};

const REFUSED: End = End {
    code: 6,
    left: 1,
    shows: &[
        "default/db   Running",
        "error: 1 VM exists; nothing was deleted, and VM Runtime was not disabled",
        "hint: delete the VMs yourself, then disable again: kubectl get virtualmachines.vm.cluster.gke.io --all-namespaces",
        "hint: or delete all of them, with their disks: bmctl disable vmruntime --force=true",
    ],
    shows_no: &["is disabled", "Deleted", "Manifests saved", "Changed"],
};

/// The question was not answered with the name of the context.
const fn not_confirmed(code: i32, shows: &'static [&'static str]) -> End {
    End {
        code,
        left: 1,
        shows,
        shows_no: REFUSED.shows_no,
    }
}

const NO_TERMINAL: End = not_confirmed(
    6,
    &[
        "error: 1 VM exists; deleting must be confirmed, and there is no terminal to ask on; nothing was changed",
        "hint: to confirm it beforehand: bmctl disable vmruntime --confirm sandbox",
        "hint: or: bmctl disable vmruntime --force=true",
    ],
);
const ANOTHER_WORD: End = not_confirmed(
    6,
    &["error: not confirmed; 1 VM exists, and nothing was changed"],
);
const ANOTHER_CONTEXT: End = not_confirmed(
    6,
    &[r#"error: --confirm names "other", but this is context "sandbox""#],
);
const INTERRUPTED: End = not_confirmed(130, &["error: interrupted: nothing was changed"]);

/// What is said at the end where the annotation is "true".
const LEFT_BEHIND: &str =
    "annotation baremetal.cluster.gke.io/vmrumtime-force-disable is still \"true\"";

const fn row(
    (machines, flags, annotation): (bool, &'static str, bool),
    typed: &'static str,
    end: End,
) -> Row {
    Row {
        machines,
        flags,
        annotation,
        typed,
        end,
    }
}

/// What one run of the program has shown and how it has ended.
struct Shown {
    code: i32,
    lines: Vec<String>,
}

impl Shown {
    fn holds(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

fn rows(
    rows: &[Row],
    run: impl Fn(&TestCluster, &str, &Row) -> Result<Shown, Failed>,
) -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    for row in rows {
        test_cluster
            .bmctl(&["enable", "vmruntime", "--ensure"])
            .exits(0)?;
        test_cluster.patch(
            RUNTIME,
            &json!({"metadata": {"annotations": {
                "baremetal.cluster.gke.io/vmrumtime-force-disable": row.annotation.to_string(),
            }}}),
        )?;
        if row.machines && count(&test_cluster, MACHINES)? == 0 {
            test_cluster.run_machine("db")?;
        }
        let command = format!("disable vmruntime {}", row.flags);
        let shown = run(&test_cluster, command.trim_end(), row)?;
        let failed = |why: &str| {
            let screen = shown.lines.join("\n");
            Err(Failed::from(format!("{why}: {row:?}:\n{screen}")))
        };
        if shown.code != row.end.code {
            return failed(&format!("ended with {}", shown.code));
        }
        if let Some(missing) = row.end.shows.iter().find(|text| !shown.holds(text)) {
            return failed(&format!("does not show {missing:?}"));
        }
        if let Some(wrong) = row.end.shows_no.iter().find(|text| shown.holds(text)) {
            return failed(&format!("shows {wrong:?}"));
        }
        if shown.holds(LEFT_BEHIND) != (row.annotation && row.end.code == 0) {
            return failed("what is said of the annotation is wrong");
        }
        let left = count(&test_cluster, MACHINES)?;
        if left != row.end.left {
            return failed(&format!("{left} VMs are left"));
        }
        let enabled = test_cluster.read(RUNTIME)?["spec"]["enabled"].as_bool();
        if enabled != Some(row.end.code != 0) {
            return failed(&format!("enabled is {enabled:?}"));
        }
    }
    Ok(())
}

fn in_a_pipe() -> Result<(), Failed> {
    let table = [
        row((false, "", false), "", NOTHING_TO_DELETE),
        row((true, FORCE, true), "", DELETED),
        row((true, FORCE, false), "", DELETED),
        row((true, "", true), "", NO_TERMINAL),
        row((true, "--yes", true), "", NO_TERMINAL),
        row((true, "--confirm other", true), "", ANOTHER_CONTEXT),
        row((true, "", false), "", REFUSED),
        row((true, "--confirm sandbox", false), "", REFUSED),
        row((true, "--confirm sandbox", true), "", DELETED),
    ];
    rows(&table, |test_cluster, command, _| {
        let ended = test_cluster.bmctl(&command.split(' ').collect::<Vec<_>>());
        let lines = ended.stdout.lines().chain(ended.stderr.lines());
        // Progress is lines here, and stays.
        let result = lines.filter(|line| !line.contains("still there"));
        Ok(Shown {
            code: ended.code.unwrap_or(-1),
            lines: result.map(str::to_owned).collect(),
        })
    })
}

fn at_a_terminal() -> Result<(), Failed> {
    let table = [
        row((false, "", false), "", NOTHING_TO_DELETE),
        row((true, FORCE, true), "", DELETED),
        row((true, FORCE, false), "", DELETED),
        row((true, "--no-input", true), "", NO_TERMINAL),
        row((true, "", true), "another\ranother\r", ANOTHER_WORD),
        row((true, "--yes", true), "yes\ryes\r", ANOTHER_WORD),
        row((true, "", true), INTERRUPT, INTERRUPTED),
        row((true, "", true), "sandbox\r", DELETED),
        row((true, "", false), "", REFUSED),
    ];
    rows(&table, |test_cluster, command, row| {
        let mut session = Session::start(test_cluster, 200, command)?;
        if !row.typed.is_empty() {
            session.waits_for(QUESTION)?;
            session.types(row.typed)?;
        }
        let seen = session.ends(row.end.code)?;
        let asked = seen.raw.contains(QUESTION);
        if asked == row.typed.is_empty() {
            return Err(format!("{row:?}: asked: {asked}:\n{}", seen.rows.join("\n")).into());
        }
        let shown = Shown {
            code: row.end.code,
            lines: seen.rows,
        };
        match ASKED.iter().find(|text| asked && !shown.holds(text)) {
            Some(missing) => Err(format!("{row:?}: asked without {missing:?}").into()),
            None => Ok(shown),
        }
    })
}
