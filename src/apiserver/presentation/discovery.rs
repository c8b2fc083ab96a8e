//! What the API server serves, as clients discover it: the plain lists and the aggregated documents.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::kind::{registration, resource::ResourceType};

/// `/api`: the versions of the core group. `address` is the server's host and port.
#[must_use]
pub fn api_versions(address: &str) -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]})
}

/// `/apis`: every group but the core one.
#[must_use]
pub fn groups(resources: &[Arc<ResourceType>]) -> Value {
    let groups: Vec<Value> = versions_by_group(resources)
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| group_members(group, &versions).into())
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`, where there is such a group.
#[must_use]
pub fn group(resources: &[Arc<ResourceType>], name: &str) -> Option<Value> {
    let groups = versions_by_group(resources);
    let (group, versions) = groups.iter().find(|(group, _)| *group == name)?;
    let mut document = group_members(group, versions);
    document.insert("kind".to_owned(), "APIGroup".into());
    document.insert("apiVersion".to_owned(), "v1".into());
    Some(document.into())
}

/// `/api/v1` and `/apis/GROUP/VERSION`, where there is such a version.
#[must_use]
pub fn resources(all: &[Arc<ResourceType>], group: &str, version: &str) -> Option<Value> {
    let listed: Vec<Value> = of_version(all, group, version)
        .into_iter()
        .flat_map(plain_entries)
        .collect();
    (!listed.is_empty()).then(|| {
        let group_version = group_version(group, version);
        let mut document =
            json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": listed});
        if !group.is_empty() {
            document["apiVersion"] = "v1".into();
        }
        document
    })
}

/// The aggregated document of `/api`.
#[must_use]
pub fn aggregated_core(resources: &[Arc<ResourceType>], api_version: &str) -> Value {
    aggregated(resources, api_version, str::is_empty)
}

/// The aggregated document of `/apis`. `api_version` is `v2` or `v2beta1`.
#[must_use]
pub fn aggregated_groups(resources: &[Arc<ResourceType>], api_version: &str) -> Value {
    aggregated(resources, api_version, |group| !group.is_empty())
}

fn aggregated(
    resources: &[Arc<ResourceType>],
    api_version: &str,
    wanted: fn(&str) -> bool,
) -> Value {
    let items: Vec<Value> = versions_by_group(resources)
        .into_iter()
        .filter(|(group, _)| wanted(group))
        .map(|(group, versions)| {
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|version| {
                    let entries = of_version(resources, group, version).into_iter().map(aggregated_entry);
                    json!({"version": version, "resources": entries.collect::<Vec<_>>(), "freshness": "Current"})
                })
                .collect();
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{api_version}"),
        "metadata": {}, "items": items})
}

/// The groups, the core one first and the rest by priority and name, each with its versions in the order of preference.
fn versions_by_group(resources: &[Arc<ResourceType>]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in resources {
        let versions = groups.entry(&resource.group).or_default();
        if !versions.contains(&resource.version.as_str()) {
            versions.push(&resource.version);
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|version| (Reverse(preference(version)), *version));
    }
    // The API server's own groups come before those that CRDs add.
    let is_custom = |group: &str| {
        resources
            .iter()
            .any(|resource| resource.group == group && resource.custom)
    };
    let (custom, mut own): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|(group, _)| is_custom(group));
    own.sort_by_key(|(group, _)| Reverse(registration::priority(group)));
    own.into_iter().chain(custom).collect()
}

/// Kubernetes' order of versions: `v2`, `v1`, `v1beta1`, `v1alpha1`, and then everything else by name.
fn preference(version: &str) -> (u8, u64, u64) {
    let parsed = version.strip_prefix('v').and_then(|rest| {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (major, rest) = rest.split_at(digits);
        let major = major.parse().ok()?;
        let stage = |stage, minor: &str| Some((stage, major, minor.parse().ok()?));
        if rest.is_empty() {
            Some((3, major, 0))
        } else if let Some(minor) = rest.strip_prefix("beta") {
            stage(2, minor)
        } else {
            stage(1, rest.strip_prefix("alpha")?)
        }
    });
    parsed.unwrap_or_default()
}

fn of_version<'a>(
    all: &'a [Arc<ResourceType>],
    group: &str,
    version: &str,
) -> Vec<&'a ResourceType> {
    let mut found: Vec<&ResourceType> = all
        .iter()
        .map(Arc::as_ref)
        .filter(|resource| resource.group == group && resource.version == version)
        .collect();
    found.sort_by_key(|resource| &resource.plural);
    found
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

fn group_members(group: &str, versions: &[&str]) -> Map<String, Value> {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": group_version(group, version), "version": version}))
        .collect();
    Map::from_iter([
        ("name".to_owned(), group.into()),
        (
            "preferredVersion".to_owned(),
            versions.first().cloned().unwrap_or_default(),
        ),
        ("versions".to_owned(), versions.into()),
    ])
}

const SUBRESOURCE_VERBS: [&str; 3] = ["get", "patch", "update"];

/// A resource and its subresources in an `APIResourceList`.
fn plain_entries(resource: &ResourceType) -> Vec<Value> {
    let mut entry = json!({"name": resource.plural, "singularName": resource.singular,
        "namespaced": resource.namespaced, "kind": resource.kind, "verbs": resource.verbs});
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.clone().into();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.clone().into();
    }
    if resource.verbs.contains(&"list") {
        entry["storageVersionHash"] = storage_version_hash(resource).into();
    }
    let parts = subresources(resource).into_iter().map(|part| {
        let mut entry = json!({"name": format!("{}/{}", resource.plural, part.name), "singularName": "",
            "namespaced": resource.namespaced, "kind": part.kind, "verbs": part.verbs});
        if let Some((group, version)) = part.home {
            entry["version"] = version.into();
            if !group.is_empty() {
                entry["group"] = group.into();
            }
        }
        entry
    });
    std::iter::once(entry).chain(parts).collect()
}

/// A part of an object with a path of its own.
struct Subresource {
    name: &'static str,
    kind: String,
    /// Group and version of the kind, where it is not the resource's.
    home: Option<(&'static str, &'static str)>,
    verbs: &'static [&'static str],
}

/// The subresources of a resource, by name; of a definition's the status is first.
fn subresources(resource: &ResourceType) -> Vec<Subresource> {
    let posted = |name, kind: &str, home| Subresource {
        name,
        kind: kind.to_owned(),
        home,
        verbs: &["create"],
    };
    let mut parts = match resource.storage_key() {
        ("", "pods") => vec![
            posted("binding", "Binding", None),
            posted("eviction", "Eviction", Some(("policy", "v1"))),
        ],
        ("", "namespaces") => vec![Subresource {
            name: "finalize",
            kind: resource.kind.clone(),
            home: None,
            verbs: &["update"],
        }],
        ("", "serviceaccounts") => {
            let home = Some(("authentication.k8s.io", "v1"));
            vec![posted("token", "TokenRequest", home)]
        }
        _ if resource.is_approved() => vec![Subresource {
            name: "approval",
            kind: resource.kind.clone(),
            home: None,
            verbs: &SUBRESOURCE_VERBS,
        }],
        _ => Vec::new(),
    };
    if resource.scale_subresource {
        parts.push(Subresource {
            name: "scale",
            kind: "Scale".to_owned(),
            home: Some(("autoscaling", "v1")),
            verbs: &SUBRESOURCE_VERBS,
        });
    }
    if resource.status_subresource {
        parts.push(Subresource {
            name: "status",
            kind: resource.kind.clone(),
            home: None,
            verbs: &SUBRESOURCE_VERBS,
        });
    }
    // Those of definitions have another order.
    if resource.custom {
        parts.reverse();
    }
    parts
}

/// Clients tell by it whether a resource is stored in another version than before.
fn storage_version_hash(resource: &ResourceType) -> String {
    // What is young is stored so that the release before can read it; else it is the newest version.
    let version = match resource.kind.as_str() {
        "MutatingAdmissionPolicy" | "MutatingAdmissionPolicyBinding" => "v1beta1",
        "HorizontalPodAutoscaler" => "v2",
        _ => &resource.version,
    };
    let text = format!("{}/{version}/{}", resource.group, resource.kind);
    BASE64_STANDARD.encode(&Sha256::digest(text)[..8])
}

/// A resource with its subresources in an aggregated document.
fn aggregated_entry(resource: &ResourceType) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let own_kind = kind(&resource.group, &resource.version, &resource.kind);
    let mut entry = json!({"resource": resource.plural, "responseKind": own_kind,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular, "verbs": resource.verbs});
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.clone().into();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.clone().into();
    }
    let subresources: Vec<Value> = subresources(resource)
        .into_iter()
        .map(|part| {
            let (group, version) = part.home.unwrap_or((&resource.group, &resource.version));
            json!({"subresource": part.name, "responseKind": kind(group, version, &part.kind),
                "verbs": part.verbs})
        })
        .collect();
    if !subresources.is_empty() {
        entry["subresources"] = subresources.into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::resource::ALL_VERBS;

    fn resource(group: &str, version: &str, plural: &str, kind: &str) -> Arc<ResourceType> {
        Arc::new(ResourceType {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            list_kind: format!("{kind}List"),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            short_names: vec!["gd".to_owned()],
            categories: Vec::new(),
            namespaced: false,
            verbs: ALL_VERBS,
            status_subresource: true,
            scale_subresource: false,
            counts_generation: true,
            custom: true,
            schema: None,
            columns: Vec::new(),
            selectable_fields: Vec::new(),
        })
    }

    #[test]
    fn a_group_and_its_resources_read_as_recorded() {
        let all = [resource("example.com", "v1", "gadgets", "Gadget")];
        assert_eq!(
            group(&all, "example.com"),
            Some(
                json!({"kind": "APIGroup", "apiVersion": "v1", "name": "example.com",
                "versions": [{"groupVersion": "example.com/v1", "version": "v1"}],
                "preferredVersion": {"groupVersion": "example.com/v1", "version": "v1"}})
            )
        );
        assert_eq!(
            resources(&all, "example.com", "v1"),
            Some(
                json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "example.com/v1", "resources": [
                    {"name": "gadgets", "singularName": "gadget", "namespaced": false, "kind": "Gadget",
                        "verbs": ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
                        "shortNames": ["gd"], "storageVersionHash": "ggWp2HxsL0Q="},
                    {"name": "gadgets/status", "singularName": "", "namespaced": false, "kind": "Gadget",
                        "verbs": ["get", "patch", "update"]},
                ]})
            )
        );
        assert_eq!(group(&all, "nowhere"), None);
        assert_eq!(resources(&all, "example.com", "v2"), None);
    }

    #[test]
    fn versions_are_ordered_by_preference() {
        let versions = ["v1beta1", "v1", "foo", "v2alpha1", "v2", "v11beta2"];
        let all: Vec<_> = versions
            .iter()
            .map(|version| resource("g", version, "xs", "X"))
            .collect();
        let document = groups(&all);
        let listed: Vec<&str> = document["groups"][0]["versions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|version| version["version"].as_str())
            .collect();
        assert_eq!(
            listed,
            ["v2", "v1", "v11beta2", "v1beta1", "v2alpha1", "foo"]
        );
    }

    #[test]
    fn aggregated_documents_keep_core_and_groups_apart() {
        let all = [
            resource("", "v1", "pods", "Pod"),
            resource("example.com", "v1", "gadgets", "Gadget"),
        ];
        let core = aggregated_core(&all, "v2");
        assert_eq!(core["apiVersion"], "apidiscovery.k8s.io/v2");
        assert_eq!(
            core["items"][0]["versions"][0]["resources"][0]["resource"],
            "pods"
        );
        let groups = aggregated_groups(&all, "v2beta1");
        assert_eq!(groups["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(groups["items"][0]["metadata"]["name"], "example.com");
        let entry = &groups["items"][0]["versions"][0]["resources"][0];
        assert_eq!(entry["subresources"][0]["subresource"], "status");
    }
}
