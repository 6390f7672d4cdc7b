//! Reading values in Avro's binary encoding.
//!
//! Lengths are the peer's word: nothing is reserved for more than the payload could hold.
//! Facts: the specification of Avro 1.11, "Binary Encoding".

use std::sync::Arc;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use bytes::Bytes;
use millrace_api::{ConnectError, Schema, Struct, Value};

use super::logical;

/// Elements that take no bytes could be as many as their count says; no more than these are read.
const EMPTY_MAX: usize = 65_536;
/// Anything may hold anything; deeper nesting is refused.
const DEPTH_MAX: usize = 500;

/// How values of one schema are read.
#[derive(Debug, Clone)]
pub(super) enum Read {
    Null,
    Boolean,
    Int8,
    Int16,
    Int32,
    Date,
    Time,
    Int64,
    Timestamp,
    Float32,
    Float64,
    String,
    Bytes,
    Fixed(usize),
    /// The scale; the size, if it is fixed.
    Decimal(i64, Option<usize>),
    Enum(Vec<String>),
    Array(Box<Read>),
    Map(Box<Read>),
    /// A map as a list of keys and values, and whether the key comes first.
    Pairs(Box<(Read, Read)>, bool),
    Record(Arc<Schema>, Vec<Read>),
    /// A union whose members are values of one schema.
    Branches(Vec<Read>),
    /// A union as a struct: the field of each member, none for null.
    Union(Arc<Schema>, Vec<Option<usize>>, Vec<Read>),
    /// A value of any type, without a schema.
    Anything,
}

/// The rest of a payload.
#[derive(Debug)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

fn short() -> ConnectError {
    ConnectError::data("the payload ends early")
}

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], ConnectError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ConnectError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn long(&mut self) -> Result<i64, ConnectError> {
        let mut raw: u64 = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            raw |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
        }
        Err(ConnectError::data("a number has more than 10 bytes"))
    }

    fn int(&mut self) -> Result<i32, ConnectError> {
        let long = self.long()?;
        i32::try_from(long).map_err(|_| ConnectError::data("a number does not fit 32 bits"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], ConnectError> {
        let len = usize::try_from(self.long()?)
            .map_err(|_| ConnectError::data("a length is negative"))?;
        self.take(len)
    }

    fn text(&mut self) -> Result<String, ConnectError> {
        Ok(millrace_api::utf8_lossy(self.bytes()?))
    }

    /// Reads the elements of an array or map, block by block.
    fn blocks<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, ConnectError>,
    ) -> Result<Vec<T>, ConnectError> {
        let mut all = Vec::new();
        let mut empty = 0;
        loop {
            let mut count = self.long()?;
            if count == 0 {
                return Ok(all);
            }
            if count < 0 {
                self.long()?;
                count = count
                    .checked_neg()
                    .ok_or_else(|| ConnectError::data("a count is out of range"))?;
            }
            for _ in 0..count {
                let before = self.0.len();
                all.push(element(self)?);
                empty += usize::from(self.0.len() == before);
                if empty > EMPTY_MAX {
                    return Err(ConnectError::data("too many elements take no bytes"));
                }
            }
        }
    }
}

impl Read {
    /// The next value of `input`.
    pub(super) fn value(&self, input: &mut Input<'_>) -> Result<Value, ConnectError> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Boolean => Value::Boolean(input.array::<1>()? != [0]),
            Self::Int8 => Value::Int8(input.int()? as i8),
            Self::Int16 => Value::Int16(input.int()? as i16),
            Self::Int32 => Value::Int32(input.int()?),
            Self::Date => Value::Date(input.int()?),
            Self::Time => Value::Time(logical::time(input.int()?)?),
            Self::Int64 => Value::Int64(input.long()?),
            Self::Timestamp => Value::Timestamp(input.long()?),
            Self::Float32 => Value::Float32(f32::from_le_bytes(input.array()?)),
            Self::Float64 => Value::Float64(f64::from_le_bytes(input.array()?)),
            Self::String => Value::String(input.text()?),
            Self::Bytes => Value::Bytes(Bytes::copy_from_slice(input.bytes()?)),
            Self::Fixed(size) => Value::Bytes(Bytes::copy_from_slice(input.take(*size)?)),
            Self::Decimal(scale, size) => decimal(input, *scale, *size)?,
            Self::Enum(symbols) => {
                let symbol = usize::try_from(input.long()?)
                    .ok()
                    .and_then(|index| symbols.get(index));
                let symbol =
                    symbol.ok_or_else(|| ConnectError::data("an enum has no such symbol"))?;
                Value::String(symbol.clone())
            }
            Self::Array(element) => Value::Array(input.blocks(|input| element.value(input))?),
            Self::Map(value) => Value::Map(
                input.blocks(|input| Ok((Value::String(input.text()?), value.value(input)?)))?,
            ),
            Self::Pairs(parts, key_first) => {
                Value::Map(input.blocks(|input| pair(parts, *key_first, input))?)
            }
            Self::Record(schema, fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    values.push(field.value(input)?);
                }
                Value::Struct(Struct::from_values(Arc::clone(schema), values))
            }
            Self::Branches(branches) => {
                let index = branch(input, branches.len())?;
                branches[index].value(input)?
            }
            Self::Union(schema, places, branches) => {
                let index = branch(input, branches.len())?;
                match places[index] {
                    None => Value::Null,
                    Some(place) => {
                        let mut values = vec![Value::Null; schema.fields().len()];
                        values[place] = branches[index].value(input)?;
                        Value::Struct(Struct::from_values(Arc::clone(schema), values))
                    }
                }
            }
            Self::Anything => anything(input, 0)?,
        })
    }
}

fn branch(input: &mut Input<'_>, count: usize) -> Result<usize, ConnectError> {
    let index = usize::try_from(input.long()?).ok();
    index
        .filter(|index| *index < count)
        .ok_or_else(|| ConnectError::data("a union has no such member"))
}

fn decimal(input: &mut Input<'_>, scale: i64, size: Option<usize>) -> Result<Value, ConnectError> {
    let bytes = match size {
        Some(size) => input.take(size)?,
        None => input.bytes()?,
    };
    if bytes.is_empty() {
        return Err(ConnectError::data("a decimal has no bytes"));
    }
    Ok(Value::Decimal(BigDecimal::new(
        BigInt::from_signed_bytes_be(bytes),
        scale,
    )))
}

fn pair(
    parts: &(Read, Read),
    key_first: bool,
    input: &mut Input<'_>,
) -> Result<(Value, Value), ConnectError> {
    let (key, value) = parts;
    if key_first {
        return Ok((key.value(input)?, value.value(input)?));
    }
    let value = value.value(input)?;
    Ok((key.value(input)?, value))
}

/// The fields of the record that holds anything: boolean, bytes, double, float, int, long, string, array, map. Each is a
/// union with null first, and the first that is set counts.
fn anything(input: &mut Input<'_>, depth: usize) -> Result<Value, ConnectError> {
    if depth > DEPTH_MAX {
        return Err(ConnectError::data("the value is nested too deeply"));
    }
    let mut found = Value::Null;
    for field in 0..9 {
        if branch(input, 2)? == 0 {
            continue;
        }
        let value =
            match field {
                0 => Read::Boolean.value(input)?,
                1 => Read::Bytes.value(input)?,
                2 => Read::Float64.value(input)?,
                3 => Read::Float32.value(input)?,
                4 => Read::Int32.value(input)?,
                5 => Read::Int64.value(input)?,
                6 => Read::String.value(input)?,
                7 => Value::Array(input.blocks(|input| anything(input, depth + 1))?),
                _ => Value::Map(input.blocks(|input| {
                    Ok((anything(input, depth + 1)?, anything(input, depth + 1)?))
                })?),
            };
        if found == Value::Null {
            found = value;
        }
    }
    Ok(found)
}
