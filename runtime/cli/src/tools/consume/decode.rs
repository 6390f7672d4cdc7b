//! What keys, values and headers are: Kafka's stock deserializers, and the text of what they give.

use std::io::Write as _;

use crate::tools::run::Usage;

/// From bytes to text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decode {
    /// As they are: strings are UTF-8 already.
    Bytes,
    Long,
    Integer,
    Short,
    Double,
    Float,
    Boolean,
    Uuid,
}

impl Decode {
    /// By a short name or the name of Kafka's class.
    pub(super) fn named(name: &str) -> Result<Self, Usage> {
        let class = name.rsplit('.').next().unwrap_or(name);
        let short = class.strip_suffix("Deserializer").unwrap_or(class);
        Ok(match short.to_ascii_lowercase().as_str() {
            "string" | "bytes" | "bytearray" | "bytebuffer" => Self::Bytes,
            "long" => Self::Long,
            "integer" | "int" => Self::Integer,
            "short" => Self::Short,
            "double" => Self::Double,
            "float" => Self::Float,
            "boolean" => Self::Boolean,
            "uuid" => Self::Uuid,
            _ => {
                return Err(Usage::new(format!(
                    "the deserializer {name} is not known: there are string, bytes, long, integer, short, double, \
                     float, boolean and uuid"
                )));
            }
        })
    }

    /// Appends the text. Bytes that are not of the kind are shown as they are.
    pub(super) fn append(self, bytes: &[u8], out: &mut Vec<u8>) {
        let text = match self {
            Self::Bytes => None,
            Self::Long => bytes
                .try_into()
                .ok()
                .map(|bytes| i64::from_be_bytes(bytes).to_string()),
            Self::Integer => bytes
                .try_into()
                .ok()
                .map(|bytes| i32::from_be_bytes(bytes).to_string()),
            Self::Short => bytes
                .try_into()
                .ok()
                .map(|bytes| i16::from_be_bytes(bytes).to_string()),
            Self::Double => bytes
                .try_into()
                .ok()
                .map(|bytes| format!("{:?}", f64::from_be_bytes(bytes))),
            Self::Float => bytes
                .try_into()
                .ok()
                .map(|bytes| format!("{:?}", f32::from_be_bytes(bytes))),
            Self::Boolean => match bytes {
                [0] => Some("false".to_owned()),
                [1] => Some("true".to_owned()),
                _ => None,
            },
            // Kafka writes a UUID as its text.
            Self::Uuid => None,
        };
        match text {
            // Writing to a vector does not fail.
            Some(text) => drop(write!(out, "{text}")),
            None => out.extend_from_slice(bytes),
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
            ("integer", &[255, 255, 255, 255], "-1"),
            ("double", &1.5f64.to_be_bytes(), "1.5"),
            ("boolean", &[1], "true"),
            ("long", b"not a long", "not a long"),
        ];
        for (name, bytes, expected) in cases {
            let mut out = Vec::new();
            Decode::named(name).unwrap().append(bytes, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), *expected, "{name}");
        }
        assert!(Decode::named("com.example.MyDeserializer").is_err());
    }
}
