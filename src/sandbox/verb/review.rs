//! Questions that are put by creating an object: who am I, what may I. The sandbox has no authorization: everybody who
//! is authenticated may do everything, and these answers say so.

use serde_json::{Value, json};

use super::Call;
use crate::sandbox::{answer::Answer, refusal::Refusal};

/// Answers a review.
pub fn answer(call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut review = call.body.object(&call.resource)?;
    super::intake::check_kind(&call.resource, &mut review)?;
    if review["metadata"].is_null() {
        review["metadata"] = json!({});
    }
    call.record(None, &mut review);
    review["status"] = match call.resource.plural.as_str() {
        "selfsubjectaccessreviews" => {
            let spec = &review["spec"];
            if spec["resourceAttributes"].is_null() == spec["nonResourceAttributes"].is_null() {
                return Err(Refusal::bad_request(
                    "exactly one of nonResourceAttributes or resourceAttributes must be specified",
                ));
            }
            json!({"allowed": true})
        }
        "selfsubjectrulesreviews" => rules(),
        _ => json!({"userInfo": {
            "username": call.identity.username, "groups": call.identity.groups,
        }}),
    };
    Ok(Answer::Document {
        code: 201,
        document: review,
    })
}

fn rules() -> Value {
    json!({
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": false,
    })
}
