//! Kubeconfigs that people have, and what the real kubectl says of each: who connects with it, kubectl, bmctl, both or
//! neither. Where they differ, the row says why; docs/connecting.md has the reasons.

mod clusters;
mod files;
mod users;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Mutex, thread};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::config::Kubeconfig;
use libtest_mimic::{Failed, Trial};
use secrecy::ExposeSecret as _;

use crate::test_cluster::{Ended, TestCluster, needs_kubectl};

pub fn trials() -> Vec<Trial> {
    vec![needs_kubectl(
        "kubeconfigs::each_is_taken_as_kubectl_takes_it",
        each_is_taken_as_kubectl_takes_it,
    )]
}

/// Who connects with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Both,
    Neither,
    /// For this reason.
    OnlyBmctl(&'static str),
}

/// One kubeconfig. `@SERVER@`, `@HOST@`, `@CA@` and its parts, `@TOKEN@` and `@DIR@` stand for what the cluster has.
struct Row {
    name: String,
    text: String,
    verdict: Verdict,
    written: fn(&str) -> Vec<u8>,
}

const GOOD: &str = "\
apiVersion: v1
kind: Config
clusters:
- name: c
  cluster:
    server: @SERVER@
    certificate-authority-data: @CA@
contexts:
- name: x
  context: {cluster: c, user: u}
current-context: x
users:
- name: u
  user:
    token: @TOKEN@
";

fn plain(name: &str, text: &str, verdict: Verdict) -> Row {
    Row {
        name: name.to_owned(),
        text: text.to_owned(),
        verdict,
        written: |text| text.as_bytes().to_vec(),
    }
}

/// The good one, with something else in place of something.
fn changed(name: &str, from: &str, to: &str, verdict: Verdict) -> Row {
    assert!(GOOD.contains(from), "{name}: {from:?} is not there");
    plain(name, &GOOD.replace(from, to), verdict)
}

impl Row {
    fn bytes(name: &str, verdict: Verdict, written: fn(&str) -> Vec<u8>) -> Self {
        Self {
            written,
            ..plain(name, GOOD, verdict)
        }
    }
}

fn rows() -> Vec<Row> {
    let mut rows = files::rows();
    let fields = |text: &str| text.replace('\n', "\n    ");
    rows.extend(clusters::ROWS.iter().map(|(name, text, verdict)| {
        const ALL: &str = "server: @SERVER@\n    certificate-authority-data: @CA@";
        changed(&format!("cluster: {name}"), ALL, &fields(text), *verdict)
    }));
    rows.extend(users::ROWS.iter().map(|(name, text, verdict)| {
        changed(
            &format!("user: {name}"),
            "token: @TOKEN@",
            &fields(text),
            *verdict,
        )
    }));
    rows
}

/// What the cluster has.
struct Values {
    server: String,
    authority: String,
    token: String,
}

impl Values {
    fn of(test_cluster: &TestCluster) -> Result<Self, Failed> {
        let read = Kubeconfig::read_from(test_cluster.kubeconfig())?;
        let cluster = read.clusters[0].cluster.clone().unwrap();
        let user = read.auth_infos[0].auth_info.clone().unwrap();
        Ok(Self {
            server: cluster.server.unwrap(),
            authority: cluster.certificate_authority_data.unwrap(),
            token: user.token.unwrap().expose_secret().to_owned(),
        })
    }

    fn fill(&self, text: &str, folder: &Path) -> String {
        let (head, rest) = self.authority.split_at(40);
        let lines = self.authority.as_bytes().chunks(64);
        let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
        text.replace("@CAW@", &lines.join("\n      "))
            .replace("@CA1@", head)
            .replace("@CA2@", rest)
            .replace("@CA@", &self.authority)
            .replace("@SERVER@", &self.server)
            .replace("@HOST@", self.server.trim_start_matches("https://"))
            .replace("@TOKEN@", &self.token)
            .replace("@DIR@", &folder.display().to_string())
    }

    /// What the kubeconfigs refer to.
    fn write(&self, folder: &Path) -> Result<(), Failed> {
        let Self { token, .. } = self;
        fs::write(folder.join("ca.crt"), STANDARD.decode(&self.authority)?)?;
        fs::write(folder.join("token"), format!("{token}\n"))?;
        fs::write(folder.join("crlf"), format!("{token}\r\n"))?;
        fs::write(folder.join("empty"), "")?;
        fs::write(folder.join("bad"), "nonsense")?;
        let plugin = folder.join("plugin");
        let text = format!(
            "#!/bin/sh\nVERSION=${{1:-client.authentication.k8s.io/v1}}\n\
             echo '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"'$VERSION'\",\"status\":{{\"token\":\"{token}\"}}}}'\n"
        );
        fs::write(&plugin, text)?;
        fs::set_permissions(&plugin, fs::Permissions::from_mode(0o700))?;
        Ok(())
    }
}

fn each_is_taken_as_kubectl_takes_it() -> Result<(), Failed> {
    const SIDE_BY_SIDE: usize = 4;
    let test_cluster = TestCluster::new();
    let values = Values::of(&test_cluster)?;
    values.write(test_cluster.folder())?;
    let rows = rows();
    assert!(rows.len() >= 60, "{}", rows.len());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for part in 0..SIDE_BY_SIDE {
            let (rows, test_cluster, values, wrong) = (&rows, &test_cluster, &values, &wrong);
            scope.spawn(move || {
                for (at, row) in rows.iter().enumerate().skip(part).step_by(SIDE_BY_SIDE) {
                    if let Err(why) = holds(test_cluster, values, at, row) {
                        wrong.lock().unwrap().push(format!("{}: {why:?}", row.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn holds(test_cluster: &TestCluster, values: &Values, at: usize, row: &Row) -> Result<(), Failed> {
    let path = test_cluster.folder().join(format!("config-{at}"));
    fs::write(
        &path,
        (row.written)(&values.fill(&row.text, test_cluster.folder())),
    )?;
    let path = path.display().to_string();
    let kubectl = [
        "--kubeconfig",
        &path,
        "get",
        "vmruntime",
        "--request-timeout=30s",
    ];
    let kubectl = test_cluster.kubectl(&kubectl);
    let bmctl = test_cluster.bmctl(&["status", "vmruntime", "--kubeconfig", &path]);
    let connects = |ended: &Ended| ended.code == Some(0);
    let (by_kubectl, by_bmctl) = match row.verdict {
        Verdict::Both => (true, true),
        Verdict::Neither => (false, false),
        Verdict::OnlyBmctl(_) => (false, true),
    };
    if (connects(&kubectl), connects(&bmctl)) != (by_kubectl, by_bmctl) {
        return Err(format!(
            "not {:?}: {} | {}",
            row.verdict, kubectl.stderr, bmctl.stderr
        )
        .into());
    }
    // A kubeconfig that cannot be used is told without what is in it.
    if bmctl.stderr.contains(&values.token) || bmctl.stderr.contains("has made a mistake") {
        return Err(bmctl.stderr.into());
    }
    Ok(())
}
