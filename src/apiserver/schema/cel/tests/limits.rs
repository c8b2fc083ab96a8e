//! What expressions may cost, and how deep they may nest.

use serde_json::{Value, json};

use super::super::{Budget, EXCEEDED, Expression, Operand};

fn run(source: &str, object: &Value) -> Result<Operand, String> {
    let variables = [("object", Operand::from_json(object))];
    Expression::compile(source)?.evaluate(&variables, &Budget::default())
}

#[test]
fn what_costs_too_much_is_cancelled() {
    let numbers: Vec<u32> = (0..500).collect();
    let words: Vec<String> = numbers.iter().map(|n| format!("w{n}").repeat(20)).collect();
    let object = json!({
        "a": numbers, "w": words, "s": "x".repeat(1_000), "long": "x".repeat(100_000),
        "deep": {"a": words, "b": words},
    });
    let tenfold = |start: &str, times: usize| {
        let step = format!(".map(a,{})", ["a"; 10].join("+"));
        format!("[{start}]{}.size() > 0", step.repeat(times))
    };
    let chain = "object.s".to_owned() + &".replace('x', object.s)".repeat(3);
    for source in [
        "object.a.all(x, object.a.all(y, object.a.all(z, x + y + z >= 0)))",
        "object.a.exists(x, object.a.exists(y, object.a.exists(z, x + y + z < 0)))",
        // What fails is not taken for an answer of the operators that leave failures out.
        "object.a.all(x, object.a.all(y, object.a.all(z, x + y + z >= 0))) || true",
        "false && true || object.a.map(x, object.a.map(y, object.a.map(z, x))).size() > 0",
        &tenfold("object.s", 6),
        &tenfold("object.a", 6),
        &tenfold("[object.deep]", 6),
        // Results that are larger than what they are made of.
        "object.long.replace('', object.long).size() > 0",
        "object.long.replace('x', object.long).size() > 0",
        &format!("{chain}.size() > 0"),
        "object.w.map(w, object.long).join(object.long).size() > 0",
        "lists.range(1000000).map(x, lists.range(1000000)).size() > 0",
        "[object.deep, object.deep].map(x, [x, x, x, x]).map(x, [x, x, x, x]).map(x, [x, x, x, x]).map(x, [x, x, x, x]).size() > 0",
        // Work that grows faster than what it is done on.
        "lists.range(100000).distinct().size() > 0",
        "object.long.indexOf(object.long + 'y') < 0",
        "object.long.lastIndexOf(object.long.substring(50000) + 'y') < 0",
        "object.a.all(x, object.a == object.a && object.w == object.w)",
        "object.a.all(x, object.w.all(y, x in object.a && !(object.long in object.w)))",
        "object.a.all(x, object.w.flatten().size() > 0 && object.a.reverse().size() > 0 && object.w.sort().size() > 0)",
        "object.a.all(x, 'x'.matches('(x{50}){50}' + string(x)) || true)",
        "object.a.all(x, ('x'.find('(x{50}){50}' + string(x)) + 'x').size() > 0)",
        "object.a.all(x, object.long.matches('x+x+x+y') || true)",
    ] {
        let outcome = run(source, &object).map(|_| ());
        assert_eq!(outcome, Err(EXCEEDED.to_owned()), "{source}");
    }
}

#[test]
fn ordinary_expressions_are_far_from_the_limits() {
    let numbers: Vec<u32> = (0..500).collect();
    let object = json!({"a": numbers, "names": ["a", "b"], "s": "x".repeat(1_000)});
    for source in [
        "object.a.all(x, object.a.exists(y, x == y))",
        "object.a.all(x, x in object.a && size(object.a) == 500)",
        "object.a.map(x, string(x)).join(',').split(',').size() == 500",
        "object.a.distinct().size() == 500 && lists.range(1000).size() == 1000",
        "object.s.replace('x', 'yy').size() == 2000 && object.s.indexOf('y') == -1",
        "object.a.all(x, object.s.matches('^x+$') && object.s.find('x') == 'x')",
        "object.a.filter(x, x > 10).map(x, x * 2).exists_one(x, x == 40)",
        "object.names.map(n, n == 'a', n + '!') == ['a!']",
        "object.?none.optMap(x, x + 1).orValue(3) == 3 && .object.names.size() == 2",
        "optional.of(object.a).hasValue() && math.greatest(1, 2) == 2 && 'a%d'.format([1]) == 'a1'",
        "has(object.a) && {'x': object.a}.x.size() == 500 && object.names.sortBy(n, n)[0] == 'a'",
    ] {
        let outcome = run(source, &object);
        assert!(
            outcome
                .unwrap_or_else(|why| panic!("{source}: {why}"))
                .is_true(),
            "{source}"
        );
    }
}

#[test]
fn a_request_has_one_budget_for_all_of_its_expressions() {
    let numbers: Vec<u32> = (0..400).collect();
    let variables = [("object", Operand::from_json(&json!({"a": numbers})))];
    let dear = Expression::compile("object.a.all(x, object.a.all(y, x + y >= 0))").unwrap();
    let budget = Budget::default();
    let paid = (0..100).take_while(|_| dear.evaluate(&variables, &budget).is_ok());
    let paid = paid.count();
    assert!((10..30).contains(&paid), "{paid}");
    assert!(budget.is_spent());
    let cheap = Expression::compile("true").unwrap();
    assert_eq!(cheap.evaluate(&[], &budget).unwrap_err(), EXCEEDED);
    assert!(cheap.evaluate(&[], &Budget::default()).is_ok());
}

/// On a thread with the stack that serving threads have: what is allowed fits there.
#[test]
fn the_deepest_expressions_fit_on_the_stack() {
    let nested =
        |open: &str, close: &str, times: usize| open.repeat(times) + "1" + &close.repeat(times);
    let sources = [
        "1".to_owned() + &"+1".repeat(240) + " > 0",
        "object".to_owned() + &".a".repeat(240) + " == 1",
        "object".to_owned() + &"[0]".repeat(240) + " == 1",
        "object".to_owned() + &".?a".repeat(120) + ".hasValue()",
        "'x'".to_owned() + &".trim()".repeat(240) + " == 'x'",
        "[1]".to_owned() + &".filter(x,true)".repeat(110) + ".size() == 1",
        "[1]".to_owned() + &".map(x,x)".repeat(110) + ".size() == 1",
        nested("(", ")", 240) + " == 1",
        nested("[", "]", 240) + ".size() == 1",
        nested("{1:", "}", 240) + ".size() == 1",
        nested("dyn(", ")", 120) + " == 1",
        nested("[1].all(x, ", " == 1)", 60),
        nested("[1].map(x, ", ")", 110) + ".size() == 1",
        "true ? true : ".repeat(240) + "true",
        "!".repeat(2_000) + "true",
        "-".repeat(2_000) + "1 == 1",
        vec!["true"; 3_000].join(" && "),
        vec!["object.a == 1"; 3_000].join(" || "),
        "(".repeat(20_000),
        "a?".repeat(20_000),
        "a.".repeat(20_000),
        "a(".repeat(20_000),
        "'".repeat(20_001),
    ];
    for source in sources {
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let ends = thread.spawn(move || drop(run(&source, &json!({"a": 1}))));
        ends.unwrap().join().unwrap();
    }
}
