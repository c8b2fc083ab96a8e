use serde_json::json;

use super::*;

fn quota(hard: &Value, scopes: &Value) -> Arc<Value> {
    let counted = json!({"metadata": {"name": "q"}, "spec": {"hard": hard, "scopes": scopes}});
    let used = count(&counted, |_| Some(Vec::new()));
    let used: Value = used
        .into_iter()
        .map(|(name, amount)| (name, Value::from(amount.to_string())))
        .collect();
    let mut counted = counted;
    counted["status"] = json!({"hard": hard, "used": used});
    Arc::new(counted)
}

fn create<'a>(resource: Key<'a>, new: &'a Value) -> Request<'a> {
    Request {
        resource,
        operation: Operation::Create,
        new,
        old: None,
    }
}

fn pod(requests: &Value, limits: &Value) -> Value {
    json!({"metadata": {"name": "p"}, "status": {"qosClass": "Burstable"}, "spec": {
        "containers": [{"name": "c", "resources": {"requests": requests, "limits": limits}}]}})
}

#[test]
fn what_a_write_uses_is_charged_or_refused() {
    let hard =
        json!({"pods": "5", "cpu": "1", "memory": "500Mi", "requests.example.com/dongle": "3"});
    let quotas = [quota(&hard, &json!(null))];
    let fits = pod(
        &json!({"cpu": "500m", "memory": "252Mi", "example.com/dongle": "2"}),
        &json!({}),
    );
    let charges = check(&quotas, &create(PODS, &fits)).unwrap();
    let used = &charges[0].used;
    let shown: Vec<String> = used
        .iter()
        .map(|(name, amount)| format!("{name}={amount}"))
        .collect();
    assert_eq!(
        shown,
        [
            "cpu=500m",
            "memory=252Mi",
            "pods=1",
            "requests.example.com/dongle=2"
        ]
    );
    let large = pod(&json!({"cpu": "1100m", "memory": "252Mi"}), &json!({}));
    assert_eq!(
        check(&quotas, &create(PODS, &large)).unwrap_err(),
        "exceeded quota: q, requested: cpu=1100m, used: cpu=0, limited: cpu=1"
    );
    let silent = pod(&json!({}), &json!({}));
    assert_eq!(
        check(&quotas, &create(PODS, &silent)).unwrap_err(),
        "failed quota: q: must specify cpu for: c; memory for: c"
    );
    // Others are not limited, and nobody knows of a quota that has not been counted yet.
    let map = json!({"metadata": {"name": "m"}});
    assert!(
        check(&quotas, &create(("", "configmaps"), &map))
            .unwrap()
            .is_empty()
    );
    let mut uncounted = Value::clone(&quota(&json!({"configmaps": "1"}), &json!(null)));
    uncounted["status"]["used"] = json!({});
    assert_eq!(
        check(&[Arc::new(uncounted)], &create(("", "configmaps"), &map)).unwrap_err(),
        "status unknown for quota: q, resources: configmaps"
    );
}

#[test]
fn scopes_choose_pods() {
    let mut finite = pod(&json!({}), &json!({}));
    finite["spec"]["activeDeadlineSeconds"] = 60.into();
    finite["status"]["qosClass"] = "BestEffort".into();
    for (scope, counted) in [
        ("Terminating", "1"),
        ("NotTerminating", "0"),
        ("BestEffort", "1"),
        ("NotBestEffort", "0"),
    ] {
        let quota = quota(&json!({"pods": "5", "services": "1"}), &json!([scope]));
        let used = count(&quota, |_| Some(vec![Arc::new(finite.clone())]));
        assert_eq!(used["pods"].to_string(), counted, "{scope}");
        assert_eq!(
            used["services"].to_string(),
            "0",
            "no service is in a scope"
        );
    }
}

#[test]
fn a_service_uses_what_its_type_needs() {
    let hard = json!({"services": "10", "services.nodeports": "1", "services.loadbalancers": "1"});
    let quotas = [quota(&hard, &json!(null))];
    let service =
        |kind: &str, ports: usize| json!({"spec": {"type": kind, "ports": vec![json!({}); ports]}});
    let inner = service("ClusterIP", 2);
    let outer = service("LoadBalancer", 2);
    assert!(check(&quotas, &create(SERVICES, &inner)).is_ok());
    let change = Request {
        operation: Operation::Update,
        old: Some(&inner),
        ..create(SERVICES, &outer)
    };
    assert_eq!(
        check(&quotas, &change).unwrap_err(),
        "exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1"
    );
}

#[test]
fn what_is_there_is_counted() {
    let hard = json!({
        "count/things.example.com": "1", "count/gone.example.com": "1", "requests.storage": "10Gi",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "2", "limits.cpu": "2",
    });
    let claim = json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}});
    let mut begins = pod(&json!({}), &json!({"cpu": "200m"}));
    begins["spec"]["initContainers"] =
        json!([{"name": "i", "resources": {"limits": {"cpu": "1"}}}]);
    let mut ended = begins.clone();
    ended["status"]["phase"] = "Succeeded".into();
    let quota = json!({"spec": {"hard": hard}});
    let used = count(&quota, |resource| match resource {
        ("example.com", "gone") => None,
        ("example.com", _) => Some(vec![Arc::default(), Arc::default()]),
        CLAIMS => Some(vec![Arc::new(claim.clone()), Arc::new(claim.clone())]),
        PODS => Some(vec![Arc::new(begins.clone()), Arc::new(ended.clone())]),
        _ => Some(Vec::new()),
    });
    let shown: Vec<String> = used
        .iter()
        .map(|(name, amount)| format!("{name}={amount}"))
        .collect();
    assert_eq!(
        shown,
        [
            "count/things.example.com=2",
            "gold.storageclass.storage.k8s.io/persistentvolumeclaims=2",
            "limits.cpu=1",
            "requests.storage=2Gi",
        ]
    );
}
