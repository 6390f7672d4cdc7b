//! Why records could not be taken or delivered.

use std::sync::Arc;
use std::time::Duration;

use millrace_wire::batch::InvalidHeaders;
use millrace_wire::compression::CompressionError;
use millrace_wire::error_code::ErrorCode;
use thiserror::Error;

use crate::error::ClientError;

/// A record that was not taken, or a batch that was not delivered.
#[derive(Debug, Clone, Error)]
pub enum ProduceError {
    /// A record alone is larger than a limit.
    #[error("a record of {size} bytes is larger than {key}, which is {limit}")]
    RecordTooLarge {
        /// Bytes of a batch that holds the record alone, uncompressed.
        size: usize,
        /// The limit in bytes.
        limit: usize,
        /// The configuration key that sets the limit.
        key: &'static str,
    },
    /// The topic's metadata is not there; [`super::Producer::ready`] fetches it.
    #[error("metadata of topic {topic} is not known yet")]
    NotReady {
        /// The topic.
        topic: Arc<str>,
    },
    /// The topic's metadata could not be had.
    #[error("cannot produce to topic {topic}: {source}")]
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// The last error.
        source: ClientError,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}, it has {count}")]
    UnknownPartition {
        /// The topic.
        topic: Arc<str>,
        /// The partition asked for.
        partition: i32,
        /// How many it has.
        count: usize,
    },
    /// A record's header section does not parse.
    #[error(transparent)]
    Headers(#[from] InvalidHeaders),
    /// The records that wait for delivery take all of `buffer.memory`.
    #[error("no room in buffer.memory ({limit} bytes) within max.block.ms ({} ms)", waited.as_millis())]
    NoRoom {
        /// The limit in bytes.
        limit: usize,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The broker refused the batch for good.
    #[error("cannot append to {topic}-{partition}: {code}{}", detail.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Kafka's code.
        code: ErrorCode,
        /// What the broker said beside the code.
        detail: Option<String>,
    },
    /// A single record is larger than the topic or the broker allows.
    #[error(
        "cannot append to {topic}-{partition}: a record of {size} bytes is larger than the topic's max.message.bytes (the broker's message.max.bytes)"
    )]
    MessageTooLarge {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Bytes of the batch that held the record alone.
        size: usize,
    },
    /// The batch was not delivered in time, or not within the allowed attempts.
    #[error(
        "cannot append to {topic}-{partition} within {} ms and {attempts} attempts{}",
        waited.as_millis(),
        last.as_ref().map(|text| format!(": {text}")).unwrap_or_default()
    )]
    Expired {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Since its first record was taken.
        waited: Duration,
        /// How often it was sent.
        attempts: u32,
        /// What went wrong last.
        last: Option<String>,
    },
    /// The cluster gives this producer no identity, and `enable.idempotence` asks for one.
    #[error("cannot obtain a producer id, which enable.idempotence needs: {0}")]
    Identity(ClientError),
    /// The batch could not be compressed.
    #[error("cannot compress a batch: {0}")]
    Compression(#[from] CompressionError),
    /// The producer was closed before the batch was delivered.
    #[error("the producer is closed")]
    Closed,
}

impl ProduceError {
    /// Whether the same records may be taken or delivered later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::NotReady { .. } | Self::NoRoom { .. } | Self::Expired { .. } => true,
            Self::Topic { source, .. } | Self::Identity(source) => source.is_retriable(),
            Self::Refused { code, .. } => code.is_retriable(),
            Self::RecordTooLarge { .. }
            | Self::UnknownPartition { .. }
            | Self::Headers(_)
            | Self::MessageTooLarge { .. }
            | Self::Compression(_)
            | Self::Closed => false,
        }
    }
}
