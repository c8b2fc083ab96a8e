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
        change(spec, &old["spec"], causes);
    }
}

/// A claim can grow; the rest of it is settled once it is bound.
fn change(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(fields) = spec.as_object_mut() {
            for field in ["resources", "volumeAttributesClassName"] {
                fields.remove(field);
            }
        }
        spec
    };
    // Whoever binds it writes the volume's name, and a default class may come late.
    let settled = |field: &str| !text(old, field).is_empty() || text(new, field).is_empty();
    let mut new_fixed = fixed(new);
    for field in ["volumeName", "storageClassName"] {
        if !settled(field) {
            new_fixed.as_object_mut().map(|fields| fields.remove(field));
        }
    }
    if new_fixed != fixed(old) {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        causes.push(field_error::forbidden("spec", why));
    }
    let size = |spec: &Value| {
        let text = spec["resources"]["requests"]["storage"].as_str();
        text.and_then(Quantity::parse)
    };
    if let (Some(new), Some(old)) = (size(new), size(old))
        && new < old
    {
        let why = "field can not be less than status.capacity";
        causes.push(field_error::forbidden(
            "spec.resources.requests.storage",
            why,
        ));
    }
}

pub fn volume(new: &Value, causes: &mut Vec<FieldError>) {
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
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        if new[field] != old[field] {
            let why = match field {
                "parameters" => "updates to parameters are forbidden.",
                "provisioner" => "updates to provisioner are forbidden.",
                _ => "updates to reclaimPolicy are forbidden.",
            };
            causes.push(field_error::forbidden(field, why));
        }
    }
    super::immutable(new, old, "volumeBindingMode", causes);
}
