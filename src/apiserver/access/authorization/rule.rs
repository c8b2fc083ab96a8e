//! One rule of a role: what it allows, and what it covers of another (k8s.io/component-helpers `auth/rbac/validation`).

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Attributes, Target};
use crate::object::go_format;

const ALL: &str = "*";

/// `rbac.authorization.k8s.io/v1` `PolicyRule`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    pub verbs: Vec<String>,
    pub api_groups: Vec<String>,
    pub resources: Vec<String>,
    pub resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    pub non_resource_urls: Vec<String>,
}

impl Rule {
    /// The rules of a list; what is no rule grants nothing.
    pub fn all(rules: &Value) -> Vec<Self> {
        let rules = rules.as_array().into_iter().flatten();
        rules
            .filter_map(|rule| Self::deserialize(rule).ok())
            .collect()
    }

    /// Does it allow the request?
    pub fn allows(&self, request: &Attributes<'_>) -> bool {
        has_or_all(&self.verbs, &request.verb)
            && match &request.target {
                Target::Path(path) => self
                    .non_resource_urls
                    .iter()
                    .any(|url| url_covers(url, path)),
                Target::Resource(target) => {
                    has_or_all(&self.api_groups, &target.group)
                        && self.has_resource(&target.combined(), &target.subresource)
                        && (self.resource_names.is_empty()
                            || self.resource_names.contains(&target.name))
                }
            }
    }

    /// `*`, the very resource, or `*/subresource`. (`pods/*` means nothing to the API server.)
    fn has_resource(&self, combined: &str, subresource: &str) -> bool {
        self.resources.iter().any(|own| {
            own == ALL
                || own == combined
                || (!subresource.is_empty() && own.strip_prefix("*/") == Some(subresource))
        })
    }

    /// Does whoever holds this rule hold the other one too?
    pub fn covers(&self, other: &Self) -> bool {
        let names = self.resource_names.is_empty()
            || (!other.resource_names.is_empty()
                && has_each(&self.resource_names, &other.resource_names));
        let urls = |url: &String| {
            self.non_resource_urls
                .iter()
                .any(|own| url_covers(own, url))
        };
        let resources = |resource: &String| {
            let part = resource.split_once('/').map_or("", |(_, part)| part);
            self.has_resource(resource, part)
        };
        all_or_each(&self.verbs, &other.verbs)
            && all_or_each(&self.api_groups, &other.api_groups)
            && other.resources.iter().all(resources)
            && names
            && other.non_resource_urls.iter().all(urls)
    }

    /// The rule as the smallest rules that together are the same.
    pub fn parts(&self) -> Vec<Self> {
        let mut parts = Vec::new();
        for group in &self.api_groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    let part = Self {
                        verbs: vec![verb.clone()],
                        api_groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        ..Self::default()
                    };
                    if self.resource_names.is_empty() {
                        parts.push(part);
                        continue;
                    }
                    parts.extend(self.resource_names.iter().map(|name| Self {
                        resource_names: vec![name.clone()],
                        ..part.clone()
                    }));
                }
            }
        }
        for url in &self.non_resource_urls {
            parts.extend(self.verbs.iter().map(|verb| Self {
                verbs: vec![verb.clone()],
                non_resource_urls: vec![url.clone()],
                ..Self::default()
            }));
        }
        parts
    }

    /// As messages show it, for example `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`.
    pub fn described(&self) -> String {
        let fields = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let shown: Vec<String> = fields
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| format!("{name}:{}", go_format::list(values)))
            .collect();
        format!("{{{}}}", shown.join(", "))
    }

    /// The rule for resources in a `SelfSubjectRulesReview`, where it is one.
    pub fn for_resources(&self) -> Option<Value> {
        let mut rule = json!({"verbs": self.verbs});
        for (field, values) in [
            ("apiGroups", &self.api_groups),
            ("resources", &self.resources),
            ("resourceNames", &self.resource_names),
        ] {
            if !values.is_empty() {
                rule[field] = json!(values);
            }
        }
        (!self.resources.is_empty()).then_some(rule)
    }

    /// The rule for paths, where it is one.
    pub fn for_paths(&self) -> Option<Value> {
        let rule = json!({"verbs": self.verbs, "nonResourceURLs": self.non_resource_urls});
        (!self.non_resource_urls.is_empty()).then_some(rule)
    }
}

/// What of the wanted rules nobody holds, in the smallest parts.
pub fn missing(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    wanted
        .iter()
        .flat_map(Rule::parts)
        .filter(|part| !held.iter().any(|own| own.covers(part)))
        .collect()
}

/// The same rules with the verbs of each resource together.
pub fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut compacted: Vec<Rule> = Vec::new();
    let mut simple: HashMap<About, usize> = HashMap::new();
    for rule in rules {
        let Some(key) = About::of(&rule) else {
            compacted.push(rule);
            continue;
        };
        if let Some(at) = simple.get(&key) {
            let known = &mut compacted[*at].verbs;
            for verb in rule.verbs {
                if !known.contains(&verb) {
                    known.push(verb);
                }
            }
        } else {
            simple.insert(key, compacted.len());
            compacted.push(rule);
        }
    }
    compacted
}

/// Group, resource and name of a rule that is about one resource.
#[derive(PartialEq, Eq, Hash)]
struct About {
    group: String,
    resource: String,
    name: Option<String>,
}

impl About {
    fn of(rule: &Rule) -> Option<Self> {
        let ([group], [resource]) = (rule.api_groups.as_slice(), rule.resources.as_slice()) else {
            return None;
        };
        if rule.resource_names.len() > 1 || !rule.non_resource_urls.is_empty() {
            return None;
        }
        Some(Self {
            group: group.clone(),
            resource: resource.clone(),
            name: rule.resource_names.first().cloned(),
        })
    }
}

fn has_or_all(own: &[String], wanted: &str) -> bool {
    own.iter().any(|one| one == ALL || one == wanted)
}

fn has_each(own: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|one| own.contains(one))
}

fn all_or_each(own: &[String], wanted: &[String]) -> bool {
    own.iter().any(|one| one == ALL) || has_each(own, wanted)
}

/// The very path, or its beginning before a `*`.
fn url_covers(own: &str, path: &str) -> bool {
    own == path
        || own
            .strip_suffix('*')
            .is_some_and(|start| path.starts_with(start.trim_end_matches('*')))
}
