//! What a consumer's owner asks about its group's offsets: commits, and what is committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

use super::Consumer;
use super::commit::{self, CommitCallback, Offsets};
use super::error::{CommitError, ConsumeError};
use super::lookup;
use super::offset::CommittedOffset;
use super::poll::timed_out;
use super::topic_partition::TopicPartition;
use super::upkeep::Done;
use crate::config::millis;
use crate::error::ClientError;
use crate::group::Identity;

impl Consumer {
    /// Commits these offsets and waits for the answer. Commits asked for before come first.
    ///
    /// # Errors
    /// Where the coordinator refuses them or does not answer within `default.api.timeout.ms`.
    pub async fn commit(&mut self, offsets: Offsets) -> Result<(), CommitError> {
        self.commit_within(offsets, self.config.api_timeout()).await
    }

    /// Commits these offsets without waiting; `done` is called in a later poll or commit, in the order of the calls.
    pub fn commit_async(&mut self, offsets: Offsets, done: CommitCallback) {
        self.commits
            .push(offsets, self.cluster.config().request_timeout(), done);
        self.start_commits();
    }

    /// The positions of all partitions that have one, ready to be committed.
    #[must_use]
    pub fn positions(&self) -> Offsets {
        let known = self.partitions.iter().filter_map(|(name, state)| {
            let (offset, leader_epoch) = (state.known_position()?, state.position_epoch);
            Some((
                name.clone(),
                CommittedOffset {
                    offset,
                    leader_epoch,
                    metadata: String::new(),
                },
            ))
        });
        known.collect()
    }

    /// What the group has committed for these partitions; `None` where it has not.
    ///
    /// # Errors
    /// Where there is no group, or its coordinator does not say within `default.api.timeout.ms`.
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Option<CommittedOffset>>, ConsumeError> {
        let doing = "read committed offsets";
        let coordinator = self
            .coordinator
            .as_ref()
            .ok_or(ConsumeError::NoGroup { doing })?;
        let mut backoff = self.cluster.retry_backoff();
        let asking = async {
            loop {
                let error = match lookup::committed(coordinator, partitions).await {
                    Ok(answers) => match whole(answers, doing) {
                        Ok(answers) => return Ok(answers),
                        Err(error) => error,
                    },
                    Err(error) => error,
                };
                if !error.is_retriable() {
                    return Err(error.into());
                }
                tokio::time::sleep(backoff.fail()).await;
            }
        };
        let asked = tokio::time::timeout(self.config.api_timeout(), asking).await;
        asked.unwrap_or_else(|_| Err(timed_out(format!("cannot {doing}")).into()))
    }

    /// Whether positions are committed without being asked to.
    pub(super) fn commits_by_itself(&self) -> bool {
        self.config.enable_auto_commit && self.coordinator.is_some()
    }

    pub(super) fn keep_committing(&mut self, now: Duration) {
        if !self.commits_by_itself() || now < self.next_auto_commit {
            return;
        }
        self.next_auto_commit = now + millis(self.config.auto_commit_interval_ms.into());
        let positions = self.positions();
        if positions.is_empty() || self.commit_identity().is_err() {
            return;
        }
        self.commit_async(
            positions,
            Box::new(|result| {
                if let Err(error) = result {
                    log::warn!("positions were not committed: {error}");
                }
            }),
        );
    }

    /// Before a rebalance takes partitions away; failures are told but do not hold it up.
    pub(super) async fn commit_before_change(&mut self) {
        let patience = self
            .cluster
            .config()
            .request_timeout()
            .min(millis(self.config.max_poll_interval_ms.into()) / 2);
        if let Err(error) = self.commit_positions(patience).await {
            log::warn!("positions were not committed before the rebalance: {error}");
        }
    }

    pub(super) async fn commit_positions(&mut self, patience: Duration) -> Result<(), CommitError> {
        let positions = if self.commits_by_itself() {
            self.positions()
        } else {
            Offsets::new()
        };
        self.commit_within(positions, patience).await
    }

    async fn commit_within(
        &mut self,
        offsets: Offsets,
        patience: Duration,
    ) -> Result<(), CommitError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let outcome = Arc::new(Mutex::new(Ok(())));
        let slot = Arc::clone(&outcome);
        let done = move |result| *slot.lock().unwrap_or_else(PoisonError::into_inner) = result;
        if let Some(number) = self.commits.push(offsets, patience, Box::new(done)) {
            self.start_commits();
            while !self.commits.has_ended(number) {
                self.wait_for_tasks(patience).await;
            }
        }
        outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for the commits in the background, so that their callbacks run.
    pub(super) async fn drain_commits(&mut self, deadline: Duration) {
        let last = self.commits.last();
        while !self.commits.has_ended(last) {
            let left = deadline.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return;
            }
            self.wait_for_tasks(left).await;
        }
    }

    pub(super) fn start_commits(&mut self) {
        while self.commits.has_next() {
            let identity = self.commit_identity();
            let Some(next) = self.commits.start() else {
                return;
            };
            match (identity, &self.coordinator) {
                (Ok(identity), Some(coordinator)) => {
                    let (coordinator, offsets, patience) =
                        (Arc::clone(coordinator), next.offsets.clone(), next.patience);
                    let backoff = self.cluster.retry_backoff();
                    let commit = commit::commit(coordinator, identity, offsets, backoff, patience);
                    self.tasks.spawn(async move { Done::Commit(commit.await) });
                    return;
                }
                (Err(error), _) => self.commits.finish(Err(error)),
                (Ok(_), None) => self.commits.finish(Err(CommitError::NoGroup)),
            }
        }
    }

    /// As whom offsets are committed. A member that has lost its place must not commit as an outsider: an empty group
    /// would take it.
    fn commit_identity(&self) -> Result<Identity, CommitError> {
        let group = self.config.group_id.clone().ok_or(CommitError::NoGroup)?;
        let Some(side) = self.side.as_ref().filter(|_| self.follows_group()) else {
            return Ok(Identity::outside(None));
        };
        let identity = side.membership.identity();
        if identity.generation < 0 {
            return Err(CommitError::Fenced {
                group,
                code: ErrorCode::UNKNOWN_MEMBER_ID,
            });
        }
        Ok(identity)
    }
}

fn whole(
    answers: lookup::Answers<Option<CommittedOffset>>,
    doing: &str,
) -> Result<BTreeMap<TopicPartition, Option<CommittedOffset>>, ClientError> {
    let one = |(name, answer): (TopicPartition, Result<_, _>)| match answer {
        Ok(committed) => Ok((name, committed)),
        Err(code) => Err(ClientError::refused(
            format!("cannot {doing} of {name}"),
            code,
            None,
        )),
    };
    answers.into_iter().map(one).collect()
}
