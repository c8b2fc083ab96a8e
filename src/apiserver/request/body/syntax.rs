//! What is wrong with text that is no JSON, in the words of Go's `encoding/json`: clients and people search for them.

/// Deeper than any real object; what is nested deeper is left to the parser that refused it.
const DEEPEST: usize = 200;

/// The first fault of a text; `None` where this reader finds none.
pub fn fault(bytes: &[u8]) -> Option<String> {
    let mut reader = Reader {
        rest: bytes,
        depth: 0,
    };
    reader.document().err().flatten()
}

/// `Err(None)`: too deep to say.
type Read = Result<(), Option<String>>;

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Read {
        self.value()?;
        self.skip_space();
        match self.rest.first() {
            None => Ok(()),
            Some(_) => self.unexpected("after top-level value"),
        }
    }

    fn value(&mut self) -> Read {
        self.skip_space();
        match self.rest.first() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => self.unexpected("looking for beginning of value"),
        }
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Read) -> Read {
        if self.depth == DEEPEST {
            return Err(None);
        }
        self.depth += 1;
        self.advance();
        inside(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Read {
        self.skip_space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            if self.rest.first() != Some(&b'"') {
                return self.unexpected("looking for beginning of object key string");
            }
            self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return self.unexpected("after object key");
            }
            self.value()?;
            self.skip_space();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return self.unexpected("after object key:value pair");
            }
        }
    }

    fn array(&mut self) -> Read {
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value()?;
            self.skip_space();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return self.unexpected("after array element");
            }
        }
    }

    fn string(&mut self) -> Read {
        self.advance();
        loop {
            match self.rest.first() {
                Some(b'"') => {
                    self.advance();
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) | None => return self.unexpected("in string literal"),
                Some(_) => self.advance(),
            }
        }
    }

    fn escape(&mut self) -> Read {
        self.advance();
        match self.rest.first() {
            Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => self.advance(),
            Some(b'u') => {
                self.advance();
                for _ in 0..4 {
                    if !self.rest.first().is_some_and(u8::is_ascii_hexdigit) {
                        return self.unexpected("in \\u hexadecimal character escape");
                    }
                    self.advance();
                }
            }
            Some(_) | None => return self.unexpected("in string escape code"),
        }
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Read {
        for expected in word.bytes() {
            if !self.take(expected) {
                let place = format!("in literal {word} (expecting {})", quoted(expected));
                return self.unexpected(&place);
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Read {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits("in numeric literal")?;
        }
        if self.take(b'.') {
            self.digits("after decimal point in numeric literal")?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self, place: &str) -> Read {
        let count = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.rest = &self.rest[count..];
        if count == 0 {
            return self.unexpected(place);
        }
        Ok(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.advance();
        }
        found
    }

    fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// The next character is wrong here.
    fn unexpected(&self, place: &str) -> Read {
        Err(Some(match self.rest.first() {
            Some(byte) => format!("invalid character {} {place}", quoted(*byte)),
            None => "unexpected end of JSON input".to_owned(),
        }))
    }
}

fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        b' '..=b'~' => format!("'{}'", char::from(byte)),
        other => format!("'\\x{other:02x}'"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn faults_are_told_as_go_tells_them() {
        for (text, expected) in [
            (
                "{not json",
                "invalid character 'n' looking for beginning of object key string",
            ),
            ("", "unexpected end of JSON input"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\":1 2}",
                "invalid character '2' after object key:value pair",
            ),
            ("[1 2]", "invalid character '2' after array element"),
            (
                "nope",
                "invalid character 'o' in literal null (expecting 'u')",
            ),
            ("{} x", "invalid character 'x' after top-level value"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("[1,", "unexpected end of JSON input"),
        ] {
            assert_eq!(fault(text.as_bytes()).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(
            fault(&[0x81]).as_deref(),
            Some("invalid character '\\x81' looking for beginning of value")
        );
    }

    proptest! {
        #[test]
        fn good_json_has_no_fault_and_bad_has_one(text in "[\\[\\]{}\":,0-9a-z .\\-]{0,20}") {
            let good = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(fault(text.as_bytes()).is_none(), good, "{}", text);
        }
    }
}
