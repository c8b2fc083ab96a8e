//! Generated files are what the program would generate today.

use std::{fs, path::PathBuf};

use bmctl::api::crd;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use libtest_mimic::{Failed, Trial};
use similar::TextDiff;

/// Set it to write the files instead of comparing them.
const REGENERATE: &str = "BMCTL_REGENERATE";

pub fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "docs::definitions_are_current",
        definitions_are_current,
    )]
}

fn definitions_are_current() -> Result<(), Failed> {
    for (folder, definitions) in [
        ("docs/crds", crd::runtime_definitions()),
        ("docs/crds/sandbox", crd::machine_definitions()),
    ] {
        for definition in definitions {
            let file = format!(
                "{folder}/{}.yaml",
                definition.metadata.name.as_ref().unwrap()
            );
            is_current(&file, &yaml(&definition))?;
        }
    }
    Ok(())
}

fn yaml(definition: &CustomResourceDefinition) -> String {
    let data = serde_json::to_value(definition).unwrap();
    let text = serde_saphyr::to_string(&data).unwrap();
    let back: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(data, back, "what is written is what is read");
    format!("# Generated from src/api. Do not edit.\n{text}")
}

fn is_current(file: &str, generated: &str) -> Result<(), Failed> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os(REGENERATE).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, generated).unwrap();
        return Ok(());
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept == generated {
        return Ok(());
    }
    Err(format!(
        "{file} is not current; run: {REGENERATE}=1 cargo test --test it docs\n{}",
        TextDiff::from_lines(&kept, generated)
            .unified_diff()
            .header(file, "generated")
    )
    .into())
}
