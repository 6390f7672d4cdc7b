//! log4j's ConversionPattern as a pattern of log4rs.
//!
//! `%-5p` becomes `{l:<5}`, `%.20c` becomes `{t:-.20}`: log4j pads on the left and cuts off the beginning unless told
//! otherwise, log4rs pads on the right and cuts off the end. `%5.20c` becomes `{({t:-.20}):>5}`, since log4rs makes something
//! else of both in one place. What log4rs has no place for is named, all of it at once.

mod date;

use std::iter::Peekable;
use std::str::Chars;

/// How wide a piece is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Width {
    left: bool,
    least: Option<usize>,
    most: Option<usize>,
}

/// Translates a ConversionPattern.
///
/// ```
/// assert_eq!(
///     millrace_log4rs::translate_pattern("%d{HH:mm:ss} %-5p [%t] %c - %m%n").as_deref(),
///     Ok("{d(%H:%M:%S)} {l:<5} [{T}] {t} - {m}{n}"),
/// );
/// assert!(millrace_log4rs::translate_pattern("%r %m").is_err());
/// ```
///
/// # Errors
///
/// A sentence for each conversion that log4rs has nothing for, with what to do about it.
pub fn translate_pattern(pattern: &str) -> Result<String, Vec<String>> {
    let mut rest = pattern.chars().peekable();
    let (mut out, mut problems) = (String::new(), Vec::new());
    while let Some(character) = rest.next() {
        if character != '%' {
            literal(&mut out, character);
        } else if rest.next_if_eq(&'%').is_some() {
            out.push('%');
        } else if let Err(problem) = conversion(&mut rest, &mut out) {
            problems.push(problem);
        }
    }
    if problems.is_empty() {
        Ok(out)
    } else {
        Err(problems)
    }
}

/// Text as it is; what log4rs gives a meaning is escaped.
fn literal(out: &mut String, character: char) {
    if "{}()\\".contains(character) {
        out.push('\\');
    }
    out.push(character);
}

fn conversion(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    let width = width(rest);
    let mut name = String::new();
    let Some(first) = rest.next() else {
        return Err("the pattern ends with %; write %% for the sign itself".to_owned());
    };
    name.push(first);
    // Long names are those of log4j 2; in log4j 1 letters that follow are text.
    let option = option(rest, &name)?;
    let unsupported = |why: &str| Err(format!("%{name} {why}"));
    if width.least > width.most && width.most.is_some() {
        return unsupported("has a least width above its greatest; give one of them");
    }
    let inner = match (first, option.as_deref()) {
        ('c', None) => "t".to_owned(),
        ('c', Some(_)) => {
            return unsupported("with a precision has no counterpart; use %c or cut it with %.30c");
        }
        ('C', None) => "M".to_owned(),
        ('C', Some(_)) => {
            return unsupported("with a precision has no counterpart; use %C, which is the module");
        }
        ('d', format) => {
            let format = date::translate(format.unwrap_or("ISO8601"))?;
            format!("d({format})")
        }
        ('F', _) => "f".to_owned(),
        ('L', _) => "L".to_owned(),
        ('l', _) => r"({M}\({f}:{L}\))".to_owned(),
        ('m', _) => "m".to_owned(),
        ('n', _) => "n".to_owned(),
        ('p', _) => "l".to_owned(),
        ('t', _) => "T".to_owned(),
        ('X', Some(key))
            if key
                .chars()
                .all(|one| one.is_alphanumeric() || "_-.".contains(one)) =>
        {
            format!("X({key})")
        }
        ('X', Some(_)) => {
            return unsupported(
                "has a key with characters that log4rs gives a meaning; use letters, digits, _ - and .",
            );
        }
        ('X', None) => {
            return unsupported(
                "needs a key, as in %X{user}; the whole MDC is in the record's headers",
            );
        }
        ('M', _) => {
            return unsupported("is the method, which log records do not have; use %C, the module");
        }
        ('r', _) => {
            return unsupported("is the time since the start, which log4rs does not know; use %d");
        }
        ('x', _) => {
            return unsupported("is the nested context, which log4rs does not have; use %X{key}");
        }
        _ => {
            return Err(format!(
                "%{name} is no conversion of log4j 1's PatternLayout; leave it out, or use an encoder of log4rs"
            ));
        }
    };
    out.push_str(&width.around(inner));
    Ok(())
}

fn width(rest: &mut Peekable<Chars<'_>>) -> Width {
    let mut width = Width {
        left: rest.next_if_eq(&'-').is_some(),
        ..Width::default()
    };
    width.least = number(rest);
    if rest.next_if_eq(&'.').is_some() {
        width.most = number(rest);
    }
    width
}

fn number(rest: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut digits = String::new();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    digits.parse().ok()
}

/// What stands in braces behind a conversion.
fn option(rest: &mut Peekable<Chars<'_>>, name: &str) -> Result<Option<String>, String> {
    if rest.next_if_eq(&'{').is_none() {
        return Ok(None);
    }
    let mut inside = String::new();
    for character in rest.by_ref() {
        if character == '}' {
            return Ok(Some(inside));
        }
        inside.push(character);
    }
    Err(format!("%{name}{{{inside} has no closing brace; add it"))
}

impl Width {
    /// A piece of a pattern in this width.
    fn around(&self, mut piece: String) -> String {
        if let Some(most) = self.most {
            piece = format!("{piece}:-.{most}");
        }
        if let Some(least) = self.least {
            if self.most.is_some() {
                piece = format!("({{{piece}}})");
            }
            let side = if self.left { '<' } else { '>' };
            piece = format!("{piece}:{side}{least}");
        }
        format!("{{{piece}}}")
    }
}

#[cfg(test)]
mod tests;
