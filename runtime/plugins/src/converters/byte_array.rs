//! ByteArrayConverter: bytes as they are.

use millrace_api::{
    Column, ConnectError, Converter, ConverterKind, Datum, Header, HeaderConverter, Properties,
    Schema, SchemaType, Value,
};

use crate::transforms::{class_of, type_name};
/// Hands bytes on untouched, and refuses everything else.
#[derive(Debug, Default)]
pub struct ByteArrayConverter;

impl ByteArrayConverter {
    fn bytes<'a>(
        schema: Option<&Schema>,
        value: &'a Value,
    ) -> Result<Option<&'a [u8]>, ConnectError> {
        if let Some(schema) = schema
            && schema.ty != SchemaType::Bytes
        {
            return Err(ConnectError::data(format!(
                "Invalid schema type for ByteArrayConverter: {}",
                type_name(&schema.ty)
            )));
        }
        match value {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            other => Err(ConnectError::data(format!(
                "Error: ByteArrayConverter is not compatible with objects of type {}",
                class_of(other)
            ))),
        }
    }

    fn read(bytes: Option<&[u8]>) -> Datum {
        let value = bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec().into()));
        Datum::new(Schema::optional_bytes(), value)
    }
}

impl Converter for ByteArrayConverter {
    fn configure(
        &mut self,
        _settings: &Properties,
        _kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    fn passes(&self, column: &Column) -> bool {
        matches!(column, Column::Bytes(_) | Column::Null)
    }

    fn encode(&self, _topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        let bytes = Self::bytes(datum.schema.as_deref(), &datum.value)?;
        out.extend_from_slice(bytes.unwrap_or_default());
        Ok(bytes.is_some())
    }

    fn reads_as(&self) -> Option<Column> {
        Some(Column::Bytes(Some(Schema::optional_bytes())))
    }

    fn decode(&self, _topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        Ok(Self::read(bytes))
    }
}

impl HeaderConverter for ByteArrayConverter {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        Ok(Self::bytes(header.schema.as_deref(), &header.value)?.map(<[u8]>::to_vec))
    }

    fn decode(
        &self,
        _topic: &str,
        _name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        Ok(Self::read(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_pass() {
        let encode = |datum: Datum| {
            let mut out = Vec::new();
            Converter::encode(&ByteArrayConverter, "t", &datum, &mut out)
                .map(|written| written.then_some(out))
        };
        let bytes = Value::Bytes(vec![1, 2].into());
        assert_eq!(
            encode(Datum::schemaless(bytes.clone())).unwrap(),
            Some(vec![1, 2])
        );
        assert_eq!(
            encode(Datum::new(Schema::optional_bytes(), bytes)).unwrap(),
            Some(vec![1, 2])
        );
        assert_eq!(encode(Datum::default()).unwrap(), None);
        assert!(encode(Datum::new(Schema::string(), Value::String("a".into()))).is_err());
        assert!(encode(Datum::schemaless(Value::Int8(1))).is_err());
    }
}
