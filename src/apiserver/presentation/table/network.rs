//! The rows of what leads to pods: Endpoints, EndpointSlices, Ingresses; and of autoscalers.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, few, integer, list, name, text, text_or},
};

pub(super) const ENDPOINTS: &[Definition] = &[
    ("Name", "string", 0),
    ("Endpoints", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn endpoints(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in list(object, "/subsets") {
        let addresses = list(subset, "/addresses");
        let addresses = || addresses.iter().map(|one| text(one, "/ip").to_owned());
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            all.extend(addresses());
        }
        for port in ports {
            let port = integer(port, "/port");
            all.extend(addresses().map(|address| format!("{address}:{port}")));
        }
    }
    vec![
        name(object),
        few(&all, 3, "<none>").into(),
        age_of(object, now),
    ]
}

pub(super) const SLICE: &[Definition] = &[
    ("Name", "string", 0),
    ("AddressType", "string", 0),
    ("Ports", "string", 0),
    ("Endpoints", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports = list(object, "/ports")
        .iter()
        .map(|port| match &port["port"] {
            Value::Null => "*".to_owned(),
            number => number.to_string(),
        });
    let addresses = list(object, "/endpoints").iter();
    let addresses = addresses.flat_map(|endpoint| list(endpoint, "/addresses"));
    let addresses = addresses.filter_map(|one| one.as_str().map(str::to_owned));
    vec![
        name(object),
        text(object, "/addressType").into(),
        few(&ports.collect::<Vec<_>>(), 3, "<unset>").into(),
        few(&addresses.collect::<Vec<_>>(), 3, "<unset>").into(),
        age_of(object, now),
    ]
}

pub(super) const INGRESS: &[Definition] = &[
    ("Name", "string", 0),
    ("Class", "string", 0),
    ("Hosts", "string", 0),
    ("Address", "string", 0),
    ("Ports", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts = list(object, "/spec/rules").iter();
    let hosts = hosts.map(|rule| text(rule, "/host").to_owned());
    let hosts: Vec<String> = hosts.filter(|host| !host.is_empty()).collect();
    let addresses = list(object, "/status/loadBalancer/ingress").iter();
    let addresses: Vec<&str> = addresses
        .map(|one| match text(one, "/ip") {
            "" => text(one, "/hostname"),
            address => address,
        })
        .collect();
    let is_secure = !list(object, "/spec/tls").is_empty();
    vec![
        name(object),
        text_or(object, "/spec/ingressClassName", "<none>"),
        few(&hosts, 3, "*").into(),
        addresses.join(",").into(),
        if is_secure { "80, 443" } else { "80" }.into(),
        age_of(object, now),
    ]
}

pub(super) const AUTOSCALER: &[Definition] = &[
    ("Name", "string", 0),
    ("Reference", "string", 0),
    ("Targets", "string", 0),
    ("MinPods", "string", 0),
    ("MaxPods", "string", 0),
    ("Replicas", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let least = &object["spec"]["minReplicas"];
    vec![
        name(object),
        format!(
            "{}/{}",
            text(object, "/spec/scaleTargetRef/kind"),
            text(object, "/spec/scaleTargetRef/name")
        )
        .into(),
        few_targets(&targets(object)).into(),
        if least.is_null() {
            "<unset>".into()
        } else {
            least.to_string().into()
        },
        integer(object, "/spec/maxReplicas").into(),
        integer(object, "/status/currentReplicas").into(),
        age_of(object, now),
    ]
}

fn few_targets(targets: &[String]) -> String {
    const MOST: usize = 2;
    let shown = targets.iter().take(MOST).cloned().collect::<Vec<_>>();
    match targets.len() {
        0 => "<none>".to_owned(),
        many if many > MOST => format!("{} + {} more...", shown.join(", "), many - MOST),
        _ => shown.join(", "),
    }
}

/// What is measured and what it is to be, as both versions say it.
fn targets(object: &Value) -> Vec<String> {
    let percent = |value: &Value| match value {
        Value::Null => "<unknown>".to_owned(),
        known => format!("{known}%"),
    };
    let wanted = &object["spec"]["targetCPUUtilizationPercentage"];
    if !wanted.is_null() {
        let now = &object["status"]["currentCPUUtilizationPercentage"];
        return vec![format!("cpu: {}/{}", percent(now), percent(wanted))];
    }
    let measured = list(object, "/status/currentMetrics");
    let metrics = list(object, "/spec/metrics").iter().enumerate();
    metrics
        .map(|(at, metric)| {
            let kind = text(metric, "/type");
            let source = format!(
                "{}{}",
                kind[..kind.len().min(1)].to_lowercase(),
                &kind[kind.len().min(1)..]
            );
            let (target, now) = (&metric[&source]["target"], measured.get(at));
            let now = now.map_or(&Value::Null, |now| &now[&source]["current"]);
            let amount = |of: &Value| {
                let mut known = ["averageValue", "value"].into_iter();
                let known = known.find_map(|field| of[field].as_str());
                known.unwrap_or("<unknown>").to_owned()
            };
            let shown = if target["averageUtilization"].is_null() {
                format!("{}/{}", amount(now), amount(target))
            } else {
                let field = "averageUtilization";
                format!("{}/{}", percent(&now[field]), percent(&target[field]))
            };
            match text(metric, "/resource/name") {
                "" => shown,
                resource => format!("{resource}: {shown}"),
            }
        })
        .collect()
}
