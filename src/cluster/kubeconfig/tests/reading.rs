//! What of a file is taken, and what is refused.

use super::*;

const ODD: &str = "
apiVersion: v1
kind: Config
kind: Config
colour: red
preferences: word
clusters:
- name: c
  cluster: {server: 'https://other', server: 'https://c', extensions: [{extension: 1}, {name: e, extension: word}]}
- name: odd
  cluster: {server: 5, certificate-authority-data: '%'}
- null
contexts:
- name: good
  context: {cluster: c, user: u, colour: red}
- name: bad
  context: {cluster: odd, user: u}
- name: worse
  context: {cluster: c, user: plugin}
- name: none
- context: {cluster: c}
current-context: good
users:
- name: u
  user: {token: t}
- name: plugin
  user: {token: null, exec: {command: a, args: hunter2, interactiveMode: hunter2}}
- user: {token: hunter2}
- word
---
]
";

#[test]
fn what_is_odd_and_unused_keeps_nobody_from_the_rest() {
    let read = only(ODD);
    let chosen = choose(&read, None, "x").ok().unwrap();
    assert_eq!(
        chosen.way.server.as_deref(),
        Some("https://c"),
        "the last counts"
    );
    assert_eq!(chosen.way.extensions.map(|all| all.len()), Some(1));
    for (context, cause) in [
        (
            "bad",
            "cluster \"odd\".server is not a text (a number needs quotes)",
        ),
        ("worse", "user \"plugin\".exec.args is not a list"),
        ("none", "context \"none\" is not a map of fields"),
    ] {
        assert_eq!(refused(&read, Some(context)).causes, [cause]);
    }
}

#[test]
fn what_is_no_kubeconfig_is_refused() {
    for (text, expected) in [
        ("[]", "its fields are missing"),
        ("word", "its fields are missing"),
        ("kind: Pod", "its kind is not Config"),
        ("kind: List", "its kind is not Config"),
        ("apiVersion: v2", "its apiVersion is not v1"),
        ("apiVersion: [hunter2]", "its apiVersion is not v1"),
        ("current-context: 5", "its current-context is not a text"),
        ("contexts: {x: {cluster: c}}", "its contexts are not a list"),
        ("a: [hunter2", "line "),
        ("a:\n\tb: hunter2", "line 2"),
        (
            "users: [{name: u}, {name: v}, {name: u}]",
            "two of its users have the name \"u\", and clients choose differently",
        ),
        (
            "contexts: [{name: a}, {name: a}]",
            "two of its contexts have the name \"a\"",
        ),
        (
            "clusters: [{name: a}, {name: a}]",
            "two of its clusters have the name \"a\"",
        ),
    ] {
        let why = Document::parse(PathBuf::new(), text).err().unwrap();
        assert!(
            why.contains(expected) && !why.contains("hunter2"),
            "{text}: {why}"
        );
    }
    for nothing in ["", "# nothing", "{}", "null", "---\n", "kind: ''"] {
        assert_eq!(only(nothing).contexts(), [""; 0], "{nothing:?}");
    }
}

#[test]
fn fields_of_which_only_one_can_count_are_not_chosen_from() {
    let config = |cluster: &str, user: &str| {
        only(&format!(
            "clusters: [{{name: c, cluster: {{server: 'https://c', {cluster}}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        ))
    };
    for (cluster, user, expected) in [
        (
            "certificate-authority: f, certificate-authority-data: d",
            "",
            "-data",
        ),
        (
            "insecure-skip-tls-verify: true, certificate-authority-data: d",
            "",
            "insecure",
        ),
        (
            "insecure-skip-tls-verify: true, certificate-authority: f",
            "",
            "insecure",
        ),
        (
            "",
            "client-certificate: f, client-certificate-data: d",
            "client-certificate-data",
        ),
        ("", "client-key: f, client-key-data: d", "client-key-data"),
        ("", "token: t, username: u", "a token and a username"),
        ("", "token: t, password: p", "a token and a username"),
        (
            "",
            "exec: {command: c}, auth-provider: {name: oidc}",
            "auth-provider",
        ),
    ] {
        let failure = refused(&config(cluster, user), Some("x"));
        assert!(failure.causes[0].contains(expected), "{failure:?}");
    }
    for (cluster, user) in [
        (
            "insecure-skip-tls-verify: false, certificate-authority: f",
            "token: t, username: ''",
        ),
        (
            "certificate-authority: f, certificate-authority-data: ''",
            "token: t, tokenFile: f",
        ),
        (
            "insecure-skip-tls-verify: true",
            "token: t, exec: {command: c}",
        ),
    ] {
        assert!(
            choose(&config(cluster, user), Some("x"), "x").is_ok(),
            "{cluster} {user}"
        );
    }
}

/// Of teams with many clusters: more than the parser's own limit for what is in a file.
#[test]
fn a_large_kubeconfig_is_read() {
    const MANY: usize = 20_000;
    let many = |line: fn(usize) -> String| (0..MANY).map(line).collect::<String>();
    let clusters = many(|at| format!("- {{name: c{at}, cluster: {{server: 'https://c'}}}}\n"));
    let contexts = many(|at| format!("- {{name: x{at}, context: {{cluster: c{at}}}}}\n"));
    let text = format!("clusters:\n{clusters}contexts:\n{contexts}");
    let read = only(&text);
    assert_eq!(read.contexts().len(), MANY);
    assert!(choose(&read, Some("x19999"), "x").is_ok());
}
