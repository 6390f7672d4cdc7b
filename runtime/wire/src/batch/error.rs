//! Why bytes are not a record batch.

use thiserror::Error;

use crate::compression::CompressionError;

/// What is wrong with the bytes of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Fewer bytes than the header or the declared length need.
    #[error("record batch is cut off: {have} bytes of {needed}")]
    Truncated {
        /// Bytes that are there.
        have: usize,
        /// Bytes that would be needed.
        needed: usize,
    },
    /// The declared length is too small to hold a header.
    #[error("record batch declares {0} bytes, fewer than its header has")]
    Length(i32),
    /// Not format v2; 0 and 1 are the message sets of clients before 0.11.
    #[error("record batch has magic {0}, only 2 is supported")]
    Magic(i8),
    /// The checksum over the attributes and everything behind them does not match.
    #[error(
        "record batch at offset {base_offset} has checksum {actual:08x} where its header says {declared:08x}"
    )]
    Crc {
        /// First offset of the batch.
        base_offset: i64,
        /// The header's checksum.
        declared: u32,
        /// The checksum of the bytes.
        actual: u32,
    },
    /// A record does not parse, or their number is not the declared one.
    #[error("record {index} of the batch at offset {base_offset} is malformed: {reason}")]
    Record {
        /// First offset of the batch.
        base_offset: i64,
        /// Position of the record in the batch.
        index: usize,
        /// What does not fit.
        reason: &'static str,
    },
    /// The records do not decompress, or to more than the limit.
    #[error("cannot decompress the record batch at offset {base_offset}: {source}")]
    Compression {
        /// First offset of the batch.
        base_offset: i64,
        /// What the codec said.
        source: CompressionError,
    },
}
