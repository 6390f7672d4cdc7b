//! Java's SimpleDateFormat as the format of chrono that log4rs takes.

/// log4j's named formats.
const NAMED: &[(&str, &str)] = &[
    ("ISO8601", "yyyy-MM-dd HH:mm:ss,SSS"),
    ("ABSOLUTE", "HH:mm:ss,SSS"),
    ("DATE", "dd MMM yyyy HH:mm:ss,SSS"),
];

/// Translates a date format.
pub(super) fn translate(format: &str) -> Result<String, String> {
    let named = NAMED.iter().find(|(name, _)| *name == format);
    let format = named.map_or(format, |(_, format)| format);
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' => quoted(&mut rest, &mut out, format)?,
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while rest.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                out.push_str(field(letter, count).ok_or_else(|| {
                    let run = letter.to_string().repeat(count);
                    format!("%d{{{format}}} has the field {run}, which log4rs cannot write; leave it out")
                })?);
            }
            other => literal(&mut out, other),
        }
    }
    Ok(out)
}

/// Text up to the next quote; two quotes are one.
fn quoted(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
    format: &str,
) -> Result<(), String> {
    if rest.next_if_eq(&'\'').is_some() {
        out.push('\'');
        return Ok(());
    }
    while let Some(character) = rest.next() {
        if character != '\'' {
            literal(out, character);
        } else if rest.next_if_eq(&'\'').is_some() {
            out.push('\'');
        } else {
            return Ok(());
        }
    }
    Err(format!("%d{{{format}}} has an open quote; close it"))
}

fn literal(out: &mut String, character: char) {
    if character == '%' {
        out.push('%');
    }
    super::literal(out, character);
}

/// chrono's field for a run of a letter of Java's.
fn field(letter: char, count: usize) -> Option<&'static str> {
    Some(match (letter, count) {
        ('y', 2) => "%y",
        ('y', _) => "%Y",
        ('M', 1) => "%-m",
        ('M', 2) => "%m",
        ('M', 3) => "%b",
        ('M', _) => "%B",
        ('d', 1) => "%-d",
        ('d', 2) => "%d",
        ('D', 3) => "%j",
        ('E', 1..=3) => "%a",
        ('E', _) => "%A",
        ('a', _) => "%p",
        ('H', 1) => "%-H",
        ('H', 2) => "%H",
        ('h', 1) => "%-I",
        ('h', 2) => "%I",
        ('m', 1) => "%-M",
        ('m', 2) => "%M",
        ('s', 1) => "%-S",
        ('s', 2) => "%S",
        ('S', 3) => "%3f",
        ('Z', _) => "%z",
        ('X', 3) => "%:z",
        _ => return None,
    })
}
