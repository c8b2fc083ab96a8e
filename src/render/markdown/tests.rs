use super::*;
use crate::{
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::{ClusterReference, check::CheckReport, preflight},
};

fn document(check: PreflightReport, failure: &Failure) -> Document {
    let cluster = ClusterReference {
        context: "prod".to_owned(),
        server: "https://10.0.0.1:6443".to_owned(),
    };
    let report = CheckReport {
        preflight_check: Some(check),
        ..CheckReport::default()
    };
    Document::new(
        "check vmruntimepfc",
        Some(cluster),
        Box::new(report),
        vec!["odd".to_owned()],
        Exit::CheckFailed,
        Some(failure),
    )
}

fn failed() -> Failure {
    Failure::new(
        Kind::CheckFailed,
        Reason::PreflightFailed,
        "the preflight check failed on worker-1 (KVM)",
    )
    .hint("look")
}

#[test]
fn a_section_says_what_failed_and_where() {
    assert_eq!(
        markdown(&document(preflight::tests::mixed(), &failed())),
        "\
## ❌ bmctl check vmruntimepfc: failed

exit code 3, cluster prod (https&#58;//10.0.0.1:6443)

**error:** the preflight check failed on worker-1 (KVM)

- hint: look

⚠️ warning: odd

Nodes: 2 passed, 1 failed, 1 unknown; failed on worker-1 (KVM); unknown: worker-3.

| Node | Result | CPU | KVM | VSOCK |
|---|---|:---:|:---:|:---:|
| worker-1 | ❌ failed | ✅ | ❌ | ✅ |
| worker-3 | ❔ unknown | ❔ | ❔ | ❔ |
| worker-0 | ✅ passed | ✅ | ✅ | ✅ |
| worker-2 | ✅ passed | ✅ | ✅ | ⚠️ |

<details><summary>KVM failed on worker-1</summary>

```text
command terminated with exit code 1
ls: /mnt/dev/kvm: No such file
```

**cause:** KVM is missing on the node.

**fix:** Load the kernel module that offers it, and check again.

</details>

<details><summary>VSOCK failed on worker-2 (VMs run without it)</summary>

```text
no /dev/vhost-vsock
```

**cause:** VSOCK is missing on the node.

**fix:** Load the kernel module that offers it, and check again.

</details>

"
    );
}

#[test]
fn nothing_in_the_words_of_others_is_markup() {
    for (text, expected) in [
        ("a|b\n# c", r"a\|b \# c"),
        (
            "<img src=x onerror=alert(1)>",
            "&lt;img src=x onerror=alert(1)&gt;",
        ),
        ("[x](https://evil)", r"\[x\](https&#58;//evil)"),
        (
            "@admin `x` *y* _z_ $m$ ~~s~~",
            r"&#64;admin \`x\` \*y\* \_z\_ \$m\$ \~\~s\~\~",
        ),
        ("&lt; www.evil.com", "&amp;lt; www&#46;evil.com"),
        ("worker-1.example", "worker-1.example"),
    ] {
        assert_eq!(plain(text), expected);
    }
    let mut text = String::new();
    fenced(&mut text, "```\n</details> ````");
    assert_eq!(text, "`````text\n```\n</details> ````\n`````\n\n");
}

#[test]
fn a_summary_of_thousands_of_nodes_has_an_end() {
    let mut check = preflight::tests::mixed();
    let [passed, mut failed_node, ..] = <[NodeReport; 4]>::try_from(check.nodes).unwrap();
    let mut nodes = Vec::new();
    for at in 0..5000 {
        for result in &mut failed_node.checks {
            result.message = Some(format!("{at} {}", "x".repeat(4000)));
        }
        nodes.push(NodeReport {
            name: format!("bad-{at}"),
            ..failed_node.clone()
        });
        nodes.push(NodeReport {
            name: format!("good-{at}"),
            ..passed.clone()
        });
    }
    check.nodes = nodes;
    let text = markdown(&document(check, &failed()));
    // GitHub takes no more than 1 MiB of a step.
    assert!(text.len() < 64 * 1024, "{}", text.len());
    assert!(text.contains("\n… and 4800 more that did not pass\n\n✅ 5000 nodes passed\n"));
}
