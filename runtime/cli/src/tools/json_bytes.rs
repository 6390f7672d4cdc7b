//! Bytes of records as members of a JSON object.
//!
//! Bytes that are UTF-8 are strings; others are base64 in a member whose name ends in `Base64`. What a deserializer makes
//! a number or a boolean is one here, too.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::decode::{Decode, Undecodable};

/// Adds bytes under a name; null for none.
///
/// # Errors
/// When the deserializer cannot read them.
pub(crate) fn member(
    object: &mut Map<String, Value>,
    name: &str,
    bytes: Option<&[u8]>,
    decode: Decode,
) -> Result<(), Undecodable> {
    if let Some(bytes) = bytes
        && decode != Decode::Raw
    {
        object.insert(name.to_owned(), decoded(bytes, decode)?);
        return Ok(());
    }
    raw_member(object, name, bytes);
    Ok(())
}

/// Adds bytes as they are.
pub(crate) fn raw_member(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => object.insert(name.to_owned(), json!(text)),
        Some((bytes, Err(_))) => {
            object.insert(format!("{name}Base64"), json!(STANDARD.encode(bytes)))
        }
    };
}

/// A number or a boolean where JSON has one for it; NaN and the infinities are text.
fn decoded(bytes: &[u8], decode: Decode) -> Result<Value, Undecodable> {
    let mut text = Vec::new();
    decode.append(bytes, &mut text)?;
    let text = String::from_utf8_lossy(&text);
    Ok(match decode {
        Decode::Raw | Decode::Escaped => json!(text),
        _ => serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::member;
    use crate::tools::decode::Decode;

    #[test]
    fn members_are_text_base64_or_what_the_deserializer_gives() {
        let cases: &[(Option<&[u8]>, Decode, serde_json::Value)] = &[
            (None, Decode::Long, json!({"value": null})),
            (Some(b"a"), Decode::Raw, json!({"value": "a"})),
            (Some(b"\xff"), Decode::Raw, json!({"valueBase64": "/w=="})),
            (Some(&[0, 0, 0, 5]), Decode::Integer, json!({"value": 5})),
            (Some(&[1]), Decode::Boolean, json!({"value": true})),
            (
                Some(&f32::NAN.to_be_bytes()),
                Decode::Float,
                json!({"value": "NaN"}),
            ),
            (Some(b"1"), Decode::Escaped, json!({"value": "1"})),
        ];
        for (bytes, decode, expected) in cases {
            let mut object = Map::new();
            member(&mut object, "value", *bytes, *decode).unwrap();
            assert_eq!(json!(object), *expected);
        }
    }
}
