//! Templates of Helm, made of what `bmctl controller manifests` prints: once with nothing asked for, and once for each
//! thing that can be. The lines in which two of these differ stand under a condition.

use std::{cmp::Reverse, collections::BTreeSet};

use bmctl::controller::install::{InstallOptions, Profile, kustomize, manifests};
use serde_json::{Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// What stands in the manifests where a value is to be put. No name of Kubernetes looks like these.
const IMAGE: &str = "VALUE-IMAGE";
const NAMESPACE: &str = "VALUE-NAMESPACE";
const ENGINE: &str = "VALUE-KUBEVIRT-NAMESPACE";
const SECRET: &str = "VALUE-SECRET";

const SYSTEM: &str = "vm-system";
const RIGHTS: &str = "rbac.authorization.k8s.io/v1";

/// One thing that can be asked for.
struct Choice {
    /// As Helm asks for it.
    when: &'static str,
    /// The same for roles and bindings, where it is something else there.
    when_rights: &'static str,
    set: fn(&mut InstallOptions),
}

impl Choice {
    const fn new(when: &'static str, set: fn(&mut InstallOptions)) -> Self {
        Self {
            when,
            when_rights: when,
            set,
        }
    }

    fn condition(&self, object: &Value) -> &'static str {
        if object["apiVersion"] == RIGHTS {
            self.when_rights
        } else {
            self.when
        }
    }
}

/// In the order in which their arguments stand in the Deployment.
fn choices() -> [Choice; 7] {
    [
        Choice::new(".Values.imagePullSecrets", |options| {
            options.image_pull_secrets = vec![SECRET.to_owned()];
        }),
        Choice {
            // Where the engine's own files bring the namespace, no role can be in it before it is there.
            when_rights: "and .Values.kubevirtNamespace (ne .Values.profile \"engine-manifests\")",
            ..Choice::new(".Values.kubevirtNamespace", |options| {
                options.kubevirt_namespace = Some(ENGINE.to_owned());
            })
        },
        Choice::new("eq .Values.profile \"engine-manifests\"", |options| {
            options.profile = Profile::EngineManifests;
        }),
        Choice::new(".Values.deepProbe", |options| options.deep_probe = true),
        Choice::new(".Values.safeDisable", |options| options.safe_disable = true),
        Choice::new(".Values.podMonitor", |options| options.pod_monitor = true),
        Choice::new("eq .Values.namespace \"vm-system\"", |options| {
            SYSTEM.clone_into(&mut options.namespace);
        }),
    ]
}

/// Kind, namespace and name.
type Key = [String; 3];

fn key(object: &Value) -> Key {
    let text = |pointer| {
        object
            .pointer(pointer)
            .map_or_else(String::new, Value::to_string)
    };
    [
        text("/kind"),
        text("/metadata/namespace"),
        text("/metadata/name"),
    ]
}

fn printed(choice: Option<&Choice>) -> Vec<Value> {
    let mut options = InstallOptions {
        namespace: NAMESPACE.to_owned(),
        ..InstallOptions::new(IMAGE)
    };
    if let Some(choice) = choice {
        (choice.set)(&mut options);
    }
    let mut objects = manifests(&options);
    if options.namespace == SYSTEM {
        objects.iter_mut().for_each(name_the_namespace);
    }
    objects
}

/// A controller in the system namespace is the one that lives where the value says. Only of roles and namespaces there is
/// then one instead of two.
fn name_the_namespace(object: &mut Value) {
    let system = json!(SYSTEM);
    let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        subject["namespace"] = json!(NAMESPACE);
    }
    if object["apiVersion"] != RIGHTS && object["metadata"]["namespace"] == system {
        object["metadata"]["namespace"] = json!(NAMESPACE);
    }
    let arguments = object.pointer_mut("/spec/template/spec/containers/0/args");
    for argument in arguments
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if *argument == system {
            *argument = json!(NAMESPACE);
        }
    }
}

/// The templates of all objects, definitions first.
pub fn templates() -> (String, String) {
    let base = printed(None);
    let variants: Vec<(Choice, Vec<Value>)> = choices()
        .into_iter()
        .map(|choice| {
            let objects = printed(Some(&choice));
            (choice, objects)
        })
        .collect();
    let mut seen = BTreeSet::new();
    let (mut definitions, mut others) = (Vec::new(), Vec::new());
    for object in base.iter().chain(variants.iter().flat_map(|(_, all)| all)) {
        if !seen.insert(key(object)) {
            continue;
        }
        let text = template(object, &base, &variants);
        if object["kind"] == "CustomResourceDefinition" {
            definitions.push(text);
        } else {
            others.push(text);
        }
    }
    (definitions.join("---\n"), others.join("---\n"))
}

/// One object, with everything that can be asked of it.
fn template(object: &Value, base: &[Value], variants: &[(Choice, Vec<Value>)]) -> String {
    let find = |objects: &[Value]| {
        let found = objects.iter().find(|other| key(other) == key(object));
        found.map(lines)
    };
    let Some(own) = find(base) else {
        let (choice, _) = variants
            .iter()
            .find(|(_, objects)| find(objects).is_some())
            .expect("it is in one of them");
        return under(choice.condition(object), &finished(&lines(object)));
    };
    let mut insertions = vec![Vec::new(); own.len() + 1];
    let mut deleted: Vec<Option<&str>> = vec![None; own.len()];
    let mut absent = None;
    for (choice, objects) in variants {
        let condition = choice.condition(object);
        let Some(other) = find(objects) else {
            absent = Some(condition);
            continue;
        };
        for change in capture_diff_slices(Algorithm::Myers, &own, &other) {
            let (DiffOp::Insert { .. } | DiffOp::Delete { .. } | DiffOp::Replace { .. }) = change
            else {
                continue;
            };
            deleted[change.old_range()].fill(Some(condition));
            let added = &other[change.new_range()];
            if let Some(first) = added.first() {
                let depth = first.len() - first.trim_start().len();
                let text = under(condition, &finished(added));
                insertions[change.old_range().end].push((depth, text));
            }
        }
    }
    // At one place, what belongs to the block that ends there stands before what comes after that block.
    for here in &mut insertions {
        here.sort_by_key(|(depth, _)| Reverse(*depth));
    }
    let text = merged(&own, &deleted, insertions);
    match absent {
        None if object["kind"] == "Namespace" => under(&namespace_is_made(object), &text),
        None => text,
        Some(condition) if object["kind"] == "Namespace" => {
            let made = namespace_is_made(object);
            under(&format!("and (not ({condition})) ({made})"), &text)
        }
        Some(condition) => unless(condition, &text),
    }
}

/// The lines of the base, each under the condition that deletes it, with what is inserted before it.
fn merged(
    own: &[String],
    deleted: &[Option<&str>],
    insertions: Vec<Vec<(usize, String)>>,
) -> String {
    let mut text = String::new();
    let mut going = String::new();
    for (at, inserted) in insertions.into_iter().enumerate() {
        let condition = deleted.get(at).copied().flatten();
        let before = at.checked_sub(1).and_then(|before| deleted[before]);
        if let Some(condition) = before.filter(|_| before != condition || !inserted.is_empty()) {
            text.push_str(&unless(condition, &std::mem::take(&mut going)));
        }
        text.extend(inserted.into_iter().map(|(_, text)| text));
        let Some(line) = own.get(at) else { continue };
        let line = finished(std::slice::from_ref(line));
        match condition {
            None => text.push_str(&line),
            Some(_) => going.push_str(&line),
        }
    }
    text
}

/// The namespace of a release is Helm's to make: it has to be there before anything of the chart is.
fn namespace_is_made(object: &Value) -> String {
    let name = object["metadata"]["name"].to_string();
    let name = name.replace(&format!("\"{NAMESPACE}\""), ".Values.namespace");
    format!("ne .Release.Namespace {name}")
}

fn under(condition: &str, text: &str) -> String {
    format!("{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n")
}

fn unless(condition: &str, text: &str) -> String {
    under(&format!("not ({condition})"), text)
}

/// The object as YAML. What holds data of the user's outlives a `helm uninstall`.
fn lines(object: &Value) -> Vec<String> {
    let mut object = object.clone();
    if ["CustomResourceDefinition", "Namespace"].contains(&object["kind"].as_str().unwrap()) {
        object["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
    }
    let text = kustomize::text([&object]);
    text.lines().map(|line| format!("{line}\n")).collect()
}

/// Lines with the values in their places. A line that names a secret is there for each of them.
fn finished(lines: &[String]) -> String {
    let put = |line: &String| {
        let mut line = line.clone();
        for (mark, value) in [
            (IMAGE, ".Values.image"),
            (ENGINE, ".Values.kubevirtNamespace"),
            (NAMESPACE, ".Values.namespace"),
            (SECRET, "."),
        ] {
            // Alone it could be read as a number; inside of something longer it cannot.
            let alone = format!(" {mark}\n");
            line = line.replace(&alone, &format!(" {{{{ {value} | quote }}}}\n"));
            line = line.replace(mark, &format!("{{{{ {value} }}}}"));
        }
        line
    };
    let each = |line: &String| {
        if line.contains(SECRET) {
            format!(
                "{{{{- range .Values.imagePullSecrets }}}}\n{}{{{{- end }}}}\n",
                put(line)
            )
        } else {
            put(line)
        }
    };
    lines.iter().map(each).collect()
}
