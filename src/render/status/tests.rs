//! What `status` says, word for word.

use super::*;
use crate::{
    api::Phase,
    render::{Style, paint, preflight, stuck::NextStepReport},
};

fn text(report: &StatusReport) -> String {
    let mut page = Page::new(Style {
        width: Some(80),
        unicode: true,
    });
    report.text(&mut page);
    paint(&page.finish(), false)
}

fn report() -> StatusReport {
    StatusReport {
        settings: Some(Settings {
            enabled: true,
            use_emulation: false,
            vm_image_format: "raw".to_owned(),
        }),
        ready: Some(false),
        generation: Some(3),
        observed_generation: Some(2),
        now: "2026-01-01T00:01:00Z".parse().unwrap(),
        ..StatusReport::default()
    }
}

#[test]
fn unknown_is_said_and_is_never_none() {
    let unknown = StatusReport {
        undetermined: vec![Undetermined {
            what: LATEST_CHECK,
            why: "forbidden".to_owned(),
        }],
        ..report()
    };
    assert_eq!(
        text(&unknown),
        "\
VM Runtime is enabled and not ready.

Phase             not reported
Generation        3, but the status describes 2
Use emulation     no
VM image format   raw
VM creation       not reported
Latest check      unknown
VMs               unknown
Controller        unknown
Force annotation  not set
"
    );
}

#[test]
fn every_phase_has_a_headline_that_is_so() {
    const ON: &str = "VM Runtime is enabled and";
    for phase in Phase::ALL {
        for enabled in [true, false] {
            let mut report = report();
            report.phase = Some(phase.to_string());
            report.ready = Some(enabled && phase == Phase::Ready);
            if let Some(settings) = &mut report.settings {
                settings.enabled = enabled;
            }
            let text = text(&report);
            let headline = text.lines().next().unwrap_or_default();
            let expected = match (enabled, phase) {
                (true, Phase::Ready) => format!("{ON} ready."),
                (true, Phase::Fencing) => {
                    "VM Runtime is enabled, and a disable is deleting VMs: none can be created."
                        .to_owned()
                }
                (true, _) => format!("{ON} not ready."),
                (false, Phase::DisableBlocked) => {
                    "VM Runtime is not off: VMs exist, and a disable waits for them to go."
                        .to_owned()
                }
                (false, Phase::Fencing | Phase::Draining | Phase::Uninstalling) => {
                    "VM Runtime is being disabled.".to_owned()
                }
                (false, _) => "VM Runtime is disabled.".to_owned(),
            };
            assert_eq!(headline, expected, "{phase} {enabled}");
        }
    }
}

#[test]
fn what_does_not_go_is_named_with_what_to_do() {
    let stuck = StuckReport {
        resource: "kubevirts.kubevirt.io".to_owned(),
        namespace: Some("kubevirt".to_owned()),
        name: "kubevirt\u{1b}[2J".to_owned(),
        deleting_since: None,
        finalizers: Vec::new(),
        holder: None,
        node: None,
        conditions: Vec::new(),
        webhook: None,
        why:
            "held by a/b; virt-operator in kubevirt has to remove the finalizer, and is scaled to 0"
                .to_owned(),
        next_steps: vec![NextStepReport {
            why: "start it again".to_owned(),
            command: "kubectl scale deployment virt-operator".to_owned(),
        }],
    };
    let held = StatusReport {
        stuck: vec![stuck],
        ..report()
    };
    let text = text(&held);
    assert!(
        text.ends_with(
            "
Deleted, and still there:
  ! kubevirts.kubevirt.io kubevirt/kubevirt, held by a/b; virt-operator in
    kubevirt has to remove the finalizer, and is scaled to 0
      start it again: kubectl scale deployment virt-operator
"
        ),
        "{text}"
    );
}

#[test]
fn what_blocks_is_named() {
    let created = "2026-01-01T00:00:00Z".parse().unwrap();
    let check = HistoryEntry::new(&preflight::tests::mixed(), Some(created));
    let blocked = StatusReport {
        latest_check: Some(check),
        machine_count: Some(0),
        controller: Some(ControllerReport {
            present: true,
            wanted: Some(1),
            available: Some(1),
        }),
        annotation: Annotation { permits: true },
        blockers: vec!["Ready is False (PreflightFailed): \u{1b}[2J1 node failed".to_owned()],
        ..report()
    };
    let text = text(&blocked);
    for expected in [
        "Latest check      failed, 60s ago, 1 of 4 nodes failed, 1 of 4 nodes unknown",
        "VMs               0\n",
        "Controller        1 of 1 pods available\n",
        "Force annotation  set: a disable deletes all VMs (bmctl asks first)\n",
        "What blocks:\n  ! Ready is False (PreflightFailed): 1 node failed\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}
