//! Label and field selectors, in a request's query and in objects (k8s.io/apimachinery `pkg/labels`, `pkg/fields`).

mod token;

use serde_json::Value;

use token::{Token, tokens};

use super::{go_format, name};

/// Requirements on an object's labels that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Parses `a=b,c in (d,e),!f`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            tokens: tokens(text),
            next: 0,
        };
        let mut requirements = Vec::new();
        loop {
            match parser.peek() {
                Token::End => return Ok(Self { requirements }),
                Token::Word(_) | Token::Not => {}
                other => {
                    return Err(format!(
                        "found '{}', expected: !, identifier, or 'end of string'",
                        other.text()
                    ));
                }
            }
            let requirement = parser.requirement();
            requirements
                .push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
            match parser.take() {
                Token::End => return Ok(Self { requirements }),
                Token::Comma => match parser.peek() {
                    Token::Word(_) | Token::Not => {}
                    other => {
                        return Err(format!(
                            "found '{}', expected: identifier after ','",
                            other.text()
                        ));
                    }
                },
                other => {
                    return Err(format!(
                        "found '{}', expected: ',' or 'end of string'",
                        other.text()
                    ));
                }
            }
        }
    }

    /// Reads a `metav1.LabelSelector`, as objects contain it.
    pub fn from_object(selector: &Value) -> Result<Self, String> {
        let labels = selector["matchLabels"].as_object();
        let equal = labels
            .into_iter()
            .flatten()
            .map(|(key, value)| Requirement {
                key: key.clone(),
                condition: Condition::In(vec![value.as_str().unwrap_or_default().to_owned()]),
            });
        let expressions = selector["matchExpressions"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let expressions = expressions.iter().map(|expression| {
            let values = expression["values"]
                .as_array()
                .map_or(&[][..], Vec::as_slice);
            let values = values
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            let condition = match expression["operator"].as_str().unwrap_or_default() {
                "In" => Condition::In(values),
                "NotIn" => Condition::NotIn(values),
                "Exists" => Condition::Exists,
                "DoesNotExist" => Condition::Absent,
                other => {
                    return Err(format!(
                        "{} is not a valid label selector operator",
                        go_format::quote(other)
                    ));
                }
            };
            Ok(Requirement {
                key: expression["key"].as_str().unwrap_or_default().to_owned(),
                condition,
            })
        });
        let requirements = equal
            .map(Ok)
            .chain(expressions)
            .collect::<Result<_, String>>()?;
        Ok(Self { requirements })
    }

    /// Do the labels of this object fit?
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.requirements.iter().all(|requirement| {
            requirement
                .condition
                .holds(labels[&requirement.key].as_str())
        })
    }
}

impl Condition {
    fn holds(&self, label: Option<&str>) -> bool {
        let number = || label.and_then(|label| label.parse::<i64>().ok());
        match self {
            Self::Exists => label.is_some(),
            Self::Absent => label.is_none(),
            Self::In(values) => {
                label.is_some_and(|label| values.iter().any(|value| value == label))
            }
            Self::NotIn(values) => {
                label.is_none_or(|label| values.iter().all(|value| value != label))
            }
            Self::Above(bound) => number().is_some_and(|label| label > *bound),
            Self::Below(bound) => number().is_some_and(|label| label < *bound),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    /// The next token; `in` and `notin` are words wherever no operator can stand.
    fn peek(&self) -> Token {
        match self.raw() {
            keyword @ (Token::In | Token::NotIn) => Token::Word(keyword.text().to_owned()),
            other => other,
        }
    }

    fn raw(&self) -> Token {
        self.tokens.get(self.next).cloned().unwrap_or(Token::End)
    }

    fn take(&mut self) -> Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn take_operator(&mut self) -> Token {
        let token = self.raw();
        self.next += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.take();
        let negated = token == Token::Not;
        if negated {
            token = self.take();
        }
        let Token::Word(key) = token else {
            return Err(format!("found '{}', expected: identifier", token.text()));
        };
        check_key(&key)?;
        if negated || matches!(self.peek(), Token::End | Token::Comma) {
            let condition = if negated {
                Condition::Absent
            } else {
                Condition::Exists
            };
            return Ok(Requirement { key, condition });
        }
        let condition = match self.take_operator() {
            Token::In => Condition::In(self.values(&key)?),
            Token::NotIn => Condition::NotIn(self.values(&key)?),
            Token::Equal | Token::DoubleEqual => Condition::In(vec![self.value(&key)?]),
            Token::NotEqual => Condition::NotIn(vec![self.value(&key)?]),
            Token::Greater => Condition::Above(self.number(&key)?),
            Token::Less => Condition::Below(self.number(&key)?),
            other => {
                return Err(format!(
                    "found '{}', expected: in, notin, =, ==, !=, gt, lt",
                    other.text()
                ));
            }
        };
        Ok(Requirement { key, condition })
    }

    fn value(&mut self, key: &str) -> Result<String, String> {
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take() {
            Token::Word(value) => {
                check_values(key, std::slice::from_ref(&value))?;
                Ok(value)
            }
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    fn number(&mut self, key: &str) -> Result<i64, String> {
        let value = self.value(key)?;
        value.parse().map_err(|_| {
            let value = go_format::quote(&value);
            format!("values[0]: Invalid value: {value}: for 'Gt', 'Lt' operators, the value must be an integer")
        })
    }

    /// `(a,b,)`: nothing between commas is the empty value.
    fn values(&mut self, key: &str) -> Result<Vec<String>, String> {
        match self.take() {
            Token::Open => {}
            other => return Err(format!("found '{}' expected: '('", other.text())),
        }
        let mut values = Vec::new();
        let mut wants_value = true;
        loop {
            match self.take() {
                Token::Word(value) if wants_value => {
                    values.push(value);
                    wants_value = false;
                }
                Token::Comma => {
                    if wants_value {
                        values.push(String::new());
                    }
                    wants_value = true;
                }
                Token::Close => {
                    if wants_value {
                        values.push(String::new());
                    }
                    break;
                }
                other if wants_value => {
                    return Err(format!(
                        "found '{}', expected: ',', or identifier",
                        other.text()
                    ));
                }
                other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
            }
        }
        values.sort();
        values.dedup();
        check_values(key, &values)?;
        Ok(values)
    }
}

/// A key must be what a label's key can be.
fn check_key(key: &str) -> Result<(), String> {
    let faults = name::qualified(key);
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!(
        "<nil>: Invalid value: {}: {}",
        go_format::quote(key),
        faults.join("; ")
    ))
}

fn check_values(key: &str, values: &[String]) -> Result<(), String> {
    let faults: Vec<String> = values
        .iter()
        .enumerate()
        .filter_map(|(index, value)| {
            let faults = name::label_value(value);
            let quoted = go_format::quote(value);
            (!faults.is_empty()).then(|| {
                format!(
                    "values[{index}][{key}]: Invalid value: {quoted}: {}",
                    faults.join("; ")
                )
            })
        })
        .collect();
    match faults.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

#[cfg(test)]
mod tests;
