//! Committing offsets: one request at a time, in the order they were asked for.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};

use super::error::CommitError;
use super::offset::CommittedOffset;
use super::topic_partition::TopicPartition;
use crate::backoff::Backoff;
use crate::error::ClientError;
use crate::group::Identity;
use crate::group::coordinator::Coordinator;

/// Commits that may wait behind the one under way.
const WAITING_MAX: usize = 256;

/// What a commit in the background ends with; called inside a later poll or commit.
pub type CommitCallback = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// Offsets to commit, by partition.
pub type Offsets = BTreeMap<TopicPartition, CommittedOffset>;

/// A commit that waits or is under way.
pub(super) struct Commit {
    pub(super) number: u64,
    pub(super) offsets: Offsets,
    pub(super) patience: Duration,
    pub(super) done: CommitCallback,
}

impl fmt::Debug for Commit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Commit")
            .field("number", &self.number)
            .field("offsets", &self.offsets)
            .finish()
    }
}

/// The commits of one consumer.
#[derive(Debug, Default)]
pub(super) struct Commits {
    waiting: VecDeque<Commit>,
    under_way: Option<Commit>,
    asked: u64,
    /// All commits up to this one have ended.
    ended: u64,
}

impl Commits {
    /// Queues a commit and numbers it; `None` if too many wait, which the callback is told.
    pub(super) fn push(
        &mut self,
        offsets: Offsets,
        patience: Duration,
        done: CommitCallback,
    ) -> Option<u64> {
        if self.waiting.len() >= WAITING_MAX {
            done(Err(CommitError::TooMany(WAITING_MAX)));
            return None;
        }
        self.asked += 1;
        self.waiting.push_back(Commit {
            number: self.asked,
            offsets,
            patience,
            done,
        });
        Some(self.asked)
    }

    /// Whether a commit waits and none is under way.
    pub(super) fn has_next(&self) -> bool {
        self.under_way.is_none() && !self.waiting.is_empty()
    }

    /// The next commit, if none is under way.
    pub(super) fn start(&mut self) -> Option<&Commit> {
        if self.under_way.is_some() {
            return None;
        }
        self.under_way = Some(self.waiting.pop_front()?);
        self.under_way.as_ref()
    }

    /// The offsets of the commit under way.
    pub(super) fn under_way(&self) -> Option<&Offsets> {
        self.under_way.as_ref().map(|commit| &commit.offsets)
    }

    /// The commit under way has ended; its callback runs.
    pub(super) fn finish(&mut self, result: Result<(), CommitError>) {
        if let Some(commit) = self.under_way.take() {
            self.ended = commit.number;
            (commit.done)(result);
        }
    }

    /// Whether commit number `number` has ended.
    pub(super) fn has_ended(&self, number: u64) -> bool {
        self.ended >= number
    }

    /// The number of the last commit that was asked for.
    pub(super) fn last(&self) -> u64 {
        self.asked
    }
}

/// Commits as the member `identity`, repeating what may pass for at most `patience`.
pub(super) async fn commit(
    coordinator: Arc<Coordinator>,
    identity: Identity,
    offsets: Offsets,
    mut backoff: Backoff,
    patience: Duration,
) -> Result<(), CommitError> {
    let request = request(&coordinator, &identity, offsets);
    let repeated = async {
        loop {
            let error = match coordinator.offsets(&request).await {
                Ok(answer) => match judge(coordinator.group(), answer) {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => CommitError::Client(error),
            };
            if !passes(&error) {
                return Err(error);
            }
            log::debug!("{error}; trying again");
            coordinator.forget();
            tokio::time::sleep(backoff.fail()).await;
        }
    };
    match tokio::time::timeout(patience, repeated).await {
        Ok(result) => result,
        Err(_) => {
            let doing = format!(
                "cannot commit to group {} within {patience:?}",
                coordinator.group()
            );
            Err(CommitError::Client(ClientError::refused(
                doing,
                ErrorCode::REQUEST_TIMED_OUT,
                None,
            )))
        }
    }
}

/// Whether the coordinator may answer otherwise in a moment.
fn passes(error: &CommitError) -> bool {
    match error {
        CommitError::Refused { code, .. } => matches!(
            *code,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
                | ErrorCode::COORDINATOR_NOT_AVAILABLE
                | ErrorCode::NOT_COORDINATOR
                | ErrorCode::REQUEST_TIMED_OUT
        ),
        CommitError::Client(error) => error.is_retriable(),
        _ => false,
    }
}

fn request(
    coordinator: &Coordinator,
    identity: &Identity,
    offsets: Offsets,
) -> OffsetCommitRequest {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (partition, committed) in offsets {
        let entry = OffsetCommitRequestPartition {
            partition_index: partition.partition,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            committed_metadata: Some(committed.metadata),
        };
        match topics
            .last_mut()
            .filter(|topic| *topic.name == *partition.topic)
        {
            Some(topic) => topic.partitions.push(entry),
            None => topics.push(OffsetCommitRequestTopic {
                name: partition.topic.to_string(),
                partitions: vec![entry],
            }),
        }
    }
    OffsetCommitRequest {
        group_id: coordinator.group().to_owned(),
        generation_id_or_member_epoch: identity.generation,
        member_id: identity.member_id.clone(),
        group_instance_id: identity.instance_id.clone(),
        topics,
        ..OffsetCommitRequest::default()
    }
}

/// The first error of an answer. Offsets of other partitions may have been taken all the same.
fn judge(group: &str, answer: OffsetCommitResponse) -> Result<(), CommitError> {
    for topic in answer.topics {
        for part in topic.partitions {
            let code = part.error_code;
            let group = group.to_owned();
            match code {
                ErrorCode::NONE => {}
                ErrorCode::REBALANCE_IN_PROGRESS => return Err(CommitError::Rebalancing { group }),
                ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::ILLEGAL_GENERATION
                | ErrorCode::FENCED_INSTANCE_ID => {
                    return Err(CommitError::Fenced { group, code });
                }
                code => {
                    let partition = TopicPartition::new(topic.name.as_str(), part.partition_index);
                    return Err(CommitError::Refused {
                        group,
                        partition,
                        code,
                    });
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_wire::messages::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
    use std::sync::Mutex;

    fn answer(codes: &[ErrorCode]) -> OffsetCommitResponse {
        let partitions = codes.iter().zip(0..).map(|(&error_code, partition_index)| {
            OffsetCommitResponsePartition {
                partition_index,
                error_code,
            }
        });
        let topic = OffsetCommitResponseTopic {
            name: "t".into(),
            partitions: partitions.collect(),
        };
        OffsetCommitResponse {
            topics: vec![topic],
            ..OffsetCommitResponse::default()
        }
    }

    #[test]
    fn errors_say_what_they_mean_for_the_member() {
        assert!(judge("g", answer(&[ErrorCode::NONE, ErrorCode::NONE])).is_ok());
        let rebalancing = judge(
            "g",
            answer(&[ErrorCode::NONE, ErrorCode::REBALANCE_IN_PROGRESS]),
        )
        .unwrap_err();
        assert!(
            matches!(rebalancing, CommitError::Rebalancing { .. }) && rebalancing.is_retriable()
        );
        let fenced = judge("g", answer(&[ErrorCode::ILLEGAL_GENERATION])).unwrap_err();
        assert!(matches!(fenced, CommitError::Fenced { .. }) && !fenced.is_retriable());
        let large = judge(
            "g",
            answer(&[ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE]),
        )
        .unwrap_err();
        assert!(large.to_string().contains("t-1"), "{large}");
        assert!(
            judge("g", answer(&[ErrorCode::COORDINATOR_LOAD_IN_PROGRESS]))
                .unwrap_err()
                .is_retriable()
        );
    }

    #[test]
    fn callbacks_run_in_order_one_at_a_time() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut commits = Commits::default();
        for number in 1..=3 {
            let order = Arc::clone(&order);
            let done: CommitCallback = Box::new(move |_| order.lock().unwrap().push(number));
            assert_eq!(
                commits.push(Offsets::new(), Duration::ZERO, done),
                Some(number)
            );
        }
        assert!(commits.start().is_some());
        assert!(commits.start().is_none());
        commits.finish(Ok(()));
        assert!(commits.has_ended(1) && !commits.has_ended(2));
        commits.start().unwrap();
        commits.finish(Ok(()));
        commits.start().unwrap();
        commits.finish(Ok(()));
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
    }
}
