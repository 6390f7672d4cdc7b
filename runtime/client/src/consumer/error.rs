//! Why a poll or a commit failed.

use millrace_wire::batch::BatchError;
use millrace_wire::error_code::ErrorCode;
use thiserror::Error;

use super::topic_partition::TopicPartition;
use crate::error::ClientError;
use crate::group::GroupError;

/// A poll that brings an error instead of records. What may pass by itself is repeated inside and does not show.
#[derive(Debug, Clone, Error)]
pub enum ConsumeError {
    /// Neither a subscription nor partitions to read.
    #[error("the consumer is not subscribed to any topic and has no partitions assigned")]
    NotSubscribed,
    /// Another task woke the consumer up ([`super::WakeUp`]).
    #[error("the consumer was woken up")]
    WokenUp,
    /// Group functions were asked for without a group.
    #[error("cannot {doing}: group.id is not set")]
    NoGroup {
        /// What was asked for.
        doing: &'static str,
    },
    /// The topics' pattern is not a regular expression.
    #[error("invalid topic pattern {pattern}: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The partition is not assigned to this consumer.
    #[error("partition {0} is not assigned to this consumer")]
    NotAssigned(TopicPartition),
    /// Nothing is committed, and `auto.offset.reset` is `none`.
    #[error("no committed offset for {0}, and auto.offset.reset is none")]
    NoOffset(TopicPartition),
    /// The position is not in the log, and `auto.offset.reset` is `none`.
    #[error("offset {offset} of {partition} is not in the log, and auto.offset.reset is none")]
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        offset: i64,
    },
    /// The log lost records that this consumer has read, and `auto.offset.reset` is `none`.
    #[error(
        "{partition} was truncated to {end_offset}, below the position {offset}, and auto.offset.reset is none"
    )]
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        offset: i64,
        /// Where the log ends that both sides agree on.
        end_offset: i64,
    },
    /// A batch cannot be read. The position stays before it; a seek leads past it.
    #[error("cannot read the batch at offset {offset} of {partition}: {source}")]
    Corrupt {
        /// The partition.
        partition: TopicPartition,
        /// Where the batch should be.
        offset: i64,
        /// What is wrong with it.
        source: BatchError,
    },
    /// The broker says that its copy is damaged.
    #[error("the broker cannot read {partition} at offset {offset}: {code}")]
    Partition {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        offset: i64,
        /// Kafka's code.
        code: ErrorCode,
    },
    /// A topic may not be read, or cannot exist.
    #[error("cannot read topic {topic}: {code}")]
    Topic {
        /// The topic.
        topic: String,
        /// Kafka's code.
        code: ErrorCode,
    },
    /// The member is out of its group. The next poll tries to join again, but for a member that was replaced by
    /// another with its `group.instance.id`: that one has to unsubscribe first.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A request failed for good, or for longer than allowed.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl ConsumeError {
    /// Whether polling again may succeed without anyone changing anything.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            ConsumeError::Client(error) => error.is_retriable(),
            ConsumeError::Partition { code, .. } => code.is_retriable(),
            _ => false,
        }
    }
}

/// Offsets that were not committed.
#[derive(Debug, Clone, Error)]
pub enum CommitError {
    /// Commits need a group.
    #[error("cannot commit: group.id is not set")]
    NoGroup,
    /// The group has gone on without this member: its partitions may be others' by now.
    #[error(
        "cannot commit to group {group}: this member is no longer part of its current generation ({code})"
    )]
    Fenced {
        /// The group.
        group: String,
        /// Kafka's code.
        code: ErrorCode,
    },
    /// A rebalance is under way; after the next polls the commit can be repeated.
    #[error("cannot commit to group {group} while it rebalances")]
    Rebalancing {
        /// The group.
        group: String,
    },
    /// The coordinator refused a partition's offset.
    #[error("cannot commit the offset of {partition} to group {group}: {code}")]
    Refused {
        /// The group.
        group: String,
        /// The first partition that was refused.
        partition: TopicPartition,
        /// Kafka's code.
        code: ErrorCode,
    },
    /// More commits wait than may.
    #[error("{0} commits are waiting already")]
    TooMany(usize),
    /// The coordinator could not be reached.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl CommitError {
    /// Whether the same commit may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            CommitError::Rebalancing { .. } | CommitError::TooMany(_) => true,
            CommitError::Refused { code, .. } => code.is_retriable(),
            CommitError::Client(error) => error.is_retriable(),
            CommitError::NoGroup | CommitError::Fenced { .. } => false,
        }
    }
}
