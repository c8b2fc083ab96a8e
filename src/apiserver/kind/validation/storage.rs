//! Claims, volumes and storage classes.

use serde_json::Value;

use super::{list, one_of};
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
    quantity::Quantity,
};

const MODES: [&str; 4] = [
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

fn access_modes(spec: &Value, causes: &mut Vec<FieldError>) {
    let path = "spec.accessModes";
    let modes = list(spec, "accessModes");
    if modes.is_empty() {
        causes.push(field_error::required(
            path,
            "at least 1 access mode is required",
        ));
    }
    for mode in modes {
        one_of(mode.as_str().unwrap_or_default(), &MODES, path, causes);
    }
}

fn volume_mode(spec: &Value, causes: &mut Vec<FieldError>) {
    let modes = ["Block", "Filesystem"];
    one_of(text(spec, "volumeMode"), &modes, "spec.volumeMode", causes);
}

pub fn claim(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    access_modes(spec, causes);
    let wanted = &spec["resources"]["requests"]["storage"];
    match wanted.as_str().and_then(Quantity::parse) {
        None => causes.push(field_error::required("spec.resources[storage]", "")),
        Some(size) if size.is_zero() || size.is_negative() => {
            let path = "spec.resources[storage]";
            causes.push(field_error::invalid(
                path,
                wanted,
                "must be greater than zero",
            ));
        }
        Some(_) => {}
    }
    volume_mode(spec, causes);
    if let Some(old) = old {
        change(new, old, causes);
    }
}

/// A claim is settled; once it is bound it can grow.
fn change(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let is_bound = text(&new["status"], "phase") == "Bound";
    let (mut wanted, was) = (new["spec"].clone(), &old["spec"]);
    let mut free = |field: &str| wanted[field] = was[field].clone();
    // Whoever binds it writes the volume's name, and a default class may come late.
    if text(was, "volumeName").is_empty() {
        free("volumeName");
    }
    if was["storageClassName"].is_null() {
        free("storageClassName");
    }
    if is_bound {
        free("volumeAttributesClassName");
        if wanted["resources"]["requests"].is_object() {
            wanted["resources"]["requests"]["storage"] =
                was["resources"]["requests"]["storage"].clone();
        }
    }
    if !same(&wanted, was) {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        causes.push(field_error::forbidden("spec", why));
    }
    let size = |spec: &Value| {
        let text = spec["resources"]["requests"]["storage"].as_str();
        text.and_then(Quantity::parse)
    };
    if let (Some(now), Some(before)) = (size(&new["spec"]), size(was))
        && is_bound
        && now < before
    {
        let why = "field can not be less than status.capacity";
        causes.push(field_error::forbidden(
            "spec.resources.requests.storage",
            why,
        ));
    }
    mode_stays(new, old, causes);
}

/// Are two objects the same, where null is as good as absent?
fn same(one: &Value, other: &Value) -> bool {
    let fields = |object: &Value| -> std::collections::BTreeMap<String, Value> {
        let fields = object.as_object().cloned().unwrap_or_default();
        fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect()
    };
    fields(one) == fields(other)
}

fn mode_stays(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let (now, before) = (&new["spec"]["volumeMode"], &old["spec"]["volumeMode"]);
    if now != before {
        causes.push(field_error::invalid(
            "volumeMode",
            now,
            "field is immutable",
        ));
    }
}

pub fn volume(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    access_modes(spec, causes);
    if spec["capacity"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty)
    {
        causes.push(field_error::required("spec.capacity", ""));
    }
    let policies = ["Delete", "Recycle", "Retain"];
    let path = "spec.persistentVolumeReclaimPolicy";
    one_of(
        text(spec, "persistentVolumeReclaimPolicy"),
        &policies,
        path,
        causes,
    );
    volume_mode(spec, causes);
    let Some(old) = old else { return };
    if !same(&source(spec), &source(&old["spec"])) {
        let why = "spec.persistentvolumesource is immutable after creation";
        causes.push(field_error::forbidden("spec.persistentvolumesource", why));
    }
    mode_stays(new, old, causes);
    let (now, before) = (&spec["nodeAffinity"], &old["spec"]["nodeAffinity"]);
    if !before.is_null() && now != before {
        let why = "field is immutable, except for updating from beta label to GA";
        causes.push(field_error::invalid("nodeAffinity", now, why));
    }
}

/// What a volume is: everything that is not about how it is used.
fn source(spec: &Value) -> Value {
    let mut source = spec.clone();
    for field in [
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    ] {
        source.as_object_mut().map(|fields| fields.remove(field));
    }
    source
}

pub fn class(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    if text(new, "provisioner").is_empty() {
        causes.push(field_error::required("provisioner", ""));
    }
    one_of(
        text(new, "reclaimPolicy"),
        &["Delete", "Retain"],
        "reclaimPolicy",
        causes,
    );
    let modes = ["Immediate", "WaitForFirstConsumer"];
    one_of(
        text(new, "volumeBindingMode"),
        &modes,
        "volumeBindingMode",
        causes,
    );
    let Some(old) = old else { return };
    for field in [
        "parameters",
        "provisioner",
        "reclaimPolicy",
        "volumeBindingMode",
    ] {
        super::immutable(new, old, field, causes);
    }
}
