//! SimpleHeaderConverter: header values as text whose type is guessed when it is read.

use millrace_api::{ConnectError, Datum, Header, HeaderConverter, Properties, Value, utf8_lossy};

use crate::values;

/// Connect's default for headers.
#[derive(Debug, Default)]
pub struct SimpleHeaderConverter;

impl HeaderConverter for SimpleHeaderConverter {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn passes_text(&self) -> bool {
        true
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        Ok(match &header.value {
            Value::Null => None,
            value => Some(values::to_text(value).into_bytes()),
        })
    }

    fn decode(
        &self,
        _topic: &str,
        _name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        Ok(bytes.map_or_else(Datum::default, |bytes| values::parse(&utf8_lossy(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed_on_the_way_back() {
        let header = Header {
            name: "h".into(),
            schema: None,
            value: Value::String("1".into()),
        };
        let bytes = SimpleHeaderConverter.encode("t", &header).unwrap();
        assert_eq!(bytes.as_deref(), Some(&b"1"[..]));
        assert_eq!(
            SimpleHeaderConverter
                .decode("t", "h", bytes.as_deref())
                .unwrap()
                .value,
            Value::Int8(1)
        );
        assert_eq!(
            SimpleHeaderConverter.decode("t", "h", None).unwrap(),
            Datum::default()
        );
    }
}
