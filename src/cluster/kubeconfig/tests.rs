use std::{env, fs, path::PathBuf};

use tempfile::TempDir;

use super::{document::Document, *};
use crate::cluster::{Deadline, connect::in_cluster::Pod};

mod reading;

/// A folder to play in: a home, a workspace, and files.
struct Place {
    folder: TempDir,
    options: ConnectOptions,
    environment: Environment,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = ConnectOptions {
            workspace: folder.path().join("bmctl-workspace"),
            ..ConnectOptions::default()
        };
        let environment = Environment {
            home: Some(folder.path().join("home")),
            ..Environment::default()
        };
        Self {
            folder,
            options,
            environment,
        }
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn find(&self) -> Result<Found, Failure> {
        find(&self.options, &self.environment)
    }

    fn found(&self) -> Vec<PathBuf> {
        match self.find().unwrap() {
            Found::Files(paths) => paths,
            Found::InCluster(_) => panic!("in-cluster"),
        }
    }
}

#[test]
fn the_order_is_the_documented_one() {
    let mut place = Place::new();
    let pod = Pod {
        host: "10.0.0.1".to_owned(),
        port: "443".to_owned(),
        folder: place.folder.path().to_owned(),
    };
    place.environment.pod = Some(pod.clone());
    assert_eq!(place.find().unwrap(), Found::InCluster(pod));

    let only = place.write("bmctl-workspace/a/a-kubeconfig", "");
    assert_eq!(place.found(), std::slice::from_ref(&only));

    let usual = place.write("home/.kube/config", "");
    assert_eq!(place.found(), [usual]);

    let (first, second) = (place.write("first", ""), place.write("second", ""));
    let missing = place.folder.path().join("missing");
    let list = env::join_paths([&first, &missing, &second]).unwrap();
    place.environment.kubeconfig = Some(list);
    assert_eq!(place.found(), [first, second.clone()]);

    place.options.cluster = Some("a".into());
    assert_eq!(place.found(), [only]);

    place.options.kubeconfig = Some(second.clone());
    assert_eq!(place.found(), [second]);
}

/// Another cluster is not used in its place. (The path goes through a file, which even root cannot enter.)
#[test]
fn a_kubeconfig_that_cannot_be_reached_is_not_missing() {
    let mut place = Place::new();
    place.write("bmctl-workspace/a/a-kubeconfig", "");
    let other = place.write("other", "");
    let hidden = place.write("file", "").join("kubeconfig");
    let refused = |place: &Place| {
        let failure = place.find().unwrap_err();
        assert_eq!(
            (failure.kind, failure.reason),
            (Kind::Usage, Reason::BadKubeconfig),
            "{failure:?}"
        );
        assert!(failure.message.contains("kubeconfig"), "{failure:?}");
    };
    place.environment.home = Some(other.clone());
    assert_eq!(place.found().len(), 1, "that of the workspace");
    place.write("home/.kube", "");
    place.environment.home = Some(place.folder.path().join("home"));
    refused(&place);
    place.environment.kubeconfig = Some(env::join_paths([&hidden, &other]).unwrap());
    refused(&place);
    place.options.kubeconfig = Some(hidden);
    refused(&place);
}

#[test]
fn several_clusters_in_the_workspace_are_listed_and_none_is_guessed() {
    let place = Place::new();
    place.write("bmctl-workspace/a/a-kubeconfig", "");
    place.write("bmctl-workspace/b/b-kubeconfig", "");
    place.write("bmctl-workspace/log/x", "");
    let failure = place.find().unwrap_err();
    assert_eq!(
        (failure.kind, failure.reason),
        (Kind::Usage, Reason::SeveralClusters)
    );
    assert_eq!(failure.causes.len(), 2);
    assert_eq!(failure.hints, ["name one: --cluster a | --cluster b"]);
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let mut place = Place::new();
    assert_eq!(place.find().unwrap_err().reason, Reason::NoKubeconfig);

    place.write("bmctl-workspace/production/production-kubeconfig", "");
    place.write("bmctl-workspace/other/other-kubeconfig", "");
    place.options.cluster = Some("prodcution".into());
    assert_eq!(
        place.find().unwrap_err().hints,
        [
            "did you mean --cluster production?",
            "--cluster takes one of: other, production"
        ]
    );
    place.options.cluster = Some("../bmctl-workspace/other".into());
    assert_eq!(place.find().unwrap_err().reason, Reason::ClusterNotFound);

    place.write("admin.conf", "");
    let wrong = place.folder.path().join("admni.conf");
    place.options.kubeconfig = Some(wrong);
    let hints = place.find().unwrap_err().hints;
    assert!(hints[0].why.ends_with("/admin.conf?"), "{hints:?}");

    place.options = Place::new().options;
    place.environment.kubeconfig = Some("/nowhere/a:/nowhere/b".into());
    let failure = place.find().unwrap_err();
    assert_eq!(failure.kind, Kind::Usage);
    assert_eq!(failure.causes.len(), 2);
}

const FIRST: &str = "
clusters: [{name: red, cluster: {server: 'https://first'}}]
users: [{name: me, user: {token: one}}]
contexts: [{name: red, context: {cluster: red, user: me}}]
current-context: ''
";
const SECOND: &str = "
clusters: [{name: red, cluster: {server: 'https://second'}}, {name: blue, cluster: {server: 'https://blue'}}]
users: [{name: me, user: {token: two}}]
contexts: [{name: blue, context: {cluster: blue, user: me}}, {name: lost, context: {cluster: gone}}, {name: nobody, context: {cluster: blue, user: ghost}}]
current-context: blue
";

async fn merged() -> (Place, Kubeconfig) {
    let place = Place::new();
    let paths = [place.write("first", FIRST), place.write("second", SECOND)];
    (place, read(&paths).await.unwrap())
}

/// Of one file.
fn only(text: &str) -> Kubeconfig {
    let document = Document::parse(PathBuf::from("x"), text).unwrap();
    Kubeconfig(vec![document.into()])
}

#[test]
fn files_of_a_folder_that_cannot_be_named_are_not_looked_for_elsewhere() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    let text = "users: [{name: u, user: {tokenFile: token}}]";
    for (folder, expected) in [(b"caf\xc3\xa9", true), (b"caf\xff\xe9", false)] {
        let path = PathBuf::from(OsStr::from_bytes(folder)).join("config");
        let document = Document::parse(path, text).unwrap();
        let user = Kubeconfig(vec![document.into()]).user("u").unwrap();
        assert_eq!(user.is_ok(), expected);
    }
}

async fn read(paths: &[PathBuf]) -> Result<Kubeconfig, Failure> {
    Kubeconfigs::default().read(paths, Deadline::never()).await
}

fn refused(kubeconfig: &Kubeconfig, context: Option<&str>) -> Failure {
    choose(kubeconfig, context, "x").err().unwrap()
}

#[tokio::test]
async fn files_are_merged_as_kubectl_does() {
    let (_place, merged) = merged().await;
    let red = merged.cluster("red").unwrap().unwrap();
    assert_eq!(red.server.as_deref(), Some("https://first"));
    assert_eq!(merged.current(), Some("blue"), "an empty one says nothing");
    assert_eq!(merged.contexts(), ["red", "blue", "lost", "nobody"]);
    let chosen = choose(&merged, None, "x").ok().unwrap();
    assert_eq!(
        (chosen.context.as_str(), chosen.cluster.as_str()),
        ("blue", "blue")
    );
    let red = choose(&merged, Some("red"), "x").ok().unwrap();
    assert_eq!(red.cluster, "red");
}

#[tokio::test]
async fn a_context_that_leads_nowhere_is_explained() {
    let (_place, merged) = merged().await;
    let failure = refused(&merged, Some("bleu"));
    assert_eq!(
        (failure.kind, failure.reason),
        (Kind::Usage, Reason::ContextNotFound)
    );
    assert_eq!(
        failure.hints,
        [
            "did you mean --context blue?",
            "--context takes one of: red, blue, lost, nobody"
        ]
    );
    for (context, cause) in [
        (
            "lost",
            "context \"lost\" refers to cluster \"gone\", which is not there",
        ),
        (
            "nobody",
            "context \"nobody\" refers to user \"ghost\", who is not there",
        ),
    ] {
        assert_eq!(refused(&merged, Some(context)).causes, [cause]);
    }
}

#[tokio::test]
async fn without_a_current_context_all_are_listed() {
    let place = Place::new();
    let read = read(&[place.write("first", FIRST)]).await.unwrap();
    let failure = refused(&read, None);
    assert_eq!(failure.causes, ["it has no current context"]);
    assert_eq!(failure.hints, ["--context takes one of: red"]);
}

const CANARY: &str = "canary-token";

/// One kubeconfig with a secret in it, in the ways in which it comes to stand where a path belongs.
fn contents() -> Vec<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let yaml =
        format!("apiVersion: v1\nkind: Config\nusers:\n- name: u\n  user:\n    token: {CANARY}\n");
    let json =
        format!(r#"{{"apiVersion":"v1","users":[{{"name":"u","user":{{"token":"{CANARY}"}}}}]}}"#);
    let encoded = STANDARD.encode(&yaml);
    let end = format!("x:\n {CANARY}");
    vec![yaml, json, encoded, end]
}

#[test]
fn the_content_of_a_kubeconfig_is_not_repeated_where_a_path_belongs() {
    for content in contents() {
        let mut place = Place::new();
        place.options.kubeconfig = Some(content.clone().into());
        let given = place.find().unwrap_err();
        place.options.kubeconfig = None;
        place.options.cluster = Some(content.clone());
        let named = place.find().unwrap_err();
        place.options.cluster = None;
        place.environment.kubeconfig = Some(content.clone().into());
        let listed = place.find().unwrap_err();
        for (failure, place) in [
            (given, "--kubeconfig holds "),
            (named, "--cluster holds "),
            (listed, "KUBECONFIG holds "),
        ] {
            assert_eq!(failure.reason, Reason::BadKubeconfig);
            assert!(failure.message.starts_with(place), "{failure:?}");
            let shown = format!("{failure:?}");
            let piece = content
                .split([':', '\n'])
                .map(str::trim)
                .find(|piece| piece.len() > 8 && shown.contains(*piece));
            assert_eq!(piece, None, "{shown}");
        }
    }
    let mut place = Place::new();
    place.environment.kubeconfig = Some("apiVersion: v1\nkind: Config".into());
    assert_eq!(
        place.find().unwrap_err().message,
        "KUBECONFIG holds the text of a kubeconfig, not a path"
    );
}

#[test]
fn a_credential_in_the_place_of_a_name_is_not_repeated() {
    for credential in [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "sha256~4mXh7Zp0Qw9sT3vBn1cLk8JdRf2yGa6eUiOx5",
    ] {
        let mut place = Place::new();
        place.options.kubeconfig = Some(credential.into());
        let given = place.find().unwrap_err();
        place.options.kubeconfig = None;
        place.options.cluster = Some(credential.to_owned());
        let named = place.find().unwrap_err();
        place.options.cluster = None;
        place.environment.kubeconfig = Some(credential.into());
        let listed = place.find().unwrap_err();
        let context = refused(&only(FIRST), Some(credential));
        for failure in [given, named, listed, context] {
            assert_eq!(failure.kind, Kind::Usage);
            assert!(!format!("{failure:?}").contains(credential), "{failure:?}");
        }
    }
    // A file of that name is a file.
    let mut place = Place::new();
    let path = place.write("9f86d081884c7d659a2feaa0c55ad015", "");
    place.environment.kubeconfig = Some(path.clone().into());
    assert_eq!(place.found(), [path]);
}

#[tokio::test]
async fn a_file_is_read_once() {
    let place = Place::new();
    let path = place.write("first", FIRST);
    let kubeconfigs = Kubeconfigs::default();
    let contexts = async || {
        let shared = kubeconfigs.clone();
        let read = shared.read(std::slice::from_ref(&path), Deadline::never());
        read.await.map(|read| read.contexts().len())
    };
    assert_eq!(contexts().await, Ok(1));
    fs::remove_file(&path).unwrap();
    assert_eq!(contexts().await, Ok(1));
}

#[tokio::test]
async fn relative_paths_start_at_the_file() {
    let place = Place::new();
    let path = place.write(
        "a/config",
        "
clusters: [{name: c, cluster: {certificate-authority: ca.crt}}, {name: d, cluster: {certificate-authority: ''}}]
users: [{name: u, user: {tokenFile: /run/token, client-key: ../k, exec: {command: ./p}}}, {name: v, user: {exec: {command: p}}}]
",
    );
    let folder = path.parent().unwrap().display().to_string();
    let read = read(std::slice::from_ref(&path)).await.unwrap();
    let authority = |name: &str| read.cluster(name).unwrap().unwrap().certificate_authority;
    assert_eq!(authority("c"), Some(format!("{folder}/ca.crt")));
    assert_eq!(authority("d"), None);
    let user = |name: &str| read.user(name).unwrap().unwrap();
    assert_eq!(user("u").token_file.as_deref(), Some("/run/token"));
    assert_eq!(user("u").client_key, Some(format!("{folder}/../k")));
    let command = |name: &str| user(name).exec.unwrap().command;
    assert_eq!(command("u"), Some(format!("{folder}/./p")));
    assert_eq!(command("v").as_deref(), Some("p"));
}

#[test]
fn the_likely_cause_of_a_wrong_path_is_said() {
    for (value, expected) in [
        ("~/none", "only outside of quotes"),
        ("/none:~/none", "only outside of quotes"),
        ("\"/none\"", "the quotes are a part"),
        ("'/none'", "the quotes are a part"),
        ("/none;/other", "a colon here"),
        ("C:\\Users\\eve\\.kube\\config", "path of Windows"),
        ("$HOME/none", "not in single quotes"),
        ("/none\r", "line ends of Windows"),
    ] {
        let mut place = Place::new();
        place.environment.kubeconfig = Some(value.into());
        let listed = place.find().unwrap_err();
        place.environment.kubeconfig = None;
        place.options.kubeconfig = Some(value.into());
        let given = place.find().unwrap_err();
        for failure in [listed, given] {
            let hints: Vec<String> = failure.hints.iter().map(ToString::to_string).collect();
            assert!(
                hints.iter().any(|hint| hint.contains(expected)),
                "{value}: {failure:?}"
            );
        }
    }
}
