//! The converters of numbers: one value each, big-endian, in the width of its type (contract connectors-transforms,
//! section 2.1).

use std::sync::Arc;

use millrace_api::{
    ConnectError, Converter, ConverterKind, Datum, Header, HeaderConverter, Properties, Schema,
    SchemaType, Value,
};

use crate::transforms::class_of;
/// A number type that a topic can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// INT16 in 2 bytes.
    Short,
    /// INT32 in 4 bytes.
    Integer,
    /// INT64 in 8 bytes.
    Long,
    /// FLOAT32 in 4 bytes, IEEE-754.
    Float,
    /// FLOAT64 in 8 bytes, IEEE-754.
    Double,
}

impl Number {
    fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Integer => "integer",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
        }
    }

    fn schema_type(self) -> SchemaType {
        match self {
            Self::Short => SchemaType::Int16,
            Self::Integer => SchemaType::Int32,
            Self::Long => SchemaType::Int64,
            Self::Float => SchemaType::Float32,
            Self::Double => SchemaType::Float64,
        }
    }

    fn value(self, bytes: &[u8]) -> Option<Value> {
        Some(match self {
            Self::Short => Value::Int16(i16::from_be_bytes(bytes.try_into().ok()?)),
            Self::Integer => Value::Int32(i32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Long => Value::Int64(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Float => Value::Float32(f32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Double => Value::Float64(f64::from_be_bytes(bytes.try_into().ok()?)),
        })
    }
}

/// Converts numbers of one type. A number of another type is refused, even where it would fit; schemas are not
/// looked at.
#[derive(Debug)]
pub struct NumberConverter {
    number: Number,
    schema: Arc<Schema>,
}

impl NumberConverter {
    /// The converter of a type.
    pub fn new(number: Number) -> Self {
        let schema = Arc::new(Schema::new(number.schema_type()).optional());
        Self { number, schema }
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        match (self.number, value) {
            (_, Value::Null) => return Ok(false),
            (Number::Short, Value::Int16(number)) => out.extend(number.to_be_bytes()),
            (Number::Integer, Value::Int32(number)) => out.extend(number.to_be_bytes()),
            (Number::Long, Value::Int64(number)) => out.extend(number.to_be_bytes()),
            (Number::Float, Value::Float32(number)) => out.extend(number.to_be_bytes()),
            (Number::Double, Value::Float64(number)) => out.extend(number.to_be_bytes()),
            (number, other) => {
                return Err(ConnectError::data(format!(
                    "Failed to serialize to {} (was {})",
                    number.name(),
                    class_of(other)
                )));
            }
        }
        Ok(true)
    }

    fn read(&self, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        let value = match bytes {
            None => Value::Null,
            Some(bytes) => self.number.value(bytes).ok_or_else(|| {
                ConnectError::data(format!(
                    "Failed to deserialize {}: {} bytes are not one",
                    self.number.name(),
                    bytes.len()
                ))
            })?,
        };
        Ok(Datum::new(Arc::clone(&self.schema), value))
    }
}

impl Converter for NumberConverter {
    fn configure(
        &mut self,
        _settings: &Properties,
        _kind: ConverterKind,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    fn encode(&self, _topic: &str, datum: &Datum, out: &mut Vec<u8>) -> Result<bool, ConnectError> {
        self.write(&datum.value, out)
    }

    fn decode(&self, _topic: &str, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        self.read(bytes)
    }
}

impl HeaderConverter for NumberConverter {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn encode(&self, _topic: &str, header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        let mut bytes = Vec::new();
        Ok(self.write(&header.value, &mut bytes)?.then_some(bytes))
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
    use proptest::prelude::*;

    use super::*;

    const ALL: [Number; 5] = [
        Number::Short,
        Number::Integer,
        Number::Long,
        Number::Float,
        Number::Double,
    ];

    fn encode(number: Number, datum: &Datum) -> Result<Option<Vec<u8>>, ConnectError> {
        let mut out = vec![7];
        let written = Converter::encode(&NumberConverter::new(number), "t", datum, &mut out)?;
        assert_eq!(out.remove(0), 7);
        Ok(written.then_some(out))
    }

    fn decode(number: Number, bytes: Option<&[u8]>) -> Result<Datum, ConnectError> {
        Converter::decode(&NumberConverter::new(number), "t", bytes)
    }

    #[test]
    fn numbers_are_big_endian_in_the_width_of_their_type() {
        let cases: [(Number, Value, &[u8]); 7] = [
            (Number::Short, Value::Int16(-2), &[0xff, 0xfe]),
            (Number::Integer, Value::Int32(1), &[0, 0, 0, 1]),
            (
                Number::Long,
                Value::Int64(i64::MIN),
                &[0x80, 0, 0, 0, 0, 0, 0, 0],
            ),
            (Number::Long, Value::Int64(258), &[0, 0, 0, 0, 0, 0, 1, 2]),
            (Number::Float, Value::Float32(1.5), &[0x3f, 0xc0, 0, 0]),
            (
                Number::Double,
                Value::Float64(-0.0),
                &[0x80, 0, 0, 0, 0, 0, 0, 0],
            ),
            (
                Number::Double,
                Value::Float64(1.0),
                &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
            ),
        ];
        for (number, value, bytes) in cases {
            let written = encode(number, &Datum::schemaless(value.clone())).unwrap();
            assert_eq!(written.as_deref(), Some(bytes), "{number:?}");
            let read = decode(number, Some(bytes)).unwrap();
            assert_eq!(read.value, value, "{number:?}");
            let schema = read.schema.unwrap();
            assert_eq!(
                (schema.ty.clone(), schema.optional),
                (number.schema_type(), true)
            );
        }
    }

    #[test]
    fn nulls_stay_nulls() {
        for number in ALL {
            assert_eq!(encode(number, &Datum::default()).unwrap(), None);
            let read = decode(number, None).unwrap();
            assert_eq!(read.value, Value::Null);
            assert!(read.schema.is_some());
        }
    }

    #[test]
    fn numbers_of_other_types_and_lengths_are_data_errors() {
        for value in [
            Value::Int8(1),
            Value::String("1".to_owned()),
            Value::Boolean(true),
            Value::Timestamp(1),
        ] {
            for number in ALL {
                let error = encode(number, &Datum::schemaless(value.clone())).unwrap_err();
                assert_eq!(error.kind(), millrace_api::ErrorKind::Data);
            }
        }
        let an_int_for_a_long = encode(Number::Long, &Datum::schemaless(Value::Int32(1)));
        assert!(
            an_int_for_a_long
                .unwrap_err()
                .to_string()
                .contains("Failed to serialize to long")
        );
        for (number, len) in [
            (Number::Short, 1),
            (Number::Integer, 5),
            (Number::Long, 4),
            (Number::Double, 0),
        ] {
            let error = decode(number, Some(&vec![0; len])).unwrap_err();
            assert_eq!(error.kind(), millrace_api::ErrorKind::Data, "{number:?}");
        }
    }

    #[test]
    fn schemas_are_not_looked_at() {
        let datum = Datum::new(Schema::string(), Value::Int64(3));
        assert!(encode(Number::Long, &datum).unwrap().is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_number_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..10)) {
            for number in ALL {
                if let Ok(datum) = decode(number, Some(&bytes)) {
                    prop_assert_eq!(encode(number, &datum).unwrap(), Some(bytes.clone()));
                }
            }
        }
    }
}
