//! The Common Expression Language, as CRD rules and admission policies use it: the one file that knows the crate.
//!
//! An [`Expression`] is compiled once and then run with variables. Errors are worded as cel-go words them. What
//! Kubernetes adds to the language and is not here: URLs, named formats and the authorizer. An expression that names any
//! of it is refused when it is stored.

mod check;
mod cost;
mod depth;
mod function;
mod library;
mod time;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, LazyLock},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use cel::{
    Context, Env, ExecutionError, IdedExpr, Value as CelValue,
    common::{
        ast::SourceInfo,
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
pub use cost::{Budget, EXCEEDED, OUT_OF_BUDGET};

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
    cost::declare(&mut env).expect("nothing else is named so");
    Arc::new(env)
});

/// What nests deeper than this is worked on with a stack of its own: unoptimized, a level takes several kilobytes.
const SHALLOW: usize = 32;
const LARGE_STACK: usize = 128 << 20;

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    program: Arc<Program>,
}

#[derive(Debug)]
struct Program {
    tree: IdedExpr,
    places: SourceInfo,
    /// The same, which pays for what it does.
    priced: IdedExpr,
    names: HashSet<String>,
    depth: usize,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// A value that expressions compute with.
#[derive(Clone, Debug)]
pub struct Operand(Arc<dyn Val>);

impl Expression {
    /// Parses an expression. The error shows the place, as cel-go does.
    pub fn compile(source: &str) -> Result<Self, String> {
        let depth = depth::measure(source)?;
        let program = on_stack(depth, || {
            let parser = LANGUAGE.parser().max_recursion_depth(depth::DEEPEST);
            let parsed = parser.parse_with_source_info(source);
            // The crate leaves out a space that cel-go has.
            let (tree, places) =
                parsed.map_err(|errors| errors.to_string().replace("\n| ", "\n | "))?;
            Ok(Program {
                priced: cost::price(&tree),
                names: tree
                    .references()
                    .variables()
                    .into_iter()
                    .map(|name| name.trim_start_matches('.').to_owned())
                    .collect(),
                tree,
                places,
                depth,
            })
        })?;
        Ok(Self {
            source: source.into(),
            program: Arc::new(program),
        })
    }

    /// Are all names declared, all fields there, and all operands of fitting types? Answers with the type of the result,
    /// where it is known.
    pub(crate) fn check(&self, declared: &[(&str, Kind)]) -> Result<Option<Scalar>, String> {
        let program = &self.program;
        on_stack(program.depth, || {
            check::check(&program.tree, &program.places, declared)
        })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Does the expression name this variable?
    #[must_use]
    pub fn mentions(&self, variable: &str) -> bool {
        self.program.names.contains(variable)
    }

    /// Runs the expression, which takes what it costs from the budget.
    pub fn evaluate(
        &self,
        variables: &[(&str, Operand)],
        budget: &Budget,
    ) -> Result<Operand, String> {
        on_stack(self.program.depth, || self.run(variables, budget))
    }

    fn run(&self, variables: &[(&str, Operand)], budget: &Budget) -> Result<Operand, String> {
        let named = || variables.iter().filter(|(name, _)| self.mentions(name));
        let mut context = Context::with_env(Arc::clone(&LANGUAGE));
        function::declare(&mut context, budget);
        library::declare(&mut context);
        cost::declare_in(&mut context, budget);
        context.add_variable_as_val(cost::METER, Box::new(budget.clone()));
        let started = budget.start(named().map(|(_, value)| value.0.as_ref()));
        started.map_err(|error| words(&error))?;
        for (name, value) in named() {
            context.add_variable_as_val(*name, value.0.clone_as_boxed());
        }
        let value = CelValue::resolve_val(&self.program.priced, &context);
        // A logical operator may have swallowed that there is nothing left.
        if budget.is_exceeded() {
            return Err(EXCEEDED.to_owned());
        }
        value
            .map(|value| Operand(value.into_owned().into()))
            .map_err(|error| words(&error))
    }
}

impl Operand {
    /// Plain JSON, without a schema: members keep their names.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        Self(convert(json, None).into())
    }

    /// JSON as its schema types it: numbers of type `number` are doubles, and a member whose name is no identifier
    /// has its escaped name (`x__dash__y`). With `is_resource`, `metadata` has its name and generateName alone.
    #[must_use]
    pub(crate) fn from_typed_json(json: &Value, node: &Node, is_resource: bool) -> Self {
        if is_resource || node.embedded_resource {
            return Self(convert_resource(json, node).into());
        }
        Self(convert(json, Some(node)).into())
    }

    /// `optional.of(x)`, or `optional.none()`.
    #[must_use]
    pub fn optional(value: Option<Self>) -> Self {
        let optional = value.map_or_else(CelOptional::none, |value| {
            CelOptional::of(value.0.clone_as_boxed())
        });
        Self(Arc::new(optional))
    }

    /// The members that hold, as one map.
    #[must_use]
    pub fn map<'a>(members: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let members = members.into_iter();
        let owned = members.map(|(name, value)| (name.to_owned(), value.0.clone_as_boxed()));
        Self(map_of(owned).into())
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

/// Does something that recurses so deep on a stack that is large enough.
fn on_stack<T: Send>(
    depth: usize,
    work: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    if depth <= SHALLOW {
        return work();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(LARGE_STACK);
        let thread = thread.spawn_scoped(scope, work);
        let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|_| Err("the evaluation failed".to_owned()))
    })
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
