//! Nodes, ConfigMaps, Secrets and Leases.

use serde_json::Value;

use super::{go_struct, immutable, list, pod};
use crate::object::{
    field_error::{self, FieldError},
    metadata::{self, text},
    name,
};

const LARGEST: i64 = 1024 * 1024;

pub fn namespace(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let phase = &new["status"]["phase"];
    let (wanted, why) = if metadata::is_deleting(new) {
        (
            "Terminating",
            "may only be 'Terminating' if `deletionTimestamp` is not empty",
        )
    } else {
        (
            "Active",
            "may only be 'Active' if `deletionTimestamp` is empty",
        )
    };
    if old.is_some() && phase != wanted {
        causes.push(field_error::invalid("status.Phase", phase, why));
    }
}

pub fn node(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    taints(new, causes);
    // Of an update it is looked at as a new node, and again as a change.
    if old.is_some() {
        taints(new, causes);
    }
    kept_of_node(new, old, causes);
}

fn taints(new: &Value, causes: &mut Vec<FieldError>) {
    for (index, taint) in list(&new["spec"], "taints").iter().enumerate() {
        let path = format!("metadata.taints[{index}]");
        let (key, value) = (text(taint, "key"), text(taint, "value"));
        let at = format!("{path}.key");
        let faults = name::qualified(key).into_iter();
        causes.extend(faults.map(|why| field_error::invalid(&at, &key.into(), why)));
        let at = format!("{path}.value");
        let faults = name::label_value(value).into_iter();
        causes.extend(faults.map(|why| field_error::invalid(&at, &value.into(), why)));
        pod::taint_effect(
            text(taint, "effect"),
            false,
            &format!("{path}.effect"),
            causes,
        );
        let taints = list(&new["spec"], "taints");
        let same = |one: &Value| one["key"] == taint["key"] && one["effect"] == taint["effect"];
        if taints[..index].iter().any(same) {
            let fields = [
                ("key", "Key", "\"\""),
                ("value", "Value", "\"\""),
                ("effect", "Effect", "\"\""),
                ("timeAdded", "TimeAdded", "null"),
            ];
            let shown = go_struct(taint, &fields);
            let why = "taints must be unique by key and effect pair";
            causes.push(field_error::duplicate_shown(
                &path,
                &format!("{shown}: {why}"),
            ));
        }
    }
}

fn kept_of_node(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    if let Some(old) = old {
        let networks = |object: &Value| list(&object["spec"], "podCIDRs").to_vec();
        if !networks(old).is_empty() && networks(new) != networks(old) {
            let why = "node updates may not change podCIDR except from \"\" to valid";
            causes.push(field_error::forbidden("spec.podCIDRs", why));
        }
        if new["spec"]["externalID"] != old["spec"]["externalID"] {
            let why = "may not be updated";
            causes.push(field_error::forbidden("spec.externalID", why));
        }
        let provider = |object: &Value| text(&object["spec"], "providerID").to_owned();
        let (new, old) = (provider(new), provider(old));
        if !old.is_empty() && new != old {
            let why = "node updates may not change providerID except from \"\" to valid";
            causes.push(field_error::forbidden("spec.providerID", why));
        }
    }
}

pub fn config_map(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    if let Some(old) = old {
        kept(new, old, &["data", "binaryData"], causes);
    }
    let mut size = 0;
    for (field, others) in [("data", "binaryData"), ("binaryData", "data")] {
        for (key, value) in new[field].as_object().into_iter().flatten() {
            data_key(field, key, causes);
            if field == "data" && new[others].get(key).is_some() {
                let why = format!("duplicate of key present in {others}");
                causes.push(field_error::invalid(
                    &format!("{field}[{key}]"),
                    &key.as_str().into(),
                    why,
                ));
            }
            size += value.as_str().unwrap_or_default().len();
        }
    }
    too_large("", size, causes);
}

pub fn secret(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    if let Some(old) = old {
        immutable(new, old, "type", causes);
        kept(new, old, &["data"], causes);
    }
    let mut size = 0;
    for (key, value) in new["data"].as_object().into_iter().flatten() {
        data_key("data", key, causes);
        size += value.as_str().unwrap_or_default().len() / 4 * 3;
    }
    too_large("data", size, causes);
    if text(new, "type") == "kubernetes.io/basic-auth" {
        let none = |key: &&str| new["data"].get(*key).is_none();
        let keys = ["username", "password"];
        if keys.iter().all(none) {
            let missing = keys.map(|key| field_error::required(&format!("data[{key}]"), ""));
            causes.extend(missing);
        }
    }
    let needed: &[&str] = match text(new, "type") {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/service-account-token" => {
            let account = &new["metadata"]["annotations"]["kubernetes.io/service-account.name"];
            if account.as_str().unwrap_or_default().is_empty() {
                let path = "metadata.annotations[kubernetes.io/service-account.name]";
                causes.push(field_error::required(path, ""));
            }
            &[]
        }
        _ => &[],
    };
    for key in needed {
        if new["data"].get(*key).is_none() {
            causes.push(field_error::required(&format!("data[{key}]"), ""));
        }
    }
}

fn data_key(field: &str, key: &str, causes: &mut Vec<FieldError>) {
    let path = format!("{field}[{key}]");
    let faults = name::config_key(key).into_iter();
    causes.extend(faults.map(|why| field_error::invalid(&path, &key.into(), why)));
}

fn too_large(path: &str, size: usize, causes: &mut Vec<FieldError>) {
    if i64::try_from(size).is_ok_and(|size| size > LARGEST) {
        causes.push(field_error::too_long(path, LARGEST));
    }
}

/// Once `immutable` is set, it and the data stay.
fn kept(new: &Value, old: &Value, fields: &[&str], causes: &mut Vec<FieldError>) {
    const WHY: &str = "field is immutable when `immutable` is set";
    if old["immutable"] != true {
        return;
    }
    if new["immutable"] != true {
        causes.push(field_error::forbidden("immutable", WHY));
    }
    for field in fields {
        if new[*field] != old[*field] {
            causes.push(field_error::forbidden(field, WHY));
        }
    }
}

pub fn lease(new: &Value, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    if let Some(seconds) = spec["leaseDurationSeconds"]
        .as_i64()
        .filter(|one| *one <= 0)
    {
        let path = "spec.leaseDurationSeconds";
        causes.push(field_error::invalid(
            path,
            &seconds.into(),
            "must be greater than 0",
        ));
    }
    if let Some(count) = spec["leaseTransitions"].as_i64().filter(|one| *one < 0) {
        let why = "must be greater than or equal to 0";
        causes.push(field_error::invalid(
            "spec.leaseTransitions",
            &count.into(),
            why,
        ));
    }
}
