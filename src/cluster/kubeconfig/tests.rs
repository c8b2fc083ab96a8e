use tempfile::TempDir;

use super::*;

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

fn merged() -> (Place, Kubeconfig) {
    let place = Place::new();
    let paths = [place.write("first", FIRST), place.write("second", SECOND)];
    let merged = read(&paths).unwrap();
    (place, merged)
}

#[test]
fn files_are_merged_as_kubectl_does() {
    let (_place, merged) = merged();
    let red = merged
        .clusters
        .iter()
        .find(|named| named.name == "red")
        .unwrap();
    assert_eq!(
        red.cluster.as_ref().unwrap().server.as_deref(),
        Some("https://first")
    );
    assert_eq!(
        merged.current_context.as_deref(),
        Some("blue"),
        "an empty one says nothing"
    );
    let chosen = choose(&merged, None, "x").unwrap();
    assert_eq!(
        (chosen.context.as_str(), chosen.cluster.as_str()),
        ("blue", "blue")
    );
    assert_eq!(choose(&merged, Some("red"), "x").unwrap().cluster, "red");
}

#[test]
fn a_context_that_leads_nowhere_is_explained() {
    let (_place, merged) = merged();
    let failure = choose(&merged, Some("bleu"), "x").unwrap_err();
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
        assert_eq!(
            choose(&merged, Some(context), "x").unwrap_err().causes,
            [cause]
        );
    }
}

#[test]
fn without_a_current_context_all_are_listed() {
    let place = Place::new();
    let read = read(&[place.write("first", FIRST)]).unwrap();
    let failure = choose(&read, None, "x").unwrap_err();
    assert_eq!(failure.causes, ["it has no current context"]);
    assert_eq!(failure.hints, ["--context takes one of: red"]);
}
