//! Reading `sasl.jaas.config`: one login module with its options, as in
//! `org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="secret";`.
//!
//! Kafka reads it by Java's `StreamTokenizer`, so words, quotes, escapes and comments are those of that class: words
//! begin with a letter, `_`, `$` or a character beyond ASCII; quotes are single or double and end with the line; `\n`,
//! `\t`, `\101` and so on are escapes; what begins like a number is one, and no value.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use millrace_config::Secret;

/// A login module as it was configured.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoginModule {
    /// The class.
    pub(super) class: String,
    /// Its options.
    pub(super) options: BTreeMap<String, Secret>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word or a quoted text.
    Text(String),
    /// A number or a lone minus, which nothing here may be.
    Number,
    Sign(char),
}

/// Reads the one login module of `text`. Errors never show values of options.
pub(super) fn parse(text: &str) -> Result<LoginModule, String> {
    let mut tokens = Tokens {
        rest: text.chars().peekable(),
    };
    let Some(first) = tokens.next() else {
        return Err("Login module not specified in JAAS config".to_owned());
    };
    let Token::Text(class) = first else {
        return Err("JAAS config does not begin with the class of a login module".to_owned());
    };
    flag(tokens.next())?;
    let mut options = BTreeMap::new();
    loop {
        let key = match tokens.next() {
            None => return Err("JAAS config entry not terminated by semi-colon".to_owned()),
            Some(Token::Sign(';')) => break,
            Some(Token::Text(key)) => key,
            Some(_) => return Err("JAAS config has something that is no option".to_owned()),
        };
        let missing = || {
            format!(
                "Value not specified for key '{key}' in JAAS config; a value that is not a plain word is to be quoted"
            )
        };
        if tokens.next() != Some(Token::Sign('=')) {
            return Err(missing());
        }
        let Some(Token::Text(value)) = tokens.next() else {
            return Err(missing());
        };
        options.insert(key, Secret::new(value));
    }
    if tokens.next().is_some() {
        return Err("JAAS config must contain only one login module".to_owned());
    }
    Ok(LoginModule { class, options })
}

fn flag(token: Option<Token>) -> Result<(), String> {
    const FLAGS: [&str; 4] = ["required", "requisite", "sufficient", "optional"];
    match token {
        None => Err("Login module control flag not specified in JAAS config".to_owned()),
        Some(Token::Text(flag)) if FLAGS.iter().any(|known| flag.eq_ignore_ascii_case(known)) => {
            Ok(())
        }
        Some(_) => Err(
            "Login module control flag is not required, requisite, sufficient or optional in JAAS config"
                .to_owned(),
        ),
    }
}

struct Tokens<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let first = self.rest.next()?;
            match first {
                '\0'..=' ' => {}
                '/' => self.comment(),
                '"' | '\'' => return Some(Token::Text(self.quoted(first))),
                _ if is_word_start(first) => {
                    let mut word = String::from(first);
                    while let Some(more) = self.rest.next_if(|&c| is_word(c)) {
                        word.push(more);
                    }
                    return Some(Token::Text(word));
                }
                '0'..='9' | '.' | '-' => {
                    while self
                        .rest
                        .next_if(|&c| c.is_ascii_digit() || c == '.')
                        .is_some()
                    {}
                    return Some(Token::Number);
                }
                sign => return Some(Token::Sign(sign)),
            }
        }
    }
}

impl Tokens<'_> {
    /// After a slash: a comment to `*/`, or to the end of the line.
    fn comment(&mut self) {
        if self.rest.next_if_eq(&'*').is_some() {
            let mut last = ' ';
            for next in self.rest.by_ref() {
                if (last, next) == ('*', '/') {
                    return;
                }
                last = next;
            }
            return;
        }
        while self.rest.next_if(|&c| c != '\n' && c != '\r').is_some() {}
    }

    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(next) = self.rest.next_if(|&c| c != '\n' && c != '\r') {
            match next {
                _ if next == quote => break,
                '\\' => {
                    let Some(escaped) = self.rest.next() else {
                        break;
                    };
                    text.push(self.escaped(escaped));
                }
                _ => text.push(next),
            }
        }
        text
    }

    fn escaped(&mut self, first: char) -> char {
        match first {
            '0'..='7' => self.octal(first),
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            other => other,
        }
    }

    /// Up to three digits, of which three may not exceed 377.
    fn octal(&mut self, first: char) -> char {
        let digits = if first <= '3' { 2 } else { 1 };
        let mut code = first.to_digit(8).unwrap_or(0);
        for _ in 0..digits {
            match self.rest.next_if(|c| c.is_digit(8)) {
                Some(digit) => code = code * 8 + digit.to_digit(8).unwrap_or(0),
                None => break,
            }
        }
        char::from_u32(code).unwrap_or_default()
    }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '$') || c >= '\u{a0}'
}

fn is_word(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || matches!(c, '.' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<(String, String)> {
        let module = parse(&format!("a.B required {text}")).unwrap();
        let shown = |(key, value): (String, Secret)| (key, value.expose().to_owned());
        module.options.into_iter().map(shown).collect()
    }

    #[test]
    fn options_are_read_as_kafka_does() {
        let table: &[(&str, &str)] = &[
            (r#"p="secret";"#, "secret"),
            (r#"p='sec"ret';"#, "sec\"ret"),
            (r#"p="sec\"ret";"#, "sec\"ret"),
            (r#"p="a\\b\tc\101\x";"#, "a\\b\tcAx"),
            (r#"p="\4001";"#, " 01"),
            (r#"p="a;b=c // no comment";"#, "a;b=c // no comment"),
            (r#"p=plain-word_1.5$x;"#, "plain-word_1.5$x"),
            (r#"p = spaced ;"#, "spaced"),
            ("/* a comment */ p=x // another\n;", "x"),
            ("p=\"ends with the line\n;", "ends with the line"),
            (r#"p="";"#, ""),
            (r#"p="žluťoučký 🐎";"#, "žluťoučký 🐎"),
            (r#"p=first p=last;"#, "last"),
        ];
        for (text, expected) in table {
            assert_eq!(
                options(text),
                [("p".to_owned(), (*expected).to_owned())],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_login_module_is_refused_without_its_values() {
        let table: &[(&str, &str)] = &[
            ("", "not specified"),
            ("a.B", "control flag"),
            ("a.B needed p=\"hunter2\";", "control flag"),
            ("a.B required p=\"hunter2\"", "semi-colon"),
            ("a.B required p=;", "Value not specified for key 'p'"),
            ("a.B required p \"hunter2\";", "Value not specified"),
            ("a.B required p=1hunter2;", "Value not specified"),
            ("a.B required p=-hunter2;", "Value not specified"),
            ("a.B required p=@hunter2;", "Value not specified"),
            ("a.B required =\"hunter2\";", "no option"),
            ("a.B required; c.D required;", "only one"),
            ("\u{0}7 required;", "does not begin"),
        ];
        for (text, expected) in table {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}|[a-z\"'\\\\;=/*\n 0-9]{0,80}") {
            drop(parse(&text));
        }

        #[test]
        fn what_is_quoted_comes_back(value in "[^\\\\\"\r\n]{0,40}") {
            proptest::prop_assert_eq!(options(&format!("p=\"{value}\";")), [("p".to_owned(), value)]);
        }
    }
}
