//! The recordings of `docs/recordings`: real runs at a terminal, as pictures that move.
//!
//! The runs are played every time, and have to end as they do in the picture. `BMCTL_RECORD=1` writes the pictures.

mod film;
mod svg;

use std::{env, fs, path::PathBuf, time::Duration};

use libtest_mimic::{Failed, Trial};

use crate::{
    terminal::Session,
    test_cluster::{Host, TestCluster},
};
use film::Film;

const COLUMNS: u16 = 100;

/// One picture.
struct Recording {
    name: &'static str,
    title: &'static str,
    cluster: fn() -> Result<TestCluster, Failed>,
    /// Command lines with their exit codes and something that they show.
    steps: &'static [(&'static str, i32, &'static str)],
}

const RECORDINGS: [Recording; 3] = [
    Recording {
        name: "enable",
        title: "Turning VM Runtime on",
        cluster: || {
            Ok(cluster(&[
                ("worker-0", Host::WithKvm),
                ("worker-1", Host::WithKvm),
            ]))
        },
        steps: &[
            ("enable vmruntime", 0, "VM Runtime is enabled and ready"),
            ("status vmruntime", 0, "enabled"),
        ],
    },
    Recording {
        name: "check",
        title: "A node that cannot run VMs",
        cluster: || {
            Ok(cluster(&[
                ("worker-0", Host::WithKvm),
                ("worker-1", Host::WithoutKvm),
            ]))
        },
        steps: &[
            ("enable vmruntime", 3, "the preflight check failed"),
            ("explain KVM", 0, "KVM"),
            ("skip node worker-1", 0, "worker-1"),
            ("check vmruntimepfc", 0, "passed"),
            ("wait vmruntime --for ready", 0, "ready"),
        ],
    },
    Recording {
        name: "disable",
        title: "Turning VM Runtime off while VMs exist",
        cluster: with_machine,
        steps: &[
            ("disable vmruntime", 6, "db"),
            (
                "disable vmruntime --force=true --backup saved",
                0,
                "To put the VMs back",
            ),
            ("enable vmruntime", 0, "VM Runtime is enabled and ready"),
            ("restore saved", 0, "db"),
        ],
    },
];

pub fn trials() -> Vec<Trial> {
    let played = RECORDINGS.iter().map(|recording| {
        Trial::test(format!("recording::{}", recording.name), || {
            recording.plays()
        })
    });
    played.collect()
}

impl Recording {
    fn plays(&self) -> Result<(), Failed> {
        let cluster = (self.cluster)()?;
        let mut film = Film::new(COLUMNS);
        for (words, code, shown) in self.steps {
            film.types(&format!("bmctl {words}"));
            let seen = Session::start(&cluster, COLUMNS, words)?.ends(*code)?;
            seen.shows(shown)?;
            film.shows(&seen.chunks);
        }
        let path = self.path();
        if env::var_os("BMCTL_RECORD").is_some() {
            fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
            fs::write(&path, svg::draw(self.title, &film))?;
        }
        self.is_current(&fs::read_to_string(&path)?)
    }

    /// The picture has every command that is played, and is one that a browser can show.
    fn is_current(&self, picture: &str) -> Result<(), Failed> {
        let document = roxmltree::Document::parse(picture)?;
        let rows: Vec<String> = document
            .descendants()
            .filter(|node| node.has_tag_name("text"))
            .map(|row| {
                row.descendants()
                    .filter_map(|node| node.is_text().then(|| node.text())?)
                    .collect::<String>()
                    .replace('\u{a0}', " ")
            })
            .collect();
        for (words, ..) in self.steps {
            if !rows
                .iter()
                .any(|row| row.contains(&format!("bmctl {words}")))
            {
                let hint = "BMCTL_RECORD=1 cargo test --test it -- recording::";
                return Err(
                    format!("{words:?} is not in {}; {hint}", self.path().display()).into(),
                );
            }
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/recordings/{}.svg", self.name))
    }
}

/// A cluster that takes long enough to be watched, while it is recorded.
fn cluster(hosts: &[(&str, Host)]) -> TestCluster {
    let recorded = env::var_os("BMCTL_RECORD").is_some();
    TestCluster::with_hosts_at_pace(hosts, Duration::from_millis(if recorded { 150 } else { 0 }))
}

fn with_machine() -> Result<TestCluster, Failed> {
    let cluster = cluster(&[("worker-0", Host::WithKvm)]);
    cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    cluster.run_machine("db")?;
    Ok(cluster)
}
