//! Recordings of a real kube-apiserver, replayed against the sandbox: same requests, same answers.
//!
//! A recording is `{"name", "steps": [...]}`; a step has `method`, `path`, `headers`, `body` or `raw`, says what to
//! `save` for later steps, what to `wait` for, and what was `expect`ed. Values that differ on every run (uids, versions,
//! times, ages) are masked on both sides.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use apiserver::{Identity, Options, Server};
use http::Request;
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How long a step that waits is repeated.
const PATIENCE: Duration = Duration::from_secs(15);

/// One trial a recording.
pub fn trials() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no recordings");
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            Trial::test(format!("conformance::{name}"), move || replay(&path))
        })
        .collect()
}

#[derive(Deserialize)]
struct Recording {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    raw: Option<String>,
    /// Variable → path in the answer.
    #[serde(default)]
    save: BTreeMap<String, String>,
    /// Seconds; the answer is a stream of JSON lines.
    watch: Option<u64>,
    wait: Option<Wait>,
    #[serde(default)]
    compare: Compare,
    /// Paths in the body that are not compared.
    #[serde(default)]
    ignore: Vec<String>,
    expect: Option<Expected>,
}

#[derive(Deserialize)]
struct Wait {
    path: String,
    equals: Value,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Compare {
    #[default]
    Full,
    /// The HTTP status code alone.
    Status,
    None,
}

#[derive(Deserialize)]
struct Expected {
    code: u16,
    body: Value,
}

fn replay(path: &Path) -> Result<(), Failed> {
    let recording: Recording = serde_json::from_slice(&fs::read(path)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let sandbox = Server::start(Options::default()).await?;
        let client = sandbox.client(&Identity::owner());
        let mut variables = BTreeMap::new();
        let mut differences = Vec::new();
        for step in &recording.steps {
            let (code, answer) = perform(&client, step, &mut variables).await?;
            let found = compare(step, code, &answer);
            if !found.is_empty() {
                let what = format!("{}: {} {}", step.name, step.method, step.path);
                differences.push(format!("{what}\n    {}", found.join("\n    ")));
            }
        }
        if differences.is_empty() {
            Ok(())
        } else {
            Err(differences.join("\n").into())
        }
    })
}

async fn perform(
    client: &Client,
    step: &Step,
    variables: &mut BTreeMap<String, String>,
) -> Result<(u16, Value), Failed> {
    let started = Instant::now();
    loop {
        let (code, answer) = send(client, step, variables).await?;
        let settled = step.wait.as_ref().is_none_or(|wait| {
            dig(&answer, &wait.path) == Some(&wait.equals) || started.elapsed() > PATIENCE
        });
        if settled {
            for (variable, path) in &step.save {
                let value = dig(&answer, path).unwrap_or(&Value::Null);
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                variables.insert(variable.clone(), text);
            }
            return Ok((code, answer));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn send(
    client: &Client,
    step: &Step,
    variables: &BTreeMap<String, String>,
) -> Result<(u16, Value), Failed> {
    let substituted = |text: String| {
        variables.iter().fold(text, |text, (name, value)| {
            text.replace(&format!("${{{name}}}"), value)
        })
    };
    let body = step.raw.clone();
    let body = body.or_else(|| step.body.as_ref().map(Value::to_string));
    let mut request = Request::builder()
        .method(step.method.as_str())
        .uri(substituted(step.path.clone()));
    if !step.headers.contains_key("Accept") {
        request = request.header("Accept", "application/json");
    }
    if body.is_some() && !step.headers.contains_key("Content-Type") {
        request = request.header("Content-Type", "application/json");
    }
    for (name, value) in &step.headers {
        request = request.header(name, value);
    }
    let body = substituted(body.unwrap_or_default());
    let response = client
        .send(request.body(Body::from(body.into_bytes()))?)
        .await?;
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let answer = if step.watch.is_some() {
        let frames = text.lines().map(serde_json::from_str);
        Value::Array(frames.collect::<Result<_, _>>()?)
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    Ok((code, answer))
}

fn compare(step: &Step, code: u16, answer: &Value) -> Vec<String> {
    let Some(expected) = step
        .expect
        .as_ref()
        .filter(|_| step.compare != Compare::None)
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if code != expected.code {
        found.push(format!(
            "HTTP {} expected, got {code}: {answer}",
            expected.code
        ));
    }
    if step.compare == Compare::Full {
        let (mut got, mut want) = (masked(answer, ""), expected.body.clone());
        for path in &step.ignore {
            prune(&mut got, path);
            prune(&mut want, path);
        }
        differences(&want, &got, "", &mut found);
    }
    found
}

/// Fields whose value differs on every run.
const VOLATILE: [&str; 10] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "time",
    "selfLink",
    "lastTransitionTime",
    "continue",
    "lastUpdateTime",
    "lastHeartbeatTime",
];

/// The value without what differs on every run.
fn masked(value: &Value, field: &str) -> Value {
    match value {
        Value::Object(fields) => Value::Object(masked_object(fields)),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| masked(item, field)).collect();
            if field == "managedFields" {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::String(text) => masked_text(text).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn masked_object(fields: &Map<String, Value>) -> Map<String, Value> {
    let is_table = fields.get("kind").is_some_and(|kind| kind == "Table");
    fields
        .iter()
        .map(|(name, value)| {
            let empty = value.is_null() || value == "";
            let value = if is_table && name == "columnDefinitions" {
                columns(value)
            } else if VOLATILE.contains(&name.as_str()) && !empty {
                "<volatile>".into()
            } else {
                masked(value, name)
            };
            (name.clone(), value)
        })
        .collect()
}

/// The columns of a table without their descriptions.
fn columns(definitions: &Value) -> Value {
    let definitions = definitions.as_array().into_iter().flatten();
    definitions
        .map(|column| {
            ["name", "type", "format", "priority"]
                .map(|field| (field.to_owned(), column[field].clone()))
                .into_iter()
                .collect::<Value>()
        })
        .collect()
}

fn masked_text(text: &str) -> String {
    if is_age(text) {
        return "<age>".to_owned();
    }
    let text = mask(text, "dddddddd-dddd-dddd-dddd-dddddddddddd", "<uuid>");
    mask(&text, "0000-00-00T00:00:00Z", "<time>")
}

/// Replaces what looks like the pattern: `d` is a hexadecimal digit, `0` a decimal one.
fn mask(text: &str, pattern: &str, by: &str) -> String {
    let fits = |window: &[char]| {
        window.iter().zip(pattern.chars()).all(|(c, p)| match p {
            'd' => c.is_ascii_hexdigit() && !c.is_ascii_uppercase(),
            '0' => c.is_ascii_digit(),
            other => *c == other,
        })
    };
    let characters: Vec<char> = text.chars().collect();
    let mut masked = String::new();
    let mut at = 0;
    while at < characters.len() {
        let window = characters.get(at..at + pattern.len());
        if window.is_some_and(fits) {
            masked.push_str(by);
            at += pattern.len();
        } else {
            masked.push(characters[at]);
            at += 1;
        }
    }
    masked
}

/// `5m`, `3d4h`, `0s`, `6y335d` …
fn is_age(text: &str) -> bool {
    if text == "<invalid>" {
        return true;
    }
    let mut rest = text;
    let mut parts = 0;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if unit.len() == rest.len() {
            return false;
        }
        let first = unit.strip_prefix("ms").filter(|_| parts == 0);
        let Some(after) = first.or_else(|| unit.strip_prefix(['s', 'm', 'h', 'd', 'y'])) else {
            return false;
        };
        rest = after;
        parts += 1;
    }
    (1..=2).contains(&parts)
}

/// The value at `a.b.0.c`.
fn dig<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

fn prune(value: &mut Value, path: &str) {
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = Some(value);
    for part in parents.split('.').filter(|part| !part.is_empty()) {
        place = place.and_then(|value| match value {
            Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
            other => other.get_mut(part),
        });
    }
    if let Some(Value::Object(fields)) = place {
        fields.remove(last);
    }
}

fn differences(want: &Value, got: &Value, place: &str, found: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (field, value) in want {
                match got.get(field) {
                    Some(other) => differences(value, other, &format!("{place}.{field}"), found),
                    None => found.push(format!("{place}.{field}: missing, expected {value}")),
                }
            }
            for (field, value) in got.iter().filter(|(field, _)| !want.contains_key(*field)) {
                found.push(format!("{place}.{field}: unexpected {value}"));
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (at, (want, got)) in want.iter().zip(got).enumerate() {
                differences(want, got, &format!("{place}[{at}]"), found);
            }
        }
        (want, got) if want == got => {}
        (want, got) => found.push(format!("{place}: expected {want}, got {got}")),
    }
}
