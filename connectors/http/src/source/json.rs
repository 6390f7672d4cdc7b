//! Looks into JSON without taking it apart: a pointer (RFC 6901) leads to a range of the text.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

/// The value at `pointer` in `text`; none if it is not there.
///
/// # Errors
/// When what is on the way is not JSON.
pub(super) fn at<'a>(
    text: &'a RawValue,
    pointer: &str,
) -> Result<Option<&'a RawValue>, serde_json::Error> {
    let mut found = text;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let next = match found.get().as_bytes().first() {
            Some(b'{') => {
                let mut fields: HashMap<Cow<'a, str>, &'a RawValue> =
                    serde_json::from_str(found.get())?;
                fields.remove(token.as_str())
            }
            Some(b'[') => {
                let items: Vec<&'a RawValue> = serde_json::from_str(found.get())?;
                let index = token.parse().ok();
                index.and_then(|index: usize| items.get(index).copied())
            }
            _ => None,
        };
        match next {
            Some(next) => found = next,
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

/// A string's text, and of other values the JSON text; none for null.
pub(super) fn text(value: &RawValue) -> Option<String> {
    match serde_json::from_str::<serde_json::Value>(value.get()).ok()? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        _ => Some(value.get().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_ranges() {
        let json = r#"{"a/b":{"~c":[10,{"d" : "é"}]},"n":null,"":7,"\u0061":1}"#;
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        for (pointer, expected) in [
            ("", Some(json)),
            ("/a~1b/~0c/0", Some("10")),
            ("/a~1b/~0c/1", Some(r#"{"d" : "é"}"#)),
            ("/a~1b/~0c/1/d", Some("\"é\"")),
            ("/a~1b/~0c/2", None),
            ("/n", Some("null")),
            ("/n/x", None),
            ("/", Some("7")),
            ("/a", Some("1")),
            ("/b", None),
        ] {
            let found = at(raw, pointer).unwrap().map(RawValue::get);
            assert_eq!(found, expected, "{pointer}");
        }
    }
}
