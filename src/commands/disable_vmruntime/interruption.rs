//! What an interrupted disable leaves behind, in words.

use super::{DisableVmruntimeArgs, continuing};
use crate::{
    command_id::CommandId,
    commands::context::InterruptNote,
    failure::Hint,
    operation::disable::{DisableProgress, FENCE_LENGTH, Step, Switch},
    render::age::span,
};

pub(super) fn left(args: &DisableVmruntimeArgs, progress: &DisableProgress) -> InterruptNote {
    let to_continue = Hint::run("to go on", continuing(args));
    let to_enable = Hint::run("to turn it on again", CommandId::EnableVmruntime);
    let switch = progress.switch.get();
    match progress.step.get() {
        Step::Untouched => InterruptNote::nothing(),
        Step::Asked => InterruptNote::unknown("VM Runtime is being turned off"),
        Step::Fenced => InterruptNote {
            sentence: format!(
                "nothing was deleted, and VM Runtime stays enabled; no new VM can be created for at most {}",
                span(FENCE_LENGTH)
            ),
            hints: vec![to_continue],
        },
        Step::Deleting => InterruptNote {
            sentence: format!(
                "VMs whose deletion has begun go on disappearing; {}",
                while_deleting(switch)
            ),
            hints: match switch {
                Switch::On | Switch::Asked => vec![to_continue],
                Switch::Off => vec![to_continue, to_enable],
            },
        },
        Step::Disabled => InterruptNote {
            sentence: "VM Runtime is disabled, and the cluster goes on removing its engine"
                .to_owned(),
            hints: vec![to_continue, to_enable],
        },
    }
}

/// What is said of VM Runtime where VMs were being deleted, which may be after it was turned off.
fn while_deleting(switch: Switch) -> String {
    let closed = format!(
        "no new VM can be created for at most {}",
        span(FENCE_LENGTH)
    );
    match switch {
        Switch::On => format!("VM Runtime was not told to turn off, and {closed}"),
        Switch::Asked => {
            format!("whether VM Runtime is being turned off is not known, and {closed}")
        }
        Switch::Off => {
            "VM Runtime is disabled, and the cluster goes on removing its engine".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_vm_runtime_is_what_was_done_to_it() {
        for (switch, said) in [
            (
                Switch::On,
                "VM Runtime was not told to turn off, and no new VM can be created for at most 5m",
            ),
            (
                Switch::Asked,
                "whether VM Runtime is being turned off is not known, and no new VM can be created for at most 5m",
            ),
            (
                Switch::Off,
                "VM Runtime is disabled, and the cluster goes on removing its engine",
            ),
        ] {
            assert_eq!(while_deleting(switch), said, "{switch:?}");
        }
    }
}
