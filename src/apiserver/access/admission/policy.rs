//! One policy: its conditions, variables and validations, compiled and run.

use serde_json::{Value, json};

use super::{
    AdmissionRequest, Cluster,
    matching::{self, Constraints},
};
use crate::schema::cel::{Budget, Expression, OUT_OF_BUDGET, Operand};

/// A compiled ValidatingAdmissionPolicy.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub name: String,
    pub constraints: Constraints,
    /// API version and kind of the parameters.
    pub param_kind: Option<(String, String)>,
    /// `failurePolicy: Ignore`: what can not be evaluated does not deny.
    pub ignores_failures: bool,
    program: Result<Program, String>,
}

#[derive(Clone, Debug)]
struct Program {
    conditions: Vec<Expression>,
    variables: Vec<(String, Expression)>,
    validations: Vec<Validation>,
}

#[derive(Clone, Debug)]
struct Validation {
    expression: Expression,
    message: String,
    message_expression: Option<Expression>,
    reason: String,
}

/// Something that speaks against a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub message: String,
    /// A status reason, for example `Forbidden`; empty counts as `Invalid`.
    pub reason: String,
    /// Could the policy not even be set up?
    pub is_misconfiguration: bool,
    /// Does the message name the binding?
    pub names_binding: bool,
}

impl Decision {
    fn new(message: String, reason: &str) -> Self {
        Self {
            message,
            reason: reason.to_owned(),
            is_misconfiguration: false,
            names_binding: true,
        }
    }

    pub fn misconfigured(message: String, names_binding: bool) -> Self {
        Self {
            is_misconfiguration: true,
            names_binding,
            ..Self::new(message, "")
        }
    }
}

fn list<'a>(policy: &'a Value, name: &str) -> &'a [Value] {
    policy["spec"][name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Every expression of a policy with its field.
pub(super) fn expressions(policy: &Value) -> Vec<(String, String)> {
    let places = [
        ("matchConditions", "expression"),
        ("variables", "expression"),
        ("validations", "expression"),
        ("validations", "messageExpression"),
        ("auditAnnotations", "valueExpression"),
    ];
    let mut found = Vec::new();
    for (group, name) in places {
        for (index, entry) in list(policy, group).iter().enumerate() {
            if let Some(source) = entry[name].as_str().filter(|source| !source.is_empty()) {
                found.push((format!("spec.{group}[{index}].{name}"), source.to_owned()));
            }
        }
    }
    found
}

impl Policy {
    pub fn compile(policy: &Value) -> Self {
        let param_kind = &policy["spec"]["paramKind"];
        Self {
            name: text(&policy["metadata"], "name").to_owned(),
            constraints: Constraints::read(&policy["spec"]["matchConstraints"]),
            param_kind: param_kind.is_object().then(|| {
                (
                    text(param_kind, "apiVersion").to_owned(),
                    text(param_kind, "kind").to_owned(),
                )
            }),
            ignores_failures: policy["spec"]["failurePolicy"] == "Ignore",
            program: Program::compile(policy)
                .map_err(|why| format!("compilation error: compilation failed: {why}")),
        }
    }

    /// What speaks against a request, with these parameters.
    pub fn evaluate(
        &self,
        operands: &[(&str, Operand)],
        params: Option<&Value>,
        budget: &Budget,
    ) -> Vec<Decision> {
        let failed = |why: String| {
            let decision = Decision::new(why, "");
            if self.ignores_failures {
                Vec::new()
            } else {
                vec![decision]
            }
        };
        let program = match &self.program {
            Ok(program) => program,
            Err(why) => return failed(why.clone()),
        };
        let mut operands = operands.to_vec();
        operands.push((
            "params",
            params.map_or_else(|| Operand::from_json(&Value::Null), Operand::from_json),
        ));
        match program.applies(&operands, budget) {
            Err(why) => return failed(why),
            Ok(false) => return Vec::new(),
            Ok(true) => {}
        }
        let variables = Variables::evaluate(&program.variables, &operands, budget);
        let outcomes = program
            .validations
            .iter()
            .map(|validation| validation.evaluate(&variables));
        let mut decisions = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(decision) => decisions.extend(decision),
                Err(_) if self.ignores_failures => {}
                Err(why) => decisions.push(Decision::new(why, "")),
            }
            if budget.is_spent() {
                decisions.extend(failed(OUT_OF_BUDGET.to_owned()));
                break;
            }
        }
        decisions
    }
}

impl Program {
    fn compile(policy: &Value) -> Result<Self, String> {
        let conditions = list(policy, "matchConditions").iter();
        let variables = list(policy, "variables").iter();
        let validations = list(policy, "validations").iter();
        Ok(Self {
            conditions: conditions
                .map(|condition| Expression::compile(text(condition, "expression")))
                .collect::<Result<_, _>>()?,
            variables: variables
                .map(|variable| {
                    let expression = Expression::compile(text(variable, "expression"))?;
                    Ok((text(variable, "name").to_owned(), expression))
                })
                .collect::<Result<_, String>>()?,
            validations: validations
                .map(Validation::compile)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Do all match conditions hold? One that does not decides, whatever the others fail with.
    fn applies(&self, operands: &[(&str, Operand)], budget: &Budget) -> Result<bool, String> {
        let mut failures = Vec::new();
        for condition in &self.conditions {
            match condition.evaluate(operands, budget) {
                Ok(outcome) if outcome.is_true() => {}
                Ok(_) => return Ok(false),
                Err(why) => failures.push(failure(condition, &why)),
            }
        }
        match failures.as_slice() {
            [] => Ok(true),
            [one] => Err(one.clone()),
            many => Err(format!("[{}]", many.join(", "))),
        }
    }
}

fn failure(expression: &Expression, why: &str) -> String {
    format!(
        "expression '{}' resulted in error: {why}",
        expression.source()
    )
}

/// The operands together with what the policy's variables came to.
struct Variables<'a> {
    operands: Vec<(&'a str, Operand)>,
    budget: &'a Budget,
    /// Names of the variables that could not be evaluated, and why.
    failed: Vec<(&'a str, String)>,
}

impl<'a> Variables<'a> {
    /// Every variable sees those before it. One that fails only matters where it is used, as if it were lazy.
    fn evaluate(
        variables: &'a [(String, Expression)],
        operands: &[(&'a str, Operand)],
        budget: &'a Budget,
    ) -> Self {
        let mut all = Self {
            operands: operands.to_vec(),
            budget,
            failed: Vec::new(),
        };
        all.operands.push(("variables", Operand::map([])));
        let mut values: Vec<(&str, Operand)> = Vec::new();
        for (name, expression) in variables {
            match all.run(expression) {
                Ok(value) => values.push((name, value)),
                Err(why) => all.failed.push((name, why)),
            }
            all.operands.pop();
            all.operands
                .push(("variables", Operand::map(values.iter().cloned())));
        }
        all
    }

    fn run(&self, expression: &Expression) -> Result<Operand, String> {
        let value = expression.evaluate(&self.operands, self.budget);
        value.map_err(|why| {
            let failed = self
                .failed
                .iter()
                .find(|(name, _)| why == format!("no such key: {name}"));
            failed.map_or(why, |(name, cause)| {
                format!("composited variable {name:?} fails to evaluate: {cause}")
            })
        })
    }
}

impl Validation {
    fn compile(validation: &Value) -> Result<Self, String> {
        let message_expression = match text(validation, "messageExpression") {
            "" => None,
            source => Some(Expression::compile(source)?),
        };
        Ok(Self {
            expression: Expression::compile(text(validation, "expression"))?,
            message: text(validation, "message").trim().to_owned(),
            message_expression,
            reason: text(validation, "reason").to_owned(),
        })
    }

    fn evaluate(&self, variables: &Variables) -> Result<Option<Decision>, String> {
        let outcome = variables
            .run(&self.expression)
            .map_err(|why| failure(&self.expression, &why))?;
        Ok((!outcome.is_true()).then(|| Decision::new(self.message(variables), &self.reason)))
    }

    /// What the message expression gives, where it gives one line of text; else the message; else the expression.
    fn message(&self, variables: &Variables) -> String {
        const LONGEST: usize = 5 * 1024;
        let computed = self
            .message_expression
            .as_ref()
            .and_then(|expression| variables.run(expression).ok());
        let text = computed
            .as_ref()
            .and_then(Operand::as_text)
            .map_or("", str::trim);
        if !text.is_empty() && text.len() <= LONGEST && !text.contains('\n') {
            text.to_owned()
        } else if self.message.is_empty() {
            format!("failed expression: {}", self.expression.source().trim())
        } else {
            self.message.clone()
        }
    }
}

/// What expressions may name, but for parameters and variables.
pub(super) fn operands(
    request: &AdmissionRequest,
    cluster: &dyn Cluster,
) -> Vec<(&'static str, Operand)> {
    let object = |object: Option<&Value>| {
        object.map_or_else(|| Operand::from_json(&Value::Null), Operand::from_json)
    };
    let namespace = request
        .namespace
        .filter(|_| !matching::is_namespace(request.resource))
        .and_then(|name| matching::namespace(name, cluster));
    vec![
        ("object", object(request.object)),
        ("oldObject", object(request.old_object)),
        ("request", Operand::from_json(&request_object(request))),
        ("namespaceObject", object(namespace.as_deref())),
    ]
}

/// The request as `admission.k8s.io/v1` describes it, without the objects. What is empty is absent.
fn request_object(request: &AdmissionRequest) -> Value {
    let resource = request.resource;
    let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
    let place =
        json!({"group": resource.group, "version": resource.version, "resource": resource.plural});
    let mut object = json!({
        "kind": kind, "requestKind": kind,
        "resource": place, "requestResource": place,
        "operation": request.operation.name(),
        "userInfo": request.identity.user_info(),
        "dryRun": request.dry_run,
    });
    let subresource = request.subresource.unwrap_or_default();
    for (name, value) in [
        ("name", request.name),
        ("namespace", request.namespace.unwrap_or_default()),
        ("subResource", subresource),
        ("requestSubResource", subresource),
    ] {
        if !value.is_empty() {
            object[name] = value.into();
        }
    }
    object
}
