//! The rows of claims and storage classes.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, list, name, text, text_or},
};

pub(super) const CLAIM: &[Definition] = &[
    ("Name", "string", 0),
    ("Status", "string", 0),
    ("Volume", "string", 0),
    ("Capacity", "string", 0),
    ("Access Modes", "string", 0),
    ("StorageClass", "string", 0),
    ("VolumeAttributesClass", "string", 0),
    ("Age", "string", 0),
    ("VolumeMode", "string", 1),
];

pub(super) fn claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let phase = if object.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else {
        text(object, "/status/phase")
    };
    let modes: Vec<&str> = list(object, "/status/accessModes")
        .iter()
        .filter_map(Value::as_str)
        .map(|mode| match mode {
            "ReadWriteOnce" => "RWO",
            "ReadOnlyMany" => "ROX",
            "ReadWriteMany" => "RWX",
            "ReadWriteOncePod" => "RWOP",
            other => other,
        })
        .collect();
    vec![
        name(object),
        phase.into(),
        text(object, "/spec/volumeName").into(),
        text(object, "/status/capacity/storage").into(),
        modes.join(",").into(),
        text(object, "/spec/storageClassName").into(),
        text_or(object, "/spec/volumeAttributesClassName", "<unset>"),
        age_of(object, now),
        text_or(object, "/spec/volumeMode", "<unset>"),
    ]
}

pub(super) const STORAGE_CLASS: &[Definition] = &[
    ("Name", "string", 0),
    ("Provisioner", "string", 0),
    ("ReclaimPolicy", "string", 0),
    ("VolumeBindingMode", "string", 0),
    ("AllowVolumeExpansion", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn storage_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let is_default = text(
        object,
        "/metadata/annotations/storageclass.kubernetes.io~1is-default-class",
    ) == "true";
    let shown = text(object, "/metadata/name");
    vec![
        if is_default {
            format!("{shown} (default)").into()
        } else {
            shown.into()
        },
        text(object, "/provisioner").into(),
        text_or(object, "/reclaimPolicy", "Delete"),
        text_or(object, "/volumeBindingMode", "Immediate"),
        object
            .pointer("/allowVolumeExpansion")
            .and_then(Value::as_bool)
            .unwrap_or(false)
            .into(),
        age_of(object, now),
    ]
}
