//! Turning VM Runtime on, as it is done with kubectl today and with bmctl.

use crate::{
    cluster::Cluster,
    process::{COLUMNS, bmctl, compare},
    sheet::Sheet,
};

const RUNS: usize = 15;
const PATCH: &str = r#"patch vmruntime vmruntime --type=merge -p {"spec":{"enabled":true}}"#;

pub fn sheet() -> Sheet {
    let cluster = Cluster::complete();
    let place = cluster.place();
    let program = bmctl();
    let off = || {
        place.run(&program, "disable vmruntime --ensure --quiet", &[0]);
    };
    let lines = vec![
        compare(
            &place,
            "enable, without waiting · `kubectl patch`",
            (&["enable vmruntime --wait=false"], &[0]),
            &[PATCH],
            RUNS,
            off,
        ),
        compare(
            &place,
            "enable until ready · `kubectl patch` and `wait`",
            (&["enable vmruntime"], &[0]),
            &[
                PATCH,
                "wait --for=jsonpath={.status.ready}=true vmruntime vmruntime --timeout=60s",
            ],
            RUNS,
            off,
        ),
        compare(
            &place,
            "status · `kubectl get`",
            (&["status vmruntime"], &[0]),
            &["get vmruntime vmruntime -o yaml"],
            RUNS,
            || {},
        ),
    ];
    Sheet {
        columns: COLUMNS.into(),
        lines,
    }
}
