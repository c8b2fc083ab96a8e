mod limits;

use super::*;
use serde_json::json;

fn run(source: &str, object: &Value) -> Result<Operand, String> {
    let variables = [("object", Operand::from_json(object))];
    Expression::compile(source)?.evaluate(&variables, &Budget::default())
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
        "duration('1h30m') > duration('89m') && duration('90s') + duration('30s') == duration('2m')",
        "timestamp('2026-01-31T10:00:00Z') - timestamp('2026-01-30T10:00:00Z') == duration('24h')",
        "timestamp('2026-01-31T10:00:00Z') + duration('24h') == timestamp('2026-02-01T11:00:00+01:00')",
        "timestamp('2026-03-01T23:30:00Z').getDate() == 1 && timestamp('2026-03-01T23:30:00Z').getDate('+01:00') == 2",
        "timestamp('2026-03-01T00:00:00Z').getMonth() == 2 && timestamp('2026-03-01T00:00:00Z').getDayOfWeek() == 0",
        "duration('90m').getHours() == 1 && string(duration('90m')) == '5400s' && int(timestamp('1970-01-01T00:01:00Z')) == 60",
        "string(timestamp('2026-01-01T00:00:00Z')) == '2026-01-01T00:00:00Z'",
        "[duration('1m'), duration('2m')].exists(d, d > duration('90s'))",
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
        (
            "duration('x') == duration('1s')",
            "time: invalid duration \"x\"",
        ),
        ("duration('1s') + 1 == duration('1s')", "no such overload"),
        (
            "timestamp('2026-01-01') == null",
            "parsing time \"2026-01-01\": not in RFC 3339",
        ),
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
        "n": {"type": "integer"}, "a-b": {"type": "string"}, "wait": {"type": "string", "format": "duration"},
        "since": {"type": "string", "format": "date-time"},
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
        "self.spec.n + 1 > 1.5 && self.spec.a__dash__b + 'x' != self.spec.labels.y",
        "self.spec.wait + duration('1m') < duration('1h') && self.spec.since + self.spec.wait < timestamp('2026-01-01T00:00:00Z')",
        "self.spec.n == null || (self.spec.n > 1 ? self.spec.n : 2) < 3",
    ] {
        assert_eq!(check(source).map(drop), Ok(()), "{source}");
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
            "self.spec.n + 'x' == ''",
            "ERROR: <input>:1:13: found no matching overload for '_+_' applied to '(int, string)'\n | self.spec.n + 'x' == ''\n | ............^",
        ),
        (
            "self.spec.n && true",
            "ERROR: <input>:1:13: found no matching overload for '_&&_' applied to '(int, bool)'\n | self.spec.n && true\n | ............^",
        ),
        (
            "self.spec.wait > 5",
            "ERROR: <input>:1:16: found no matching overload for '_>_' applied to '(google.protobuf.Duration, int)'\n | self.spec.wait > 5\n | ...............^",
        ),
        (
            "self.spec.n.x == 1",
            "ERROR: <input>:1:12: type 'int' does not support field selection\n | self.spec.n.x == 1\n | ...........^",
        ),
    ] {
        assert_eq!(check(source).map(drop), Err(fault.to_owned()), "{source}");
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
