//! Services.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Value, json};

use super::{list, one_of};
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
    name,
};

const PORT_RANGE: &str = "must be between 1 and 65535, inclusive";

pub fn check(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let kind = text(spec, "type");
    let ports = list(spec, "ports");
    let headless = text(spec, "clusterIP") == "None";
    if ports.is_empty() && !headless && kind != "ExternalName" {
        causes.push(field_error::required("spec.ports", ""));
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let why = format!("may not be set to 'None' for {kind} services");
            causes.push(field_error::invalid(
                "spec.clusterIPs[0]",
                &"None".into(),
                why,
            ));
        }
        "ExternalName" => external_name(spec, causes),
        _ => {}
    }
    self::ports(ports, causes);
    for (key, value) in spec["selector"].as_object().into_iter().flatten() {
        let faults = name::qualified(key).into_iter();
        causes.extend(
            faults.map(|why| field_error::invalid("spec.selector", &key.as_str().into(), why)),
        );
        let faults = name::label_value(value.as_str().unwrap_or_default()).into_iter();
        causes.extend(faults.map(|why| field_error::invalid("spec.selector", value, why)));
    }
    let affinities = ["ClientIP", "None"];
    one_of(
        text(spec, "sessionAffinity"),
        &affinities,
        "spec.sessionAffinity",
        causes,
    );
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of(kind, &kinds, "spec.type", causes);
    balancer(spec, old, causes);
    families(spec, causes);
    let given = text(spec, "clusterIP");
    if !matches!(given, "" | "None") && given.parse::<IpAddr>().is_err() {
        causes.push(field_error::invalid(
            "spec.clusterIPs[0]",
            &given.into(),
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ));
    }
    if kind != "LoadBalancer" && !list(&new["status"]["loadBalancer"], "ingress").is_empty() {
        let why = "may only be used when `spec.type` is 'LoadBalancer'";
        causes.push(field_error::forbidden("status.loadBalancer.ingress", why));
    }
    if let Some(old) = old {
        address(spec, &old["spec"], causes);
    }
}

/// What only makes sense for services that are reached from outside.
fn balancer(spec: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let is_balanced = |spec: &Value| text(spec, "type") == "LoadBalancer";
    let is_outside = matches!(text(spec, "type"), "LoadBalancer" | "NodePort")
        || !list(spec, "externalIPs").is_empty();
    let policy = &spec["externalTrafficPolicy"];
    if !text(spec, "externalTrafficPolicy").is_empty() && !is_outside {
        let why = "may only be set for externally-accessible services";
        causes.push(field_error::invalid(
            "spec.externalTrafficPolicy",
            policy,
            why,
        ));
    }
    let check = &spec["healthCheckNodePort"];
    if check.as_i64().is_some_and(|port| port != 0) && !(is_balanced(spec) && policy == "Local") {
        let why =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        causes.push(field_error::invalid("spec.healthCheckNodePort", check, why));
    }
    let (path, class) = ("spec.loadBalancerClass", &spec["loadBalancerClass"]);
    if !is_balanced(spec) {
        if !class.is_null() {
            let why = "may only be used when `type` is 'LoadBalancer'";
            causes.push(field_error::forbidden(path, why));
        }
    } else if old
        .is_some_and(|old| is_balanced(&old["spec"]) && old["spec"]["loadBalancerClass"] != *class)
    {
        causes.push(field_error::invalid(path, class, "may not change once set"));
    }
}

/// This cluster has addresses of one family.
fn families(spec: &Value, causes: &mut Vec<FieldError>) {
    let address = text(spec, "clusterIP");
    let family = list(spec, "ipFamilies").first().and_then(Value::as_str);
    let is_v6 = address.contains(':');
    if let Some(family) = family
        && !matches!(address, "" | "None")
        && is_v6 != (family == "IPv6")
    {
        let why = format!("expected an {family} value as indicated by `ipFamilies[0]`");
        causes.push(field_error::invalid(
            "spec.clusterIPs[0]",
            &address.into(),
            why,
        ));
    }
    let policy = &spec["ipFamilyPolicy"];
    if policy == "RequireDualStack" {
        let why = "this cluster is not configured for dual-stack services";
        causes.push(field_error::invalid("spec.ipFamilyPolicy", policy, why));
    }
}

fn external_name(spec: &Value, causes: &mut Vec<FieldError>) {
    if !text(spec, "clusterIP").is_empty() {
        let why = "may not be set for ExternalName services";
        causes.push(field_error::forbidden("spec.clusterIPs", why));
    }
    let target = text(spec, "externalName").trim_end_matches('.');
    if target.is_empty() {
        causes.push(field_error::required("spec.externalName", ""));
    } else {
        let faults = name::subdomain(target).into_iter();
        causes.extend(
            faults.map(|why| field_error::invalid("spec.externalName", &target.into(), why)),
        );
    }
}

fn ports(ports: &[Value], causes: &mut Vec<FieldError>) {
    let (mut names, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for (at, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{at}]");
        let name = text(port, "name");
        let named = format!("{path}.name");
        if name.is_empty() {
            if ports.len() > 1 {
                causes.push(field_error::required(&named, ""));
            }
        } else {
            let faults = name::label(name).into_iter();
            causes.extend(faults.map(|why| field_error::invalid(&named, &name.into(), why)));
            if !names.insert(name) {
                causes.push(field_error::duplicate(&named, &name.into()));
            }
        }
        let number = port["port"].as_i64().unwrap_or_default();
        if !(1..=65535).contains(&number) {
            causes.push(field_error::invalid(
                &format!("{path}.port"),
                &number.into(),
                PORT_RANGE,
            ));
        }
        let protocol = text(port, "protocol");
        one_of(
            protocol,
            &["SCTP", "TCP", "UDP"],
            &format!("{path}.protocol"),
            causes,
        );
        let target = &port["targetPort"];
        let at = format!("{path}.targetPort");
        match target {
            Value::Number(_) if !(1..=65535).contains(&target.as_i64().unwrap_or_default()) => {
                causes.push(field_error::invalid(&at, target, PORT_RANGE));
            }
            Value::String(text) => {
                let faults = name::port(text).into_iter();
                causes.extend(faults.map(|why| field_error::invalid(&at, target, why)));
            }
            _ => {}
        }
        if !seen.insert((protocol, number)) {
            // Shown is what they are compared by.
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":{protocol:?},\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
            );
            causes.push(field_error::duplicate_shown(&path, &shown));
        }
    }
}

/// The address that a service once got it keeps.
fn address(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let (before, now) = (text(old, "clusterIP"), text(new, "clusterIP"));
    let stays = text(old, "type") != "ExternalName" && text(new, "type") != "ExternalName";
    if stays && !before.is_empty() && before != now {
        let shown = json!([now]);
        let why = "may not change once set";
        causes.push(field_error::invalid("spec.clusterIPs[0]", &shown, why));
    }
}
