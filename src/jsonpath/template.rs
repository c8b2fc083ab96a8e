//! Text with paths and ranges in braces.

use std::str::FromStr;

use serde_json::Value;

use super::{Budget, JsonPath};

/// How deep ranges may stand in each other; a person writes two.
const MAX_DEPTH: usize = 16;

/// `{range .items[*]}{.metadata.name}{"\n"}{end}`
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Path(Place),
    Range(Place, Vec<Part>),
}

/// A path, and what it starts from.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    from_root: bool,
    path: JsonPath,
}

impl FromStr for Template {
    type Err = String;

    /// Where there is no brace, the whole is one path, as `kubectl wait --for=jsonpath` takes it. (`kubectl get` prints it
    /// as it is, which nobody wants.)
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("the template is empty".to_owned());
        }
        if !text.contains(['{', '}']) {
            let path = Part::Path(Place::parse(text)?);
            return Ok(Self { parts: vec![path] });
        }
        let mut open: Vec<(Place, Vec<Part>)> = Vec::new();
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            let part = match piece {
                Piece::Text(text) => Part::Text(text),
                Piece::Path(path) => Part::Path(Place::parse(path)?),
                Piece::Range(path) => {
                    if open.len() == MAX_DEPTH {
                        return Err(format!("more than {MAX_DEPTH} ranges in each other"));
                    }
                    open.push((Place::parse(path)?, std::mem::take(&mut parts)));
                    continue;
                }
                Piece::End => {
                    let (place, outside) = open.pop().ok_or("{end} without a {range}")?;
                    Part::Range(place, std::mem::replace(&mut parts, outside))
                }
            };
            parts.push(part);
        }
        if open.is_empty() {
            Ok(Self { parts })
        } else {
            Err("a {range} without its {end}".to_owned())
        }
    }
}

impl Template {
    /// The text for this document. Values of one path are separated by a space; strings stand as they are, lists and
    /// objects as JSON; a missing member is no text. An error where a path takes too many visits.
    pub fn render(&self, document: &Value) -> Result<String, String> {
        let mut text = String::new();
        write(&self.parts, document, document, &mut text)?;
        Ok(text)
    }
}

fn write(parts: &[Part], root: &Value, here: &Value, text: &mut String) -> Result<(), String> {
    for part in parts {
        match part {
            Part::Text(words) => text.push_str(words),
            Part::Path(place) => {
                let found: Vec<String> = place.find(root, here)?.into_iter().map(printed).collect();
                text.push_str(&found.join(" "));
            }
            Part::Range(place, inside) => {
                for value in place.find(root, here)? {
                    write(inside, root, value, text)?;
                }
            }
        }
    }
    Ok(())
}

fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let from_root = text.starts_with('$');
        let path = JsonPath::parse(text.strip_prefix('@').unwrap_or(text))?;
        Ok(Self { from_root, path })
    }

    fn find<'a>(&self, root: &'a Value, here: &'a Value) -> Result<Vec<&'a Value>, String> {
        /// More than any result has that a person prints, and an end to a path that multiplies.
        const MOST: usize = 10_000_000;
        let from = if self.from_root { root } else { here };
        self.path.find_within(from, &mut Budget::of(MOST))
    }
}

enum Piece<'a> {
    Text(String),
    Path(&'a str),
    Range(&'a str),
    End,
}

/// Text and what is in braces, in their order. Inside of braces words are separated by spaces, as client-go has it.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let end = end_of(after, '}').ok_or("a { without its }")?;
        action(&after[..end], &mut pieces)?;
        rest = &after[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn action<'a>(inside: &'a str, pieces: &mut Vec<Piece<'a>>) -> Result<(), String> {
    let mut rest = inside.trim();
    if rest.is_empty() {
        return Err("there is nothing in {}".to_owned());
    }
    if rest == "end" {
        pieces.push(Piece::End);
        return Ok(());
    }
    if let Some(path) = rest
        .strip_prefix("range")
        .filter(|path| path.is_empty() || path.starts_with(|c: char| c.is_whitespace() || c == '.'))
    {
        pieces.push(Piece::Range(path));
        return Ok(());
    }
    while !rest.is_empty() {
        let (word, after) = rest.split_at(end_of(rest, ' ').unwrap_or(rest.len()));
        pieces.push(if word.starts_with(['"', '\'']) {
            Piece::Text(quoted(word)?)
        } else {
            Piece::Path(word)
        });
        rest = after.trim_start();
    }
    Ok(())
}

/// Where this character stands outside of quotes and brackets.
fn end_of(text: &str, end: char) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_usize;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (_, '\\') => {
                characters.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c == end && depth == 0 => return Some(at),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// What is between the quotes, with Go's escapes.
fn quoted(word: &str) -> Result<String, String> {
    let quote = &word[..1];
    let inside = word[1..]
        .strip_suffix(quote)
        .ok_or_else(|| format!("unterminated string {word}"))?;
    let mut text = String::new();
    let mut characters = inside.chars();
    while let Some(c) = characters.next() {
        text.push(match c {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(c @ ('\\' | '"' | '\'')) => c,
                other => return Err(format!("unknown escape \\{}", other.unwrap_or(' '))),
            },
            c => c,
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(template: &str, document: &Value) -> String {
        let template: Template = template
            .parse()
            .unwrap_or_else(|why| panic!("{template}: {why}"));
        template.render(document).unwrap()
    }

    #[test]
    fn templates_are_filled_as_kubectl_fills_them() {
        let document = json!({
            "kind": "List",
            "error": null,
            "exitCode": 0,
            "items": [
                {"metadata": {"name": "a"}, "nodes": [{"name": "n1", "pass": true}, {"name": "n2", "pass": false}]},
                {"metadata": {"name": "b"}, "nodes": []},
            ],
        });
        for (template, expected) in [
            ("{.kind}", "List"),
            (".kind", "List"),
            ("exit {.exitCode}\n", "exit 0\n"),
            ("{.error}", "null"),
            ("{.gone}", ""),
            ("{.items[*].metadata.name}", "a b"),
            ("{.items[0].metadata}", r#"{"name":"a"}"#),
            (
                r#"{range .items[*]}{.metadata.name}{"\t"}{.nodes[?(@.pass==false)].name}{"\n"}{end}"#,
                "a\tn2\nb\t\n",
            ),
            (
                "{range .items[*]}{range @.nodes[*]}{$.kind}/{@.name} {end}{end}",
                "List/n1 List/n2 ",
            ),
            (r#"{.kind "}" .exitCode}"#, "List}0"),
            (r"{.items[?(@.metadata.name=='b')].nodes}", "[]"),
        ] {
            assert_eq!(rendered(template, &document), expected, "{template}");
        }
    }

    #[test]
    fn a_template_that_visits_too_much_is_an_error() {
        let mut document = json!({"d": [1, 2, 3]});
        for _ in 0..30 {
            document = json!({"a": document});
        }
        let path = "..*".repeat(9);
        for (text, is_rendered) in [
            ("{..d[0]}".to_owned(), true),
            ("{range ..d[*]}{@}{end}".to_owned(), true),
            (format!("{{{path}}}"), false),
            (format!("{{range {path}}}{{end}}"), false),
            (format!("{{range ..d}}{{${path}}}{{end}}"), false),
        ] {
            let template: Template = text.parse().unwrap();
            assert_eq!(template.render(&document).is_ok(), is_rendered, "{text}");
        }
    }

    #[test]
    fn a_broken_template_is_refused() {
        for (template, why) in [
            ("", "the template is empty"),
            ("{.a", "a { without its }"),
            ("{}", "there is nothing in {}"),
            ("{end}", "{end} without a {range}"),
            ("{range .a}{.b}", "a {range} without its {end}"),
            (r#"{"a}"#, "a { without its }"),
            (r#"{"\x"}"#, r"unknown escape \x"),
            ("{.a[x]}", "invalid array index x"),
            (
                &"{range .a}".repeat(17),
                "more than 16 ranges in each other",
            ),
        ] {
            assert_eq!(
                template.parse::<Template>(),
                Err(why.to_owned()),
                "{template}"
            );
        }
        assert!("}".parse::<Template>().is_ok(), "text, as in kubectl");
    }
}
