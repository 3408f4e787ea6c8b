//! `[terms.<name>]`: Boolean searches, one form per language. This version only checks their grammar: `AND OR NOT`,
//! parentheses, `"phrases"`, `word*`, `NEAR/n`; NOT binds closest, then NEAR, AND, OR.

use super::super::complaint::At;
use super::super::reader::Value;

/// Deepest nesting of parentheses and NOT.
const DEPTH_MAX: usize = 32;

/// Reads a term and gives its name.
pub(in super::super) fn read(name: At<String>, value: &Value<'_>) -> At<String> {
    let forms = value.entries();
    if value.is_table() && forms.is_empty() {
        value.fault("has no form", "write one for a language, as en = \"refund\", or `any`");
    }
    for (_, form) in forms {
        let Some(text) = form.text() else { continue };
        if let Err(what) = check(&text.value) {
            form.fault(&format!("is no search: {what}"), "use AND OR NOT ( ) \"a phrase\" word* NEAR/3");
        }
    }
    value.log.unsupported(name.at, &value.path);
    name
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Near,
    Word,
}

fn check(text: &str) -> Result<(), String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    parser.either()?;
    match parser.tokens.first() {
        None => Ok(()),
        Some(Token::Close) => Err("a parenthesis closes that never opened".to_owned()),
        Some(_) => Err("AND, OR or NEAR is missing between two words".to_owned()),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => {
                tokens.push(if first == '(' { Token::Open } else { Token::Close });
                1
            }
            '"' => {
                let end = rest[1..].find('"').ok_or("a quote never ends")?;
                if !rest[1..1 + end].contains(char::is_alphanumeric) {
                    return Err("a phrase without a word".to_owned());
                }
                tokens.push(Token::Word);
                end + 2
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len());
                tokens.push(word(&rest[..end])?);
                end
            }
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn word(text: &str) -> Result<Token, String> {
    match text {
        "AND" => return Ok(Token::And),
        "OR" => return Ok(Token::Or),
        "NOT" => return Ok(Token::Not),
        _ => {}
    }
    if let Some(distance) = text.strip_prefix("NEAR/") {
        let near = distance.parse::<u16>().is_ok_and(|distance| distance > 0);
        return if near { Ok(Token::Near) } else { Err(format!("{text} has no distance")) };
    }
    let stem = text.strip_suffix('*').unwrap_or(text);
    if stem.contains('*') {
        return Err(format!("{text} has a * that does not end it"));
    }
    if stem.contains(char::is_alphanumeric) { Ok(Token::Word) } else { Err(format!("{text} is no word")) }
}

struct Parser<'t> {
    tokens: &'t [Token],
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<(), String> {
        self.chain(&Token::Or, Self::both)
    }

    fn both(&mut self) -> Result<(), String> {
        self.chain(&Token::And, Self::near)
    }

    fn near(&mut self) -> Result<(), String> {
        self.chain(&Token::Near, Self::operand)
    }

    fn chain(&mut self, by: &Token, part: fn(&mut Self) -> Result<(), String>) -> Result<(), String> {
        part(self)?;
        while self.tokens.first() == Some(by) {
            self.tokens = &self.tokens[1..];
            part(self)?;
        }
        Ok(())
    }

    fn operand(&mut self) -> Result<(), String> {
        let Some((first, rest)) = self.tokens.split_first() else {
            return Err("a word is missing at the end".to_owned());
        };
        self.tokens = rest;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        let result = match first {
            Token::Word => Ok(()),
            Token::Not => self.operand(),
            Token::Open => self.either().and_then(|()| match self.tokens.split_first() {
                Some((Token::Close, rest)) => {
                    self.tokens = rest;
                    Ok(())
                }
                _ => Err("a parenthesis never closes".to_owned()),
            }),
            _ => Err("a word is missing before AND, OR, NEAR or a parenthesis".to_owned()),
        };
        self.depth -= 1;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn grammar() {
        for sound in [
            "refund",
            "(refund OR \"money back\" OR complain*) AND NOT (thanks NEAR/3 refund)",
            "reembolso OR queja* OR \"devolver el dinero\"",
            "NOT NOT a",
            "(a)",
        ] {
            assert_eq!(check(sound), Ok(()), "{sound}");
        }
        for broken in [
            "",
            "AND",
            "a b",
            "(a",
            "a)",
            "\"a",
            "a OR",
            "NEAR/3 a",
            "a NEAR/0 b",
            "a NEAR/x b",
            "*",
            "a*b",
            "\"\"",
            "()",
        ] {
            assert!(check(broken).is_err(), "{broken:?} is accepted");
        }
        assert!(check(&"(".repeat(10_000)).is_err(), "nesting is bounded");
    }
}
