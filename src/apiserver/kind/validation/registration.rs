//! APIServices and requests for certificates.

use serde_json::Value;

use super::list;
use crate::{
    kind::registration,
    object::{
        field_error::{self, FieldError},
        metadata::text,
        name,
    },
};

pub fn service(new: &Value, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let (group, version) = (text(spec, "group"), text(spec, "version"));
    let name = text(&new["metadata"], "name");
    let expected = registration::name(group, version);
    let mut invalid = |path: &str, value: Value, why: String| {
        causes.push(field_error::invalid(path, &value, why));
    };
    if name != expected {
        let why = format!("must be `spec.version+\".\"+spec.group`: {expected:?}");
        invalid("metadata.name", name.into(), why);
    }
    if !group.is_empty() {
        for why in name::subdomain(group) {
            invalid("spec.group", group.into(), why);
        }
    }
    for why in name::alphabetic_label(version) {
        invalid("spec.version", version.into(), why);
    }
    for (field, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1_000)] {
        let given = spec[field].as_i64().unwrap_or_default();
        if !(1..=most).contains(&given) {
            let why = format!("must be positive and less than {most}");
            invalid(&format!("spec.{field}"), given.into(), why);
        }
    }
    let (target, insecure) = (&spec["service"], spec["insecureSkipTLSVerify"] == true);
    let path = "spec.insecureSkipTLSVerify";
    if target.is_null() {
        if insecure {
            let why = "local APIServices may not have insecureSkipTLSVerify".to_owned();
            invalid(path, true.into(), why);
        }
    } else if insecure && !text(spec, "caBundle").is_empty() {
        let why = "may not be true if caBundle is present".to_owned();
        invalid(path, true.into(), why);
    }
    if group.is_empty() && version != "v1" {
        let why = "only v1 may have an empty group and it better be legacy kube";
        causes.push(field_error::required("spec.group", why));
    }
    if target.is_object() {
        for field in ["namespace", "name"] {
            if text(target, field).is_empty() {
                causes.push(field_error::required(&format!("spec.service.{field}"), ""));
            }
        }
    }
}

pub fn certificate_request(new: &Value, causes: &mut Vec<FieldError>) {
    if list(&new["spec"], "usages").is_empty() {
        causes.push(field_error::required("spec.usages", ""));
    }
    if text(&new["spec"], "signerName").is_empty() {
        causes.push(field_error::required("spec.signerName", ""));
    }
}
