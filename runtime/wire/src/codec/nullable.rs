//! A struct that may be null: a byte before it says whether it is there.

use super::{DecodeError, Decoder, EncodeError, Encoder, Field};
use crate::error_code::ErrorCode;

const NULL: i8 = -1;
const PRESENT: i8 = 1;

/// A struct or null. Strings, bytes and arrays say null by their length instead, and are [`Option`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<T> Default for Nullable<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Field> Field for Nullable<T> {
    const WIRE_BYTES_MIN: usize = 1;

    fn write(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        match &self.0 {
            None => NULL.write(encoder, version),
            Some(value) => {
                PRESENT.write(encoder, version)?;
                value.write(encoder, version)
            }
        }
    }

    fn read_nullable(decoder: &mut Decoder, version: i16) -> Result<Option<Self>, DecodeError> {
        if decoder.get_i8()? < 0 {
            return Ok(Some(Self(None)));
        }
        T::read(decoder, version, "nullable struct").map(|value| Some(Self(Some(value))))
    }

    fn error_codes(&self, tell: &mut impl FnMut(ErrorCode)) {
        self.0.error_codes(tell);
    }
}
