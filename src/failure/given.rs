//! What a person gave as a path or a name, as far as it may be repeated.
//!
//! `--kubeconfig "$(cat admin.conf)"`, `KUBECONFIG="$KUBECONFIG_DATA"` or `--as "$TOKEN"` puts a credential where a path
//! or a name belongs. Whoever shows such a value shows it by [`shown`], and whoever takes one from the command line asks
//! [`Given`] first.

use std::{borrow::Cow, fmt, path::Path};

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::shell_word;

/// What a value that should be a path or a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It can be one, and may be shown.
    Plausible,
    /// The text of a kubeconfig, also in base64.
    Kubeconfig,
    /// Several lines, control characters, or longer than the system takes.
    Text,
    /// One line that looks like a token, a URL with a password in it, or a key with its value.
    Credential,
}

impl Given {
    /// Judges a value that should be one path or one name.
    #[must_use]
    pub fn of(value: &str) -> Self {
        match Self::of_list(value) {
            Self::Plausible if is_too_long(value) => Self::Text,
            judged => judged,
        }
    }

    /// Judges a value that should be paths with colons between them: as a whole it may be longer than one path.
    #[must_use]
    pub fn of_list(value: &str) -> Self {
        let decoded = decoded(value);
        if is_kubeconfig(value) || decoded.as_deref().is_some_and(is_kubeconfig) {
            Self::Kubeconfig
        } else if value.contains(char::is_control) || value.contains("-----BEGIN") {
            Self::Text
        } else if decoded.is_some() || is_credential(value) {
            Self::Credential
        } else {
            Self::Plausible
        }
    }

    /// Why it can be neither a path nor a name; `None` where it can. A credential is one word, as a name is.
    #[must_use]
    pub const fn objection(self) -> Option<&'static str> {
        match self {
            Self::Plausible | Self::Credential => None,
            Self::Kubeconfig => Some("it is the text of a kubeconfig"),
            Self::Text => Some("it has several lines, control characters, or too many characters"),
        }
    }
}

/// What is shown in place of the value.
impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plausible => "(a name)",
            Self::Kubeconfig => "(the text of a kubeconfig, not shown)",
            Self::Text => "(a text, not shown)",
            Self::Credential => "(what looks like a credential, not shown)",
        })
    }
}

/// The value where it can be a path or a name; else what it is instead.
#[must_use]
pub fn shown(value: &str) -> Cow<'_, str> {
    match Given::of(value) {
        Given::Plausible => Cow::Borrowed(value),
        other => Cow::Owned(other.to_string()),
    }
}

/// The same for a path.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// The same as a word for a shell.
#[must_use]
pub fn shown_word(value: &str) -> String {
    shell_word(&shown(value))
}

/// Linux: `PATH_MAX` and `NAME_MAX`.
fn is_too_long(value: &str) -> bool {
    const PATH: usize = 4096;
    const NAME: usize = 255;
    value.len() > PATH || value.split('/').any(|name| name.len() > NAME)
}

/// Has it one of a kubeconfig's keys, in YAML or JSON? A path may have the same words, but nothing behind their colon.
fn is_kubeconfig(text: &str) -> bool {
    const KEYS: [&str; 9] = [
        "apiVersion",
        "clusters",
        "contexts",
        "users",
        "current-context",
        "certificate-authority-data",
        "client-certificate-data",
        "client-key-data",
        "kind",
    ];
    KEYS.iter().any(|key| {
        text.match_indices(key).any(|(at, _)| {
            let rest = &text[at + key.len()..];
            let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
            let quoted = text[..at].ends_with(['"', '\'']);
            rest.strip_prefix(':')
                .is_some_and(|value| quoted || value.starts_with([' ', '\t', '\r', '\n', '[', '{']))
        })
    })
}

/// The text that the value is in base64, where it is one of more than a few characters. What is no base64 of a text
/// decodes to bytes that are none.
fn decoded(value: &str) -> Option<String> {
    const SHORTEST: usize = 16;
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let packed: String = value.split_ascii_whitespace().collect();
    let text = [&STANDARD, &URL_SAFE].into_iter().find_map(|alphabet| {
        let bytes = GeneralPurpose::new(alphabet, config).decode(&packed).ok()?;
        String::from_utf8(bytes).ok()
    })?;
    let is_printable = |c: char| c.is_ascii_graphic() || c.is_ascii_whitespace();
    (text.len() >= SHORTEST && text.chars().all(is_printable)).then_some(text)
}

/// A token by its form (JSON Web Token, bootstrap token, OpenShift, Google, EKS), or by looking random; a line of a file,
/// as `grep token admin.conf` gives it.
fn is_credential(value: &str) -> bool {
    const PREFIXES: [&str; 5] = ["eyJ", "sha256~", "ya29.", "k8s-aws-v1.", "Bearer "];
    let word = value.trim();
    if word != value || value.contains(": ") {
        return true;
    }
    if PREFIXES.iter().any(|prefix| word.starts_with(prefix)) || is_bootstrap_token(word) {
        return true;
    }
    if word
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'))
    {
        return true;
    }
    // No credential begins like a path, and folders have names that nobody can read.
    if ["/", "./", "../", "~/"]
        .iter()
        .any(|start| word.starts_with(start))
    {
        return false;
    }
    let of_token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    word.split(|c| !of_token(c)).any(is_random)
        || word
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_random)
}

/// `abcdef.0123456789abcdef`, as kubeadm makes them.
fn is_bootstrap_token(word: &str) -> bool {
    let plain = |part: &str| {
        part.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    word.split_once('.').is_some_and(|(id, secret)| {
        id.len() == 6 && secret.len() == 16 && plain(id) && plain(secret)
    })
}

/// Nobody names something with so many characters and digits here and there: names have their numbers at the end, or
/// dashes between them.
fn is_random(run: &str) -> bool {
    const SHORTEST: usize = 32;
    const NUMBERS: usize = 4;
    let numbers = run
        .split(|c: char| !c.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .count();
    let has = |kind: fn(&char) -> bool| run.chars().any(|c| kind(&c));
    let mixed = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    let joined = run.contains(['-', '_']);
    let letters = has(char::is_ascii_alphabetic);
    run.len() >= SHORTEST && numbers >= NUMBERS && letters && (mixed || !joined)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    const KUBECONFIG: &str =
        "apiVersion: v1\nkind: Config\nusers:\n- name: u\n  user:\n    token: canary-token\n";

    #[test]
    fn what_can_be_a_path_or_a_name_is_shown() {
        for value in [
            "admin.conf",
            "./admin.conf",
            "/home/eve/.kube/config",
            "/home/users:/srv/clusters:kind/contexts",
            "bmctl-workspace/production/production-kubeconfig",
            "gke_my-project-123_europe-west1-b_production-2024-11-03",
            "arn:aws:eks:eu-central-1:123456789012:cluster/production",
            "default/api-cluster-example-com:6443/kube:admin",
            "eve@production.eu-west-1.eksctl.io",
            "system:serviceaccount:ci:runner",
            "a1b2c3d4-0000-4e5f-8a9b-0123456789ab",
            "/nix/store/0c0b5y3z6k7l8m9n0p1q2r3s4v5w6x7y-config",
            "/tmp/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/config",
            "MyVeryLongCompanyNameProductionCluster2024",
            "größer",
            "",
        ] {
            assert_eq!(Given::of(value), Given::Plausible, "{value}");
            assert_eq!(shown(value), value);
        }
    }

    #[test]
    fn the_text_of_a_kubeconfig_is_known_however_it_is_written() {
        let json = r#"{"apiVersion":"v1","users":[{"name":"u","user":{"token":"canary-token"}}]}"#;
        let flow = "{users: [{name: u, user: {token: canary-token}}]}";
        let encoded = BASE64.encode(KUBECONFIG);
        let wrapped = format!("{}\n{}", &encoded[..40], &encoded[40..]);
        for text in [KUBECONFIG, json, flow, &encoded, &wrapped] {
            assert_eq!(Given::of(text), Given::Kubeconfig, "{text}");
            assert!(Given::of(text).objection().is_some());
            assert!(!shown(text).contains("canary"));
        }
    }

    #[test]
    fn a_credential_and_a_text_are_not_shown() {
        let long = "a".repeat(256);
        let jwt = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl", BASE64.encode("{}"));
        for (value, expected) in [
            (jwt.as_str(), Given::Credential),
            ("sha256~Ab-cd_ef", Given::Credential),
            ("abcdef.0123456789abcdef", Given::Credential),
            ("9f86d081884c7d659a2feaa0c55ad015", Given::Credential),
            ("4mXh7Zp0Qw9sT3vBn1cLk8JdRf2yGa6eUiOx5", Given::Credential),
            (
                "token-x7k2p:bcdf2gh4jk6lm8npqrstvwxz2456789bcdfghjklmnpqrst9vw",
                Given::Credential,
            ),
            ("https://eve:hunter2@host:6443", Given::Credential),
            ("token: hunter2", Given::Credential),
            (" hunter2", Given::Credential),
            ("dGhlIHBhc3N3b3JkIG9mIHRoZSBjbHVzdGVy", Given::Credential),
            (" canary-token\n", Given::Text),
            ("one\ttwo", Given::Text),
            ("-----BEGIN PRIVATE KEY-----", Given::Text),
            (&long, Given::Text),
        ] {
            assert_eq!(Given::of(value), expected, "{value}");
            assert_ne!(shown(value), value);
        }
        assert_eq!(
            shown_word("one\ntwo"),
            "'(a text, not shown)'",
            "a word for a shell"
        );
    }

    #[test]
    fn a_list_may_be_longer_than_a_path() {
        let list = vec!["/srv/kubeconfigs/production"; 300].join(":");
        assert_eq!(Given::of_list(&list), Given::Plausible);
        assert_eq!(Given::of(&list), Given::Text);
    }
}
