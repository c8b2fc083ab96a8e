//! Asks KVM itself: the device is opened, and a virtual machine is made and thrown away. The one place of this module
//! where something is done instead of looked at; nothing of it outlasts the call.

use super::{
    Depth,
    device::{DeviceFacts, Presence},
    kvm,
    root::Root,
};

/// The only version of KVM's interface that there has been since Linux 2.6.22 (Documentation/virt/kvm/api.rst).
const API_VERSION: i32 = 12;

/// What KVM answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It was not asked, and why: the device cannot be seen from here, or may not be opened.
    NotTried(String),
    /// `KVM_GET_API_VERSION` and `KVM_CREATE_VM` answered as they should.
    Answered,
    /// It does not work.
    Refused(String),
    /// It did not work for a reason that says nothing about KVM.
    Unclear(String),
}

impl Trial {
    /// Only a device that the kernel has registered: opening another one could load modules.
    pub(super) fn gather(root: &Root, depth: Depth, device: &DeviceFacts) -> Self {
        match (depth, device.presence()) {
            (Depth::Pod, _) => Self::NotTried("the host's /dev cannot be seen".to_owned()),
            (Depth::Deep | Depth::Host, _) if !root.is_running_machine() => {
                Self::NotTried("a folder stands for the machine".to_owned())
            }
            (Depth::Deep | Depth::Host, Presence::Registered(_)) => ask(&kvm::DEVICE.path(depth)),
            (
                Depth::Deep | Depth::Host,
                Presence::OnDemand(_)
                | Presence::Missing
                | Presence::Unfit(_)
                | Presence::Unknown(_),
            ) => Self::NotTried("there is no such device".to_owned()),
        }
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn ask(path: &str) -> Trial {
    use std::{ffi::CString, io};

    let Ok(device) = CString::new(path) else {
        return Trial::NotTried("its path cannot be opened".to_owned());
    };
    let error = |error: kvm_ioctls::Error| io::Error::from_raw_os_error(error.errno());
    let kvm = match kvm_ioctls::Kvm::new_with_path(device) {
        Ok(kvm) => kvm,
        Err(refused) => return judge(Call::Open, &error(refused)),
    };
    let version = kvm.get_api_version();
    if version != API_VERSION {
        return Trial::Refused(format!(
            "KVM_GET_API_VERSION: {version} instead of {API_VERSION}"
        ));
    }
    match kvm.create_vm() {
        Ok(_machine) => Trial::Answered,
        Err(refused) => judge(Call::CreateVm, &error(refused)),
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn ask(_: &str) -> Trial {
    Trial::NotTried("not on this architecture".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Open,
    CreateVm,
}

/// What an error of a call says about KVM.
fn judge(call: Call, error: &std::io::Error) -> Trial {
    use std::io::ErrorKind::{Interrupted, OutOfMemory, PermissionDenied};
    /// Too many open files, of the process or of the system (`errno(3)`).
    const TOO_MANY_FILES: [i32; 2] = [24, 23];
    let said = match call {
        Call::Open => error.to_string(),
        Call::CreateVm => format!("KVM_CREATE_VM: {error}"),
    };
    let passing = matches!(error.kind(), OutOfMemory | Interrupted)
        || error
            .raw_os_error()
            .is_some_and(|number| TOO_MANY_FILES.contains(&number));
    if passing {
        Trial::Unclear(said)
    } else if call == Call::Open && error.kind() == PermissionDenied {
        Trial::NotTried(said)
    } else {
        Trial::Refused(said)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn not_being_allowed_to_ask_is_no_answer_and_being_busy_is_no_refusal() {
        // errno(3): EPERM, EACCES, ENODEV, EBUSY, ENOMEM, EMFILE, EINTR
        for (call, number, expected) in [
            (Call::Open, 1, "not tried"),
            (Call::Open, 13, "not tried"),
            (Call::Open, 19, "refused"),
            (Call::CreateVm, 16, "refused"),
            (Call::CreateVm, 1, "refused"),
            (Call::CreateVm, 12, "unclear"),
            (Call::Open, 24, "unclear"),
            (Call::CreateVm, 4, "unclear"),
        ] {
            let found = match judge(call, &Error::from_raw_os_error(number)) {
                Trial::NotTried(_) => "not tried",
                Trial::Refused(_) => "refused",
                Trial::Unclear(_) => "unclear",
                Trial::Answered => "answered",
            };
            assert_eq!(found, expected, "{call:?} {number}");
        }
    }

    #[test]
    fn what_is_no_kvm_is_refused() {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        assert!(matches!(ask("/dev/null"), Trial::Refused(_)));
        assert!(!matches!(ask("/dev/no-such-device"), Trial::Answered));
    }
}
