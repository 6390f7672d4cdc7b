//! What keys, values and headers are: Kafka's stock deserializers and decoders, and the text of what they give.

use std::io::Write as _;

use thiserror::Error;

use super::run::Usage;

/// From bytes to text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decode {
    /// As they are: strings are UTF-8 already, and so is the text of a UUID.
    Raw,
    /// Text of ASCII, where all other bytes stand as `\xNN`.
    Escaped,
    Long,
    Integer,
    Short,
    Double,
    Float,
    Boolean,
}

/// Bytes that are not of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{bytes} bytes are no {kind}")]
pub(crate) struct Undecodable {
    bytes: usize,
    kind: &'static str,
}

impl Decode {
    /// By a short name or the name of Kafka's class.
    pub(crate) fn named(name: &str) -> Result<Self, Usage> {
        let class = name.rsplit(['.', '$']).next().unwrap_or(name);
        let short = class
            .strip_suffix("Deserializer")
            .or_else(|| class.strip_suffix("Decoder"))
            .unwrap_or(class);
        Ok(match short.to_ascii_lowercase().as_str() {
            "string" | "bytearray" | "bytebuffer" | "uuid" | "default" => Self::Raw,
            "bytes" => Self::Escaped,
            "long" => Self::Long,
            "integer" | "int" => Self::Integer,
            "short" => Self::Short,
            "double" => Self::Double,
            "float" => Self::Float,
            "boolean" => Self::Boolean,
            _ => {
                return Err(Usage::new(format!(
                    "the deserializer {name} is not known: there are string, bytes, bytearray, long, integer, short, \
                     double, float, boolean and uuid"
                )));
            }
        })
    }

    /// Appends the text.
    ///
    /// # Errors
    /// Bytes that are not of the kind; then nothing is appended.
    pub(crate) fn append(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Undecodable> {
        let wrong = |kind| Undecodable {
            bytes: bytes.len(),
            kind,
        };
        let text = match self {
            Self::Raw => {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            Self::Escaped => {
                escape(bytes, out);
                return Ok(());
            }
            Self::Long => i64::from_be_bytes(sized(bytes).ok_or(wrong("long"))?).to_string(),
            Self::Integer => i32::from_be_bytes(sized(bytes).ok_or(wrong("integer"))?).to_string(),
            Self::Short => i16::from_be_bytes(sized(bytes).ok_or(wrong("short"))?).to_string(),
            Self::Double => format!(
                "{:?}",
                f64::from_be_bytes(sized(bytes).ok_or(wrong("double"))?)
            ),
            Self::Float => format!(
                "{:?}",
                f32::from_be_bytes(sized(bytes).ok_or(wrong("float"))?)
            ),
            Self::Boolean => match bytes {
                [0] => "false".to_owned(),
                [1] => "true".to_owned(),
                _ => return Err(wrong("boolean")),
            },
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn sized<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\x5C"),
            b' '..=b'~' => out.push(byte),
            // Writing to a vector does not fail.
            _ => drop(write!(out, "\\x{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Decode;

    #[test]
    fn names_and_numbers() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("string", b"a", "a"),
            (
                "org.apache.kafka.common.serialization.LongDeserializer",
                &[0, 0, 0, 0, 0, 0, 1, 0],
                "256",
            ),
            ("kafka.serializer.IntegerDecoder", &[0, 0, 0, 7], "7"),
            ("integer", &[255, 255, 255, 255], "-1"),
            ("double", &1.5f64.to_be_bytes(), "1.5"),
            ("boolean", &[1], "true"),
            (
                "org.apache.kafka.common.serialization.BytesDeserializer",
                b"\xff\0 a\\",
                "\\xFF\\x00 a\\x5C",
            ),
        ];
        for (name, bytes, expected) in cases {
            let mut out = Vec::new();
            Decode::named(name)
                .unwrap()
                .append(bytes, &mut out)
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&out), *expected, "{name}");
        }
        assert!(Decode::named("com.example.MyDeserializer").is_err());
    }

    #[test]
    fn bytes_of_another_kind_are_told() {
        for (name, bytes) in [("long", 3), ("short", 0), ("boolean", 2), ("float", 8)] {
            let mut out = Vec::new();
            let outcome = Decode::named(name)
                .unwrap()
                .append(&vec![9; bytes], &mut out);
            assert_eq!(
                outcome.unwrap_err().to_string(),
                format!("{bytes} bytes are no {name}")
            );
            assert!(out.is_empty());
        }
    }
}
