//! `x-kubernetes-validations`: rules in CEL (k8s.io/apiextensions-apiserver `pkg/apiserver/schema/cel`).

mod compile;

use serde::Deserialize;
use serde_json::Value;

pub(super) use compile::compile;

use super::{
    Node, child,
    validate::{OldElements, old_member},
};
use crate::{
    object::field_error::{self, FieldError},
    schema::cel::{Budget, EXCEEDED, Expression, OUT_OF_BUDGET, Operand},
};

/// One rule, as written and compiled.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Rule {
    #[serde(rename = "rule")]
    source: String,
    message: String,
    message_expression: String,
    reason: String,
    field_path: String,
    optional_old_self: Option<bool>,
    #[serde(skip)]
    compiled: Option<Compiled>,
}

#[derive(Clone, Debug)]
struct Compiled {
    rule: Expression,
    message: Option<Expression>,
    compares: bool,
}

impl Compiled {
    fn mentions(&self, variable: &str) -> bool {
        let message = self.message.as_ref();
        self.rule.mentions(variable) || message.is_some_and(|message| message.mentions(variable))
    }
}

impl Rule {
    /// How the rule is called where it can not be evaluated.
    fn name(&self) -> &str {
        let written = if self.message.is_empty() {
            &self.source
        } else {
            &self.message
        };
        written.trim()
    }

    fn compares_optionally(&self) -> bool {
        self.optional_old_self == Some(true)
    }
}

fn has_rules(node: &Node) -> bool {
    !node.rules.is_empty() || node.children().any(|(_, below)| has_rules(below))
}

/// The rules that do not hold. They are not run over an object whose shape is wrong already.
pub(super) fn check(
    root: &Node,
    new: &Value,
    old: Option<&Value>,
    earlier: &[FieldError],
) -> Vec<FieldError> {
    const BLOCKING: [&str; 5] = [
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    ];
    if !has_rules(root) {
        return Vec::new();
    }
    if earlier.iter().any(|cause| BLOCKING.contains(&cause.reason)) {
        let why = "some validation rules were not checked because the object was invalid; \
                   correct the existing errors to complete validation";
        return vec![field_error::invalid("<nil>", &Value::Null, why)];
    }
    let place = Position {
        path: String::new(),
        is_resource: true,
        unchanged: false,
    };
    let mut run = Run::default();
    check_node(root, new, old, &place, &mut run);
    run.causes
}

/// All rules over one object.
#[derive(Default)]
struct Run {
    budget: Budget,
    causes: Vec<FieldError>,
    /// Did a rule cost too much? No further one is run.
    is_over: bool,
}

/// Where in the object a value stands.
struct Position {
    path: String,
    is_resource: bool,
    /// Is it, or the nearest value around it that can be compared, as it was before?
    unchanged: bool,
}

impl Position {
    fn below(&self, path: String, node: &Node) -> Self {
        Self {
            path,
            is_resource: node.embedded_resource,
            unchanged: self.unchanged,
        }
    }
}

fn check_node(node: &Node, new: &Value, old: Option<&Value>, place: &Position, run: &mut Run) {
    if new.is_null() || run.is_over {
        return;
    }
    let old = old.filter(|old| !old.is_null());
    let place = &Position {
        path: place.path.clone(),
        is_resource: place.is_resource,
        unchanged: old.map_or(place.unchanged, |old| old == new),
    };
    for rule in &node.rules {
        let cause = check_rule(rule, node, new, old, place, run);
        run.causes.extend(cause);
        if run.is_over {
            return;
        }
    }
    match new {
        Value::Object(members) => {
            for (name, member) in members {
                let (field, path) = match (node.properties.get(name), node.additional()) {
                    (Some(field), _) => (field, child(&place.path, name)),
                    (None, Some(field)) => (field, format!("{}[{name}]", place.path)),
                    (None, None) => continue,
                };
                check_node(
                    field,
                    member,
                    old_member(node, name, old),
                    &place.below(path, field),
                    run,
                );
            }
        }
        Value::Array(elements) => {
            let Some(items) = &node.items else { return };
            let stored = OldElements::of(node, old);
            for (index, element) in elements.iter().enumerate() {
                let path = format!("{}[{index}]", place.path);
                check_node(
                    items,
                    element,
                    stored.before(node, element),
                    &place.below(path, items),
                    run,
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check_rule(
    rule: &Rule,
    node: &Node,
    new: &Value,
    old: Option<&Value>,
    place: &Position,
    run: &mut Run,
) -> Option<FieldError> {
    let compiled = rule.compiled.as_ref()?;
    if compiled.compares && old.is_none() && !rule.compares_optionally() {
        return None;
    }
    let typed = |value: &Value| Operand::from_typed_json(value, node, place.is_resource);
    let mut variables = Vec::new();
    if compiled.mentions("self") {
        variables.push(("self", typed(new)));
    }
    match (rule.compares_optionally(), old) {
        (true, old) => variables.push(("oldSelf", Operand::optional(old.map(typed)))),
        (false, Some(old)) if compiled.compares => variables.push(("oldSelf", typed(old))),
        (false, _) => {}
    }
    let field = match place.path.as_str() {
        "" => "<nil>",
        path => path,
    };
    let why = match compiled.rule.evaluate(&variables, &run.budget) {
        Ok(outcome) if outcome.is_true() => return None,
        Ok(_) if !compiled.compares && place.unchanged => return None,
        Ok(_) => {
            let detail = message(rule, compiled, &variables, &run.budget);
            run.is_over = run.budget.is_spent();
            return Some(cause_of(
                rule,
                node,
                new,
                &field_of(rule, node, &place.path).unwrap_or_else(|| field.to_owned()),
                &detail,
            ));
        }
        Err(why) => why,
    };
    let name = rule.name();
    let detail = if why == EXCEEDED {
        run.is_over = true;
        if run.budget.is_spent() {
            OUT_OF_BUDGET.to_owned()
        } else {
            format!(
                "'{why}': no further validation rules will be run due to call cost exceeds limit for rule: {name}"
            )
        }
    } else if why.starts_with("no such overload") {
        format!(
            "'{why}': call arguments did not match a supported operator, function or macro signature for rule: {name}"
        )
    } else {
        format!("{why} evaluating rule: {name}")
    };
    let kind = Value::from(node.kind.as_str());
    Some(field_error::invalid(field, &kind, detail))
}

/// What the rule says: its message expression where that gives a text, else its message, else the rule itself.
fn message(
    rule: &Rule,
    compiled: &Compiled,
    variables: &[(&str, Operand)],
    budget: &Budget,
) -> String {
    let computed = compiled
        .message
        .as_ref()
        .and_then(|message| message.evaluate(variables, budget).ok());
    let text = computed
        .as_ref()
        .and_then(Operand::as_text)
        .map_or("", str::trim);
    if !text.is_empty() && !text.contains('\n') {
        text.to_owned()
    } else if rule.message.is_empty() {
        format!("failed rule: {}", rule.name())
    } else {
        rule.message.trim().to_owned()
    }
}

fn cause_of(rule: &Rule, node: &Node, value: &Value, field: &str, detail: &str) -> FieldError {
    let compound = matches!(node.kind.as_str(), "object" | "array");
    match rule.reason.as_str() {
        "FieldValueForbidden" => field_error::forbidden(field, detail),
        "FieldValueRequired" => field_error::required(field, detail),
        "FieldValueDuplicate" => field_error::duplicate(field, value),
        _ if compound => field_error::invalid_omitting_value(field, detail),
        _ => field_error::invalid(field, value, detail),
    }
}

/// The field that a rule blames: the value's own, or its `fieldPath` below it (`.spec.x`, `['x']`). None: the path leads
/// nowhere in the schema.
fn field_of(rule: &Rule, node: &Node, path: &str) -> Option<String> {
    let mut field = path.to_owned();
    let mut rest = rule.field_path.trim();
    let mut node = node;
    while !rest.is_empty() {
        let (name, after) = if let Some(quoted) = rest.strip_prefix("['") {
            quoted.split_once("']")?
        } else {
            let plain = rest.strip_prefix('.')?;
            plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()))
        };
        (node, field) = match node.properties.get(name) {
            Some(property) => (property, child(&field, name)),
            None => (node.additional()?, format!("{field}[{name}]")),
        };
        rest = after;
    }
    Some(if field.is_empty() {
        "<nil>".to_owned()
    } else {
        field
    })
}
