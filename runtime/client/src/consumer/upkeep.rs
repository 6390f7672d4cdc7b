//! What a consumer keeps up between batches: metadata, positions, fetches and commits in the background.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::log_scope::inherited;
use millrace_wire::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};
use tokio::task::JoinError;

use super::error::{CommitError, ConsumeError};
use super::fetcher::{FetchDone, Trouble};
use super::lookup::{self, Answers, LogOffset};
use super::offset::CommittedOffset;
use super::offset_reset::OffsetReset;
use super::partitions::Stage;
use super::topic_partition::TopicPartition;
use super::{Consumer, Interest};
use crate::backoff::Backoff;
use crate::cluster::Metadata;
use crate::config::millis;
use crate::error::ClientError;

/// Partitions that were asked about, each with its stamp at that time.
type Asked = Vec<(TopicPartition, u64)>;

/// A request that came to its end.
#[derive(Debug)]
pub(super) enum Done {
    Fetch(FetchDone),
    Metadata(Result<Arc<Metadata>, ClientError>),
    Committed {
        asked: Asked,
        result: Result<Answers<Option<CommittedOffset>>, ClientError>,
    },
    Ends {
        asked: Asked,
        result: Result<Answers<LogOffset>, ClientError>,
    },
    Commit(Result<(), CommitError>),
}

/// When metadata is asked for.
#[derive(Debug)]
pub(super) struct MetadataUpkeep {
    under_way: bool,
    stale: bool,
    refreshed: Option<Duration>,
    not_before: Duration,
    backoff: Backoff,
}

impl MetadataUpkeep {
    pub(super) fn new(backoff: Backoff) -> Self {
        MetadataUpkeep {
            under_way: false,
            stale: true,
            refreshed: None,
            not_before: Duration::ZERO,
            backoff,
        }
    }

    /// Something says that the metadata is old.
    pub(super) fn ask(&mut self) {
        self.stale = true;
    }

    fn is_due(&self, max_age: Duration, now: Duration) -> bool {
        let old = self
            .refreshed
            .is_none_or(|refreshed| now.saturating_sub(refreshed) >= max_age);
        !self.under_way && (self.stale || old) && now >= self.not_before
    }
}

impl Consumer {
    /// Starts whatever is due.
    pub(super) fn keep_up(&mut self) {
        let now = self.clock.monotonic();
        self.keep_metadata(now);
        self.find_positions(now);
        let metadata = self.cluster.metadata();
        for request in self.fetcher.requests(&mut self.partitions, &metadata, now) {
            self.tasks
                .spawn(inherited(async move { Done::Fetch(request.await) }));
        }
        self.keep_committing(now);
        self.start_commits();
    }

    /// When something is due next that no answer announces.
    pub(super) fn next_due(&self, now: Duration) -> Option<Duration> {
        let metadata =
            (self.metadata.stale && !self.metadata.under_way).then_some(self.metadata.not_before);
        let age = self
            .metadata
            .refreshed
            .map(|refreshed| refreshed + self.metadata_max_age());
        let commit = self.commits_by_itself().then_some(self.next_auto_commit);
        let alive = self
            .side
            .as_ref()
            .map(|_| now + millis(self.config.max_poll_interval_ms.into()) / 2);
        let due = [
            metadata,
            age,
            commit,
            alive,
            self.partitions.next_due(now),
            self.fetcher.next_due(now),
        ];
        due.into_iter().flatten().filter(|due| *due > now).min()
    }

    /// Takes in an answer.
    pub(super) fn take_in(&mut self, done: Result<Done, JoinError>) {
        let now = self.clock.monotonic();
        match done {
            Ok(Done::Fetch(done)) => {
                let troubles = self.fetcher.done(done, &mut self.partitions, now);
                troubles
                    .into_iter()
                    .for_each(|trouble| self.see_to(trouble));
            }
            Ok(Done::Metadata(result)) => self.metadata_came(result, now),
            Ok(Done::Committed { asked, result }) => self.committed_came(asked, result, now),
            Ok(Done::Ends { asked, result }) => self.ends_came(asked, result, now),
            Ok(Done::Commit(result)) => {
                if let (Ok(()), Some(offsets)) = (&result, self.commits.under_way()) {
                    self.interceptors.on_commit(offsets);
                }
                self.commits.finish(result);
                self.start_commits();
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => log::error!("a task of the consumer panicked: {error}"),
        }
    }

    fn see_to(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Stale => self.metadata.ask(),
            Trouble::OutOfRange { partition, offset } => match self.reset_timestamp() {
                Some(timestamp) => {
                    log::info!("offset {offset} of {partition} is not in the log, resetting");
                    self.partitions.reset(&partition, timestamp);
                }
                None => {
                    self.back_off(&partition);
                    self.errors
                        .push(ConsumeError::OffsetOutOfRange { partition, offset });
                }
            },
            Trouble::Truncated {
                partition,
                offset,
                end_offset,
            } => {
                if self.reset_timestamp().is_some() {
                    log::warn!(
                        "{partition} was truncated: going on at {end_offset} in place of {offset}"
                    );
                    self.partitions.seek(&partition, end_offset.min(offset));
                } else {
                    self.errors.push(ConsumeError::Truncated {
                        partition,
                        offset,
                        end_offset,
                    });
                }
            }
            Trouble::Topic { topic, code } => {
                let topic = topic.to_string();
                self.errors.push(ConsumeError::Topic { topic, code });
            }
            Trouble::Damaged {
                partition,
                offset,
                code,
            } => {
                self.errors.push(ConsumeError::Partition {
                    partition,
                    offset,
                    code,
                });
            }
        }
    }

    fn back_off(&mut self, partition: &TopicPartition) {
        let now = self.clock.monotonic();
        if let Some(state) = self.partitions.get_mut(partition) {
            state.back_off(now);
        }
    }

    fn reset_timestamp(&self) -> Option<i64> {
        match self.config.auto_offset_reset {
            OffsetReset::Earliest => Some(EARLIEST_TIMESTAMP),
            OffsetReset::Latest => Some(LATEST_TIMESTAMP),
            OffsetReset::ByDuration(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Some(self.clock.now_ms().saturating_sub(ago).max(0))
            }
            OffsetReset::None => None,
        }
    }

    fn metadata_max_age(&self) -> Duration {
        millis(self.cluster.config().metadata_max_age_ms)
    }

    /// The topics whose metadata is needed; all of them for a pattern.
    fn topics(&self) -> Option<BTreeSet<Arc<str>>> {
        match (&self.interest, &self.side) {
            (Interest::Pattern(_), _) => None,
            (Interest::Topics, Some(side)) => Some(side.protocol.topics()),
            _ => Some(
                self.partitions
                    .iter()
                    .map(|(name, _)| Arc::clone(&name.topic))
                    .collect(),
            ),
        }
    }

    fn keep_metadata(&mut self, now: Duration) {
        if !self.metadata.is_due(self.metadata_max_age(), now) {
            return;
        }
        self.metadata.under_way = true;
        let (cluster, topics) = (self.cluster.clone(), self.topics());
        let create = self.config.allow_auto_create_topics;
        self.tasks.spawn(async move {
            let Some(topics) = topics else {
                return Done::Metadata(cluster.refresh_all().await);
            };
            let topics: Vec<Arc<str>> = topics.into_iter().collect();
            let asked = if create {
                cluster.refresh_or_create(&topics).await
            } else {
                cluster.refresh(&topics).await
            };
            Done::Metadata(asked)
        });
    }

    fn metadata_came(&mut self, result: Result<Arc<Metadata>, ClientError>, now: Duration) {
        self.metadata.under_way = false;
        let metadata = match result {
            Ok(metadata) => metadata,
            Err(error) => {
                let is_first = self.metadata.backoff.failures() == 0;
                self.metadata.not_before = now + self.metadata.backoff.fail();
                if !error.is_retriable() {
                    self.errors.push(error);
                } else if is_first {
                    let client = &self.cluster.config().client_id;
                    log::warn!("{client}: cannot refresh metadata, trying again: {error}");
                }
                return;
            }
        };
        self.metadata.refreshed = Some(now);
        self.match_pattern(&metadata);
        if let Some(side) = self
            .side
            .as_ref()
            .filter(|side| side.protocol.is_outdated(&metadata))
        {
            side.protocol.follow();
            side.membership
                .rejoin("the partitions of a topic have changed");
        }
        self.metadata.stale = self.misses(&metadata);
        if self.metadata.stale {
            self.metadata.not_before = now + self.metadata.backoff.fail();
        } else {
            self.metadata.backoff.succeed();
            self.metadata.not_before = now + millis(self.cluster.config().retry_backoff_ms);
        }
    }

    fn match_pattern(&mut self, metadata: &Metadata) {
        let (Interest::Pattern(pattern), Some(side)) = (&self.interest, &mut self.side) else {
            return;
        };
        let hidden = self.config.exclude_internal_topics;
        let matching = metadata
            .topics()
            .filter(|topic| !(topic.is_internal && hidden) && pattern.is_match(&topic.name));
        side.change_topics(matching.map(|topic| Arc::clone(&topic.name)).collect());
    }

    /// Whether something that is wanted is not there. A topic that can never be is an error.
    fn misses(&mut self, metadata: &Metadata) -> bool {
        let mut misses = false;
        for topic in self.topics().unwrap_or_default() {
            if metadata.topic(&topic).is_some() {
                continue;
            }
            misses = true;
            if self.metadata.backoff.failures() == 0 {
                log::warn!("topic {topic} is not there yet");
            }
            let code = metadata
                .topic_error(&topic)
                .filter(|code| !code.is_retriable() && !code.is_ok());
            if let Some(code) = code {
                self.errors.push(ConsumeError::Topic {
                    topic: topic.to_string(),
                    code,
                });
            }
        }
        misses
            || self
                .partitions
                .iter()
                .any(|(name, _)| metadata.leader(&name.topic, name.partition).is_none())
    }

    fn find_positions(&mut self, now: Duration) {
        let reset = self.reset_timestamp();
        let (mut committed, mut ends) = (Vec::new(), Vec::new());
        for (name, state) in self.partitions.iter_mut() {
            match state.wants(now) {
                Some(Stage::Committed) if self.coordinator.is_some() => {
                    committed.push((name.clone(), state.stamp))
                }
                Some(Stage::Committed) => match reset {
                    Some(timestamp) => state.stage = Stage::Reset(timestamp),
                    None => {
                        state.back_off(now);
                        self.errors.push(ConsumeError::NoOffset(name.clone()));
                    }
                },
                Some(Stage::Reset(_)) | Some(Stage::Fetching) | None => {}
            }
            if let Some(Stage::Reset(timestamp)) = state.wants(now) {
                ends.push((name.clone(), state.stamp, timestamp));
            }
        }
        self.ask_committed(committed);
        self.ask_ends(ends, now);
    }

    fn ask_committed(&mut self, asked: Asked) {
        let Some(coordinator) = self.coordinator.clone().filter(|_| !asked.is_empty()) else {
            return;
        };
        self.set_resolving(&asked);
        self.tasks.spawn(async move {
            let names: Vec<TopicPartition> = asked.iter().map(|(name, _)| name.clone()).collect();
            let result = lookup::committed(&coordinator, &names).await;
            Done::Committed { asked, result }
        });
    }

    fn ask_ends(&mut self, ends: Vec<(TopicPartition, u64, i64)>, now: Duration) {
        if ends.is_empty() {
            return;
        }
        let metadata = self.cluster.metadata();
        let stamps: std::collections::BTreeMap<_, _> = ends
            .iter()
            .map(|(name, stamp, _)| (name.clone(), *stamp))
            .collect();
        let (led, leaderless) =
            lookup::by_leader(ends.into_iter().map(|(name, _, at)| (name, at)), &metadata);
        if !leaderless.is_empty() {
            self.metadata.ask();
            self.keep_metadata(now);
        }
        for (node, questions) in led {
            let asked: Asked = questions
                .iter()
                .map(|question| (question.partition.clone(), stamps[&question.partition]))
                .collect();
            self.set_resolving(&asked);
            let (lane, isolation) = (Arc::clone(&self.questions), self.config.isolation_level);
            self.tasks.spawn(async move {
                let result = lookup::list_offsets(lane, node, questions, isolation).await;
                Done::Ends { asked, result }
            });
        }
    }

    fn set_resolving(&mut self, asked: &Asked) {
        for (name, stamp) in asked {
            if let Some(state) = self.partitions.current(name, *stamp) {
                state.resolving = true;
            }
        }
    }

    fn committed_came(
        &mut self,
        asked: Asked,
        result: Result<Answers<Option<CommittedOffset>>, ClientError>,
        now: Duration,
    ) {
        let mut answers = match result {
            Ok(answers) => answers,
            Err(error) => return self.question_failed(&asked, error, now),
        };
        let reset = self.reset_timestamp();
        for (name, stamp) in asked {
            match answers.remove(&name) {
                Some(Ok(Some(committed))) => {
                    self.partitions
                        .resolve(&name, stamp, committed.offset, committed.leader_epoch);
                }
                Some(Err(code)) => self.answer_failed(&name, stamp, code, now),
                Some(Ok(None)) | None => {
                    let Some(state) = self.partitions.current(&name, stamp) else {
                        continue;
                    };
                    state.resolving = false;
                    match reset {
                        Some(timestamp) => state.stage = Stage::Reset(timestamp),
                        None => {
                            state.back_off(now);
                            self.errors.push(ConsumeError::NoOffset(name));
                        }
                    }
                }
            }
        }
    }

    fn ends_came(
        &mut self,
        asked: Asked,
        result: Result<Answers<LogOffset>, ClientError>,
        now: Duration,
    ) {
        let mut answers = match result {
            Ok(answers) => answers,
            Err(error) => {
                self.metadata.ask();
                return self.question_failed(&asked, error, now);
            }
        };
        for (name, stamp) in asked {
            match answers.remove(&name) {
                Some(Ok(found)) if found.offset >= 0 => {
                    self.partitions
                        .resolve(&name, stamp, found.offset, found.leader_epoch)
                }
                Some(Ok(_)) if self.partitions.sought_by_time(&name, stamp) => {
                    // Nothing is that young: what comes is read from the end on.
                    self.partitions.reset(&name, LATEST_TIMESTAMP);
                }
                Some(Err(code)) => {
                    self.metadata.ask();
                    self.answer_failed(&name, stamp, code, now);
                }
                Some(Ok(_)) | None => {
                    self.answer_failed(&name, stamp, ErrorCode::LEADER_NOT_AVAILABLE, now)
                }
            }
        }
    }

    fn question_failed(&mut self, asked: &Asked, error: ClientError, now: Duration) {
        for (name, stamp) in asked {
            if let Some(state) = self.partitions.current(name, *stamp) {
                state.resolving = false;
                state.back_off(now);
            }
        }
        if error.is_retriable() {
            log::debug!("cannot find out positions, trying again: {error}");
        } else {
            self.errors.push(error);
        }
    }

    fn answer_failed(&mut self, name: &TopicPartition, stamp: u64, code: ErrorCode, now: Duration) {
        let Some(state) = self.partitions.current(name, stamp) else {
            return;
        };
        state.resolving = false;
        state.back_off(now);
        if code.is_retriable() || code == ErrorCode::UNSTABLE_OFFSET_COMMIT {
            log::debug!("cannot find out the position in {name}, trying again: {code}");
        } else {
            self.errors.push(ConsumeError::Topic {
                topic: name.topic.to_string(),
                code,
            });
        }
    }
}
