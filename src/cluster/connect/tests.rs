use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use super::*;

fn options(kubeconfig: impl AsRef<[u8]>) -> (TempDir, ConnectOptions) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig).unwrap();
    let options = ConnectOptions {
        kubeconfig: Some(path),
        ..ConnectOptions::default()
    };
    (folder, options)
}

/// In an environment that says nothing.
async fn connected(options: &ConnectOptions) -> Result<Cluster, Failure> {
    connect_from(options, &Environment::default()).await
}

async fn refused(options: &ConnectOptions) -> Failure {
    connected(options).await.err().unwrap()
}

const GOOD: &str = "
apiVersion: v1
kind: Config
clusters: [{name: c1, cluster: {server: 'https://eve:hunter2@127.0.0.1:1/'}}]
users: [{name: u1, user: {token: hunter2}}]
contexts: [{name: one, context: {cluster: c1, user: u1, namespace: mine}}]
current-context: one
";

const SERVER: &str = "server: 'https://eve:hunter2@127.0.0.1:1/'";
const TOKEN: &str = "token: hunter2";

#[tokio::test]
async fn a_cluster_says_where_it_is() {
    let (_folder, options) = options(GOOD);
    let cluster = connected(&options).await.ok().unwrap();
    assert_eq!(
        (
            cluster.context.as_str(),
            cluster.name.as_str(),
            cluster.server.as_str(),
            cluster.namespace.as_str()
        ),
        ("one", "c1", "https://127.0.0.1:1", "mine")
    );
}

#[tokio::test]
async fn what_can_not_be_used_is_usage_and_never_quotes_a_credential() {
    let user = |fields: &str| GOOD.replace(TOKEN, fields);
    let cluster = |fields: &str| GOOD.replace(SERVER, fields);
    let certificate = "certificate-authority-data";
    let broken = [
        user("token: [hunter2"),
        user("token: {a: hunter2}"),
        user("token: \"hunter2\\n\""),
        user("token: \"hunter2\\0\""),
        user("token: \"hunter2\\x7f\""),
        user("token: \"hunter2\\r\\nX-Hunter: 2\""),
        user("client-certificate-data: hunter2"),
        user("client-certificate: /nowhere/hunter"),
        user("client-certificate-data: aHVudGVyMg==, client-key-data: aHVudGVyMg=="),
        user("token: hunter2, as: \"a\\nb\""),
        user("token: hunter2, as: a, as-groups: [\"a\\0b\"]"),
        user("token: hunter2, as: a, as-uid: \"\\x01\""),
        user("token: hunter2, as: a, as-user-extra: {k: [\"a\\nb\"]}"),
        user("token: hunter2, as-groups: [a]"),
        user("auth-provider: {name: gcp}"),
        user("exec: {apiVersion: v9, command: 'false'}"),
        cluster("server: 'not a url hunter2'"),
        cluster("server: 'mailto:hunter2'"),
        cluster("server: 'https://hunter2:99999'"),
        cluster("proxy-url: 'http://127.0.0.1:1'"),
        cluster(&format!("{SERVER}, proxy-url: 'http://eve:hunter2@'")),
        cluster(&format!("{SERVER}, proxy-url: 'ftp://eve:hunter2@host'")),
        cluster(&format!("{SERVER}, tls-server-name: 'hunter 2'")),
        cluster(&format!("{SERVER}, {certificate}: hunter2")),
        cluster(&format!("{SERVER}, {certificate}: aHVudGVyMg==")),
        cluster(&format!("{SERVER}, certificate-authority: /nowhere/hunter")),
        String::new(),
        "[]".to_owned(),
    ];
    for text in broken {
        let (_folder, options) = options(&text);
        let failure = refused(&options).await;
        assert_eq!(failure.kind, Kind::Usage, "{text}{failure:?}");
        let shown = format!("{failure:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let unsupported = failure.reason == Reason::ProxyUnsupported;
        assert!(
            shown.contains("config") || unsupported,
            "the file is named: {shown}"
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let utf_16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &utf_16].concat();
    let (_folder, whole) = options(&marked);
    assert_eq!(connected(&whole).await.ok().unwrap().context, "one");
    for bytes in [
        &marked[..marked.len() - 1],
        &utf_16,
        &[0xff, 0xfe],
        &[0xff; 64],
        &[0; 64],
    ] {
        let (_folder, options) = options(bytes);
        let failure = refused(&options).await;
        assert_eq!(failure.reason, Reason::BadKubeconfig, "{bytes:?}");
    }
}

#[tokio::test]
async fn data_in_base64_may_have_line_breaks() {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(["host".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let wrapped = |pem: &str| {
        let data = STANDARD.encode(pem);
        let (head, rest) = data.split_at(64);
        format!("\"{head}\\n{rest}\\n\"")
    };
    let (certificate, key) = (wrapped(&certificate.pem()), wrapped(&key.serialize_pem()));
    let user = format!("client-certificate-data: {certificate}, client-key-data: {key}");
    let cluster = format!("{SERVER}, certificate-authority-data: {certificate}");
    let text = GOOD.replace(TOKEN, &user).replace(SERVER, &cluster);
    let (_folder, options) = options(text);
    assert_eq!(connected(&options).await.err(), None);
}

#[tokio::test]
async fn what_never_comes_is_given_up_in_time() {
    let (folder, mut options) = options(GOOD.replace(TOKEN, "tokenFile: pipe"));
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, mode, 0).unwrap();
    options.deadline = Deadline::after(Duration::from_millis(100));
    let failure = refused(&options).await;
    assert_eq!(
        (failure.kind, failure.reason),
        (Kind::Denied, Reason::LoginFailed)
    );
    options.kubeconfig = Some(pipe.clone());
    options.deadline = Deadline::after(Duration::from_millis(100));
    let failure = refused(&options).await;
    assert_eq!(
        (failure.kind, failure.reason),
        (Kind::TimedOut, Reason::TimedOut)
    );
    let_readers_go(&pipe);
}

/// Threads that wait for a writer get one, so that the runtime of the test can end.
fn let_readers_go(pipe: &Path) {
    drop(std::fs::File::options().write(true).open(pipe).unwrap());
}

#[tokio::test]
async fn a_login_plugin_that_fails_is_denied() {
    let plugin = "exec: {apiVersion: client.authentication.k8s.io/v1, command: 'false', interactiveMode: Never}";
    let (_folder, options) = options(GOOD.replace(TOKEN, plugin));
    let failure = refused(&options).await;
    assert_eq!(
        (failure.kind, failure.reason),
        (Kind::Denied, Reason::LoginFailed)
    );
}

#[tokio::test]
async fn a_group_without_a_user_is_not_sent() {
    let (_folder, mut options) = options(GOOD);
    options.identity.groups.push("admins".to_owned());
    assert_eq!(refused(&options).await.kind, Kind::Usage);
}

/// As client-go: each flag replaces what the kubeconfig says of its kind.
#[test]
fn flags_replace_whom_a_kubeconfig_acts_as_one_by_one() {
    let own = || AuthInfo {
        impersonate: Some("alice".to_owned()),
        impersonate_groups: Some(vec!["admins".to_owned()]),
        impersonate_uid: Some("7".to_owned()),
        ..AuthInfo::default()
    };
    for (user, groups, uid, expected) in [
        (None, &[][..], None, "alice 7 admins"),
        (Some("bob"), &[], None, "bob 7 admins"),
        (Some("bob"), &["g", "h"], None, "bob 7 g h"),
        (None, &["g"], None, "alice 7 g"),
        (None, &[], Some("9"), "alice 9 admins"),
    ] {
        let flags = IdentityOverride {
            user: user.map(str::to_owned),
            groups: groups.iter().copied().map(str::to_owned).collect(),
            uid: uid.map(str::to_owned),
        };
        flags.complete(Some("alice")).unwrap();
        let mut config = Config::new("https://kubernetes".parse().unwrap());
        configuration::impersonate(&mut config, &mut own(), &flags).unwrap();
        let sent: Vec<&str> = config
            .headers
            .iter()
            .map(|(_, value)| value.to_str().unwrap())
            .collect();
        assert_eq!(sent.join(" "), expected);
    }
    let group = IdentityOverride {
        groups: vec!["g".to_owned()],
        ..IdentityOverride::default()
    };
    for nobody in [None, Some("")] {
        assert_eq!(group.complete(nobody).unwrap_err().kind, Kind::Usage);
    }
}
