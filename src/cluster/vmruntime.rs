//! The one VMRuntime: read it, and change single fields of it.
//!
//! On Google Distributed Cloud the object is Google's, with fields and values that we may not know. So it is read
//! field by field, a field that we cannot read is left out, and only what was asked for is ever sent.

use jiff::Timestamp;
use kube::{
    Client,
    api::{Patch, PatchParams},
    core::ApiResource,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    discovery,
    retry::{Repeat, Retry},
};
use crate::{
    api::{
        ImageFormat, VMRuntime, VMRuntimeSpec, VMRuntimeStatus,
        name::{
            CREATION_FENCE_UNTIL, FIELD_MANAGER, FORCE_DISABLE, FORCE_DISABLE_CORRECTED, GROUP,
            VERSION, VMRUNTIME,
        },
    },
    failure::{self, Failure, Hint, Kind, Reason, kubectl},
    runtime::difference::{self, Difference, spoken},
};

/// More conflicts than this mean that somebody rewrites the object all the time.
const ROUNDS: u32 = 10;

/// The one VMRuntime as it was read: typed where we know the field, and as it came for comparing.
#[derive(Clone, Debug)]
pub struct RuntimeObject {
    /// What we know of it. A field whose value we cannot read is as if it were absent.
    pub object: VMRuntime,
    /// Everything, also the fields that we do not know.
    pub raw: Value,
}

/// A change to the spec, as it is asked for or sent: `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_emulation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm_image_format: Option<ImageFormat>,
}

impl SpecChange {
    /// What of it is not so yet.
    #[must_use]
    pub fn differing_from(self, spec: &VMRuntimeSpec) -> Self {
        Self {
            enabled: self.enabled.filter(|asked| *asked != spec.enabled),
            use_emulation: self
                .use_emulation
                .filter(|asked| *asked != spec.use_emulation),
            vm_image_format: self
                .vm_image_format
                .filter(|asked| *asked != spec.vm_image_format),
        }
    }

    /// What of it that object does not hold: from what stands there to what was asked for.
    #[must_use]
    pub fn lost_in(self, runtime: &RuntimeObject) -> Vec<Difference> {
        let lost = self.differing_from(&runtime.object.spec);
        if lost == Self::default() {
            return Vec::new();
        }
        difference::of_object(&runtime.raw, &rehearsed(runtime, lost))
    }
}

/// Is a write carried out?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    #[default]
    No,
    /// The server does everything but store it.
    Server,
}

/// What a patch left behind.
#[derive(Clone, Debug)]
pub struct Patched {
    pub runtime: RuntimeObject,
    /// The answer was lost, and the object was read later: others may have acted on the change by then.
    pub reread: bool,
}

impl RuntimeObject {
    /// Takes an answer of the API server for what it is. Only what decisions hang on must be readable: the identity of
    /// the object, and whether it is enabled.
    pub fn parse(raw: Value) -> Result<Self, Failure> {
        let unreadable = |what: &str| {
            Failure::new(
                Kind::Incomplete,
                Reason::UnexpectedAnswer,
                "could not understand the VMRuntime of this cluster",
            )
            .caused_by(format!("{what} cannot be read"))
        };
        let metadata =
            serde_json::from_value(raw["metadata"].clone()).map_err(|_| unreadable("metadata"))?;
        if !matches!(raw["spec"]["enabled"], Value::Null | Value::Bool(_)) {
            return Err(unreadable("spec.enabled"));
        }
        let object = VMRuntime {
            metadata,
            spec: readable(&raw["spec"]),
            status: raw["status"].is_object().then(|| readable(&raw["status"])),
        };
        if object.metadata.uid.is_none() || object.metadata.resource_version.is_none() {
            return Err(unreadable("metadata.uid or metadata.resourceVersion"));
        }
        Ok(Self { object, raw })
    }

    #[must_use]
    pub fn uid(&self) -> &str {
        self.object.metadata.uid.as_deref().unwrap_or_default()
    }

    #[must_use]
    pub fn resource_version(&self) -> &str {
        let version = &self.object.metadata.resource_version;
        version.as_deref().unwrap_or_default()
    }

    /// 0 where the API server counts none.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or_default()
    }

    /// The status, as if it were empty where there is none yet.
    #[must_use]
    pub fn status(&self) -> VMRuntimeStatus {
        self.object.status.clone().unwrap_or_default()
    }

    /// The check that the summary names.
    #[must_use]
    pub fn check_name(&self) -> Option<String> {
        self.status().preflight_check_summary?.preflight_check_name
    }

    /// When the fence that keeps new VMs out ends; none where none stands, or where no moment is named.
    #[must_use]
    pub fn fenced_until(&self) -> Option<Timestamp> {
        let until = self.raw["metadata"]["annotations"][CREATION_FENCE_UNTIL].as_str()?;
        until.parse().ok()
    }

    /// Who wrote that field last (by managed fields), for example `spec.enabled`.
    #[must_use]
    pub fn writer(&self, field: &[&str]) -> Option<String> {
        let manager = self.last_write(field)?["manager"].as_str()?;
        Some(manager.to_owned())
    }

    /// When that field was last written, or another one by the same manager, by the server's clock.
    #[must_use]
    pub fn written(&self, field: &[&str]) -> Option<Timestamp> {
        self.last_write(field)?["time"].as_str()?.parse().ok()
    }

    fn last_write(&self, field: &[&str]) -> Option<&Value> {
        self.writes()
            .filter(|write| {
                let mut fields = &write["fieldsV1"];
                for name in field {
                    fields = &fields[format!("f:{name}").as_str()];
                }
                !fields.is_null()
            })
            .max_by_key(|write| write["time"].as_str().unwrap_or_default())
    }

    /// When that manager last wrote to the object itself (not to its status), by the server's clock.
    #[must_use]
    pub fn written_by(&self, manager: &str) -> Option<Timestamp> {
        self.writes()
            .filter(|write| write["manager"] == manager && write["subresource"].is_null())
            .filter_map(|write| write["time"].as_str()?.parse().ok())
            .max()
    }

    fn writes(&self) -> impl Iterator<Item = &Value> {
        let managed = self.raw["metadata"]["managedFields"].as_array();
        managed.into_iter().flatten()
    }

    /// What a patch of ours depends on: if any of this was changed by somebody else, they and the user must talk.
    fn decided_by(&self) -> (&str, &Value, [&Value; 2]) {
        let annotations = &self.raw["metadata"]["annotations"];
        (
            self.uid(),
            &self.raw["spec"],
            [
                &annotations[FORCE_DISABLE],
                &annotations[FORCE_DISABLE_CORRECTED],
            ],
        )
    }
}

/// Reads a struct whose fields all have defaults, and leaves out what has a shape that we do not know.
fn readable<T: DeserializeOwned + Default>(value: &Value) -> T {
    if let Ok(whole) = serde_json::from_value(value.clone()) {
        return whole;
    }
    let fields = value.as_object().cloned().unwrap_or_default();
    let fit: Map<String, Value> = fields
        .into_iter()
        .filter(|(key, value)| {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            serde_json::from_value::<T>(Value::Object(alone)).is_ok()
        })
        .collect();
    serde_json::from_value(Value::Object(fit)).unwrap_or_default()
}

fn path() -> kube::core::Request {
    kube::core::Request::new(format!("/apis/{GROUP}/{VERSION}/vmruntimes"))
}

/// Reads the VMRuntime. Not there, or its kind not served: [`Kind::NotInstalled`].
pub async fn get(client: &Client, retry: &Retry<'_>) -> Result<RuntimeObject, Failure> {
    const DOING: &str = "read vmruntime";
    let answer: kube::Result<Value> = retry
        .request(DOING, Repeat::Safe, || async {
            let request = path().get(VMRUNTIME, &kube::api::GetParams::default());
            client
                .request(request.map_err(kube::Error::BuildRequest)?)
                .await
        })
        .await;
    let resource = ApiResource::erase::<VMRuntime>(&());
    let raw = discovery::confirmed(answer, client, retry, &resource)
        .await
        .map_err(|error| not_installed(failure::from_kube(&error, DOING)))?;
    RuntimeObject::parse(raw)
}

fn not_installed(failure: Failure) -> Failure {
    if failure.reason == Reason::NotFound {
        failure.hint(Hint::run(
            "the controller creates this object when it starts; is it running?",
            kubectl("get pods --namespace=vm-system"),
        ))
    } else {
        failure
    }
}

/// Patches the spec on the condition that it is still the one that was `read`. Somebody else's unrelated change (of a
/// label, of the status) does not matter; another spec, force annotation or UID is a [`Kind::Conflict`].
pub async fn patch(
    client: &Client,
    retry: &Retry<'_>,
    read: &RuntimeObject,
    change: &SpecChange,
    dry_run: DryRun,
) -> Result<Patched, Failure> {
    const DOING: &str = "change vmruntime";
    let mut current = read.clone();
    for _ in 0..ROUNDS {
        let body = json!({
            "metadata": {"uid": current.uid(), "resourceVersion": current.resource_version()},
            "spec": change,
        });
        let error = match send(client, retry, DOING, &body, dry_run).await {
            Ok(raw) => {
                return Ok(Patched {
                    runtime: RuntimeObject::parse(raw)?,
                    reread: false,
                });
            }
            Err(error) => error,
        };
        if !matches!(&error, kube::Error::Api(status) if status.is_conflict()) {
            return Err(failure::from_kube(&error, DOING));
        }
        let now = get(client, retry).await?;
        // A first try whose answer was lost may have been carried out: then nothing is left to do.
        if now.decided_by() == read.decided_by() {
            current = now;
        } else if now.uid() == read.uid() && now.raw["spec"] == changed(&read.raw["spec"], *change)
        {
            return Ok(Patched {
                runtime: now,
                reread: true,
            });
        } else {
            return Err(conflict(read, &now));
        }
    }
    Err(Failure::new(
        Kind::Conflict,
        Reason::Conflict,
        format!("could not {DOING}"),
    )
    .caused_by(format!(
        "somebody else changed it at the same time, {ROUNDS} times in a row"
    )))
}

/// Is it still what a decision was made on? If somebody has changed the spec, the force annotation or the object itself,
/// that is a [`Kind::Conflict`].
pub fn unchanged(read: &RuntimeObject, now: &RuntimeObject) -> Result<(), Failure> {
    if now.decided_by() == read.decided_by() {
        Ok(())
    } else {
        Err(conflict(read, now))
    }
}

/// Does the answer to a patch hold what was asked for? A definition that lacks a field drops it without a word, and a
/// policy may set it otherwise.
pub fn kept(asked: SpecChange, answered: &RuntimeObject) -> Result<(), Failure> {
    let lost = asked.lost_in(answered);
    if lost.is_empty() {
        return Ok(());
    }
    let fields: Vec<String> = lost.iter().map(Difference::field).collect();
    let mut failure = Failure::new(
        Kind::Refused,
        Reason::NotKept,
        format!("the cluster did not keep {}", fields.join(" and ")),
    );
    for difference in &lost {
        let (found, wanted) = (spoken(&difference.old), spoken(&difference.new));
        failure = failure.caused_by(format!(
            "{} is {found} in its answer, not {wanted} as asked",
            difference.field()
        ));
    }
    Err(failure.hint(Hint::run(
        "its definition may lack the field, or a policy may set it; what the definition has",
        kubectl("explain vmruntime.spec"),
    )))
}

async fn send(
    client: &Client,
    retry: &Retry<'_>,
    doing: &str,
    body: &Value,
    dry_run: DryRun,
) -> kube::Result<Value> {
    let parameters = PatchParams {
        dry_run: dry_run == DryRun::Server,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    retry
        .request(doing, Repeat::Safe, || async {
            let request = path().patch(VMRUNTIME, &parameters, &Patch::Merge(body));
            client
                .request(request.map_err(kube::Error::BuildRequest)?)
                .await
        })
        .await
}

/// The object as the change would leave it, if nobody else had a say.
#[must_use]
pub fn rehearsed(read: &RuntimeObject, change: SpecChange) -> Value {
    let mut raw = read.raw.clone();
    raw["spec"] = changed(&raw["spec"], change);
    raw
}

/// The spec with the change in it.
fn changed(spec: &Value, change: SpecChange) -> Value {
    let mut spec = spec.clone();
    json_patch::merge(&mut spec, &json!(change));
    spec
}

fn conflict(read: &RuntimeObject, now: &RuntimeObject) -> Failure {
    let mut failure = Failure::new(
        Kind::Conflict,
        Reason::Conflict,
        "vmruntime was changed by someone else at the same time",
    );
    if now.uid() != read.uid() {
        failure = failure.caused_by("it was deleted and created again");
    }
    let decided_on = |difference: &Difference| {
        let path: Vec<&str> = difference.path.iter().map(String::as_str).collect();
        path[0] == "spec" || path.ends_with(&[FORCE_DISABLE])
    };
    for difference in difference::of_object(&read.raw, &now.raw)
        .into_iter()
        .filter(decided_on)
    {
        let path: Vec<&str> = difference.path.iter().map(String::as_str).collect();
        let writer = now.writer(&path);
        let writer = writer.map_or_else(String::new, |writer| format!(", by {writer}"));
        failure = failure.caused_by(format!("{difference}{writer}"));
    }
    failure.hint(Hint::run(
        "look at it, and run the command again",
        kubectl("get vmruntime vmruntime --output=yaml --show-managed-fields"),
    ))
}

/// Keeps VM creation closed until a moment (our controller reads it, a foreign one ignores it), or opens it again:
/// `decide` says which, given the end of the fence that stands. It is asked again where somebody else was faster.
/// Returns the VMRuntime as it is then.
pub async fn fence(
    client: &Client,
    retry: &Retry<'_>,
    mut decide: impl FnMut(Option<Timestamp>) -> Option<Timestamp>,
) -> Result<RuntimeObject, Failure> {
    const DOING: &str = "close VM creation on vmruntime";
    let mut conflicts = 0;
    loop {
        let current = get(client, retry).await?;
        let annotation = &current.raw["metadata"]["annotations"][CREATION_FENCE_UNTIL];
        let wanted = json!(decide(current.fenced_until()).map(|until| until.to_string()));
        if *annotation == wanted {
            return Ok(current);
        }
        let body = json!({"metadata": {
            "uid": current.uid(), "resourceVersion": current.resource_version(),
            "annotations": {CREATION_FENCE_UNTIL: wanted},
        }});
        match send(client, retry, DOING, &body, DryRun::No).await {
            Ok(raw) => return RuntimeObject::parse(raw),
            Err(kube::Error::Api(status)) if status.is_conflict() && conflicts < ROUNDS => {
                conflicts += 1;
            }
            Err(error) => return Err(failure::from_kube(&error, DOING)),
        }
    }
}

#[cfg(test)]
mod tests;
