//! What may stand between two slashes of a path. Names come from clusters, files and command lines, and kube writes them
//! into a URL as they are: one that ends the segment asks for another object.

/// Why it cannot be a segment; `None` where it can. Kubernetes' own rule for names (`IsValidPathSegmentName`), and what
/// would end the path of a URL.
#[must_use]
pub fn fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if matches!(text, "." | "..") {
        return Some(format!("it may not be {text:?}"));
    }
    let ends = |c: &char| matches!(c, '/' | '%' | '?' | '#') || c.is_whitespace() || c.is_control();
    text.chars()
        .find(ends)
        .map(|found| format!("it may not contain {found:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_segment_is_no_part_of_one() {
        for fine in ["a", "...", "system:node-proxier", "a.b-c", "..a", "v1beta1"] {
            assert_eq!(fault(fine), None, "{fine}");
        }
        for wrong in [
            "",
            ".",
            "..",
            "../a",
            "a/b",
            "%2e%2e",
            "a?dryRun=All",
            "a#b",
            "a b",
            "a\n",
            "a\u{0}",
        ] {
            assert!(fault(wrong).is_some(), "{wrong:?}");
        }
    }
}
