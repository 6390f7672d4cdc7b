//! How each type that a message field can have is written and read.

use bytes::Bytes;

use super::{DecodeError, Decoder, EncodeError, Encoder};
use crate::error_code::ErrorCode;
use crate::records::Records;
use crate::uuid::Uuid;

/// First guess at an array's memory: what is really there decides about more.
const ARRAY_RESERVE_BYTES: usize = 16 * 1024;

/// A type that a field of a message can have.
pub trait Field: Sized {
    /// The fewest bytes a value takes on the wire in any version.
    const WIRE_BYTES_MIN: usize;

    /// Writes the value as it stands in a message of `version`.
    ///
    /// # Errors
    /// A value that cannot be said in this version.
    fn write(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError>;

    /// Reads a value, or `None` where the wire says null.
    ///
    /// # Errors
    /// Bytes that are not such a value.
    fn read_nullable(decoder: &mut Decoder, version: i16) -> Result<Option<Self>, DecodeError>;

    /// Writes null.
    ///
    /// # Errors
    /// A type that has no null.
    fn write_null(encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.put_length(None)
    }

    /// Whether this value is null; only an `Option` can be.
    fn is_null(&self) -> bool {
        false
    }

    /// Tells of every error code in the value, those that say that there is no error included.
    fn error_codes(&self, _tell: &mut impl FnMut(ErrorCode)) {}

    /// Reads a value of the field called `name`.
    ///
    /// # Errors
    /// Bytes that are not such a value, or null.
    fn read(decoder: &mut Decoder, version: i16, name: &'static str) -> Result<Self, DecodeError> {
        Self::read_nullable(decoder, version)?.ok_or(DecodeError::UnexpectedNull {
            field: name,
            version,
        })
    }
}

macro_rules! scalar {
    ($($type:ty, $bytes:literal, $put:ident, $get:ident;)*) => {$(
        impl Field for $type {
            const WIRE_BYTES_MIN: usize = $bytes;

            fn write(&self, encoder: &mut Encoder, _version: i16) -> Result<(), EncodeError> {
                encoder.$put(*self);
                Ok(())
            }

            fn read_nullable(decoder: &mut Decoder, _version: i16) -> Result<Option<Self>, DecodeError> {
                decoder.$get().map(Some)
            }
        }
    )*};
}

scalar! {
    bool, 1, put_bool, get_bool;
    i8, 1, put_i8, get_i8;
    i16, 2, put_i16, get_i16;
    i32, 4, put_i32, get_i32;
    i64, 8, put_i64, get_i64;
}

impl Field for ErrorCode {
    const WIRE_BYTES_MIN: usize = 2;

    fn write(&self, encoder: &mut Encoder, _version: i16) -> Result<(), EncodeError> {
        encoder.put_i16(self.0);
        Ok(())
    }

    fn read_nullable(decoder: &mut Decoder, _version: i16) -> Result<Option<Self>, DecodeError> {
        decoder.get_i16().map(|code| Some(ErrorCode(code)))
    }

    fn error_codes(&self, tell: &mut impl FnMut(ErrorCode)) {
        tell(*self);
    }
}

impl Field for Uuid {
    const WIRE_BYTES_MIN: usize = 16;

    fn write(&self, encoder: &mut Encoder, _version: i16) -> Result<(), EncodeError> {
        encoder.put_slice(&self.0);
        Ok(())
    }

    fn read_nullable(decoder: &mut Decoder, _version: i16) -> Result<Option<Self>, DecodeError> {
        decoder.get_array().map(|bytes| Some(Uuid(bytes)))
    }
}

impl Field for String {
    const WIRE_BYTES_MIN: usize = 1;

    fn write(&self, encoder: &mut Encoder, _version: i16) -> Result<(), EncodeError> {
        encoder.put_string(Some(self))
    }

    fn write_null(encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.put_string(None)
    }

    fn read_nullable(decoder: &mut Decoder, _version: i16) -> Result<Option<Self>, DecodeError> {
        decoder.get_string()
    }
}

impl Field for Bytes {
    const WIRE_BYTES_MIN: usize = 1;

    fn write(&self, encoder: &mut Encoder, _version: i16) -> Result<(), EncodeError> {
        encoder.put_bytes(Some(self))
    }

    fn read_nullable(decoder: &mut Decoder, _version: i16) -> Result<Option<Self>, DecodeError> {
        decoder.get_bytes()
    }
}

impl Field for Records {
    const WIRE_BYTES_MIN: usize = 1;

    fn write(&self, encoder: &mut Encoder, _version: i16) -> Result<(), EncodeError> {
        encoder.put_records(Some(self))
    }

    fn read_nullable(decoder: &mut Decoder, _version: i16) -> Result<Option<Self>, DecodeError> {
        decoder.get_records()
    }
}

impl<T: Field> Field for Vec<T> {
    const WIRE_BYTES_MIN: usize = 1;

    fn write(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        encoder.put_length(Some(self.len()))?;
        self.iter()
            .try_for_each(|item| item.write(encoder, version))
    }

    fn read_nullable(decoder: &mut Decoder, version: i16) -> Result<Option<Self>, DecodeError> {
        let Some(count) = decoder.get_length()? else {
            return Ok(None);
        };
        let left = decoder.remaining();
        if count > left / T::WIRE_BYTES_MIN {
            return Err(DecodeError::ArrayTooLong { count, left });
        }
        let reserve = ARRAY_RESERVE_BYTES / size_of::<T>().max(1);
        let mut items = Vec::with_capacity(count.min(reserve));
        for _ in 0..count {
            items.push(T::read(decoder, version, "array element")?);
        }
        Ok(Some(items))
    }

    fn error_codes(&self, tell: &mut impl FnMut(ErrorCode)) {
        self.iter().for_each(|item| item.error_codes(tell));
    }
}

impl<T: Field> Field for Option<T> {
    const WIRE_BYTES_MIN: usize = T::WIRE_BYTES_MIN;

    fn write(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        match self {
            Some(value) => value.write(encoder, version),
            None => T::write_null(encoder),
        }
    }

    fn read_nullable(decoder: &mut Decoder, version: i16) -> Result<Option<Self>, DecodeError> {
        T::read_nullable(decoder, version).map(Some)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn error_codes(&self, tell: &mut impl FnMut(ErrorCode)) {
        self.iter().for_each(|value| value.error_codes(tell));
    }
}
