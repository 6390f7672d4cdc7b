//! Java's `SimpleDateFormat` in UTC and English.
//!
//! Reading is as lenient as there: a field may run over its range (`2020-13-45`), what follows the date is ignored, and
//! fields that are missing are those of 1970-01-01T00:00. Dates before 1582-10-15 are of the Julian calendar. A year of
//! two digits is one of the hundred years from [`CENTURY_START`]; Java counts them from eighty years ago.

pub(crate) mod calendar;
mod format;
mod names;
mod parse;
mod zone;

#[cfg(test)]
mod java_vectors;
#[cfg(test)]
mod tests;

/// The year from which on the hundred years of two-digit years are counted.
const CENTURY_START: i64 = 1950;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text as it stands.
    Text(String),
    /// A letter and how often it stands.
    Field(char, usize),
}

/// A pattern of `SimpleDateFormat`.
#[derive(Debug, Clone)]
pub(crate) struct DateFormat {
    pattern: String,
    parts: Vec<Part>,
}

/// The letters that have a meaning.
const LETTERS: &str = "GyMwWDdFEaHkKhmsSzZYuXL";

impl DateFormat {
    /// Parses a pattern; the error says what is wrong with it.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                push_text(&mut parts, &quoted(&mut chars)?);
            } else if !c.is_ascii_alphabetic() {
                push_text(&mut parts, c.encode_utf8(&mut [0; 4]));
            } else if LETTERS.contains(c) {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                parts.push(Part::Field(c, count));
            } else {
                return Err(format!("Illegal pattern character '{c}'"));
            }
        }
        Ok(Self {
            pattern: pattern.to_owned(),
            parts,
        })
    }

    /// The pattern as it was given.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The text of an instant in milliseconds.
    pub(crate) fn format(&self, ms: i64) -> String {
        format::format(&self.parts, ms)
    }

    /// The instant, in milliseconds, that `text` begins with.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        parse::parse(&self.parts, text)
    }
}

/// The text up to the next quote; two quotes are one.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    if chars.next_if_eq(&'\'').is_some() {
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if_eq(&'\'').is_some() {
            text.push('\'');
        } else {
            return Ok(text);
        }
    }
    Err("Unterminated quote".to_owned())
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}
