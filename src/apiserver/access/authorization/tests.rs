#![allow(
    clippy::needless_pass_by_value,
    reason = "objects are written where they are used"
)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use escalation::{Fault, Grant};

fn object(value: Value) -> Arc<Value> {
    Arc::new(value)
}

fn role(namespace: &str, name: &str, rules: Value) -> Arc<Value> {
    object(json!({"metadata": {"namespace": namespace, "name": name}, "rules": rules}))
}

fn binding(namespace: &str, name: &str, role: (&str, &str), subject: Value) -> Arc<Value> {
    object(json!({
        "metadata": {"namespace": namespace, "name": name},
        "roleRef": {"kind": role.0, "name": role.1}, "subjects": [subject],
    }))
}

fn user(name: &str) -> Value {
    json!({"kind": "User", "name": name})
}

fn jane() -> Identity {
    Identity::new("jane", ["dev", "system:authenticated"].map(str::to_owned))
}

/// `verb group/resource/subresource namespace/name`, or `verb path`.
fn asks<'a>(user: &'a Identity, question: &str) -> Attributes<'a> {
    let words: Vec<&str> = question.split(' ').collect();
    let target = if let [_, path] = words.as_slice() {
        Target::Path((*path).to_owned())
    } else {
        let mut what = words[1].splitn(3, '/').map(str::to_owned);
        let (namespace, name) = words[2].split_once('/').unwrap();
        Target::Resource(ResourceTarget {
            group: what.next().unwrap(),
            resource: what.next().unwrap(),
            subresource: what.next().unwrap_or_default(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    };
    Attributes {
        user,
        verb: words[0].to_owned(),
        target,
    }
}

#[test]
fn rules_allow_what_they_say() {
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get"]},
        {"apiGroups": ["*"], "resources": ["nodes/*"], "verbs": ["get"]},
        {"nonResourceURLs": ["/healthz", "/metrics/*"], "verbs": ["get"]},
    ]);
    let authority = Authority::compile(
        &[role("", "some", rules)],
        &[binding("", "b", ("ClusterRole", "some"), user("jane"))],
    );
    let jane = jane();
    for (question, allowed) in [
        ("get /pods a/x", true),
        ("list /pods /", true),
        ("watch /pods a/", false),
        ("get /pods/log a/x", true),
        ("get /pods/exec a/x", false),
        ("get apps/pods a/x", false),
        ("patch apps/deployments/scale a/x", true),
        ("patch apps/deployments a/x", false),
        ("get /secrets a/mine", true),
        ("get /secrets a/other", false),
        ("list /secrets a/", false),
        // It looks as if it meant all parts of nodes; to the API server it is a resource of that name.
        ("get /nodes/status /x", false),
        ("get /healthz", true),
        ("get /healthz/etcd", false),
        ("get /metrics/slis", true),
        ("get /metrics", false),
        ("post /healthz", false),
    ] {
        assert_eq!(
            authority.decide(&asks(&jane, question)).allowed,
            allowed,
            "{question}"
        );
    }
}

#[test]
fn a_binding_grants_to_its_subjects_where_it_is() {
    let reads = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let authority = Authority::compile(
        &[role("", "reader", reads.clone()), role("a", "local", reads)],
        &[
            binding("a", "one", ("ClusterRole", "reader"), user("jane")),
            binding("b", "two", ("Role", "local"), user("jane")),
            binding(
                "c",
                "three",
                ("ClusterRole", "reader"),
                json!({"kind": "Group", "name": "dev"}),
            ),
            binding(
                "d",
                "four",
                ("ClusterRole", "reader"),
                json!({"kind": "ServiceAccount", "name": "bot"}),
            ),
        ],
    );
    let (jane, bot) = (jane(), Identity::service_account("d", "bot"));
    let reason = |user: &Identity, question: &str| {
        let decision = authority.decide(&asks(user, question));
        (decision.allowed, decision.reason)
    };
    let granted = r#"RBAC: allowed by RoleBinding "one/a" of ClusterRole "reader" to User "jane""#;
    assert_eq!(reason(&jane, "get /pods a/x"), (true, granted.to_owned()));
    let missing = r#"RBAC: role.rbac.authorization.k8s.io "local" not found"#;
    assert_eq!(reason(&jane, "get /pods b/x"), (false, missing.to_owned()));
    assert!(reason(&jane, "get /pods c/x").0);
    assert_eq!(reason(&jane, "get /pods d/x"), (false, String::new()));
    let granted = r#"RBAC: allowed by RoleBinding "four/d" of ClusterRole "reader" to ServiceAccount "bot/d""#;
    assert_eq!(reason(&bot, "get /pods d/x"), (true, granted.to_owned()));
    assert!(!reason(&Identity::service_account("e", "bot"), "get /pods d/x").0);
    assert!(reason(&Identity::owner(), "delete /nodes /x").0);
}

#[test]
fn refusals_are_worded_as_the_api_server_words_them() {
    let jane = jane();
    for (question, message) in [
        (
            "list /pods /",
            r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope"#,
        ),
        (
            "patch vm.cluster.gke.io/vmruntimes/status /vmruntime",
            r#"vmruntimes.vm.cluster.gke.io "vmruntime" is forbidden: User "jane" cannot patch resource "vmruntimes/status" in API group "vm.cluster.gke.io" at the cluster scope"#,
        ),
        (
            "get /secrets a/<b>",
            r#"secrets "<b>" is forbidden: User "jane" cannot get resource "secrets" in API group "" in the namespace "a""#,
        ),
        (
            "get /metrics",
            r#"forbidden: User "jane" cannot get path "/metrics""#,
        ),
        (
            "get /<b>",
            r#"forbidden: User "jane" cannot get path "/&lt;b&gt;""#,
        ),
    ] {
        assert_eq!(forbidden(&asks(&jane, question), "").message, message);
    }
    let details = forbidden(&asks(&jane, "get /metrics"), "").details;
    assert_eq!(details, Some(json!({})));
    let message = forbidden(&asks(&jane, "get /metrics"), "RBAC: gone").message;
    assert!(message.ends_with(r#""/metrics": RBAC: gone"#), "{message}");
}

fn grant<'a>(user: &'a Identity, plural: &'a str, new: &'a Value) -> Grant<'a> {
    Grant {
        user,
        plural,
        namespace: "a",
        name: "",
        new,
        old: None,
    }
}

#[test]
fn nobody_grants_more_than_he_has() {
    let authority = Authority::compile(
        &[
            role(
                "",
                "own",
                json!([
                    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
                ]),
            ),
            role(
                "",
                "more",
                json!([
                    {"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get", "delete"]},
                    {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
                ]),
            ),
            role(
                "",
                "binder",
                json!([{
                    "apiGroups": [GROUP], "resources": ["clusterroles"], "resourceNames": ["more"], "verbs": ["bind"],
                }]),
            ),
            role(
                "",
                "escalator",
                json!([
                    {"apiGroups": [GROUP], "resources": ["roles"], "verbs": ["escalate"]},
                ]),
            ),
        ],
        &[
            binding("a", "b", ("ClusterRole", "own"), user("jane")),
            binding("", "c", ("ClusterRole", "binder"), user("bob")),
            binding("", "d", ("ClusterRole", "escalator"), user("eve")),
        ],
    );
    let [jane, bob, eve] = [jane(), Identity::new("bob", []), Identity::new("eve", [])];
    let reads = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let everything = json!({"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    let binds = |name: &str| json!({"roleRef": {"kind": "ClusterRole", "name": name}});
    let gathers = json!({"aggregationRule": {"clusterRoleSelectors": [{}]}});
    let (own, more, gone) = (binds("own"), binds("more"), binds("gone"));
    for (user, plural, new, allowed) in [
        (&jane, "roles", &reads, true),
        (&jane, "roles", &everything, false),
        (&eve, "roles", &everything, true),
        (&jane, "rolebindings", &own, true),
        (&jane, "rolebindings", &more, false),
        (&bob, "rolebindings", &more, true),
        (&bob, "rolebindings", &own, false),
        (&jane, "clusterroles", &gathers, false),
        (&Identity::owner(), "clusterroles", &everything, true),
    ] {
        let outcome = authority.check_grant(&grant(user, plural, new));
        assert_eq!(
            outcome.is_ok(),
            allowed,
            "{} {plural} {new}: {outcome:?}",
            user.username
        );
    }
    let gone = authority.check_grant(&grant(&jane, "rolebindings", &gone));
    assert!(matches!(gone, Err(Fault::NoRole(_))), "{gone:?}");
    let exceeds = authority.check_grant(&grant(&jane, "rolebindings", &more));
    assert_eq!(
        exceeds,
        Err(Fault::Exceeds(
            "user \"jane\" (groups=[\"dev\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n\
             {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}\n\
             {APIGroups:[\"apps\"], Resources:[\"pods\"], Verbs:[\"get\" \"delete\"]}\n\
             {NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}"
                .to_owned()
        ))
    );
}

#[test]
fn a_request_is_understood_without_knowing_what_is_served() {
    let jane = jane();
    for (method, uri, question) in [
        ("GET", "/api/v1/pods", "list /pods /"),
        ("GET", "/api/v1/pods?watch=true", "watch /pods /"),
        (
            "GET",
            "/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx",
            "list /pods a/x",
        ),
        ("GET", "/api/v1/namespaces/a/pods/x", "get /pods a/x"),
        ("GET", "/api/v1/namespaces/a", "get /namespaces a/a"),
        (
            "PATCH",
            "/api/v1/namespaces/a/status",
            "patch /namespaces/status a/a",
        ),
        (
            "DELETE",
            "/apis/x.y/v1/things",
            "deletecollection x.y/things /",
        ),
        (
            "DELETE",
            "/apis/x.y/v1/things/a%2Fb",
            "delete x.y/things /a/b",
        ),
        (
            "PUT",
            "/apis/x.y/v1/namespaces/n/things/t/scale",
            "update x.y/things/scale n/t",
        ),
        ("POST", "/apis/x.y/v1/things", "create x.y/things /"),
        ("GET", "/apis/x.y/v1", "get /apis/x.y/v1"),
        ("GET", "/api/v1/", "get /api/v1/"),
        ("GET", "/version", "get /version"),
        ("POST", "/", "post /"),
    ] {
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .body(bytes::Bytes::new())
            .unwrap();
        assert_eq!(
            of_request(&jane, &request),
            asks(&jane, question),
            "{method} {uri}"
        );
    }
}

#[test]
fn roles_gather_the_rules_of_others() {
    let labelled = |name: &str, label: &str, rule: &str| {
        object(
            json!({"metadata": {"name": name, "labels": {label: "true"}}, "rules": [{"verbs": [rule]}]}),
        )
    };
    let gathering = object(json!({
        "metadata": {"name": "all", "labels": {"a": "true"}},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "true"}}, {"matchLabels": {"b": "true"}}]},
    }));
    let roles = [
        gathering,
        labelled("x", "a", "get"),
        labelled("y", "b", "get"),
        labelled("z", "b", "list"),
    ];
    let outdated = aggregate::outdated(&roles);
    let [(role, rules)] = outdated.as_slice() else {
        panic!("{outdated:?}")
    };
    assert_eq!(role["metadata"]["name"], "all");
    assert_eq!(*rules, json!([{"verbs": ["get"]}, {"verbs": ["list"]}]));
}

#[test]
fn the_first_objects_can_be_read_and_refer_to_each_other() {
    let named = |kind: &str| -> Vec<&str> {
        let objects = bootstrap::objects().iter();
        objects
            .filter(|object| object["kind"] == kind)
            .map(|object| object["metadata"]["name"].as_str().unwrap())
            .collect()
    };
    let roles = named("ClusterRole");
    for binding in bootstrap::objects()
        .iter()
        .filter(|object| object["roleRef"].is_object())
    {
        assert!(
            roles.contains(&text(&binding["roleRef"], "name")),
            "{binding}"
        );
    }
    assert!(
        roles.contains(&"cluster-admin") && named("ClusterRoleBinding").contains(&"cluster-admin")
    );
}

fn words(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let word = proptest::sample::select(of).prop_map(str::to_owned);
    proptest::collection::vec(word, 1..3)
}

prop_compose! {
    fn any_rule()(
        verbs in words(&["get", "list", "*"]),
        api_groups in words(&["", "apps", "*"]),
        resources in words(&["pods", "pods/log", "*/log", "*"]),
        resource_names in proptest::option::of(words(&["a", "b"])),
    ) -> Rule {
        Rule { verbs, api_groups, resources, resource_names: resource_names.unwrap_or_default(), ..Rule::default() }
    }
}

proptest! {
    /// Whoever holds a rule holds every part of it, and parts together are no more and no less than the rule.
    #[test]
    fn a_rule_covers_itself_and_is_the_sum_of_its_parts(rule in any_rule(), other in any_rule()) {
        prop_assert!(rule.covers(&rule));
        prop_assert!(rule::missing(std::slice::from_ref(&rule), &rule.parts()).is_empty());
        if rule::missing(std::slice::from_ref(&other), std::slice::from_ref(&rule)).is_empty() {
            let jane = jane();
            for question in ["get /pods a/a", "list apps/pods a/b", "get /pods/log a/c", "list apps/x/log a/"] {
                let asked = asks(&jane, question);
                prop_assert!(!rule.allows(&asked) || other.allows(&asked), "{}", question);
            }
        }
    }
}
