//! The tree of an expression with its costs in it.

use cel::{
    IdedExpr,
    common::{
        ast::{
            CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, MapEntryExpr,
            SelectExpr, operators,
        },
        types::{CelInt, CelString},
    },
};

use super::{MATCHES, METER, PAY, PAY_CALL, PAY_DEEP};

/// Functions whose result or work is not linear in what they are given.
const DEAR: [&str; 7] = [
    "distinct",
    "indexOf",
    "join",
    "lastIndexOf",
    "range",
    "replace",
    "split",
];
/// Functions that look at no more than the outside of what they are given.
const CHEAP: [&str; 8] = [
    "bool", "dyn", "hasValue", "none", "of", "size", "type", "value",
];
/// What functions with qualified names begin with.
const NAMESPACES: [&str; 4] = ["lists", "math", "optional", "strings"];
/// The target and the arguments of a dear call, while it is paid for.
const GIVEN: &str = "@given";

/// The same expression, which pays for every step.
pub(in crate::schema::cel) fn price(expression: &IdedExpr) -> IdedExpr {
    match &expression.expr {
        // What the parser makes of macros has names of its own, and the crate knows the shapes that they stand in.
        Expr::Ident(name) if name.starts_with('@') => expression.clone(),
        Expr::Literal(_) | Expr::Unspecified => expression.clone(),
        Expr::Call(_) if is_append(expression) => inside(expression),
        _ => paid(PAY, inside(expression)),
    }
}

/// The same, which pays for all of its value: it is going to be copied or compared.
fn whole(expression: &IdedExpr) -> IdedExpr {
    match &expression.expr {
        Expr::Literal(_) => expression.clone(),
        _ => paid(PAY_DEEP, price(expression)),
    }
}

fn node(id: u64, expr: Expr) -> IdedExpr {
    IdedExpr { id, expr }
}

fn paid(function: &str, expression: IdedExpr) -> IdedExpr {
    let meter = node(expression.id, Expr::Ident(METER.to_owned()));
    call(expression.id, function, vec![meter, expression])
}

fn call(id: u64, function: &str, args: Vec<IdedExpr>) -> IdedExpr {
    let call = CallExpr {
        func_name: function.to_owned(),
        target: None,
        args,
    };
    node(id, Expr::Call(call))
}

/// Is it a name, qualified or not? Names are resolved as a whole.
fn is_name(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test && is_name(&select.operand),
        _ => false,
    }
}

/// `accumulator + [element]`, which the crate does without copying the accumulator.
fn is_append(expression: &IdedExpr) -> bool {
    let Expr::Call(call) = &expression.expr else {
        return false;
    };
    call.func_name == operators::ADD
        && matches!(call.args.as_slice(), [left, right]
            if matches!(&left.expr, Expr::Ident(name) if name.starts_with('@')) && matches!(right.expr, Expr::List(_)))
}

/// The expression with prices on what it consists of.
fn inside(expression: &IdedExpr) -> IdedExpr {
    let id = expression.id;
    match &expression.expr {
        Expr::Select(select) if !select.test && is_name(expression) => expression.clone(),
        Expr::Select(select) => {
            let operand = if is_name(&select.operand) {
                (*select.operand).clone()
            } else {
                price(&select.operand)
            };
            let select = SelectExpr {
                operand: Box::new(operand),
                ..select.clone()
            };
            node(id, Expr::Select(select))
        }
        Expr::Call(call) => self::function(id, call),
        Expr::Comprehension(comprehension) => node(
            id,
            Expr::Comprehension(Box::new(self::comprehension(comprehension))),
        ),
        Expr::List(list) => {
            let elements = list.elements.iter().map(whole).collect();
            let list = ListExpr::new_with_optionals(elements, list.optional_indices.clone());
            node(id, Expr::List(list))
        }
        Expr::Map(map) => {
            let mut map = map.clone();
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(MapEntryExpr { key, value, .. }) = &mut entry.expr {
                    (*key, *value) = (whole(key), whole(value));
                }
            }
            node(id, Expr::Map(map))
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {
            expression.clone()
        }
    }
}

fn function(id: u64, function: &CallExpr) -> IdedExpr {
    let name = function.func_name.as_str();
    if name == operators::NOT_STRICTLY_FALSE {
        return node(id, Expr::Call(function.clone()));
    }
    if DEAR.contains(&name) {
        return dear(id, function);
    }
    let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
    let compares = matches!(
        name,
        operators::EQUALS | operators::NOT_EQUALS | operators::IN
    );
    let of = |expression: &IdedExpr| {
        if compares || !(is_operator || CHEAP.contains(&name)) {
            whole(expression)
        } else {
            price(expression)
        }
    };
    let args = if is_append_call(function) {
        vec![function.args[0].clone(), inside(&function.args[1])]
    } else {
        function.args.iter().map(of).collect()
    };
    let target = function.target.as_deref().map(|target| {
        let is_namespace =
            matches!(&target.expr, Expr::Ident(name) if NAMESPACES.contains(&name.as_str()));
        Box::new(if is_namespace {
            target.clone()
        } else {
            of(target)
        })
    });
    let func_name = if name == "matches" { MATCHES } else { name }.to_owned();
    let call = CallExpr {
        func_name,
        target,
        args,
    };
    node(id, Expr::Call(call))
}

fn is_append_call(call: &CallExpr) -> bool {
    is_append(&node(0, Expr::Call(call.clone())))
}

/// `target.f(x)` as `f` of the elements of a list that has been paid for: everything is evaluated once, and before it is
/// called.
fn dear(id: u64, function: &CallExpr) -> IdedExpr {
    // `lists.range` has no target.
    let target = function
        .target
        .as_deref()
        .filter(|_| function.func_name != "range");
    let given: Vec<IdedExpr> = target
        .into_iter()
        .chain(&function.args)
        .map(whole)
        .collect();
    let list = || node(id, Expr::Ident(GIVEN.to_owned()));
    let at = |index: usize| {
        let index = CelInt::from(i64::try_from(index).unwrap_or(i64::MAX));
        let index = node(id, Expr::Literal(LiteralValue::Int(index)));
        call(id, operators::INDEX, vec![list(), index])
    };
    let first = usize::from(target.is_some());
    let result = CallExpr {
        func_name: function.func_name.clone(),
        target: match target {
            Some(_) => Some(Box::new(at(0))),
            None => function.target.clone(),
        },
        args: (first..given.len()).map(at).collect(),
    };
    let name = CelString::from(function.func_name.clone());
    let name = node(id, Expr::Literal(LiteralValue::String(name)));
    let meter = node(id, Expr::Ident(METER.to_owned()));
    let given = node(id, Expr::List(ListExpr::new(given)));
    let bound = ComprehensionExpr {
        iter_range: node(id, Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "@nothing".to_owned(),
        iter_var2: None,
        accu_var: GIVEN.to_owned(),
        accu_init: call(id, PAY_CALL, vec![meter, name, given]),
        loop_cond: node(id, Expr::Literal(LiteralValue::Boolean(false.into()))),
        loop_step: list(),
        result: node(id, Expr::Call(result)),
    };
    node(id, Expr::Comprehension(Box::new(bound)))
}

fn comprehension(comprehension: &ComprehensionExpr) -> ComprehensionExpr {
    ComprehensionExpr {
        // Each element is copied into the variable.
        iter_range: whole(&comprehension.iter_range),
        accu_init: whole(&comprehension.accu_init),
        loop_step: inside(&comprehension.loop_step),
        result: match &comprehension.result.expr {
            Expr::Ident(_) => comprehension.result.clone(),
            _ => price(&comprehension.result),
        },
        ..comprehension.clone()
    }
}
