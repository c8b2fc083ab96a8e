//! The OCI image: what `.ci/image` makes of a binary, and the one of the release under other people's programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use bmctl::controller::install;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{file, run, unpack};
use crate::test_cluster::{Ended, Test, clean};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// 2023-11-14T22:13:20Z.
const EPOCH: &str = "1700000000";

pub const TESTS: [(&str, Test); 2] = [
    ("the_image_runs_as_nobody", the_image_runs_as_nobody),
    (
        "the_image_has_the_binary_of_the_archive",
        the_image_has_the_binary_of_the_archive,
    ),
];

pub fn trials() -> Vec<Trial> {
    tests!["docs": the_image_is_what_the_manifests_expect]
}

/// The image as a layout: a folder that has each part under its digest.
struct Layout {
    folder: TempDir,
}

impl Layout {
    fn of(archive: &Path) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        run(
            folder.path(),
            "tar",
            &["-xf", &archive.display().to_string()],
        )
        .exits(0)?;
        Ok(Self { folder })
    }

    /// What a descriptor refers to, held against its digest and size.
    fn part(&self, descriptor: &Value) -> Result<PathBuf, Failed> {
        let digest = descriptor["digest"].as_str().ok_or("no digest")?;
        let name = digest.strip_prefix("sha256:").ok_or("not SHA-256")?;
        let path = self.folder.path().join("blobs/sha256").join(name);
        let sum = run(
            self.folder.path(),
            "sha256sum",
            &[&path.display().to_string()],
        );
        sum.exits(0)?.prints(name)?;
        if descriptor["size"] == fs::metadata(&path)?.len() {
            Ok(path)
        } else {
            Err(format!("not its size: {descriptor}").into())
        }
    }

    fn document(&self, descriptor: &Value) -> Result<Value, Failed> {
        Ok(serde_json::from_slice(&fs::read(self.part(descriptor)?)?)?)
    }

    /// The manifest of the only image, and its configuration.
    fn image(&self) -> Result<(Value, Value), Failed> {
        let index: Value =
            serde_json::from_slice(&fs::read(self.folder.path().join("index.json"))?)?;
        let manifest = self.document(&index["manifests"][0])?;
        let config = self.document(&manifest["config"])?;
        Ok((manifest, config))
    }
}

/// Anything that is a file will do for the program: nothing of it is run.
fn made(folder: &Path, name: &str) -> Result<PathBuf, Failed> {
    let (binary, archive) = (folder.join("program"), folder.join(name));
    fs::write(&binary, "a program\n")?;
    let mut script = clean(Path::new(ROOT).join(".ci/image"), folder);
    script
        .arg(binary)
        .arg(&archive)
        .args([VERSION, "0123456789abcdef", "amd64"])
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ended::of(script.spawn()?, ".ci/image".to_owned()).exits(0)?;
    Ok(archive)
}

fn the_image_is_what_the_manifests_expect() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let archive = made(folder.path(), "one.tar")?;
    if fs::read(&archive)? != fs::read(made(folder.path(), "other.tar")?)? {
        return Err("the same program makes other bytes".into());
    }
    let layout = Layout::of(&archive)?;
    let (manifest, config) = layout.image()?;
    let expected = json!({
        "User": format!("{0}:{0}", install::NOBODY),
        "Entrypoint": ["/bmctl"],
        "Labels": manifest["annotations"],
    });
    if config["config"] != expected || config["created"] != "2023-11-14T22:13:20Z" {
        return Err(config.to_string().into());
    }
    if manifest["annotations"]["org.opencontainers.image.version"] != VERSION {
        return Err(manifest.to_string().into());
    }
    let layer = layout.part(&manifest["layers"][0])?.display().to_string();
    let listed = run(folder.path(), "tar", &["-tvzf", &layer]).exits(0)?;
    // One file, which everybody may run.
    if listed.stdout.lines().count() == 1 && listed.stdout.starts_with("-rwxr-xr-x 0/0") {
        Ok(())
    } else {
        Err(listed.to_string().into())
    }
}

/// Unpacked by umoci, which knows nothing of how it was made, for a runtime.
fn bundle(layout: &Layout) -> Result<PathBuf, Failed> {
    let top = layout.folder.path();
    let image = format!("{}:{VERSION}", top.display());
    run(top, "umoci", &["unpack", "--image", &image, "bundle"]).exits(0)?;
    Ok(top.join("bundle"))
}

/// As the controller's Deployment runs it: nobody's, and nothing can be written.
fn contained(bundle: &Path, words: &[&str]) -> Result<Ended, Failed> {
    let path = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path)?)?;
    if config["process"]["user"]["uid"] != install::NOBODY {
        return Err(config["process"].to_string().into());
    }
    config["root"]["readonly"] = json!(true);
    config["process"]["terminal"] = json!(false);
    config["process"]["capabilities"] = json!({});
    config["process"]["noNewPrivileges"] = json!(true);
    config["process"]["args"] = json!([&["/bmctl"], words].concat());
    fs::write(&path, config.to_string())?;
    let state = bundle.with_file_name("state").display().to_string();
    let name = format!("bmctl-{}", uuid::Uuid::new_v4());
    Ok(run(bundle, "runc", &["--root", &state, "run", &name]))
}

fn the_image_runs_as_nobody() -> Result<(), Failed> {
    let layout = Layout::of(&file(".oci.tar")?)?;
    let bundle = bundle(&layout)?;
    contained(&bundle, &["version"])?
        .exits(0)?
        .prints(VERSION)?;
    // Whether this machine could run VMs is not asked here: that the node check looked at it is.
    let probed = contained(&bundle, &["controller", "probe"])?;
    let report: Value =
        serde_json::from_str(&probed.stdout).map_err(|error| format!("{error}: {probed}"))?;
    let checks = report["checks"].as_array().ok_or("no checks")?;
    if checks.iter().any(|check| check["id"] == "KVM") {
        Ok(())
    } else {
        Err(probed.to_string().into())
    }
}

fn the_image_has_the_binary_of_the_archive() -> Result<(), Failed> {
    let layout = Layout::of(&file(".oci.tar")?)?;
    let inside = bundle(&layout)?.join("rootfs/bmctl");
    if fs::read(inside)? == fs::read(unpack()?.top.join("bmctl"))? {
        Ok(())
    } else {
        Err("it is another binary".into())
    }
}
