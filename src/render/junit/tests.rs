use proptest::prelude::*;
use roxmltree::{Document as Parsed, Node};

use super::*;
use crate::{
    exit::Exit,
    failure::{Failure, Reason},
    render::{ClusterReference, check::CheckReport, preflight, version::VersionReport},
};

fn check(failure: Option<&Failure>) -> Document {
    let report = CheckReport {
        created: Some("manual".to_owned()),
        preflight_check: Some(preflight::tests::mixed()),
        ..CheckReport::default()
    };
    Document::new(
        "check vmruntimepfc",
        Some(ClusterReference {
            context: "prod".to_owned(),
            server: "https://10.0.0.1:6443".to_owned(),
        }),
        Box::new(report),
        vec![],
        failure.map_or(Exit::Ok, Failure::exit),
        failure,
    )
}

#[test]
fn a_suite_a_node_and_a_case_a_check() {
    let failure = Failure::new(Kind::CheckFailed, Reason::PreflightFailed, "it failed");
    let xml = junit(&check(Some(&failure)));
    assert_eq!(
        xml.replace(
            "\ncause: KVM is missing on the node.\nfix: Load the kernel module that offers it, and check again.",
            "[known]"
        ),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bmctl check vmruntimepfc" tests="12" failures="1" errors="3" skipped="1">
  <testsuite name="worker-0" tests="3" failures="0" errors="0" skipped="0">
    <properties>
      <property name="context" value="prod"/>
      <property name="server" value="https://10.0.0.1:6443"/>
    </properties>
    <testcase classname="worker-0" name="CPU"/>
    <testcase classname="worker-0" name="KVM"/>
    <testcase classname="worker-0" name="VSOCK"/>
  </testsuite>
  <testsuite name="worker-1" tests="3" failures="1" errors="0" skipped="0">
    <properties>
      <property name="context" value="prod"/>
      <property name="server" value="https://10.0.0.1:6443"/>
    </properties>
    <testcase classname="worker-1" name="CPU"/>
    <testcase classname="worker-1" name="KVM">
      <failure message="command terminated with exit code 1 ls: /mnt/dev/kvm: No such file" type="CheckFailed">command terminated with exit code 1
ls: /mnt/dev/kvm: No such file[known]</failure>
    </testcase>
    <testcase classname="worker-1" name="VSOCK"/>
  </testsuite>
  <testsuite name="worker-2" tests="3" failures="0" errors="0" skipped="1">
    <properties>
      <property name="context" value="prod"/>
      <property name="server" value="https://10.0.0.1:6443"/>
    </properties>
    <testcase classname="worker-2" name="CPU"/>
    <testcase classname="worker-2" name="KVM"/>
    <testcase classname="worker-2" name="VSOCK">
      <skipped message="failed, but VMs run without it: no /dev/vhost-vsock">no /dev/vhost-vsock
cause: VSOCK is missing on the node.
fix: Load the kernel module that offers it, and check again.</skipped>
    </testcase>
  </testsuite>
  <testsuite name="worker-3" tests="3" failures="0" errors="3" skipped="0">
    <properties>
      <property name="context" value="prod"/>
      <property name="server" value="https://10.0.0.1:6443"/>
    </properties>
    <testcase classname="worker-3" name="CPU">
      <error message="node is not ready" type="NodeUnknown"/>
    </testcase>
    <testcase classname="worker-3" name="KVM">
      <error message="node is not ready" type="NodeUnknown"/>
    </testcase>
    <testcase classname="worker-3" name="VSOCK">
      <error message="node is not ready" type="NodeUnknown"/>
    </testcase>
  </testsuite>
</testsuites>
"#
    );
}

#[test]
fn a_run_that_died_early_is_one_errored_case() {
    let failure = Failure::new(
        Kind::Unreachable,
        Reason::ConnectionRefused,
        "could not <connect>",
    )
    .caused_by("tcp connect \"error\"")
    .hint("is the server up?");
    assert_eq!(
        junit(&Document::of_failure("check vmruntimepfc", &failure)),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bmctl check vmruntimepfc" tests="1" failures="0" errors="1" skipped="0">
  <testsuite name="bmctl" tests="1" failures="0" errors="1" skipped="0">
    <testcase classname="bmctl" name="check vmruntimepfc">
      <error message="could not &lt;connect&gt;" type="ConnectionRefused">could not &lt;connect&gt;
caused by: tcp connect &quot;error&quot;
hint: is the server up?</error>
    </testcase>
  </testsuite>
</testsuites>
"#
    );
}

#[test]
fn another_command_is_one_case_with_its_output() {
    let report = Box::new(VersionReport {
        version: "1.2.3",
        ..VersionReport::of_this_build()
    });
    let document = Document::new("version", None, report, vec![], Exit::Ok, None);
    assert_eq!(
        junit(&document),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bmctl version" tests="1" failures="0" errors="0" skipped="0">
  <testsuite name="bmctl" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="bmctl" name="version"/>
    <system-out>bmctl version: 1.2.3</system-out>
  </testsuite>
</testsuites>
"#
    );
}

/// A CI system must not show green what exits with something else: here the time ran out after all nodes were judged.
#[test]
fn what_no_suite_tells_is_a_case_of_its_own() {
    let mut good = preflight::tests::mixed();
    good.nodes.truncate(1);
    let report = CheckReport {
        created: None,
        preflight_check: Some(good),
        ..CheckReport::default()
    };
    let failure = Failure::new(Kind::TimedOut, Reason::TimedOut, "too late");
    let document = Document::new(
        "check vmruntimepfc",
        None,
        Box::new(report),
        vec![],
        failure.exit(),
        Some(&failure),
    );
    let xml = junit(&document);
    assert!(
        xml.contains("tests=\"4\" failures=\"0\" errors=\"1\""),
        "{xml}"
    );
}

/// Every character that XML knows is escaped or allowed, and those that nobody wants to see are gone.
fn is_harmless(xml: &str) -> bool {
    !xml.chars()
        .any(|c| (c.is_control() && c != '\n') || crate::render::clean::is_hidden(c))
}

fn texts<'a>(node: Node<'a, 'a>) -> Vec<&'a str> {
    let attributes = node.attributes().map(|attribute| attribute.value());
    attributes.chain(node.text()).collect()
}

proptest! {
    #[test]
    fn any_text_is_well_formed_and_harmless(text in "(\\PC|[\u{0}-\u{9f}\u{2028}-\u{206f}\u{fffe}\u{ffff}<>&\"'])*") {
        let failure = Failure::new(Kind::Other, Reason::UnexpectedAnswer, text.clone()).caused_by(text.clone());
        let document = Document { command: text.clone(), ..Document::of_failure("x", &failure) };
        let xml = junit(&document);
        prop_assert!(is_harmless(&xml), "{}", xml);
        let parsed = Parsed::parse(&xml).map_err(|error| TestCaseError::fail(format!("{error}: {xml}")))?;
        let all: Vec<&str> = parsed.descendants().flat_map(texts).collect();
        let expected = clean(&text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
        prop_assert!(all.contains(&expected.as_str()), "{:?} in {:?}", expected, all);
    }
}
