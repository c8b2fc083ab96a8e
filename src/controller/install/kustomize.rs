//! The same as a kustomize base and an overlay: the files under `docs/install`, which a test holds current.

use serde_json::{Value, json};

use super::{InstallOptions, Profile, definitions, manifests, rights, workload::PROBE_IMAGE};
use crate::api::name;

/// A file and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: &'static str,
    pub text: String,
}

/// The base, and the overlay that lets the controller install the engine's operators.
#[must_use]
pub fn files(image: &str) -> Vec<File> {
    let options = InstallOptions::new(image);
    let with_engine = InstallOptions {
        profile: Profile::EngineManifests,
        ..options.clone()
    };
    let base = manifests(&options);
    let controller: Vec<&Value> = base
        .iter()
        .filter(|object| object["kind"] != "CustomResourceDefinition")
        .collect();
    let overlay = manifests(&with_engine);
    let roles: Vec<&Value> = overlay
        .iter()
        .filter(|object| object["metadata"]["name"] == rights::ENGINE_MANIFESTS_ROLE)
        .collect();
    let deployment = overlay.iter().find(|object| object["kind"] == "Deployment");
    vec![
        File {
            path: "base/kustomization.yaml",
            text: text([&kustomization(&["crds.yaml", "controller.yaml"], &[])]),
        },
        File {
            path: "base/crds.yaml",
            text: text(&definitions()),
        },
        File {
            path: "base/controller.yaml",
            text: text(controller),
        },
        File {
            path: "engine-manifests/kustomization.yaml",
            text: text([&kustomization(
                &["../base", "rights.yaml"],
                &["deployment.yaml"],
            )]),
        },
        File {
            path: "example/kustomization.yaml",
            text: text([&example()]),
        },
        File {
            path: "engine-manifests/rights.yaml",
            text: text(roles),
        },
        File {
            path: "engine-manifests/deployment.yaml",
            text: text(deployment),
        },
    ]
}

/// Several objects as one YAML file.
///
/// # Panics
/// Never: manifests are JSON, and YAML can say all of it.
pub fn text<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    let documents: Vec<String> = objects
        .into_iter()
        .map(|object| serde_saphyr::to_string(object).expect("plain JSON data"))
        .collect();
    documents.join("---\n")
}

fn kustomization(resources: &[&str], patches: &[&str]) -> Value {
    let mut kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    });
    if !patches.is_empty() {
        kustomization["patches"] = patches.iter().map(|path| json!({"path": path})).collect();
    }
    kustomization
}

/// How somebody would name their own image: once, although it stands in two places.
fn example() -> Value {
    let mut example = kustomization(&["../base"], &[]);
    let deployment = json!({"kind": "Deployment", "name": name::CONTROLLER_DEPLOYMENT});
    let container = "spec.template.spec.containers.[name=manager]";
    example["images"] = json!([
        {"name": "bmctl", "newName": "registry.example/bmctl", "newTag": env!("CARGO_PKG_VERSION")},
    ]);
    example["replacements"] = json!([{
        "source": {
            "kind": deployment["kind"],
            "name": deployment["name"],
            "fieldPath": format!("{container}.image"),
        },
        "targets": [{
            "select": deployment,
            "fieldPaths": [format!("{container}.env.[name={PROBE_IMAGE}].value")],
        }],
    }]);
    example
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_and_overlay_hold_what_the_command_prints() {
        let read = |wanted: &[&str]| -> Vec<Value> {
            files("bmctl:1")
                .iter()
                .filter(|file| wanted.contains(&file.path))
                .flat_map(|file| serde_saphyr::from_multiple::<Value>(&file.text).unwrap())
                .collect()
        };
        let base = read(&["base/crds.yaml", "base/controller.yaml"]);
        assert_eq!(base, manifests(&InstallOptions::new("bmctl:1")));
        assert_eq!(read(&["engine-manifests/rights.yaml"]).len(), 2);
        assert_eq!(read(&["engine-manifests/deployment.yaml"]).len(), 1);
    }
}
