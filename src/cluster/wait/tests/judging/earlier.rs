//! What is said of an earlier generation proves nothing of this one.

use super::*;

#[test]
fn a_condition_speaks_of_its_own_generation() {
    let ready_of = |condition: i64| {
        let of = json!({"type": "Ready", "status": "True", "observedGeneration": condition});
        let status = json!({"observedGeneration": null, "conditions": [of]});
        unchanged(Target::Ready, with(ready(), json!({"status": status})))
    };
    let passed = || all_checks(&[check("new", EARLIER, Some(true))]);
    assert_eq!(
        judged(&ready_of(3), vec![passed()]),
        format!("waiting: {LAG}")
    );
    assert_eq!(judged(&ready_of(4), vec![passed()]), "done");
    let off_of = |condition: i64| {
        let of = json!({"type": "Ready", "status": "False", "observedGeneration": condition});
        let status = json!({"observedGeneration": null, "conditions": [of]});
        let off = with(disabled(), json!({"status": status}));
        unchanged(Target::Disabled, off)
    };
    let no_pods = || all_pods(&[]);
    assert_eq!(
        judged(&off_of(3), vec![no_pods()]),
        format!("waiting: {LAG}")
    );
    assert_eq!(judged(&off_of(4), vec![no_pods()]), "done");
}
