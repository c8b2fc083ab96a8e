//! The words and signs of a label selector.

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    In,
    NotIn,
    Not,
    Equal,
    DoubleEqual,
    NotEqual,
    Greater,
    Less,
    Open,
    Close,
    Comma,
    End,
}

impl Token {
    /// How messages quote it.
    pub fn text(&self) -> &str {
        match self {
            Self::Word(text) => text,
            Self::In => "in",
            Self::NotIn => "notin",
            Self::Not => "!",
            Self::Equal => "=",
            Self::DoubleEqual => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::Open => "(",
            Self::Close => ")",
            Self::Comma => ",",
            Self::End => "",
        }
    }
}

/// The signs, longest first.
const SIGNS: [(&str, Token); 9] = [
    ("==", Token::DoubleEqual),
    ("!=", Token::NotEqual),
    ("=", Token::Equal),
    ("!", Token::Not),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
    (">", Token::Greater),
    ("<", Token::Less),
];

/// All tokens of a selector.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let is_space = |c| matches!(c, ' ' | '\t' | '\r' | '\n');
    let is_sign = |c| matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let sign = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign));
        if let Some((sign, token)) = sign {
            tokens.push(token.clone());
            rest = &rest[sign.len()..];
        } else {
            let end = rest
                .find(|c| is_sign(c) || is_space(c))
                .unwrap_or(rest.len());
            tokens.push(match &rest[..end] {
                "in" => Token::In,
                "notin" => Token::NotIn,
                word => Token::Word(word.to_owned()),
            });
            rest = &rest[end..];
        }
        rest = rest.trim_start_matches(is_space);
    }
    tokens.push(Token::End);
    tokens
}
