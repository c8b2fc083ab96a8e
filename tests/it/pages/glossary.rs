//! Pages use one word for one thing: the names that products have, and the plain words of the field. What is printed is held
//! to plain words by `architecture::no_sentence_is_awkward`.

use libtest_mimic::{Failed, Trial};
use regex::Regex;

use super::{Page, words};

/// What is not said, and what is said instead.
const GLOSSARY: [(&str, &str); 16] = [
    // Names, as their owners write them.
    (r"\bVM runtime\b|\bVMruntime\b", "VM Runtime, VMRuntime"),
    (r"\bKubevirt\b|\bKube Virt\b", "KubeVirt"),
    (r"\bkubernetes\b|\bK8s\b", "Kubernetes"),
    (r"\bKubectl\b", "kubectl"),
    (r"\bGithub\b", "GitHub"),
    (r"\bGitlab\b", "GitLab"),
    (r"(?i)\bpre-flight\b", "preflight"),
    (r"(?i)\bkube config\b", "kubeconfig"),
    // Plain words in the place of pictures.
    (r"(?i)\bhouses?\b", "architecture, crate"),
    // Not "make room".
    (r"(?i)\brooms\b|\b(?:the|a|this|every) room\b", "module"),
    (r"(?i)\bstory\b|\bstories\b", "test, scenario"),
    (r"(?i)\bbells?\b", "trigger"),
    (r"(?i)\bdoors?\b", "gate"),
    (r"(?i)\bvaults?\b", "backup"),
    (
        r"(?i)\b(?:troupe|overture|narration|chores?)\b",
        "component, work item",
    ),
    (r"(?i)\bcan not\b", "cannot"),
];

pub fn trials() -> Vec<Trial> {
    tests!["docs": pages_use_the_words_of_the_glossary]
}

fn pages_use_the_words_of_the_glossary() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    let target = Regex::new(r"\]\([^)]*\)")?;
    for (pattern, instead) in GLOSSARY {
        let pattern = Regex::new(pattern)?;
        for page in Page::all()? {
            let prose = words(&page.parts().prose);
            let prose = target.replace_all(&prose, "]");
            for line in prose.lines().filter(|line| !line.contains("://")) {
                if let Some(found) = pattern.find(line) {
                    let said = found.as_str();
                    wrong.push(format!("{}: {said:?}: say {instead}", page.path.display()));
                }
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}
