use super::*;
use crate::{
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::{check::CheckReport, multi_cluster::MultiClusterReport, preflight},
};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)> ' \" &amp; \u{202e}\u{1b}[31m";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn document(check: PreflightReport) -> Document {
    let created = "2025-12-31T23:55:00Z".parse().ok();
    let history = vec![HistoryEntry::new(&check, created)];
    let report = CheckReport {
        preflight_check: Some(check),
        history,
        ..CheckReport::default()
    };
    let failure = Failure::new(Kind::CheckFailed, Reason::PreflightFailed, HOSTILE)
        .caused_by(HOSTILE)
        .hint(HOSTILE);
    Document::new(
        "check vmruntimepfc",
        None,
        Box::new(report),
        vec![HOSTILE.to_owned()],
        Exit::CheckFailed,
        Some(&failure),
    )
}

#[test]
fn the_matrix_the_causes_and_the_history_are_there() {
    let page = html(&document(preflight::tests::mixed()), now());
    for part in [
        "<title>bmctl check vmruntimepfc: failed</title>",
        "<tr data-result=\"failed\"><th scope=\"row\">worker-1</th>",
        "<td class=\"mark bad\" title=\"failed\">✗</td>",
        "<td class=\"mark warning\" title=\"failed, but VMs run without it\">!</td>",
        "data-show=\"failed\" aria-pressed=\"false\">Failed (1)</button>",
        "data-show=\"passed\" aria-pressed=\"false\">Passed (2)</button>",
        "<h3>KVM failed on worker-1</h3>",
        "<strong>Cause:</strong> KVM is missing on the node.",
        "<td>2025-12-31 23:55:00 UTC</td><td>5m</td><td>4</td><td>1</td><td>1</td>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    // What did not pass is on top.
    let at = |node: &str| page.find(&format!("<th scope=\"row\">{node}<")).unwrap();
    assert!(at("worker-1") < at("worker-3") && at("worker-3") < at("worker-0"));
}

#[test]
fn the_page_needs_nothing_and_obeys_nobody_else() {
    let mut check = preflight::tests::mixed();
    for node in &mut check.nodes {
        node.name = HOSTILE.to_owned();
        node.message = Some(HOSTILE.to_owned());
        for result in &mut node.checks {
            result.name = format!("{HOSTILE}{}", result.name);
            result.message = Some(HOSTILE.to_owned());
        }
    }
    check.message = Some(HOSTILE.to_owned());
    check.name = HOSTILE.to_owned();
    let page = html(&document(check), now());
    assert!(!page.contains("<img"), "{page}");
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
    // The policy knows the style and the script as they stand in the page.
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let inside = page.split(&format!("<{element}>")).nth(1).unwrap();
        let inside = inside.split(&format!("</{element}>")).next().unwrap();
        assert!(page.contains(&format!("{directive} 'sha256-{}'", hash(inside))));
    }
    for loaded in ["src=\"", "href=\"http", "url(", "@import", "style=\""] {
        assert!(!page.contains(loaded), "{loaded}");
    }
}

#[test]
fn several_clusters_are_sections_with_one_row_of_controls() {
    let of = |name: &str| Document {
        target: Some(name.to_owned()),
        ..document(preflight::tests::mixed())
    };
    let many = MultiClusterReport::new(vec![of("east"), of("<west>")]);
    let document = Document::new(
        "check vmruntimepfc",
        None,
        Box::new(many),
        Vec::new(),
        Exit::CheckFailed,
        None,
    );
    let page = html(&document, now());
    assert!(
        page.contains("<a href=\"#cluster-1\">&lt;west&gt;</a>"),
        "{page}"
    );
    assert!(page.contains("<section id=\"cluster-1\">"), "{page}");
    assert_eq!(page.matches("id=\"text\"").count(), 1);
    assert_eq!(page.matches("<tr data-result=").count(), 8);
}
