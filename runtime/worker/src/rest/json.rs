//! JSON as Kafka Connect's REST API reads and writes it.
//!
//! Where a text is wanted a number or a boolean does as well, and is taken as it is written: `1.50` stays `1.50`. A
//! byte order mark is skipped, and of two members of one name the last counts. What is written has escapes in upper
//! case, and characters beyond the basic plane as pairs of them. Both were seen on Kafka Connect 4.1.

use std::collections::BTreeMap;
use std::io;

use millrace_config::NullableProperties;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};
use serde_json::value::RawValue;

/// The members of an object, not looked into yet.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body that must be a JSON object; `None` for an empty one and for null. The error says what is wrong.
pub(super) fn optional_object(body: &[u8]) -> Result<Option<Fields>, String> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let value: &RawValue = serde_json::from_slice(body)
        .map_err(|error| format!("cannot parse the request body as JSON: {error}"))?;
    if is_null(value) {
        return Ok(None);
    }
    fields(value, "the request body").map(Some)
}

/// A body that must be a JSON object. The error says what is wrong.
pub(super) fn object(body: &[u8]) -> Result<Fields, String> {
    optional_object(body)?.ok_or_else(|| {
        "the request body is empty or null where a JSON object is required".to_owned()
    })
}

/// The members of a value that must be an object; `what` names it in the error.
pub(super) fn fields(value: &RawValue, what: &str) -> Result<Fields, String> {
    if !value.get().starts_with('{') {
        return Err(format!("{what} must be a JSON object, not {}", kind(value)));
    }
    parse(value, what)
}

/// The elements of a value that must be an array; `what` names it in the error.
pub(super) fn elements(value: &RawValue, what: &str) -> Result<Vec<Box<RawValue>>, String> {
    if !value.get().starts_with('[') {
        return Err(format!("{what} must be a JSON array, not {}", kind(value)));
    }
    parse(value, what)
}

/// Reads a value as a type.
pub(super) fn parse<'a, T: serde::Deserialize<'a>>(
    value: &'a RawValue,
    what: &str,
) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|error| format!("cannot read {what}: {error}"))
}

pub(super) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// A text, or the text of a number or a boolean as it is written; `None` for null. `what` names it in the error.
pub(super) fn text(value: &RawValue, what: &str) -> Result<Option<String>, String> {
    match value.get().as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => parse(value, what).map(Some),
        Some(b'{' | b'[') => Err(format!("{what} must be a string, not {}", kind(value))),
        _ => Ok(Some(value.get().to_owned())),
    }
}

/// A map of texts.
pub(super) fn texts(fields: Fields) -> Result<NullableProperties, String> {
    let text = |(key, value): (String, Box<RawValue>)| {
        let text = text(&value, &format!("the value of \"{key}\""))?;
        Ok((key, text))
    };
    fields.into_iter().map(text).collect()
}

/// Refuses members that the body's type does not have.
pub(super) fn only_fields(fields: &Fields, known: &[&str]) -> Result<(), String> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(format!(
            "Unrecognized field \"{unknown}\", known fields: {}",
            known.join(", ")
        )),
        None => Ok(()),
    }
}

fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

/// A value as the bytes of a body.
pub(super) fn to_bytes(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Escapes))?;
    Ok(bytes)
}

/// Writes as compactly as serde's own formatter, with Kafka Connect's escapes.
struct Escapes;

impl Formatter for Escapes {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c| c > '\u{ffff}') {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut tail = tail.chars();
            for unit in tail.next().unwrap_or_default().encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04X}")?;
            }
            rest = tail.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let short = match escape {
            CharEscape::Quote => b'"',
            CharEscape::ReverseSolidus => b'\\',
            CharEscape::Solidus => b'/',
            CharEscape::Backspace => b'b',
            CharEscape::FormFeed => b'f',
            CharEscape::LineFeed => b'n',
            CharEscape::CarriageReturn => b'r',
            CharEscape::Tab => b't',
            CharEscape::AsciiControl(code) => return write!(writer, "\\u{code:04X}"),
        };
        writer.write_all(&[b'\\', short])
    }
}

#[cfg(test)]
mod tests {
    use super::{object, optional_object, texts, to_bytes};

    #[test]
    fn numbers_and_booleans_are_texts_as_they_are_written() {
        let body = br#"{"a":1.50,"b":1e3,"c":12345678901234567890123,"d":true,"e":null,"f":"\u00e9","a":-0}"#;
        let map = texts(object(body).unwrap()).unwrap();
        let value = |key: &str| map[key].as_deref();
        assert_eq!(value("a"), Some("-0"));
        assert_eq!(value("b"), Some("1e3"));
        assert_eq!(value("c"), Some("12345678901234567890123"));
        assert_eq!((value("d"), value("e")), (Some("true"), None));
        assert_eq!(value("f"), Some("é"));
        for (body, expected) in [
            (
                r#"{"a":[1]}"#,
                "the value of \"a\" must be a string, not an array",
            ),
            (
                r#"{"a":{}}"#,
                "the value of \"a\" must be a string, not an object",
            ),
        ] {
            let fields = object(body.as_bytes()).unwrap();
            assert_eq!(texts(fields).unwrap_err(), expected);
        }
    }

    #[test]
    fn bodies_that_hold_nothing_are_told_from_those_that_cannot_be_read() {
        for body in ["", " \n", "null", " null ", "\u{feff}null"] {
            assert!(optional_object(body.as_bytes()).unwrap().is_none());
            assert!(object(body.as_bytes()).is_err());
        }
        for body in ["{", "[]", "1", "{} {}", "{'a':1}", "{\"a\":01}", "\"{\""] {
            assert!(optional_object(body.as_bytes()).is_err(), "{body}");
        }
        assert!(optional_object(b"\xff").is_err());
        assert!(object("\u{feff}{}\n".as_bytes()).unwrap().is_empty());
    }

    #[test]
    fn escapes_are_kafka_connects() {
        let text = "\u{0}\u{1f}\n\"\\/é\u{7f}\u{2028}😀x";
        let expected = "\"\\u0000\\u001F\\n\\\"\\\\/é\u{7f}\u{2028}\\uD83D\\uDE00x\"";
        assert_eq!(to_bytes(&text).unwrap(), expected.as_bytes());
        let read: String = serde_json::from_slice(expected.as_bytes()).unwrap();
        assert_eq!(read, text);
    }
}
