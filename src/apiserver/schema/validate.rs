//! Value validation: k8s.io/kube-openapi `pkg/validation/validate`, check by check and in its order.

mod alternative;
mod compound;

use serde_json::Value;

pub(super) use compound::{OldElements, old_member};

use super::{ListType, Node, child, format, list, node::Pattern};
use crate::object::{
    field_error::{self, FieldError},
    go_format,
};

/// The faults of an object; those in parts that are as they were in `old` are left out.
pub(super) fn validate(root: &Node, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    ratcheted(root, new, old, "").causes
}

/// The faults of the defaults that a schema gives.
pub(super) fn check_defaults(node: &Node, path: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    if let Some(default) = &node.default {
        let faults = ratcheted(node, default, None, "").causes;
        let place = format!("{path}.default");
        causes.extend(faults.into_iter().map(|fault| FieldError {
            field: match fault.field.as_str() {
                "<nil>" | "" => place.clone(),
                below => format!("{place}.{below}"),
            },
            ..fault
        }));
    }
    for (step, below) in node.children() {
        causes.extend(check_defaults(below, &format!("{path}{step}")));
    }
    causes
}

/// What one validator found. The count of checks that passed decides which alternative of an `anyOf` explains best.
#[derive(Default)]
struct Outcome {
    causes: Vec<FieldError>,
    matches: usize,
}

impl Outcome {
    fn is_valid(&self) -> bool {
        self.causes.is_empty()
    }

    /// Every fault is reported once.
    fn add(&mut self, cause: FieldError) {
        if !self.causes.contains(&cause) {
            self.causes.push(cause);
        }
    }

    fn merge(&mut self, other: Outcome) {
        self.matches += other.matches;
        for cause in other.causes {
            self.add(cause);
        }
    }

    fn fault(cause: FieldError) -> Self {
        Self {
            causes: vec![cause],
            matches: 0,
        }
    }
}

/// The field of a fault, as the API server derives it from the validator's path.
fn field(path: &str) -> &str {
    match path.strip_prefix('.').unwrap_or(path) {
        "" => "<nil>",
        field => field,
    }
}

/// A fault that belongs to no single field.
fn composite(message: &str) -> FieldError {
    field_error::invalid("<nil>", &Value::from(""), message)
}

fn ratcheted(node: &Node, value: &Value, old: Option<&Value>, path: &str) -> Outcome {
    let mut outcome = check(node, value, old, path);
    if !outcome.is_valid() && old == Some(value) {
        outcome.causes.clear();
    }
    outcome
}

fn check(node: &Node, value: &Value, old: Option<&Value>, path: &str) -> Outcome {
    let mut outcome = Outcome::default();
    if value.is_null() {
        outcome.merge(check_type(node, value, path));
        outcome.merge(check_enum(node, value, path));
        return outcome;
    }
    let mut applied = 0;
    let mut apply = |part: Outcome| {
        outcome.merge(part);
        applied += 1;
    };
    if !node.kind.is_empty() || node.int_or_string || !format::of(node).is_empty() {
        apply(check_type(node, value, path));
    }
    apply(alternative::check_alternatives(node, value, old, path));
    match value {
        Value::String(text) => {
            apply(check_string(node, text, path));
            if format::is_known(node) {
                apply(check_format(node, text, path));
            }
        }
        Value::Number(_) => apply(check_number(node, value, path)),
        Value::Array(elements) => apply(compound::check_array(node, elements, old, path)),
        Value::Null | Value::Bool(_) | Value::Object(_) => {}
    }
    apply(check_enum(node, value, path));
    if let Value::Object(members) = value {
        apply(compound::check_object(node, members, old, path));
    }
    outcome.matches += applied + 1;
    outcome
}

/// The JSON type of a value, and the format that Go's type for it implies.
fn type_of(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::Number(number) if number.is_i64() => ("integer", "int64"),
        Value::Number(_) => ("number", "double"),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
    }
}

fn check_type(node: &Node, value: &Value, path: &str) -> Outcome {
    let kinds: Vec<&str> = match (node.int_or_string, node.kind.as_str()) {
        (true, _) => vec!["integer", "string"],
        (false, "") => Vec::new(),
        (false, kind) => vec![kind],
    };
    let (actual, implied) = type_of(value);
    let wrong = |expected: &str, actual: &str| {
        let detail = format!(
            "{path} in body must be of type {expected}: {}",
            go_format::quote(actual)
        );
        Outcome::fault(field_error::wrong_type(
            field(path),
            &Value::from(actual),
            &detail,
        ))
    };
    let fine = Outcome {
        causes: Vec::new(),
        matches: 1,
    };
    if value.is_null() {
        return if kinds.is_empty() || node.nullable {
            fine
        } else {
            wrong(&kinds.join(","), "null")
        };
    }
    let whole_number = actual == "number"
        && value.as_f64().is_some_and(|number| number.fract() == 0.0)
        && kinds.contains(&"integer");
    let integer_number = actual == "integer" && kinds.contains(&"number");
    let matches_kind = kinds.contains(&actual) || whole_number || integer_number;
    let wanted = format::of(node);
    let formatted = !wanted.is_empty();
    let countable = !(value.is_string() || value.is_array());
    if countable && formatted && !(matches_kind || implied == wanted) {
        return wrong(wanted, implied);
    }
    let numeric = kinds.contains(&"number") || kinds.contains(&"integer");
    if !numeric && formatted && !countable {
        return fine;
    }
    if !matches_kind && !kinds.is_empty() {
        return wrong(&kinds.join(","), actual);
    }
    fine
}

fn check_enum(node: &Node, value: &Value, path: &str) -> Outcome {
    if node.allowed.values.is_empty() || node.allowed.contains(value) {
        return Outcome::default();
    }
    Outcome::fault(field_error::not_supported(
        field(path),
        value,
        &node.allowed.values,
    ))
}

fn check_string(node: &Node, text: &str, path: &str) -> Outcome {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let invalid = |detail: String| {
        Outcome::fault(field_error::invalid(
            field(path),
            &Value::from(text),
            detail,
        ))
    };
    if let Some(most) = node.max_length
        && length > most
    {
        return Outcome::fault(field_error::too_long(field(path), most));
    }
    if let Some(least) = node.min_length
        && length < least
    {
        return invalid(format!(
            "{path} in body should be at least {least} chars long"
        ));
    }
    if let Some(pattern) = &node.pattern {
        match Pattern::compiled(&pattern.source) {
            Ok(regex) if regex.is_match(text) => {}
            Ok(_) => return invalid(format!("{path} in body should match '{}'", pattern.source)),
            Err(why) => {
                let pattern = &pattern.source;
                return invalid(format!(
                    "{path} in body should match '{pattern}, but pattern is invalid: {why}'"
                ));
            }
        }
    }
    Outcome::default()
}

fn check_format(node: &Node, text: &str, path: &str) -> Outcome {
    if format::is_valid(node, text) {
        return Outcome::default();
    }
    let detail = format!(
        "{path} in body must be of type {}: {}",
        node.format,
        go_format::quote(text)
    );
    Outcome::fault(field_error::wrong_type(
        field(path),
        &Value::from(text),
        &detail,
    ))
}

fn check_number(node: &Node, value: &Value, path: &str) -> Outcome {
    let mut outcome = Outcome {
        causes: Vec::new(),
        matches: 1,
    };
    if let Some(cause) = format::check_range(node, value, path) {
        outcome.add(composite(&cause));
    }
    // Bounds are compared as integers where the value is one.
    let integer = value.as_i64();
    let number = value.as_f64().unwrap_or(f64::NAN);
    #[allow(clippy::cast_possible_truncation)]
    // as in Go, where the bound of an integer is converted so
    let bound = |bound: f64| match integer {
        Some(_) => (bound as i64).to_string(),
        None => go_format::float(bound),
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let beyond = |limit: f64| match integer {
        Some(integer) => integer.cmp(&(limit as i64)),
        None => number
            .partial_cmp(&limit)
            .unwrap_or(std::cmp::Ordering::Equal),
    };
    let mut invalid =
        |detail: String| outcome.add(field_error::invalid(field(path), value, detail));
    if let Some(factor) = node.multiple_of {
        let ratio = if factor < 1.0 {
            1.0 / factor * number
        } else {
            number / factor
        };
        if factor <= 0.0 {
            invalid(format!(
                "factor MultipleOf declared for {path} must be positive: {}",
                go_format::float(factor)
            ));
        } else if (ratio - ratio.round()).abs() > 1e-9 * ratio.abs().max(1.0) {
            invalid(format!(
                "{path} in body should be a multiple of {}",
                bound(factor)
            ));
        }
    }
    if let Some(least) = node.minimum {
        let order = beyond(least);
        if order.is_lt() || (node.exclusive_minimum && order.is_eq()) {
            let than = if node.exclusive_minimum {
                ""
            } else {
                "or equal to "
            };
            invalid(format!(
                "{path} in body should be greater than {than}{}",
                bound(least)
            ));
        }
    }
    if let Some(most) = node.maximum {
        let order = beyond(most);
        if order.is_gt() || (node.exclusive_maximum && order.is_eq()) {
            let than = if node.exclusive_maximum {
                ""
            } else {
                "or equal to "
            };
            invalid(format!(
                "{path} in body should be less than {than}{}",
                bound(most)
            ));
        }
    }
    outcome
}
