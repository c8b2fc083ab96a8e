//! The fields of a kubeconfig that are read, and what they hold (client-go, tools/clientcmd/api/v1).

use serde_json::{Map, Value};

/// What a field holds.
pub(super) enum Shape {
    Text,
    Bool,
    OneOf(&'static [&'static str]),
    List(&'static Shape),
    /// Under these names; others are passed over.
    Fields(&'static [(&'static str, Shape)]),
    /// Under any names.
    Each(&'static Shape),
    /// What others put there: taken as it is, where it is a list of these names with something under them.
    Extensions,
}

pub(super) const CONTEXT: Shape = Shape::Fields(&[
    ("cluster", Shape::Text),
    ("user", Shape::Text),
    ("namespace", Shape::Text),
]);

pub(super) const CLUSTER: Shape = Shape::Fields(&[
    ("server", Shape::Text),
    ("tls-server-name", Shape::Text),
    ("insecure-skip-tls-verify", Shape::Bool),
    ("certificate-authority", Shape::Text),
    ("certificate-authority-data", Shape::Text),
    ("proxy-url", Shape::Text),
    ("disable-compression", Shape::Bool),
    ("extensions", Shape::Extensions),
]);

pub(super) const USER: Shape = Shape::Fields(&[
    ("client-certificate", Shape::Text),
    ("client-certificate-data", Shape::Text),
    ("client-key", Shape::Text),
    ("client-key-data", Shape::Text),
    ("token", Shape::Text),
    ("tokenFile", Shape::Text),
    ("as", Shape::Text),
    ("as-uid", Shape::Text),
    ("as-groups", Shape::List(&Shape::Text)),
    ("as-user-extra", Shape::Each(&Shape::List(&Shape::Text))),
    ("username", Shape::Text),
    ("password", Shape::Text),
    ("auth-provider", PROVIDER),
    ("exec", PLUGIN),
]);

const PROVIDER: Shape =
    Shape::Fields(&[("name", Shape::Text), ("config", Shape::Each(&Shape::Text))]);

const PLUGIN: Shape = Shape::Fields(&[
    ("apiVersion", Shape::Text),
    ("command", Shape::Text),
    ("args", Shape::List(&Shape::Text)),
    ("env", Shape::List(&VARIABLE)),
    ("installHint", Shape::Text),
    ("provideClusterInfo", Shape::Bool),
    (
        "interactiveMode",
        Shape::OneOf(&["Never", "IfAvailable", "Always"]),
    ),
]);

const VARIABLE: Shape = Shape::Fields(&[("name", Shape::Text), ("value", Shape::Text)]);

impl Shape {
    /// What is known of the value. Fields that are null or an empty text are left out: to client-go they are absent.
    pub fn known(&self, value: &Value, path: &str) -> Result<Value, String> {
        let not = |what: &str| Err(format!("{path} is not {what}"));
        match (self, value) {
            (Self::Text, Value::String(_)) | (Self::Bool, Value::Bool(_)) => Ok(value.clone()),
            (Self::Text, _) => not("a text (a number needs quotes)"),
            (Self::Bool, Value::String(text)) => match spoken_bool(text) {
                Some(known) => Ok(Value::Bool(known)),
                None => not("true or false"),
            },
            (Self::Bool, _) => not("true or false"),
            (Self::OneOf(known), Value::String(text)) if known.contains(&text.as_str()) => {
                Ok(value.clone())
            }
            (Self::OneOf(known), _) => not(&known.join(" or ")),
            (Self::List(shape), Value::Array(items)) => {
                let known = items.iter().enumerate().map(|(at, item)| {
                    // A null in a list is an empty text to Go.
                    let item = if item.is_null() { &EMPTY } else { item };
                    shape.known(item, &format!("{path}[{at}]"))
                });
                known.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            (Self::List(_), _) => not("a list"),
            (Self::Fields(shapes), Value::Object(fields)) => {
                let given = shapes
                    .iter()
                    .filter_map(|(name, shape)| Some((*name, shape, fields.get(*name)?)));
                of_fields(given, path)
            }
            (Self::Each(shape), Value::Object(fields)) => {
                let given = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), *shape, value));
                of_fields(given, path)
            }
            (Self::Fields(_) | Self::Each(_), _) => not("a map of fields"),
            (Self::Extensions, Value::Array(items)) => {
                let named =
                    |item: &&Value| item["name"].is_string() && !item["extension"].is_null();
                Ok(items.iter().filter(named).cloned().collect())
            }
            (Self::Extensions, _) => Ok(Value::Array(Vec::new())),
        }
    }
}

/// What YAML 1.1 has beside true and false, and so kubectl takes.
fn spoken_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

static EMPTY: Value = Value::String(String::new());

fn of_fields<'a>(
    fields: impl Iterator<Item = (&'a str, &'a Shape, &'a Value)>,
    path: &str,
) -> Result<Value, String> {
    let mut known = Map::new();
    for (name, shape, value) in fields.filter(|(_, _, value)| !value.is_null() && *value != "") {
        known.insert(
            name.to_owned(),
            shape.known(value, &format!("{path}.{name}"))?,
        );
    }
    Ok(Value::Object(known))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_say_nothing_are_left_out() {
        let user = json!({
            "token": "", "tokenFile": null, "username": "eve", "colour": {"a": 1},
            "exec": {"command": "p", "args": ["", null], "env": [{"name": "A"}], "interactiveMode": ""},
            "auth-provider": {"name": "gcp", "config": null},
        });
        assert_eq!(
            USER.known(&user, "user u").unwrap(),
            json!({
                "username": "eve",
                "exec": {"command": "p", "args": ["", ""], "env": [{"name": "A"}]},
                "auth-provider": {"name": "gcp"},
            })
        );
    }

    #[test]
    fn true_and_false_may_be_said_as_yaml_1_1_does() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!("yes"), Some(true)),
            (json!("off"), Some(false)),
            (json!("true"), None),
            (json!("perhaps"), None),
            (json!(1), None),
        ] {
            let known = Shape::Bool.known(&value, "x").ok();
            assert_eq!(known, expected.map(Value::Bool), "{value}");
        }
    }

    #[test]
    fn what_is_of_another_shape_is_named_and_not_quoted() {
        let secret = "hunter2";
        for (user, expected) in [
            (
                json!({"token": 5}),
                "user u.token is not a text (a number needs quotes)",
            ),
            (
                json!({"token": {"a": secret}}),
                "user u.token is not a text (a number needs quotes)",
            ),
            (
                json!({"as-groups": secret}),
                "user u.as-groups is not a list",
            ),
            (
                json!({"as-user-extra": {"k": [1]}}),
                "user u.as-user-extra.k[0] is not a text (a number needs quotes)",
            ),
            (
                json!({"exec": secret}),
                "user u.exec is not a map of fields",
            ),
            (
                json!({"exec": {"interactiveMode": secret}}),
                "user u.exec.interactiveMode is not Never or IfAvailable or Always",
            ),
            (
                json!({"exec": {"env": [{"name": "A"}, {"name": "B", "value": 1}]}}),
                "user u.exec.env[1].value is not a text (a number needs quotes)",
            ),
            (
                json!({"exec": {"provideClusterInfo": secret}}),
                "user u.exec.provideClusterInfo is not true or false",
            ),
        ] {
            assert_eq!(USER.known(&user, "user u"), Err(expected.to_owned()));
        }
    }
}
