//! Who we are for the cluster, and what we may do: asked of the API server itself, ahead of time.
//!
//! Every authenticated user may ask (`system:basic-user`). An answer that is no clear yes or no is its own value.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::retry::{Repeat, Retry};
use crate::{
    failure::{self, Failure, Kind, Reason},
    runtime::access::Right,
};

/// So many questions are under way at once.
const IN_FLIGHT: usize = 10;

/// What the API server says about one right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    Given,
    Lacking,
    /// The API server could not decide, and says why.
    Unknown(String),
}

/// Asks for every right by itself, in order.
pub async fn review(
    client: &kube::Client,
    retry: &Retry<'_>,
    rights: &[Right],
) -> Result<Vec<(Right, Permission)>, Failure> {
    stream::iter(rights.iter().copied())
        .map(|right| async move { Ok((right, ask(client, retry, right).await?)) })
        .buffered(IN_FLIGHT)
        .try_collect()
        .await
}

async fn ask(
    client: &kube::Client,
    retry: &Retry<'_>,
    right: Right,
) -> Result<Permission, Failure> {
    const DOING: &str = "ask what is permitted";
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "group": right.group,
            "resource": right.resource,
            "name": right.name,
            "namespace": right.namespace,
            "verb": right.verb,
        }},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    match create(client, retry, DOING, path, &review).await {
        Ok(answer) => permission(&answer["status"]),
        // Not even the question is permitted: the right may still be there.
        Err(failure) if failure.reason == Reason::Forbidden => {
            Ok(Permission::Unknown(failure.root_cause().to_owned()))
        }
        Err(failure) => Err(failure),
    }
}

/// `allowed` is the decision; an error beside a no means that some authorizer could not be asked.
fn permission(status: &Value) -> Result<Permission, Failure> {
    let error = status["evaluationError"].as_str().unwrap_or_default();
    match (status["allowed"].as_bool(), error) {
        (Some(true), _) => Ok(Permission::Given),
        (Some(false), "") => Ok(Permission::Lacking),
        (Some(false), error) => Ok(Permission::Unknown(error.to_owned())),
        (None, _) => Err(Failure::new(
            Kind::Incomplete,
            Reason::UnexpectedAnswer,
            "could not understand what the cluster permits",
        )
        .caused_by("status.allowed cannot be read")),
    }
}

/// The user name that the API server knows us by; none where it does not say (before Kubernetes 1.28).
pub async fn user(client: &kube::Client, retry: &Retry<'_>) -> Option<String> {
    const DOING: &str = "ask who we are";
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answer = create(client, retry, DOING, path, &review).await.ok()?;
    let name = answer["status"]["userInfo"]["username"].as_str()?;
    Some(name.to_owned())
}

async fn create(
    client: &kube::Client,
    retry: &Retry<'_>,
    doing: &str,
    path: &str,
    body: &Value,
) -> Result<Value, Failure> {
    retry
        .request(doing, Repeat::Safe, || async {
            let request = http::Request::post(path)
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.to_string().into_bytes())
                .map_err(kube::Error::HttpError)?;
            client.request(request).await
        })
        .await
        .map_err(|error| failure::from_kube(&error, doing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::script::{self, Answer},
        command_id::CommandId,
        runtime::access::{Row, needed},
    };

    #[tokio::test]
    async fn every_right_is_asked_for_and_unknown_is_no_yes() {
        let client = script::client(|call| {
            let verb = &call.body["spec"]["resourceAttributes"]["verb"];
            match verb.as_str() {
                Some("get") => Answer::json(&json!({"status": {"allowed": true}})),
                Some("list") => Answer::json(&json!({"status": {"allowed": false}})),
                Some("patch") => Answer::json(&json!({
                    "status": {"allowed": false, "evaluationError": "webhook is away"},
                })),
                _ => Answer::status(403, "Forbidden", "no questions"),
            }
        });
        let rights: Vec<Right> = needed(Row::Command(CommandId::EnableVmruntime))
            .into_iter()
            .filter(|right| right.resource == "vmruntimes")
            .collect();
        let answers = review(&client, &Retry::once(), &rights).await.unwrap();
        let answers: Vec<(&str, Permission)> = answers
            .into_iter()
            .map(|(right, permission)| (right.verb, permission))
            .collect();
        assert_eq!(
            answers,
            [
                ("get", Permission::Given),
                ("list", Permission::Lacking),
                ("patch", Permission::Unknown("webhook is away".to_owned())),
                ("watch", Permission::Unknown("no questions".to_owned())),
            ]
        );
    }

    #[tokio::test]
    async fn an_answer_without_a_decision_is_incomplete() {
        let client = script::client(|_| Answer::json(&json!({"status": {}})));
        let failure = review(
            &client,
            &Retry::once(),
            &needed(Row::Command(CommandId::SkipNode)),
        )
        .await
        .unwrap_err();
        assert_eq!(failure.kind, Kind::Incomplete);
    }
}
