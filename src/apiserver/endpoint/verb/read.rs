//! Get, list and watch.

use std::{sync::Arc, time::Duration};

use base64::{
    Engine, alphabet,
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Call;
use crate::{
    endpoint::watch::{self, Watch},
    kind::view,
    object::field_error::{self, FieldError},
    presentation::answer::Answer,
    request::{body, query::VersionMatch, selection::Selection},
    status_error::StatusError,
    store::GroupResource,
};

/// One object.
pub fn get(call: &Call<'_>) -> Result<Answer, StatusError> {
    let asked = call.query.resource_version.as_deref().map(version);
    let current = call.core.store.version();
    if let Some(asked) = asked.transpose()?.filter(|asked| *asked > current) {
        return Err(too_large(asked, current));
    }
    let stored = call.existing()?;
    let object = view::of(&call.resource, &stored);
    Ok(Answer::object(&call.resource, object))
}

/// A list, or a watch of what a list would show.
pub fn list(call: &Call<'_>) -> Result<Answer, StatusError> {
    check_options(call)?;
    let selection = Selection::new(&call.resource, &call.path, &call.query)?;
    if call.query.watch {
        return watch(call, selection);
    }
    let place = Place::of(call)?;
    // What may be of any age comes from a cache, which has no pages.
    let is_cached = call.query.resource_version.as_deref() == Some("0");
    let limit = call.query.limit.filter(|_| !is_cached);
    let limit = limit.unwrap_or(usize::MAX);
    let Part {
        version,
        objects,
        last,
        rest,
    } = part(call, &selection, &place, limit)?;

    let mut metadata = json!({"resourceVersion": version.to_string(), "continue": ""});
    if let Some(after) = last.filter(|_| rest > 0) {
        let since = place.since.unwrap_or(call.now.as_second());
        metadata["continue"] = Token {
            at: Some(Snapshot { version, since }),
            after,
        }
        .written()
        .into();
        if selection.is_everything() {
            metadata["remainingItemCount"] = rest.into();
        }
    }
    Ok(Answer::List {
        resource: call.resource.clone(),
        objects,
        metadata,
    })
}

/// A part of a list.
struct Part {
    version: u64,
    objects: Vec<Arc<Value>>,
    /// Key of the last of them.
    last: Option<String>,
    /// How many come after them; with a selector one stands for all.
    rest: usize,
}

/// So many are looked through at once for those that a selector selects.
const STRIDE: usize = 1_000;

fn part(
    call: &Call<'_>,
    selection: &Selection,
    place: &Place,
    limit: usize,
) -> Result<Part, StatusError> {
    let collection = GroupResource::of(&call.resource);
    let is_everything = selection.is_everything();
    let most = if is_everything {
        limit
    } else {
        limit.max(STRIDE)
    };
    let is_over = |since| call.now.as_second() - since > SNAPSHOT_SECONDS;
    if place.since.is_some_and(is_over) {
        return Err(expired(place.after.as_deref()));
    }
    let (mut at, mut after) = (place.at, place.after.clone());
    let mut objects = Vec::new();
    let mut last = None;
    loop {
        let store = &call.core.store;
        let page = store
            .page(at, &collection, &selection.prefix, after.as_deref(), most)
            .map_err(|_| expired(place.after.as_deref()))?;
        let version = page.version;
        let part = |objects, last, rest| Part {
            version,
            objects,
            last,
            rest,
        };
        after = page.objects.last().map(|(key, _)| key.clone());
        for (key, object) in page.objects {
            let object = selection.view(&object);
            if !selection.matches(&object) {
                continue;
            }
            if objects.len() == limit {
                return Ok(part(objects, last, 1));
            }
            objects.push(object);
            last = Some(key);
        }
        if is_everything || page.rest == 0 {
            return Ok(part(objects, last, page.rest));
        }
        // What follows has to be as it was then.
        at = Some(version);
    }
}

/// Where a list begins, and at which version.
#[derive(Debug, Default)]
struct Place {
    at: Option<u64>,
    /// When that version was listed first, in seconds since 1970; only where a list goes on.
    since: Option<i64>,
    after: Option<String>,
}

impl Place {
    fn of(call: &Call<'_>) -> Result<Self, StatusError> {
        let given = call.query.resource_version.as_deref();
        if let Some(token) = &call.query.continue_token {
            let token = Token::read(token)?;
            if given.is_some_and(|version| version != "0") {
                return Err(StatusError::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            return Ok(Self {
                at: token.at.as_ref().map(|snapshot| snapshot.version),
                since: token.at.map(|snapshot| snapshot.since),
                after: Some(token.after),
            });
        }
        let version = given.map(version).transpose().map_err(|error| {
            StatusError::bad_request(format!("invalid resource version: {}", error.message))
        })?;
        let version = version.unwrap_or(0);
        let current = call.core.store.version();
        if version > current {
            return Err(too_large(version, current));
        }
        // Pages of a version are of that one, unless it is said that they may be of a newer.
        let exact = match call.query.version_match {
            Some(matching) => matching == VersionMatch::Exact,
            None => call.query.limit.is_some(),
        };
        Ok(Self {
            at: (exact && version > 0).then_some(version),
            ..Self::default()
        })
    }
}

/// As lenient as Go's decoder about the last bits.
const TOKEN_ALPHABET: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    NO_PAD.with_decode_allow_trailing_bits(true),
);

/// What a `continue` token says; base64 of JSON, opaque to clients.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    /// None: whatever is there when it is used, for those who accept pages that do not fit together.
    at: Option<Snapshot>,
    after: String,
}

/// What is listed page by page.
#[derive(Debug, Serialize, Deserialize)]
struct Snapshot {
    version: u64,
    /// When it was listed first, in seconds since 1970.
    since: i64,
}

/// How long a list can go on: kube-apiserver has etcd forget what is older (`DefaultCompactInterval`).
const SNAPSHOT_SECONDS: i64 = 300;

impl Token {
    fn written(&self) -> String {
        TOKEN_ALPHABET.encode(json!(self).to_string())
    }

    fn read(text: &str) -> Result<Self, StatusError> {
        let bad = |why: String| {
            StatusError::bad_request(format!(
                "invalid continue token: continue key is not valid: {why}"
            ))
        };
        let bytes = TOKEN_ALPHABET
            .decode(text)
            .map_err(|error| bad(error.to_string()))?;
        let token = body::json(&bytes).map_err(bad)?;
        serde_json::from_value(token).map_err(|error| bad(error.to_string()))
    }
}

fn version(text: &str) -> Result<u64, StatusError> {
    text.parse().map_err(|_| {
        let message = format!(
            "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        );
        StatusError::other(500, "", message)
    })
}

fn too_large(version: u64, current: u64) -> StatusError {
    StatusError::other(
        504,
        "Timeout",
        format!("Timeout: Too large resource version: {version}, current: {current}"),
    )
    .with_details(json!({
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }))
}

fn expired(after: Option<&str>) -> StatusError {
    if let Some(after) = after {
        let token = Token {
            at: None,
            after: after.to_owned(),
        };
        return StatusError::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
             results. Continuing with the provided token results in an inconsistent list - objects that were created, \
             modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        )
        .with_continue(token.written());
    }
    StatusError::expired("The resourceVersion for the provided list is too old.")
}

/// Do the options of a list or a watch go together? (apimachinery `internalversion/validation`)
fn check_options(call: &Call<'_>) -> Result<(), StatusError> {
    const FIELD: &str = "resourceVersionMatch";
    let only_newer =
        || field_error::not_supported(FIELD, &"Exact".into(), &["NotOlderThan".into()]);
    let invalid = |causes: &[FieldError]| {
        Err(StatusError::invalid(
            "meta.k8s.io",
            "ListOptions",
            "",
            causes,
        ))
    };
    let query = &call.query;
    let (matching, version) = (query.version_match, query.resource_version.as_deref());
    let why = match (query.watch, query.send_initial_events, matching) {
        (true, Some(_), None) => {
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        }
        (true, Some(_), Some(VersionMatch::Exact)) => {
            return invalid(&[only_newer()]);
        }
        (true, None, Some(matching)) => {
            let why =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            let mut causes = vec![field_error::forbidden(FIELD, why)];
            causes.extend((matching == VersionMatch::Exact).then(only_newer));
            return invalid(&causes);
        }
        (false, Some(_), _) => {
            let cause = field_error::forbidden(
                "sendInitialEvents",
                "sendInitialEvents is forbidden for list",
            );
            return invalid(&[cause]);
        }
        (false, None, Some(_)) if version.is_none() => {
            "resourceVersionMatch is forbidden unless resourceVersion is provided"
        }
        (false, None, Some(_)) if query.continue_token.is_some() => {
            "resourceVersionMatch is forbidden when continue is provided"
        }
        (false, None, Some(VersionMatch::Exact)) if version == Some("0") => {
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""
        }
        _ => return Ok(()),
    };
    invalid(&[field_error::forbidden(FIELD, why)])
}

fn watch(call: &Call<'_>, selection: Selection) -> Result<Answer, StatusError> {
    let given = call.query.resource_version.as_deref();
    let asked = given.map(version).transpose()?.unwrap_or(0);
    let streams = call.query.send_initial_events == Some(true);
    let from_now = asked == 0 || streams;
    let (from, initial) = if from_now {
        let collection = GroupResource::of(&call.resource);
        let snapshot = call.core.store.now(&collection, &selection.prefix);
        let objects = snapshot.objects.iter();
        let viewed = objects.map(|(_, object)| selection.view(object));
        let selected: Vec<Arc<Value>> = viewed.filter(|object| selection.matches(object)).collect();
        (snapshot.version, selected)
    } else {
        (asked, Vec::new())
    };
    let lifetime = call
        .query
        .timeout
        .filter(|timeout| !timeout.is_zero())
        .unwrap_or_else(usual_lifetime);
    let watch = Watch {
        wanted: call.wanted,
        from,
        initial,
        mark_initial: streams && call.query.bookmarks,
        bookmarks: call.query.bookmarks,
        lifetime,
        selection,
    };
    let store = call.core.store.clone();
    let frames = call.core.frames.clone();
    let stopping = call.core.stopping.clone();
    Ok(Answer::Watch(watch::start(store, frames, watch, stopping)))
}

/// Between half an hour and an hour, so that not all watchers come back at once.
fn usual_lifetime() -> Duration {
    Duration::from_secs(rand::rng().random_range(1800..3600))
}
