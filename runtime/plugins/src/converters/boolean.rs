//! BooleanConverter: one byte, 1 or 0.

use std::sync::Arc;

use millrace_api::{
    ConnectError, Converter, ConverterKind, Datum, Header, HeaderConverter, Properties, Schema,
    SchemaType, Value,
};

use crate::transforms::{class_of, type_name};
/// Converts truth values and refuses everything else.
#[derive(Debug)]
pub struct BooleanConverter {
    schema: Arc<Schema>,
}

impl Default for BooleanConverter {
    fn default() -> Self {
        Self {
            schema: Arc::new(Schema::new(SchemaType::Boolean).optional()),
        }
    }
}

impl BooleanConverter {
    fn byte(schema: Option<&Schema>, value: &Value) -> Result<Option<u8>, ConnectError> {
        if let Some(schema) = schema
            && schema.ty != SchemaType::Boolean
        {
            return Err(ConnectError::data(format!(
                "Invalid schema type for BooleanConverter: {}",
                type_name(&schema.ty)
            )));
        }
        match value {
            Value::Null => Ok(None),
            Value::Boolean(truth) => Ok(Some(u8::from(*truth))),
            other => Err(ConnectError::data(format!(
                "BooleanConverter is not compatible with objects of type {}",
                class_of(other)
            ))),
        }
    }

    fn read(&self, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        let value = match bytes {
            None => Value::Null,
            Some([0]) => Value::Boolean(false),
            Some([1]) => Value::Boolean(true),
            Some([other]) => {
                return Err(ConnectError::data(format!(
                    "Failed to deserialize boolean: the byte is 0 or 1, not {other}"
                )));
            }
            Some(bytes) => {
                return Err(ConnectError::data(format!(
                    "Failed to deserialize boolean: {} bytes are not one",
                    bytes.len()
                )));
            }
        };
        Ok(Datum::new(Arc::clone(&self.schema), value))
    }
}

impl Converter for BooleanConverter {
    fn configure(
        &mut self,
        _settings: &Properties,
        _kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    fn encode(&self, _topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        let byte = Self::byte(datum.schema.as_deref(), &datum.value)?;
        out.extend(byte);
        Ok(byte.is_some())
    }

    fn decode(&self, _topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        self.read(bytes)
    }
}

impl HeaderConverter for BooleanConverter {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        let byte = Self::byte(header.schema.as_deref(), &header.value)?;
        Ok(byte.map(|byte| vec![byte]))
    }

    fn decode(
        &self,
        _topic: &str,
        _name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        self.read(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_are_one_byte() {
        let converter = BooleanConverter::default();
        for (value, bytes) in [
            (Value::Boolean(true), Some(&[1][..])),
            (Value::Boolean(false), Some(&[0])),
            (Value::Null, None),
        ] {
            let mut out = Vec::new();
            let written =
                Converter::encode(&converter, "t", &Datum::schemaless(value.clone()), &mut out)
                    .unwrap();
            assert_eq!(written.then_some(out.as_slice()), bytes);
            let read = Converter::decode(&converter, "t", bytes).unwrap();
            assert_eq!(read.value, value);
            assert_eq!(
                read.schema.unwrap(),
                Arc::new(Schema::new(SchemaType::Boolean).optional())
            );
        }
    }

    #[test]
    fn everything_else_is_a_data_error() {
        let converter = BooleanConverter::default();
        for bytes in [&[][..], &[2], &[0, 0]] {
            assert!(Converter::decode(&converter, "t", Some(bytes)).is_err());
        }
        let boolean = Value::Boolean(true);
        for datum in [
            Datum::new(Schema::string(), boolean.clone()),
            Datum::schemaless(Value::String("true".to_owned())),
            Datum::new(Schema::string(), Value::Null),
        ] {
            let outcome = Converter::encode(&converter, "t", &datum, &mut Vec::new());
            assert_eq!(outcome.unwrap_err().kind(), millrace_api::ErrorKind::Data);
        }
        let own = Arc::new(Schema::new(SchemaType::Boolean));
        let datum = Datum::new(own, boolean);
        assert!(Converter::encode(&converter, "t", &datum, &mut Vec::new()).unwrap());
    }
}
