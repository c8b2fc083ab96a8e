//! What explains the program to people and shells: `explain`, topics of `help`, manual pages, completion.

use libtest_mimic::{Failed, Trial};

use crate::bench::Bench;

type Outcome = Result<(), Failed>;
type Test = (&'static str, fn() -> Outcome);

pub fn trials() -> Vec<Trial> {
    let tests: [Test; 3] = [
        ("a_word_is_explained", a_word_is_explained),
        ("everything_is_listed", everything_is_listed),
        ("an_unknown_word_is_usage", an_unknown_word_is_usage),
    ];
    tests
        .into_iter()
        .map(|(name, test)| Trial::test(format!("words::{name}"), test))
        .collect()
}

fn a_word_is_explained() -> Outcome {
    // No kubeconfig, no workspace: it needs no cluster, and leaves no log.
    let bench = Bench::new().file("bmctl-workspace/keep", "");
    let told = bench.bmctl("explain tun").code(0)?;
    let told = told.stderr("")?;
    told.stdout(
        "TUN  node check\n  TUN/TAP network devices. The device /dev/net/tun, from which the engine makes the network interfaces of VMs.\n\n  \
        cause  The kernel module tun is not loaded; the engine loads it by opening the device.\n  \
        fix    If VMs start without a network: modprobe tun.\n         \
        $ cat /sys/devices/virtual/misc/tun/dev\n         $ modprobe tun\n",
    )?;
    let document = bench
        .bmctl("explain preflightfailed -o json")
        .code(0)?
        .json()?;
    let groups: Vec<&str> = document["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["group"].as_str())
        .collect();
    if groups != ["conditionReason", "error"] || document["kind"] != "ExplainResult" {
        return Err(document.to_string().into());
    }
    if bench.folder().join("bmctl-workspace/log").exists() {
        return Err("explain leaves a log".into());
    }
    Ok(())
}

fn everything_is_listed() -> Outcome {
    let bench = Bench::new();
    let entries = bench.bmctl("explain -o json").code(0)?.json()?["entries"].clone();
    let list = bench.bmctl("explain").code(0)?.stdout;
    let entries = entries.as_array().ok_or("no entries")?;
    for entry in entries {
        let id = entry["id"].as_str().unwrap_or_default();
        if !list
            .lines()
            .any(|line| line.split("   ").next() == Some(id))
        {
            return Err(format!("{id} is not in the list:\n{list}").into());
        }
    }
    let yaml = bench.bmctl("explain -o yaml").code(0)?.stdout;
    let read: serde_json::Value = serde_saphyr::from_str(&yaml)?;
    if read["entries"].as_array() == Some(entries) {
        Ok(())
    } else {
        Err("YAML and JSON differ".into())
    }
}

fn an_unknown_word_is_usage() -> Outcome {
    let bench = Bench::new();
    bench.bmctl("explain kvmm").code(2)?.stdout("")?.stderr(
        "error: there is nothing called kvmm to explain\n\
         hint: did you mean: bmctl explain KVM\n\
         hint: to see everything that can be explained: bmctl explain\n",
    )?;
    let document = bench.bmctl("explain xyzzy -o json").code(2)?.json()?;
    if document["error"]["reason"] == "UnknownTopic" {
        Ok(())
    } else {
        Err(document.to_string().into())
    }
}
