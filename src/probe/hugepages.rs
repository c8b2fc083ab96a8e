//! HUGEPAGES: is memory set aside in large pages?

use super::{CheckId, CheckInfo, Fact, Facts, Virtualization, report::Finding, root::Root};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::HUGEPAGES,
    title: "Huge pages",
    blocking: false,
    published: false,
    meaning: "How many huge pages of each size are set aside (/sys/kernel/mm/hugepages). Only VMs that ask for them \
              (spec.domain.memory.hugepages) need them, and they run only where some are free.",
    cause: "None are set aside unless somebody asks for it.",
    fix: "Only for VMs that ask for them: sysctl vm.nr_hugepages=1024, or hugepagesz=1G hugepages=8 on the kernel \
          command line, and restart the kubelet so that it counts them.",
    judge,
};

/// Where the kernel keeps a folder for each size.
const SIZES: &str = "sys/kernel/mm/hugepages";

/// Pages of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HugePages {
    pub kibibytes: u64,
    pub reserved: u64,
    pub free: u64,
}

/// Every size that the kernel knows, small ones first.
pub(super) fn gather(root: &Root) -> Fact<Vec<HugePages>> {
    root.names(SIZES).and_then(|folders| {
        let mut sizes = Vec::new();
        for folder in folders {
            let size = folder
                .strip_prefix("hugepages-")
                .and_then(|size| size.strip_suffix("kB"))
                .and_then(|size| size.parse().ok());
            let Some(kibibytes) = size else { continue };
            let number = |file: &str| root.number(&format!("{SIZES}/{folder}/{file}"));
            let pages = number("nr_hugepages").and_then(|reserved| {
                number("free_hugepages").map(|free| HugePages {
                    kibibytes,
                    reserved,
                    free,
                })
            });
            match pages {
                Fact::Known(pages) => sizes.push(pages),
                Fact::Absent => {}
                Fact::Unreadable(reason) => return Fact::Unreadable(reason),
            }
        }
        sizes.sort_by_key(|pages| pages.kibibytes);
        Fact::Known(sizes)
    })
}

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    let sizes = match &facts.huge_pages {
        Fact::Known(sizes) => sizes,
        Fact::Absent => return Finding::informational("not to be seen"),
        Fact::Unreadable(reason) => return Finding::unknown(reason),
    };
    let reserved: Vec<String> = sizes
        .iter()
        .filter(|pages| pages.reserved > 0)
        .map(|pages| {
            format!(
                "{}: {} of {} free",
                size(pages.kibibytes),
                pages.free,
                pages.reserved
            )
        })
        .collect();
    if reserved.is_empty() {
        Finding::informational("none set aside")
    } else {
        Finding::informational(reserved.join("; "))
    }
}

/// `2 MiB`, `1 GiB`.
fn size(kibibytes: u64) -> String {
    const STEP: u64 = 1024;
    if kibibytes >= STEP * STEP && kibibytes.is_multiple_of(STEP * STEP) {
        format!("{} GiB", kibibytes / STEP / STEP)
    } else if kibibytes >= STEP && kibibytes.is_multiple_of(STEP) {
        format!("{} MiB", kibibytes / STEP)
    } else {
        format!("{kibibytes} KiB")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::Machine, *};

    #[test]
    fn sizes_are_told_where_pages_are_set_aside() {
        let machine = Machine::new()
            .file(
                "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
                "4\n",
            )
            .file(
                "sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages",
                "1\n",
            )
            .file(
                "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
                "512\n",
            )
            .file(
                "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
                "512\n",
            )
            .file("sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages", "0\n")
            .file(
                "sys/kernel/mm/hugepages/hugepages-64kB/free_hugepages",
                "0\n",
            )
            .folder("sys/kernel/mm/hugepages/else");
        let facts = Facts {
            huge_pages: gather(&Root::open(machine.root())),
            ..Facts::pretend()
        };
        let verdict = judge(&facts, Virtualization::Hardware).of(CheckId::HUGEPAGES);
        assert_eq!(
            verdict.message.as_deref(),
            Some("2 MiB: 512 of 512 free; 1 GiB: 1 of 4 free")
        );
        assert_eq!(size(64), "64 KiB");
    }
}
