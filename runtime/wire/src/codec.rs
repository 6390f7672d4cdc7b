//! Kafka's primitive types: how fields of messages are written to and read from frames.
//!
//! All integers are big-endian. In the flexible versions of a message lengths are unsigned varints of
//! `len + 1` (0 is null) and every struct ends with tagged fields; before, a string has an `i16` length,
//! bytes and arrays an `i32` length, and -1 is null. Source of facts: Kafka's protocol guide.
//!
//! Decoding trusts no length: it is compared with the bytes that are left before anything is allocated.

mod decoder;
mod encoder;
mod field;
mod nullable;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use field::Field;
pub use nullable::Nullable;

/// Bytes that are not a message of the expected type and version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends within a field.
    #[error("frame ends early: {wanted} more bytes wanted, {left} left")]
    UnexpectedEnd {
        /// Bytes the field needs.
        wanted: usize,
        /// Bytes left in the frame.
        left: usize,
    },
    /// A length below zero where null is not a value.
    #[error("negative length {0}")]
    NegativeLength(i64),
    /// An array that claims more elements than the rest of the frame can hold.
    #[error("array claims {count} elements in {left} bytes")]
    ArrayTooLong {
        /// Elements claimed.
        count: usize,
        /// Bytes left in the frame.
        left: usize,
    },
    /// Null in a field that is not nullable in this version.
    #[error("field {field} must not be null in version {version}")]
    UnexpectedNull {
        /// The field's name.
        field: &'static str,
        /// The message's version.
        version: i16,
    },
    /// A string that is not UTF-8.
    #[error("string is not valid UTF-8")]
    InvalidUtf8,
    /// A varint longer than its type allows.
    #[error("varint does not fit its type")]
    VarintOverflow,
    /// A tagged field whose contents end before or after the size it claims.
    #[error("tagged field {tag} does not fill its size")]
    TaggedFieldSize {
        /// The field's tag.
        tag: u32,
    },
    /// A frame with parts that lie in a file was given to be decoded.
    #[error("frame holds a range of a file, only memory can be decoded")]
    FileSegment,
    /// A message in a version that is not spoken here.
    #[error("version {version} of {message} is not supported")]
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
}

/// A message that cannot be written in the version asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Null in a field that is not nullable in this version.
    #[error("field {field} must not be null in version {version}")]
    UnexpectedNull {
        /// The field's name.
        field: &'static str,
        /// The message's version.
        version: i16,
    },
    /// A string, byte field or array longer than its length field can say.
    #[error("length {0} does not fit its length field")]
    TooLong(usize),
    /// A message in a version that is not spoken here.
    #[error("version {version} of {message} is not supported")]
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
}
