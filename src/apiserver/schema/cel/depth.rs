//! How deep an expression nests, known before it is parsed: the parser, everything that walks its tree and the drop of
//! the tree recurse, and a chain such as `a.a.a` is as deep as it is long.
//!
//! The limits are those of cel-go as Kubernetes sets them. Operators are counted without their precedence, so a long mix
//! of them counts as a little deeper than its tree is.

/// Code points of one expression.
const LONGEST: usize = 100_000;
/// Levels of the tree, and of what encloses each other.
pub(super) const DEEPEST: u16 = 250;

/// One pair of brackets, or the whole expression.
#[derive(Default)]
struct Level {
    /// Of the elements before the last comma.
    done: usize,
    /// Left of the operator.
    left: usize,
    /// The operand that is being read: what follows a value wraps it.
    operand: usize,
    /// `? :` that enclose what is being read.
    conditions: usize,
}

impl Level {
    fn depth(&self) -> usize {
        (self.left.max(self.operand) + self.conditions).max(self.done)
    }

    /// Everything before this point stands beside what follows.
    fn next_element(&mut self) {
        *self = Self {
            done: self.depth(),
            ..Self::default()
        };
    }

    /// What was read becomes the left side of an operator.
    fn operator(&mut self) {
        self.left = self.left.max(self.operand) + 1;
        self.operand = 0;
    }
}

/// How deep the tree of an expression is at most.
///
/// # Errors
/// It is too long or too deep, in the words of cel-go.
pub fn measure(source: &str) -> Result<usize, String> {
    let size = source.chars().count();
    if size > LONGEST {
        return Err(fault(&format!(
            "expression code point size exceeds limit: size: {size}, limit {LONGEST}"
        )));
    }
    let mut levels = vec![Level::default()];
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = token(rest);
        let (token, after) = rest.split_at(length.max(first.len_utf8()).min(rest.len()));
        rest = after;
        step(&mut levels, token);
        let enclosing: usize = levels.iter().map(|level| level.conditions + 1).sum();
        if enclosing > usize::from(DEEPEST) {
            return Err(fault(&format!(
                "expression recursion limit exceeded: {DEEPEST}"
            )));
        }
        if levels
            .last()
            .is_some_and(|level| level.depth() > usize::from(DEEPEST))
        {
            return Err(fault("max recursion depth exceeded"));
        }
    }
    Ok(levels.iter().map(Level::depth).sum())
}

fn fault(why: &str) -> String {
    format!("ERROR: <input>:-1:0: {why}")
}

fn step(levels: &mut Vec<Level>, token: &str) {
    let Some(level) = levels.last_mut() else {
        return;
    };
    match token {
        "(" | "[" | "{" => levels.push(Level::default()),
        ")" | "]" | "}" => {
            let inner = level.depth();
            // A bracket too many is for the parser to refuse.
            if levels.len() > 1 {
                levels.pop();
            }
            if let Some(outer) = levels.last_mut() {
                outer.operand = outer.operand.max(inner) + 1;
            }
        }
        "." => level.operand += 1,
        "?" => {
            level.left = level.left.max(level.operand);
            level.operand = 0;
            level.conditions += 1;
        }
        // Lists of conditions are balanced, and what is beside a colon is so in any case.
        "&&" | "||" | ":" => {
            level.operator();
            level.left = level.left.min(1);
            level.done = level.done.max(level.depth());
        }
        "," => level.next_element(),
        "+" | "-" | "*" | "/" | "%" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "in"
            if level.operand > 0 =>
        {
            level.operator();
        }
        // Signs before a value are read in a loop.
        "!" | "-" => {}
        _ if token.trim().is_empty() || token.starts_with("//") => {}
        _ => level.operand = level.operand.max(1),
    }
}

/// The length of the token that a text begins with.
fn token(text: &str) -> usize {
    let two = ["&&", "||", "==", "!=", "<=", ">="];
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if let Some(length) = string(text) {
        return length;
    }
    if two.iter().any(|operator| text.starts_with(operator)) {
        return 2;
    }
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.find(|c| !word(c)).unwrap_or(text.len())
}

/// The length of the string literal that a text begins with, with its prefix; the rest of the text where it has no end.
fn string(text: &str) -> Option<usize> {
    let prefix = text.len() - text.trim_start_matches(['b', 'B', 'r', 'R']).len();
    let quoted = text.get(prefix..).filter(|_| prefix <= 2)?;
    let is_raw = text[..prefix].contains(['r', 'R']);
    let quote = ["\"\"\"", "'''", "\"", "'", "`"]
        .into_iter()
        .find(|quote| quoted.starts_with(quote))?;
    let mut at = quote.len();
    while at < quoted.len() {
        let rest = &quoted[at..];
        if rest.starts_with(quote) {
            return Some(prefix + at + quote.len());
        }
        let mut chars = rest.chars();
        let first = chars.next().map_or(1, char::len_utf8);
        at += first;
        if !is_raw && rest.starts_with('\\') {
            at += chars.next().map_or(0, char::len_utf8);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_too_deep_is_known_before_it_is_parsed() {
        let (deep, nested) = (
            "max recursion depth exceeded",
            "recursion limit exceeded: 250",
        );
        for (source, why) in [
            ("a".to_owned() + &".a".repeat(20_000), deep),
            ("1".to_owned() + &"+1".repeat(20_000), deep),
            ("a".to_owned() + &"[0]".repeat(20_000), deep),
            ("a".to_owned() + &".b()".repeat(20_000), deep),
            ("a".to_owned() + &".filter(x,true)".repeat(5_000), deep),
            ("true".to_owned() + &" == true".repeat(300), deep),
            ("(".repeat(300) + "1" + &")".repeat(300), nested),
            ("[".repeat(300), nested),
            ("f(".repeat(300), nested),
            ("{1:".repeat(300) + "1", nested),
            ("true ? true : ".repeat(300) + "true", nested),
            ("true ? ".repeat(300) + "true", nested),
            ("x".repeat(100_001), "size: 100001, limit 100000"),
        ] {
            let found = measure(&source).unwrap_err();
            let shown: String = source.chars().take(20).collect();
            assert!(
                found.starts_with("ERROR: <input>:-1:0: "),
                "{shown}: {found}"
            );
            assert!(found.ends_with(why), "{shown}: {found}");
        }
    }

    #[test]
    fn what_is_long_and_flat_is_not_deep() {
        for source in [
            vec!["self.s == 'x'"; 3_000].join(" && "),
            vec!["self.s == 'x'"; 3_000].join(" || "),
            format!("[{}]", vec!["a.b.c"; 3_000].join(",")),
            format!("{{{}}}", vec!["1: a.b"; 3_000].join(", ")),
            "!".repeat(20_001) + "true",
            "-".repeat(20_000) + "1 == 1",
            "1".to_owned() + &" + 1".repeat(240),
            "a".to_owned() + &".a".repeat(240),
            "(".repeat(240) + "1" + &")".repeat(240) + " == 1",
            "true ? true : ".repeat(240) + "true",
            format!("'{}'", "(".repeat(300)),
            format!("r'\\' + \"\\\"{}\"", "[".repeat(300)),
            format!("'''{}''' == b\"{}\"", "'(".repeat(300), "{".repeat(300)),
            format!("1 // {}", "(".repeat(300)),
        ] {
            let shown: String = source.chars().take(40).collect();
            assert!(measure(&source).is_ok(), "{shown}: {:?}", measure(&source));
        }
    }
}
