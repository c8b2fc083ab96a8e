//! The token subresource of service accounts: a credential for as long as was asked for.

use jiff::SignedDuration;
use serde_json::json;

use super::Call;
use crate::{
    access::account_token::{ISSUER, Order},
    endpoint::strategy,
    kind::resource::ResourceType,
    object::{field_error, metadata::text},
    presentation::answer::Answer,
    status_error::StatusError,
};

const SHORTEST: i64 = 10 * 60;
const LONGEST: i64 = 1 << 32;
const USUAL: i64 = 60 * 60;

/// Has the resource this subresource?
pub fn is_given(resource: &ResourceType) -> bool {
    resource.storage_key() == ("", "serviceaccounts")
}

pub fn create(call: &Call<'_>) -> Result<Answer, StatusError> {
    const GROUP: &str = "authentication.k8s.io";
    let mut request = call.body.object(&call.resource)?;
    let account = call.existing()?;
    request["apiVersion"] = format!("{GROUP}/v1").into();
    request["kind"] = "TokenRequest".into();
    if request["metadata"].is_null() {
        request["metadata"] = json!({});
    }
    let spec = &request["spec"];
    let seconds = spec["expirationSeconds"].as_i64().unwrap_or(USUAL);
    let path = "spec.expirationSeconds";
    let fault = if seconds < SHORTEST {
        Some("may not specify a duration less than 10 minutes")
    } else if seconds > LONGEST {
        Some("may not specify a duration larger than 2^32 seconds")
    } else {
        None
    };
    if let Some(fault) = fault {
        let causes = [field_error::invalid(path, &seconds.into(), fault)];
        return Err(StatusError::invalid(GROUP, "TokenRequest", "", &causes));
    }
    let asked = spec["audiences"].as_array().into_iter().flatten();
    let mut audiences: Vec<String> = asked
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    let metadata = &account["metadata"];
    let order = Order {
        namespace: text(metadata, "namespace").to_owned(),
        name: text(metadata, "name").to_owned(),
        uid: text(metadata, "uid").to_owned(),
        audiences: audiences.clone(),
        lifetime: SignedDuration::from_secs(seconds),
    };
    let bound = request["spec"]["boundObjectRef"].take();
    request["spec"] = json!({
        "audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound,
    });
    request["metadata"] = json!({
        "name": order.name, "namespace": order.namespace, "creationTimestamp": strategy::seconds(call.now),
    });
    request["status"] = json!({
        "token": call.core.signer.sign(&order, call.now),
        "expirationTimestamp": strategy::seconds(call.now + order.lifetime),
    });
    Ok(Answer::Document {
        code: 201,
        document: request,
    })
}
