//! What was probably meant, for hints after a name that does not exist.

/// The candidate that was most likely meant, if any is like it at all.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: &'a [String]) -> Option<&'a str> {
    /// From here on two names look alike.
    const ALIKE: f64 = 0.6;
    let likeness = |candidate: &str| {
        let distance = strsim::normalized_damerau_levenshtein(wanted, candidate);
        let part = !wanted.is_empty() && candidate.contains(wanted);
        if part { distance.max(ALIKE) } else { distance }
    };
    candidates
        .iter()
        .map(|candidate| (likeness(candidate), candidate.as_str()))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_alike_is_suggested() {
        let candidates = [
            "gke_project_zone_production".to_owned(),
            "kind-dev".to_owned(),
        ];
        assert_eq!(
            nearest("production", &candidates),
            Some("gke_project_zone_production")
        );
        assert_eq!(nearest("kind-dve", &candidates), Some("kind-dev"));
        assert_eq!(nearest("minikube", &candidates), None);
        assert_eq!(nearest("", &candidates), None);
    }
}
