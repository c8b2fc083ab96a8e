//! The fields of the user that is used.

use super::Verdict::{self, Both, Neither, OnlyBmctl};

/// Name, the fields, and who takes it.
pub const ROWS: &[(&str, &str, Verdict)] = &[
    ("token", "token: @TOKEN@", Both),
    ("token with break", "token: \"@TOKEN@\\n\"", Neither),
    ("token with blank", "token: \" @TOKEN@\"", Both),
    ("token a number", "token: 12345", Neither),
    ("token empty", "token: \"\"", Neither),
    ("token null", "token: null", Neither),
    ("token file relative", "tokenFile: token", Both),
    ("token file absolute", "tokenFile: @DIR@/token", Both),
    ("token file with CRLF", "tokenFile: crlf", Both),
    ("token file empty", "tokenFile: empty", Neither),
    ("token file missing", "tokenFile: none", Neither),
    (
        "token file missing and token",
        "tokenFile: none\ntoken: @TOKEN@",
        Both,
    ),
    (
        "token file and other token",
        "tokenFile: token\ntoken: other",
        Both,
    ),
    (
        "other token file and token",
        "tokenFile: bad\ntoken: @TOKEN@",
        Neither,
    ),
    (
        "token file empty and token",
        "tokenFile: empty\ntoken: @TOKEN@",
        Both,
    ),
    (
        "token and user name",
        "token: @TOKEN@\nusername: eve\npassword: x",
        Neither,
    ),
    (
        "token and user name only",
        "token: @TOKEN@\nusername: eve",
        Neither,
    ),
    (
        "token and password only",
        "token: @TOKEN@\npassword: x",
        Neither,
    ),
    (
        "token and empty user name",
        "token: @TOKEN@\nusername: \"\"",
        Both,
    ),
    (
        "token file and user name",
        "tokenFile: token\nusername: eve\npassword: x",
        Neither,
    ),
    ("user name", "username: eve\npassword: x", Neither),
    (
        "certificate without key",
        "token: @TOKEN@\nclient-certificate: ca.crt",
        Neither,
    ),
    (
        "key without certificate",
        "token: @TOKEN@\nclient-key: ca.crt",
        Both,
    ),
    (
        "key data without certificate",
        "token: @TOKEN@\nclient-key-data: aHVudGVyMg==",
        Both,
    ),
    (
        "certificate file missing",
        "token: @TOKEN@\nclient-certificate: none\nclient-key: none",
        Neither,
    ),
    (
        "certificate data not base64",
        "token: @TOKEN@\nclient-certificate-data: \"%\"\nclient-key-data: \"%\"",
        Neither,
    ),
    ("unknown field", "token: @TOKEN@\ncolour: red", Both),
    (
        "extension of a word",
        "token: @TOKEN@\nextensions: [{name: e, extension: word}]",
        Both,
    ),
    (
        "as",
        "token: @TOKEN@\nas: sandbox\nas-groups: [\"system:masters\"]",
        Both,
    ),
    (
        "as-groups without as",
        "token: @TOKEN@\nas-groups: [\"system:masters\"]",
        Neither,
    ),
    (
        "as-uid without as",
        "token: @TOKEN@\nas-uid: \"1\"",
        Neither,
    ),
    (
        "as-user-extra without as",
        "token: @TOKEN@\nas-user-extra: {a: [b]}",
        Neither,
    ),
    (
        "empty as-groups without as",
        "token: @TOKEN@\nas-groups: []",
        Both,
    ),
    (
        "plugin",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}",
        Both,
    ),
    (
        "plugin absolute",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: @DIR@/plugin, interactiveMode: IfAvailable}",
        Both,
    ),
    (
        "plugin without mode",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}",
        Neither,
    ),
    (
        "plugin with empty mode",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: \"\"}",
        Neither,
    ),
    (
        "plugin of another mode",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Sometimes}",
        Neither,
    ),
    (
        "plugin always",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Always}",
        Neither,
    ),
    (
        "plugin v1beta1",
        "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin, args: [client.authentication.k8s.io/v1beta1]}",
        Both,
    ),
    (
        "plugin v1alpha1",
        "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: ./plugin, args: [client.authentication.k8s.io/v1alpha1], interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin of no version",
        "exec: {command: ./plugin, interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin without command",
        "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin of another version",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [client.authentication.k8s.io/v1beta1], interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin missing",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: bmctl-no-such-plugin, interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin fails",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: \"false\", interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin says nothing",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: \"true\", interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin and token",
        "token: @TOKEN@\nexec: {apiVersion: client.authentication.k8s.io/v1, command: \"false\", interactiveMode: Never}",
        Both,
    ),
    (
        "plugin and other token",
        "token: other\nexec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin and user name",
        "username: eve\npassword: x\nexec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin and provider",
        "auth-provider: {name: oidc, config: {idp-issuer-url: \"https://127.0.0.1:1\", client-id: a, id-token: @TOKEN@}}\nexec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}",
        Neither,
    ),
    (
        "plugin env without value",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never, env: [{name: A}]}",
        Both,
    ),
    (
        "plugin env without name",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never, env: [{value: A}]}",
        Neither,
    ),
    (
        "plugin env null",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never, env: null, args: null}",
        Both,
    ),
    (
        "plugin env number",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never, env: [{name: A, value: 5}]}",
        Neither,
    ),
    (
        "plugin unknown field",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never, colour: red}",
        Both,
    ),
    (
        "plugin with cluster",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never, provideClusterInfo: true}",
        Both,
    ),
    ("provider gcp", "auth-provider: {name: gcp}", Neither),
    (
        "provider gcp and token",
        "token: @TOKEN@\nauth-provider: {name: gcp}",
        Neither,
    ),
    (
        "provider of no name",
        "token: @TOKEN@\nauth-provider: {}",
        Neither,
    ),
    (
        "provider oidc",
        "auth-provider: {name: oidc, config: {idp-issuer-url: \"https://127.0.0.1:1\", client-id: a, id-token: @TOKEN@}}",
        OnlyBmctl("kubectl wants to read the ID token; who judges it is the API server"),
    ),
];
