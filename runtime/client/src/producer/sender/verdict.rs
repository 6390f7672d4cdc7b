//! What an answer means for a batch.

use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::PartitionProduceResponse;

use crate::error::ClientError;
use crate::producer::batch::ProducerBatch;
use crate::producer::error::ProduceError;
use crate::producer::partition::PartitionQueue;

/// What to do with a batch that came back.
pub(super) enum Verdict {
    /// It is in the log from this offset on; -1 where that is not known.
    Delivered(i64),
    /// Send it again.
    Retry(Retry),
    /// Send its halves.
    Split,
    /// Give it up.
    Failed(ProduceError),
}

/// Why, and after what, a batch is sent again.
pub(super) struct Retry {
    /// What went wrong.
    pub(super) reason: String,
    /// Whether the leader may be another node by now.
    pub(super) refresh: bool,
    /// Whether to wait first; a batch that only followed a failed one need not.
    pub(super) wait: bool,
    /// Whether the partition's sequence numbers have to start over.
    pub(super) start_over: bool,
    /// Whether the producer's id is of no more use.
    pub(super) new_id: bool,
}

impl Retry {
    pub(super) fn after(reason: String) -> Self {
        Self {
            reason,
            refresh: false,
            wait: true,
            start_over: false,
            new_id: false,
        }
    }
}

/// Judges the answer about one batch.
pub(super) fn judge(
    answer: &PartitionProduceResponse,
    topic: &Arc<str>,
    batch: &ProducerBatch,
    queue: &PartitionQueue,
) -> Verdict {
    let code = answer.error_code;
    let described = || match &answer.error_message {
        Some(text) => format!("{code} ({text})"),
        None => code.to_string(),
    };
    let with_numbers = batch.identity.is_some();
    match code {
        ErrorCode::NONE => Verdict::Delivered(answer.base_offset),
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Verdict::Delivered(-1),
        ErrorCode::MESSAGE_TOO_LARGE if batch.record_count() > 1 => Verdict::Split,
        ErrorCode::MESSAGE_TOO_LARGE => Verdict::Failed(ProduceError::MessageTooLarge {
            topic: Arc::clone(topic),
            partition: answer.index,
            size: batch.len(),
        }),
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER if with_numbers => {
            // Behind a batch that failed this is to be expected. In its turn it means that the
            // broker has lost what it had acknowledged.
            let lost = queue.is_next(batch);
            Verdict::Retry(Retry {
                wait: lost,
                start_over: lost,
                ..Retry::after(described())
            })
        }
        ErrorCode::UNKNOWN_PRODUCER_ID if with_numbers => Verdict::Retry(Retry {
            start_over: true,
            ..Retry::after(described())
        }),
        ErrorCode::INVALID_PRODUCER_EPOCH if with_numbers => Verdict::Retry(Retry {
            start_over: true,
            new_id: true,
            ..Retry::after(described())
        }),
        code if code.is_retriable() => Verdict::Retry(Retry {
            refresh: may_have_moved(code),
            ..Retry::after(described())
        }),
        code => Verdict::Failed(ProduceError::Refused {
            topic: Arc::clone(topic),
            partition: answer.index,
            code,
            detail: detail(answer),
        }),
    }
}

/// Judges a request that has no answer.
pub(super) fn judge_failure(error: &ClientError, topic: &Arc<str>, partition: i32) -> Verdict {
    if error.is_disconnect() || error.is_retriable() {
        return Verdict::Retry(Retry {
            refresh: true,
            ..Retry::after(error.to_string())
        });
    }
    let code = match error {
        ClientError::UnsupportedVersion { .. } => ErrorCode::UNSUPPORTED_VERSION,
        other => other.code().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
    };
    let detail = Some(error.to_string());
    Verdict::Failed(ProduceError::Refused {
        topic: Arc::clone(topic),
        partition,
        code,
        detail,
    })
}

fn may_have_moved(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::UNKNOWN_LEADER_EPOCH
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::REPLICA_NOT_AVAILABLE
    )
}

fn detail(answer: &PartitionProduceResponse) -> Option<String> {
    let first = answer.record_errors.first();
    let record = first.map(|error| {
        let text = error
            .batch_index_error_message
            .as_deref()
            .unwrap_or("refused");
        format!("record {} of the batch: {text}", error.batch_index)
    });
    answer.error_message.clone().or(record)
}
