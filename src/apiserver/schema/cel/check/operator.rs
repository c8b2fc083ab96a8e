//! The types of plain values, and which of them the operators take.

use cel::common::ast::LiteralValue;

use super::Kind;
use crate::schema::Node;

/// The type of a plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Null,
    Duration,
    Timestamp,
}

impl Scalar {
    /// What a schema makes of a value, where it is a plain one for certain.
    pub fn of(node: &Node) -> Option<Self> {
        if node.nullable {
            return None;
        }
        match (node.kind.as_str(), node.format.as_str()) {
            ("boolean", _) => Some(Self::Bool),
            ("integer", _) => Some(Self::Int),
            ("number", _) => Some(Self::Double),
            ("string", "duration") => Some(Self::Duration),
            ("string", "date" | "date-time") => Some(Self::Timestamp),
            ("string", "byte") => Some(Self::Bytes),
            ("string", _) => Some(Self::String),
            _ => None,
        }
    }

    /// As cel-go names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Null => "null",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }
}

pub(super) fn of_literal<'a>(literal: &LiteralValue) -> Kind<'a> {
    Kind::Is(match literal {
        LiteralValue::Boolean(_) => Scalar::Bool,
        LiteralValue::Bytes(_) => Scalar::Bytes,
        LiteralValue::Double(_) => Scalar::Double,
        LiteralValue::Int(_) => Scalar::Int,
        LiteralValue::Null => Scalar::Null,
        LiteralValue::String(_) => Scalar::String,
        LiteralValue::UInt(_) => Scalar::Uint,
    })
}

/// Why an operator does not take these operands.
pub(super) fn mismatch(operator: &str, operands: &[Option<Scalar>]) -> Option<String> {
    let fits = match (operator, operands) {
        ("_&&_" | "_||_", [a, b]) => [a, b].iter().all(|one| one.is_none_or(is_bool)),
        ("!_", [Some(one)]) => is_bool(*one),
        ("_==_" | "_!=_", [Some(a), Some(b)]) => {
            let either = |one: Scalar| *a == one || *b == one;
            a == b || either(Scalar::Null) || (a.is_number() && b.is_number())
        }
        ("_<_" | "_<=_" | "_>_" | "_>=_", [Some(a), Some(b)]) => {
            (a == b && *a != Scalar::Null) || (a.is_number() && b.is_number())
        }
        (_, [Some(_), Some(_)]) if is_arithmetic(operator) => {
            arithmetic(operator, operands).is_some()
        }
        _ => true,
    };
    if fits {
        return None;
    }
    let names: Vec<&str> = operands
        .iter()
        .map(|operand| operand.map_or("dyn", Scalar::name))
        .collect();
    Some(format!(
        "found no matching overload for '{operator}' applied to '({})'",
        names.join(", ")
    ))
}

fn is_bool(scalar: Scalar) -> bool {
    scalar == Scalar::Bool
}

fn is_arithmetic(operator: &str) -> bool {
    matches!(operator, "_+_" | "_-_" | "_*_" | "_/_" | "_%_")
}

fn arithmetic(operator: &str, operands: &[Option<Scalar>]) -> Option<Scalar> {
    use Scalar::{Bytes, Double, Duration, Int, String, Timestamp, Uint};
    let [Some(a), Some(b)] = operands else {
        return None;
    };
    match (operator, a, b) {
        ("_+_" | "_-_" | "_*_" | "_/_", Int | Uint | Double, _)
        | ("_%_", Int | Uint, _)
        | ("_+_", String | Bytes, _)
            if a == b =>
        {
            Some(*a)
        }
        ("_+_" | "_-_", Duration, Duration) | ("_-_", Timestamp, Timestamp) => Some(Duration),
        ("_+_" | "_-_", Timestamp, Duration) | ("_+_", Duration, Timestamp) => Some(Timestamp),
        _ => None,
    }
}

/// The type of what an operator or a function gives, where it is always the same.
pub(super) fn result(name: &str, operands: &[Option<Scalar>]) -> Option<Scalar> {
    let plain = name.rsplit('.').next().unwrap_or(name);
    match plain {
        "_&&_" | "_||_" | "!_" | "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "@in"
        | "startsWith" | "endsWith" | "matches" | "isIP" | "isCIDR" | "isQuantity" | "isSemver"
        | "isSorted" | "isGreaterThan" | "isLessThan" | "containsIP" | "containsCIDR"
        | "hasValue" | "bool" => Some(Scalar::Bool),
        "size" | "int" | "compareTo" => Some(Scalar::Int),
        "double" => Some(Scalar::Double),
        "uint" => Some(Scalar::Uint),
        "string" | "lowerAscii" | "upperAscii" | "trim" | "find" | "format" | "join"
        | "replace" | "substring" | "charAt" => Some(Scalar::String),
        "duration" => Some(Scalar::Duration),
        "timestamp" => Some(Scalar::Timestamp),
        "-_" => operands.first().copied().flatten(),
        _ if is_arithmetic(plain) => arithmetic(plain, operands),
        _ => None,
    }
}
