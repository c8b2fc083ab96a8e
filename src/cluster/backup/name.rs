//! Names of objects as names of files: reversible, the same on file systems that know no upper case, never hidden,
//! never a path, and never too long.

use sha2::{Digest, Sha256};

/// File systems take 255 bytes; an extension and a mark for a second object of the name must fit in.
const LONGEST: usize = 160;

/// For a namespace, a resource or an object. What Kubernetes allows in names stays as it is.
pub fn of(name: &str) -> String {
    encode(name, |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit()
    })
}

/// For a cluster's folder in the workspace, where people have chosen the names and look for them.
pub fn of_folder(name: &str) -> String {
    encode(name, |byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn encode(name: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(name.len());
    for (place, byte) in name.bytes().enumerate() {
        let inner = place > 0 && place + 1 < name.len();
        if plain(byte) || (inner && matches!(byte, b'-' | b'.')) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex(&[byte]));
        }
    }
    if encoded.is_empty() {
        // No name encodes to this: the percent sign itself is encoded.
        return "%".to_owned();
    }
    if encoded.len() <= LONGEST {
        return encoded;
    }
    // The tilde is in no encoded name, so a shortened one is never another's whole one.
    let digest = hex(&Sha256::digest(name));
    encoded.truncate(LONGEST - 33);
    format!("{encoded}~{}", &digest[..32])
}

/// A second object of the same name, for example one that was created anew after the first was deleted.
pub fn another(encoded: &str, mark: &str) -> String {
    let digest = hex(&Sha256::digest(mark));
    format!("{encoded}~{}", &digest[..16])
}

/// Lower case, two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_stay_and_others_can_not_escape() {
        for (name, expected) in [
            ("db", "db"),
            ("web-1.example", "web-1.example"),
            ("virtualmachines.kubevirt.io", "virtualmachines.kubevirt.io"),
            ("..", "%2e%2e"),
            (".hidden", "%2ehidden"),
            ("../../etc/passwd", "%2e.%2f..%2fetc%2fpasswd"),
            ("Db", "%44b"),
            ("a%2eb", "a%252eb"),
            ("a\0b\n", "a%00b%0a"),
            ("", "%"),
            ("-rf", "%2drf"),
            ("~", "%7e"),
        ] {
            assert_eq!(of(name), expected, "{name:?}");
        }
        assert_eq!(of_folder("My_Cluster"), "My_Cluster");
        assert_eq!(of_folder("arn:aws:eks/x"), "arn%3aaws%3aeks%2fx");
        assert_eq!(of_folder(".."), "%2e%2e");
    }

    #[test]
    fn long_names_that_begin_alike_stay_apart() {
        let long = "x".repeat(253);
        let other = format!("{}y", "x".repeat(252));
        assert!(of(&long).len() <= LONGEST && of(&long) != of(&other));
    }

    proptest! {
        #[test]
        fn a_name_is_one_harmless_component_and_no_two_share_one(names in proptest::collection::vec(".{0,300}", 1..20)) {
            let mut seen: BTreeMap<String, String> = BTreeMap::new();
            for name in names {
                let encoded = of(&name);
                prop_assert!(encoded.len() <= LONGEST);
                prop_assert!(!encoded.starts_with(['.', '-']) && !encoded.is_empty());
                prop_assert!(encoded.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.%~".contains(&b)));
                if let Some(other) = seen.insert(encoded.to_lowercase(), name.clone()) {
                    prop_assert_eq!(other, name);
                }
            }
        }
    }
}
