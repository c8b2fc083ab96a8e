//! What a check proves is the same for everybody: `enable`, `update`'s wait, `wait`, `check`, `get` and `status`.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::{CHECKS, RUNTIME, bmctl, document, equal};
use crate::test_cluster::TestCluster;

const NAME: &str = "vmruntime-preflight-check-odd";

/// A cluster whose controller publishes no more than Google documents, and whose check says that.
fn test_cluster(status: &Value, reports_passed: bool) -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::without_controller();
    test_cluster.create(
        "/apis/vm.cluster.gke.io/v1/vmruntimes",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {"enabled": true},
        }),
    )?;
    let summary = json!({"preflightCheckName": NAME, "preflightCheckPassed": reports_passed});
    test_cluster.patch(
        &format!("{RUNTIME}/status"),
        &json!({"status": {"ready": true, "preflightCheckSummary": summary}}),
    )?;
    test_cluster.create(
        CHECKS,
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": NAME, "namespace": "vm-system"}, "spec": {},
        }),
    )?;
    let mut finished = json!({
        "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z",
    });
    json_patch::merge(&mut finished, status);
    let finished = json!({"status": finished});
    test_cluster.patch(&format!("{CHECKS}/{NAME}/status"), &finished)?;
    Ok(test_cluster)
}

/// Status of the check, exit code of who depends on it, and of who reports it, and its result.
fn proofs() -> Vec<(Value, i32, i32, &'static str)> {
    let good = json!({"passed": true, "results": [{"checkName": "KVM", "passed": true}]});
    let bad = json!({"passed": false, "results": [{"checkName": "KVM", "passed": false, "message": "no"}]});
    let lying = json!({"passed": true, "results": [{"checkName": "KVM", "passed": false}]});
    let unknown = json!({"passed": false, "unknown": true, "results": []});
    let both = json!({"passed": true, "unknown": true, "results": []});
    vec![
        (
            json!({"pass": true, "checks": {"worker-0": good}}),
            0,
            0,
            "passed",
        ),
        (
            json!({"pass": true, "unknownNodeNum": 1, "checks": {"worker-0": good, "worker-1": unknown}}),
            0,
            5,
            "incomplete",
        ),
        (json!({"pass": true}), 5, 5, "incomplete"),
        (
            json!({"pass": true, "checks": {"worker-0": unknown}}),
            5,
            5,
            "incomplete",
        ),
        (
            json!({"pass": true, "checks": {"worker-0": both}}),
            5,
            5,
            "incomplete",
        ),
        (
            json!({"pass": true, "unknownNodeNum": 1, "checks": {"worker-0": good}}),
            5,
            5,
            "incomplete",
        ),
        (
            json!({"pass": true, "checks": {"worker-0": bad}}),
            5,
            5,
            "inconsistent",
        ),
        (
            json!({"pass": true, "checks": {"worker-0": lying}}),
            5,
            5,
            "inconsistent",
        ),
        (
            json!({"pass": true, "checks": {"worker-0": good}, "failures": {"worker-0": bad}}),
            5,
            5,
            "inconsistent",
        ),
        (
            json!({"pass": false, "checks": {"worker-0": good, "worker-1": bad}}),
            3,
            3,
            "failed",
        ),
    ]
}

pub fn a_check_is_judged_alike_by_all() -> Result<(), Failed> {
    for (status, depends, reports, result) in proofs() {
        let test_cluster = test_cluster(&status, status["pass"] == true)?;
        let at = |failed: Failed| Failed::from(format!("{status}: {failed:?}"));
        for (command, code) in [
            ("enable vmruntime --ensure --timeout 20s", depends),
            ("wait vmruntime --for ready --timeout 20s", depends),
            ("wait vmruntime --for preflight --timeout 20s", reports),
            ("check vmruntimepfc --latest", reports),
        ] {
            let document = document(&test_cluster, command, code).map_err(at)?;
            equal(&document["preflightCheck"]["result"], &json!(result)).map_err(at)?;
            let said = bmctl(&test_cluster, command).exits(code).map_err(at)?;
            let all = format!("{}{}", said.stdout, said.stderr);
            if result != "passed" && all.to_lowercase().contains("check passed") {
                return Err(at(said.to_string().into()));
            }
            let junit = bmctl(&test_cluster, &format!("{command} -o junit"))
                .exits(code)
                .map_err(at)?;
            let is_bad = ["<failure ", "<error "]
                .iter()
                .any(|element| junit.stdout.contains(element));
            equal(&is_bad, &(code != 0)).map_err(at)?;
        }
        let history = document(&test_cluster, "get vmruntimepfc", 0).map_err(at)?;
        equal(&history["checks"][0]["result"], &json!(result)).map_err(at)?;
        if (depends, reports) == (0, 5) {
            bmctl(&test_cluster, "enable vmruntime --ensure")
                .exits(0)?
                .says("warning: check incomplete: ")?
                .says("could not verify worker-1")?;
        }
    }
    Ok(())
}

pub fn a_summary_that_contradicts_its_check_is_no_proof() -> Result<(), Failed> {
    let bad =
        json!({"worker-0": {"passed": false, "results": [{"checkName": "KVM", "passed": false}]}});
    let failed = test_cluster(&json!({"pass": false, "checks": bad}), true)?;
    bmctl(&failed, "enable vmruntime --ensure --timeout 20s").exits(3)?;
    bmctl(&failed, "wait vmruntime --for ready --timeout 20s").exits(3)?;
    bmctl(&failed, "status vmruntime")
        .exits(5)?
        .says("whether the preflight check passed: vmruntime reports that")?;
    let good = json!({"worker-0": {"passed": true}});
    let passed = test_cluster(&json!({"pass": true, "checks": good}), false)?;
    bmctl(&passed, "enable vmruntime --ensure --timeout 0")
        .exits(124)?
        .says("has not taken over the result")?;
    bmctl(&passed, "status vmruntime")
        .exits(5)?
        .says("whether the preflight check passed")?;
    // It names one that nobody can look at.
    let gone = test_cluster(
        &json!({"pass": true, "checks": {"worker-0": {"passed": true}}}),
        true,
    )?;
    gone.delete(&format!("{CHECKS}/{NAME}"))?;
    for command in [
        "enable vmruntime --ensure --timeout 20s",
        "status vmruntime",
    ] {
        bmctl(&gone, command)
            .exits(5)?
            .says("there is no such check")?;
    }
    Ok(())
}

pub fn a_check_of_other_nodes_proves_nothing_here() -> Result<(), Failed> {
    let good = json!({"passed": true, "results": [{"checkName": "KVM", "passed": true}]});
    let test_cluster = test_cluster(&json!({"pass": true, "checks": {"ghost": good}}), true)?;
    for command in [
        "enable vmruntime --ensure --timeout 20s",
        "wait vmruntime --for ready --timeout 20s",
        "wait vmruntime --for preflight --timeout 20s",
        "check vmruntimepfc --latest",
    ] {
        bmctl(&test_cluster, command)
            .exits(5)?
            .says("verified only nodes that the cluster does not have: ghost")?;
    }
    Ok(())
}
