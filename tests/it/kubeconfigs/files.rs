//! What else is in a file: its form, its other entries, and entries that nobody uses.

use super::{
    Row,
    Verdict::{self, Both, Neither, OnlyBmctl},
    changed, plain,
};

const UNUSED: Verdict = OnlyBmctl("an odd entry that nobody uses keeps nobody from the others");
const JSON: &str = r#"{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":"@SERVER@","certificate-authority-data":"@CA@"}}],"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"current-context":"x","users":[{"name":"u","user":{"token":"@TOKEN@"}}]}"#;

pub fn rows() -> Vec<Row> {
    let mut rows = forms();
    rows.extend(documents());
    rows.extend(names());
    rows.extend(used());
    rows.extend(unused());
    rows
}

fn forms() -> Vec<Row> {
    vec![
        Row::bytes("UTF-8 with a mark", Both, |text| {
            [b"\xef\xbb\xbf", text.as_bytes()].concat()
        }),
        Row::bytes("UTF-16 with a mark", Both, |text| {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            [0xff, 0xfe].into_iter().chain(units).collect()
        }),
        Row::bytes("CRLF", Both, |text| text.replace('\n', "\r\n").into_bytes()),
        Row::bytes("a zero byte", Neither, |text| {
            format!("{text}\0").into_bytes()
        }),
        plain("JSON", JSON, Both),
        plain("JSON and more", &format!("{JSON} x"), Both),
        plain("empty", "", Neither),
        plain("a comment", "# nothing\n", Neither),
        plain("an empty map", "{}", Neither),
        plain("null", "null", Neither),
        plain("a list", "[]", Neither),
        plain("a word", "word", Neither),
        changed("a tab", "  cluster:", "\tcluster:", Neither),
        changed(
            "anchors",
            "    token: @TOKEN@\n",
            "    &u\n    token: @TOKEN@\n- name: v\n  user: *u\n",
            Both,
        ),
        changed("a merge", "token: @TOKEN@", "<<: {token: @TOKEN@}", Both),
        changed("a tag", "token: @TOKEN@", "token: !!str @TOKEN@", Both),
        changed("binary", "-data: @CA@", "-data: !!binary @CA@", Neither),
        changed(
            "a comment behind",
            "kind: Config",
            "kind: Config # comment",
            Both,
        ),
        changed("quotes", "server: @SERVER@", "\"server\": '@SERVER@'", Both),
    ]
}

fn documents() -> Vec<Row> {
    let after = |name, more: &str, verdict| {
        changed(
            name,
            "token: @TOKEN@\n",
            &format!("token: @TOKEN@\n{more}"),
            verdict,
        )
    };
    vec![
        changed("no kind", "kind: Config\n", "", Both),
        changed("no version", "apiVersion: v1\n", "", Both),
        changed("neither", "apiVersion: v1\nkind: Config\n", "", Both),
        changed("an empty kind", "kind: Config", "kind: ''", Both),
        changed("an empty version", "apiVersion: v1", "apiVersion: ''", Both),
        changed("a List", "kind: Config", "kind: List", Neither),
        changed("a Pod", "kind: Config", "kind: Pod", Neither),
        changed("version 2", "apiVersion: v1", "apiVersion: v2", Neither),
        changed(
            "a version of a group",
            "apiVersion: v1",
            "apiVersion: client.k8s.io/v1",
            Neither,
        ),
        changed(
            "begins with ---",
            "apiVersion: v1",
            "---\napiVersion: v1",
            Both,
        ),
        changed(
            "a comment, then ---",
            "apiVersion: v1",
            "# c\n---\napiVersion: v1",
            Both,
        ),
        changed(
            "%YAML 1.2",
            "apiVersion: v1",
            "%YAML 1.2\n---\napiVersion: v1",
            OnlyBmctl("kubectl reads YAML 1.1"),
        ),
        changed(
            "the first document is empty",
            "apiVersion: v1",
            "---\n---\napiVersion: v1",
            OnlyBmctl("kubectl goes on without a kubeconfig, to localhost:8080"),
        ),
        after("ends with ---", "---\n", Both),
        after("ends with ...", "...\n", Both),
        after("another document of this kind", "---\nkind: Config\n", Both),
        after("another document of another kind", "---\nkind: Pod\n", Both),
        after("another document that is none", "---\n]\n", Both),
        changed(
            "a document before it",
            "apiVersion: v1",
            "kind: Config\n---\napiVersion: v1",
            Neither,
        ),
        after("a key twice", "kind: Config\n", Both),
        after("a list twice", "users: []\n", Neither),
        after("an unknown field", "colour: red\n", Both),
        after("preferences", "preferences: {}\n", Both),
        after("colours", "preferences: {colors: true}\n", Both),
        after("no preferences", "preferences: null\n", Both),
        after("a word as preferences", "preferences: word\n", UNUSED),
        after(
            "an extension",
            "extensions: [{name: a, extension: {b: c}}]\n",
            Both,
        ),
        after("a word as extensions", "extensions: word\n", UNUSED),
    ]
}

fn names() -> Vec<Row> {
    vec![
        cluster(
            "a cluster twice",
            "{name: c, cluster: {server: 'https://other:1'}}",
            Neither,
        ),
        cluster(
            "a cluster twice alike",
            "{name: c, cluster: {server: '@SERVER@', certificate-authority-data: '@CA@'}}",
            Neither,
        ),
        user("a user twice", "{name: u, user: {token: other}}", Neither),
        context(
            "a context twice",
            "{name: x, context: {cluster: d, user: u}}",
            Neither,
        ),
        cluster(
            "an unused cluster twice",
            "{name: d, cluster: {server: 'https://a:1'}}\n- {name: d}",
            Neither,
        ),
        context(
            "an unused context twice",
            "{name: w, context: {cluster: c}}\n- {name: w}",
            Neither,
        ),
        changed("no current context", "current-context: x\n", "", Neither),
        changed(
            "an empty current context",
            "current-context: x",
            "current-context: ''",
            Neither,
        ),
        changed(
            "null as current context",
            "current-context: x",
            "current-context: null",
            Neither,
        ),
        changed(
            "another current context",
            "current-context: x",
            "current-context: w",
            Neither,
        ),
        changed(
            "a number as current context",
            "current-context: x",
            "current-context: 5",
            Neither,
        ),
        context(
            "a name that is true or false to YAML 1.1",
            "{name: y, context: {cluster: c}}",
            OnlyBmctl("a name is a name"),
        ),
        changed(
            "names with blanks",
            "name: c\n  cluster:",
            "name: c c\n  cluster:",
            Neither,
        ),
    ]
}

fn used() -> Vec<Row> {
    let as_context =
        |name, fields: &str, verdict| changed(name, "{cluster: c, user: u}", fields, verdict);
    let token = "\n    token: @TOKEN@";
    vec![
        as_context("a context of no cluster", "{cluster: d, user: u}", Neither),
        as_context("a context of no user", "{cluster: c, user: v}", Neither),
        as_context("a context without a user", "{cluster: c}", Neither),
        as_context("a context without a cluster", "{user: u}", Neither),
        as_context("null as context", "null", Neither),
        as_context(
            "a namespace",
            "{cluster: c, user: u, namespace: kube-system}",
            Both,
        ),
        as_context(
            "an empty namespace",
            "{cluster: c, user: u, namespace: ''}",
            Both,
        ),
        as_context(
            "a number as namespace",
            "{cluster: c, user: u, namespace: 5}",
            Neither,
        ),
        as_context(
            "an unknown field of a context",
            "{cluster: c, user: u, colour: red}",
            Both,
        ),
        changed("null as user", token, " null", Neither),
        changed("a word as user", token, " word", Neither),
        changed(
            "contexts are a map",
            "contexts:\n- name: x\n  context: {cluster: c, user: u}",
            "contexts: {x: {cluster: c}}",
            Neither,
        ),
        changed(
            "contexts are null",
            "contexts:\n- name: x\n  context: {cluster: c, user: u}",
            "contexts: null",
            Neither,
        ),
    ]
}

fn unused() -> Vec<Row> {
    let of_user =
        |name, fields: &str, verdict| user(name, &format!("{{name: v, user: {fields}}}"), verdict);
    let of_cluster = |name, fields: &str, verdict| {
        cluster(name, &format!("{{name: d, cluster: {fields}}}"), verdict)
    };
    let of_context = |name, fields: &str, verdict| {
        context(name, &format!("{{name: w, context: {fields}}}"), verdict)
    };
    vec![
        of_user(
            "unused: a plugin without a version",
            "{exec: {command: a}}",
            Both,
        ),
        of_user(
            "unused: a plugin of another mode",
            "{exec: {apiVersion: v9, command: a, interactiveMode: Sometimes}}",
            Both,
        ),
        of_user(
            "unused: a number as arguments",
            "{exec: {command: a, args: 5}}",
            UNUSED,
        ),
        of_user(
            "unused: a number in the environment",
            "{exec: {command: a, env: [{name: a, value: 5}]}}",
            UNUSED,
        ),
        of_user(
            "unused: null in the environment",
            "{exec: {command: a, env: [{name: a, value: null}]}}",
            Both,
        ),
        of_user("unused: null as plugin", "{exec: null}", Both),
        of_user("unused: a number as token", "{token: 5}", UNUSED),
        of_user("unused: a map as token", "{token: {a: b}}", UNUSED),
        of_user(
            "unused: data that is not base64",
            "{client-certificate-data: '%'}",
            UNUSED,
        ),
        of_user(
            "unused: a number for a provider",
            "{auth-provider: {name: gcp, config: {expires: 5}}}",
            UNUSED,
        ),
        of_user(
            "unused: null for a provider",
            "{auth-provider: {name: gcp, config: null}}",
            Both,
        ),
        of_user(
            "unused: a provider without a name",
            "{auth-provider: {config: {a: b}}}",
            Both,
        ),
        of_user(
            "unused: two ways to log in",
            "{token: a, username: b}",
            Both,
        ),
        of_user("unused: a word as user", "word", UNUSED),
        of_user("unused: null as user", "null", Both),
        user("unused: a user without a name", "{user: {token: a}}", Both),
        user(
            "unused: a number as name",
            "{name: 5, user: {token: a}}",
            UNUSED,
        ),
        user("unused: null in the list", "null", Both),
        user("unused: a word in the list", "word", UNUSED),
        of_cluster(
            "unused: an authority that is not base64",
            "{certificate-authority-data: '%'}",
            UNUSED,
        ),
        of_cluster(
            "unused: a word as true or false",
            "{insecure-skip-tls-verify: 'yes'}",
            UNUSED,
        ),
        of_cluster("unused: a cluster without a server", "{}", Both),
        of_cluster("unused: a number as server", "{server: 5}", UNUSED),
        of_cluster("unused: null as cluster", "null", Both),
        of_context(
            "unused: a context that leads nowhere",
            "{cluster: z, user: z}",
            Both,
        ),
        of_context("unused: an empty context", "{}", Both),
        of_context("unused: null as context", "null", Both),
        of_context("unused: a number in a context", "{cluster: 5}", UNUSED),
        context(
            "unused: a context without a name",
            "{context: {cluster: c}}",
            Both,
        ),
        context("unused: only a name", "{name: w}", Both),
    ]
}

fn cluster(name: &'static str, entry: &str, verdict: Verdict) -> Row {
    changed(name, "contexts:", &format!("- {entry}\ncontexts:"), verdict)
}

fn context(name: &'static str, entry: &str, verdict: Verdict) -> Row {
    changed(
        name,
        "current-context:",
        &format!("- {entry}\ncurrent-context:"),
        verdict,
    )
}

fn user(name: &'static str, entry: &str, verdict: Verdict) -> Row {
    changed(
        name,
        "token: @TOKEN@\n",
        &format!("token: @TOKEN@\n- {entry}\n"),
        verdict,
    )
}
