//! One partition's part of an answer: what is wrong with it, or the records that it has.

use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::held::Whole;
use millrace_wire::messages::PartitionData;
use millrace_wire::pool::Pool;

use super::Trouble;
use crate::consumer::config::IsolationLevel;
use crate::consumer::partitions::Partitions;
use crate::consumer::run::{Run, reach};
use crate::consumer::topic_partition::TopicPartition;

/// One partition's part of an answer.
pub(super) struct Part {
    pub(super) name: TopicPartition,
    pub(super) stamp: u64,
    /// The offset that was asked for.
    pub(super) offset: i64,
    pub(super) data: PartitionData,
}

impl Part {
    /// What is wrong with it, if anything is.
    pub(super) fn judge(&mut self, partitions: &mut Partitions, now: Duration) -> Option<Trouble> {
        let state = partitions.current(&self.name, self.stamp)?;
        let partition = self.name.clone();
        let code = self.data.error_code;
        match code {
            ErrorCode::NONE if self.data.diverging_epoch.end_offset >= 0 => {
                let end_offset = self.data.diverging_epoch.end_offset;
                state.back_off(now);
                Some(Trouble::Truncated {
                    partition,
                    offset: state.position,
                    end_offset,
                })
            }
            ErrorCode::NONE => {
                state.succeed();
                None
            }
            ErrorCode::OFFSET_OUT_OF_RANGE if state.position == self.offset => {
                Some(Trouble::OutOfRange {
                    partition,
                    offset: self.offset,
                })
            }
            // Records before that offset wait to be handed out; the question is asked again behind them.
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                state.refetch();
                state.back_off(now);
                None
            }
            ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::INVALID_TOPIC_EXCEPTION => {
                state.back_off(now);
                Some(Trouble::Topic {
                    topic: partition.topic,
                    code,
                })
            }
            ErrorCode::CORRUPT_MESSAGE => {
                state.back_off(now);
                Some(Trouble::Damaged {
                    partition,
                    offset: self.offset,
                    code,
                })
            }
            other => {
                log::debug!(
                    "cannot fetch {partition} at offset {}: {other}",
                    self.offset
                );
                state.back_off(now);
                Some(Trouble::Stale)
            }
        }
    }

    pub(super) fn into_run(
        self,
        isolation: IsolationLevel,
        partitions: &mut Partitions,
        whole: &Whole,
    ) -> Option<Run> {
        let state = partitions.current(&self.name, self.stamp)?;
        let data = match self.data.records?.into_bytes(Pool::global()) {
            Ok(data) if !data.is_empty() => data,
            Ok(_) => return None,
            Err(error) => {
                log::warn!("cannot gather the records of {}: {error}", self.name);
                return None;
            }
        };
        // Bytes without a whole batch go on to be named as what they are when their turn comes.
        if let Some(reach) = reach(&data).filter(|reach| reach.next_offset > state.fetch_offset) {
            state.fetch_offset = reach.next_offset;
            state.fetched_epoch = reach.leader_epoch;
        }
        let committed = isolation == IsolationLevel::ReadCommitted;
        let aborted = committed.then(|| self.data.aborted_transactions.unwrap_or_default());
        Some(Run::new(
            self.name,
            self.stamp,
            whole.part(data),
            self.data.high_watermark,
            aborted,
        ))
    }
}
