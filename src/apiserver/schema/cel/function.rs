//! What Kubernetes adds to the language: functions on strings and lists (k8s.io/apiserver `pkg/cel/library`).

use std::sync::Arc;

use cel::{Context, ExecutionError, Value as CelValue, extractors::This};

use super::cost::Budget;

/// Declares the functions.
pub(super) fn declare(context: &mut Context, budget: &Budget) {
    let (of_find, of_find_all) = (budget.clone(), budget.clone());
    let declared = [
        context.add_function(
            "find",
            move |This(text): This<Arc<String>>, pattern: Arc<String>| {
                of_find.search(&text, &pattern)?;
                let regex = of_find.pattern("find", &pattern)?;
                let found = regex.find(&text).map_or("", |found| found.as_str());
                Ok::<_, ExecutionError>(CelValue::from(found))
            },
        ),
        context.add_function(
            "findAll",
            move |This(text): This<Arc<String>>, pattern: Arc<String>| {
                of_find_all.search(&text, &pattern)?;
                let regex = of_find_all.pattern("findAll", &pattern)?;
                let found: Vec<CelValue> = regex
                    .find_iter(&text)
                    .map(|found| found.as_str().into())
                    .collect();
                Ok::<_, ExecutionError>(CelValue::List(Arc::new(found)))
            },
        ),
        context.add_function("isSorted", |This(list): This<Arc<Vec<CelValue>>>| {
            list.is_sorted_by(|a, b| a.partial_cmp(b).is_some_and(std::cmp::Ordering::is_le))
        }),
        context.add_function("sum", |This(list): This<Arc<Vec<CelValue>>>| sum(&list)),
        context.add_function("min", |This(list): This<Arc<Vec<CelValue>>>| {
            extreme("min", &list, std::cmp::Ordering::is_lt)
        }),
        context.add_function("max", |This(list): This<Arc<Vec<CelValue>>>| {
            extreme("max", &list, std::cmp::Ordering::is_gt)
        }),
    ];
    debug_assert!(
        declared.iter().all(Result::is_ok),
        "a function is declared twice"
    );
}

fn sum(list: &[CelValue]) -> Result<CelValue, ExecutionError> {
    let mut total = CelValue::Int(0);
    for (index, element) in list.iter().enumerate() {
        total = match (total, element) {
            (_, first) if index == 0 => first.clone(),
            (CelValue::Int(a), CelValue::Int(b)) => a
                .checked_add(*b)
                .map(CelValue::Int)
                .ok_or_else(|| ExecutionError::function_error("sum", "integer overflow"))?,
            (CelValue::Float(a), CelValue::Float(b)) => CelValue::Float(a + b),
            (_, _) => return Err(ExecutionError::function_error("sum", "no such overload")),
        };
    }
    Ok(total)
}

fn extreme(
    function: &str,
    list: &[CelValue],
    better: fn(std::cmp::Ordering) -> bool,
) -> Result<CelValue, ExecutionError> {
    let mut elements = list.iter();
    let first = elements.next().ok_or_else(|| {
        ExecutionError::function_error(function, format!("{function} called on empty list"))
    })?;
    let best = elements.fold(first, |best, element| {
        if element.partial_cmp(best).is_some_and(better) {
            element
        } else {
            best
        }
    });
    Ok(best.clone())
}
