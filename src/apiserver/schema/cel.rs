//! The Common Expression Language, as CRD rules and admission policies use it: the one file that knows the crate.
//!
//! An [`Expression`] is compiled once and then run with variables. Errors are worded as cel-go words them. What
//! Kubernetes adds to the language and is not here: URLs, named formats and the authorizer. An expression that names any
//! of it is refused when it is stored.

mod check;
mod function;
mod library;
mod time;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use cel::{
    Context, Env, ExecutionError, Program, Value as CelValue,
    common::{
        types::{
            CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional,
            CelString,
        },
        value::Val,
    },
    extensions,
};
use serde_json::Value;

pub(crate) use check::{Kind, Scalar};

use super::Node;
use crate::object::go_format;

/// The language: the standard library with the extensions that Kubernetes turns on.
static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    for extension in [extensions::strings, extensions::lists, extensions::math] {
        env.add_extension(extension)
            .expect("the crate's extensions do not clash");
    }
    time::declare(&mut env).expect("the crate has no durations and timestamps without a clock");
    Arc::new(env)
});

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    program: Arc<Program>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// A value that expressions compute with.
#[derive(Debug)]
pub struct Operand(Box<dyn Val>);

impl Clone for Operand {
    fn clone(&self) -> Self {
        Self(self.0.clone_as_boxed())
    }
}

impl Expression {
    /// Parses an expression. The error shows the place, as cel-go does.
    pub fn compile(source: &str) -> Result<Self, String> {
        let program = LANGUAGE
            .compile(source)
            // The crate leaves out a space that cel-go has.
            .map_err(|errors| errors.to_string().replace("\n| ", "\n | "))?;
        Ok(Self {
            source: source.into(),
            program: Arc::new(program),
        })
    }

    /// Are all names declared, all fields there, and all operands of fitting types? Answers with the type of the result,
    /// where it is known.
    pub(crate) fn check(&self, declared: &[(&str, Kind)]) -> Result<Option<Scalar>, String> {
        check::check(&self.program, declared)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Does the expression name this variable?
    #[must_use]
    pub fn mentions(&self, variable: &str) -> bool {
        self.program.references().has_variable(variable)
    }

    /// Runs the expression. A name may be qualified (`variables.force`).
    pub fn evaluate(&self, variables: &[(&str, Operand)]) -> Result<Operand, String> {
        let mut context = Context::with_env(Arc::clone(&LANGUAGE));
        function::declare(&mut context);
        library::declare(&mut context);
        for (name, value) in variables {
            context.add_variable_as_val(*name, value.clone().0);
        }
        let value = CelValue::resolve_val(self.program.expression(), &context);
        value
            .map(|value| Operand(value.into_owned()))
            .map_err(|error| words(&error))
    }
}

impl Operand {
    /// Plain JSON, without a schema: members keep their names.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        Self(convert(json, None))
    }

    /// JSON as its schema types it: numbers of type `number` are doubles, and a member whose name is no identifier
    /// has its escaped name (`x__dash__y`). With `is_resource`, `metadata` has its name and generateName alone.
    #[must_use]
    pub(crate) fn from_typed_json(json: &Value, node: &Node, is_resource: bool) -> Self {
        if is_resource || node.embedded_resource {
            return Self(convert_resource(json, node));
        }
        Self(convert(json, Some(node)))
    }

    /// `optional.of(x)`, or `optional.none()`.
    #[must_use]
    pub fn optional(value: Option<Self>) -> Self {
        let optional = value.map_or_else(CelOptional::none, |value| CelOptional::of(value.0));
        Self(Box::new(optional))
    }

    /// The members that hold, as one map.
    #[must_use]
    pub fn map<'a>(members: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self(map_of(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.0)),
        ))
    }

    /// Is it `true`?
    #[must_use]
    pub fn is_true(&self) -> bool {
        let truth = self.0.downcast_ref::<CelBool>();
        truth.is_some_and(|truth| *truth.inner())
    }

    /// The text of a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.0.downcast_ref::<CelString>().map(CelString::inner)
    }
}

fn map_of(members: impl Iterator<Item = (String, Box<dyn Val>)>) -> Box<dyn Val> {
    let map: HashMap<CelMapKey, Box<dyn Val>> = members
        .map(|(name, value)| (CelMapKey::from(name), value))
        .collect();
    Box::new(CelMap::from(map))
}

fn convert(json: &Value, node: Option<&Node>) -> Box<dyn Val> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if node.is_none_or(|node| node.kind != "number") => {
                Box::new(CelInt::from(integer))
            }
            Some(_) | None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => convert_text(text, node),
        Value::Array(elements) => {
            let items = node.and_then(|node| node.items.as_deref());
            let elements: Vec<Box<dyn Val>> = elements
                .iter()
                .map(|element| convert(element, items))
                .collect();
            Box::new(CelList::from(elements))
        }
        Value::Object(_) if node.is_some_and(|node| node.embedded_resource) => match node {
            Some(node) => convert_resource(json, node),
            None => Box::new(CelNull),
        },
        Value::Object(members) => map_of(members.iter().map(|(name, member)| {
            let is_field = node.is_some_and(|node| node.properties.contains_key(name));
            let shown = if is_field { escape(name) } else { name.clone() };
            (
                shown,
                convert(member, node.and_then(|node| node.field(name))),
            )
        })),
    }
}

/// A text as the format of its schema types it.
fn convert_text(text: &str, node: Option<&Node>) -> Box<dyn Val> {
    let plain = || Box::new(CelString::from(text.to_owned()));
    match node.and_then(Scalar::of) {
        Some(Scalar::Duration) => match time::Span::parse(text) {
            Some(span) => Box::new(span),
            None => plain(),
        },
        Some(Scalar::Timestamp) => match time::Moment::of_format(text) {
            Some(moment) => Box::new(moment),
            None => plain(),
        },
        Some(Scalar::Bytes) => match STANDARD.decode(text) {
            Ok(bytes) => Box::new(CelBytes::from(bytes)),
            Err(_) => plain(),
        },
        Some(
            Scalar::Bool
            | Scalar::Int
            | Scalar::Uint
            | Scalar::Double
            | Scalar::String
            | Scalar::Null,
        )
        | None => plain(),
    }
}

/// The root of a resource: what the schema specifies, its type, and its names.
fn convert_resource(json: &Value, node: &Node) -> Box<dyn Val> {
    let Some(members) = json.as_object() else {
        return convert(json, Some(node));
    };
    map_of(members.iter().map(|(name, member)| match name.as_str() {
        "metadata" => {
            let names = ["name", "generateName"];
            let known = names
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), convert(member.get(*name)?, None))));
            (name.clone(), map_of(known))
        }
        _ => (escape(name), convert(member, node.field(name))),
    }))
}

/// A member's name as an identifier: k8s.io/apiserver `pkg/cel/escaping.go`.
fn escape(name: &str) -> String {
    const KEYWORDS: [&str; 19] = [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
    ];
    if KEYWORDS.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}

/// An error as cel-go words it.
fn words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::UndeclaredReference(name) => {
            format!("undeclared reference to '{name}' (in container '')")
        }
        ExecutionError::NoSuchOverload(_)
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnexpectedType { .. } => "no such overload".to_owned(),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::IndexOutOfBounds(CelValue::Int(index)) => {
            format!("index out of bounds: {index}")
        }
        ExecutionError::DuplicateKey(CelValue::String(key)) => {
            format!("Failed with repeated key: {}", go_format::quote(key))
        }
        ExecutionError::FunctionError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
