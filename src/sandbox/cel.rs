//! The Common Expression Language, as CRD rules and admission policies use it: the one file that knows the crate.
//!
//! An [`Expression`] is compiled once and then run with variables. Errors are worded as cel-go words them. What
//! Kubernetes adds to the language and is not here: durations, timestamps, URLs, formats, the authorizer, and most of the
//! static type check. An expression that names any of it is refused when it is stored.

mod check;
mod function;
mod library;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock},
};

use cel::{
    Context, Env, ExecutionError, Program, Value as CelValue, extensions,
    objects::{Key, Map, OptionalValue},
};
use serde_json::Value;

pub(super) use check::Kind;

use super::{schema::Node, wording};

/// The language: the standard library with the extensions that Kubernetes turns on.
static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    for extension in [extensions::strings, extensions::lists, extensions::math] {
        env.add_extension(extension)
            .expect("the crate's extensions do not clash");
    }
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
#[derive(Clone, Debug)]
pub struct Operand(CelValue);

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

    /// Are all names declared, and all fields there?
    pub(super) fn check(&self, declared: &[(&str, Kind)]) -> Result<(), String> {
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
            context.add_variable_from_value(*name, value.0.clone());
        }
        self.program
            .execute(&context)
            .map(Operand)
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
    pub(super) fn from_typed_json(json: &Value, node: &Node, is_resource: bool) -> Self {
        if is_resource || node.embedded_resource {
            return Self(convert_resource(json, node));
        }
        Self(convert(json, Some(node)))
    }

    /// `optional.of(x)`, or `optional.none()`.
    #[must_use]
    pub fn optional(value: Option<Self>) -> Self {
        let optional = value.map_or_else(OptionalValue::none, |value| OptionalValue::of(value.0));
        Self(CelValue::Opaque(Arc::new(optional)))
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
        matches!(self.0, CelValue::Bool(true))
    }

    /// The text of a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            CelValue::String(text) => Some(text),
            CelValue::List(_)
            | CelValue::Map(_)
            | CelValue::Function(..)
            | CelValue::Int(_)
            | CelValue::UInt(_)
            | CelValue::Float(_)
            | CelValue::Bytes(_)
            | CelValue::Bool(_)
            | CelValue::Opaque(_)
            | CelValue::Struct(_)
            | CelValue::Null => None,
        }
    }
}

fn map_of(members: impl Iterator<Item = (String, CelValue)>) -> CelValue {
    let map: HashMap<Key, CelValue> = members
        .map(|(name, value)| (Key::String(Arc::new(name)), value))
        .collect();
    CelValue::Map(Map { map: Arc::new(map) })
}

fn convert(json: &Value, node: Option<&Node>) -> CelValue {
    match json {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => {
            let double = CelValue::Float(number.as_f64().unwrap_or(f64::NAN));
            match number.as_i64() {
                Some(integer) if node.is_none_or(|node| node.kind != "number") => {
                    CelValue::Int(integer)
                }
                Some(_) | None => double,
            }
        }
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(elements) => {
            let items = node.and_then(|node| node.items.as_deref());
            CelValue::List(Arc::new(
                elements
                    .iter()
                    .map(|element| convert(element, items))
                    .collect(),
            ))
        }
        Value::Object(_) if node.is_some_and(|node| node.embedded_resource) => match node {
            Some(node) => convert_resource(json, node),
            None => CelValue::Null,
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

/// The root of a resource: what the schema specifies, its type, and its names.
fn convert_resource(json: &Value, node: &Node) -> CelValue {
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
            format!("Failed with repeated key: {}", wording::quote(key))
        }
        ExecutionError::FunctionError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(source: &str, object: &Value) -> Result<Operand, String> {
        Expression::compile(source)?.evaluate(&[("object", Operand::from_json(object))])
    }

    #[test]
    fn expressions_hold() {
        let object = json!({
            "spec": {"enabled": true, "n": 3, "ratio": 1.5, "names": ["a", "b"], "none": null},
            "metadata": {"labels": {"x/y": "z"}},
        });
        for source in [
            "object.spec.enabled",
            "has(object.spec.enabled) && !has(object.spec.other)",
            "'a' in object.spec.names && !('c' in object.spec.names)",
            "object.spec.n + 1 == 4 && object.spec.ratio > 1.0",
            "object.spec.names.all(n, n.size() == 1)",
            "object.spec.names.exists(n, n == 'b') && object.spec.names.exists_one(n, n == 'b')",
            "object.spec.names.filter(n, n != 'a') == ['b']",
            "object.spec.names.map(n, n + '!')[1] == 'b!'",
            "string(object.spec.n) == '3' && int('3') == object.spec.n",
            "'vm-system'.matches('^[a-z-]+$') && 'abc'.startsWith('a') && 'abc'.endsWith('c')",
            "object.metadata.labels['x/y'] == 'z' && 'x/y' in object.metadata.labels",
            "object.spec.none == null",
            "size(object.spec.names) == 2 ? true : false",
            "object.spec.?other.orValue('d') == 'd'",
            "'a,b'.split(',').size() == 2 && 'AbC'.lowerAscii() == 'abc'",
            "[1, 2, 3].isSorted() && [1, 2].sum() == 3 && [1, 3, 2].max() == 3 && [2, 1].min() == 1",
            "'abc 123'.find('[0-9]+') == '123'",
            "true || object.spec.missing",
            "type(object.spec.n) == int",
            "quantity('1.5Gi').isGreaterThan(quantity('1024Mi')) && !isQuantity('lots')",
            "quantity('100m').add(quantity('0.9')).asInteger() == 1 && quantity('2').sub(1).sign() == 1",
            "quantity('1k').compareTo(quantity('1000')) == 0 && quantity('1').isInteger()",
            "ip('10.0.0.1').family() == 4 && isIP('::1') && !isIP('10.0.0') && ip('127.0.0.1').isLoopback()",
            "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
            "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.0.0.0/8').prefixLength() == 8 && !isCIDR('10/8')",
            "semver('1.2.10').isGreaterThan(semver('1.2.9-rc.1')) && semver('1.0.0-a').isLessThan(semver('1.0.0'))",
            "semver('1.2.3').minor() == 2 && !isSemver('v1')",
        ] {
            assert!(
                run(source, &object)
                    .unwrap_or_else(|why| panic!("{source}: {why}"))
                    .is_true(),
                "{source}"
            );
        }
    }

    #[test]
    fn errors_read_as_those_of_cel_go() {
        for (source, error) in [
            ("object.spec.gone", "no such key: gone"),
            ("object.gone.further", "no such key: gone"),
            ("1 / 0 == 1", "division by zero"),
            ("[1][3] == 1", "index out of bounds: 3"),
            ("object.spec.n + 'a' == ''", "no such overload"),
        ] {
            assert_eq!(
                run(source, &json!({"spec": {"n": 1}})).unwrap_err(),
                error,
                "{source}"
            );
        }
        assert!(
            Expression::compile("1 +")
                .unwrap_err()
                .starts_with("ERROR: <input>:1:4: Syntax error")
        );
    }

    #[test]
    fn fields_and_names_that_are_not_there_are_found() {
        let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "n": {"type": "integer"}, "a-b": {"type": "string"},
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        }}}});
        let node = Node::parse(&schema).unwrap();
        let check = |source: &str| {
            Expression::compile(source)
                .unwrap()
                .check(&[("self", Kind::Resource(&node))])
        };
        for source in [
            "self.spec.n > 1 && self.spec.a__dash__b == ''",
            "self.metadata.name == 'a' && self.kind == 'X'",
            "self.spec.list.all(e, e.x != '') && self.spec.list[0].x == ''",
            "self.spec.list.map(e, e.x).exists(t, t == 'y')",
            "self.spec.labels.all(k, self.spec.labels[k] != '') && self.spec.labels.any == ''",
            "type(self.spec.n) == int && has(self.spec.n)",
            "self.spec.?n.orValue(1) == 1 && optional.of(1).hasValue()",
            "math.greatest(1, 2) == 2",
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
        for (source, fault) in [
            (
                "self.nope == 1",
                "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope == 1\n | ....^",
            ),
            (
                "has(self.spec.nope)",
                "ERROR: <input>:1:4: undefined field 'nope'\n | has(self.spec.nope)\n | ...^",
            ),
            (
                "other == 1",
                "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')\n | other == 1\n | ^",
            ),
            (
                "self.metadata.labels == {}",
                "ERROR: <input>:1:14: undefined field 'labels'\n | self.metadata.labels == {}\n | .............^",
            ),
            (
                "self.spec.list.all(e, e.y == '')",
                "ERROR: <input>:1:24: undefined field 'y'\n | self.spec.list.all(e, e.y == '')\n | .......................^",
            ),
            (
                "url(self.spec.a__dash__b).getHost() == ''",
                "ERROR: <input>:1:4: undeclared reference to 'url' (in container '')\n | url(self.spec.a__dash__b).getHost() == ''\n | ...^\n\
                 ERROR: <input>:1:34: undeclared reference to 'getHost' (in container '')\n | url(self.spec.a__dash__b).getHost() == ''\n | .................................^",
            ),
            (
                "self.spec.n.x == 1",
                "ERROR: <input>:1:12: type 'int' does not support field selection\n | self.spec.n.x == 1\n | ...........^",
            ),
        ] {
            assert_eq!(check(source), Err(fault.to_owned()), "{source}");
        }
    }

    #[test]
    fn names_that_are_no_identifiers_are_escaped() {
        for (name, escaped) in [
            ("namespace", "__namespace__"),
            ("x-y", "x__dash__y"),
            ("a.b/c", "a__dot__b__slash__c"),
            ("a__b", "a__underscores__b"),
            ("plain", "plain"),
        ] {
            assert_eq!(escape(name), escaped);
        }
    }
}
