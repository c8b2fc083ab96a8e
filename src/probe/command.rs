//! The command line of a probe, in one place: the controller puts it into a pod, the sandbox's node runner and the
//! command `bmctl controller probe` read it back.

use super::{Depth, Virtualization};

/// How a probe was asked to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeCommand {
    pub virtualization: Virtualization,
    pub depth: Depth,
}

/// The words between the program's name and the flags.
const WORDS: [&str; 2] = ["controller", "probe"];
/// `useEmulation` is wanted.
const EMULATION: &str = "--emulation";
/// The host's `/dev` is mounted at `/mnt/dev`.
const DEEP: &str = "--deep";
/// The probe runs on the machine itself.
const HOST: &str = "--host";

impl ProbeCommand {
    /// The arguments of the program `bmctl` in a probe pod.
    #[must_use]
    pub fn arguments(self) -> Vec<String> {
        let mut arguments = WORDS.map(str::to_owned).to_vec();
        match self.virtualization {
            Virtualization::Hardware => {}
            Virtualization::Emulation => arguments.push(EMULATION.to_owned()),
        }
        match self.depth {
            Depth::Pod => {}
            Depth::Deep => arguments.push(DEEP.to_owned()),
            Depth::Host => arguments.push(HOST.to_owned()),
        }
        arguments
    }

    /// The command in a container's arguments; `None` if they run something else, or with flags that are not ours.
    #[must_use]
    pub fn parse<T: AsRef<str>>(arguments: &[T]) -> Option<Self> {
        let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        let flags = words.strip_prefix(&WORDS)?;
        let mut command = Self {
            virtualization: Virtualization::Hardware,
            depth: Depth::Pod,
        };
        for flag in flags {
            match *flag {
                EMULATION => command.virtualization = Virtualization::Emulation,
                DEEP => command.depth = Depth::Deep,
                HOST => command.depth = Depth::Host,
                _ => return None,
            }
        }
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::{Depth, ProbeCommand, Virtualization};

    #[test]
    fn is_read_back_as_it_was_written() {
        for virtualization in [Virtualization::Hardware, Virtualization::Emulation] {
            for depth in [Depth::Pod, Depth::Deep, Depth::Host] {
                let written = ProbeCommand {
                    virtualization,
                    depth,
                };
                assert_eq!(ProbeCommand::parse(&written.arguments()), Some(written));
            }
        }
    }

    #[test]
    fn anything_else_is_not_a_probe() {
        for other in [
            "",
            "controller",
            "controller run",
            "probe controller",
            "controller probe --else",
            "controller probe --emulation=true",
        ] {
            let words: Vec<&str> = other.split(' ').collect();
            assert_eq!(ProbeCommand::parse(&words), None, "{other}");
        }
    }
}
