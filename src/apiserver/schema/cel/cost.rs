//! What running an expression may cost (k8s.io/apiserver `pkg/apis/cel`): so much for one expression, so much for all
//! expressions of one request.
//!
//! The crate evaluates without counting. So `price` puts a call of [`PAY`] around everything that is computed, and one
//! of [`PAY_DEEP`] around everything that is copied or compared as a whole. The units are those of cel-go as far as it
//! has them: one a step, one for ten characters. What only costs here, because values are copied, is paid for as well.

mod price;

use std::{
    any::Any,
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use cel::{
    Context, DeclarationError, Env, ExecutionError, Value as CelValue,
    common::{
        types::{CelBytes, CelInt, CelList, CelMap, CelOptional, CelString, DYN_TYPE, Type},
        value::{CowVal, StaticVal, Val},
    },
    extractors::This,
};
use regex::{Regex, RegexBuilder};

pub(super) use price::price;

/// As `PerCallLimit`.
const OF_AN_EXPRESSION: u64 = 1_000_000;
/// As `RuntimeCELCostBudget`.
const OF_A_REQUEST: u64 = 10_000_000;
/// To set up an evaluation.
const START: u64 = 50;
/// To compile a pattern that the request has not used before, and how large one may become.
const PATTERN: u64 = 2_000;
const LARGEST_PATTERN: usize = 1 << 20;

/// What the limit of one expression says, as cel-go does.
pub const EXCEEDED: &str = "operation cancelled: actual cost limit exceeded";
/// What the limit of a request says, as Kubernetes does.
pub const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// The budget, as a variable of the expression. No name that is written begins so.
pub(super) const METER: &str = "@meter";
const PAY: &str = "@pay";
const PAY_DEEP: &str = "@payDeep";
const PAY_CALL: &str = "@payCall";
const MATCHES: &str = "@matches";

/// What is left for the expressions of one request. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Budget(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    spent: AtomicU64,
    /// Where the expression that runs has to stop.
    limit: AtomicU64,
    patterns: Mutex<HashMap<String, Regex>>,
}

impl Budget {
    /// Has the request used up everything?
    pub fn is_spent(&self) -> bool {
        self.spent() > OF_A_REQUEST
    }

    fn spent(&self) -> u64 {
        self.0.spent.load(Ordering::Relaxed)
    }

    /// Has the expression that ran last used more than it may?
    pub(super) fn is_exceeded(&self) -> bool {
        self.spent() > self.0.limit.load(Ordering::Relaxed)
    }

    /// Begins an expression with these variables.
    pub(super) fn start<'a>(
        &self,
        variables: impl Iterator<Item = &'a dyn Val>,
    ) -> Result<(), ExecutionError> {
        let limit = self
            .spent()
            .saturating_add(OF_AN_EXPRESSION)
            .min(OF_A_REQUEST);
        self.0.limit.store(limit, Ordering::Relaxed);
        let copied: u64 = variables.map(|value| deep(value) / 4).sum();
        self.pay(copied.saturating_add(START))
    }

    fn pay(&self, cost: u64) -> Result<(), ExecutionError> {
        let before = self.0.spent.fetch_add(cost, Ordering::Relaxed);
        if before.saturating_add(cost) > self.0.limit.load(Ordering::Relaxed) {
            return Err(ExecutionError::function_error("", EXCEEDED));
        }
        Ok(())
    }

    /// The pattern, compiled once a request.
    pub(super) fn pattern(&self, function: &str, source: &str) -> Result<Regex, ExecutionError> {
        let mut patterns = self
            .0
            .patterns
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = patterns.get(source) {
            return Ok(known.clone());
        }
        self.pay(PATTERN)?;
        let pattern = RegexBuilder::new(source)
            .size_limit(LARGEST_PATTERN)
            .build()
            .map_err(|error| ExecutionError::function_error(function, error))?;
        patterns.insert(source.to_owned(), pattern.clone());
        Ok(pattern)
    }

    /// Looking for a pattern in a text.
    pub(super) fn search(&self, text: &str, pattern: &str) -> Result<(), ExecutionError> {
        self.pay(tenth(text.len()).saturating_mul(1 + number(pattern.len()) / 4))
    }
}

static BUDGET_TYPE: LazyLock<Type> = LazyLock::new(|| Type::new_opaque_type(METER));

impl Val for Budget {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &BUDGET_TYPE
    }

    fn equals(&self, other: &dyn Val) -> bool {
        let other = other.downcast_ref::<Self>();
        other.is_some_and(|other| Arc::ptr_eq(&self.0, &other.0))
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Budget {}

/// Declares what priced expressions call.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    for (name, op) in [
        (PAY, pay as cel::common::functions::Function),
        (PAY_DEEP, pay_deep),
    ] {
        env.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], op)?;
    }
    env.add_overload(
        PAY_CALL,
        PAY_CALL,
        vec![DYN_TYPE, DYN_TYPE, DYN_TYPE],
        pay_call,
    )
}

/// Declares what needs the budget and is no overload.
pub(super) fn declare_in(context: &mut Context, budget: &Budget) {
    let budget = budget.clone();
    let declared = context.add_function(
        MATCHES,
        move |This(text): This<Arc<String>>, pattern: Arc<String>| {
            budget.search(&text, &pattern)?;
            let pattern = budget.pattern("matches", &pattern)?;
            Ok::<_, ExecutionError>(CelValue::Bool(pattern.is_match(&text)))
        },
    );
    debug_assert!(declared.is_ok(), "the function is declared twice");
}

/// Takes the price of a value from the budget, and hands the value on.
fn charge<'b, 'v>(
    args: Vec<CowVal<'b, 'v>>,
    price: fn(&dyn Val) -> u64,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut args = args.into_iter();
    let (Some(budget), Some(value)) = (args.next(), args.next()) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    budget_of(budget.as_ref())?.pay(price(value.as_ref()))?;
    Ok(value)
}

fn budget_of<'a>(value: &'a (dyn Val + '_)) -> Result<&'a Budget, ExecutionError> {
    let budget = value.downcast_ref::<Budget>();
    budget.ok_or_else(ExecutionError::missing_argument_or_target)
}

fn pay<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    charge(args, shallow)
}

fn pay_deep<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    charge(args, deep)
}

/// Pays for a call whose work or result is not linear: the budget, the function's name, its target and arguments as a
/// list. Hands the list on.
fn pay_call<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut args = args.into_iter();
    let (Some(budget), Some(name), Some(given)) = (args.next(), args.next(), args.next()) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let name = name
        .downcast_ref::<CelString>()
        .map_or("", CelString::inner);
    let cost = given
        .downcast_ref::<CelList>()
        .map_or(0, |given| of_call(name, given.inner()));
    budget_of(budget.as_ref())?.pay(cost)?;
    Ok(given)
}

fn of_call(name: &str, given: &[Box<dyn Val + '_>]) -> u64 {
    let text = |at: usize| {
        let text = given
            .get(at)
            .and_then(|value| value.downcast_ref::<CelString>());
        text.map_or(0, |text| text.inner().len())
    };
    let elements = || {
        let list = given
            .first()
            .and_then(|value| value.downcast_ref::<CelList>());
        list.map_or(0, |list| list.inner().len())
    };
    let product = |a: usize, b: usize| number(a).saturating_mul(number(b));
    match name {
        // As many copies of the new text as the old one can be found.
        "replace" => {
            tenth(text(0)).saturating_add(product(text(0) / text(1).max(1) + 1, text(2)) / 10)
        }
        "join" => product(elements(), text(1)) / 10,
        "split" => number(text(0)) / 2,
        "indexOf" | "lastIndexOf" => product(text(0), text(1)) / 100,
        "distinct" => product(elements(), elements()) / 4,
        "range" => {
            let size = given
                .first()
                .and_then(|value| value.downcast_ref::<CelInt>());
            size.map_or(0, |size| u64::try_from(*size.inner()).unwrap_or(0))
        }
        _ => 0,
    }
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// One for ten characters, at least one.
fn tenth(size: usize) -> u64 {
    1 + number(size) / 10
}

/// A step, and the size of what it comes to.
fn shallow(value: &dyn Val) -> u64 {
    if let Some(text) = value.downcast_ref::<CelString>() {
        tenth(text.inner().len())
    } else if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        tenth(bytes.inner().len())
    } else {
        1
    }
}

/// The size of a value with everything in it.
fn deep(value: &dyn Val) -> u64 {
    if let Some(list) = value.downcast_ref::<CelList>() {
        let inside = list.inner().iter().map(|element| deep(element.as_ref()));
        1 + inside.sum::<u64>()
    } else if let Some(map) = value.downcast_ref::<CelMap>() {
        let inside = map.inner().values().map(|member| 1 + deep(member.as_ref()));
        1 + inside.sum::<u64>()
    } else if let Some(value) = value
        .downcast_ref::<CelOptional>()
        .and_then(CelOptional::option)
    {
        1 + deep(value)
    } else {
        shallow(value)
    }
}
