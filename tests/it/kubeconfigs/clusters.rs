//! The fields of the cluster that is used.

use super::Verdict::{self, Both, Neither, OnlyBmctl};

/// Name, the fields, and who takes it.
pub const ROWS: &[(&str, &str, Verdict)] = &[
    (
        "URL and data",
        "server: @SERVER@\ncertificate-authority-data: @CA@",
        Both,
    ),
    (
        "HOST:PORT",
        "server: \"@HOST@\"\ncertificate-authority-data: @CA@",
        OnlyBmctl(
            "kubectl speaks plain HTTP where only a certificate authority says that it is TLS",
        ),
    ),
    (
        "slash at the end",
        "server: @SERVER@/\ncertificate-authority-data: @CA@",
        Both,
    ),
    (
        "path",
        "server: @SERVER@/k8s\ncertificate-authority-data: @CA@",
        Neither,
    ),
    (
        "query",
        "server: @SERVER@/?a=b\ncertificate-authority-data: @CA@",
        Both,
    ),
    (
        "capital scheme",
        "server: \"HTTPS://@HOST@\"\ncertificate-authority-data: @CA@",
        Both,
    ),
    (
        "user information",
        "server: \"https://eve:x@@HOST@\"\ncertificate-authority-data: @CA@",
        OnlyBmctl("kubectl sends the user information, and not the token; bmctl sends the token"),
    ),
    (
        "space before",
        "server: \" @SERVER@\"\ncertificate-authority-data: @CA@",
        Neither,
    ),
    (
        "port too large",
        "server: https://127.0.0.1:99999\ncertificate-authority-data: @CA@",
        Neither,
    ),
    ("no server", "certificate-authority-data: @CA@", Neither),
    (
        "empty server",
        "server: \"\"\ncertificate-authority-data: @CA@",
        Neither,
    ),
    (
        "data wrapped",
        "server: @SERVER@\ncertificate-authority-data: |\n  @CAW@",
        Both,
    ),
    (
        "data folded",
        "server: @SERVER@\ncertificate-authority-data: >\n  @CAW@",
        Neither,
    ),
    (
        "data with break",
        "server: @SERVER@\ncertificate-authority-data: \"@CA@\\n\"",
        Both,
    ),
    (
        "data with blank",
        "server: @SERVER@\ncertificate-authority-data: \"@CA1@ @CA2@\"",
        Neither,
    ),
    (
        "data with tab",
        "server: @SERVER@\ncertificate-authority-data: \"@CA1@\\t@CA2@\"",
        Neither,
    ),
    (
        "data without end",
        "server: @SERVER@\ncertificate-authority-data: @CA1@",
        Neither,
    ),
    (
        "data not base64",
        "server: @SERVER@\ncertificate-authority-data: \"%%%\"",
        Neither,
    ),
    (
        "data not PEM",
        "server: @SERVER@\ncertificate-authority-data: aHVudGVyMg==",
        Neither,
    ),
    (
        "data empty, file",
        "server: @SERVER@\ncertificate-authority-data: \"\"\ncertificate-authority: ca.crt",
        Both,
    ),
    (
        "file relative",
        "server: @SERVER@\ncertificate-authority: ca.crt",
        Both,
    ),
    (
        "file absolute",
        "server: @SERVER@\ncertificate-authority: @DIR@/ca.crt",
        Both,
    ),
    (
        "file missing",
        "server: @SERVER@\ncertificate-authority: none.crt",
        Neither,
    ),
    (
        "file and data",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ncertificate-authority: ca.crt",
        Neither,
    ),
    (
        "insecure",
        "server: @SERVER@\ninsecure-skip-tls-verify: true",
        Both,
    ),
    (
        "insecure and data",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ninsecure-skip-tls-verify: true",
        Neither,
    ),
    (
        "insecure and file",
        "server: @SERVER@\ncertificate-authority: ca.crt\ninsecure-skip-tls-verify: true",
        Neither,
    ),
    (
        "insecure false and data",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ninsecure-skip-tls-verify: false",
        Both,
    ),
    (
        "insecure as text",
        "server: @SERVER@\ninsecure-skip-tls-verify: \"true\"",
        Neither,
    ),
    (
        "insecure yes",
        "server: @SERVER@\ninsecure-skip-tls-verify: yes",
        Both,
    ),
    (
        "insecure null",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ninsecure-skip-tls-verify: null",
        Both,
    ),
    (
        "insecure and name",
        "server: @SERVER@\ninsecure-skip-tls-verify: true\ntls-server-name: other",
        Both,
    ),
    ("no authority", "server: @SERVER@", Neither),
    (
        "name of server",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ntls-server-name: localhost",
        Both,
    ),
    (
        "wrong name of server",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ntls-server-name: other",
        Neither,
    ),
    (
        "bad name of server",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ntls-server-name: \"a b\"",
        Neither,
    ),
    (
        "empty proxy",
        "server: @SERVER@\ncertificate-authority-data: @CA@\nproxy-url: \"\"",
        Both,
    ),
    (
        "bad proxy",
        "server: @SERVER@\ncertificate-authority-data: @CA@\nproxy-url: \"http://%zz\"",
        Neither,
    ),
    (
        "proxy of another kind",
        "server: @SERVER@\ncertificate-authority-data: @CA@\nproxy-url: ftp://host",
        Neither,
    ),
    (
        "proxy without scheme",
        "server: @SERVER@\ncertificate-authority-data: @CA@\nproxy-url: \"127.0.0.1:1\"",
        Neither,
    ),
    (
        "compression off",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ndisable-compression: true",
        Both,
    ),
    (
        "unknown field",
        "server: @SERVER@\ncertificate-authority-data: @CA@\ncolour: red",
        Both,
    ),
    (
        "extensions",
        "server: @SERVER@\ncertificate-authority-data: @CA@\nextensions: [{name: minikube.sigs.k8s.io, extension: {version: v1}}]",
        Both,
    ),
    (
        "extension of a word",
        "server: @SERVER@\ncertificate-authority-data: @CA@\nextensions: [{name: e, extension: word}]",
        Both,
    ),
    (
        "extension without name",
        "server: @SERVER@\ncertificate-authority-data: @CA@\nextensions: [{extension: {}}]",
        Both,
    ),
    (
        "server is a number",
        "server: 5\ncertificate-authority-data: @CA@",
        Neither,
    ),
    (
        "a field twice",
        "server: https://other:1\nserver: @SERVER@\ncertificate-authority-data: @CA@",
        Both,
    ),
    (
        "Server in capitals",
        "Server: @SERVER@\ncertificate-authority-data: @CA@",
        Neither,
    ),
];
