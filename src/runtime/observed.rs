//! What a VMRuntime says of itself, read with the caution that a foreign controller asks for.

use crate::api::VMRuntime;

/// Does the status speak of this generation of the spec? Where no generation is published, it has to be believed.
#[must_use]
pub fn is_current(runtime: &VMRuntime) -> bool {
    let observed = runtime
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    match (observed, runtime.metadata.generation) {
        (Some(observed), Some(generation)) => observed >= generation,
        (None, _) | (_, None) => true,
    }
}

/// Enabled, and VMs can be run.
#[must_use]
pub fn is_ready(runtime: &VMRuntime) -> bool {
    let ready = runtime
        .status
        .as_ref()
        .is_some_and(|status| status.ready == Some(true));
    runtime.spec.enabled && ready && is_current(runtime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::VMRuntimeStatus;

    #[test]
    fn ready_counts_only_for_this_generation() {
        for (enabled, ready, observed, generation, expected) in [
            (true, Some(true), Some(2), Some(2), true),
            (true, Some(true), Some(1), Some(2), false),
            (true, Some(true), None, Some(2), true),
            (true, Some(false), Some(2), Some(2), false),
            (true, None, None, None, false),
            (false, Some(true), Some(2), Some(2), false),
        ] {
            let mut runtime = VMRuntime::default();
            runtime.spec.enabled = enabled;
            runtime.metadata.generation = generation;
            runtime.status = Some(VMRuntimeStatus {
                ready,
                observed_generation: observed,
                ..VMRuntimeStatus::default()
            });
            assert_eq!(is_ready(&runtime), expected, "{runtime:?}");
        }
    }
}
