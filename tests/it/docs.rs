//! Generated files are what the program would generate today.

use bmctl::api::crd;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use libtest_mimic::{Failed, Trial};

use crate::golden;

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
            golden::is_current(&file, &yaml(&definition))?;
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
