//! What leads to a cluster: a kubeconfig, the files beside it, the environment and the options.

use std::{
    collections::BTreeMap, ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, path::PathBuf,
    time::Duration,
};

use bmctl::cluster::{
    self, ConnectOptions, Deadline, Environment,
    connect::{IdentityOverride, Proxies},
};
use kube::config::Kubeconfig;

use super::reading::{may_be_shown, waited_for};

/// Sections that begin with a line `--- NAME`: `kubeconfig` and `token` are files in one folder, `KUBECONFIG` and the
/// like are variables, `context` and the like are flags. What stands before the first is the kubeconfig. There is a
/// client then, or a failure that may be shown; nothing is sent, and no login plugin is run.
pub fn connect(data: &[u8]) {
    let sections = sections(data);
    let section = |name: &str| sections.get(name).copied();
    let text = |name: &str| section(name).map(|text| String::from_utf8_lossy(text).into_owned());
    let kubeconfig = section("kubeconfig").or(section("")).unwrap_or_default();
    if runs_programs(kubeconfig) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    };
    let path = write("kubeconfig", kubeconfig);
    if let Some(token) = section("token") {
        write("token", token);
    }
    let variable = section("KUBECONFIG").map(|list| OsStr::from_bytes(list).to_owned());
    let kubeconfig = match section("--kubeconfig") {
        Some(given) => Some(PathBuf::from(OsStr::from_bytes(given))),
        None => Some(path).filter(|_| variable.is_none()),
    };
    let options = ConnectOptions {
        kubeconfig,
        context: text("context"),
        cluster: text("cluster"),
        workspace: folder.path().join("workspace"),
        identity: IdentityOverride {
            user: text("as"),
            groups: text("as-group").into_iter().collect(),
            uid: text("as-uid"),
        },
        deadline: Deadline::after(Duration::from_secs(5)),
        ..ConnectOptions::default()
    };
    let proxies = Proxies {
        https: text("HTTPS_PROXY"),
        http: text("HTTP_PROXY"),
        exceptions: text("NO_PROXY").unwrap_or_default(),
    };
    let environment = Environment::new(variable, proxies);
    match waited_for(cluster::connect_from(&options, &environment)) {
        Ok(cluster) => assert!(!cluster.server.contains('@'), "{}", cluster.server),
        Err(failure) => may_be_shown(&failure, data),
    }
}

fn sections(data: &[u8]) -> BTreeMap<&str, &[u8]> {
    const MARK: &[u8] = b"--- ";
    let mut sections = BTreeMap::new();
    let mut lines = data.split_inclusive(|byte| *byte == b'\n');
    let (mut name, mut start, mut at) = ("", 0, 0);
    for line in &mut lines {
        if let Some(next) = line.strip_prefix(MARK) {
            sections.insert(name, without_last_break(&data[start..at]));
            name = std::str::from_utf8(next).unwrap_or_default().trim();
            start = at + line.len();
        }
        at += line.len();
    }
    sections.insert(name, without_last_break(&data[start..]));
    sections
}

/// The one before the next section.
fn without_last_break(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").unwrap_or(text)
}

/// A fuzzer must not find out which programs this machine has.
fn runs_programs(kubeconfig: &[u8]) -> bool {
    let utf_16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    let text = match kubeconfig {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    let Ok(read) = Kubeconfig::from_yaml(&text) else {
        return false;
    };
    let mut users = read
        .auth_infos
        .iter()
        .filter_map(|named| named.auth_info.as_ref());
    users.any(|user| user.exec.is_some())
}
