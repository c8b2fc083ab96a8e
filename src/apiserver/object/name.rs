//! Names, label keys and label values: Kubernetes' rules (apimachinery `util/validation`), word for word.

use rand::Rng;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const ALPHABETIC_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with \
    an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
    an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
    '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex \
    used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_SHAPE: &str = "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
    validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. \
    'example.com/MyName')";

/// Which rule a resource's names follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS subdomain: most resources.
    Subdomain,
    /// A DNS label: namespaces and services.
    Label,
    /// Anything that can stand in a path: RBAC.
    PathSegment,
}

impl NameRule {
    /// What is wrong with the name.
    #[must_use]
    pub fn faults(self, name: &str) -> Vec<String> {
        match self {
            Self::Subdomain => subdomain(name),
            Self::Label => label(name),
            Self::PathSegment => path_segment(name),
        }
    }
}

fn too_long(longest: usize) -> String {
    format!("must be no more than {longest} characters")
}

/// The same, as it is said of keys and values of labels.
fn too_long_for_label(longest: usize) -> String {
    format!("must be no more than {longest} bytes")
}

/// What is wrong with a DNS subdomain.
#[must_use]
pub fn subdomain(name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name.len() > 253 {
        faults.push(too_long(253));
    }
    if !name.split('.').all(is_dns_label) {
        faults.push(SUBDOMAIN.to_owned());
    }
    faults
}

/// What is wrong with a DNS label of the old kind, which begins with a letter.
#[must_use]
pub fn alphabetic_label(name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name.len() > 63 {
        faults.push(too_long(63));
    }
    if !(is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())) {
        faults.push(ALPHABETIC_LABEL.to_owned());
    }
    faults
}

/// What is wrong with a DNS label.
#[must_use]
pub fn label(name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name.len() > 63 {
        faults.push(too_long(63));
    }
    if !is_dns_label(name) {
        let only_dots = name.len() <= 253 && name.split('.').all(is_dns_label);
        let why = if only_dots {
            "must not contain dots"
        } else {
            LABEL
        };
        faults.push(why.to_owned());
    }
    faults
}

/// What keeps a name from being a part of a path.
#[must_use]
pub fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    ['/', '%']
        .into_iter()
        .filter(|illegal| name.contains(*illegal))
        .map(|illegal| format!("may not contain '{illegal}'"))
        .collect()
}

/// What is wrong with a label or annotation key, or a finalizer.
#[must_use]
pub fn qualified(key: &str) -> Vec<String> {
    let (prefix, name) = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => return vec![QUALIFIED_SHAPE.to_owned()],
    };
    let mut faults = Vec::new();
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            faults.push("prefix part must be non-empty".to_owned());
        } else {
            if prefix.len() > 253 {
                faults.push(format!("prefix part {}", too_long_for_label(253)));
            }
            let faulty = subdomain(prefix)
                .into_iter()
                .filter(|fault| fault == SUBDOMAIN);
            faults.extend(faulty.map(|fault| format!("prefix part {fault}")));
        }
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push(format!("name part {}", too_long_for_label(63)));
    }
    if !is_word(name) {
        faults.push(QUALIFIED.to_owned());
    }
    faults
}

/// What is wrong with a label's value.
#[must_use]
pub fn label_value(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > 63 {
        faults.push(too_long_for_label(63));
    }
    if !value.is_empty() && !is_word(value) {
        faults.push(LABEL_VALUE.to_owned());
    }
    faults
}

/// What is wrong with the name of a port.
#[must_use]
pub fn port(name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name.len() > 15 {
        faults.push(too_long(15));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(plain) {
        faults.push(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned(),
        );
    }
    if !name.chars().any(|c| c.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// What is wrong with a key of a ConfigMap or a Secret.
#[must_use]
pub fn config_key(key: &str) -> Vec<String> {
    const SHAPE: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
        or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let mut faults = Vec::new();
    if key.len() > 253 {
        faults.push(too_long(253));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if key.is_empty() || !key.chars().all(plain) {
        faults.push(SHAPE.to_owned());
    } else if key == "." {
        faults.push("must not be '.'".to_owned());
    } else if key == ".." {
        faults.push("must not be '..'".to_owned());
    } else if key.starts_with("..") {
        faults.push("must not start with '..'".to_owned());
    }
    faults
}

fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_word(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().next_back())
}

/// A name from `generateName`: five more characters, none of which make words.
#[must_use]
pub fn generate(base: &str) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    const LONGEST_BASE: usize = 63 - 5;
    let cut = (0..=LONGEST_BASE.min(base.len()))
        .rev()
        .find(|at| base.is_char_boundary(*at))
        .unwrap_or(0);
    let mut random = rand::rng();
    let tail = (0..5).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]));
    base[..cut].chars().chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rule() {
        for good in ["a", "a.b", "1-2.c"] {
            assert!(subdomain(good).is_empty(), "{good}");
        }
        for bad in ["", "A", "a..b", "-a", "a-", "a_b", ".a"] {
            assert_eq!(subdomain(bad), [SUBDOMAIN], "{bad}");
        }
        assert_eq!(label("a.b"), ["must not contain dots"]);
        assert_eq!(label("a_b"), [LABEL]);
        assert_eq!(
            label(&"a".repeat(64)),
            ["must be no more than 63 characters"]
        );
        assert!(path_segment("system:node").is_empty());
        assert_eq!(path_segment("a/b"), ["may not contain '/'"]);
    }

    #[test]
    fn keys_and_values_of_labels() {
        for good in ["a", "kubevm.io/VM-SkipSchedule", "A_b.c"] {
            assert!(qualified(good).is_empty(), "{good}");
        }
        assert_eq!(qualified("bad key!"), [QUALIFIED]);
        assert_eq!(qualified("a/b/c"), [QUALIFIED_SHAPE]);
        assert_eq!(qualified("/b"), ["prefix part must be non-empty"]);
        assert!(label_value("").is_empty());
        assert_eq!(label_value("-a"), [LABEL_VALUE]);
    }

    #[test]
    fn generated_names_fit() {
        let name = generate(&"x".repeat(80));
        assert_eq!(name.len(), 63);
        assert!(generate("gen-").starts_with("gen-"));
    }
}
