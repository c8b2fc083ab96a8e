//! How long it takes until the program says anything at all.

use crate::{
    process::{COLUMNS, Place, compare},
    sheet::Sheet,
};

const RUNS: usize = 41;

pub fn sheet() -> Sheet {
    let folder = tempfile::tempdir().unwrap();
    let place = Place {
        folder: folder.path(),
        kubeconfig: None,
    };
    let lines = [
        ("help", "--help", "--help"),
        ("version", "version", "version --client"),
        ("completion for bash", "completion bash", "completion bash"),
    ]
    .map(|(job, ours, theirs)| compare(&place, job, (&[ours], &[0]), &[theirs], RUNS, || {}));
    Sheet {
        columns: COLUMNS.into(),
        lines: lines.into(),
    }
}
