//! A header converter: values as hexadecimal digits, so that any bytes survive what shows headers as text.

use millrace_api::{
    ConnectError, Datum, Execution, Header, HeaderConverter, Plugin, Properties, Schema, Value,
};

/// What the worker lists.
pub(crate) const PLUGIN: Plugin = Plugin {
    class: "example.HexHeaderConverter",
    aliases: &[],
    version: env!("CARGO_PKG_VERSION"),
    execution: Execution::Async,
};

/// Writes texts and bytes; reads bytes.
#[derive(Debug, Default)]
pub(crate) struct Hex;

impl HeaderConverter for Hex {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        let bytes = match &header.value {
            Value::Null => return Ok(None),
            Value::String(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            _ => {
                let text = format!("the header {} is neither text nor bytes", header.name);
                return Err(ConnectError::data(text));
            }
        };
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(digits.into_bytes()))
    }

    fn decode(
        &self,
        _topic: &str,
        name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        let value = match bytes {
            None => Value::Null,
            Some(digits) => Value::Bytes(
                read(digits)
                    .ok_or_else(|| {
                        ConnectError::data(format!("the header {name} is no hexadecimal number"))
                    })?
                    .into(),
            ),
        };
        Ok(Datum::new(Schema::optional_bytes(), value))
    }
}

fn read(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match *pair {
        [high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_way_there_and_back() {
        let read = Hex.decode("t", "h", Some(b"00ffA1")).unwrap();
        let header = Header {
            name: "h".to_owned(),
            schema: read.schema,
            value: read.value,
        };
        assert_eq!(Hex.encode("t", &header).unwrap().unwrap(), b"00ffa1");
        for digits in [&b"0"[..], b"zz"] {
            assert!(Hex.decode("t", "h", Some(digits)).is_err());
        }
    }
}
