//! The words of a condition.

/// A word, with the byte that it begins at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A name; quoted ones stand between backticks and are never keywords.
    Name {
        text: String,
        quoted: bool,
    },
    Text(String),
    Integer(i64),
    Fraction(f64),
    /// An operator, a bracket, a comma or a dot.
    Sign(&'static str),
}

/// Longer signs before those that they begin with.
const SIGNS: [&str; 10] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", ",", "."];

/// Milliseconds of the units of durations, longer names first.
const UNITS: [(&str, i64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Cuts a condition into words.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, len) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '\'' | '"' => {
                let (text, len) = quoted(rest, c).ok_or_else(|| unclosed("text", at))?;
                (Kind::Text(text), len)
            }
            '`' => {
                let (text, len) = quoted(rest, c).ok_or_else(|| unclosed("name", at))?;
                (Kind::Name { text, quoted: true }, len)
            }
            c if c.is_ascii_digit() || (c == '-' && starts_with_digit(&rest[1..])) => {
                number(rest).ok_or_else(|| format!("the number at {at} cannot be read"))?
            }
            c if is_of_name(c) => {
                let len = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
                let text = rest[..len].to_owned();
                (
                    Kind::Name {
                        text,
                        quoted: false,
                    },
                    len,
                )
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| format!("unexpected \"{c}\" at {at}"))?;
                (Kind::Sign(sign), sign.len())
            }
        };
        tokens.push(Token { at, kind });
        at += len;
    }
    Ok(tokens)
}

fn unclosed(what: &str, at: usize) -> String {
    format!("the {what} that begins at {at} has no closing quote")
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// What stands between quotes, and its length with them; doubled quotes are one.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            out.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            out.push(quote);
        } else {
            return Some((out, at + 1));
        }
    }
    None
}

/// A number or a duration, and its length.
fn number(text: &str) -> Option<(Kind, usize)> {
    let is_part = |(at, c): (usize, char)| c.is_ascii_digit() || c == '.' || (c == '-' && at == 0);
    let digits = text
        .char_indices()
        .take_while(|next| is_part(*next))
        .count();
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
    let factor = match &rest[..letters] {
        "" => None,
        unit => Some(UNITS.iter().find(|(name, _)| *name == unit)?.1),
    };
    let kind = match (number.contains('.'), factor) {
        (false, factor) => {
            let number: i64 = number.parse().ok()?;
            Kind::Integer(number.checked_mul(factor.unwrap_or(1))?)
        }
        (true, None) => Kind::Fraction(number.parse().ok()?),
        (true, Some(factor)) => Kind::Integer((number.parse::<f64>().ok()? * factor as f64) as i64),
    };
    Some((kind, digits + letters))
}
