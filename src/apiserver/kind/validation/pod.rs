//! Pods, and the templates of pods.

mod change;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{list, named, not_found, one_of, unsupported};
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
    name,
    quantity::Quantity,
};

const PORT_RANGE: &str = "must be between 1 and 65535, inclusive";

pub fn check(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    spec(&new["spec"], "spec", causes);
    if let Some(old) = old {
        change::check(&new["spec"], &old["spec"], causes);
    }
}

/// What a pod is made of.
pub fn spec(spec: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let volumes = volumes(spec, path, causes);
    let mut names = BTreeSet::new();
    let own = format!("{path}.containers");
    if list(spec, "containers").is_empty() {
        causes.push(field_error::required(&own, ""));
    }
    for field in ["containers", "initContainers", "ephemeralContainers"] {
        for (at, container) in list(spec, field).iter().enumerate() {
            let path = format!("{path}.{field}[{at}]");
            self::container(container, &path, &volumes, causes);
            let name = text(container, "name");
            if !name.is_empty() && !names.insert(name) {
                causes.push(field_error::duplicate(
                    &format!("{path}.name"),
                    &name.into(),
                ));
            }
        }
    }
    one_of(
        text(spec, "restartPolicy"),
        &["Always", "OnFailure", "Never"],
        &format!("{path}.restartPolicy"),
        causes,
    );
    one_of(
        text(spec, "dnsPolicy"),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        &format!("{path}.dnsPolicy"),
        causes,
    );
    labels(
        &spec["nodeSelector"],
        &format!("{path}.nodeSelector"),
        causes,
    );
    for (field, rule) in [
        (
            "serviceAccountName",
            name::subdomain as fn(&str) -> Vec<String>,
        ),
        ("nodeName", name::subdomain),
        ("hostname", name::label),
        ("subdomain", name::label),
        ("priorityClassName", name::subdomain),
        ("runtimeClassName", name::subdomain),
    ] {
        let value = text(spec, field);
        if !value.is_empty() {
            let path = format!("{path}.{field}");
            let faults = rule(value).into_iter();
            causes.extend(faults.map(|why| field_error::invalid(&path, &value.into(), why)));
        }
    }
    if let Some(seconds) = spec["activeDeadlineSeconds"].as_i64()
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        let why = "must be between 1 and 2147483647, inclusive";
        let path = format!("{path}.activeDeadlineSeconds");
        causes.push(field_error::invalid(&path, &seconds.into(), why));
    }
    tolerations(spec, path, causes);
}

fn labels(labels: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        let faults = name::qualified(key).into_iter();
        causes.extend(faults.map(|why| field_error::invalid(path, &key.as_str().into(), why)));
        let faults = name::label_value(value.as_str().unwrap_or_default()).into_iter();
        causes.extend(faults.map(|why| field_error::invalid(path, value, why)));
    }
}

/// Checks the volumes and returns their names.
fn volumes<'a>(spec: &'a Value, path: &str, causes: &mut Vec<FieldError>) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (at, volume) in list(spec, "volumes").iter().enumerate() {
        let path = format!("{path}.volumes[{at}]");
        let sources = volume.as_object().into_iter().flatten();
        let sources = sources.filter(|(field, _)| *field != "name").count();
        if sources == 0 {
            causes.push(field_error::required(&path, "must specify a volume type"));
        } else if sources > 1 {
            let second = volume.as_object().into_iter().flatten();
            let second = second.filter(|(field, _)| *field != "name").nth(1);
            let field = second.map_or("", |(field, _)| field.as_str());
            let why = "may not specify more than 1 volume type";
            causes.push(field_error::forbidden(&format!("{path}.{field}"), why));
        }
        named(volume, &path, name::label, causes);
        let name = text(volume, "name");
        if !name.is_empty() && !names.insert(name) {
            causes.push(field_error::duplicate(
                &format!("{path}.name"),
                &name.into(),
            ));
        }
    }
    names
}

fn container(
    container: &Value,
    path: &str,
    volumes: &BTreeSet<&str>,
    causes: &mut Vec<FieldError>,
) {
    named(container, path, name::label, causes);
    let image = text(container, "image");
    let at = format!("{path}.image");
    if image.is_empty() {
        causes.push(field_error::required(&at, ""));
    } else if image.trim() != image {
        let why = "must not have leading or trailing whitespace";
        causes.push(field_error::invalid(&at, &image.into(), why));
    }
    one_of(
        text(container, "terminationMessagePolicy"),
        &["FallbackToLogsOnError", "File"],
        &format!("{path}.terminationMessagePolicy"),
        causes,
    );
    ports(container, path, causes);
    environment(container, path, causes);
    mounts(container, path, volumes, causes);
    one_of(
        text(container, "imagePullPolicy"),
        &["Always", "IfNotPresent", "Never"],
        &format!("{path}.imagePullPolicy"),
        causes,
    );
    resources(
        &container["resources"],
        &format!("{path}.resources"),
        causes,
    );
}

fn ports(container: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let mut names = BTreeSet::new();
    for (at, port) in list(container, "ports").iter().enumerate() {
        let path = format!("{path}.ports[{at}]");
        let name = text(port, "name");
        if !name.is_empty() {
            let path = format!("{path}.name");
            let faults = name::port(name);
            if faults.is_empty() && !names.insert(name) {
                causes.push(field_error::duplicate(&path, &name.into()));
            }
            let faults = faults.into_iter();
            causes.extend(faults.map(|why| field_error::invalid(&path, &name.into(), why)));
        }
        let at = format!("{path}.containerPort");
        match port["containerPort"].as_i64().unwrap_or_default() {
            0 => causes.push(field_error::required(&at, "")),
            number if !(1..=65535).contains(&number) => {
                causes.push(field_error::invalid(&at, &number.into(), PORT_RANGE));
            }
            _ => {}
        }
        let host = port["hostPort"].as_i64().unwrap_or_default();
        if host != 0 && !(1..=65535).contains(&host) {
            causes.push(field_error::invalid(
                &format!("{path}.hostPort"),
                &host.into(),
                PORT_RANGE,
            ));
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        one_of(
            text(port, "protocol"),
            &protocols,
            &format!("{path}.protocol"),
            causes,
        );
    }
}

fn environment(container: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (at, variable) in list(container, "env").iter().enumerate() {
        let path = format!("{path}.env[{at}]");
        let name = text(variable, "name");
        if name.is_empty() {
            causes.push(field_error::required(&format!("{path}.name"), ""));
        } else if name.chars().any(|c| c == '=' || !(' '..='~').contains(&c)) {
            let why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
            causes.push(field_error::invalid(
                &format!("{path}.name"),
                &name.into(),
                why,
            ));
        }
        if variable["valueFrom"].is_object() && !text(variable, "value").is_empty() {
            let why = "may not be specified when `value` is not empty";
            causes.push(field_error::invalid(
                &format!("{path}.valueFrom"),
                &"".into(),
                why,
            ));
        }
    }
}

fn mounts(container: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Vec<FieldError>) {
    let mut places = BTreeSet::new();
    for (at, mount) in list(container, "volumeMounts").iter().enumerate() {
        let path = format!("{path}.volumeMounts[{at}]");
        let name = text(mount, "name");
        if name.is_empty() {
            causes.push(field_error::required(&format!("{path}.name"), ""));
        } else if !volumes.contains(name) {
            causes.push(not_found(&format!("{path}.name"), name));
        }
        let place = text(mount, "mountPath");
        let at = format!("{path}.mountPath");
        if place.is_empty() {
            causes.push(field_error::required(&at, ""));
        } else if !places.insert(place) {
            causes.push(field_error::invalid(&at, &place.into(), "must be unique"));
        }
    }
}

/// Requests and limits: no amount is negative, and nothing is asked for beyond its limit.
fn resources(resources: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let amount = |value: &Value| value.as_str().and_then(Quantity::parse);
    for field in ["limits", "requests"] {
        for (name, value) in resources[field].as_object().into_iter().flatten() {
            let at = format!("{path}.{field}[{name}]");
            let standard = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage")
                || name.starts_with("hugepages-");
            if !standard && !name.contains('/') {
                for why in [
                    "must be a standard resource type or fully qualified",
                    "must be a standard resource for containers",
                ] {
                    causes.push(field_error::invalid(&at, &name.as_str().into(), why));
                }
            }
            if amount(value).is_some_and(Quantity::is_negative) {
                let why = "must be greater than or equal to 0";
                causes.push(field_error::invalid(&at, value, why));
            }
        }
    }
    for (name, value) in resources["requests"].as_object().into_iter().flatten() {
        let limit = &resources["limits"][name];
        if let (Some(asked), Some(most)) = (amount(value), amount(limit))
            && asked > most
        {
            let limit = limit.as_str().unwrap_or_default();
            let why = format!("must be less than or equal to {name} limit of {limit}");
            causes.push(field_error::invalid(
                &format!("{path}.requests"),
                value,
                why,
            ));
        }
    }
}

fn tolerations(spec: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (at, toleration) in list(spec, "tolerations").iter().enumerate() {
        let path = format!("{path}.tolerations[{at}]");
        let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
        if !key.is_empty() {
            let path = format!("{path}.key");
            let faults = name::qualified(key).into_iter();
            causes.extend(faults.map(|why| field_error::invalid(&path, &key.into(), why)));
        } else if operator != "Exists" {
            let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            causes.push(field_error::invalid(
                &format!("{path}.operator"),
                &operator.into(),
                why,
            ));
        }
        if operator == "Exists" && !text(toleration, "value").is_empty() {
            let why = "value must be empty when `operator` is 'Exists'";
            let value = &toleration["value"];
            causes.push(field_error::invalid(
                &format!("{path}.operator"),
                value,
                why,
            ));
        }
        let effect = text(toleration, "effect");
        if !toleration["tolerationSeconds"].is_null() && effect != "NoExecute" {
            causes.push(field_error::invalid(
                &format!("{path}.effect"),
                &effect.into(),
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            ));
        }
        if !matches!(operator, "" | "Equal" | "Exists") {
            let at = format!("{path}.operator");
            causes.push(unsupported(operator, &["Equal", "Exists"], &at));
        }
        taint_effect(
            text(toleration, "effect"),
            true,
            &format!("{path}.effect"),
            causes,
        );
    }
}

/// The effect of a taint or a toleration.
pub fn taint_effect(effect: &str, may_be_empty: bool, path: &str, causes: &mut Vec<FieldError>) {
    match effect {
        "" if may_be_empty => {}
        "" => causes.push(field_error::required(path, "")),
        effect => {
            let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
            one_of(effect, &effects, path, causes);
        }
    }
}
