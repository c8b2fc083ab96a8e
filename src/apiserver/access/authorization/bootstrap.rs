//! The roles and bindings that are there from the start. The core creates them; they are ordinary objects afterwards.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::kind::validation::rbac::GROUP;

/// What every API server has, and what the server's limited user may do.
static OBJECTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let read = |text| -> Vec<Value> { serde_saphyr::from_str(text).expect("checked by a test") };
    let own = read(include_str!("bootstrap.yaml"))
        .into_iter()
        .map(|mut object| {
            object["metadata"]["labels"]["kubernetes.io/bootstrapping"] = "rbac-defaults".into();
            object["metadata"]["annotations"] =
                json!({"rbac.authorization.kubernetes.io/autoupdate": "true"});
            object
        });
    let mut objects: Vec<Value> = own.chain(read(include_str!("limited.yaml"))).collect();
    for object in &mut objects {
        object["apiVersion"] = format!("{GROUP}/v1").into();
        if object["roleRef"].is_object() {
            object["roleRef"]["apiGroup"] = GROUP.into();
        }
    }
    objects
});

/// The objects, roles before the bindings that refer to them.
#[must_use]
pub fn objects() -> &'static [Value] {
    &OBJECTS
}
