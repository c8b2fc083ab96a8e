//! What can be wrong with an expression before it is run: names that are not declared, fields that the schema does not
//! have, operands that do not fit each other. cel-go's checker follows types further, through lists and maps; what it
//! says of these is said in its words.

mod operator;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, SelectExpr, SourceInfo,
};

use crate::schema::Node;

pub use operator::Scalar;

/// What is known of a value before there is one.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// Anything: nothing is checked.
    Dynamic,
    /// A value of this schema.
    Typed(&'a Node),
    /// A whole object of this schema, of whose metadata only the names can be seen.
    Resource(&'a Node),
    /// The metadata of a resource.
    Metadata,
    /// A computed value.
    Is(Scalar),
}

impl Kind<'_> {
    /// The type of a plain value, where it is known.
    fn scalar(self) -> Option<Scalar> {
        match self {
            Self::Is(scalar) => Some(scalar),
            Self::Typed(node) => Scalar::of(node),
            Self::Dynamic | Self::Resource(_) | Self::Metadata => None,
        }
    }
}

/// The type names of the language, which are values.
const TYPES: [&str; 13] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "math",
    "null_type",
    "optional",
    "string",
    "type",
    "uint",
];

/// The type of the result, where it is known; the error is everything that is wrong, as one text.
pub(super) fn check(
    tree: &IdedExpr,
    source: &SourceInfo,
    declared: &[(&str, Kind)],
) -> Result<Option<Scalar>, String> {
    let mut checker = Checker {
        source,
        scope: declared.to_vec(),
        faults: Vec::new(),
    };
    let result = checker.kind_of(tree).scalar();
    if checker.faults.is_empty() {
        Ok(result)
    } else {
        // As cel-go sorts them: by where they are in the source.
        checker.faults.sort_by_key(|(place, _)| *place);
        let faults: Vec<String> = checker.faults.into_iter().map(|(_, text)| text).collect();
        Err(faults.join("\n"))
    }
}

struct Checker<'a> {
    source: &'a SourceInfo,
    /// Names from the outermost to the innermost.
    scope: Vec<(&'a str, Kind<'a>)>,
    /// Line and column, and the words.
    faults: Vec<((usize, usize), String)>,
}

impl<'a> Checker<'a> {
    fn kind_of(&mut self, expression: &'a IdedExpr) -> Kind<'a> {
        match &expression.expr {
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => self.select(expression, select),
            Expr::Call(call) => self.call(expression, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                for element in &list.elements {
                    self.kind_of(element);
                }
                Kind::Dynamic
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.kind_of(&entry.key);
                        self.kind_of(&entry.value);
                    }
                }
                Kind::Dynamic
            }
            Expr::Literal(literal) => operator::of_literal(literal),
            Expr::Unspecified | Expr::Struct(_) => Kind::Dynamic,
        }
    }

    fn name(&mut self, expression: &IdedExpr, name: &str) -> Kind<'a> {
        let declared = self
            .scope
            .iter()
            .rev()
            .find(|(declared, _)| *declared == name);
        if let Some((_, kind)) = declared {
            return *kind;
        }
        if !TYPES.contains(&name) {
            self.fault(
                expression,
                &format!("undeclared reference to '{name}' (in container '')"),
            );
        }
        Kind::Dynamic
    }

    fn select(&mut self, expression: &'a IdedExpr, select: &'a SelectExpr) -> Kind<'a> {
        let field = self.field(expression, select);
        if select.test {
            return Kind::Is(Scalar::Bool);
        }
        field
    }

    fn field(&mut self, expression: &'a IdedExpr, select: &'a SelectExpr) -> Kind<'a> {
        let operand = self.kind_of(&select.operand);
        let name = select.field.as_str();
        let (node, is_resource) = match operand {
            // A computed value has no fields; that is told when it runs.
            Kind::Dynamic | Kind::Is(_) => return Kind::Dynamic,
            Kind::Metadata => {
                if !matches!(name, "name" | "generateName") {
                    self.fault(expression, &format!("undefined field '{name}'"));
                }
                return Kind::Dynamic;
            }
            Kind::Typed(node) => (node, node.embedded_resource),
            Kind::Resource(node) => (node, true),
        };
        match name {
            "metadata" if is_resource => return Kind::Metadata,
            "apiVersion" | "kind" if is_resource => return Kind::Dynamic,
            _ => {}
        }
        let property = node
            .properties
            .iter()
            .find(|(field, _)| super::escape(field) == name);
        if let Some((_, field)) = property {
            return Kind::Typed(field);
        }
        if let Some(field) = node.additional() {
            return Kind::Typed(field);
        }
        let is_scalar = matches!(
            node.kind.as_str(),
            "string" | "integer" | "number" | "boolean" | "array"
        );
        if is_scalar {
            let kind = match node.kind.as_str() {
                "integer" => "int",
                "number" => "double",
                "boolean" => "bool",
                "array" => "list",
                other => other,
            };
            self.fault(
                expression,
                &format!("type '{kind}' does not support field selection"),
            );
        } else if node.kind == "object" {
            self.fault(expression, &format!("undefined field '{name}'"));
        }
        Kind::Dynamic
    }

    fn call(&mut self, expression: &'a IdedExpr, call: &'a CallExpr) -> Kind<'a> {
        let name = call.func_name.as_str();
        if !is_known(name) {
            self.fault(
                expression,
                &format!("undeclared reference to '{name}' (in container '')"),
            );
        }
        if let Some(target) = &call.target {
            self.kind_of(target);
        }
        let kinds: Vec<Kind> = call
            .args
            .iter()
            .map(|argument| self.kind_of(argument))
            .collect();
        let scalars: Vec<Option<Scalar>> = kinds.iter().map(|kind| kind.scalar()).collect();
        if call.target.is_none()
            && let Some(why) = operator::mismatch(name, &scalars)
        {
            self.fault(expression, &why);
            return Kind::Dynamic;
        }
        match (name, kinds.as_slice()) {
            ("_[_]", [container, _]) => element(*container),
            ("_?_:_", [_, yes, no]) => match (yes.scalar(), no.scalar()) {
                (Some(yes), Some(no)) if yes == no => Kind::Is(yes),
                _ => Kind::Dynamic,
            },
            _ => operator::result(name, &scalars).map_or(Kind::Dynamic, Kind::Is),
        }
    }

    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr) -> Kind<'a> {
        let range = self.kind_of(&comprehension.iter_range);
        self.kind_of(&comprehension.accu_init);
        let outer = self.scope.len();
        self.scope.push((&comprehension.accu_var, Kind::Dynamic));
        let is_list = matches!(range, Kind::Typed(node) if node.kind == "array");
        // Over a map, the variable is a key.
        let variable = if is_list {
            element(range)
        } else {
            Kind::Dynamic
        };
        match &comprehension.iter_var2 {
            None => self.scope.push((&comprehension.iter_var, variable)),
            Some(second) => {
                self.scope.push((&comprehension.iter_var, Kind::Dynamic));
                self.scope.push((second, element(range)));
            }
        }
        self.kind_of(&comprehension.loop_cond);
        self.kind_of(&comprehension.loop_step);
        self.scope.truncate(outer + 1);
        self.kind_of(&comprehension.result);
        self.scope.truncate(outer);
        Kind::Dynamic
    }

    /// Notes a fault with the place of the expression, as cel-go shows it.
    fn fault(&mut self, expression: &IdedExpr, message: &str) {
        let source = &self.source.source;
        let offset = self
            .source
            .offset_for(expression.id)
            .map_or(0, |(start, _)| start as usize);
        let before = source.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count();
        let column = before.chars().rev().take_while(|c| *c != '\n').count();
        let snippet = source
            .lines()
            .nth(line)
            .unwrap_or_default()
            .replace('\t', " ");
        let fault = format!(
            "ERROR: <input>:{}:{}: {message}\n | {snippet}\n | {}^",
            line + 1,
            column + 1,
            ".".repeat(column)
        );
        let fault = ((line, column), fault);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// The functions of the language and of the extensions that Kubernetes turns on, and of `function`.
const FUNCTIONS: [&str; 67] = [
    "abs",
    "bitAnd",
    "bitNot",
    "bitOr",
    "bitShiftLeft",
    "bitShiftRight",
    "bitXor",
    "bool",
    "bytes",
    "ceil",
    "charAt",
    "contains",
    "distinct",
    "double",
    "dyn",
    "endsWith",
    "find",
    "findAll",
    "first",
    "flatten",
    "floor",
    "format",
    "greatest",
    "has",
    "hasValue",
    "indexOf",
    "int",
    "isFinite",
    "isInf",
    "isNaN",
    "isSorted",
    "join",
    "last",
    "lastIndexOf",
    "least",
    "lowerAscii",
    "matches",
    "max",
    "min",
    "none",
    "of",
    "ofNonZeroValue",
    "optFlatMap",
    "optMap",
    "or",
    "orValue",
    "quote",
    "range",
    "replace",
    "reverse",
    "round",
    "size",
    "slice",
    "sort",
    "sortBy",
    "split",
    "sqrt",
    "startsWith",
    "string",
    "substring",
    "sum",
    "trim",
    "trunc",
    "type",
    "uint",
    "upperAscii",
    "value",
];

/// Is there such a function? What the parser makes of operators and macros has no name of letters.
fn is_known(name: &str) -> bool {
    let plain = name.rsplit('.').next().unwrap_or(name);
    let is_operator =
        !name.starts_with(|c: char| c.is_ascii_alphabetic()) || plain.starts_with('@');
    let added = [&super::library::FUNCTIONS[..], &super::time::FUNCTIONS[..]];
    is_operator || FUNCTIONS.contains(&plain) || added.concat().contains(&plain)
}

/// What a list or a map holds.
fn element(container: Kind) -> Kind {
    match container {
        Kind::Typed(node) => {
            let below = if node.kind == "array" {
                node.items.as_deref()
            } else {
                node.additional()
            };
            below.map_or(Kind::Dynamic, Kind::Typed)
        }
        Kind::Dynamic | Kind::Resource(_) | Kind::Metadata | Kind::Is(_) => Kind::Dynamic,
    }
}
