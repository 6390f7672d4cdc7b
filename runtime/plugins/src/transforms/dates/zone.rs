//! Time zones as they stand in texts: offsets, and the names most often met.

const NAMES: [(&str, i64); 15] = [
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("Z", 0),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("CET", 60),
    ("CEST", 120),
    ("BST", 60),
];

/// The offset, in minutes, of the zone that `text` begins with, and its length: a name, `GMT+h:mm` or `+hhmm`.
pub(super) fn named(text: &str) -> Option<(i64, usize)> {
    if let Some(found) = signed(text, 2) {
        return Some(found);
    }
    if let Some(rest) = text.strip_prefix("GMT")
        && let Some((offset, len)) = with_colon(rest)
    {
        return Some((offset, len + 3));
    }
    let names = NAMES
        .iter()
        .enumerate()
        .map(|(index, (name, _))| (index, *name));
    let (index, len) = super::names::find(names, text)?;
    Some((NAMES[index].1, len))
}

/// The same in ISO 8601: `Z`, and by `count` `+hh`, `+hhmm` or `+hh:mm`.
pub(super) fn iso(text: &str, count: usize) -> Option<(i64, usize)> {
    if text.starts_with('Z') {
        return Some((0, 1));
    }
    match count {
        1 => signed(text, 1),
        2 => signed(text, 2),
        _ => with_colon(text).filter(|(_, len)| *len == 6),
    }
}

/// `+hh` or, with two pairs, `+hhmm`.
fn signed(text: &str, pairs: usize) -> Option<(i64, usize)> {
    let sign = sign(text)?;
    let pair = |index: usize| two_digits(text.get(1 + index * 2..3 + index * 2)?);
    let minutes = if pairs == 2 { pair(1)? } else { 0 };
    Some((sign * (pair(0)? * 60 + minutes), 1 + pairs * 2))
}

/// `+h:mm` or `+hh:mm`.
fn with_colon(text: &str) -> Option<(i64, usize)> {
    let sign = sign(text)?;
    let (hours, rest) = text[1..].split_once(':')?;
    if hours.is_empty() || hours.len() > 2 {
        return None;
    }
    let minutes = two_digits(rest.get(..2)?)?;
    let hours_read: i64 = hours.parse().ok()?;
    Some((sign * (hours_read * 60 + minutes), hours.len() + 4))
}

fn sign(text: &str) -> Option<i64> {
    match text.as_bytes().first()? {
        b'+' => Some(1),
        b'-' => Some(-1),
        _ => None,
    }
}

fn two_digits(text: &str) -> Option<i64> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
