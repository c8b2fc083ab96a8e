//! Do two failed checks of one node have one cause? Without virtualization in the processor no KVM comes up, and whoever
//! reads both looks for two faults.
//!
//! Only what is shown depends on it: documents keep every check, and each of them counts.

/// What CPU says where the processor offers no virtualization: our own words, and those of Google's controller, which
/// looks for the flags by a command.
const NO_VIRTUALIZATION: [&str; 5] = ["vmx", "svm", "sie ", "virtualization", COMMAND_FAILED];
/// What KVM says where nothing has brought the device.
const NO_DEVICE: [&str; 7] = [
    "no such file",
    "no such device",
    "no driver",
    "not found",
    "does not exist",
    "no /dev/kvm",
    "missing",
];
const COMMAND_FAILED: &str = "command terminated with exit code";

/// KVM failed beside CPU: is it for the very reason that CPU gives? These are the messages of the two.
#[must_use]
pub fn kvm_follows_cpu(cpu: Option<&str>, kvm: Option<&str>) -> bool {
    let says = |message: Option<&str>, words: &[&str]| {
        let message = message.unwrap_or_default().trim().to_lowercase();
        message.is_empty() || words.iter().any(|word| message.contains(word))
    };
    let alone = kvm.is_some_and(|message| {
        let message = message.trim();
        message.starts_with(COMMAND_FAILED) && message.lines().count() == 1
    });
    says(cpu, &NO_VIRTUALIZATION) && (alone || says(kvm, &NO_DEVICE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_fails_for_what_the_processor_lacks_unless_it_says_otherwise() {
        let ours = "no vmx or svm in /proc/cpuinfo: virtualization is switched off in the firmware";
        let gone =
            "command terminated with exit code 1\nls: /mnt/dev/kvm: No such file or directory";
        for (cpu, kvm, expected) in [
            (Some(ours), Some(gone), true),
            (Some(ours), None, true),
            (None, None, true),
            (None, Some(gone), true),
            (
                Some("command terminated with exit code 1"),
                Some("command terminated with exit code 2"),
                true,
            ),
            (
                Some(ours),
                Some("/dev/kvm: device 10:232 is there, but no driver is behind it"),
                true,
            ),
            // A device that is there and refuses has a reason of its own.
            (Some(ours), Some("/dev/kvm: Permission denied"), false),
            (
                Some(ours),
                Some("command terminated with exit code 1\nls: /mnt/dev/kvm: Permission denied"),
                false,
            ),
            (Some("only 1 core, 2 are needed"), Some(gone), false),
        ] {
            assert_eq!(kvm_follows_cpu(cpu, kvm), expected, "{cpu:?} {kvm:?}");
        }
    }
}
