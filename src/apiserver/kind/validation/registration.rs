//! APIServices and requests for certificates.

use base64::{Engine, engine::general_purpose::STANDARD};
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
    let invalid = |path: &str, value: Value, why: &str| field_error::invalid(path, &value, why);
    let name = text(&new["metadata"], "name");
    let expected = registration::name(group, version);
    if name != expected {
        let why = format!("must be `spec.version+\".\"+spec.group`: {expected:?}");
        causes.push(invalid("metadata.name", name.into(), &why));
    }
    if group.is_empty() && version != "v1" {
        let why = "only v1 may have an empty group and it better be legacy kube";
        causes.push(field_error::required("spec.group", why));
    }
    if !group.is_empty() {
        let faults = name::subdomain(group).into_iter();
        causes.extend(faults.map(|why| invalid("spec.group", group.into(), &why)));
    }
    let faults = name::alphabetic_label(version).into_iter();
    causes.extend(faults.map(|why| invalid("spec.version", version.into(), &why)));
    for (field, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1_000)] {
        let given = spec[field].as_i64().unwrap_or_default();
        if !(1..=most).contains(&given) {
            let why = format!("must be positive and less than {most}");
            causes.push(invalid(&format!("spec.{field}"), given.into(), &why));
        }
    }
    target(spec, causes);
}

/// Who serves it, and how that one is known.
fn target(spec: &Value, causes: &mut Vec<FieldError>) {
    const INSECURE: &str = "spec.insecureSkipTLSVerify";
    let certificates = STANDARD.decode(text(spec, "caBundle")).unwrap_or_default();
    let is_insecure = spec["insecureSkipTLSVerify"] == true;
    let mut invalid = |path: &str, value: Value, why: &str| {
        causes.push(field_error::invalid(path, &value, why));
    };
    let service = &spec["service"];
    if service.is_null() {
        if !certificates.is_empty() {
            let shown = format!("{} bytes", certificates.len());
            let why = "local APIServices may not have a caBundle";
            invalid("spec.caBundle", shown.into(), why);
        }
        if is_insecure {
            let why = "local APIServices may not have insecureSkipTLSVerify";
            invalid(INSECURE, true.into(), why);
        }
        return;
    }
    if is_insecure && !certificates.is_empty() {
        let why = "may not be true if caBundle is present";
        invalid(INSECURE, true.into(), why);
    }
    for field in ["namespace", "name"] {
        if text(service, field).is_empty() {
            causes.push(field_error::required(&format!("spec.service.{field}"), ""));
        }
    }
}

pub fn certificate_request(new: &Value, causes: &mut Vec<FieldError>) {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE REQUEST-----";
    let request = &new["spec"]["request"];
    let decoded = STANDARD.decode(request.as_str().unwrap_or_default());
    let decoded = decoded.unwrap_or_default();
    if !decoded.windows(BEGIN.len()).any(|part| part == BEGIN) {
        let why = "PEM block type must be CERTIFICATE REQUEST";
        causes.push(field_error::invalid("spec.request", request, why));
    }
    if list(&new["spec"], "usages").is_empty() {
        causes.push(field_error::required("spec.usages", ""));
    }
    if text(&new["spec"], "signerName").is_empty() {
        causes.push(field_error::required("spec.signerName", ""));
    }
}
