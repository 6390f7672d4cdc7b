//! Why a read gives nothing.

use std::path::PathBuf;

use millrace_wire::error_code::ErrorCode;
use thiserror::Error;

use crate::error::StorageError;

/// Why a read, or a look-up, failed.
#[derive(Debug, Clone, Error)]
pub enum ReadError {
    /// The offset is none that the log holds or is about to.
    #[error("offset {offset} is outside the log's range of {start} to {end}")]
    OutOfRange {
        /// What was asked for.
        offset: i64,
        /// The log start offset.
        start: i64,
        /// The log end offset.
        end: i64,
    },
    /// The bytes are not those that were appended.
    #[error("{} is damaged at byte {position}, offset {offset}: {reason}", path.display())]
    Corrupt {
        /// The segment's file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// The first offset that cannot be read.
        offset: i64,
        /// What does not fit.
        reason: String,
    },
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ReadError {
    /// Kafka's code for the answer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
            Self::Corrupt { .. } => ErrorCode::CORRUPT_MESSAGE,
            Self::Storage(error) => error.code(),
        }
    }

    /// Whether the same read may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_retriable())
    }
}
