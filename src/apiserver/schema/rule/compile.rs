//! Rules before they are run: are they well-formed, and can they be compiled against their schema?

use serde_json::Value;

use super::{Compiled, Rule, field_of};
use crate::{
    object::field_error::{self, FieldError},
    schema::{
        ListType, MapType, Node,
        cel::{Expression, Kind, Scalar},
        node::Additional,
    },
};

impl Rule {
    /// The rule as the API server quotes it: Go's struct as JSON.
    fn quoted(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let optional = |given: bool, shown: String| if given { shown } else { "null".to_owned() };
        format!(
            r#"{{"Rule":{},"Message":{},"MessageExpression":{},"Reason":{},"FieldPath":{},"OptionalOldSelf":{}}}"#,
            text(&self.source),
            text(&self.message),
            text(&self.message_expression),
            optional(!self.reason.is_empty(), text(&self.reason)),
            text(&self.field_path),
            optional(
                self.optional_old_self.is_some(),
                self.compares_optionally().to_string()
            ),
        )
    }

    /// What is wrong with the rule as written, before any expression is looked at.
    fn check_shape(&self, node: &Node, path: &str) -> Vec<FieldError> {
        let mut causes = Vec::new();
        let has_breaks = |text: &str| text.contains(['\n', '\r']);
        let (source, message) = (self.source.trim(), self.message.trim());
        let place = format!("{path}.message");
        let given = Value::from(self.message.as_str());
        if source.is_empty() {
            causes.push(field_error::required(
                &format!("{path}.rule"),
                "rule is not specified",
            ));
        } else if !self.message.is_empty() && message.is_empty() {
            causes.push(field_error::invalid(
                &place,
                &given,
                "must be non-empty if specified",
            ));
        } else if has_breaks(message) {
            causes.push(field_error::invalid(
                &place,
                &given,
                "must not contain line breaks",
            ));
        } else if has_breaks(source) && message.is_empty() {
            let why = "message must be specified if rule contains line breaks";
            causes.push(field_error::required(&place, why));
        }
        if !self.message_expression.is_empty() && self.message_expression.trim().is_empty() {
            let why = "messageExpression must be non-empty if specified";
            causes.push(field_error::required(
                &format!("{path}.messageExpression"),
                why,
            ));
        }
        let reasons = [
            "FieldValueDuplicate",
            "FieldValueForbidden",
            "FieldValueInvalid",
            "FieldValueRequired",
        ];
        if !self.reason.is_empty() && !reasons.contains(&self.reason.as_str()) {
            let reason = Value::from(self.reason.as_str());
            causes.push(field_error::not_supported(
                &format!("{path}.reason"),
                &reason,
                &reasons.map(Value::from),
            ));
        }
        if !self.field_path.is_empty() && field_of(self, node, "").is_none() {
            let given = Value::from(self.field_path.as_str());
            causes.push(field_error::invalid(
                &format!("{path}.fieldPath"),
                &given,
                "must be a valid path",
            ));
        }
        causes
    }

    fn compile(&mut self, node: &Node, place: &Place, path: &str) -> Vec<FieldError> {
        let mut causes = self.check_shape(node, path);
        if !causes.is_empty() {
            return causes;
        }
        let kind = if place.is_resource {
            Kind::Resource(node)
        } else {
            Kind::Typed(node)
        };
        let old = if self.compares_optionally() {
            Kind::Dynamic
        } else {
            kind
        };
        let declared = [("self", kind), ("oldSelf", old)];
        let compiled = |source: &str, what: &str, wanted: Scalar, result: &str| {
            let failed = |why| format!("{what}compilation failed: {why}");
            let expression = Expression::compile(source).map_err(failed)?;
            match expression.check(&declared).map_err(failed)? {
                Some(other) if other != wanted => {
                    Err(format!("{result} must evaluate to a {}", wanted.name()))
                }
                Some(_) | None => Ok(expression),
            }
        };
        let quoted = self.quoted();
        let mut compile = |name: &str, source: &str, what: &str, wanted, result: &str| {
            let outcome = compiled(source, what, wanted, result);
            outcome
                .map_err(|detail| {
                    causes.push(field_error::invalid_shown(
                        &format!("{path}.{name}"),
                        &quoted,
                        &detail,
                    ));
                })
                .ok()
        };
        let rule = compile("rule", &self.source, "", Scalar::Bool, "cel expression");
        let message = match self.message_expression.as_str() {
            "" => None,
            source => compile(
                "messageExpression",
                source,
                "messageExpression ",
                Scalar::String,
                "messageExpression",
            ),
        };
        let compares = rule.as_ref().is_some_and(|rule| rule.mentions("oldSelf"));
        if let (true, Some(list)) = (compares, &place.uncorrelated) {
            let why = format!(
                "oldSelf cannot be used on the uncorrelatable portion of the schema within {list}"
            );
            causes.push(field_error::invalid(
                &format!("{path}.rule"),
                &Value::from(self.source.as_str()),
                why,
            ));
        }
        if let (false, Some(given)) = (compares, self.optional_old_self) {
            let why = "may not be set if oldSelf is not used in rule";
            causes.push(field_error::invalid(
                &format!("{path}.optionalOldSelf"),
                &Value::from(given),
                why,
            ));
        }
        self.compiled = rule.map(|rule| Compiled {
            rule,
            message,
            compares,
        });
        causes
    }
}

/// Where in a schema a node stands, as far as rules care.
#[derive(Clone)]
struct Place {
    is_resource: bool,
    /// The list or map around it of which no part can be found again.
    uncorrelated: Option<String>,
}

impl Place {
    fn below(&self, node: &Node, uncorrelated: Option<&str>) -> Self {
        Self {
            is_resource: node.embedded_resource,
            uncorrelated: uncorrelated
                .map(str::to_owned)
                .or_else(|| self.uncorrelated.clone()),
        }
    }
}

/// Compiles all rules of a schema, and says which can not be.
pub(in crate::schema) fn compile(root: &mut Node, path: &str) -> Vec<FieldError> {
    let place = Place {
        is_resource: true,
        uncorrelated: None,
    };
    compile_node(root, &place, path)
}

fn compile_node(node: &mut Node, place: &Place, path: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let mut rules = std::mem::take(&mut node.rules);
    for (index, rule) in rules.iter_mut().enumerate() {
        causes.extend(rule.compile(
            node,
            place,
            &format!("{path}.x-kubernetes-validations[{index}]"),
        ));
    }
    node.rules = rules;
    let replaced_whole = (node.map_type == Some(MapType::Atomic)).then_some(path);
    for (name, property) in &mut node.properties {
        let place = place.below(property, replaced_whole);
        causes.extend(compile_node(
            property,
            &place,
            &format!("{path}.properties[{name}]"),
        ));
    }
    let unordered = (node.list_type != Some(ListType::Map)).then_some(path);
    if let Some(items) = &mut node.items {
        let place = place.below(items, unordered);
        causes.extend(compile_node(items, &place, &format!("{path}.items")));
    }
    if let Some(Additional::Schema(additional)) = &mut node.additional_properties {
        let place = place.below(additional, None);
        causes.extend(compile_node(
            additional,
            &place,
            &format!("{path}.additionalProperties"),
        ));
    }
    causes
}
