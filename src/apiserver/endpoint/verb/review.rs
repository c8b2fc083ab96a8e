//! Questions that are put by creating an object: who am I, what may I, what may somebody else, whose token is this.

use serde_json::{Value, json};

use super::Call;
use crate::{
    access::{
        authorization::{Attributes, Decision, ResourceTarget, Rule, Target},
        identity::Identity,
    },
    endpoint::strategy,
    object::{
        field_error::{self, FieldError},
        metadata::text,
    },
    presentation::answer::Answer,
    status_error::StatusError,
};

/// Answers a review.
pub fn answer(call: &Call<'_>) -> Result<Answer, StatusError> {
    let mut review = call.body.object(&call.resource)?;
    super::decode::check_kind(&call.resource, &mut review)?;
    if review["metadata"].is_null() {
        review["metadata"] = json!({});
    }
    call.record(None, &mut review);
    let spec = review["spec"].take();
    review["status"] = match call.resource.plural.as_str() {
        "selfsubjectaccessreviews" => {
            check(call, &attribute_faults(&spec))?;
            access(call, call.identity, &spec)
        }
        "subjectaccessreviews" => {
            check(call, &subject_faults(&spec))?;
            access(call, &subject(&spec), &spec)
        }
        "localsubjectaccessreviews" => {
            check(call, &local_faults(call, &spec))?;
            access(call, &subject(&spec), &spec)
        }
        "selfsubjectrulesreviews" => {
            let namespace = text(&spec, "namespace");
            if namespace.is_empty() {
                return Err(StatusError::bad_request("no namespace on request"));
            }
            rules(call, namespace)
        }
        "tokenreviews" => whose(call, &spec)?,
        _ => json!({"userInfo": call.identity.user_info()}),
    };
    match call.resource.plural.as_str() {
        // They have nothing to ask with.
        "selfsubjectreviews" => {
            review["metadata"] = json!({"creationTimestamp": strategy::seconds(call.now)});
        }
        // The answer does not repeat the question.
        "selfsubjectrulesreviews" => {
            review["metadata"] = json!({});
            review["spec"] = json!({});
        }
        _ => review["spec"] = spec,
    }
    if review["spec"].is_null() {
        review.as_object_mut().map(|review| review.remove("spec"));
    }
    Ok(Answer::Document {
        code: 201,
        document: review,
    })
}

fn check(call: &Call<'_>, causes: &[FieldError]) -> Result<(), StatusError> {
    if causes.is_empty() {
        return Ok(());
    }
    // The kind is lost on the API server's own way here.
    Err(StatusError::invalid(&call.resource.group, "", "", causes))
}

/// What is wrong with the question of what somebody wants to do.
fn attribute_faults(spec: &Value) -> Vec<FieldError> {
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    match (resource.is_null(), path.is_null()) {
        (true, true) => vec![field_error::invalid_shown(
            "spec.resourceAttributes",
            "null",
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )],
        (false, false) => vec![field_error::invalid(
            "spec.nonResourceAttributes",
            path,
            "cannot be specified in combination with resourceAttributes",
        )],
        (true, false) | (false, true) => Vec::new(),
    }
}

fn subject_faults(spec: &Value) -> Vec<FieldError> {
    let mut causes = attribute_faults(spec);
    let groups = spec["groups"].as_array();
    if text(spec, "user").is_empty() && groups.is_none_or(Vec::is_empty) {
        let why = "at least one of user or group must be specified";
        causes.push(field_error::invalid("spec.user", &"".into(), why));
    }
    causes
}

fn local_faults(call: &Call<'_>, spec: &Value) -> Vec<FieldError> {
    let mut causes = subject_faults(spec);
    let asked = text(&spec["resourceAttributes"], "namespace");
    if call.path.namespace.as_deref().unwrap_or_default() != asked {
        causes.push(field_error::invalid(
            "spec.resourceAttributes.namespace",
            &asked.into(),
            "must match metadata.namespace",
        ));
    }
    causes
}

/// The one that somebody else asks about.
fn subject(spec: &Value) -> Identity {
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    };
    let extra = spec["extra"].as_object().into_iter().flatten();
    Identity {
        uid: text(spec, "uid").to_owned(),
        extra: extra
            .map(|(key, values)| (key.clone(), texts(values)))
            .collect(),
        ..Identity::new(text(spec, "user"), texts(&spec["groups"]))
    }
}

fn access(call: &Call<'_>, user: &Identity, spec: &Value) -> Value {
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let asked = if resource.is_null() { path } else { resource };
    let of = |field| text(resource, field).to_owned();
    let target = if resource.is_null() {
        Target::Path(text(path, "path").to_owned())
    } else {
        Target::Resource(ResourceTarget {
            group: of("group"),
            resource: of("resource"),
            subresource: of("subresource"),
            namespace: of("namespace"),
            name: of("name"),
        })
    };
    let decision = call.core.authority().decide(&Attributes {
        user,
        verb: text(asked, "verb").to_owned(),
        target,
    });
    shown(decision)
}

fn shown(decision: Decision) -> Value {
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    status
}

fn rules(call: &Call<'_>, namespace: &str) -> Value {
    let (rules, faults) = call.core.authority().rules_of(call.identity, namespace);
    let resources: Vec<Value> = rules.iter().filter_map(Rule::for_resources).collect();
    let paths: Vec<Value> = rules.iter().filter_map(Rule::for_paths).collect();
    let mut status =
        json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
    if !faults.is_empty() {
        status["evaluationError"] = faults.join(", ").into();
    }
    status
}

/// Whose token it is, for those who are shown one.
fn whose(call: &Call<'_>, spec: &Value) -> Result<Value, StatusError> {
    let token = text(spec, "token");
    if token.is_empty() {
        return Err(StatusError::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    let unknown = || json!({"user": {}, "error": "[invalid bearer token, unknown]"});
    let Some(claims) = call.core.account(token, call.now) else {
        return Ok(unknown());
    };
    let wanted = spec["audiences"]
        .as_array()
        .filter(|wanted| !wanted.is_empty());
    let shared: Vec<&String> = claims
        .audiences
        .iter()
        .filter(|own| wanted.is_none_or(|wanted| wanted.iter().any(|one| one == own.as_str())))
        .collect();
    if shared.is_empty() {
        return Ok(unknown());
    }
    Ok(json!({
        "authenticated": true, "user": claims.identity().user_info(), "audiences": shared,
    }))
}

impl Identity {
    /// As `authentication.k8s.io` describes a user.
    pub fn user_info(&self) -> Value {
        let mut info = json!({"username": self.username});
        if !self.uid.is_empty() {
            info["uid"] = self.uid.as_str().into();
        }
        if !self.groups.is_empty() {
            info["groups"] = json!(self.groups);
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }
}
