//! Why dead letters could not be looked at or replayed.

use std::error::Error;

use millrace_client::producer::ProduceError;
use thiserror::Error;

use super::edit::EditError;

/// What went wrong.
#[derive(Debug, Error)]
pub enum DeadLetterError {
    /// The clients cannot be made.
    #[error("cannot make clients for dead letters: {0}")]
    Settings(millrace_config::ConfigErrors),
    /// There is no such queue.
    #[error("cannot find the dead letter queue '{0}': there is no topic of that name")]
    NoQueue(String),
    /// A topic cannot be read.
    #[error("cannot read topic '{topic}': {source}")]
    Read {
        /// The topic.
        topic: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Nothing came for long.
    #[error("cannot read topic '{topic}': nothing came within {seconds} s")]
    Stalled {
        /// The topic.
        topic: String,
        /// How long.
        seconds: u64,
    },
    /// The replay cannot tell where a letter goes.
    #[error(
        "cannot replay the record at offset {offset} of {queue}-{partition}: it has no header __connect.errors.topic that says where it came from (errors.deadletterqueue.context.headers.enable was false); name a topic to replay to"
    )]
    NoTarget {
        /// The queue.
        queue: String,
        /// Its partition.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// The topic that letters go to is not there.
    #[error("cannot replay to topic '{0}': there is no topic of that name")]
    NoTopic(String),
    /// A letter cannot be edited as asked for.
    #[error("cannot edit the record at offset {offset} of {queue}-{partition}: {source}")]
    Edit {
        /// The queue.
        queue: String,
        /// Its partition.
        partition: i32,
        /// The record's offset.
        offset: i64,
        /// Why.
        source: EditError,
    },
    /// The journal cannot be made.
    #[error(
        "cannot create the topic '{topic}', which keeps what has been replayed: {source}; create it with cleanup.policy=compact and one partition"
    )]
    Journal {
        /// The journal.
        topic: &'static str,
        /// Why.
        source: millrace_client::ClientError,
    },
    /// Something cannot be written.
    #[error("cannot write to topic '{topic}': {source}")]
    Write {
        /// The topic.
        topic: String,
        /// Why.
        source: ProduceError,
    },
    /// No identity for a replay can be made.
    #[error("cannot make a random id: {0}")]
    Random(#[from] std::io::Error),
}

impl DeadLetterError {
    pub(super) fn reading(topic: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Read {
            topic: topic.to_owned(),
            source: source.into(),
        }
    }

    pub(super) fn writing(topic: &str, source: ProduceError) -> Self {
        Self::Write {
            topic: topic.to_owned(),
            source,
        }
    }
}
