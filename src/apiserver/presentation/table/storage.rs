//! The rows of volumes, claims, storage classes, and of drivers on nodes.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, list, name, size, text, text_or},
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
    vec![
        name(object),
        phase(object).into(),
        text(object, "/spec/volumeName").into(),
        text(object, "/status/capacity/storage").into(),
        modes(object, "/status/accessModes"),
        text(object, "/spec/storageClassName").into(),
        text_or(object, "/spec/volumeAttributesClassName", "<unset>"),
        age_of(object, now),
        text_or(object, "/spec/volumeMode", "<unset>"),
    ]
}

fn phase(object: &Value) -> &str {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else {
        text(object, "/status/phase")
    }
}

fn modes(object: &Value, pointer: &str) -> Value {
    let modes: Vec<&str> = list(object, pointer)
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
    modes.join(",").into()
}

pub(super) const VOLUME: &[Definition] = &[
    ("Name", "string", 0),
    ("Capacity", "string", 0),
    ("Access Modes", "string", 0),
    ("Reclaim Policy", "string", 0),
    ("Status", "string", 0),
    ("Claim", "string", 0),
    ("StorageClass", "string", 0),
    ("VolumeAttributesClass", "string", 0),
    ("Reason", "string", 0),
    ("Age", "string", 0),
    ("VolumeMode", "string", 1),
];

pub(super) fn volume(object: &Value, now: Timestamp) -> Vec<Value> {
    let claim = |field: &str| text(object, &format!("/spec/claimRef/{field}"));
    let claim = match (claim("namespace"), claim("name")) {
        (_, "") => String::new(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    vec![
        name(object),
        text(object, "/spec/capacity/storage").into(),
        modes(object, "/spec/accessModes"),
        text(object, "/spec/persistentVolumeReclaimPolicy").into(),
        phase(object).into(),
        claim.into(),
        text(object, "/spec/storageClassName").into(),
        text_or(object, "/spec/volumeAttributesClassName", "<unset>"),
        text(object, "/status/reason").into(),
        age_of(object, now),
        text_or(object, "/spec/volumeMode", "<unset>"),
    ]
}

pub(super) const CSI_NODE: &[Definition] = &[
    ("Name", "string", 0),
    ("Drivers", "integer", 0),
    ("Age", "string", 0),
];

pub(super) fn csi_node(object: &Value, now: Timestamp) -> Vec<Value> {
    let drivers = size(object, "/spec/drivers");
    vec![name(object), drivers.into(), age_of(object, now)]
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
