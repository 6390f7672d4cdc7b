//! Why an append is refused.

use millrace_wire::batch::BatchError;
use millrace_wire::error_code::ErrorCode;
use thiserror::Error;

use crate::error::StorageError;
use crate::producer::SequenceError;

/// What is wrong with one record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Position of the record in the batch.
    pub batch_index: i32,
    /// Text for the producer.
    pub message: String,
}

/// Why a batch was not appended; nothing of it is in the log then.
#[derive(Debug, Clone, Error)]
pub enum AppendError {
    /// The batch does not parse or its checksum is wrong.
    #[error("{0}")]
    Corrupt(BatchError),
    /// The batch is none that a producer may send.
    #[error("{0}")]
    Invalid(&'static str),
    /// Some of its records are not what the topic takes.
    #[error("{} of the batch's records are invalid: {}", .0.len(), .0.first().map_or("", |error| &error.message))]
    InvalidRecords(Vec<RecordError>),
    /// Some of its records have times outside what the topic takes.
    #[error("{} of the batch's records have an invalid timestamp: {}", .0.len(), .0.first().map_or("", |error| &error.message))]
    InvalidTimestamps(Vec<RecordError>),
    /// The records do not decompress, or not compress into what the topic wants.
    #[error("{0}")]
    Undecodable(BatchError),
    /// The batch is larger than the topic's `max.message.bytes`.
    #[error("record batch has {size} bytes where the topic's max.message.bytes is {limit}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// `max.message.bytes`.
        limit: u32,
    },
    /// The batch is larger than a segment.
    #[error("record batch has {size} bytes where the topic's segment.bytes is {limit}")]
    LargerThanSegment {
        /// Bytes of the batch.
        size: usize,
        /// `segment.bytes`.
        limit: u32,
    },
    /// The batch does not carry on its producer's sequence.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AppendError {
    /// Kafka's code for the Produce answer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Corrupt(_) => ErrorCode::CORRUPT_MESSAGE,
            Self::Invalid(_) | Self::InvalidRecords(_) => ErrorCode::INVALID_RECORD,
            Self::InvalidTimestamps(_) => ErrorCode::INVALID_TIMESTAMP,
            Self::Undecodable(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
            Self::TooLarge { .. } => ErrorCode::MESSAGE_TOO_LARGE,
            Self::LargerThanSegment { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            Self::Sequence(SequenceError::OutOfOrder { .. }) => {
                ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            }
            Self::Sequence(SequenceError::StaleEpoch { .. }) => ErrorCode::INVALID_PRODUCER_EPOCH,
            Self::Storage(error) => error.code(),
        }
    }

    /// What is wrong with single records, for the answer's `record_errors`.
    #[must_use]
    pub fn record_errors(&self) -> &[RecordError] {
        match self {
            Self::InvalidRecords(errors) | Self::InvalidTimestamps(errors) => errors,
            _ => &[],
        }
    }

    /// Whether the same append may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_retriable())
    }
}
