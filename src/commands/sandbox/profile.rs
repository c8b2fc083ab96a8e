//! Machines that exist on paper, described in a word or two: `--node worker-0=no-kvm,cordoned`.

use std::time::Duration;

use crate::simulator::NodeProfile;

/// How much longer things take on a `slow` machine.
const SLOW: Duration = Duration::from_secs(10);

/// A word of `--node`, what it means, and what it changes.
struct Word {
    spelling: &'static str,
    meaning: &'static str,
    change: fn(&mut NodeProfile),
}

const WORDS: [Word; 8] = [
    Word {
        spelling: "healthy",
        meaning: "nothing is missing",
        change: |_| {},
    },
    Word {
        spelling: "no-kvm",
        meaning: "no hardware for VMs",
        change: |node| node.kvm = false,
    },
    Word {
        spelling: "not-ready",
        meaning: "its kubelet is silent",
        change: |node| node.ready = false,
    },
    Word {
        spelling: "cordoned",
        meaning: "takes no new pods",
        change: |node| node.cordoned = true,
    },
    Word {
        spelling: "slow",
        meaning: "10 s for what takes moments elsewhere",
        change: |node| node.delay = SLOW,
    },
    Word {
        spelling: "no-images",
        meaning: "cannot pull images",
        change: |node| node.pulls_images = false,
    },
    Word {
        spelling: "arm64",
        meaning: "another architecture",
        change: |node| "arm64".clone_into(&mut node.architecture),
    },
    Word {
        spelling: "gpu",
        meaning: "has a GPU",
        change: |node| node.gpus = 1,
    },
];

/// The words and their meanings, for the help.
pub fn words() -> String {
    let each = WORDS.map(|word| format!("{} ({})", word.spelling, word.meaning));
    each.join(", ")
}

/// Reads `NAME` or `NAME=WORD,WORD`.
///
/// # Errors
/// It is no name of a node, or a word means nothing.
pub fn parse(text: &str) -> Result<NodeProfile, String> {
    let (name, words) = text.split_once('=').unwrap_or((text, "healthy"));
    let mut node = NodeProfile::pretend(super::node_name(name)?);
    for given in words.split(',').map(str::trim) {
        let known = WORDS.iter().find(|known| known.spelling == given);
        let known = known.ok_or_else(|| {
            format!(
                "{given:?} is none of {}",
                WORDS.map(|known| known.spelling).join(", ")
            )
        })?;
        (known.change)(&mut node);
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_describe_a_machine() {
        let plain = parse("worker-0").unwrap();
        assert_eq!(plain, NodeProfile::pretend("worker-0"));
        let odd = parse("worker-1=no-kvm,cordoned,arm64").unwrap();
        assert!(!odd.kvm && odd.cordoned && odd.ready);
        assert_eq!(odd.architecture, "arm64");
        for bad in ["", "Worker", "worker=", "worker=kvm", "=no-kvm", "a/b"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
