use std::time::Instant;

use base64::Engine as _;

use super::*;

/// A plugin that is this shell script.
fn shell(script: &str, rest: &Value) -> Plugin {
    let mut exec = json!({
        "apiVersion": VERSIONS[0], "command": "sh", "args": ["-c", script], "interactiveMode": "Never",
    });
    json_patch::merge(&mut exec, rest);
    Plugin::new(&serde_json::from_value(exec).unwrap(), Terminal::Absent).unwrap()
}

async fn ran(script: &str, rest: &Value) -> Result<Credential, LoginError> {
    const LIMIT: Duration = Duration::from_secs(60);
    shell(script, rest).run(Turn::First, LIMIT).await
}

/// Prints this status as a credential.
fn answering(status: &Value) -> String {
    let answer = json!({"kind": "ExecCredential", "apiVersion": VERSIONS[0], "status": status});
    format!("printf %s '{answer}'")
}

#[tokio::test]
async fn a_credential_is_a_token_or_a_certificate() {
    let credential = ran(
        &answering(&json!({"token": "t", "expirationTimestamp": "2026-11-23T10:00:00Z"})),
        &json!({}),
    )
    .await
    .unwrap();
    assert_eq!(credential.bearer.unwrap(), "Bearer t");
    assert!(credential.expires.is_some());
    let pair = json!({"clientCertificateData": "c", "clientKeyData": "k", "token": ""});
    let credential = ran(&answering(&pair), &json!({})).await.unwrap();
    assert_eq!(credential.bearer, None);
    assert_eq!(credential.pair.unwrap().certificate, "c");
    let yaml = format!(
        "printf 'apiVersion: {}\\nstatus:\\n  token: y\\n'",
        VERSIONS[0]
    );
    assert_eq!(
        ran(&yaml, &json!({})).await.unwrap().bearer.unwrap(),
        "Bearer y"
    );
}

#[tokio::test]
async fn anything_else_is_said_without_quoting_it() {
    for (script, expected) in [
        ("echo hunter2", "it wrote something else"),
        ("echo '{\"apiVersion\": \"hunter2\"}'", "another apiVersion"),
        (&answering(&json!(null)), "no status"),
        (&answering(&json!({})), "neither a token nor a certificate"),
        (
            &answering(&json!({"clientKeyData": "hunter2"})),
            "but not both",
        ),
        (
            &answering(&json!({"token": "t", "expirationTimestamp": "hunter2"})),
            "is no time",
        ),
        (&answering(&json!({"token": "hunter2\n"})), "cannot be sent"),
        ("echo hunter2; exit 3", "exit status: 3"),
        ("echo hunter2; echo no session >&2; exit 3", "no session"),
        ("echo hunter2; echo token=hunter2 >&2; exit 3", "[redacted]"),
        ("echo hunter2; echo no browser >&2", "no browser"),
    ] {
        let error = ran(script, &json!({})).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected), "{script}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn it_learns_what_the_protocol_says() {
    let script = format!(
        "test \"$EXTRA\" = yes && {} | sed \"s/INPUT/$(echo \"$KUBERNETES_EXEC_INFO\" | base64 -w0)/\"",
        answering(&json!({"token": "INPUT"})),
    );
    let rest = json!({
        "env": [{"name": "EXTRA", "value": "yes"}], "provideClusterInfo": true,
    });
    let mut plugin = shell(&script, &rest);
    plugin.cluster = Some(json!({"server": "https://c1"}));
    let credential = plugin
        .run(Turn::First, Duration::from_secs(60))
        .await
        .unwrap();
    let bearer = credential.bearer.unwrap();
    let input = bearer
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    let input = base64::engine::general_purpose::STANDARD
        .decode(input)
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&input).unwrap(),
        json!({
            "kind": "ExecCredential", "apiVersion": VERSIONS[0],
            "spec": {"interactive": false, "cluster": {"server": "https://c1"}},
        })
    );
}

#[test]
fn who_may_ask() {
    use Terminal::{Absent, Available};
    for (mode, terminal, first, renewal) in [
        (json!("Never"), Available, Some(Absent), Some(Absent)),
        (
            json!("IfAvailable"),
            Available,
            Some(Available),
            Some(Absent),
        ),
        (json!("IfAvailable"), Absent, Some(Absent), Some(Absent)),
        (json!(null), Available, Some(Available), Some(Absent)),
        (json!("Always"), Available, Some(Available), Some(Available)),
        (json!("Always"), Absent, None, None),
    ] {
        let rest = json!({"interactiveMode": mode, "apiVersion": VERSIONS[1]});
        let mut plugin = shell("true", &rest);
        plugin.terminal = terminal;
        assert_eq!(plugin.terminal(Turn::First).ok(), first, "{mode}");
        assert_eq!(plugin.terminal(Turn::Renewal).ok(), renewal, "{mode}");
    }
}

#[tokio::test]
async fn one_that_hangs_is_ended_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grandchild");
    let script = format!("sleep 300 & echo $! > {}; wait", file.display());
    let plugin = shell(&script, &json!({}));
    let started = Instant::now();
    let error = plugin
        .run(Turn::First, Duration::from_millis(500))
        .await
        .unwrap_err();
    assert!(matches!(error, LoginError::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(200));
    let Ok(grandchild) = std::fs::read_to_string(&file) else {
        return; // It was ended even before that.
    };
    let grandchild = format!("/proc/{}/stat", grandchild.trim());
    let deadline = Instant::now() + Duration::from_secs(60);
    // Whoever adopts it may take a while to wait for it.
    let ended = || std::fs::read_to_string(&grandchild).map_or(true, |stat| stat.contains(") Z "));
    while !ended() {
        assert!(Instant::now() < deadline, "{grandchild} is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An agent that it leaves behind has its pipes, and keeps nobody.
#[tokio::test]
async fn what_it_leaves_behind_keeps_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, mode, 0).unwrap();
    let script = format!(
        "cat {} & {}",
        pipe.display(),
        answering(&json!({"token": "t"}))
    );
    let credential = ran(&script, &json!({})).await.unwrap();
    assert_eq!(credential.bearer.unwrap(), "Bearer t");
    // It is still there, and reads this.
    std::fs::write(&pipe, "end").unwrap();
}

/// More than a pipe takes, on both: whoever waits to write is listened to.
#[tokio::test]
async fn one_that_writes_much_is_read_to_its_end() {
    let much = "head -c 300000 /dev/zero | tr '\\0' ' '";
    let script = format!("{much} >&2; {much}; {}", answering(&json!({"token": "t"})));
    assert!(ran(&script, &json!({})).await.is_ok());
}

#[tokio::test]
async fn where_no_time_is_left_it_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("started");
    let plugin = shell(&format!("touch {}", file.display()), &json!({}));
    let error = plugin.run(Turn::First, Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, LoginError::TimedOut { .. }), "{error}");
    assert!(!file.exists());
}

#[tokio::test]
async fn one_that_is_missing_comes_with_the_hint() {
    let rest = json!({"command": "bmctl-no-such-plugin", "installHint": "brew install it"});
    let error = ran("", &rest).await.unwrap_err();
    assert!(
        matches!(&error, LoginError::NotInstalled { hint: Some(hint), .. } if hint == "brew install it"),
        "{error:?}"
    );
}

#[test]
fn what_is_no_plugin_is_said() {
    for (exec, expected) in [
        (
            json!({"apiVersion": VERSIONS[0], "interactiveMode": "Never"}),
            "no command",
        ),
        (
            json!({"apiVersion": VERSIONS[0], "command": "x"}),
            "no interactiveMode",
        ),
        (
            json!({"apiVersion": VERSIONS[1], "command": "x", "env": [{"value": "y"}]}),
            "env variable without a name",
        ),
        (json!({"command": "x"}), "apiVersion \"\""),
        (
            json!({"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}),
            "v1alpha1",
        ),
    ] {
        let error =
            Plugin::new(&serde_json::from_value(exec).unwrap(), Terminal::Absent).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
