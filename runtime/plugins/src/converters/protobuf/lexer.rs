//! The words of a .proto text.
//!
//! Facts: the Protocol Buffers language specification, "Lexical elements".

use millrace_api::ConnectError;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, with its dots, or a number: whatever has neither blanks nor marks in it.
    Word(String),
    /// A quoted text.
    Text(String),
    /// Anything else, a character each.
    Mark(char),
}

/// The words of `text`, without comments.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ConnectError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() || c == '\u{feff}' {
            rest = &rest[c.len_utf8()..];
        } else if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let (_, behind) = comment
                .split_once("*/")
                .ok_or_else(|| refused("a comment does not end"))?;
            rest = behind;
        } else if c == '"' || c == '\'' {
            let (text, behind) = quoted(rest, c)?;
            tokens.push(Token::Text(text));
            rest = behind;
        } else if is_word(c) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            tokens.push(Token::Mark(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// The text between quotes, and what comes behind it.
fn quoted(source: &str, quote: char) -> Result<(String, &str), ConnectError> {
    let mut text = String::new();
    let mut chars = source.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            c if c == quote => return Ok((text, &source[at + 1..])),
            c => text.push(c),
        }
    }
    Err(refused("a text does not end"))
}

/// Says why a .proto text is none.
pub(super) fn refused(why: impl std::fmt::Display) -> ConnectError {
    ConnectError::data(format!("the Protobuf schema cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_texts_and_marks_are_told_apart() {
        let found = tokens("a.b=1; // x\n/* y */ 'q\\'\"' [-inf]").unwrap();
        let word = |text: &str| Token::Word(text.to_owned());
        let expected = [
            word("a.b"),
            Token::Mark('='),
            word("1"),
            Token::Mark(';'),
            Token::Text("q'\"".into()),
            Token::Mark('['),
            Token::Mark('-'),
            word("inf"),
            Token::Mark(']'),
        ];
        assert_eq!(found, expected);
        for open in ["\"x", "/* x", "'\\"] {
            assert!(tokens(open).is_err(), "{open}");
        }
    }
}
