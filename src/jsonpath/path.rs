//! One path: fields, quoted fields, indices, slices, wildcards, recursive descent and filters that compare.

use serde_json::Value;

/// How deep filters may stand in each other; a person writes one.
const MAX_DEPTH: usize = 16;

/// How many values one evaluation may visit. Each `..` visits a value again for every ancestor that led to it, so a few of
/// them in one path multiply without end.
const MAX_VISITS: usize = 100_000;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// `['a','b']`
    Fields(Vec<String>),
    Wildcard,
    Recursive,
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    Filter(Filter),
}

/// `?(@.type=="Ready")`
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Operand,
    comparison: Option<(Comparison, Operand)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(JsonPath),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Parses a path such as `.spec.enabled` or `.status.conditions[?(@.type=="Ready")].status`.
    pub fn parse(path: &str) -> Result<Self, String> {
        let path = path.trim();
        let path = path.strip_prefix('$').unwrap_or(path);
        let mut parser = Parser {
            rest: path,
            depth: 0,
        };
        let steps = parser.steps()?;
        if parser.rest.is_empty() {
            Ok(Self { steps })
        } else {
            Err(format!("unrecognized character in path: {}", parser.rest))
        }
    }

    /// Everything that the path leads to; missing members lead nowhere. An error where that takes too many visits.
    pub fn find<'a>(&self, root: &'a Value) -> Result<Vec<&'a Value>, String> {
        self.find_within(root, &mut Budget::default())
    }

    /// As [`find`](Self::find), for several paths that share one budget.
    pub fn find_within<'a>(
        &self,
        root: &'a Value,
        budget: &mut Budget,
    ) -> Result<Vec<&'a Value>, String> {
        let mut found = vec![root];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                next.extend(step.apply(value, budget)?);
            }
            found = next;
        }
        Ok(found)
    }
}

/// The visits that are left, those of filters included.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(MAX_VISITS)
    }
}

impl Budget {
    /// So many visits.
    #[must_use]
    pub const fn of(most: usize) -> Self {
        Self { most, left: most }
    }

    fn spend(&mut self, visits: usize) -> Result<(), String> {
        let left = self.left.checked_sub(visits);
        self.left =
            left.ok_or_else(|| format!("the path leads to more than {} values", self.most))?;
        Ok(())
    }
}

impl Step {
    fn apply<'a>(&self, value: &'a Value, budget: &mut Budget) -> Result<Vec<&'a Value>, String> {
        // Every visit is counted before it is made, so that a path that may not go on costs nothing more.
        budget.spend(1)?;
        Ok(match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Fields(names) => {
                budget.spend(names.len())?;
                names.iter().filter_map(|name| value.get(name)).collect()
            }
            Self::Wildcard => children(value, budget)?,
            Self::Recursive => {
                let mut all = vec![value];
                let mut next = 0;
                while next < all.len() {
                    all.extend(children(all[next], budget)?);
                    next += 1;
                }
                all
            }
            Self::Index(index) => {
                let list = value.as_array().map_or(&[][..], Vec::as_slice);
                position(*index, list.len())
                    .and_then(|at| list.get(at))
                    .into_iter()
                    .collect()
            }
            Self::Slice(from, to) => {
                let list = value.as_array().map_or(&[][..], Vec::as_slice);
                let bound = |index: Option<i64>, default| {
                    index.map_or(default, |index| {
                        position(index, list.len()).unwrap_or(0).min(list.len())
                    })
                };
                let (from, to) = (bound(*from, 0), bound(*to, list.len()));
                let part = list.get(from..to).unwrap_or_default();
                budget.spend(part.len())?;
                part.iter().collect()
            }
            Self::Filter(filter) => {
                let mut kept = Vec::new();
                for child in children(value, budget)? {
                    if filter.holds(child, budget)? {
                        kept.push(child);
                    }
                }
                kept
            }
        })
    }
}

fn children<'a>(value: &'a Value, budget: &mut Budget) -> Result<Vec<&'a Value>, String> {
    match value {
        Value::Array(elements) => {
            budget.spend(elements.len())?;
            Ok(elements.iter().collect())
        }
        Value::Object(members) => {
            budget.spend(members.len())?;
            Ok(members.values().collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Vec::new()),
    }
}

/// Negative indices count from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { length + index } else { index }).ok()
}

impl Filter {
    fn holds(&self, value: &Value, budget: &mut Budget) -> Result<bool, String> {
        let Some(left) = self.left.of(value, budget)? else {
            return Ok(false);
        };
        let Some((comparison, right)) = &self.comparison else {
            return Ok(true);
        };
        let Some(right) = right.of(value, budget)? else {
            return Ok(false);
        };
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                left.as_f64().partial_cmp(&right.as_f64())
            }
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (left, right) => (left == right).then_some(std::cmp::Ordering::Equal),
        };
        Ok(match comparison {
            Comparison::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Comparison::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
            Comparison::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Comparison::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Comparison::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Comparison::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        })
    }
}

impl Operand {
    fn of<'a>(
        &'a self,
        value: &'a Value,
        budget: &mut Budget,
    ) -> Result<Option<&'a Value>, String> {
        Ok(match self {
            Self::Path(path) => path.find_within(value, budget)?.into_iter().next(),
            Self::Literal(literal) => Some(literal),
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        if self
            .rest
            .starts_with(|c: char| c.is_alphanumeric() || c == '_')
        {
            steps.push(self.field()?);
        }
        loop {
            if self.eat("..") {
                steps.push(Step::Recursive);
                if !self.rest.starts_with('[') {
                    steps.push(self.field()?);
                }
            } else if self.eat(".") {
                if !self.rest.is_empty() && !self.rest.starts_with('[') {
                    steps.push(self.field()?);
                }
            } else if self.eat("[") {
                steps.push(self.bracket()?);
            } else {
                return Ok(steps);
            }
        }
    }

    /// A field name, in which a backslash keeps the next character from having a meaning.
    fn field(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            return Ok(Step::Wildcard);
        }
        let mut name = String::new();
        let mut characters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => name.extend(characters.next().map(|(_, c)| c)),
                '.' | '[' | ']' | ')' | '=' | '!' | '<' | '>' | ' ' => {
                    end = at;
                    break;
                }
                c => name.push(c),
            }
        }
        self.rest = &self.rest[end..];
        if name.is_empty() {
            return Err(format!("a field name is missing before {:?}", self.rest));
        }
        Ok(Step::Field(name))
    }

    fn bracket(&mut self) -> Result<Step, String> {
        if self.eat("?(") {
            if self.depth == MAX_DEPTH {
                return Err(format!("more than {MAX_DEPTH} filters in each other"));
            }
            self.depth += 1;
            let filter = self.filter()?;
            self.depth -= 1;
            return if self.eat(")]") {
                Ok(Step::Filter(filter))
            } else {
                Err("unterminated filter".to_owned())
            };
        }
        let inside = self.until_bracket()?;
        let inside = inside.trim();
        if inside == "*" {
            return Ok(Step::Wildcard);
        }
        if inside.starts_with(['\'', '"']) {
            let mut names: Vec<String> = inside.split(',').map(unquote).collect();
            return Ok(if names.len() == 1 {
                Step::Field(names.remove(0))
            } else {
                Step::Fields(names)
            });
        }
        let number = |text: &str| match text.trim() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| format!("invalid array index {inside}")),
        };
        if let Some((from, to)) = inside.split_once(':') {
            return Ok(Step::Slice(number(from)?, number(to)?));
        }
        number(inside)?
            .map(Step::Index)
            .ok_or_else(|| format!("invalid array index {inside}"))
    }

    /// What stands before the closing bracket, which may be quoted inside.
    fn until_bracket(&mut self) -> Result<&'a str, String> {
        let mut quote = None;
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                (None, ']') => {
                    let inside = &self.rest[..at];
                    self.rest = &self.rest[at + 1..];
                    return Ok(inside);
                }
                (None, '\'' | '"') => quote = Some(c),
                (Some(open), c) if c == open => quote = None,
                (_, _) => {}
            }
        }
        Err("unterminated array".to_owned())
    }

    fn filter(&mut self) -> Result<Filter, String> {
        let left = self.operand()?;
        self.rest = self.rest.trim_start();
        let comparisons = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let found = comparisons.into_iter().find(|(sign, _)| self.eat(sign));
        let comparison = match found {
            Some((_, comparison)) => Some((comparison, self.operand()?)),
            None => None,
        };
        self.rest = self.rest.trim_start();
        Ok(Filter { left, comparison })
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.rest = self.rest.trim_start();
        if self.eat("@") {
            return Ok(Operand::Path(JsonPath {
                steps: self.steps()?,
            }));
        }
        if let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let inside = &self.rest[1..];
            let end = inside.find(quote).ok_or("unterminated string")?;
            self.rest = &inside[end + 1..];
            return Ok(Operand::Literal(Value::from(&inside[..end])));
        }
        let end = self
            .rest
            .find([')', ' ', '=', '!', '<', '>'])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        serde_json::from_str(word)
            .map(Operand::Literal)
            .map_err(|_| format!("unrecognized value {word:?}"))
    }
}

fn unquote(name: &str) -> String {
    let name = name.trim();
    let inner = name
        .strip_prefix(['\'', '"'])
        .and_then(|name| name.strip_suffix(['\'', '"']));
    inner.unwrap_or(name).replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "metadata": {"labels": {"a.b/c": "x"}, "name": "n"},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "n": 1}, {"type": "Other", "status": "False", "n": 2},
            ]},
        });
        for (path, expected) in [
            (".metadata.name", vec![json!("n")]),
            ("metadata.name", vec![json!("n")]),
            ("$.metadata.name", vec![json!("n")]),
            (r".metadata.labels.a\.b/c", vec![json!("x")]),
            (".metadata.labels['a.b/c']", vec![json!("x")]),
            (".status.conditions[0].type", vec![json!("Ready")]),
            (".status.conditions[-1].type", vec![json!("Other")]),
            (".status.conditions[0:1].n", vec![json!(1)]),
            (".status.conditions[*].n", vec![json!(1), json!(2)]),
            (
                r#".status.conditions[?(@.type=="Ready")].status"#,
                vec![json!("True")],
            ),
            (
                ".status.conditions[?(@.type != 'Ready')].status",
                vec![json!("False")],
            ),
            (".status.conditions[?(@.n > 1)].type", vec![json!("Other")]),
            (".status.conditions[?(@.gone)].type", vec![]),
            ("..type", vec![json!("Ready"), json!("Other")]),
            (".missing.deeper[3]", vec![]),
            (".metadata['name','gone']", vec![json!("n")]),
        ] {
            let parsed = JsonPath::parse(path).unwrap_or_else(|why| panic!("{path}: {why}"));
            let found: Vec<Value> = parsed.find(&object).unwrap().into_iter().cloned().collect();
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn paths_that_share_a_budget_stop_together() {
        let object = json!({"list": (0..60_000).collect::<Vec<_>>(), "name": "n"});
        let [all, name] = [".list[*]", ".name"].map(|path| JsonPath::parse(path).unwrap());
        let mut budget = Budget::default();
        let mut count =
            |path: &JsonPath| path.find_within(&object, &mut budget).map(|all| all.len());
        assert_eq!(count(&all), Ok(60_000));
        for _ in 0..10 {
            assert!(count(&all).is_err());
        }
        assert_eq!(count(&name), Ok(1), "what still fits");
    }

    #[test]
    fn broken_paths_are_refused() {
        for path in [".a[", ".a[?(@.b==]", ".a[x]", &".a[?(@".repeat(99_999)] {
            assert!(JsonPath::parse(path).is_err(), "{}", path.len());
        }
    }

    #[test]
    fn an_evaluation_visits_no_more_than_its_budget() {
        let mut deep = json!([1, 2, 3]);
        for _ in 0..30 {
            deep = json!({"a": deep});
        }
        // Each `..*` chooses a deeper value than the one before: there are as many choices as combinations.
        for (path, found) in [
            ("..*", Some(33)),
            ("..*..*", Some(30 * 29 / 2 + 30 * 3)),
            ("..a..a..a", Some(30 * 29 * 28 / 6)),
            (&"..*".repeat(9), None),
            (&format!("..a[?(@{})]", "..*".repeat(9)), None),
            (&format!("..*..*[?(@{}==@)]", "..*".repeat(3)), None),
            (&format!("['{}']", "a','".repeat(100_001)), None),
        ] {
            let parsed = JsonPath::parse(path).unwrap();
            let all = parsed.find(&deep).map(|all| all.len());
            match found {
                Some(count) => assert_eq!(all, Ok(count), "{path}"),
                None => assert_eq!(
                    all,
                    Err("the path leads to more than 100000 values".to_owned()),
                    "{path}"
                ),
            }
        }
    }
}
